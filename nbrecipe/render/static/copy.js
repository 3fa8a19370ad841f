(() => {
  const root = document.currentScript.closest(".nbr");
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
      button.textContent = "copied";
      setTimeout(() => { button.textContent = "copy"; }, 1500);
    };
    pre.append(button);
  }
})();
