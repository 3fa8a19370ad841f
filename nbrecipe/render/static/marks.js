// The pieces that every drawing is made of: elements, lines, words, numbers for people, ticks.
import {} from "./keys.js";

const SVG = "http://www.w3.org/2000/svg";
export const HEIGHT = 250;

export const dressed = (element, props, children) => {
  for (const [key, value] of Object.entries(props)) element.setAttribute(key, value);
  element.append(...children.filter((child) => child != null)); // strings become text: nothing is parsed as HTML
  return element;
};
export const h = (tag, props = {}, ...children) => dressed(document.createElement(tag), props, children);
export const s = (tag, props = {}, ...children) => dressed(document.createElementNS(SVG, tag), props, children);
export const line = (x1, y1, x2, y2, name) => s("line", { x1, y1, x2, y2, class: name });
export const words = (x, y, text, name = "") => s("text", { x, y, class: name }, text);
// `told` are its words for who does not see it
export const plot = (width, height, told = "") => s("svg", { width, height, class: "nbr-plot", role: "img", "aria-label": told });

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
export const letters = (texts) => Math.max(0, ...texts.map((text) => text.length)) * 7;
export const short = (text, most = 14) => (text.length > most ? text.slice(0, most - 1) + "…" : text);
export const product = (lengths) => lengths.reduce((all, length) => all * length, 1);
export const numbers = (values) => values.filter((value) => value != null && Number.isFinite(value));
export const bounds = (values) => numbers(values).reduce(([low, high], v) => [Math.min(low, v), Math.max(high, v)], [Infinity, -Infinity]);
export const figures = (value, digits = 4) => {
  if (value == null || !Number.isFinite(value)) return "not finite";
  if (value === 0) return "0";
  const far = Math.abs(value) >= 1e6 || Math.abs(value) < 1e-4;
  return far ? value.toExponential(1).replace("e+", "e") : String(Number(value.toPrecision(digits)));
};

// ticks -----------------------------------------------------------------------------------------------------------

export const nice = (low, high, most = 5) => {
  if (!(high > low)) return [low];
  const raw = (high - low) / most, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((k) => k * power).find((k) => k >= raw);
  const first = Math.ceil(low / step), count = Math.floor(high / step) - first + 1;
  return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(12)));
};
// powers of ten, or finer where there are no more than `few` of them
export const decades = (low, high, few = 2) => {
  const from = Math.floor(Math.log10(low)), to = Math.ceil(Math.log10(high));
  const powers = Array.from({ length: to - from + 1 }, (_, i) => Number(`1e${from + i}`));
  const within = (marks) => marks.filter((mark) => mark >= low * (1 - 1e-6) && mark <= high * (1 + 1e-6));
  const every = Math.max(1, Math.ceil((to - from) / 6));
  const whole = within(powers.filter((_, i) => (from + i) % every === 0));
  if (whole.length > few) return whole;
  const finer = within(powers.flatMap((power) => [power, 2 * power, 5 * power]));
  return finer.length > 2 ? finer : nice(low, high, 4);
};
