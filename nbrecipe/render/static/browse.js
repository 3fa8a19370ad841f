// A data set to browse: the first rows stand in the page; where a kernel runs, all of them scroll, sorted and filtered.
import { bars } from "./bars.js";
import { drawn, shapes, spoken } from "./card.js";
import { grid } from "./grid.js";
import { asker, stand } from "./kernel.js";
import { h } from "./marks.js";
import { unpacked } from "./packing.js";

// milliseconds that typing waits; tags that have a key
const TYPING = 250, KEYS = 9;

export async function snapshot(root, packed) {
  const [head] = await unpacked(packed);
  stand(root, head, browser);
}

const button = (name, label) => h("button", { type: "button", class: "nbr-button", ...(label && { "aria-label": label, title: label }) }, name);
const field = (label, props) => h("input", { type: "text", "aria-label": label, placeholder: label, spellcheck: "false", autocomplete: "off", ...props });

function browser(head, root) {
  const ask = { filter: "", search: "", sort: "", descending: false, wrong: false, ...head.ask };
  const status = h("output", { "aria-live": "polite" }), why = h("span", { class: "nbr-why", role: "alert" });
  let gone = false, pending = 0, blind = false;

  // what the kernel is asked ----------------------------------------------------------------------------------------
  const kernel = asker(head, "browse", { slow: () => told("the kernel answers when it is free …"), lost: () => lost() });
  const question = async (kind, more) => {
    pending += 1;
    const answer = await kernel(kind, more);
    pending -= 1;
    told();
    return answer;
  };
  const told = (words) => {
    root.setAttribute("aria-busy", pending > 0);
    const said = gone ? "" : words ?? (list.total ? `${list.total === head.total ? "" : `${list.total} of `}${head.extent}` : "no row fits");
    if (status.textContent !== said) status.textContent = said; // what did not change is not read out again
  };
  const lost = () => {
    gone = true;
    refuse("The kernel that read these rows is gone: run the cell again.");
    told();
  };
  const refuse = (sentence, input) => {
    why.replaceChildren(...(sentence ?? "").split("`").map((part, i) => (i % 2 ? h("code", {}, part) : part)));
    for (const each of [filter, search]) each.toggleAttribute("aria-invalid", each === input && !!sentence);
  };

  // the rows --------------------------------------------------------------------------------------------------------
  const shape = { ...(shapes[head.kind] ?? shapes.cells) };
  if (shape.width && head.judges) shape.height += 18;
  const fill = (place, card) => {
    place.className = `nbr-card ${shape.width ? "nbr-tile" : "nbr-strip-card"}${place.classList.contains("nbr-active") ? " nbr-active" : ""}`;
    place.replaceChildren(...(card ? drawn(card) : []));
    if (card) place.setAttribute("aria-label", spoken(card, blind));
    else place.setAttribute("aria-label", "being read");
  };
  const fetch = async (from, to) => {
    const answer = await question("rows", { ...ask, from, to });
    if (answer?.refused) refuse(answer.refused);
    return answer?.cards ? answer : null;
  };
  const list = grid({
    name: "examples", shape, fill, fetch,
    chosen: () => { told(); marks(); if (!full.hidden) show(); },
    opened: () => { full.hidden = false; show(); },
    keys: (event) => key(event),
  });
  const key = (event) => {
    if (/^[1-9]$/.test(event.key) && tags[event.key - 1]) tag(tags[event.key - 1]);
    else if (event.key === "t") box.focus();
    else if (event.key === "/") filter.focus();
    else if (event.key === "Escape" && !full.hidden) close();
    else return false;
    return true;
  };

  // what is asked for -----------------------------------------------------------------------------------------------
  const filter = field("filter", { class: "nbr-filter", placeholder: `filter: ${head.example}`, value: ask.filter });
  const search = field("search words", { type: "search", value: ask.search });
  const sort = h("select", { "aria-label": "sort by" }, h("option", { value: "" }, "as they stand"));
  for (const [name, plain] of head.fields) if (name !== "row") sort.append(h("option", { value: plain }, `by ${name}`));
  if (ask.sort && ![...sort.options].some((each) => each.value === ask.sort)) sort.append(h("option", { value: ask.sort }, `by ${ask.sort}`));
  sort.value = ask.sort;
  const down = button("", "");
  const wrong = h("input", { type: "checkbox" }), labels = h("input", { type: "checkbox" });
  wrong.checked = ask.wrong;
  labels.checked = true;
  const point = () => {
    down.textContent = ask.descending ? "↓" : "↑";
    down.setAttribute("aria-label", ask.descending ? "greatest first; turn round" : "least first; turn round");
    down.title = down.getAttribute("aria-label");
  };
  let typing = 0, run = 0;
  const again = async (input) => {
    const mine = (run += 1);
    Object.assign(ask, { filter: filter.value, search: search.value, sort: sort.value, wrong: wrong.checked });
    point();
    const answer = await question("rows", { ...ask, from: 0, to: list.fits });
    if (mine !== run || !answer) return;
    refuse(answer.refused, input);
    if (answer.refused) return;
    list.restart(answer.total, answer.cards);
    told();
    if (spread.open) count();
    if (!full.hidden) (list.total ? show() : close());
  };
  const type = (input) => { clearTimeout(typing); typing = setTimeout(() => again(input), TYPING); };
  for (const input of [filter, search]) {
    input.oninput = () => type(input);
    input.onkeydown = (event) => {
      event.stopPropagation();
      if (event.key === "Enter") { clearTimeout(typing); again(input); }
      if (event.key !== "Escape" && event.key !== "ArrowDown") return;
      event.preventDefault();
      list.node.focus({ preventScroll: true });
    };
  }
  sort.onchange = () => { ask.descending = ["loss", "outlier"].includes(sort.value); again(); };
  down.onclick = () => { ask.descending = !ask.descending; again(); };
  wrong.onchange = () => again();
  labels.onchange = () => {
    blind = !labels.checked;
    node.classList.toggle("nbr-blind", blind);
  };

  // one of them in full ---------------------------------------------------------------------------------------------
  const title = h("strong", { "aria-live": "polite" }), place = h("div", {}), back = button("‹", "previous example"), on = button("›", "next example"), shut = button("×", "close");
  const full = h("aside", { class: "nbr-full", role: "region", "aria-label": "example in full" }, h("div", { class: "nbr-leaf" }, back, on, title, shut), place);
  full.hidden = true;
  let wanted = null, looking = false;
  const show = async () => {
    const card = list.card(list.active);
    wanted = card?.row ?? null;
    if (looking || wanted == null) return;
    looking = true;
    const row = wanted, answer = await question("whole", { row });
    looking = false;
    if (wanted !== row) return show();
    if (!answer) return;
    title.textContent = `row ${row}`;
    full.dataset.row = row;
    if (answer.refused) place.textContent = answer.refused;
    else place.innerHTML = answer.html; // made by our own renderer, which escapes what is the user's
  };
  const close = () => { full.hidden = true; list.node.focus({ preventScroll: true }); };
  back.onclick = () => list.choose(list.active - 1);
  on.onclick = () => list.choose(list.active + 1);
  shut.onclick = close;
  full.onkeydown = (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) list.choose(list.active + by);
    else if (event.ctrlKey || event.metaKey || event.altKey || !key(event)) return;
    event.preventDefault();
    event.stopPropagation();
  };

  // tags ------------------------------------------------------------------------------------------------------------
  const tags = [...head.tags], counts = {}, box = field("new tag", { class: "nbr-box-of-tag", placeholder: "tag this example: name, Enter" });
  const chips = h("span", { class: "nbr-chips" }), tagging = h("div", { class: "nbr-tagging", role: "group", "aria-label": "tags" }, chips, box,
    h("span", { class: "nbr-place", id: `${list.node.id}-keys` }, "arrows move · Enter opens · t tags · 1 to 9 tag again · / filters · Escape goes back"));
  list.node.setAttribute("aria-describedby", `${list.node.id}-keys`);
  const marks = () => {
    const own = list.card(list.active)?.tags ?? [], names = tags.map((name, i) => {
      const chip = button(`${i < KEYS ? `${i + 1} ` : ""}${name}${counts[name] ? ` (${counts[name]})` : ""}`);
      chip.setAttribute("aria-pressed", own.includes(name));
      chip.onclick = () => tag(name);
      return chip;
    });
    chips.replaceChildren(...names);
  };
  const tag = async (name) => {
    const at = list.active, card = list.card(at);
    if (!card) return;
    const answer = await question("tag", { row: card.row, tag: name, on: !(card.tags ?? []).includes(name) });
    if (!answer) return;
    refuse(answer.refused);
    if (answer.refused) return;
    card.tags = answer.tags.length ? answer.tags : undefined;
    for (const each of Object.keys(answer.counts)) if (!tags.includes(each)) tags.push(each);
    for (const each of tags) counts[each] = answer.counts[each] ?? 0;
    list.refresh(at);
    marks();
    node.dataset.tagged = Object.values(counts).reduce((a, b) => a + b, 0);
  };
  box.onkeydown = (event) => {
    event.stopPropagation();
    if (event.key === "Escape") list.node.focus({ preventScroll: true });
    if (event.key !== "Enter" || !box.value.trim()) return;
    tag(box.value.trim());
    box.value = "";
    list.node.focus({ preventScroll: true });
  };

  // a column of those that are shown --------------------------------------------------------------------------------
  const column = h("select", { "aria-label": "column of the histogram" }), chart = h("div", { class: "nbr-chart" });
  for (const [name] of head.fields) if (name !== "row") column.append(h("option", { value: name }, name));
  const spread = h("details", { class: "nbr-spread" }, h("summary", {}, h("span", { class: "nbr-open" }, "histogram")), column, chart);
  let counted = null, wide = 0;
  const paint = () => {
    wide = chart.clientWidth;
    if (counted && wide) chart.replaceChildren(...bars(counted, Math.max(200, wide - 8)));
  };
  const count = async () => {
    const answer = await question("bars", { ...ask, column: column.value });
    if (!answer || answer.refused) return;
    counted = answer;
    paint();
  };
  new ResizeObserver(() => Math.abs(chart.clientWidth - wide) > 1 && paint()).observe(chart);
  spread.ontoggle = () => spread.open && count();
  column.onchange = count;
  spread.hidden = !column.options.length;

  const box_of = (input, name) => h("label", {}, input, ` ${name}`);
  const tools = h("div", { class: "nbr-tools", role: "group", "aria-label": "what is shown" }, head.searches ? search : null, filter,
    h("span", { class: "nbr-sort" }, sort, down), head.judges ? box_of(wrong, "wrong only") : null, head.labelled ? box_of(labels, "labels") : null);
  const node = h("div", { class: "nbr-browser", "data-lm-suppress-shortcuts": "true" }, tools, h("div", { class: "nbr-said" }, status, why),
    h("div", { class: "nbr-both" }, list.node, full), tagging, spread);
  point();
  marks();
  requestAnimationFrame(() => { list.restart(head.count); told(); });
  return { node, lost, back: () => { if (gone) { gone = false; refuse(); again(); } } };
}
