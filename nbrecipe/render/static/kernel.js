// What a page and the kernel behind it have in common: the page comes alive where its wire stands, and asks through it.
import { CHANGED, follow, wires } from "./wires.js";

// milliseconds without an answer after which that is said
const PATIENCE = 1500;
let questions = Math.floor(Math.random() * 2 ** 40);

// puts what `make` gives in the place of what was saved, once a kernel stands behind it; tells it when that comes or goes
export function stand(root, head, make) {
  let live = null;
  const turn = () => {
    if (wires.has(head.wire)) {
      if (!live) root.replaceChildren((live = make(head, root)).node);
      live.back();
    } else live?.lost();
    root.dataset.live = wires.has(head.wire);
  };
  root.addEventListener(CHANGED, turn);
  follow(root);
  turn();
}

// asks questions of a kind; null is the answer where the kernel is gone, which `lost` is told
export const asker = (head, kind, { slow, lost }) => (ask, more = {}) => new Promise((answered) => {
  const late = setTimeout(slow, PATIENCE);
  const hear = (answer) => { clearTimeout(late); answered(answer); };
  try {
    wires.get(head.wire)((questions += 1), hear, { kind, ask, ...more });
  } catch {
    wires.delete(head.wire);
    hear(null);
    lost();
  }
});
