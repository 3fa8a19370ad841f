// Many small pictures on one canvas: drawn from bytes, chosen by pointer or keys.
import { h } from "./marks.js";

export const colour = (root, name) => getComputedStyle(root).getPropertyValue(name).trim();

// a picture of (height, width, 1 or 3) bytes, each element one pixel
export function picture([height, width, channels], bytes) {
  const canvas = new OffscreenCanvas(width, height), context = canvas.getContext("2d"), image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i += 1) {
    for (let k = 0; k < 3; k += 1) image.data[4 * i + k] = bytes[i * channels + (channels === 3 ? k : 0)];
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

// a canvas of this size on the page, sharp on dense screens; the context draws in the page's pixels
export function sized(canvas, width, height) {
  const dense = Math.max(1, Math.round(globalThis.devicePixelRatio || 1));
  Object.assign(canvas, { width: width * dense, height: height * dense });
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  const context = canvas.getContext("2d");
  context.scale(dense, dense);
  context.imageSmoothingEnabled = false;
  return context;
}

// how `count` tiles of this shape fill a width: whole pixels for each element
export function layout(count, [tall, wide], width, height, gap) {
  let best = null;
  for (let columns = Math.min(count, Math.max(1, Math.floor((width + gap) / (8 + gap)))); columns >= 1; columns -= 1) {
    const side = Math.floor((width + gap) / columns) - gap, zoom = Math.min(side / wide, 96 / wide, 160 / tall);
    const one = zoom >= 1 ? Math.floor(zoom) : zoom, rows = Math.ceil(count / columns);
    const size = [Math.max(2, Math.round(one * wide)), Math.max(2, Math.round(one * tall))];
    const fits = rows * (size[1] + gap) - gap <= height;
    if (!best || fits) best = { columns, rows, size };
    if (!fits) break;
  }
  return best;
}

// a sheet of tiles: `paint(context, i, x, y, w, h)` draws one, `told(i)` are its words; `choose(i)` is called when another
// is chosen
export function sheet({ label, paint, choose, told, marked = () => false }) {
  const canvas = h("canvas", { tabindex: 0, role: "slider", "aria-label": label, "aria-valuemin": 1 });
  const gap = 5;
  let order = [], plan = null, chosen = 0, shape = [1, 1];
  const place = (at) => [(at % plan.columns) * (plan.size[0] + gap), Math.floor(at / plan.columns) * (plan.size[1] + gap)];
  const draw = (width, height = 420) => {
    plan = layout(order.length, shape, width - 4, height, gap);
    const values = { "aria-valuemax": order.length, "aria-valuenow": order.indexOf(chosen) + 1, "aria-valuetext": told(chosen) };
    for (const [name, value] of Object.entries(values)) canvas.setAttribute(name, value);
    const wide = plan.columns * (plan.size[0] + gap) - gap + 4, tall = plan.rows * (plan.size[1] + gap) - gap + 6;
    const context = sized(canvas, wide, tall);
    context.translate(2, 2);
    order.forEach((i, at) => {
      const [x, y] = place(at);
      paint(context, i, x, y, ...plan.size);
      if (marked(i)) {
        context.fillStyle = colour(canvas, "--nbr-ok");
        context.fillRect(x, y + plan.size[1] + 1, plan.size[0], 2);
      }
      if (i === chosen) {
        Object.assign(context, { strokeStyle: colour(canvas, "--nbr-fg"), lineWidth: 1.5 });
        context.strokeRect(x - 1.2, y - 1.2, plan.size[0] + 2.4, plan.size[1] + 2.4);
      }
    });
  };
  const at = (event) => {
    const box = canvas.getBoundingClientRect(), [w, t] = plan.size, scale = box.width / canvas.offsetWidth || 1;
    const column = Math.floor(((event.clientX - box.left) / scale - 2) / (w + gap)), row = Math.floor(((event.clientY - box.top) / scale - 2) / (t + gap));
    const found = row * plan.columns + column;
    return column >= 0 && column < plan.columns && found >= 0 && found < order.length ? order[found] : null;
  };
  const turn = (event) => {
    const found = at(event);
    if (found != null && found !== chosen) choose(found);
  };
  canvas.onpointermove = turn;
  canvas.onpointerdown = turn;
  canvas.onkeydown = (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -plan.columns, ArrowDown: plan.columns, Home: -1e9, End: 1e9 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const now = order.indexOf(chosen), next = now + steps[event.key];
    const whole = Math.abs(steps[event.key]) > 1e6;
    if (next >= 0 && next < order.length) choose(order[next]);
    else if (whole) choose(order[next < 0 ? 0 : order.length - 1]);
  };
  return {
    canvas,
    fill: (indices, tile) => { order = indices; shape = tile; },
    select: (i) => { chosen = i; },
    draw,
  };
}

// draws anew when the room or the colours change
export function follows(root, draw) {
  let width = 0;
  new ResizeObserver(() => {
    if (Math.abs(root.clientWidth - width) < 1) return;
    width = root.clientWidth;
    draw();
  }).observe(root);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  const attributeFilter = ["data-theme", "data-jp-theme-light", "data-vscode-theme-kind"]; // where pages keep their theme
  new MutationObserver(draw).observe(document.body, { attributes: true, attributeFilter });
}
