// What a page of the gallery does: pictures come alive, light and dark, code that folds, tables that scroll by key.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  const dark = matchMedia("(prefers-color-scheme: dark)"), theme = document.querySelector("#page-theme");
  const isDark = () => (document.body.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
  const tell = () => { theme.textContent = isDark() ? "light" : "dark"; theme.setAttribute("aria-label", `${theme.textContent} colours`); };
  theme.onclick = () => {
    document.body.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("nbrecipe-theme", document.body.dataset.theme); } catch { /* kept for this page alone */ }
    tell();
  };
  dark.addEventListener("change", tell);
  theme.hidden = false;
  tell();

  // paper is white
  let before;
  addEventListener("beforeprint", () => { before = document.body.dataset.theme; document.body.dataset.theme = "light"; });
  addEventListener("afterprint", () => { if (before) document.body.dataset.theme = before; else delete document.body.dataset.theme; });

  const inputs = all(".g-in"), fold = document.querySelector("#page-fold");
  if (fold && inputs.length) {
    const shown = () => inputs.some((input) => input.open);
    const name = () => { fold.textContent = shown() ? "hide code" : "show code"; };
    fold.onclick = () => {
      const open = !shown();
      for (const input of inputs) input.open = open;
      name();
    };
    for (const input of inputs) input.addEventListener("toggle", name);
    fold.hidden = false;
    name();
  }

  const contents = document.querySelector(".g-toc details");
  if (contents && innerWidth < 1200) contents.open = false;
  const links = new Map(all(".g-toc a").map((link) => [decodeURIComponent(link.hash.slice(1)), link]));
  const heads = all("main h2[id], main h3[id]").filter(({ id }) => links.has(id));
  if (heads.length) {
    const here = () => {
      const now = heads.findLast((head) => head.getBoundingClientRect().top < innerHeight / 3);
      for (const [id, link] of links) link.toggleAttribute("aria-current", id === now?.id);
    };
    addEventListener("scroll", here, { passive: true });
    here();
  }

  // what is wider than the page is scrolled by key, too
  const scrolls = () => {
    for (const place of all(".g-other, .g-text")) {
      if (place.scrollWidth > place.clientWidth + 1) place.tabIndex = 0;
      else place.removeAttribute("tabindex");
    }
  };
  addEventListener("resize", scrolls);
  scrolls();

  // a link into what is folded opens it
  const reveal = () => {
    const place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let fold = place?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  };
  addEventListener("hashchange", reveal);
  reveal();

  for (const shot of all("[data-nbr-module]")) {
    const { nbrModule, nbrPacked } = shot.dataset, picture = [...shot.childNodes];
    delete shot.dataset.nbrPacked;
    Promise.resolve().then(() => nbrSnapshots[nbrModule](shot, nbrPacked)).catch((error) => {
      shot.replaceChildren(...picture); // what was saved stays
      shot.dataset.failed = error;
      const note = document.createElement("p");
      note.className = "g-note";
      note.textContent = "This picture was saved by another version and does not move: run the notebook again.";
      shot.after(note);
    });
  }
})();
