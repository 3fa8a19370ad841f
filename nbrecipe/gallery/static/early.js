// Before anything is drawn: the reader's choice of light or dark, if there is one.
try {
  const chosen = localStorage.getItem("nbrecipe-theme");
  if (chosen === "light" || chosen === "dark") document.body.dataset.theme = chosen;
} catch { /* some browsers keep nothing for files */ }
