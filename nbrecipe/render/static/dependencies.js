// Heatmaps of what depends on what: outputs down, inputs across. The pointer or the arrow keys read a cell, a click or
// Enter holds a row and draws its profile; over space a slider chooses the output whose field is shown.
import { clamp, figures, h } from "./marks.js";
import { unpacked } from "./packing.js";
import { caption, onResize } from "./player.js";

const CELL = 16, LEAST = 3, WIDEST = 300, PROFILE = 44, FAINT = 0.25, DECADES = 3;

const strength = (chart, level) => (level ? chart.largest * 10 ** (((level - 1) / (chart.levels - 1) - 1) * chart.span) : 0);
const isWrong = (chart, i, j) => (chart.meant === "own" ? i !== j : chart.meant === "past" && j > i);
const shade = (chart, level) => {
  const decades = ((level - 1) / (chart.levels - 1) - 1) * chart.span;
  return FAINT + (1 - FAINT) * clamp(1 + decades / DECADES, 0, 1);
};

function sharp(canvas, width, height) {
  const dense = globalThis.devicePixelRatio || 1;
  Object.assign(canvas, { width: width * dense, height: height * dense });
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  const pen = canvas.getContext("2d");
  pen.scale(dense, dense);
  return pen;
}

const inks = (el) => {
  const style = getComputedStyle(el), of = (name) => style.getPropertyValue(`--nbr-${name}`).trim();
  return { yours: of("yours"), wrong: of("wrong"), line: of("line"), soft: of("soft"), fg: of("fg") };
};

// a table of rows and columns in `canvas`; returns where a cell lies
function table(canvas, rows, columns, room, paint) {
  const cell = clamp(Math.floor(Math.min(room, WIDEST) / columns), LEAST, CELL);
  const gap = cell > 5 ? 1 : 0, pen = sharp(canvas, columns * cell, rows * cell), ink = inks(canvas);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const [colour, alpha] = paint(i, j, ink);
      pen.globalAlpha = alpha;
      pen.fillStyle = colour;
      pen.fillRect(j * cell, i * cell, cell - gap, cell - gap);
    }
  }
  pen.globalAlpha = 1;
  return { cell, pen, ink };
}

const painted = (chart, levels, i, j, ink, wrong) => {
  const level = levels[i];
  return level ? [wrong ? ink.wrong : ink.yours, shade(chart, level)] : [ink.line, 1];
};

function heat(chart, levels) {
  const [rows, columns] = chart.size, canvas = h("canvas", { tabindex: 0, role: "application", "aria-roledescription": "chart", "aria-label": `${chart.title}: ${chart.told}; arrow keys read a cell, Enter holds a row, Escape lets go` });
  const profile = h("canvas", { "aria-hidden": "true" }), said = h("output", { "aria-live": "off" });
  const root = h("figure", {}, caption(chart.title, `: ${chart.told}`), canvas, profile, said);
  const aloud = (on) => said.setAttribute("aria-live", on ? "polite" : "off"); // keys are answered, the pointer is not
  let at = null, held = null, cell = CELL;

  const reads = (i, j) => {
    const value = strength(chart, levels[i * columns + j]), wrong = value && isWrong(chart, i, j);
    const much = value ? `${figures(value, 3)}, ${figures(value / chart.largest, 2)} of the strongest` : "no dependency";
    return `${chart.outputs[i]} ← ${chart.inputs[j]}: ${much}${wrong ? "; should be 0" : ""}`;
  };
  const row = (i) => {
    const heard = chart.inputs.filter((_, j) => levels[i * columns + j]);
    const named = heard.length > 8 ? `${heard.slice(0, 7).join(", ")}, … (${heard.length})` : heard.join(", ");
    return `${chart.outputs[i]} depends on ${named || "nothing"}`;
  };
  const drawProfile = (ink) => {
    profile.hidden = held == null;
    if (held == null) return;
    const pen = sharp(profile, columns * cell, PROFILE);
    for (let j = 0; j < columns; j++) {
      const level = levels[held * columns + j], [colour, alpha] = painted(chart, [level], 0, j, ink, isWrong(chart, held, j));
      const tall = level ? (PROFILE - 6) * alpha : 1;
      pen.fillStyle = colour;
      pen.fillRect(j * cell, PROFILE - tall, Math.max(1, cell - 1), tall);
    }
  };
  const draw = (room) => {
    const drawn = table(canvas, rows, columns, room, (i, j, ink) =>
      painted(chart, levels.subarray(i * columns + j, i * columns + j + 1), 0, j, ink, isWrong(chart, i, j)));
    cell = drawn.cell;
    drawn.pen.strokeStyle = drawn.ink.fg;
    if (held != null) drawn.pen.strokeRect(0.5, held * cell + 0.5, columns * cell - 2, cell - 1);
    if (at) drawn.pen.strokeRect(at[1] * cell + 0.5, at[0] * cell + 0.5, cell - 1, cell - 1);
    drawProfile(drawn.ink);
    said.textContent = at ? reads(...at) : held != null ? row(held) : `${chart.axes[1]} down, ${chart.axes[0]} across; a click holds a row`;
    Object.assign(root.dataset, { at: at ? at.join() : "", held: held ?? "" });
  };
  const redraw = () => draw(root.parentElement?.clientWidth || WIDEST);
  const over = (event) => {
    const box = canvas.getBoundingClientRect(), place = [event.clientY - box.top, event.clientX - box.left].map((px) => Math.floor(px / cell));
    return place[0] >= 0 && place[0] < rows && place[1] >= 0 && place[1] < columns ? place : null;
  };
  const hold = (i) => { held = held === i ? null : i; at = null; redraw(); };
  canvas.onpointermove = (event) => { aloud(false); at = over(event); redraw(); };
  canvas.onpointerleave = () => { at = null; redraw(); };
  canvas.onclick = (event) => { const place = over(event); if (place) hold(place[0]); };
  canvas.onkeydown = (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return; // it runs the cell
    aloud(true);
    if (event.key === "Enter" || event.key === " ") hold(at?.[0] ?? 0);
    else if (event.key === "Escape") { at = held = null; redraw(); }
    else if (step) { at = at ? [clamp(at[0] + step[0], 0, rows - 1), clamp(at[1] + step[1], 0, columns - 1)] : [0, 0]; redraw(); }
    else return;
    event.preventDefault();
    event.stopPropagation(); // the notebook has its own use for these keys
  };
  return { root, draw };
}

function field(chart, levels) {
  const [high, wide] = chart.shape, canvas = h("canvas", { role: "img" }), said = h("output", { "aria-live": "off" }); // the slider says it
  const last = chart.outputs.length - 1, middle = Math.floor(chart.outputs.length / 2);
  const slider = h("input", { type: "range", min: 0, max: last, value: middle, "aria-label": "output" });
  const root = h("figure", {}, caption(chart.title, `: ${chart.told}`), canvas, h("div", { class: "nbr-scrub" }, slider), said);
  const draw = (room) => {
    const i = Number(slider.value), mine = levels.subarray(i * high * wide, (i + 1) * high * wide), [tall, broad] = chart.fields[i];
    table(canvas, high, wide, room, (y, x, ink) => painted(chart, mine.subarray(y * wide + x), 0, x, ink, false));
    slider.style.setProperty("--at", `${(100 * i) / Math.max(1, last)}%`);
    said.textContent = `${chart.outputs[i]} depends on ${tall} × ${broad} pixels`;
    slider.setAttribute("aria-valuetext", said.textContent);
    canvas.setAttribute("aria-label", said.textContent);
    root.dataset.at = i;
  };
  slider.oninput = () => draw(root.parentElement?.clientWidth || WIDEST);
  slider.hidden = !last;
  return { root, draw };
}

const swatch = (name, says) => h("span", {}, h("span", { class: `nbr-swatch ${name}` }), says);

function panel(charts) {
  const drawn = charts.map(({ chart, levels }) => (chart.shape ? field : heat)(chart, levels));
  const faulty = charts.some(({ chart, levels }) => levels.some((level, at) => level && isWrong(chart, Math.floor(at / chart.size[1]), at % chart.size[1])));
  const ways = h("div", { class: "nbr-ways" }, swatch("", "depends, the fuller the more"), faulty ? swatch("nbr-wrong", `must not depend: ${charts.some(({ chart }) => chart.meant === "own") ? "off" : "right of"} the diagonal`) : null, swatch("nbr-none", "does not"));
  const heats = h("div", { class: "nbr-heats" }, ...drawn.map(({ root }) => root)), root = h("div", {}, heats, ways);
  const draw = () => drawn.forEach((each) => each.draw(heats.clientWidth || WIDEST));
  onResize(heats, draw);
  requestAnimationFrame(draw);
  return root;
}

// each chart with its levels, which follow one another
function cut([charts, bytes]) {
  let start = 0;
  return charts.map((chart) => {
    const end = start + 2 * chart.size[0] * chart.size[1], levels = new Uint16Array(bytes.slice(start, end).buffer);
    start = end;
    return { chart, levels };
  });
}

export async function snapshot(root, packed) {
  root.replaceChildren(panel(cut(await unpacked(packed))));
}
