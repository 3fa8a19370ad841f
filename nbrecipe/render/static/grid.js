// A list of any length that scrolls: only what is on the screen stands in the page, and only that is asked for.
import { clamp, h } from "./marks.js";

// pixels that a browser scrolls over, at most; cards that are kept; names for the cards
const TALLEST = 8e6, CARDS = 3000;
let grids = 0;

// `shape` is {height, width}, a width of 0 for lines; `fill(place, card)` draws one, `fetch(from, to)` promises
// {from, cards} or null, `chosen(at)` hears which one is meant, `keys(event)` of what is no movement
export function grid({ name, shape, fill, fetch, chosen, opened, keys }) {
  const id = `nbr-grid-${(grids += 1)}`, cards = new Map(), shown = new Map(), spare = [];
  const spacer = h("div", { class: "nbr-spacer", role: "presentation" });
  const view = h("div", { class: "nbr-grid", id, tabindex: 0, role: "listbox", "aria-label": name }, spacer);
  let total = 0, columns = 1, width = shape.width, active = 0, offset = 0, top = 0, asking = false, due = false, epoch = 0;

  const whole = () => Math.ceil(total / columns) * shape.height, room = () => view.clientHeight;
  const long = () => whole() > TALLEST, end = () => Math.max(0, whole() - room());
  const lineOf = (at) => Math.floor(at / columns);
  const range = () => {
    const first = Math.floor(offset / shape.height), last = Math.ceil((offset + room()) / shape.height);
    return [Math.max(0, first * columns), Math.min(total, last * columns)];
  };

  const dress = (place, at) => {
    const card = cards.get(at);
    place.classList.toggle("nbr-active", at === active);
    place.setAttribute("aria-selected", at === active);
    fill(place, card, at);
  };
  const put = (place, at) => {
    const y = lineOf(at) * shape.height - (long() ? offset - view.scrollTop : 0);
    place.style.transform = `translate(${(at % columns) * width}px, ${y}px)`;
    place.style.width = shape.width ? `${width}px` : "100%";
  };
  const make = (at) => {
    const place = spare.pop() ?? h("div", { role: "option" });
    place.id = `${id}-${at}`;
    place.setAttribute("aria-posinset", at + 1);
    place.setAttribute("aria-setsize", total);
    place.style.height = `${shape.height}px`;
    place.onclick = () => { choose(at); opened(at); };
    shown.set(at, place);
    put(place, at);
    dress(place, at);
    spacer.append(place);
  };
  const draw = () => {
    due = false;
    if (!long()) offset = view.scrollTop;
    const [from, to] = range();
    for (const [at, place] of shown) {
      if (at >= from && at < to) continue;
      shown.delete(at);
      place.remove();
      spare.push(place);
    }
    for (let at = from; at < to; at += 1) if (!shown.has(at)) make(at);
    if (long()) for (const [at, place] of shown) put(place, at);
    if (shown.has(active)) view.setAttribute("aria-activedescendant", `${id}-${active}`);
    else view.removeAttribute("aria-activedescendant");
    pump();
  };
  const soon = () => {
    if (due) return;
    due = true;
    requestAnimationFrame(draw);
  };

  // one question at a time: what was passed over while it was on its way is never asked for
  const pump = async () => {
    if (asking) return;
    let [from, to] = range();
    while (from < to && cards.has(from)) from += 1;
    while (to > from && cards.has(to - 1)) to -= 1;
    if (from >= to) return;
    const mine = epoch;
    asking = true;
    const answer = await fetch(from, to);
    asking = false;
    if (answer && mine === epoch) take(answer);
    if (answer || mine !== epoch) pump();
  };
  const take = ({ from, cards: found }) => {
    found.forEach((card, i) => cards.set(from + i, card));
    for (const at of cards.keys()) {
      if (cards.size <= CARDS) break;
      if (!shown.has(at)) cards.delete(at);
    }
    for (const [at, place] of shown) if (at >= from && at < from + found.length) dress(place, at);
    view.dataset.cards = [...shown.keys()].filter((at) => cards.has(at)).length;
    if (active >= from && active < from + found.length) chosen(active);
  };

  const lay = () => {
    const fits = shape.width ? Math.max(1, Math.floor(spacer.clientWidth / shape.width)) : 1;
    const first = Math.floor(offset / shape.height) * columns, changed = fits !== columns;
    columns = fits;
    width = Math.floor(spacer.clientWidth / columns);
    for (const [at, place] of shown) put(place, at);
    spacer.style.height = `${Math.min(whole(), TALLEST)}px`;
    if (changed) {
      clear();
      to(lineOf(first) * shape.height);
    }
    draw();
  };
  const clear = () => {
    for (const place of shown.values()) { place.remove(); spare.push(place); }
    shown.clear();
  };
  const to = (y) => {
    offset = clamp(y, 0, end());
    top = long() ? (offset / end()) * (TALLEST - room()) : offset;
    view.scrollTop = top;
    top = view.scrollTop;
  };
  const choose = (at) => {
    if (!total) return;
    const before = active;
    active = clamp(at, 0, total - 1);
    const y = lineOf(active) * shape.height;
    if (y < offset) to(y);
    else if (y + shape.height > offset + room()) to(y + shape.height - room());
    draw();
    for (const each of [before, active]) if (shown.has(each)) dress(shown.get(each), each);
    chosen(active);
  };

  view.onscroll = () => {
    if (long() && Math.abs(view.scrollTop - top) > 1) {
      top = view.scrollTop;
      offset = (top / (TALLEST - room())) * end();
    }
    soon();
  };
  view.addEventListener("wheel", (event) => {
    if (!long() || event.ctrlKey || !event.deltaY) return; // over so many rows a wheel moves by rows, not by shares
    event.preventDefault();
    to(offset + event.deltaY * (event.deltaMode ? shape.height : 1));
    soon();
  }, { passive: false });
  view.onkeydown = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && event.key === "Enter")) return; // it runs the cell
    const page = Math.max(1, Math.floor(room() / shape.height)) * columns;
    const steps = {
      ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, PageUp: -page, PageDown: page, Home: -total, End: total,
    };
    if (event.key in steps) {
      const next = active + steps[event.key], far = Math.abs(steps[event.key]) > columns;
      if (far || (next >= 0 && next < total)) choose(next);
    } else if (event.key === "Enter" || event.key === " ") opened(active);
    else if (!keys(event)) return;
    event.preventDefault();
    event.stopPropagation(); // the notebook has its own use for these keys
  };
  new ResizeObserver(lay).observe(view);
  return {
    node: view,
    get active() { return active; },
    get total() { return total; },
    card: (at) => cards.get(at),
    choose,
    // how many fill the screen
    get fits() { return columns * Math.ceil((room() || 400) / shape.height); },
    restart(count, answer) {
      epoch += 1;
      cards.clear();
      clear();
      Object.assign(view.dataset, { total: count, cards: 0 });
      total = count;
      active = 0;
      to(0);
      if (answer) take({ from: 0, cards: answer });
      lay();
    },
    refresh(at) { if (shown.has(at)) dress(shown.get(at), at); },
  };
}
