// The frames of a run, kept once for all views of a model: from the traits, from messages, or from a saved page.
import { h } from "./marks.js";
import { unpacked } from "./packing.js";
import { KINDS, fits } from "./predictions.js";
import { STILL, calm, caption, roomOf } from "./player.js";

const EMPTY = { names: {}, labels: [], targets: [], shape: [], refused: [] };
const arrays = (view, Kind) =>
  new Kind(view?.byteLength ? view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength) : 0);
const cut = (all, count) => {
  const length = all.length / count;
  return Array.from({ length: Number.isInteger(length) && length ? count : 0 }, (_, i) => all.subarray(i * length, (i + 1) * length));
};
export const floats = (view) => arrays(view, Float32Array);

function backfill(model, run) {
  run.film = { ...EMPTY, ...model.get("film") };
  const { steps = [], losses = [] } = run.film, frames = cut(floats(model.get("frames")), steps.length);
  if (frames.length !== steps.length) return; // the traits come one by one: wait for the last
  const guesses = cut(arrays(model.get("guesses"), Int32Array), steps.length);
  const newer = run.steps.filter((step) => step > (steps.at(-1) ?? -1)).length, from = run.steps.length - newer;
  run.frames = [...frames, ...run.frames.slice(from)];
  run.guesses = [...Array.from(steps, (_, i) => guesses[i]), ...run.guesses.slice(from)];
  run.steps = [...steps, ...run.steps.slice(from)];
  run.losses = [...losses, ...run.losses.filter(([step]) => step > (losses.at(-1)?.[0] ?? -1))];
}

// a widget whose views `panel` draws; another trait than those of the film, `more`, redraws them too
export const recorded = (panel, more = []) => () => {
  const run = { film: EMPTY, frames: [], guesses: [], steps: [], losses: [] }, views = new Set();
  let drawn = 0, later = 0;
  const now = () => { clearTimeout(later); later = 0; drawn = performance.now(); views.forEach((view) => view.draw()); };
  // where less motion is asked for, a run is drawn once a second while it goes on
  const redraw = () => {
    const left = calm() ? drawn + STILL - performance.now() : 0;
    if (left <= 0) now();
    else later ||= setTimeout(now, left);
  };
  const add = (message, buffers) => {
    if (message.kind !== "frame") return;
    const last = run.losses.at(-1)?.[0] ?? -1;
    run.losses.push(...(message.losses ?? []).filter(([step]) => step > last));
    if (message.names) run.film = { ...run.film, names: { ...run.film.names, ...message.names } };
    if (buffers?.length && message.step > (run.steps.at(-1) ?? -1)) {
      run.steps.push(message.step);
      run.frames.push(floats(buffers[0]));
      run.guesses.push(buffers[1] && arrays(buffers[1], Int32Array));
    }
    redraw();
  };
  return {
    // messages are heard from here on: those that come before a view is drawn would be lost
    initialize({ model }) {
      const fill = () => { backfill(model, run); redraw(); };
      const anew = () => { Object.assign(run, { frames: [], guesses: [], steps: [], losses: [] }); fill(); };
      const heard = { "msg:custom": add, "change:run": anew, "change:state": now };
      for (const trait of ["film", "frames", "guesses"]) heard[`change:${trait}`] = fill;
      for (const trait of more) heard[`change:${trait}`] = redraw;
      for (const [name, act] of Object.entries(heard)) model.on(name, act);
      backfill(model, run);
      return () => { for (const [name, act] of Object.entries(heard)) model.off(name, act); };
    },
    render({ model, el }) {
      const view = panel(model, el, run);
      views.add(view);
      return () => { views.delete(view); view.end(); };
    },
  };
};

// one frame of a run in `figure`; returns how many predictions stand on their labels, in words
export function drawFrame(figure, run, at, ...below) {
  const frame = run.frames[at], kind = KINDS[run.film.kind], [title, rest] = kind.says;
  if (!fits(run.film, frame)) return figure.replaceChildren(caption(title, ": waiting for the first step"));
  const [drawn, left] = kind.draw(run.film, frame, run.guesses[at], roomOf(figure));
  figure.replaceChildren(caption(title, `: ${rest}${left ? ` (${left})` : ""}`), drawn, ...below);
  const aligned = kind.aligned(run.film, frame, run.guesses[at]), off = kind.off?.(run.film, frame, run.guesses[at]);
  if (drawn.getAttribute("role") === "img") drawn.setAttribute("aria-label", `${title}: ${aligned}${off ? `; off: ${off}` : ""}`);
  return aligned;
}
export const hasFrames = (run) => run.film.kind in KINDS;

// a saved run: the frames as whole numbers between `low` and `high`, the guesses, and `points` bytes of curves
function traitsOf([{ low, high, levels, split, points = 0, ...told }, bytes]) {
  const whole = new (levels > 255 ? Uint16Array : Uint8Array)(bytes.slice(0, split).buffer);
  const frames = Float32Array.from(whole, (level) => low + ((high - low) * level) / levels), end = bytes.length - points;
  const view = (array) => new DataView(array.buffer);
  return { ...told, frames: view(frames), guesses: view(bytes.slice(split, end)), points: view(bytes.slice(end)) };
}

// a saved run in place of what stands in `root`
export async function replay(root, widget, packed) {
  const traits = { state: "done", run: 0, ...traitsOf(await unpacked(packed)) };
  if (traits.board) traits.board.points = traits.points;
  const model = { get: (name) => traits[name], on() {}, off() {}, send() {} }, { initialize, render } = widget();
  initialize({ model });
  const el = h("div");
  root.replaceChildren(el);
  render({ model, el });
}
