"""What becomes of the outputs of models: who looks at them, what is made of them, what they are scored against."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ..measures.facts import tensors
from ..record.moments import Pass

#: outputs whose use is followed, and tensors computed from them
PENDING, DERIVED = 64, 256
#: outputs of one line alive at once: the last one stays in a variable until the next one is there, more are kept
KEPT = 3
#: calls that give the same values in another shape or place
SAME = frozenset({
    "squeeze", "unsqueeze", "view", "reshape", "flatten", "detach", "cpu", "to", "float", "double", "getitem", "select",
    "unbind", "contiguous", "permute", "transpose", "t", "cuda", "clone", "narrow", "chunk", "split", "movedim", "data",
    "cat", "concat", "stack", "vstack", "hstack",
})  # fmt: skip
#: calls that make a decision of scores
DECIDE = frozenset({"argmax", "max", "topk", "sort", "argsort"})


@dataclass
class Made:
    """A tensor that came out of a model, or was computed from one that did."""

    ref: weakref.ref[Tensor]
    seen: Pass
    model: str
    #: the output's own values, in whatever shape
    raw: bool


@dataclass
class Waiting:
    """A pass whose output may still be used."""

    seen: Pass
    outputs: list[weakref.ref[Tensor]] = field(default_factory=list)

    def alive(self) -> bool:
        return any(output() is not None for output in self.outputs)


class Uses:
    """Follows the outputs of models through the calls of torch that take them."""

    def __init__(self) -> None:
        self._waiting: list[Waiting] = []
        self._made: dict[int, Made] = {}

    def output(self, made: list[Tensor], seen: Pass, model: str) -> None:
        """A model gave these."""
        for tensor in made:
            self._remember(tensor, seen, model, True)
        self._waiting.append(Waiting(seen, [weakref.ref(tensor) for tensor in made]))
        if len(self._waiting) > PENDING:
            self._waiting.pop(0)

    def find(self, tensor: Any) -> Made | None:
        """What is known of a tensor; None where it has nothing to do with a model's output."""
        made = self._made.get(id(tensor))
        return made if made is not None and made.ref() is tensor else None

    def source(self, tensor: Any) -> str:
        """The model whose output this is, values as they came; empty where it is no such thing."""
        made = self.find(tensor)
        return made.model if made is not None and made.raw else ""

    def whole(self, tensor: Any) -> bool:
        """Whether this is a model's output, in the shape that it came in."""
        made = self.find(tensor)
        return made is not None and made.raw and made.seen.output is not None and made.seen.output.shape == tensor.shape

    def call(self, name: str, args: Iterable[Any], out: Any) -> None:
        """A call took these and gave that."""
        given = [made for x in tensors(list(args), 2) if (made := self.find(x)) is not None]
        if not given:
            return
        outs = list(tensors(out, 1))[:8]
        graded = any(tensor.requires_grad for tensor in outs)
        for made in given:
            made.seen.used = True
            made.seen.taught |= graded and not made.seen.grad
            if name in DECIDE and not made.seen.grad:
                made.seen.scored = made.seen.scored or "decision"
        first = given[0]
        for tensor in outs:
            if self.find(tensor) is None:
                self._remember(tensor, first.seen, first.model, first.raw and name in SAME)

    def entered(self, inputs: Iterable[Tensor], grad: bool) -> None:
        """A model was called with these."""
        for made in map(self.find, inputs):
            if made is not None:
                made.seen.used = True
                made.seen.taught |= grad and not made.seen.grad

    def carried(self, inputs: list[Tensor], model: str, step: int) -> bool:
        """Whether some inputs of a model, and not all, were made by itself before the last optimizer step."""
        found = [self.find(tensor) for tensor in inputs]
        own = [made is not None and made.model == model and made.seen.step < step for made in found]
        return any(own) and any(made is None for made in found)

    def scored(self, one: Any, other: Any, how: str) -> None:
        """An output met a tensor that no model made."""
        first, second = self.find(one), self.find(other)
        if (first is None) == (second is None) or not (isinstance(one, Tensor) and isinstance(other, Tensor)):
            return
        made = first or second
        if made is not None and not made.seen.grad and made.seen.scored in ("", "decision", "difference"):
            made.seen.scored = how

    def settle(self) -> None:
        """Outputs that are kept are used somewhere; those that are gone were used or never will be."""
        self._waiting = [waiting for waiting in self._waiting if waiting.alive()]
        alive = Counter(waiting.seen.place for waiting in self._waiting)
        for waiting in self._waiting:
            waiting.seen.used |= alive[waiting.seen.place] >= KEPT

    def backward(self) -> None:
        """A backward was called: the passes with gradients before it have been trained on."""
        for waiting in self._waiting:
            if waiting.seen.grad:
                waiting.seen.trained = waiting.seen.used = True

    def _remember(self, tensor: Tensor, seen: Pass, model: str, raw: bool) -> None:
        if len(self._made) >= DERIVED:
            self._made = {key: made for key, made in self._made.items() if made.ref() is not None}
            while len(self._made) >= DERIVED:
                del self._made[next(iter(self._made))]
        self._made[id(tensor)] = Made(weakref.ref(tensor), seen, model, raw)
