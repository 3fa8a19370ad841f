// The panel of a run on one batch: losses on the left, predictions against labels on the right, one scrubber for both.
// The same module draws a live run (as an anywidget) and a saved one (`snapshot`).
import { chart, isLog, valueAt } from "./charts.js";
import { figures, h } from "./marks.js";
import { button, caption, icon, onResize, player, roomOf } from "./player.js";
import { drawFrame, hasFrames, recorded, replay } from "./recording.js";

const STOP = "M1 1H9V9H1Z";
const ending = { stopped: "stopped", error: "ended by an error" };

function stopButton(model) {
  const stop = button("nbr-stop");
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
  return stop;
}

function panel(model, el, run) {
  const stop = stopButton(model), losses = h("figure"), seen = h("figure"), pair = h("div", { class: "nbr-pair" }, losses, seen);
  const title = h("strong", { class: "nbr-title", role: "heading", "aria-level": 3 }), head = h("div", { class: "nbr-head" }, title);
  const stops = () => (run.steps.length ? run.steps : run.losses.map(([step]) => step));
  const running = () => ["running", "stopping"].includes(model.get("state"));
  let plot = null;

  const drawLosses = () => {
    const last = Math.max(1, stops().at(-1) ?? 0, run.losses.at(-1)?.[0] ?? 0), log = isLog(run.losses);
    const levels = [
      { value: run.film.expected, name: "a guess" },
      { value: run.film.floor, name: "lowest possible", side: "left" },
    ];
    const rest = ` per step${log ? ", log scale" : ""}`, spec = { log, title: "Loss", rest, curves: [{ points: run.losses }], levels };
    // while it runs the axis grows in doublings, so that the curve does not crawl
    plot = chart(roomOf(losses), spec, running() ? 2 ** Math.ceil(Math.log2(Math.max(16, last))) : last);
    losses.replaceChildren(caption("Loss", rest), plot.root);
  };
  const drawStep = () => {
    const step = scrub.step(), loss = valueAt(run.losses, step), kind = hasFrames(run);
    const total = Math.max(step, running() ? run.film.total ?? 0 : stops().at(-1) ?? 0);
    pair.classList.toggle("nbr-one", !kind);
    plot?.place(step);
    const parts = [`step ${step} of ${total}`, loss == null ? "" : `loss ${figures(loss, 3)}`, kind ? drawFrame(seen, run, scrub.at()) : ""];
    scrub.tell([...parts, ending[model.get("state")]].filter(Boolean).join(" · "));
    Object.assign(root.dataset, { state: model.get("state"), nframes: stops().length, step, kind: run.film.kind ?? "" });
  };
  const draw = () => {
    scrub.grown();
    title.textContent = run.film.notes?.title ?? "";
    head.hidden = !running() || !title.textContent; // what stays of a run has a heading of its own
    stop.hidden = !running();
    stop.disabled = model.get("state") === "stopping";
    if (!stop.disabled && !stop.dataset.asked) stop.replaceChildren(icon(STOP), "stop");
    drawLosses();
    drawStep();
  };

  const scrub = player(stops, drawStep), root = h("div", { class: "nbr nbr-film" }, head, pair, scrub.root);
  scrub.root.append(stop);
  scrub.drags(losses, () => plot);
  el.append(root);
  draw();
  const unwatch = onResize(pair, draw);
  return { draw, end: () => { scrub.still(); unwatch(); root.remove(); } };
}

const widget = recorded(panel);
export default widget;
export const snapshot = (root, packed) => replay(root, widget, packed);
