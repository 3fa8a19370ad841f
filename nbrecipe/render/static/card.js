// One example among others, drawn from what the kernel sent: nothing of it is parsed as HTML.
import { h, s } from "./marks.js";

// pixels that a card takes; those without a width are lines beneath each other
export const shapes = {
  image: { width: 92, height: 112 }, sequence: { width: 184, height: 104 },
  text: { width: 0, height: 64 }, tokens: { width: 0, height: 64 }, cells: { width: 0, height: 48 },
};

const body = (card) => {
  if (card.broken) return h("span", { class: "nbr-broken" }, `cannot be read: ${card.broken}`);
  if (card.image) return h("img", { src: card.image, width: card.width, height: card.height, alt: card.seen ?? "", draggable: "false" });
  if (card.paths) return s("svg", { viewBox: "0 0 160 56", role: "img", "aria-label": card.seen ?? "" }, ...card.paths.map((d, k) => s("path", { d, class: `nbr-line${k}` })));
  if (card.cells) return h("span", { class: "nbr-cells" }, ...card.cells.map(([name, value]) => h("span", {}, h("i", {}, name), ` ${value}`)));
  if (!card.text?.trim()) return h("span", { class: "nbr-words nbr-soft" }, card.text ? "white space alone" : "empty");
  return h("span", { class: "nbr-words" }, card.text);
};

const guess = (card) => {
  const mark = card.wrong ? "✗ " : card.predicted ? "→ " : "", loss = card.loss && h("span", { class: "nbr-loss" }, h("i", {}, "loss"), ` ${card.loss}`);
  return h("span", { class: `nbr-guess${card.wrong ? " nbr-off" : ""}` }, h("span", {}, `${mark}${card.predicted ?? ""}`), " ", loss || "");
};

export function drawn(card) {
  const parts = [h("span", { class: "nbr-rownumber" }, card.row), body(card)];
  if (card.label) parts.push(h("span", { class: "nbr-label" }, card.label));
  if (card.predicted || card.loss) parts.push(guess(card));
  if (card.tags) parts.push(h("span", { class: "nbr-tagged" }, card.tags.join(", ")));
  return parts;
}

export const spoken = (card, blind) => [
  `row ${card.row}`, !blind && card.label, card.predicted && `predicted ${card.predicted}`, card.wrong && "wrong", card.loss && `loss ${card.loss}`, card.broken && "cannot be read", card.seen,
  card.text?.slice(0, 80), card.tags && `tagged ${card.tags.join(", ")}`,
].filter(Boolean).join(", ");
