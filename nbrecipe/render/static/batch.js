// Batches to leaf through: the first stands in the page already, others come packed, and where a kernel runs it reads on.
import { h } from "./marks.js";
import { unpacked } from "./packing.js";
import { CHANGED, follow, wires } from "./wires.js";

// batches from the kernel that are kept, and milliseconds without an answer after which that is said
const KEPT = 32, PATIENCE = 1500;

const page = (html) => {
  const place = document.createElement("template");
  place.innerHTML = html; // made by our own renderer, which escapes what is the user's
  return place.content.firstElementChild;
};
const button = (name, label) => h("button", { type: "button", class: "nbr-button", ...(label && { "aria-label": label }) }, name);

// the pages by number: those of the page stay, of those from the kernel the last ones
function kept(still) {
  const pages = new Map(still.map((each, i) => [i, each]));
  return {
    saved: still.length,
    has: (at) => pages.has(at),
    get(at) {
      if (typeof pages.get(at) === "string") pages.set(at, page(pages.get(at)));
      return pages.get(at);
    },
    add(at, html) {
      pages.delete(at); // to the end of the row
      pages.set(at, html);
      const live = [...pages.keys()].filter((i) => i >= still.length);
      if (live.length > KEPT) pages.delete(live[0]);
    },
    // how many there are from the first without a gap
    get count() { return Math.max(...pages.keys()) + 1; },
  };
}

export async function snapshot(root, packed) {
  const first = root.querySelector(".nbr-fed"), [{ rest, wire }] = await unpacked(packed);
  const pages = kept([first, ...rest]), said = h("output", { "aria-live": "polite" }), why = h("span", { role: "status" });
  const back = button("‹", "previous batch"), on = button("›", "next batch"), anew = button("from the start");
  const bar = h("div", { class: "nbr-place nbr-leaf", role: "group", "aria-label": "batches" }, back, said, on, why, anew);
  const place = h("div", {}, first);
  let at = 0, length = null, waiting = false;

  const open = () => wires.has(wire), ahead = (to) => pages.has(to) || (open() && to < (length ?? Infinity));
  const tell = (words = "", restart = false) => {
    why.textContent = words;
    anew.hidden = !restart;
    said.textContent = `batch ${at + 1} of ${length ?? pages.count}${open() && length == null ? " read" : ""}`;
    back.setAttribute("aria-disabled", at === 0);
    on.setAttribute("aria-disabled", !ahead(at + 1));
    bar.setAttribute("aria-busy", waiting);
    bar.hidden = pages.count === 1 && !open();
    Object.assign(root.dataset, { batch: at + 1, waiting });
  };
  const show = (to, ...words) => {
    at = to;
    place.replaceChildren(pages.get(at));
    tell(...words);
  };
  const heard = (number, { html, length: all, refused }) => {
    waiting = false;
    if (html) {
      pages.add(number, html);
      if (at === number - 1) show(number);
      else tell();
    } else if (all != null) {
      length = all;
      tell(`The loader gives no more than ${all} ${all === 1 ? "batch" : "batches"}.`, all > 1);
    } else tell(refused);
  };
  const ask = (number) => {
    waiting = true;
    tell(`reading batch ${number + 1} …`);
    setTimeout(() => waiting && tell(`Batch ${number + 1} comes when the kernel is free.`), PATIENCE);
    try {
      wires.get(wire)(number, (answer) => heard(number, answer));
    } catch {
      wires.delete(wire);
      lost();
    }
  };
  const lost = () => {
    waiting = false;
    tell("The kernel that read these batches is gone: run the cell again.");
  };
  const go = (to) => {
    if (pages.has(to)) show(to);
    else if (to >= 0 && to < at) tell(`Batch ${to + 1} is no longer kept, only the last ${KEPT} are.`, true);
    else if (to > at && ahead(to) && !waiting) ask(to);
  };
  back.onclick = () => go(at - 1);
  on.onclick = () => go(at + 1);
  anew.onclick = () => { show(0); on.focus({ preventScroll: true }); };
  bar.onkeydown = (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation(); // the notebook has its own use for these keys
    const turned = by < 0 ? back : on;
    turned.focus({ preventScroll: true });
    turned.click();
  };
  root.addEventListener(CHANGED, () => (waiting && !open() ? lost() : tell(why.textContent, !anew.hidden)));
  follow(root);
  root.replaceChildren(bar, place);
  tell();
}
