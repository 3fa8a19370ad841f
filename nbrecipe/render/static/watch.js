// The panel of a watched cell: loss and predictions on top, the other curves below, one scrubber through all of them.
// The same module draws a running cell (as an anywidget) and a saved one (`snapshot`).
import { chart, pointAt } from "./charts.js";
import { HEIGHT, figures, h } from "./marks.js";
import { caption, onResize, player, roomOf } from "./player.js";
import { drawFrame, floats, hasFrames, recorded, replay } from "./recording.js";
import { writtenAt } from "./written.js";

const FLAT = 170, TALL = 400;
const ending = { error: "ended by an error", interrupted: "interrupted" };

// **stressed** words in bold and `names` as code; everything else is text
const rich = (text) =>
  text.split(/(\*\*.+?\*\*|`[^`]+`)/).map((piece) =>
    piece.startsWith("**") ? h("strong", {}, piece.slice(2, -2)) : piece.startsWith("`") ? h("code", {}, piece.slice(1, -1)) : piece);

// the rows of every curve, cut out of one block of numbers
function opened({ charts = [], points }) {
  const all = floats(points);
  const rows = ({ start, rows, width, ...curve }) => ({
    ...curve,
    steps: curve.style === "steps",
    points: Array.from({ length: rows }, (_, i) => Array.from(all.subarray(start + i * width, start + (i + 1) * width))),
  });
  return charts.map((spec) => ({ ...spec, curves: spec.curves.map(rows), areas: spec.areas.map(rows) }));
}

function panel(model, el, run) {
  const title = h("strong", { class: "nbr-title", role: "heading", "aria-level": 3 }), summary = h("span"), head = h("div", { class: "nbr-head" }, title, summary);
  const bar = h("div"), progress = h("div", { class: "nbr-progress", role: "progressbar", "aria-label": "of this pass over the data" }, bar);
  const upper = h("div", { class: "nbr-pair" }), lower = h("div", { class: "nbr-row2" });
  const seen = h("figure", { class: "nbr-seen" }), moving = h("div", { class: "nbr-moving" }), found = h("div", { class: "nbr-found" });
  const places = new Map();
  let specs = [], board = null, updates = 0, aligned = "";

  const running = () => model.get("state") === "running";
  const stops = () => {
    if (run.steps.length > 1) return run.steps;
    return specs[0]?.curves.reduce((most, { points }) => (points.length > most.length ? points : most), []).map(([step]) => step) ?? [];
  };
  const figureOf = (id) => {
    if (!places.has(id)) {
      const place = { figure: h("figure"), plot: null };
      scrub.drags(place.figure, () => place.plot);
      places.set(id, place);
    }
    return places.get(id);
  };

  // a figure is moved only when it stands elsewhere, so that a drag across it goes on
  const fill = (row, figures) => {
    if (figures.length !== row.children.length || figures.some((figure, i) => row.children[i] !== figure)) row.replaceChildren(...figures);
    row.classList.toggle("nbr-one", figures.length === 1);
  };
  const read = () => {
    if (model.get("board") === board) return;
    board = model.get("board");
    specs = opened(board ?? {});
    updates += 1;
    title.textContent = board?.title ?? "";
    summary.replaceChildren(...rich(board?.summary ?? ""));
    bar.style.width = `${100 * (board?.share ?? 0)}%`;
    progress.setAttribute("aria-valuenow", Math.round(100 * (board?.share ?? 0)));
    moving.replaceChildren(...rich(board?.moving ?? ""));
    if (found.dataset.told !== board?.found) {
      found.dataset.told = board?.found ?? "";
      found.innerHTML = found.dataset.told; // made by our own renderer, which escapes what is the user's
    }
  };
  // the loss is as tall as the predictions beside it
  const tall = () => {
    const beside = seen.querySelector("svg, .nbr-texts");
    return Math.max(HEIGHT, Math.min(TALL, beside?.getBoundingClientRect().height ?? 0));
  };
  const drawCharts = (all, top) => {
    const last = Math.max(1, board?.last ?? 0, run.steps.at(-1) ?? 0);
    // while it runs the axis grows by a fifth at a time, so that the curves do not crawl
    const end = running() ? Math.ceil(2 ** (Math.ceil(4 * Math.log2(Math.max(8, last))) / 4)) : last;
    all.forEach(([spec, place], i) => {
      place.plot = chart(roomOf(place.figure), spec, end, i >= top ? FLAT : top === 1 ? tall() : HEIGHT);
      place.figure.replaceChildren(caption(spec.title, spec.rest), place.plot.root);
    });
  };
  const drawSeen = () => { aligned = hasFrames(run) && run.steps.length ? drawFrame(seen, run, frameAt(scrub.step()), moving, ...writtenAt(board?.written, scrub.step())) : ""; };
  const drawStep = () => {
    const step = scrub.step();
    for (const { plot } of places.values()) plot?.place(step);
    const values = specs.flatMap(({ curves }) => curves.filter(({ says }) => says).slice(0, 2)).map((curve) => {
      const [seen, value] = pointAt(curve.points, step) ?? [];
      const late = !curve.steps && step - seen > (board?.last ?? 0) / 20 ? ` (step ${seen})` : "";
      return value == null ? "" : `${curve.says} ${figures(value, 3)}${late}`;
    });
    scrub.tell([`step ${step}`, ...values, aligned, ending[model.get("state")]].filter(Boolean).join(" · "));
    Object.assign(root.dataset, {
      state: model.get("state"), nframes: run.steps.length, step, updates, charts: specs.length, kind: run.film.kind ?? "",
    });
  };
  const frameAt = (step) => Math.max(0, run.steps.findLastIndex((at) => at <= step));
  const draw = () => {
    read();
    scrub.grown();
    head.hidden = !running(); // what stays of a run has a heading and findings of its own
    progress.hidden = !running() || board?.share == null;
    found.hidden = !running() || !found.dataset.told;
    scrub.root.hidden = stops().length < 2;
    const top = hasFrames(run) ? 1 : 2, all = specs.map((spec) => [spec, figureOf(spec.id)]);
    fill(upper, [...all.slice(0, top).map(([, { figure }]) => figure), ...(hasFrames(run) ? [seen] : [])]);
    fill(lower, all.slice(top).map(([, { figure }]) => figure));
    drawSeen();
    drawCharts(all, top);
    drawStep();
  };

  const scrub = player(stops, () => { drawSeen(); drawStep(); });
  const root = h("div", { class: "nbr nbr-film nbr-watch" }, head, progress, upper, scrub.root, lower, found);
  el.append(root);
  draw();
  const unwatch = onResize(upper, draw);
  return { draw, end: () => { scrub.still(); unwatch(); root.remove(); } };
}

const widget = recorded(panel, ["board"]);
export default widget;
export const snapshot = (root, packed) => replay(root, widget, packed);
