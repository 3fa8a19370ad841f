// Between a page and its kernel, without a view of its own: `ask(number, hear)` fetches one batch, `ask(number, hear,
// question)` an answer to something else, under a number of its own.
import { told, wires } from "./wires.js";

export default () => ({
  initialize({ model }) {
    const name = model.get("name"), asked = new Map();
    const ask = (number, hear, question = { kind: "batch" }) => {
      if (!asked.has(number)) model.send({ ...question, number }); // throws where the kernel is gone
      asked.set(number, [...(asked.get(number) ?? []), hear]);
    };
    const heard = ({ number, ...answer }) => {
      const waiting = asked.get(number) ?? [];
      asked.delete(number);
      for (const hear of waiting) hear(answer);
    };
    model.on("msg:custom", heard);
    wires.set(name, ask);
    told();
    return () => {
      model.off("msg:custom", heard);
      wires.delete(name);
      told();
    };
  },
});
