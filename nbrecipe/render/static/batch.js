// Batches to leaf through: the first stands in the page already, the others come packed.
import { h } from "./marks.js";
import { unpacked } from "./packing.js";

const page = (html) => {
  const place = document.createElement("template");
  place.innerHTML = html; // made by our own renderer, which escapes what is the user's
  return place.content.firstElementChild;
};

export async function snapshot(root, packed) {
  const first = root.querySelector(".nbr-fed"), [rest] = await unpacked(packed);
  const pages = [first, ...rest], count = pages.length;
  const told = h("output", { "aria-live": "polite" });
  const turn = (name, label) => h("button", { type: "button", class: "nbr-button", "aria-label": label }, name);
  const back = turn("‹", "previous batch"), on = turn("›", "next batch");
  const bar = h("div", { class: "nbr-place nbr-leaf", role: "group", "aria-label": "batches" }, back, told, on);
  let at = 0;

  const show = (to) => {
    at = Math.min(count - 1, Math.max(0, to));
    if (typeof pages[at] === "string") pages[at] = page(pages[at]);
    root.replaceChildren(bar, pages[at]);
    told.textContent = `batch ${at + 1} of ${count}`;
    for (const [button, end] of [[back, 0], [on, count - 1]]) button.setAttribute("aria-disabled", at === end);
    root.dataset.batch = at + 1;
  };
  // moved in the page, a button loses the focus
  const go = (to, button) => { show(to); button.focus({ preventScroll: true }); };
  back.onclick = () => go(at - 1, back);
  on.onclick = () => go(at + 1, on);
  bar.onkeydown = (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    go(at + by, by < 0 ? back : on);
  };
  show(0);
}
