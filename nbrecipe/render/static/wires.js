// Where a saved page finds, by name, what asks its kernel: nothing stands here where none runs.

export const wires = (globalThis[Symbol.for("nbrecipe.wires")] ??= new Map());
export const CHANGED = "nbrecipe-wires";
export const told = () => document.dispatchEvent(new Event(CHANGED));

// tells a view that is still on some page that a kernel came or went
export function follow(root) {
  const held = new WeakRef(root), hear = () => {
    const view = held.deref();
    if (view) view.dispatchEvent(new Event(CHANGED));
    else document.removeEventListener(CHANGED, hear);
  };
  document.addEventListener(CHANGED, hear);
}
