// What is told of the tokens under the pointer or the focus: place, id, piece, role, what becomes of them.
import { h } from "./marks.js";
import { IGNORED, MARKS, firstOf, idOf, marksOf, textOf } from "./textblocks.js";

const TOLD = 8, POINTS = 8;

const named = (voice, id) => {
  if (id === IGNORED) return [h("span", {}, "no target (-100)")];
  const piece = voice.pieces[id], role = voice.roles[id];
  return [h("span", {}, `id ${id} `), piece == null ? null : h("code", {}, piece), role ? h("span", {}, ` ${role}`) : null];
};

export function details(line, r, s, head) {
  const reading = line.readings[r], voice = head.voices[r], first = firstOf(reading, s), last = reading.last[s], marks = marksOf(reading, s);
  const place = (i) => (reading.order ? reading.order[i] : i) + 1, rows = [];
  const whole = (marks & (MARKS.padding)) || reading.ids[first] === IGNORED;
  const shown = whole ? 1 : Math.min(last - first, TOLD);
  for (let i = first; i < first + shown; i += 1) {
    const where = whole && last - first > 1 ? `tokens ${place(i)} to ${place(last - 1)}` : `token ${place(i)}`;
    const target = reading.targets && !whole ? h("span", { class: "nbr-target" }, " → ", ...named(voice, reading.targets[i])) : null;
    rows.push(h("div", {}, h("b", {}, `${where} `), `of ${reading.tokens.toLocaleString("en")} · `, ...named(voice, idOf(reading, i)), target));
  }
  if (!whole && last - first > TOLD) rows.push(h("div", {}, `… ${last - first - TOLD} more tokens share these characters`));
  const states = [];
  if (marks & MARKS.unknown) states.push("unknown: what it stood for is lost");
  if (marks & MARKS.byte) states.push("a lone byte");
  if (marks & MARKS.missing) states.push("the tokenizer has no token of this id");
  if (marks & MARKS.cut) states.push(`cut off${head.limit ? ` at ${head.limit}` : ""}`);
  if (marks & MARKS.unseen) states.push("masked: not attended to");
  if (marks & MARKS.counted) states.push(reading.targets ? "counts in the loss" : "of the answer");
  if (marks & MARKS.apart) states.push("the other tokenizer cuts this otherwise");
  if (states.length) rows.push(h("div", { class: "nbr-soft" }, states.join(" · ")));
  const text = textOf(reading, s), points = [...text];
  if (text) {
    const codes = points.slice(0, POINTS).map((letter) => {
      const code = letter.codePointAt(0), sign = head.signs[code];
      return `U+${code.toString(16).toUpperCase().padStart(4, "0")}${sign && !sign.startsWith("U+") ? ` ${sign}` : ""}`;
    });
    const telling = /[^ -~]/.test(text) ? codes.join(" ") + (points.length > POINTS ? " …" : "") : "";
    if (telling) rows.push(h("div", { class: "nbr-soft" }, telling));
  }
  return rows;
}
