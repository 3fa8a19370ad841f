// A place among the frames of a run: a slider, a button that plays, and a line that says what stands there.
import { clamp, h, s } from "./marks.js";

// milliseconds of one still, and stills of a whole run, where less motion is asked for
export const STILL = 1000;
const STILLS = 8;
export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
const PLAY = "M1 0L10 5L1 10Z", PAUSE = "M1 0H4V10H1ZM6 0H9V10H6Z";

export const icon = (d) => s("svg", { viewBox: "0 0 10 10", width: 10, height: 10, "aria-hidden": "true" }, s("path", { d }));
export const button = (name) => h("button", { type: "button", class: `nbr-button ${name}` });

// `stops()` are the steps there are; `moved()` is called when another one is chosen
export function player(stops, moved) {
  // the slider says the same when it is moved: read aloud at every frame of a run nobody could listen
  const play = button("nbr-play"), told = h("output", { class: "nbr-told", "aria-live": "off" });
  const slider = h("input", { type: "range", min: 0, max: 0, value: 0, "aria-label": "training step" });
  const root = h("div", { class: "nbr-scrub" }, play, slider, told);
  let follow = true, timer = null;

  const still = () => {
    clearInterval(timer);
    timer = null;
    play.replaceChildren(icon(PLAY));
    play.setAttribute("aria-label", "play");
  };
  const show = (at) => {
    slider.value = at;
    follow = Number(slider.value) === Number(slider.max);
    moved();
  };
  const near = (step) => {
    const far = (at) => Math.abs(stops()[at] - step);
    still();
    show(stops().reduce((best, _, at) => (far(at) < far(best) ? at : best), 0));
  };
  play.onclick = () => {
    if (timer) return still();
    if (Number(slider.value) >= Number(slider.max)) show(0);
    play.replaceChildren(icon(PAUSE));
    play.setAttribute("aria-label", "pause");
    const slow = calm(), by = slow ? Math.ceil(stops().length / STILLS) : 1;
    timer = setInterval(() => {
      if (Number(slider.value) >= Number(slider.max)) still();
      else show(Number(slider.value) + by);
    }, slow ? STILL : clamp(5000 / stops().length, 20, 250)); // a whole run takes about five seconds
  };
  slider.oninput = () => { still(); show(slider.value); };
  still();
  return {
    root,
    still,
    at: () => Number(slider.value),
    step: () => stops()[Number(slider.value)] ?? 0,
    // more frames have come: it stays where it is, or follows the last one
    grown: () => {
      slider.max = Math.max(0, stops().length - 1);
      if (follow) slider.value = slider.max;
    },
    tell: (text) => {
      told.textContent = text;
      slider.style.setProperty("--at", `${(100 * slider.value) / Math.max(1, slider.max)}%`);
      slider.setAttribute("aria-valuetext", text);
    },
    // dragging on a drawing moves it too; `plot()` is what is drawn there
    drags: (figure, plot) => {
      figure.onpointerdown = figure.onpointermove = (event) => {
        if (event.buttons && plot()) near(plot().stepAt(event.clientX - plot().root.getBoundingClientRect().left));
      };
    },
  };
}

export const caption = (title, rest) => h("figcaption", {}, h("strong", {}, title), rest);
export const roomOf = (figure) => Math.floor(figure.clientWidth) || 440;

// calls `draw` when the room for it has changed
export const onResize = (root, draw) => {
  let width = 0;
  const watch = new ResizeObserver(() => {
    if (Math.abs(root.clientWidth - width) < 1) return;
    width = root.clientWidth;
    draw();
  });
  watch.observe(root);
  return () => watch.disconnect();
};
