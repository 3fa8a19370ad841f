// Curves by step: thin ones for what was seen, bold ones to read, areas, levels; one cursor through all of them.
import { HEIGHT, bounds, clamp, decades, figures, letters, line, nice, plot, s, short, words } from "./marks.js";

const GAP = 15, NAMES = 110, SPARSE = 16;

export const isLog = (points) => points.every(([, y]) => y == null || !(y < 0)) && points.some(([, y]) => y > 0);

function scale(spec, top, bottom) {
  const { log, zero, curves, areas = [], levels = [] } = spec;
  const shows = (value) => value != null && Number.isFinite(value) && (!log || value > 0);
  const within = [...curves, ...areas].flatMap(({ points }) => points.flatMap(([, ...values]) => values));
  let [low, high] = bounds([...within, ...levels.map(({ value }) => value)].filter(shows));
  if (!(low <= high)) [low, high] = [0, 1];
  if (zero) low = Math.min(low, 0);
  if (log && high / low < 1.6) [low, high] = [low / 1.3, high * 1.3];
  if (zero) high *= 1.08; // a level at the very top would be cut off
  const bend = (value) => (log ? Math.log10(Math.max(value, low)) : value), spread = bend(high) - bend(low) || 1;
  const y = (value) => bottom - ((bend(value) - bend(low)) / spread) * (bottom - top);
  return { y, shows, low, high, ticks: log ? decades(low, high, bottom - top < 150 ? 1 : 2) : nice(low, high, bottom - top < 150 ? 3 : 4) };
}

// runs of neighbouring points that have all their values; one that is not finite leaves a gap
function runs(points) {
  const found = [[]];
  for (const point of points) {
    if (point.every((value) => value != null && Number.isFinite(value))) found.at(-1).push(point);
    else if (found.at(-1).length) found.push([]);
  }
  return found.filter((run) => run.length);
}
const at = (x, y) => `${x.toFixed(1)} ${y.toFixed(1)}`;
const curve = ({ points, tone = 0, style = "", steps }, x, y) => {
  const joint = ([step, value], before) => (steps && before ? `${at(x(step), y(before[1]))}L` : "") + at(x(step), y(value));
  const drawn = runs(points).map((run) => "M" + run.map((point, i) => joint(point, run[i - 1])).join("L"));
  return s("path", { d: drawn.join("") || "M0 0", class: `nbr-curve nbr-tone${tone} ${style && `nbr-${style}`}` });
};
const area = ({ points, tone = 0 }, x, y) => {
  const side = (run, which) => run.map((point) => at(x(point[0]), y(point[which])));
  const drawn = runs(points).map((run) => `M${[...side(run, 1), ...side(run, 2).reverse()].join("L")}Z`);
  return s("path", { d: drawn.join("") || "M0 0", class: `nbr-area nbr-tone${tone}` });
};

// the places moved apart, so that no two texts touch
function apart(places, low, high) {
  const order = places.map((_, i) => i).sort((a, b) => places[a] - places[b]), moved = [...places];
  order.forEach((i, k) => { moved[i] = Math.max(moved[i], low, k ? moved[order[k - 1]] + GAP : low); });
  order.reverse().forEach((i, k) => { moved[i] = Math.min(moved[i], k ? moved[order[k - 1]] - GAP : high); });
  return moved;
}

function names(root, curves, beside, most, right, y, top, bottom) {
  const ended = curves.filter(({ name, points }) => name && runs(points).length);
  const named = [...ended.map((each) => ({ ...each, value: runs(each.points).at(-1).at(-1)[1] })), ...beside];
  const places = apart(named.map(({ value }) => y(value) + 4), top + 4, bottom);
  named.forEach(({ name, tone = 0, style = "" }, i) => {
    const kind = `nbr-name nbr-tone${tone} ${style && `nbr-${style}`}`;
    root.append(s("text", { x: right + 7, y: places[i], class: kind }, s("title", {}, name), short(name, Math.floor(most / 7))));
  });
}

// what is known of a curve at a step: its last point up to it, [step, value], and the value alone
export const pointAt = (points, step) => points.findLast(([x]) => x <= step);
export const valueAt = (points, step) => pointAt(points, step)?.[1];

// the curves and levels in words, for who does not see them
function spoken({ title = "", rest = "", curves, levels = [] }) {
  const bold = curves.filter(({ style, points }) => style !== "thin" && runs(points).length), named = bold.length ? bold : curves;
  const told = named.filter(({ points }) => runs(points).length).slice(0, 8).map(({ name, says, points }) => {
    const seen = runs(points).flat(), [first, last] = [seen[0], seen.at(-1)];
    return `${name || says || "the curve"} from ${figures(first[1], 3)} at step ${first[0]} to ${figures(last[1], 3)} at step ${last[0]}`;
  });
  const marks = levels.filter(({ value, name }) => name && Number.isFinite(value)).map(({ value, name }) => `${name} ${figures(value, 3)}`);
  return `${title}${rest}: ${[...told, ...marks].join("; ") || "nothing yet"}`;
}

// what `spec` holds up to step `last`; `place` moves the cursor, `stepAt` reads a step off a place
export function chart(width, spec, last, height = HEIGHT) {
  const top = 20, bottom = height - 24, root = plot(width, height, spoken(spec)), { curves, areas = [], levels = [], band } = spec;
  const { y, ticks, shows, low, high } = scale(spec, top, bottom), marks = ticks.map((tick) => figures(tick));
  const beside = levels.filter(({ value, side, name }) => side === "beside" && shows(value) && name).map((level) => ({ ...level, tone: 4 }));
  const most = Math.min(NAMES, 0.34 * width), left = letters(marks) + 10;
  const right = width - 8 - Math.min(most, letters([...curves, ...beside].map(({ name }) => name ?? "")));
  const x = (step) => left + ((right - left) * step) / Math.max(1, last);
  if (band) {
    const [from, to] = band.map((value) => y(clamp(value, low, high)));
    root.append(s("rect", { x: left, y: to, width: right - left, height: Math.max(0, from - to), class: "nbr-band" }));
  }
  ticks.forEach((tick, i) => {
    root.append(line(left, y(tick), right, y(tick), "nbr-grid"), words(left - 8, y(tick) + 4, marks[i], "nbr-end"));
  });
  for (const step of nice(0, last, clamp(Math.floor(width / 90), 2, 6))) {
    if (Number.isInteger(step) && x(step) < right - 50) root.append(words(x(step), height - 6, String(step), "nbr-middle"));
  }
  root.append(words(right, height - 6, "step", "nbr-end"));
  root.append(...areas.map((each) => area(each, x, y)), ...curves.map((each) => curve(each, x, y)));
  for (const { points, tone = 0 } of curves.filter(({ points, steps }) => !steps && points.length <= SPARSE)) {
    const seen = points.filter(([, value]) => shows(value)).map(([step, value]) => [x(step), y(value)]);
    root.append(...seen.map(([cx, cy]) => s("circle", { cx, cy, r: 2, class: `nbr-point nbr-tone${tone}` })));
  }
  for (const { value, name, side } of levels.filter(({ value }) => shows(value))) {
    root.append(line(left, y(value), right, y(value), "nbr-dashed"));
    if (side === "beside") continue;
    const [place, end] = side === "left" ? [left + 4, ""] : [right - 6, "nbr-end"];
    root.append(words(place, y(value) - 5, `${name} ${figures(value)}`, `nbr-halo ${end}`));
  }
  names(root, curves, beside, most, right, y, top, bottom);
  const cursor = line(0, top - 8, 0, bottom, "nbr-cursor"), bold = curves.filter(({ style }) => style !== "thin");
  const dots = bold.map(({ tone = 0 }) => s("circle", { r: 3.5, class: `nbr-dot nbr-tone${tone}` }));
  root.append(cursor, ...dots);
  const place = (step) => {
    for (const end of ["x1", "x2"]) cursor.setAttribute(end, x(step));
    dots.forEach((dot, i) => {
      const [seen, value] = pointAt(bold[i].points, step) ?? [step, null];
      dot.setAttribute("cx", x(bold[i].steps ? step : seen)); // where it was measured; a rate holds on
      dot.setAttribute("cy", shows(value) || value === 0 ? y(value) : -9);
    });
  };
  return { root, place, stepAt: (px) => ((px - left) / (right - left)) * last };
}
