// What a language model writes on by itself, at a step of its training, beside how the texts really go on.
import { caption } from "./player.js";
import { h } from "./marks.js";

// letters at the front that two texts share, whole ones: half of a surrogate pair is none
function shared(one, other) {
  const [a, b] = [[...one], [...other]], end = a.findIndex((letter, i) => letter !== b[i]);
  return end < 0 ? one.length : a.slice(0, end).join("").length;
}

export function writtenAt(written, step) {
  const at = written ? written.steps.findLastIndex((each) => each <= step) : -1;
  if (at < 0) return [];
  const texts = written.prompts.map((prompt, i) => {
    const text = written.texts[at][i], target = written.targets[i], right = shared(text, target);
    const said = [h("span", { class: "nbr-given" }, prompt), h("b", { class: "nbr-right" }, text.slice(0, right)), h("b", { class: "nbr-other" }, text.slice(right))];
    const goes = right === target.length ? "" : target;
    return h("div", { class: "nbr-wrote", dir: "auto" }, h("p", {}, ...said), goes && h("p", { class: "nbr-goes" }, h("span", {}, "target: "), goes));
  });
  return [h("div", { class: "nbr-writing" }, caption("What it writes by itself", ` at step ${written.steps[at]}, after the words in grey`), ...texts)];
}
