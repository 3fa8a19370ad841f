// What a batch does inside a net: every layer in a row of its own, the chosen one with its outputs side by side.
import { figures, h } from "./marks.js";
import { unpacked } from "./packing.js";
import { follows, colour, picture, sized } from "./tiles.js";

const ROW = 22, percent = (share) => (share > 0 && share < 0.005 ? "below 1 %" : `${Math.round(100 * share)} %`);
const clipped = (name, whole) => { // the end of a path tells layers apart
  const rest = name.startsWith(`${whole}.`) && name.length > 24 ? name.slice(whole.length + 1) : name;
  return rest.length > 24 ? `…${rest.slice(-23)}` : rest;
};

function histogram(canvas, layer, width, height, root) {
  const context = sized(canvas, width, height), [low, high] = layer.edges, step = width / layer.counts.length;
  context.fillStyle = colour(root, "--nbr-yours");
  layer.counts.forEach((share, i) => {
    const tall = share > 0 ? Math.max(1, (height - 2) * Math.sqrt(share)) : 0;
    context.fillRect(i * step, height - 1 - tall, Math.max(1, step - (step > 4 ? 1 : 0)), tall);
  });
  context.fillStyle = colour(root, "--nbr-faint");
  context.fillRect(0, height - 1, width, 1);
  if (low < 0 && high > 0) context.fillRect(Math.round((width * -low) / (high - low)), 0, 1, height);
}

// the histogram in words
const spread = (layer) => {
  const most = layer.counts.indexOf(Math.max(...layer.counts)), [low, high] = layer.edges, step = (high - low) / layer.counts.length;
  const ends = [low + most * step, low + (most + 1) * step].map((edge) => figures(edge, 2)).join(" to ");
  return `histogram of the outputs of ${layer.name}: ${figures(layer.mean, 3)} ± ${figures(layer.std, 3)}, most of them from ${ends}`;
};

const remarks = (layer) => [
  layer.off ? `${layer.off} of ${layer.units} off` : "",
  layer.saturated != null && layer.saturated > 0.005 ? `${percent(layer.saturated)} saturated` : "",
  ...Object.entries(layer.odd).map(([kind, which]) => `${which.length} ${kind}`),
  layer.broken ? "not finite" : "",
].filter(Boolean);

function facts(layer, size) {
  const rows = [
    ["output", `${layer.kind}, ${layer.shape.join(" × ")}`],
    ["mean ± std", `${figures(layer.mean, 3)} ± ${figures(layer.std, 3)}`],
    ["range", `${figures(layer.low, 3)} to ${figures(layer.high, 3)}`],
  ];
  if (layer.zeros > 0.001) rows.push(["exactly zero", percent(layer.zeros)]);
  if (layer.off != null) rows.push(["always off", `${layer.off} of ${layer.units} units, on ${size > 1 ? `all ${size} examples` : "the one example"}`]);
  if (layer.saturated != null) rows.push(["saturated", `${percent(layer.saturated)} of the values are at the flat ends`]);
  for (const [kind, which] of Object.entries(layer.odd)) rows.push([kind, `${which.length} of ${layer.units} channels: ${which.slice(0, 8).join(", ")}${which.length > 8 ? ", …" : ""}`]);
  if (layer.broken) rows.push(["not finite", percent(layer.broken)]);
  if (layer.calls > 1) rows.push(["called", `${layer.calls} times; this is the first`]);
  return h("dl", { class: "nbr-facts" }, ...rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

function drawn([height, width, channels], bytes, most, label) {
  const zoom = Math.max(1, Math.floor(Math.min(most / width, most / height))), canvas = h("canvas", { role: "img", title: label });
  canvas.setAttribute("aria-label", `${label}, ${width} × ${height}, brightness ${Math.round(bytes.reduce((all, byte) => all + byte, 0) / bytes.length / 2.55)} %`);
  sized(canvas, width * zoom, height * zoom).drawImage(picture([height, width, channels], bytes), 0, 0, width * zoom, height * zoom);
  return canvas;
}

// one line of pictures an example: the input, then what the layer makes of it
function outputs(run, layer, bytes, room) {
  if (!layer.maps) return [h("div", { class: "nbr-soft" }, "no picture of these outputs")];
  const [examples, count, height, width] = layer.maps, each = height * width, single = count === 1;
  const at = (e, k) => bytes.subarray(layer.start + (e * count + k) * each, layer.start + (e * count + k + 1) * each);
  const pixels = run.inputs ? run.inputs[0] * run.inputs[1] * run.inputs[2] : 0;
  const most = single ? Math.min(room, 320) : 64, across = examples === 1 && layer.axes[0] === "example";
  return Array.from({ length: examples }, (_, e) => {
    const input = run.inputs && !across ? [drawn(run.inputs, bytes.subarray(e * pixels, (e + 1) * pixels), 64, `example ${run.examples[e]}, the input`)] : [];
    const maps = Array.from({ length: count }, (_, k) => drawn([height, width, 1], at(e, k), most, single ? `${layer.axes[0]}s down, ${layer.axes[1]}s across` : `channel ${layer.channels[k]} of example ${run.examples[e]}`));
    const axes = `${layer.axes[0]}s down, ${layer.axes[1]}s across`, name = across ? axes : `example ${run.examples[e]}${single && e === 0 ? `: ${axes}` : ""}`;
    return h("figure", { class: "nbr-outputs" }, h("figcaption", {}, name), h("div", { class: "nbr-line-of" }, ...input.map((one) => h("span", { class: "nbr-input" }, one)), h("div", { class: "nbr-close" }, ...maps)));
  });
}

export async function snapshot(root, packed) {
  const [run, bytes] = await unpacked(packed);
  const list = h("div", { class: "nbr-layers", role: "listbox", tabindex: 0, "aria-label": "layers; arrow keys choose one" });
  const detail = h("div", { class: "nbr-detail" }), el = h("div", { class: "nbr nbr-film nbr-inside" });
  const rows = run.layers.map((layer, i) => {
    const canvas = h("canvas", { "aria-hidden": "true" }), told = remarks(layer);
    const row = h("div", { role: "option", "aria-label": [layer.name, ...told].join(", "), class: "nbr-layer", id: `${root.id}-${i}`, title: layer.name }, h("code", {}, clipped(layer.name, run.name)), canvas, h("span", { class: told.length ? "nbr-odd" : "" }, told.join(", ")));
    row.onclick = () => choose(i);
    list.append(row);
    return { row, canvas };
  });
  let chosen = Math.max(0, run.layers.findIndex((layer) => Object.keys(layer.odd).length));
  const tell = () => {
    const layer = run.layers[chosen], chart = h("canvas", { role: "img", "aria-label": spread(layer) });
    const room = Math.max(200, detail.clientWidth || 400), wide = Math.min(room, 420);
    const ends = h("div", { class: "nbr-ends" }, h("span", {}, figures(layer.edges[0], 3)), h("span", {}, "height: root of the count"), h("span", {}, figures(layer.edges[1], 3)));
    ends.style.width = `${wide}px`;
    histogram(chart, layer, wide, 70, el);
    const scale = layer.maps ? h("div", { class: "nbr-legend" }, `${figures(layer.range[0], 2)} `, h("span", { class: "nbr-ramp" }), ` ${figures(layer.range[1], 2)}, one scale for the layer`) : null;
    detail.replaceChildren(h("strong", {}, layer.name), facts(layer, run.size), chart, ends, ...outputs(run, layer, bytes, room), ...(scale ? [scale] : []));
    Object.assign(el.dataset, { layer: layer.name, count: run.layers.length });
  };
  const choose = (i) => {
    chosen = i;
    rows.forEach(({ row }, k) => row.setAttribute("aria-selected", k === i));
    list.setAttribute("aria-activedescendant", rows[i].row.id);
    const { offsetTop, offsetHeight } = rows[i].row;
    if (offsetTop < list.scrollTop || offsetTop + offsetHeight > list.scrollTop + list.clientHeight) list.scrollTop = offsetTop - list.clientHeight / 2;
    tell();
  };
  list.onkeydown = (event) => {
    const step = { ArrowUp: -1, ArrowDown: 1, Home: -1e6, End: 1e6, PageUp: -10, PageDown: 10 }[event.key];
    if (!step) return;
    event.preventDefault();
    choose(Math.min(run.layers.length - 1, Math.max(0, chosen + step)));
  };
  const draw = () => {
    rows.forEach(({ canvas }, i) => histogram(canvas, run.layers[i], 72, ROW - 6, el));
    choose(chosen);
  };
  el.append(h("div", { class: "nbr-walk" }, list, detail), ...run.notes.map((note) => h("div", { class: "nbr-legend" }, note)));
  root.replaceChildren(el);
  draw();
  follows(el, draw);
}
