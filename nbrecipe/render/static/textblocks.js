// Texts and tokens as packed.py wrote them, and the pieces of a text that are drawn at once.

export const MARKS = {
  special: 1, padding: 2, unknown: 4, byte: 8, cut: 16, unseen: 32, counted: 64, apart: 128, missing: 256,
};
export const IGNORED = -100;
// spans of a text that is drawn whole; of a longer one those of a block, and those after which one ends at the next space
const WHOLE = 400, MOST = 240, ENOUGH = 150;

const summed = (counts) => {
  let sum = 0;
  return counts.map((count) => (sum += count));
};
// the first place whose end lies beyond `value`
const beyond = (ends, value) => {
  let low = 0, high = ends.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ends[middle] > value) high = middle;
    else low = middle + 1;
  }
  return low;
};

export function lines(head, bytes) {
  const readings = head.lines.flatMap((line) => line.readings ?? []);
  let at = 0;
  const take = (Kind, count) => {
    const part = new Kind(bytes.buffer, at, count);
    at += part.byteLength;
    return part;
  };
  for (const reading of readings) {
    for (const name of ["units", "spans", "tokens"]) reading[name] ??= 0;
    reading.ends = summed(take(Int32Array, reading.spans));
    reading.last = summed(take(Int32Array, reading.spans));
    reading.ids = take(Int32Array, reading.tokens);
    reading.targets = reading.labels ? take(Int32Array, reading.tokens) : null;
    reading.order = reading.places ? take(Int32Array, reading.tokens) : null;
  }
  for (const reading of readings) {
    reading.marks = take(Uint16Array, reading.tokens);
    reading.letters = take(Uint16Array, reading.units);
    reading.seen = reading.marks.reduce((all, mark) => all | mark, 0);
  }
  return head.lines.map((line, number) => new Line(line, number, head.kind === "text"));
}

// the id of a token, those that four bytes do not hold too
export const idOf = (reading, i) => reading.far?.[i] ?? reading.ids[i];
export const startOf = (reading, span) => (span ? reading.ends[span - 1] : 0);
export const firstOf = (reading, span) => (span ? reading.last[span - 1] : 0);
export function textOf(reading, span) {
  const part = reading.letters.subarray(startOf(reading, span), reading.ends[span]);
  let text = "";
  for (let i = 0; i < part.length; i += 4096) text += String.fromCharCode(...part.subarray(i, i + 4096));
  return text;
}
export function marksOf(reading, span) {
  let all = 0;
  for (let i = firstOf(reading, span); i < reading.last[span]; i += 1) all |= reading.marks[i];
  return all;
}

class Line {
  // `same`: all readings are of one text; else they are rows, with a token of each at every place
  constructor(given, number, same) {
    Object.assign(this, { failed: "", given: "", lost: "", caption: "", readings: [] }, given, { number, same });
  }
  has(mark) { return this.readings.some((reading) => reading.seen & MARKS[mark]); }
  // whether a span has tokens
  holds(reading, span) { return this.readings[reading].last[span] > (span ? this.readings[reading].last[span - 1] : 0); }
  // the next span that has tokens
  next(reading, span, by) {
    for (let to = span + by; to >= 0 && to < this.readings[reading].spans; to += by) if (this.holds(reading, to)) return to;
    return null;
  }
  // what stands for the same in the other readings: characters where the text is the same, places else
  twins(reading, span) {
    const own = this.readings[reading], start = startOf(own, span), end = own.ends[span], found = [];
    this.readings.forEach((other, r) => {
      if (r === reading) return;
      const bounds = this.same ? [start, end] : [firstOf(own, span), own.last[span]], ends = this.same ? other.ends : other.last;
      for (let to = beyond(ends, bounds[0]); to < other.spans && found.length < 64; to += 1) {
        if ((to ? ends[to - 1] : 0) >= bounds[1]) break;
        found.push([r, to]);
      }
    });
    return found;
  }
}

class Block {
  constructor(line, ranges) {
    Object.assign(this, { line, ranges });
  }
  holds(reading, span) {
    const [from, to] = this.ranges[reading] ?? [0, 0];
    return span >= from && span < to;
  }
  // lines of text that it may take
  lines(across) {
    const each = this.ranges.map(([from, to], r) => {
      const reading = this.line.readings[r], begin = startOf(reading, from), end = to > from ? reading.ends[to - 1] : begin;
      let breaks = 0;
      for (let i = begin; i < end; i += 1) breaks += reading.letters[i] === 10;
      return Math.max(1, Math.ceil((end - begin + 6) / across) + breaks);
    });
    return Math.max(1, ...each);
  }
}

export function blocks(line) {
  const lead = Math.max(0, line.readings.findIndex((reading) => reading.spans)), one = line.readings[lead];
  if (!one) return [Object.assign(new Block(line, []), { first: true, last: true })];
  const made = [];
  let from = line.readings.map(() => 0);
  while (from[lead] < one.spans || !made.length) {
    const to = line.readings.map((reading, r) => (r === lead ? cut(one, from[lead]) : reading.spans));
    if (to[lead] < one.spans) {
      line.readings.forEach((reading, r) => {
        if (r === lead) return;
        const [ends, value] = line.same ? [reading.ends, one.ends[to[lead] - 1]] : [reading.last, one.last[to[lead] - 1]];
        to[r] = Math.max(from[r], Math.min(reading.spans, beyond(ends, value)));
      });
    }
    made.push(new Block(line, from.map((start, r) => [start, to[r]])));
    from = to;
  }
  made[0].first = made.at(-1).last = true;
  return made;
}

// where a block that begins here ends: at the end of a line or at a space, where one comes soon
function cut(reading, from) {
  if (reading.spans - from <= (from ? MOST : WHOLE)) return reading.spans;
  let space = 0;
  for (let span = from + ENOUGH; span < from + MOST; span += 1) {
    const start = startOf(reading, span), end = reading.ends[span];
    if (end > start && reading.letters[end - 1] === 10) return span + 1;
    if (!space && end > start && reading.letters[start] === 32) space = span;
  }
  return space || from + MOST;
}
