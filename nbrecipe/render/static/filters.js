// The filters of the first layers: a sheet for each, the chosen one large, before and after training beside each other.
import { figures, h } from "./marks.js";
import { unpacked } from "./packing.js";
import { button, caption } from "./player.js";
import { colour, follows, picture, sheet, sized } from "./tiles.js";

const LARGE = 210;
const size = (shape) => shape.reduce((all, n) => all * n, 1);

// bytes of a layer, cut into its filters: `now`, `before`, and the channels of each
function cut(layer, bytes) {
  const tile = size(layer.tile), channels = layer.channels ? size(layer.channels) : 0;
  let from = layer.start;
  const take = (each) => {
    const first = from;
    from += each * layer.count;
    return (i) => bytes.subarray(first + i * each, first + (i + 1) * each);
  };
  const side = () => ({ tile: take(tile), channels: channels ? take(channels) : null });
  const now = side();
  return { now, before: layer.before ? side() : null };
}

// weights along a line; those of inputs without neighbours as bars
function curve(context, { tile: [, width, channels], moran }, bytes, x, y, w, t, root) {
  context.strokeStyle = colour(root, "--nbr-line");
  context.strokeRect(x + 0.5, y + 0.5, w - 1, t - 1);
  context.beginPath();
  context.moveTo(x, y + t / 2);
  context.lineTo(x + w, y + t / 2);
  context.stroke();
  const tones = ["--nbr-yours", "--nbr-ok", "--nbr-hint", "--nbr-crash"];
  const level = (i, k) => ((t - 4) / 2) * ((bytes[i * channels + k] - 128) / 127);
  if (!moran) {
    const step = (w - 4) / width;
    context.fillStyle = colour(root, tones[0]);
    for (let i = 0; i < width; i += 1) context.fillRect(x + 2 + i * step, y + t / 2, Math.max(1, step > 3 ? step - 1 : step), -level(i, 0));
    return;
  }
  for (let k = 0; k < channels; k += 1) {
    context.beginPath();
    context.strokeStyle = colour(root, tones[k]);
    context.lineWidth = w > 100 ? 1.6 : 1.1;
    for (let i = 0; i < width; i += 1) {
      const px = x + 2 + ((w - 4) * (width > 1 ? i / (width - 1) : 0.5)), py = y + t / 2 - level(i, k);
      if (i) context.lineTo(px, py);
      else context.moveTo(px, py);
    }
    context.stroke();
  }
}

function painter(layer, side, root) {
  if (layer.form === "curve") return (context, i, x, y, w, t) => curve(context, layer, side.tile(i), x, y, w, t, root);
  const made = new Map();
  return (context, i, x, y, w, t) => {
    if (!made.has(i)) made.set(i, picture(layer.tile, side.tile(i)));
    context.drawImage(made.get(i), x, y, w, t);
  };
}

const shapeOf = (layer) => (layer.form === "curve" ? [3, 4] : layer.tile);

function large(layer, paint, i, words, most) {
  const [tall, wide] = layer.form === "curve" ? [110, most] : layer.tile;
  const zoom = layer.form === "curve" ? 1 : Math.max(1, Math.floor(Math.min(most / wide, most / tall)));
  const canvas = h("canvas", { role: "img", "aria-label": words });
  paint(sized(canvas, wide * zoom, tall * zoom), i, 0, 0, wide * zoom, tall * zoom);
  return canvas;
}

// each channel of a filter by itself
function channels(layer, side, i) {
  const [count, tall, wide] = layer.channels, all = side.channels(i), each = tall * wide, zoom = Math.max(1, Math.floor(44 / Math.max(wide, tall)));
  return Array.from({ length: count }, (_, k) => {
    const weights = all.subarray(k * each, (k + 1) * each), mean = weights.reduce((sum, byte) => sum + (byte - 128) / 127, 0) / each;
    const told = `channel ${k}, mean weight ${figures(mean * layer.scale, 2)}`, canvas = h("canvas", { role: "img", "aria-label": told, title: `channel ${k}` });
    const one = layer.form === "curve" ? null : picture([tall, wide, 1], weights);
    const context = sized(canvas, wide * zoom, tall * zoom);
    if (one) context.drawImage(one, 0, 0, wide * zoom, tall * zoom);
    return canvas;
  });
}

function facts(layer, i) {
  const rows = [["norm", figures(layer.norms[i], 3)]];
  if (layer.moran) {
    rows.push(["Moran's I", `${figures(layer.moran[i], 2)} (noise ${figures(layer.noise, 2)})`]);
    rows.push(["p", layer.p[i] < 1e-4 ? "below 0.0001" : figures(layer.p[i], 2)]);
    rows.push(["structure", layer.structured[i] ? "more than chance" : "no more than chance"]);
  }
  return h("dl", { class: "nbr-facts" }, ...rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

// a layer, and one of its filters, in words
function layerWords(layer) {
  const norms = layer.norms.filter((norm) => Number.isFinite(norm)), structured = layer.structured?.filter(Boolean).length;
  const ends = norms.length ? `, norms from ${figures(Math.min(...norms), 3)} to ${figures(Math.max(...norms), 3)}` : "";
  return `${layer.count} filters of ${layer.name}${ends}${structured == null ? "" : `, ${structured} with more structure than chance`}`;
}
const filterWords = (layer, i) => {
  const moran = layer.moran ? `, Moran's I ${figures(layer.moran[i], 2)}, ${layer.structured[i] ? "more" : "no more"} structure than chance` : "";
  return `${layer.form === "curve" && !layer.moran ? "unit" : "filter"} ${layer.rows[i]}, norm ${figures(layer.norms[i], 3)}${moran}`;
};

function filterSheet(root, run, layer, bytes) {
  const parts = cut(layer, bytes), sides = parts.before ? [["before", run.before, parts.before], ["now", "now", parts.now]] : [["now", "", parts.now]];
  const chosenBox = h("div", { class: "nbr-chosen" }), holders = h("div", { class: "nbr-sides" });
  let chosen = 0, sorted = "norm";
  const choose = (i) => { chosen = i; views.forEach(({ view }) => view.select(i)); draw(); };
  const views = sides.map(([key, title, side]) => {
    const paint = painter(layer, side, root), figure = h("figure");
    const view = sheet({ label: `${layerWords(layer)}${title ? `, ${title}` : ""}; arrow keys choose one`, paint, choose, told: (i) => filterWords(layer, i), marked: (i) => key === "now" && Boolean(layer.structured?.[i]) });
    if (title) figure.append(caption(title.replaceAll("`", ""), ""));
    figure.append(view.canvas);
    holders.append(figure);
    return { view, paint, side, title, figure };
  });
  const sort = () => {
    const order = Array.from({ length: layer.count }, (_, i) => i);
    if (sorted === "structure") order.sort((a, b) => layer.moran[b] - layer.moran[a]);
    views.forEach(({ view }) => view.fill(order, shapeOf(layer)));
  };
  const tell = () => {
    const name = h("strong", {}, `${layer.form === "curve" && !layer.moran ? "unit" : "filter"} ${layer.rows[chosen]}`);
    const pictures = views.map(({ paint, title }) => h("figure", {}, ...(title ? [h("figcaption", {}, title.replaceAll("`", ""))] : []), large(layer, paint, chosen, `${title ? `${title}: ` : ""}${filterWords(layer, chosen)}`, views.length > 1 && layer.form === "image" ? LARGE / 2 : LARGE)));
    const more = layer.channels && layer.form === "image" ? [h("div", {}, `its channels${layer.channels[0] === 16 ? " (the first 16)" : ""}`), h("div", { class: "nbr-close" }, ...channels(layer, parts.now, chosen))] : [];
    chosenBox.replaceChildren(h("div", { class: "nbr-close" }, ...pictures), name, facts(layer, chosen), ...more);
    Object.assign(root.dataset, { layer: layer.name, filter: layer.rows[chosen], count: layer.count, sorted });
  };
  const draw = () => {
    const room = Math.min(...views.map(({ figure }) => figure.clientWidth || 400)); // both alike
    views.forEach(({ view }) => view.draw(Math.max(120, room)));
    tell();
  };
  const bars = [];
  if (layer.moran) {
    for (const way of ["norm", "structure"]) {
      const press = button("");
      press.append(`by ${way}`);
      press.onclick = () => { sorted = way; sort(); bars.forEach((each) => each.setAttribute("aria-pressed", each === press)); draw(); };
      press.setAttribute("aria-pressed", way === sorted);
      bars.push(press);
    }
  }
  const ramp = layer.form === "image" ? [h("span", {}, `−${figures(layer.scale, 2)}`), h("span", { class: "nbr-ramp" }), h("span", {}, `${figures(layer.scale, 2)}, one scale for all`)] : [h("span", {}, `from −${figures(layer.scale, 2)} to ${figures(layer.scale, 2)}, one scale for all`)];
  const legend = h("div", { class: "nbr-legend" }, ...(layer.share == null ? ramp : [`each filter by its main picture, which keeps ${Math.round(100 * layer.share)} % of the weights of all channels`]), layer.moran ? h("div", {}, h("i"), "underlined: more structure than chance, at 1 % for all together (Holm)") : null, ...layer.notes.map((note) => h("div", {}, note)));
  sort();
  const body = h("div", {}, bars.length ? h("div", { class: "nbr-tabs" }, h("span", { class: "nbr-soft" }, layer.shape), ...bars) : h("div", { class: "nbr-soft" }, layer.shape), h("div", { class: "nbr-sheet" }, h("div", {}, holders, legend), chosenBox));
  return { body, draw };
}

function mapSheet(root, run, layer, bytes) {
  const points = new Float32Array(bytes.slice(layer.start, layer.start + 8 * layer.count).buffer);
  const canvas = h("canvas", { tabindex: 0, role: "slider", "aria-label": `${layer.count} rows of ${layer.name} in the plane, the most frequent first; arrow keys go through them` });
  const chosenBox = h("div", { class: "nbr-chosen" }), holder = h("figure", {}, canvas);
  const often = layer.seen ?? layer.rows.map(() => 0), order = layer.rows.map((_, i) => i).sort((a, b) => often[b] - often[a] || layer.norms[b] - layer.norms[a]);
  const xs = order.map((i) => points[2 * i]), ys = order.map((i) => points[2 * i + 1]);
  const spans = [xs, ys].map((all) => Math.max(...all.map(Math.abs)) || 1);
  let chosen = order[0], width = 400, height = 340;
  const at = (i) => [width / 2 + ((width / 2 - 40) * points[2 * i]) / spans[0], height / 2 - ((height / 2 - 14) * points[2 * i + 1]) / spans[1]];
  const draw = () => {
    width = Math.max(240, holder.clientWidth || 400);
    const context = sized(canvas, width, height), soft = colour(root, "--nbr-faint"), yours = colour(root, "--nbr-yours");
    for (const i of [...order].reverse()) {
      const [x, y] = at(i);
      context.fillStyle = often[i] ? yours : soft;
      context.globalAlpha = often[i] ? 0.9 : 0.45;
      context.beginPath();
      context.arc(x, y, often[i] ? 3.2 : 2, 0, 7);
      context.fill();
    }
    context.globalAlpha = 1;
    Object.assign(context, { fillStyle: colour(root, "--nbr-fg"), strokeStyle: colour(root, "--nbr-bg"), lineWidth: 3, lineJoin: "round" });
    context.font = "11.5px sans-serif";
    const taken = [];
    for (const i of order.slice(0, 120)) {
      const [x, y] = at(i), wide = context.measureText(layer.names[i]).width;
      if (taken.some(([a, b, c]) => Math.abs(b - y) < 13 && x + 6 < c && a < x + 8 + wide) || taken.length > 40) continue;
      taken.push([x + 5, y, x + 8 + wide]);
      context.strokeText(layer.names[i], x + 5, y - 3);
      context.fillText(layer.names[i], x + 5, y - 3);
    }
    const [x, y] = at(chosen);
    Object.assign(context, { strokeStyle: colour(root, "--nbr-fg"), lineWidth: 1.6 });
    context.beginPath();
    context.arc(x, y, 6, 0, 7);
    context.stroke();
    const values = { "aria-valuemin": 1, "aria-valuemax": order.length, "aria-valuenow": order.indexOf(chosen) + 1 };
    const met = layer.seen ? `, ${often[chosen]} times in this batch` : "";
    values["aria-valuetext"] = `${layer.names[chosen]}, row ${layer.rows[chosen]}, norm ${figures(layer.norms[chosen], 3)}${met}`;
    for (const [name, value] of Object.entries(values)) canvas.setAttribute(name, value);
    const rows = [["row", layer.rows[chosen]], ["norm", figures(layer.norms[chosen], 3)], ...(layer.seen ? [["in this batch", `${often[chosen]} times`]] : [])];
    chosenBox.replaceChildren(h("strong", {}, layer.names[chosen]), h("dl", { class: "nbr-facts" }, ...rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, String(value))])));
    Object.assign(root.dataset, { layer: layer.name, filter: layer.rows[chosen], count: layer.count });
  };
  const near = (event) => {
    const box = canvas.getBoundingClientRect(), px = event.clientX - box.left, py = event.clientY - box.top;
    const far = (i) => Math.hypot(at(i)[0] - px, at(i)[1] - py);
    const best = order.reduce((one, other) => (far(other) < far(one) ? other : one));
    if (best !== chosen && far(best) < 24) { chosen = best; draw(); }
  };
  canvas.onpointermove = near;
  canvas.onpointerdown = near;
  canvas.onkeydown = (event) => {
    const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    chosen = order[Math.min(order.length - 1, Math.max(0, order.indexOf(chosen) + step))];
    draw();
  };
  const shares = layer.shares.map((share) => `${Math.round(100 * share)} %`).join(" and ");
  const legend = h("div", { class: "nbr-legend" }, `the two largest principal components keep ${shares} of the variance`, layer.seen ? "; blue and larger: in this batch" : "", ...layer.notes.map((note) => h("div", {}, note)));
  return { body: h("div", {}, h("div", { class: "nbr-soft" }, layer.shape), h("div", { class: "nbr-sheet" }, h("div", {}, holder, legend), chosenBox)), draw };
}

export async function snapshot(root, packed) {
  const [run, bytes] = await unpacked(packed);
  const el = h("div", { class: "nbr nbr-film nbr-inside" }), tabs = h("div", { class: "nbr-tabs", role: "group", "aria-label": "layers" }), place = h("div");
  const views = run.layers.map((layer) => (layer.form === "map" ? mapSheet : filterSheet)(el, run, layer, bytes));
  let shown = 0;
  const draw = () => views[shown].draw();
  const open = (i) => {
    shown = i;
    place.replaceChildren(views[i].body);
    [...tabs.children].forEach((tab, k) => tab.setAttribute("aria-pressed", k === i));
    draw();
  };
  run.layers.forEach((layer, i) => {
    const tab = button("");
    tab.append(layer.name);
    tab.onclick = () => open(i);
    tabs.append(tab);
  });
  el.append(...(run.layers.length > 1 ? [tabs] : [h("div", {}, h("strong", {}, run.layers[0].name))]), place);
  root.replaceChildren(el);
  open(0);
  follows(el, draw);
}
