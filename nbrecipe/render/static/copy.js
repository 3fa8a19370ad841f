(() => {
  const root = document.currentScript.closest(".nbr") ?? document; // a page has it once
  for (const pre of root.querySelectorAll("pre.nbr-code:not(.nbr-ready)")) {
    pre.classList.add("nbr-ready");
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "nbr-button", textContent: "copy" });
    button.setAttribute("aria-label", "copy this code");
    button.onclick = async () => {
      const text = pre.querySelector("code").textContent;
      try {
        await navigator.clipboard.writeText(text);
      } catch { // pages opened from a file or over http have no clipboard
        const area = Object.assign(document.createElement("textarea"), { value: text });
        document.body.append(area);
        area.select();
        document.execCommand("copy");
        area.remove();
      }
      const told = (word, words) => { button.textContent = word; button.setAttribute("aria-label", words); };
      told("copied", "copied this code");
      setTimeout(() => told("copy", "copy this code"), 1500);
    };
    pre.append(button);
  }
})();
