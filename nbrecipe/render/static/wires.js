// Where a saved page finds, by name, what asks its kernel: nothing stands here where none runs.

export const wires = (globalThis[Symbol.for("nbrecipe.wires")] ??= new Map());
export const CHANGED = "nbrecipe-wires";
export const told = () => document.dispatchEvent(new Event(CHANGED));
