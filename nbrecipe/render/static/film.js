// The panel of a run: losses on the left, predictions against labels on the right, one scrubber for both.
// The same module draws a live run (as an anywidget) and a saved one (`snapshot`).
import { KINDS, clamp, figures, fits, h, isLog, lossPlot, s } from "./plots.js";

const icon = (d) => s("svg", { viewBox: "0 0 10 10", width: 10, height: 10, "aria-hidden": "true" }, s("path", { d }));
const PLAY = "M1 0L10 5L1 10Z", PAUSE = "M1 0H4V10H1ZM6 0H9V10H6Z", STOP = "M1 1H9V9H1Z";

const caption = (title, rest) => h("figcaption", {}, h("strong", {}, title), rest);
const button = (name) => h("button", { type: "button", class: `nbr-button ${name}` });

function panel(model, el, run) {
  const play = button("nbr-play"), stop = button("nbr-stop"), told = h("output", { class: "nbr-told" });
  const slider = h("input", { type: "range", min: 0, max: 0, value: 0, "aria-label": "training step" });
  const losses = h("figure"), seen = h("figure"), pair = h("div", { class: "nbr-pair" }, losses, seen);
  const title = h("strong", { class: "nbr-title" }), head = h("div", { class: "nbr-head" }, title);
  const root = h("div", { class: "nbr nbr-film" }, head, pair, h("div", { class: "nbr-scrub" }, play, slider, told, stop));
  let follow = true, timer = null, plot = null, width = 0;

  const running = () => ["running", "stopping"].includes(model.get("state"));
  const stops = () => (run.steps.length ? run.steps : run.losses.map(([step]) => step));
  const lossAt = (step) => run.losses.findLast(([at]) => at <= step)?.[1];
  const roomOf = (figure) => Math.floor(figure.clientWidth) || 440;

  const drawLosses = () => {
    const last = Math.max(1, stops().at(-1) ?? 0, run.losses.at(-1)?.[0] ?? 0);
    // while it runs the axis grows in doublings, so that the curve does not crawl
    plot = lossPlot(roomOf(losses), run.film, run.losses, running() ? 2 ** Math.ceil(Math.log2(Math.max(16, last))) : last);
    losses.replaceChildren(caption("Loss", ` per step${isLog(run.losses) ? ", log scale" : ""}`), plot.root);
  };
  const drawSeen = (kind, at) => {
    const frame = run.frames[at], [title, rest] = kind.says;
    if (!fits(run.film, frame)) return seen.replaceChildren(caption(title, ": waiting for the first step"));
    const [drawn, left] = kind.draw(run.film, frame, run.guesses[at], roomOf(seen));
    seen.replaceChildren(caption(title, `: ${rest}${left ? ` (${left})` : ""}`), drawn);
    return kind.aligned(run.film, frame, run.guesses[at]);
  };
  const ending = { stopped: "stopped", error: "ended by an error" };
  const drawStep = () => {
    const at = Number(slider.value), step = stops()[at] ?? 0, loss = lossAt(step), kind = KINDS[run.film.kind];
    const total = Math.max(step, running() ? run.film.total ?? 0 : stops().at(-1) ?? 0);
    pair.classList.toggle("nbr-one", !kind);
    plot?.place(step, loss);
    const parts = [`step ${step} of ${total}`, loss == null ? "" : `loss ${figures(loss, 3)}`, kind ? drawSeen(kind, at) : ""];
    told.textContent = [...parts, ending[model.get("state")]].filter(Boolean).join(" · ");
    slider.style.setProperty("--at", `${(100 * at) / Math.max(1, slider.max)}%`);
    slider.setAttribute("aria-valuetext", told.textContent);
    Object.assign(root.dataset, { state: model.get("state"), nframes: stops().length, step, kind: run.film.kind ?? "" });
  };
  const draw = () => {
    slider.max = Math.max(0, stops().length - 1);
    if (follow) slider.value = slider.max;
    title.textContent = run.film.notes?.title ?? "";
    head.hidden = !running() || !title.textContent; // what stays of a run has a heading of its own
    stop.hidden = !running();
    stop.disabled = model.get("state") === "stopping";
    if (!stop.disabled && !stop.dataset.asked) stop.replaceChildren(icon(STOP), "stop");
    drawLosses();
    drawStep();
  };

  const still = () => {
    clearInterval(timer);
    timer = null;
    play.replaceChildren(icon(PLAY));
    play.setAttribute("aria-label", "play");
  };
  const show = (at) => {
    slider.value = at;
    follow = Number(slider.value) === Number(slider.max);
    drawStep();
  };
  play.onclick = () => {
    if (timer) return still();
    if (Number(slider.value) >= Number(slider.max)) show(0);
    play.replaceChildren(icon(PAUSE));
    play.setAttribute("aria-label", "pause");
    timer = setInterval(() => {
      if (Number(slider.value) >= Number(slider.max)) still();
      else show(Number(slider.value) + 1);
    }, clamp(5000 / stops().length, 20, 250)); // a whole run takes about five seconds
  };
  slider.oninput = () => { still(); show(slider.value); };
  losses.onpointerdown = losses.onpointermove = (event) => {
    if (!event.buttons || !plot) return;
    const step = plot.stepAt(event.clientX - plot.root.getBoundingClientRect().left);
    const far = (at) => Math.abs(stops()[at] - step);
    still();
    show(stops().reduce((best, _, at) => (far(at) < far(best) ? at : best), 0));
  };
  stop.onclick = () => {
    const id = model.get("run");
    model.send({ kind: "stop", run: id });
    stop.dataset.asked = id;
    stop.replaceChildren("stopping…");
    // some kernels read messages only between cells: those are interrupted
    setTimeout(() => {
      if (model.get("state") !== "running" || model.get("run") !== id) return;
      const kernel = model.widget_manager?.kernel;
      if (kernel?.interrupt) kernel.interrupt();
      else stop.replaceChildren("interrupt the kernel to stop");
    }, 400);
  };

  const watch = new ResizeObserver(() => {
    if (Math.abs(pair.clientWidth - width) < 1) return;
    width = pair.clientWidth;
    draw();
  });
  still();
  el.append(root);
  draw();
  watch.observe(pair);
  return { draw, end: () => { still(); watch.disconnect(); root.remove(); } };
}

// the run, kept once for all views of a model ---------------------------------------------------------------------

const EMPTY = { names: {}, labels: [], targets: [], shape: [], refused: [] };
const arrays = (view, Kind) =>
  new Kind(view?.byteLength ? view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength) : 0);
const cut = (all, count) => {
  const length = all.length / count;
  return Array.from({ length: Number.isInteger(length) && length ? count : 0 }, (_, i) => all.subarray(i * length, (i + 1) * length));
};

function backfill(model, run) {
  run.film = { ...EMPTY, ...model.get("film") };
  const { steps = [], losses = [] } = run.film, frames = cut(arrays(model.get("frames"), Float32Array), steps.length);
  if (frames.length !== steps.length) return; // the traits come one by one: wait for the last
  const guesses = cut(arrays(model.get("guesses"), Int32Array), steps.length);
  const newer = run.steps.filter((step) => step > (steps.at(-1) ?? -1)).length, from = run.steps.length - newer;
  run.frames = [...frames, ...run.frames.slice(from)];
  run.guesses = [...Array.from(steps, (_, i) => guesses[i]), ...run.guesses.slice(from)];
  run.steps = [...steps, ...run.steps.slice(from)];
  run.losses = [...losses, ...run.losses.filter(([step]) => step > (losses.at(-1)?.[0] ?? -1))];
}

const widget = () => {
  const run = { film: EMPTY, frames: [], guesses: [], steps: [], losses: [] }, views = new Set();
  const redraw = () => views.forEach((view) => view.draw());
  const add = (message, buffers) => {
    if (message.kind !== "frame") return;
    const last = run.losses.at(-1)?.[0] ?? -1;
    run.losses.push(...(message.losses ?? []).filter(([step]) => step > last));
    if (buffers?.length && message.step > (run.steps.at(-1) ?? -1)) {
      run.steps.push(message.step);
      run.frames.push(arrays(buffers[0], Float32Array));
      run.guesses.push(buffers[1] && arrays(buffers[1], Int32Array));
    }
    redraw();
  };
  return {
    // messages are heard from here on: those that come before a view is drawn would be lost
    initialize({ model }) {
      const fill = () => { backfill(model, run); redraw(); };
      const anew = () => { Object.assign(run, { frames: [], guesses: [], steps: [], losses: [] }); fill(); };
      const heard = { "msg:custom": add, "change:run": anew, "change:state": redraw };
      for (const trait of ["film", "frames", "guesses"]) heard[`change:${trait}`] = fill;
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
export default widget;

// a saved run -----------------------------------------------------------------------------------------------------

// base64 of deflated bytes: one line of JSON, the frames as whole numbers between `low` and `high`, the guesses
export async function snapshot(root, packed) {
  const squeezed = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const stream = new Blob([squeezed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer()), head = bytes.indexOf(10) + 1;
  const { film, low, high, levels, split } = JSON.parse(new TextDecoder().decode(bytes.subarray(0, head)));
  const whole = new (levels > 255 ? Uint16Array : Uint8Array)(bytes.slice(head, head + split).buffer);
  const frames = Float32Array.from(whole, (level) => low + ((high - low) * level) / levels);
  const guesses = bytes.slice(head + split);
  const traits = { state: "done", run: 0, film, frames: new DataView(frames.buffer), guesses: new DataView(guesses.buffer) };
  const model = { get: (name) => traits[name], on() {}, off() {}, send() {} }, { initialize, render } = widget();
  initialize({ model });
  const el = h("div");
  root.replaceChildren(el);
  render({ model, el });
}
