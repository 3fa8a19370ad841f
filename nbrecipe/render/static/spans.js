// One piece of a text as elements: letters stay the text's own, what cannot be seen gets a sign beside it.
import { h } from "./marks.js";
import { IGNORED, MARKS, firstOf, idOf, marksOf, textOf } from "./textblocks.js";

const TONES = 4;
const cutter = globalThis.Intl?.Segmenter ? new Intl.Segmenter(undefined, { granularity: "grapheme" }) : null;
const clusters = (text) => (cutter ? Array.from(cutter.segment(text), ({ segment }) => segment) : Array.from(text));
const PLAIN = /^[!-~]*$/, SPACED = /^[ -~]*$/;

// the letters of a span as nodes
export function lettered(text, signs) {
  if (PLAIN.test(text)) return [text];
  const nodes = [];
  let seen = "";
  const flush = () => { if (seen) nodes.push(seen); seen = ""; };
  for (const cluster of SPACED.test(text) ? text : clusters(text)) {
    const one = cluster === "\r\n" ? ["\r", "\n"] : [cluster];
    for (const letter of one) {
      const sign = letter.length <= 2 && [...letter].length === 1 ? signs[letter.codePointAt(0)] : undefined;
      if (letter === " ") { flush(); nodes.push(h("i", {}, letter)); }
      else if (sign) { flush(); nodes.push(h("i", { "data-c": sign }, letter)); }
      else seen += letter;
    }
  }
  flush();
  return nodes;
}

// whether something that cannot be seen is within what a reader takes for one character
const held = (text, signs) => !SPACED.test(text) && clusters(text).some((one) => [...one].length > 1 && one !== "\r\n" && [...one].some((letter) => signs[letter.codePointAt(0)]));

export function chip(ids, marks, voice) {
  const times = ids.length > 1 ? ` ×${ids.length}` : "";
  if (ids[0] === IGNORED) return `–${times}`;
  if (marks & MARKS.missing) return `no token ${ids[0]}`;
  return (voice.pieces[ids[0]] || String(ids[0])) + times;
}

const span = (reading, s, voice, signs) => {
  const text = textOf(reading, s), first = firstOf(reading, s), ids = reading.ids.subarray(first, reading.last[s]);
  if (!ids.length) return text ? h("span", { class: "nbr-none" }, ...lettered(text, signs)) : null;
  const marks = marksOf(reading, s), names = Object.keys(MARKS).filter((name) => marks & MARKS[name]);
  if (!text) {
    const kinds = ["chip", ...(names.length ? names : ["nowhere"])].map((name) => `nbr-${name}`).join(" ");
    return h("kbd", { class: kinds, dir: "ltr", "data-s": s }, chip([idOf(reading, first), ...ids.subarray(1)], marks, voice));
  }
  if (ids.length > 1 || held(text, signs)) names.push("many");
  return h("span", { class: ["tk", `k${first % TONES}`, ...names].map((name) => `nbr-${name}`).join(" "), "data-s": s }, ...lettered(text, signs));
};

const count = (number, one) => `${number.toLocaleString("en")} ${one}${number === 1 ? "" : "s"}`;
const counted = (reading, mark) => reading.marks.reduce((sum, each) => sum + Boolean(each & MARKS[mark]), 0);

const told = (line, reading, voice, several) => {
  const parts = [several && voice.name], without = reading.ids.reduce((sum, id) => sum + (id === IGNORED), 0);
  if (reading.failed && !reading.tokens) return parts.filter(Boolean).join("");
  if (line.same) parts.push(count(reading.length ?? 0, "token"));
  else parts.push(count(reading.tokens, "place"));
  for (const [name, words] of [["cut", "cut off"], ...(line.same ? [] : [["padding", "padding"]])]) {
    if (reading.seen & MARKS[name]) parts.push(`${counted(reading, name).toLocaleString("en")} ${words}`);
  }
  if (without) parts.push(`${without.toLocaleString("en")} without a target`);
  return parts.filter(Boolean).join(" · ");
};

const failed = (why, given) => h("div", { class: "nbr-failed" }, "✗ ", h("bdi", {}, why), given && " ", given && h("code", {}, given));

const back = (reading, signs) => h("div", { class: "nbr-back", dir: reading.rtl ? "rtl" : "ltr" }, h("span", { class: "nbr-soft", dir: "ltr" }, "comes back as "),
  ...reading.back.map(([kind, text]) => h({ gone: "del", new: "ins" }[kind] ?? "span", {}, ...lettered(text, signs))));

// the nodes of a block, and where to find the element of a span in it
export function drawn(block, { voices, signs }) {
  const { line, ranges } = block, several = voices.length > 1, elements = new Map(), nodes = [];
  if (block.first) {
    const title = [h("strong", {}, line.name)];
    if (line.caption) title.push(h("span", { class: "nbr-label" }, line.caption));
    if (!several && line.readings.length) title.push(h("span", {}, told(line, line.readings[0], voices[0], false)));
    if (line.lost) title.push(h("strong", { class: "nbr-bad" }, line.lost));
    nodes.push(h("div", { class: "nbr-text-head" }, ...title));
    if (line.failed) nodes.push(failed(line.failed, line.given));
  }
  const columns = line.readings.map((reading, r) => {
    const place = h("div", { class: "nbr-read", dir: reading.rtl ? "rtl" : "ltr", "data-r": r }), [from, to] = ranges[r];
    let into = place;
    for (let s = from; s < to; s += 1) {
      const made = span(reading, s, voices[r], signs);
      if (!made) continue;
      const cut = made.classList.contains("nbr-cut");
      if (cut !== (into !== place)) {
        into = cut ? h("del") : place;
        if (cut) place.append(into);
      }
      into.append(made);
      if (made.dataset.s) elements.set(`${r} ${s}`, made);
    }
    const name = block.first ? told(line, reading, voices[r], true) : `${voices[r].name}, continued`;
    const top = several ? h("div", { class: "nbr-soft" }, name) : null;
    const wrong = block.first && reading.failed ? failed(reading.failed) : null;
    return h("div", { class: "nbr-column" }, top, wrong, place, block.last && reading.back ? back(reading, signs) : null);
  });
  if (columns.length) nodes.push(several && line.same ? h("div", { class: "nbr-abreast" }, ...columns) : h("div", {}, ...columns));
  return { nodes, element: (reading, s) => elements.get(`${reading} ${s}`) };
}

const WORDS = {
  special: "special token", padding: "padding", unknown: "unknown", byte: "lone byte", cut: "cut off", unseen: "masked: not attended to",
  counted: "counts: a target, or the answer", apart: "cut otherwise by the other", missing: "no token has this id",
};

export function legend(all, head) {
  const chips = Object.keys(MARKS).filter((name) => all.some((line) => line.has(name))).map((name) => {
    const example = h("span", { class: `nbr-sample ${{ special: "nbr-chip", padding: "nbr-chip", missing: "nbr-chip" }[name] ?? "nbr-tk nbr-k0"} nbr-${name}`, "aria-hidden": "true" }, name === "padding" ? "pad" : "ab");
    return h("span", { class: "nbr-key" }, name === "cut" ? h("del", {}, example) : example, WORDS[name]);
  });
  return h("div", { class: "nbr-legend" }, ...chips);
}
