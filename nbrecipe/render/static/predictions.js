// Predictions against labels: for each kind of prediction, how far it is from its label.
import { HEIGHT, bounds, clamp, dressed, figures, h, letters, line, nice, numbers, plot, product, s, short, words } from "./marks.js";

const MAX_ROWS = 24, MAX_TOKENS = 64, MAX_DOTS = 600;

const named = (film, id) => film.names[id] ?? String(id);
// a label says the class by its number or by its name
const missed = (film, frame, guess, row) =>
  guess ? ![String(guess[row]), film.names[guess[row]]].includes(film.labels[row]) : !(frame[row] >= 0.5);

// how far a value may be off and still stand on its target: 5 % of the standard deviation of its column
function reach(film) {
  const columns = product(film.shape.slice(1));
  return Array.from({ length: columns }, (_, k) => {
    const column = numbers(film.targets.filter((_, i) => i % columns === k)), n = column.length || 1;
    const mean = column.reduce((sum, v) => sum + v, 0) / n, spread = Math.sqrt(column.reduce((sum, v) => sum + (v - mean) ** 2, 0) / n);
    return 0.05 * (spread || column.reduce((sum, v) => sum + Math.abs(v), 0) / n);
  });
}
const stands = (film, near, frame, i) => Math.abs(frame[i] - film.targets[i]) <= near[i % near.length];

// where there are too many rows for the picture: those that refused, then the others, in order
function rowsShown(film, count, most = MAX_ROWS) {
  const every = Array.from({ length: count }, (_, row) => row), refused = new Set(film.refused);
  if (count <= most) return every;
  const chosen = [...every.filter((row) => refused.has(row)), ...every.filter((row) => !refused.has(row))];
  return chosen.slice(0, most).sort((a, b) => a - b);
}
const part = (shown, all, of) => (shown < all ? `${shown} of ${all} ${of} shown` : "");

function drawClasses(film, frame, guess, width) {
  const count = film.labels.length, rows = rowsShown(film, count), pitch = clamp((HEIGHT - 28) / rows.length, 14, 22);
  const height = Math.max(HEIGHT, rows.length * pitch + 28), root = plot(width, height), brief = letters(film.labels) <= 42;
  const label = (row) => (brief ? `label ${film.labels[row]}` : short(film.labels[row]));
  const left = Math.min(letters(rows.map(label)), 110) + 10;
  const right = width - 34 - clamp(letters([...Object.values(film.names), "00"]), 14, 80);
  const x = (p) => left + (right - left) * clamp(p || 0, 0, 1);
  rows.forEach((row, i) => {
    const y = 12 + i * pitch, p = x(frame[row]), wrong = missed(film, frame, guess, row), name = wrong ? "nbr-wrong" : "nbr-yours";
    root.append(words(0, y + 4, label(row)), line(x(0), y, x(1), y, "nbr-grid"), line(p, y, x(1), y, `nbr-stem ${name}`));
    root.append(line(x(1), y - 5, x(1), y + 5, "nbr-tick"), s("circle", { cx: p, cy: y, r: 3.5, class: `nbr-dot ${name}` }));
    if (wrong && guess) root.append(words(x(1) + 9, y + 4, `→ ${short(named(film, guess[row]), 10)}`, "nbr-said"));
  });
  root.append(words(x(0), height - 6, "0"), words(x(1), height - 6, "1", "nbr-middle"));
  root.append(words(x(0.5), height - 6, "probability of the label", "nbr-middle"));
  return [root, part(rows.length, count, "rows")];
}

function drawMultilabel(film, frame, guess, width) {
  const [count, labels] = film.shape, rows = rowsShown(film, count), columns = Math.min(labels, MAX_ROWS);
  const left = letters(rows.map((row) => `row ${row}`)) + 10, titles = Array.from({ length: columns }, (_, k) => named(film, k));
  const cell = clamp(Math.min((width - left) / columns, (HEIGHT - 40) / rows.length), 12, 28), tilted = letters(titles) > cell;
  const head = tilted ? Math.min(letters(titles), 100) + 8 : 20, root = plot(width, head + rows.length * cell + 4);
  const box = (x, y, side, name) => s("rect", { x: x - side / 2, y: y - side / 2, width: side, height: side, class: name });
  titles.forEach((title, k) => {
    const x = left + (k + 0.5) * cell, turned = { transform: `translate(${x + 4} ${head - 6}) rotate(-90)` };
    root.append(tilted ? s("text", turned, short(title)) : words(x, head - 6, title, "nbr-middle"));
  });
  rows.forEach((row, i) => {
    const y = head + (i + 0.5) * cell;
    root.append(words(0, y + 4, `row ${row}`));
    for (let k = 0; k < columns; k++) {
      const at = row * labels + k, x = left + (k + 0.5) * cell, p = clamp(frame[at] || 0, 0, 1), is = film.targets[at] >= 0.5;
      root.append(box(x, y, (cell - 6) * Math.sqrt(p), p >= 0.5 === is ? "nbr-fill nbr-yours" : "nbr-fill nbr-wrong"));
      root.append(box(x, y, cell - 3, is ? "nbr-frame" : "nbr-frame nbr-grid"));
    }
  });
  return [root, part(rows.length, count, "rows") || part(columns, labels, "labels")];
}

function drawRegression(film, frame, guess, width) {
  const top = 10, bottom = HEIGHT - 24, right = width - 10, root = plot(width, HEIGHT), near = reach(film);
  const [least, most] = bounds(film.targets), pad = 0.08 * (most - least || Math.abs(most) || 1);
  const low = least - pad, high = most + pad, share = (value) => (clamp(value, low, high) - low) / (high - low);
  const ticks = nice(low, high, 4), names = ticks.map((tick) => figures(tick)), left = letters(names) + 12;
  const x = (value) => left + (right - left) * share(value), y = (value) => bottom - (bottom - top) * share(value);
  ticks.forEach((tick, i) => {
    root.append(line(left, y(tick), right, y(tick), "nbr-grid"), words(left - 8, y(tick) + 4, names[i], "nbr-end"));
    if (x(tick) < right - 60) root.append(words(x(tick), HEIGHT - 6, names[i], "nbr-middle"));
  });
  root.append(line(x(low), y(low), x(high), y(high), "nbr-dashed"));
  root.append(words(right, HEIGHT - 6, "target", "nbr-end"), words(left + 4, top + 6, "predicted", "nbr-halo"));
  const every = Math.ceil(film.targets.length / MAX_DOTS);
  for (let i = 0; i < film.targets.length; i += every) {
    const name = stands(film, near, frame, i) ? "nbr-yours" : "nbr-wrong", target = film.targets[i];
    const at = x(target), seen = y(Number.isFinite(frame[i]) ? frame[i] : low);
    root.append(line(at, seen, at, y(target), `nbr-stem ${name}`), s("circle", { cx: at, cy: seen, r: 3.5, class: `nbr-dot ${name}` }));
  }
  return [root, every > 1 ? `one value in ${every} shown` : ""];
}

const visible = (token) => token.replace(/^[Ġ▁ ]/u, "·").replaceAll(/Ċ|\n/gu, "⏎").replaceAll("\t", "⇥") || "∅";

function drawTokens(film, frame, guess) {
  const [count, length] = film.shape, rows = rowsShown(film, count, 8), root = h("div", { class: "nbr-texts" });
  for (const row of rows) {
    const text = h("p", { class: "nbr-text" });
    let left = 0;
    const gap = () => { if (left) text.append(h("span", { class: "nbr-gap" }, `${left} not counted`)); left = 0; };
    for (let i = row * length; i < row * length + Math.min(length, MAX_TOKENS); i++) {
      if (film.targets[i] === film.ignored) { left += 1; continue; }
      gap();
      const wrong = guess && guess[i] !== film.targets[i], p = clamp(frame[i] || 0, 0, 1).toFixed(3);
      const said = h(wrong ? "s" : "span", { class: "nbr-said" }, wrong ? short(visible(named(film, guess[i]))) : "");
      const props = { class: wrong ? "nbr-token nbr-missed" : "nbr-token", style: `--p:${p}`, title: `probability ${p}` };
      text.append(h("span", props, visible(named(film, film.targets[i])), said));
    }
    gap();
    root.append(text);
  }
  return [root, part(rows.length, count, "texts")];
}

function drawImages(film, frame, guess, width) {
  const [count, rows, columns] = film.shape, root = h("div", { class: "nbr-images" });
  const [low, high] = film.limits ?? bounds([...film.targets, ...frame]);
  const lines = Math.ceil(count / Math.max(1, Math.floor(width / 52))), across = Math.ceil(count / lines);
  const side = Math.floor(clamp(width / across - 8, 40, HEIGHT / 2 / lines - 6));
  root.style.maxWidth = `${across * (side + 8)}px`;
  const paint = (name, values, from) => {
    const canvas = h("canvas", { width: columns, height: rows, style: `width:${side}px` }), pixels = new ImageData(columns, rows);
    for (let i = 0; i < rows * columns; i++) {
      const grey = (255 * (values[from + i] - low)) / (high - low || 1);
      pixels.data.set([grey, grey, grey, 255], 4 * i);
    }
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    const mean = values.subarray ? values.subarray(from, from + rows * columns) : values.slice(from, from + rows * columns);
    const told = `${name}, ${columns} × ${rows}, mean ${figures(mean.reduce((all, value) => all + value, 0) / mean.length, 3)}`;
    return dressed(canvas, { role: "img", "aria-label": told }, []);
  };
  for (let i = 0; i < count; i++) {
    const at = i * rows * columns;
    const label = film.labels[i] ?? `example ${i}`;
    root.append(h("div", { title: label }, paint(`target of ${label}`, film.targets, at), paint(`prediction of ${label}`, frame, at)));
  }
  return [root, ""];
}

const counted = (film, holds) => `${film.targets.filter((_, i) => holds(i)).length} of ${film.targets.length} aligned`;

function imagesAligned(film, frame) {
  const { length } = film.targets, pixels = product(film.shape.slice(1)), near = 3 * reach({ ...film, shape: [length] })[0];
  if (film.targets.every(Number.isInteger)) {
    const right = film.targets.filter((target, i) => Math.abs(frame[i] - target) < 0.5).length;
    return `${Math.floor((100 * right) / length)} % of pixels right`;
  }
  const off = Array.from({ length: film.shape[0] }, () => 0);
  film.targets.forEach((target, i) => { off[Math.floor(i / pixels)] += (frame[i] - target) ** 2 / pixels; });
  return `${off.filter((square) => Math.sqrt(square) <= near).length} of ${off.length} aligned`;
}

// those that are off, in words: the first few of them
const FEW = 5;
const few = (told) => (told.length > FEW ? [...told.slice(0, FEW), `and ${told.length - FEW} more`] : told).join(", ");
const offClasses = (film, frame, guess) => few(film.labels.map((label, row) => [label, row]).filter(([, row]) => missed(film, frame, guess, row))
  .map(([label, row]) => `label ${label} at probability ${figures(frame[row], 2)}${guess ? `, guessed ${named(film, guess[row])}` : ""}`));
const offNumbers = (film, frame) => {
  const near = reach(film), off = Array.from(film.targets, (_, i) => i).filter((i) => !stands(film, near, frame, i));
  return few(off.map((i) => `${figures(frame[i], 3)} where ${figures(film.targets[i], 3)} is right`));
};

// for each kind: what the caption says, how many predictions stand on their labels, and the drawing
export const KINDS = {
  classes: {
    says: ["Prediction meets label", "every dot should reach its tick"],
    aligned: (film, frame, guess) => {
      const right = film.labels.filter((_, row) => !missed(film, frame, guess, row));
      return `${right.length} of ${film.labels.length} aligned`;
    },
    off: offClasses,
    draw: drawClasses,
  },
  multilabel: {
    says: ["Prediction meets labels", "framed squares should fill, the others empty"],
    aligned: (film, frame) => counted(film, (i) => frame[i] >= 0.5 === film.targets[i] >= 0.5),
    draw: drawMultilabel,
  },
  regression: {
    says: ["Prediction meets target", "every dot should reach the diagonal"],
    aligned: (film, frame) => { const near = reach(film); return counted(film, (i) => stands(film, near, frame, i)); },
    off: offNumbers,
    draw: drawRegression,
  },
  tokens: {
    says: ["Prediction meets text", "shaded by probability, wrong guesses struck out"],
    aligned: (film, frame, guess) => {
      const all = film.targets.map((_, i) => i).filter((i) => film.targets[i] !== film.ignored);
      const right = all.filter((i) => (guess ? guess[i] === film.targets[i] : frame[i] >= 0.5));
      return `${right.length} of ${all.length} tokens aligned`;
    },
    draw: drawTokens,
  },
  images: { says: ["Prediction meets target", "target above, prediction below"], aligned: imagesAligned, draw: drawImages },
};
export const fits = (film, frame) => frame?.length === product(film.shape);
