// A person is asked card by card: keys or buttons answer, the kernel keeps each answer before it sends the next card.
import { asker, stand } from "./kernel.js";
import { h } from "./marks.js";
import { unpacked } from "./packing.js";

// milliseconds for which the place beneath may take what answers are worth (after a reload it hears of nothing); answers
// beyond which they are typed
const BENEATH = 700, BUTTONS = 12;
// milliseconds after a key or a click in which the focus leaves because the person moves it
const OWN = 1000;
// times that the focus is taken back before the next key: nothing is fought over
const AGAIN = 3;
let pages = 0;

export async function snapshot(root, packed) {
  const [head] = await unpacked(packed);
  stand(root, head, person);
}

const button = (label, act, props) => {
  const made = h("button", { type: "button", class: "nbr-button", ...props }, ...[label].flat());
  made.onclick = act;
  return made;
};

// A notebook takes the focus to a cell when its session comes back or its theme changes, and the next key would change that
// cell: what no key and no click of the person has moved comes back, from that notebook alone. `place()` is where to.
function stays(node, place) {
  let moved = -Infinity, taken = 0;
  const moves = () => { moved = performance.now(); };
  const key = (event) => {
    taken = 0;
    if (["Tab", "Escape", "F6"].includes(event.key) || event.ctrlKey || event.metaKey || event.altKey || !node.contains(event.target)) moves();
  };
  node.addEventListener("focusin", () => {
    addEventListener("pointerdown", moves, true);
    addEventListener("keydown", key, true);
  });
  node.addEventListener("focusout", (event) => {
    if (node.contains(event.relatedTarget)) return;
    removeEventListener("pointerdown", moves, true);
    removeEventListener("keydown", key, true);
    const asked = performance.now() - moved < OWN;
    requestAnimationFrame(() => {
      const now = document.activeElement, there = place(), within = now === document.body || now?.closest(".jp-Notebook")?.contains(node);
      if (asked || !there || !within || !document.hasFocus() || !node.isConnected || node.contains(now) || taken >= AGAIN) return;
      taken += 1;
      there.focus({ preventScroll: true });
    });
  });
}

function person(head, root) {
  const status = h("output", { "aria-live": "polite" }), why = h("span", { class: "nbr-why", role: "alert" });
  const bar = h("progress", { max: head.total, value: head.done, "aria-label": "cards answered" });
  const card = h("div", { class: "nbr-asked" }), place = h("div", { class: "nbr-answers" });
  const typed = head.kind === "number" || (head.kind === "class" && head.choices.length > BUTTONS);
  let now = null, shown = 0, cover = 0, busy = false, gone = false;

  const lost = () => {
    gone = true;
    why.textContent = `The kernel is gone; your answers are in ${head.place}: run the cell again to go on.`;
  };
  const question = asker(head, "person", { slow: () => { status.textContent = "the kernel answers when it is free …"; }, lost });
  const refuse = (sentence) => why.replaceChildren(...(sentence ?? "").split("`").map((part, i) => (i % 2 ? h("code", {}, part) : part)));

  // one request at a time: a key that is held down answers no card that was not seen
  const tell = async (ask, more) => {
    if (gone) return;
    if (busy) {
      if (ask !== "card") status.textContent = "that came before the next card, and is not counted: wait for the card …";
      return;
    }
    busy = true;
    root.setAttribute("aria-busy", true);
    const state = await question(ask, more);
    busy = false;
    root.removeAttribute("aria-busy");
    if (!state) return;
    refuse(state.refused);
    if (!state.refused) show(state);
  };
  const answer = (value) => now && tell("answer", { row: now.row, turn: now.turn, answer: value, seconds: (performance.now() - shown) / 1000 });
  const undo = () => tell("undo");

  const show = (state) => {
    const held = node.contains(document.activeElement), first = now === null && !held;
    clearTimeout(cover);
    now = state.html ? state : null;
    bar.value = state.done;
    back.disabled = state.done === 0;
    root.dataset.done = state.done;
    status.textContent = now ? `card ${state.done + 1} of ${state.total}${state.turn ? ", shown before" : ""}` : `all ${state.total} cards are answered`;
    if (now) card.innerHTML = state.html; // made by our own renderer, which escapes what is the user's
    else card.replaceChildren();
    if (state.outcome) setTimeout(() => {
      if (!now && !document.querySelector(`[data-answers="${head.wire}"]`)) card.innerHTML = state.outcome;
    }, BENEATH);
    card.classList.remove("nbr-covered");
    choices.hidden = !now;
    reset();
    shown = performance.now();
    if (now && head.seconds) cover = setTimeout(() => {
      card.classList.add("nbr-covered");
      card.replaceChildren(h("span", { class: "nbr-soft" }, "the time is over: answer what you saw"));
    }, head.seconds * 1000);
    if (held && !first) (now && typed ? input : node).focus({ preventScroll: true });
  };

  // what may be answered --------------------------------------------------------------------------------------------
  const id = `nbr-asked-${(pages += 1)}-${head.wire}`;
  const input = h("input", { type: "text", "aria-label": head.kind === "number" ? "your number" : "your answer", placeholder: head.kind === "number" ? "number, Enter" : "class, Enter", autocomplete: "off", spellcheck: "false", inputmode: head.kind === "number" ? "decimal" : "text", list: id });
  const options = h("datalist", { id }), chosen = new Set(), buttons = new Map();
  const choices = h("div", { class: "nbr-choices", role: "group", "aria-label": "answers" });
  const send = () => {
    const said = input.value.trim();
    if (!said) return;
    if (head.kind === "number") {
      const number = Number(said.replace(",", "."));
      return Number.isFinite(number) ? answer(number) : refuse(`an answer is a number; \`${said}\` is none`);
    }
    const close = head.choices.filter(([, name]) => name.toLowerCase().startsWith(said.toLowerCase()));
    const same = head.choices.find(([, name]) => name.toLowerCase() === said.toLowerCase()) ?? (close.length === 1 ? close[0] : null);
    same ? answer(same[0]) : refuse(close.length ? `${close.length} names begin with \`${said}\`` : `no class is called \`${said}\``);
  };
  input.onkeydown = (event) => {
    event.stopPropagation();
    if (event.key === "Enter") send();
    else if (event.key === "Backspace" && !input.value) undo();
    else if (event.key === "Escape") node.focus({ preventScroll: true });
    else return;
    event.preventDefault();
  };
  const toggle = (value) => {
    chosen.has(value) ? chosen.delete(value) : chosen.add(value);
    buttons.get(value).setAttribute("aria-pressed", chosen.has(value));
  };
  const pick = (value) => (head.kind === "flags" ? toggle(value) : answer(value));
  const reset = () => {
    input.value = "";
    chosen.clear();
    if (head.kind === "flags") for (const each of buttons.values()) each.setAttribute("aria-pressed", false);
  };
  if (typed) {
    if (head.kind === "class") options.append(...head.choices.map(([, name]) => h("option", { value: name })));
    choices.append(input, options, button("answer", send));
  } else {
    for (const [value, name, key] of head.choices) {
      const own = key && key !== name.toLowerCase() ? [h("kbd", {}, key), ` ${name}`] : name;
      const each = button(own, () => pick(value), key ? { "aria-keyshortcuts": key } : {});
      buttons.set(value, each);
      choices.append(each);
    }
    if (head.kind === "flags") choices.append(button([h("kbd", {}, "Enter"), " answer"], () => answer([...chosen])));
  }
  const back = button("undo", undo, { "aria-keyshortcuts": "Backspace" });
  const how = { number: `a number ${head.range}`, class: typed ? "type the name, or how it begins, and press Enter" : "keys answer", flags: "keys turn labels on and off, Enter answers" }[head.kind];
  const unheard = h("strong", { class: "nbr-unheard" }, "Keys are not heard yet: click the card, or go to it by Tab. ");
  const keys = `${how} · Backspace ${typed ? "in the empty field " : ""}takes the last answer back`;
  place.append(choices, h("div", { class: "nbr-asking-foot" }, back, h("span", { class: "nbr-place" }, unheard, `${keys} · each answer is kept in `, h("code", {}, head.place))));
  const node = h("div", { class: "nbr-asking", tabindex: "0", role: "region", "aria-label": `human baseline on ${head.name}`, "data-lm-suppress-shortcuts": "true" },
    h("div", { class: "nbr-said" }, bar, status, why), card, place);
  stays(node, () => now && !gone && (typed ? input : node));
  node.onkeydown = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const hit = typed ? null : head.choices.find(([, , key]) => key && key === event.key.toLowerCase());
    if (hit) pick(hit[0]);
    else if (event.key === "Backspace") undo();
    else if (event.key === "Enter" && head.kind === "flags" && event.target === node) answer([...chosen]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return { node, lost, back: () => { if (gone || now === null) { gone = false; refuse(); tell("card"); } } };
}
