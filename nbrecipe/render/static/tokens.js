// Texts as coloured tokens: only what is on the screen stands in the page, and arrow keys go from token to token.
import { clamp, h } from "./marks.js";
import { blocks, lines } from "./textblocks.js";
import { unpacked } from "./packing.js";
import { drawn, legend } from "./spans.js";
import { details } from "./tokentip.js";

// pixels beyond the screen that are drawn already, and what a block takes before it was measured: letters, line, rest
const AHEAD = 500, LETTER = 7.6, LINE = 24, REST = 34;
const FILTERS = {
  all: () => true,
  failed: (line) => Boolean(line.failed) || line.readings.some((reading) => reading.failed),
  "answer lost": (line) => Boolean(line.lost),
  "cut off": (line) => line.has("cut"),
  unknown: (line) => line.has("unknown"),
  bytes: (line) => line.has("byte"),
  "no such token": (line) => line.has("missing"),
  "comes back changed": (line) => line.readings.some((reading) => reading.change === "lost"),
  "other spaces or case": (line) => line.readings.some((reading) => reading.change && reading.change !== "lost"),
  "cut otherwise": (line) => line.has("apart"),
};

export async function snapshot(root, packed) {
  const [head, bytes] = await unpacked(packed);
  const all = lines(head, bytes), wide = head.voices.length > 1;
  const view = h("div", { class: "nbr-texts", tabindex: 0, role: "group", "aria-label": "texts as tokens; arrow keys go from token to token" });
  const tip = h("output", { class: "nbr-tip", hidden: "", "aria-live": "polite" }), said = h("output", { "aria-live": "polite" });
  const filled = new Map(), places = new WeakMap();
  let shown = [], laid = [], at = null, watch = null;

  // blocks come and go ---------------------------------------------------------------------------------------------
  const guess = (block) => {
    const across = Math.max(20, (view.clientWidth || 800) / LETTER / (wide && view.clientWidth > 760 ? head.voices.length : 1));
    return block.lines(across) * LINE + (block.first ? REST : 0) + (block.last ? 8 : 0);
  };
  const fill = (block) => {
    if (filled.has(block)) return;
    filled.set(block, drawn(block, head));
    block.place.replaceChildren(...filled.get(block).nodes);
    block.place.style.height = "";
    mark(block);
  };
  const empty = (block, height) => {
    if (!filled.has(block) || block.place.contains(document.activeElement)) return;
    block.place.style.height = `${height}px`;
    block.place.replaceChildren();
    filled.delete(block);
  };
  const lay = (chosen) => {
    watch?.disconnect();
    filled.clear();
    shown = all.filter(chosen);
    laid = shown.flatMap((line) => line.blocks ??= blocks(line));
    watch = new IntersectionObserver((seen) => {
      const latest = [...new Map(seen.map((one) => [one.target, one])).values()];
      // heights as they were when this was seen: asking for them between changes would lay out the page each time
      for (const { target, isIntersecting, boundingClientRect } of latest) if (!isIntersecting) empty(places.get(target), boundingClientRect.height);
      for (const { target, isIntersecting } of latest) if (isIntersecting) fill(places.get(target));
      root.dataset.drawn = filled.size;
    }, { root: view, rootMargin: `${AHEAD}px 0px` });
    view.replaceChildren(...laid.map((block) => {
      block.place = h("div", { class: `nbr-block${block.first ? " nbr-first" : ""}` });
      block.place.style.height = `${guess(block)}px`;
      places.set(block.place, block);
      watch.observe(block.place);
      return block.place;
    }));
    view.scrollTop = 0;
    at = null;
    hide();
  };

  // the token that is meant ------------------------------------------------------------------------------------------
  const find = ({ block, reading, span }) => filled.get(block)?.element(reading, span);
  const found = (target) => {
    const element = target.closest?.("[data-s]"), block = element && places.get(element.closest(".nbr-block"));
    return block ? { block, reading: Number(element.closest("[data-r]").dataset.r), span: Number(element.dataset.s) } : null;
  };
  const mark = (block) => {
    if (!at || at.block.line !== block.line) return;
    for (const [reading, span] of at.block.line.twins(at.reading, at.span)) filled.get(block)?.element(reading, span)?.classList.add("nbr-twin");
  };
  const unmark = () => { for (const element of view.querySelectorAll(".nbr-twin, .nbr-at")) element.classList.remove("nbr-twin", "nbr-at"); };
  const hide = () => {
    tip.hidden = true;
    unmark();
  };
  const point = (to) => {
    const element = find(to);
    if (!element) return;
    unmark();
    at = to;
    element.classList.add("nbr-at");
    for (const block of filled.keys()) mark(block);
    tip.replaceChildren(...details(to.block.line, to.reading, to.span, head));
    tip.hidden = false;
    const box = root.getBoundingClientRect(), [first] = element.getClientRects();
    if (!first) return;
    const below = first.bottom - box.top + 6, over = first.top - box.top - tip.offsetHeight - 6;
    tip.style.top = `${first.bottom + tip.offsetHeight + 12 > innerHeight && over > 0 ? over : below}px`;
    tip.style.left = `${clamp(first.left - box.left, 0, Math.max(0, box.width - tip.offsetWidth))}px`;
    root.dataset.at = `${to.block.line.number} ${to.reading} ${to.span}`;
  };
  const go = (to) => {
    if (!to) return;
    fill(to.block);
    const element = find(to);
    if (!element) return;
    element.tabIndex = -1;
    element.setAttribute("role", "note");
    element.setAttribute("aria-label", details(to.block.line, to.reading, to.span, head).map((node) => node.textContent).join(". "));
    element.focus({ preventScroll: true });
    element.scrollIntoView({ block: "nearest", inline: "nearest" });
    point(to);
  };
  const on = (line, reading, span) => {
    const block = line.blocks.find((one) => one.holds(reading, span));
    return block ? { block, reading, span } : null;
  };
  // the next line that has tokens
  const beside = (line, by) => {
    let i = shown.indexOf(line) + by;
    while (shown[i] && !shown[i].readings.some((reading) => reading.tokens)) i += by;
    return shown[i];
  };
  // `by` spans on, over those without tokens, into the next line at the end of one
  const step = ({ block: { line }, reading, span }, by) => {
    const next = line.next(reading, span, by);
    if (next != null) return on(line, reading, next);
    const other = beside(line, by);
    if (!other) return null;
    const own = other.readings[reading]?.tokens ? reading : other.readings.findIndex((one) => one.tokens);
    return on(other, own, other.next(own, by > 0 ? -1 : other.readings[own].spans, by));
  };
  const across = ({ block: { line }, reading, span }, by) => {
    const near = reading + by;
    if (line.readings[near]?.tokens) {
      const twin = line.twins(reading, span).find(([other, to]) => other === near && line.holds(other, to));
      return on(line, near, twin?.[1] ?? line.next(near, -1, 1));
    }
    const other = beside(line, by);
    if (!other) return null;
    const order = other.readings.map((one, r) => (one.tokens ? r : -1)).filter((r) => r >= 0), own = by > 0 ? order[0] : order.at(-1);
    return on(other, own, other.next(own, -1, 1));
  };
  const edge = ({ block: { line }, reading }, by) => on(line, reading, line.next(reading, by > 0 ? line.readings[reading].spans : -1, -by) ?? 0);
  view.onkeydown = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && !tip.hidden) hide();
    else {
      const moves = {
        ArrowRight: (to) => step(to, to.block.line.readings[to.reading].rtl ? -1 : 1), ArrowLeft: (to) => step(to, to.block.line.readings[to.reading].rtl ? 1 : -1),
        ArrowDown: (to) => across(to, 1), ArrowUp: (to) => across(to, -1), Home: (to) => edge(to, -1), End: (to) => edge(to, 1),
      };
      if (!(event.key in moves)) return;
      const from = at && shown.includes(at.block.line) ? at : null, first = shown.find((line) => line.readings[0]?.tokens);
      go(from ? moves[event.key](from) : first && on(first, 0, first.next(0, -1, 1)));
    }
    event.preventDefault();
    event.stopPropagation(); // the notebook has its own use for these keys
  };
  view.onpointerover = (event) => {
    const to = found(event.target);
    if (to) point(to);
    else if (!view.contains(document.activeElement) || document.activeElement === view) hide();
  };
  view.onpointerleave = () => { if (!view.contains(document.activeElement) || document.activeElement === view) hide(); };
  view.onclick = (event) => {
    const to = found(event.target);
    if (to && String(getSelection()) === "") go(to);
  };
  view.onscroll = () => { if (!tip.hidden && document.activeElement === view) hide(); };
  view.addEventListener("focusout", (event) => { if (!view.contains(event.relatedTarget)) hide(); });

  // which lines ------------------------------------------------------------------------------------------------------
  const choices = Object.entries(FILTERS).map(([name, chosen]) => [name, chosen, all.filter(chosen).length]).filter(([name, , count]) => name === "all" || count);
  const buttons = choices.map(([name, chosen, count]) => {
    const button = h("button", { type: "button", class: "nbr-button", "aria-pressed": name === "all" }, `${name} ${count}`);
    button.onclick = () => {
      for (const other of buttons) other.setAttribute("aria-pressed", other === button);
      lay(chosen);
      said.textContent = name === "all" ? "" : `${count} of ${all.length} are shown`;
    };
    return button;
  });
  const bar = h("div", { class: "nbr-leaf", role: "group", "aria-label": "which are shown" }, ...(choices.length > 1 ? buttons : []), said);
  bar.hidden = choices.length < 2;
  root.replaceChildren(bar, legend(all, head), view, tip);
  lay(FILTERS.all);
  let width = view.clientWidth;
  new ResizeObserver(() => {
    if (Math.abs(view.clientWidth - width) < 2) return;
    width = view.clientWidth;
    for (const block of laid) if (!filled.has(block)) block.place.style.height = `${guess(block)}px`;
  }).observe(view);
}
