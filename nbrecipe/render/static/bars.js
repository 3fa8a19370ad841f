// How a column is distributed among the rows that are shown, beside all rows.
import { figures, h, plot, s, short, words } from "./marks.js";

const TALL = 76, FLOOR = 18, AIR = 6;

export function bars({ edges, days, names, counts, every, missing, told }, width) {
  const edge = (i) => (days ? days[i] : figures(edges[i], 3));
  const count = counts.length, wide = Math.min(width / count, 56), all = every.reduce((a, b) => a + b, 0), some = counts.reduce((a, b) => a + b, 0);
  const most = Math.max(...counts.map((n) => n / (some || 1)), ...every.map((n) => n / (all || 1))) || 1;
  const high = (n, of) => (TALL * n) / ((of || 1) * most);
  const spoken = counts.map((n, i) => `${names ? names[i] : `${edge(i)} to ${edge(i + 1)}`}: ${n} of ${every[i]}`).join(", ");
  const picture = plot(Math.max(wide * count, 1), TALL + FLOOR + AIR, spoken);
  counts.forEach((n, i) => {
    const x = i * wide, label = names ? names[i] : `${edge(i)} to ${edge(i + 1)}`;
    const title = s("title", {}, `${label}: ${n} of ${every[i]}`);
    const full = high(n, some), outline = high(every[i], all);
    picture.append(s("g", {}, title,
      s("rect", { x, y: 0, width: wide, height: TALL + AIR, fill: "transparent" }),
      s("rect", { x: x + 1, y: TALL + AIR - full, width: Math.max(1, wide - 2), height: full, class: "nbr-fill nbr-yours" }),
      s("path", { d: `M${x} ${TALL + AIR - outline}h${wide}`, class: "nbr-every" })));
  });
  picture.append(...ticks(edge, names, wide, count));
  const lost = missing ? `${missing} without a value` : "";
  const line = [told, lost].filter(Boolean).join(" · ");
  return [picture, h("div", { class: "nbr-place" }, line, h("span", { class: "nbr-key" }, line ? " · " : "", "bars: the rows shown; lines: all rows, as shares"))];
}

function ticks(edge, names, wide, count) {
  const base = TALL + AIR + FLOOR - 4;
  if (names) {
    const letters = Math.floor(wide / 7), room = Math.max(1, letters);
    return names.map((name, i) => words((i + 0.5) * wide, base, short(name, Math.max(2, room)), "nbr-middle")).filter((_, i) => room > 1 || i % 3 === 0);
  }
  const at = [...new Set([0, Math.floor(count / 2), count])];
  return at.map((i) => words(Math.min(i * wide, count * wide), base, edge(i), i === 0 ? "" : i === count ? "nbr-end" : "nbr-middle"));
}
