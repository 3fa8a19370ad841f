"""Attention written out: which softmax is given scores of queries and keys, and what its weights sum over."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

if TYPE_CHECKING:
    from .softmaxes import Softmax

#: what multiplies queries with keys, and weights with values
PRODUCTS = frozenset({"matmul", "__matmul__", "bmm", "baddbmm", "einsum"})
#: what scales and masks scores and leaves them scores
SCALED = frozenset(
    {
        "mul", "__mul__", "__rmul__", "mul_", "__imul__", "div", "__truediv__", "true_divide", "div_", "__itruediv__",
        "add", "__add__", "__radd__", "add_", "__iadd__", "sub", "__sub__", "masked_fill", "masked_fill_", "where",
        "clamp", "float", "to", "type", "half", "bfloat16", "double", "contiguous", "dropout",
    }
)  # fmt: skip
#: what leaves weights in their places
KEPT = frozenset({"dropout", "to", "type", "float", "half", "bfloat16", "contiguous", "masked_fill", "clone"})


class Scores:
    """Follows scores and weights through a forward pass, by the tensors themselves."""

    def __init__(self) -> None:
        self._scores = WeakTensorKeyDictionary()
        self._weights = WeakTensorKeyDictionary()
        self._single = WeakTensorKeyDictionary()

    def note(self, name: str, args: Any, kwargs: Any, out: Any, calls: list[Softmax]) -> None:
        """One call of a function of torch, after it ran."""
        if not isinstance(out, Tensor):
            return
        given = [item for item in args if isinstance(item, Tensor)]
        if name == "linear" and out.ndim and out.shape[-1] == 1:
            self._single[out] = True
        elif name in PRODUCTS:
            self._scores[out] = True
            self._sum(name, args, calls)
        if name in SCALED and any(item in self._scores for item in given):
            self._scores[out] = True
        if name in KEPT and given and given[0] in self._weights:
            self._weights[out] = self._weights[given[0]]

    def single(self, given: Tensor) -> bool:
        """Whether a layer with one output made this."""
        return given in self._single

    def weigh(self, given: Tensor, out: Tensor, axis: int, index: int) -> None:
        """The softmax of this number was given this and made that."""
        if given in self._scores and given.ndim > 2 and axis:
            self._weights[out] = (index, axis)

    def _sum(self, name: str, args: Any, calls: list[Softmax]) -> None:
        """Note the axis of weights that a product sums over."""
        operands = [item for item in args if isinstance(item, Tensor)]
        if name == "einsum" and len(args) == 2 and isinstance(args[1], (list, tuple)):
            operands = [*args[1]]
        for place, weights in enumerate(operands[:2]):
            if not isinstance(weights, Tensor) or weights not in self._weights:
                continue
            index, axis = self._weights[weights]
            summed = _summed(args[0], place, weights) if name == "einsum" else weights.ndim - (1 if place == 0 else 2)
            if summed is not None and summed != axis and index < len(calls):
                calls[index] = dataclasses.replace(calls[index], summed=summed)


def _summed(equation: Any, place: int, weights: Tensor) -> int | None:
    """The one axis of an operand that an einsum sums over; None where that cannot be told."""
    if not isinstance(equation, str) or "->" not in equation:
        return None
    given, _, made = equation.replace(" ", "").partition("->")
    letters = given.split(",")[place]
    gone = [letter for letter in letters.replace("...", "") if letter not in made]
    if len(gone) != 1:
        return None
    after = letters[letters.index(gone[0]) :]
    return weights.ndim - len(after) if "..." not in after else letters.index(gone[0])
