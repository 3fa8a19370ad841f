// A notebook has its own use for keys: on a control of ours an arrow would move to another cell. What is pressed without
// Ctrl, Alt or Meta stays with the control; Escape, and Shift+Enter, are the notebook's as ever.
globalThis[Symbol.for("nbrecipe.keys")] ??= (() => {
  const ours = (event) => !!event.target.closest?.(".nbr");
  const plain = ({ ctrlKey, metaKey, altKey, shiftKey, key }) => !ctrlKey && !metaKey && !altKey && key !== "Escape" && !(shiftKey && key === "Enter");
  // Notebook 7 reads keys on their way down and passes by what has this attribute; JupyterLab reads them on their way up
  addEventListener("keydown", (event) => { if (ours(event)) event.target.toggleAttribute("data-lm-suppress-shortcuts", plain(event)); }, true);
  document.documentElement.addEventListener("keydown", (event) => { if (ours(event) && plain(event)) event.stopPropagation(); });
  return true;
})();
