// The panel of a run: losses on the left, predictions against labels on the right, one scrubber for both.
// The same module draws a live run (as an anywidget) and a saved one (`snapshot`).

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 250, MAX_ROWS = 24, MAX_TEXTS = 8, MAX_TOKENS = 60, MAX_DOTS = 600;

const dressed = (element, props, children) => {
  for (const [key, value] of Object.entries(props)) element.setAttribute(key, value);
  element.append(...children.filter((child) => child != null)); // strings become text: nothing is parsed as HTML
  return element;
};
const h = (tag, props = {}, ...children) => dressed(document.createElement(tag), props, children);
const s = (tag, props = {}, ...children) => dressed(document.createElementNS(SVG, tag), props, children);
const line = (x1, y1, x2, y2, name) => s("line", { x1, y1, x2, y2, class: name });
const words = (x, y, text, name = "") => s("text", { x, y, class: name }, text);
const icon = (path) => s("svg", { viewBox: "0 0 10 10", width: 10, height: 10, "aria-hidden": "true" }, s("path", { d: path }));
const PLAY = "M1 0L10 5L1 10Z", PAUSE = "M1 0H4V10H1ZM6 0H9V10H6Z", STOP = "M1 1H9V9H1Z";

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const wide = (texts) => Math.max(0, ...texts.map((text) => String(text).length)) * 7;
const short = (text, most = 14) => (text.length > most ? text.slice(0, most - 1) + "…" : text);
const size = (shape) => shape.reduce((product, length) => product * length, 1);
const figures = (value, digits = 4) => {
  if (value == null || !Number.isFinite(value)) return "not finite";
  if (value === 0) return "0";
  const far = Math.abs(value) >= 1e6 || Math.abs(value) < 1e-4;
  return far ? value.toExponential(1).replace("e+", "e") : String(Number(value.toPrecision(digits)));
};

// ticks -----------------------------------------------------------------------------------------------------------

const nice = (low, high, most = 5) => {
  if (!(high > low)) return [low];
  const raw = (high - low) / most, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((k) => k * power).find((k) => k >= raw);
  const first = Math.ceil(low / step), count = Math.floor(high / step) - first + 1;
  return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(12)));
};
const decades = (low, high) => {
  const from = Math.floor(Math.log10(low)), to = Math.ceil(Math.log10(high));
  const every = Math.max(1, Math.ceil((to - from) / 6));
  const within = (marks) => marks.filter((mark) => mark >= low && mark <= high);
  const powers = Array.from({ length: to - from + 1 }, (_, i) => 10 ** (from + i));
  const whole = within(powers.filter((_, i) => (from + i) % every === 0));
  if (whole.length > 2) return whole;
  const finer = within(powers.flatMap((power) => [power, 2 * power, 5 * power]));
  return finer.length > 2 ? finer : nice(low, high, 4);
};

// losses ----------------------------------------------------------------------------------------------------------

function lossScale(film, losses, top, bottom) {
  const known = losses.map(([, loss]) => loss).filter((loss) => loss != null);
  const lines = [film.expected, film.floor].filter((value) => value != null);
  const log = known.length > 0 && known.every((loss) => loss >= 0) && known.some((loss) => loss > 0);
  const used = [...known, ...lines].filter((value) => !log || value > 0);
  let low = Math.min(...used, log ? 1e9 : 0), high = Math.max(...used, log ? 0 : 1e-9);
  if (!used.length) [low, high] = [0, 1];
  if (log && high / low < 1.6) [low, high] = [low / 1.3, high * 1.3];
  const bend = (value) => (log ? Math.log10(Math.max(value, low)) : value);
  const spread = bend(high) - bend(low) || 1;
  const y = (value) => bottom - ((bend(value) - bend(low)) / spread) * (bottom - top);
  return { log, y, ticks: log ? decades(low, high) : nice(low, high, 4), shows: (value) => value != null && (!log || value > 0) };
}

function lossPlot(width, height, film, losses, last) {
  const top = 20, bottom = height - 24, right = width - 8;
  const { y, ticks, shows } = lossScale(film, losses, top, bottom);
  const names = ticks.map((tick) => figures(tick));
  const left = wide(names) + 10, x = (step) => left + ((right - left) * step) / Math.max(1, last);
  const root = s("svg", { width, height, class: "nbr-plot" });
  ticks.forEach((tick, i) => root.append(line(left, y(tick), right, y(tick), "nbr-grid"), words(left - 8, y(tick) + 4, names[i], "nbr-end")));
  const steps = nice(0, last, clamp(Math.floor(width / 90), 2, 6)).filter((step) => Number.isInteger(step) && x(step) < right - 50);
  for (const step of steps) root.append(words(x(step), height - 6, String(step), "nbr-middle"));
  root.append(words(right, height - 6, "step", "nbr-end"));
  let pen = "M";
  const path = losses.map(([step, loss]) => {
    if (loss == null) { pen = "M"; return ""; }
    const point = `${pen}${x(step).toFixed(1)} ${y(loss).toFixed(1)}`;
    pen = "L";
    return point;
  });
  root.append(s("path", { d: path.join("") || "M0 0", class: "nbr-curve" }));
  if (shows(film.expected)) {
    root.append(line(left, y(film.expected), right, y(film.expected), "nbr-dashed"));
    root.append(words(right, y(film.expected) - 5, `a guess ${figures(film.expected)}`, "nbr-end nbr-halo"));
  }
  if (shows(film.floor)) {
    root.append(line(left, y(film.floor), right, y(film.floor), "nbr-dashed"));
    root.append(words(left + 4, y(film.floor) - 5, `lowest possible ${figures(film.floor)}`, "nbr-halo"));
  }
  const cursor = line(0, top - 8, 0, bottom, "nbr-cursor"), dot = s("circle", { r: 3.5, class: "nbr-dot" });
  root.append(cursor, dot);
  const place = (step, loss) => {
    cursor.setAttribute("x1", x(step));
    cursor.setAttribute("x2", x(step));
    dot.setAttribute("cx", x(step));
    dot.setAttribute("cy", loss == null ? -9 : y(loss));
  };
  return { root, place, stepAt: (px) => ((px - left) / (right - left)) * last };
}

// predictions against labels --------------------------------------------------------------------------------------

const named = (film, id) => film.names[id] ?? String(id);
const wrongClass = (film, frame, guess, row) => (guess ? named(film, guess[row]) !== film.labels[row] : !(frame[row] >= 0.5));
const reach = (film) => {
  const known = film.targets.filter((value) => value != null);
  return film.notes?.tolerance ?? 0.05 * (Math.max(...known) - Math.min(...known) || 1);
};

// for each kind: what the caption says, how many are aligned, and the drawing
const KINDS = {
  classes: {
    says: ["Prediction meets label", ": every dot should reach its tick"],
    aligned: (film, frame, guess) => [film.labels.filter((_, row) => !wrongClass(film, frame, guess, row)).length, film.labels.length],
    draw: drawClasses,
  },
  multilabel: {
    says: ["Prediction meets labels", ": framed squares should fill, the others empty"],
    aligned: (film, frame) => rowsWhere(film, (i) => frame[i] >= 0.5 === film.targets[i] >= 0.5),
    draw: drawMultilabel,
  },
  regression: {
    says: ["Prediction meets target", ": every dot should reach the diagonal"],
    aligned: (film, frame) => rowsWhere(film, (i) => Math.abs(frame[i] - film.targets[i]) <= reach(film)),
    draw: drawRegression,
  },
  tokens: {
    says: ["Prediction meets text", ": shaded by probability, wrong guesses struck out beneath"],
    aligned: (film, frame, guess) => {
      const counted = film.targets.map((_, i) => i).filter((i) => film.targets[i] !== film.ignored);
      return [counted.filter((i) => (guess ? guess[i] === film.targets[i] : frame[i] >= 0.5)).length, counted.length, " tokens"];
    },
    draw: drawTokens,
  },
  images: {
    says: ["Prediction meets target", ": target above, prediction below"],
    aligned: (film, frame) => {
      const tolerance = 0.1 * (range(film)[1] - range(film)[0]);
      const near = film.targets.filter((value, i) => value == null || Math.abs(value - frame[i]) <= tolerance).length;
      return [Math.floor((100 * near) / Math.max(1, film.targets.length)), 100, " % of pixels"];
    },
    draw: drawImages,
  },
};

function rowsWhere(film, holds) {
  const rows = film.shape[0] ?? 0, length = film.shape.slice(1).reduce((a, b) => a * b, 1);
  let count = 0;
  for (let row = 0; row < rows; row++) {
    let all = true;
    for (let i = row * length; i < (row + 1) * length; i++) all &&= holds(i);
    count += all;
  }
  return [count, rows];
}

// too many rows for the picture: those that refused first, then the others in order
function rowsShown(film, count) {
  const every = Array.from({ length: count }, (_, row) => row), refused = new Set(film.refused);
  if (count <= MAX_ROWS) return every;
  return [...every.filter((row) => refused.has(row)), ...every.filter((row) => !refused.has(row))].slice(0, MAX_ROWS).sort((a, b) => a - b);
}

function drawClasses(film, frame, guess, width) {
  const rows = rowsShown(film, film.labels.length), pitch = clamp((HEIGHT - 28) / rows.length, 14, 22);
  const height = Math.max(HEIGHT, rows.length * pitch + 28), plain = wide(film.labels) <= 42;
  const label = (row) => (plain ? `label ${film.labels[row]}` : short(film.labels[row]));
  const left = Math.min(wide(rows.map(label)), 110) + 10;
  const right = width - 34 - clamp(wide([...Object.values(film.names), "00"]), 14, 80);
  const x = (p) => left + (right - left) * clamp(p, 0, 1);
  const root = s("svg", { width, height, class: "nbr-plot" });
  rows.forEach((row, i) => {
    const y = 12 + i * pitch, p = frame[row] ?? 0, wrong = wrongClass(film, frame, guess, row), name = wrong ? "nbr-wrong" : "nbr-yours";
    root.append(words(0, y + 4, label(row)), line(x(0), y, x(1), y, "nbr-grid"), line(x(p), y, x(1), y, `nbr-stem ${name}`));
    root.append(line(x(1), y - 5, x(1), y + 5, "nbr-tick"), s("circle", { cx: x(p), cy: y, r: 3.5, class: `nbr-dot ${name}` }));
    if (wrong && guess) root.append(words(x(1) + 9, y + 4, `→ ${short(named(film, guess[row]), 10)}`, "nbr-said"));
  });
  root.append(words(x(0), height - 6, "0"), words(x(0.5), height - 6, "probability of the label", "nbr-middle"), words(x(1), height - 6, "1", "nbr-middle"));
  return [root, rows.length < film.labels.length ? `${rows.length} of ${film.labels.length} rows shown` : ""];
}

function drawMultilabel(film, frame, guess, width) {
  const [count, labels] = film.shape, rows = rowsShown(film, count), columns = Math.min(labels, MAX_ROWS);
  const tags = rows.map((row) => `row ${row}`), left = wide(tags) + 10, titles = Array.from({ length: columns }, (_, k) => named(film, k));
  const cell = clamp(Math.min((width - left) / columns, (HEIGHT - 40) / rows.length), 10, 26), tilt = wide(titles) > cell;
  const head = tilt ? Math.min(wide(titles), 90) + 8 : 20, root = s("svg", { width, height: head + rows.length * cell + 4, class: "nbr-plot" });
  titles.forEach((title, k) => {
    const x = left + (k + 0.5) * cell;
    root.append(tilt ? s("text", { transform: `translate(${x + 4} ${head - 6}) rotate(-90)` }, short(title)) : words(x, head - 6, title, "nbr-middle"));
  });
  rows.forEach((row, i) => {
    root.append(words(0, head + (i + 0.5) * cell + 4, tags[i]));
    for (let k = 0; k < columns; k++) {
      const at = row * labels + k, p = clamp(frame[at], 0, 1), is = film.targets[at] >= 0.5, side = (cell - 5) * Math.sqrt(p);
      const x = left + (k + 0.5) * cell, y = head + (i + 0.5) * cell, name = p >= 0.5 === is ? "nbr-yours" : "nbr-wrong";
      root.append(s("rect", { x: x - side / 2, y: y - side / 2, width: side, height: side, class: `nbr-fill ${name}` }));
      root.append(s("rect", { x: x - cell / 2 + 1.5, y: y - cell / 2 + 1.5, width: cell - 3, height: cell - 3, class: is ? "nbr-frame" : "nbr-frame nbr-grid" }));
    }
  });
  return [root, rows.length < count || columns < labels ? `${rows.length} of ${count} rows, ${columns} of ${labels} labels shown` : ""];
}

function drawRegression(film, frame, guess, width) {
  const height = HEIGHT, top = 10, bottom = height - 24, right = width - 10;
  const known = film.targets.filter((value) => value != null), pad = 0.08 * (Math.max(...known) - Math.min(...known) || 1);
  const [low, high] = film.limits ?? [Math.min(...known) - pad, Math.max(...known) + pad];
  const ticks = nice(low, high, 4), names = ticks.map((tick) => figures(tick)), left = wide(names) + 12;
  const x = (v) => left + ((right - left) * (clamp(v, low, high) - low)) / (high - low || 1);
  const y = (v) => bottom - ((bottom - top) * (clamp(v, low, high) - low)) / (high - low || 1);
  const root = s("svg", { width, height, class: "nbr-plot" });
  ticks.forEach((tick, i) => {
    root.append(line(left, y(tick), right, y(tick), "nbr-grid"), words(left - 8, y(tick) + 4, names[i], "nbr-end"));
    root.append(words(x(tick), height - 6, names[i], x(tick) > right - 80 ? "nbr-hidden" : "nbr-middle"));
  });
  root.append(line(x(low), y(low), x(high), y(high), "nbr-dashed"), words(right, height - 6, "target", "nbr-end"), words(left + 4, top + 6, "predicted", "nbr-halo"));
  const every = Math.ceil(film.targets.length / MAX_DOTS), near = reach(film);
  for (let i = 0; i < film.targets.length; i += every) {
    if (film.targets[i] == null) continue;
    const name = Math.abs(frame[i] - film.targets[i]) <= near ? "nbr-yours" : "nbr-wrong", at = x(film.targets[i]), seen = Number.isFinite(frame[i]) ? frame[i] : low;
    root.append(line(at, y(seen), at, y(film.targets[i]), `nbr-stem ${name}`), s("circle", { cx: at, cy: y(seen), r: 3.5, class: `nbr-dot ${name}` }));
  }
  return [root, every > 1 ? `every ${every}th value shown` : ""];
}

const visible = (token) => token.replace(/^[Ġ▁ ]/u, "·").replaceAll("Ċ", "⏎").replaceAll("\n", "⏎").replaceAll("\t", "⇥") || "∅";

function drawTokens(film, frame, guess) {
  const [count, length] = film.shape, texts = Math.min(count, MAX_TEXTS), root = h("div", { class: "nbr-texts" });
  const order = rowsShown(film, count).slice(0, texts);
  for (const row of order) {
    const text = h("p", { class: "nbr-text" });
    let skipped = 0;
    const gap = () => { if (skipped) text.append(h("span", { class: "nbr-gap" }, `${skipped} not counted`)); skipped = 0; };
    for (let t = 0; t < Math.min(length, MAX_TOKENS); t++) {
      const i = row * length + t, target = film.targets[i];
      if (target === film.ignored) { skipped += 1; continue; }
      gap();
      const wrong = guess && guess[i] !== target, p = clamp(frame[i] || 0, 0, 1);
      const said = wrong ? h("s", { class: "nbr-said" }, short(visible(named(film, guess[i])))) : h("span", { class: "nbr-said" });
      text.append(h("span", { class: wrong ? "nbr-token nbr-missed" : "nbr-token", style: `--p:${p.toFixed(3)}`, title: `probability ${p.toFixed(3)}` }, visible(named(film, target)), said));
    }
    gap();
    if (length > MAX_TOKENS) text.append(h("span", { class: "nbr-gap" }, `… ${length - MAX_TOKENS} more`));
    root.append(text);
  }
  return [root, texts < count ? `${texts} of ${count} texts shown` : ""];
}

const range = (film) => film.limits ?? [Math.min(...film.targets), Math.max(...film.targets)];

function drawImages(film, frame, guess, width) {
  const [count, rows, columns] = film.shape, [low, high] = range(film), root = h("div", { class: "nbr-images" });
  const lines = Math.ceil(count / Math.max(1, Math.floor(width / 60))), side = clamp(width / Math.ceil(count / lines) - 8, 40, HEIGHT / 2 / lines - 6);
  const paint = (values, from) => {
    const canvas = h("canvas", { width: columns, height: rows, style: `width:${side}px` }), pixels = new ImageData(columns, rows);
    for (let i = 0; i < rows * columns; i++) {
      const value = values[from + i], grey = value == null || Number.isNaN(value) ? 0 : (255 * (value - low)) / (high - low || 1);
      pixels.data.set([grey, grey, grey, value == null ? 0 : 255], 4 * i);
    }
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    return canvas;
  };
  for (let i = 0; i < count; i++) root.append(h("div", { title: film.labels[i] ?? "" }, paint(film.targets, i * rows * columns), paint(frame, i * rows * columns)));
  return [root, ""];
}

// the panel -------------------------------------------------------------------------------------------------------

function panel(model, el, run) {
  const play = h("button", { type: "button", class: "nbr-button nbr-play" }), stop = h("button", { type: "button", class: "nbr-button nbr-stop" });
  const slider = h("input", { type: "range", min: 0, max: 0, value: 0, "aria-label": "training step" }), told = h("output", { class: "nbr-told" });
  const losses = h("figure"), seen = h("figure"), pair = h("div", { class: "nbr-pair" }, losses, seen);
  const root = h("div", { class: "nbr nbr-film" }, pair, h("div", { class: "nbr-scrub" }, play, slider, told, stop));
  let follow = true, timer = null, plot = null;

  const lossAt = (step) => run.losses.reduce((found, point) => (point[0] <= step ? point : found), [0, null])[1];
  const drawLosses = () => {
    const last = Math.max(1, run.steps.at(-1) ?? 0, run.losses.at(-1)?.[0] ?? 0), width = Math.floor(losses.clientWidth) || 440;
    const scale = running() ? 2 ** Math.ceil(Math.log2(Math.max(16, last))) : last;
    plot = lossPlot(width, HEIGHT, run.film, run.losses, scale);
    const caption = h("figcaption", {}, h("strong", {}, "Loss"), ` per step${run.losses.every(([, loss]) => loss == null || loss >= 0) ? ", log scale" : ""}`);
    losses.replaceChildren(caption, plot.root);
  };
  const stops = () => (run.steps.length ? run.steps : run.losses.map(([step]) => step));
  const drawStep = () => {
    const at = +slider.value, step = stops()[at] ?? 0, frame = run.frames[at], guess = run.guesses[at];
    const kind = KINDS[run.film.kind], total = running() ? run.film.total : run.losses.at(-1)?.[0] ?? step, loss = lossAt(step);
    const parts = [`step ${step} of ${Math.max(total ?? 0, step)}`, loss == null ? "" : `loss ${figures(loss, 3)}`];
    plot?.place(step, loss);
    pair.classList.toggle("nbr-one", !kind);
    if (kind && frame && fits(run.film, frame)) {
      const [picture, left] = kind.draw(run.film, frame, guess, Math.floor(seen.clientWidth) || 440);
      const [good, all, of = ""] = kind.aligned(run.film, frame, guess);
      parts.push(of.startsWith(" %") ? `${good}${of} match` : `${good} of ${all}${of} aligned`);
      seen.replaceChildren(h("figcaption", {}, h("strong", {}, kind.says[0]), kind.says[1] + (left ? ` (${left})` : "")), picture);
    } else if (kind) seen.replaceChildren(h("figcaption", {}, h("strong", {}, kind.says[0]), ": waiting for the first step"));
    if (model.get("state") === "stopped") parts.push("stopped");
    if (model.get("state") === "error") parts.push("ended by an error");
    told.textContent = parts.filter(Boolean).join(" · ");
    slider.style.setProperty("--at", `${(100 * at) / Math.max(1, +slider.max)}%`);
    slider.setAttribute("aria-valuetext", told.textContent);
    Object.assign(root.dataset, { state: model.get("state") ?? "", nframes: run.frames.length, step, kind: run.film.kind ?? "" });
  };
  const running = () => ["running", "stopping"].includes(model.get("state"));
  const draw = () => {
    slider.max = Math.max(0, stops().length - 1);
    if (follow) slider.value = slider.max;
    stop.hidden = !running();
    if (model.get("state") === "running") stop.replaceChildren(icon(STOP), "stop");
    stop.disabled = model.get("state") === "stopping";
    drawLosses();
    drawStep();
  };

  const still = () => { clearInterval(timer); timer = null; play.replaceChildren(icon(PLAY)); play.setAttribute("aria-label", "play"); };
  const tick = () => {
    if (+slider.value >= +slider.max) return still();
    slider.value = +slider.value + 1;
    follow = +slider.value === +slider.max;
    drawStep();
  };
  play.onclick = () => {
    if (timer) return still();
    if (+slider.value >= +slider.max) { slider.value = 0; follow = false; drawStep(); }
    play.replaceChildren(icon(PAUSE));
    play.setAttribute("aria-label", "pause");
    timer = setInterval(tick, clamp(5000 / stops().length, 20, 250)); // a whole run takes about five seconds
  };
  stop.onclick = () => {
    const id = model.get("run");
    model.send({ kind: "stop", run: id });
    stop.replaceChildren("stopping…");
    // some kernels read messages only between cells: interrupt those
    setTimeout(() => {
      if (model.get("state") !== "running" || model.get("run") !== id) return;
      const kernel = model.widget_manager?.kernel;
      if (kernel?.interrupt) kernel.interrupt();
      else stop.replaceChildren("interrupt the kernel to stop");
    }, 400);
  };
  slider.oninput = () => { still(); follow = +slider.value === +slider.max; drawStep(); };
  const drag = (event) => {
    if (!event.buttons || !plot) return;
    const step = plot.stepAt(event.clientX - plot.root.getBoundingClientRect().left), far = (at) => Math.abs(stops()[at] - step);
    slider.value = stops().reduce((best, _, at) => (far(at) < far(best) ? at : best), 0);
    slider.oninput();
  };
  losses.onpointerdown = losses.onpointermove = drag;

  let width = 0;
  const watch = new ResizeObserver(() => { if (Math.abs(pair.clientWidth - width) > 1) { width = pair.clientWidth; draw(); } });
  still();
  el.append(root);
  draw();
  watch.observe(pair);
  return { draw, end: () => { still(); watch.disconnect(); root.remove(); } };
}

const fits = (film, frame) => frame.length === size(film.shape);

// the run, kept once for all views of a model ---------------------------------------------------------------------

const numbers = (view, Kind) => (view?.byteLength ? new Kind(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength)) : new Kind(0));
const cut = (all, count) => (count && all.length % count === 0 ? Array.from({ length: count }, (_, i) => all.subarray((i * all.length) / count, ((i + 1) * all.length) / count)) : []);

function backfill(model, run) {
  const film = model.get("film") ?? {}, steps = film.steps ?? [];
  run.film = { names: {}, labels: [], targets: [], shape: [], refused: [], ...film };
  const frames = cut(numbers(model.get("frames"), Float32Array), steps.length), guesses = cut(numbers(model.get("guesses"), Int32Array), steps.length);
  if (steps.length && frames.length !== steps.length) return; // the traits come one by one; wait for the last
  const newer = run.steps.findIndex((step) => step > (steps.at(-1) ?? -1)), from = newer < 0 ? run.steps.length : newer;
  run.frames = [...frames, ...run.frames.slice(from)];
  run.guesses = [...guesses, ...run.guesses.slice(from)];
  run.steps = [...steps, ...run.steps.slice(from)];
  const known = film.losses ?? [], last = known.at(-1)?.[0] ?? -1;
  run.losses = [...known, ...run.losses.filter(([step]) => step > last)];
}

const widget = () => {
  const run = { film: {}, frames: [], guesses: [], steps: [], losses: [] }, views = new Set();
  const redraw = () => views.forEach((view) => view.draw());
  const refill = (model) => () => { backfill(model, run); redraw(); };
  const add = (message, buffers) => {
    if (message.kind !== "frame") return;
    const last = run.losses.at(-1)?.[0] ?? -1;
    run.losses.push(...(message.losses ?? []).filter(([step]) => step > last));
    if (buffers?.length && message.step > (run.steps.at(-1) ?? -1)) {
      run.steps.push(message.step);
      run.frames.push(numbers(buffers[0], Float32Array));
      run.guesses.push(buffers[1] ? numbers(buffers[1], Int32Array) : undefined);
    }
    redraw();
  };
  return {
    initialize({ model }) {
      const fill = refill(model);
      const restart = () => { Object.assign(run, { frames: [], guesses: [], steps: [], losses: [] }); fill(); };
      const heard = { "msg:custom": add, "change:run": restart, "change:film": fill, "change:frames": fill, "change:guesses": fill, "change:state": redraw };
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

// `packed` is base64 of deflated bytes: one line of JSON, the frames as whole numbers between `low` and `high`, the guesses
export async function snapshot(root, packed) {
  const squeezed = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const stream = new Blob([squeezed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer()), head = bytes.indexOf(10);
  const { film, low, high, levels, split } = JSON.parse(new TextDecoder().decode(bytes.subarray(0, head)));
  const whole = bytes.slice(head + 1, head + 1 + split), Level = levels > 255 ? Uint16Array : Uint8Array;
  const frames = Float32Array.from(new Level(whole.buffer), (level) => low + ((high - low) * level) / levels);
  const traits = { state: "done", run: 0, film, frames: new DataView(frames.buffer), guesses: new DataView(bytes.slice(head + 1 + split).buffer) };
  const model = { get: (name) => traits[name], on() {}, off() {}, send() {} }, { initialize, render } = widget();
  initialize({ model });
  const el = h("div");
  root.replaceChildren(el);
  render({ model, el });
}
