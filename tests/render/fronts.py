"""A front end for widgets without a kernel: a page whose model the test plays the kernel of."""

from __future__ import annotations

import json

#: a model as anywidget gives it; `tell` sends a frame as the kernel would
MODEL = """
const none = new DataView(new ArrayBuffer(0)), traits = {state: "idle", run: 0, film: {}, frames: none, guesses: none};
const heard = {}, sent = [];
window.sent = sent; window.interrupts = 0;
const model = {
  get: (name) => traits[name],
  on: (name, act) => { (heard[name] ??= new Set()).add(act); },
  off: (name, act) => heard[name]?.delete(act),
  send: (message) => sent.push(message),
  widget_manager: {kernel: {interrupt: () => { window.interrupts += 1; }}},
};
window.heard = () => Object.values(heard).reduce((count, acts) => count + acts.size, 0);
window.put = (name, value) => { traits[name] = value; heard[`change:${name}`]?.forEach((act) => act()); };
const view = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
window.bytes = (name, text) => put(name, view(text));
window.tell = (message, buffers) => heard["msg:custom"]?.forEach((act) => act(message, buffers.map(view)));
const code = await import(URL.createObjectURL(new Blob([SOURCE], {type: "text/javascript"})));
const widget = code.default();
window.quit = widget.initialize({model});
window.open_view = () => {
  const el = document.createElement("div");
  document.body.append(el);
  return widget.render({model, el});
};
window.close_view = open_view();
window.ready = true;
"""


def widget_page(module: str, style: str) -> str:
    """A page with one view of the widget that a module makes."""
    source = f"const SOURCE = {json.dumps(module)};{MODEL}".replace("</", "<\\/")
    return f'<!doctype html><style>{style}</style><body class="nbr-page"><script type="module">{source}</script>'
