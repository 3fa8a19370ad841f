// A notebook has its own use for keys: on a control of ours an arrow would move to another cell, Enter would edit one. What
// is pressed without Ctrl, Alt or Shift stays with the control; Escape, and Shift+Enter, are the notebook's as ever.
globalThis[Symbol.for("nbrecipe.keys")] ??= (() => {
  document.documentElement.addEventListener("keydown", (event) => {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey && event.key !== "Escape" && !(event.shiftKey && event.key === "Enter");
    if (plain && event.target.closest?.(".nbr")) event.stopPropagation(); // it has done what it does there
  });
  return true;
})();
