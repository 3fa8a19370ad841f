// the columns sort; everything else works without a script
(() => {
  const table = document.querySelector(".nbr-class");
  const said = document.querySelector(".nbr-sorted");
  const heads = [...table.querySelectorAll("thead th")];
  const value = (body, column) => body.rows[0].cells[column].dataset.sort ?? body.rows[0].cells[column].textContent;
  const compare = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" }).compare;
  heads.forEach((head, column) => {
    const button = head.querySelector("button");
    button.disabled = false;
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const sign = down ? -1 : 1;
      [...table.tBodies]
        .sort((a, b) => sign * compare(value(a, column), value(b, column)))
        .forEach((body) => table.append(body));
      said.textContent = `sorted by ${button.textContent}, ${down ? "descending" : "ascending"}`;
    });
  });
})();
