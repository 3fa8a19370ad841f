"""Derivatives by finite differences, with the error that they are known to, beside those of backward.

A central difference over h = ∛eps · max(1, |θ|) and over h / 2 gives, by Richardson's rule, (4 D(h/2) - D(h)) / 3; the
error is |D(h/2) - D(h)| and the rounding of the loss over h. Where left and right differences stay apart when h is
halved there is a kink, and the derivative is set aside.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...pictures.gradients import Slope, Tensors

#: a difference counts when it is this share of the derivative, in float64, and this many times its known error
SHARE, ERRORS = 1e-3, 10.0
#: the same where something on the way is rounded to float32 or less
COARSE = 0.05
#: left and right are apart for good when halving the step leaves this much of it
KINK = 0.75
#: steps tried, beside the first, where its error is too large to tell anything
STEPS = (1.0, 0.1, 10.0, 100.0)
#: the step at which a fault must show too
NEARER = 0.03
#: roundings in a loss, one after the other, beyond that of its last digit
ROUNDINGS = 16.0

Loss = Callable[[], float]


@dataclass(frozen=True)
class Ruler:
    """How derivatives are measured: a loss to be asked for at moved tensors, and the rounding of its numbers."""

    loss: Loss
    eps: float

    def along(self, tensor: Tensor, direction: Tensor, backward: float, index: tuple[int, ...] = ()) -> Slope:
        """The derivative along a direction; the step that is known best counts."""
        best: Slope | None = None
        for factor in STEPS:
            found = self.at(tensor, direction, backward, index, factor)
            if best is None or (not found.kink and (best.kink or found.error < best.error)):
                best = found
            if not best.kink and best.error < share(self.eps) / ERRORS * max(abs(backward), abs(best.numeric)):
                break
        assert best is not None
        return best

    def at(self, tensor: Tensor, direction: Tensor, backward: float, index: tuple[int, ...], factor: float) -> Slope:
        """The same with a step that is so many times the usual one."""
        kept = tensor.detach().clone()
        moved = direction != 0
        reach = float(kept[moved].abs().pow(2).mean().sqrt()) if bool(moved.any()) else 1.0
        h = factor * self.eps ** (1 / 3) * max(1.0 if index else 1e-2, reach)
        try:
            here = self.loss()
            far, near = (self._both(tensor, kept, direction, step) for step in (h, h / 2))
        finally:
            _put(tensor, kept)
        # a small loss is the difference of larger numbers, as a logarithm of a sum and a logit are
        largest = max(1.0, *(abs(value) for value in (here, *far, *near)))
        noise = ROUNDINGS * self.eps * largest / h
        wide, fine = (far[1] - far[0]) / (2 * h), (near[1] - near[0]) / h
        apart = abs(far[1] + far[0] - 2 * here) / h, abs(near[1] + near[0] - 2 * here) / (h / 2)
        sure = max(10 * noise, SHARE * max(abs(wide), abs(fine), abs(backward)))
        kink = not math.isfinite(wide + fine) or (apart[1] > KINK * apart[0] and apart[1] > sure)
        flat = here == far[0] == far[1] == near[0] == near[1]
        return Slope(index, backward, (4 * fine - wide) / 3, abs(fine - wide) + noise, kink, flat)

    def _both(self, tensor: Tensor, kept: Tensor, direction: Tensor, h: float) -> tuple[float, float]:
        """The loss on either side."""
        values = []
        for sign in (-1.0, 1.0):
            _put(tensor, kept + sign * h * direction)
            values.append(self.loss())
        return values[0], values[1]


def _put(tensor: Tensor, values: Tensor) -> None:
    with torch.no_grad():
        tensor.copy_(values)


def differs(slope: Slope, eps: float) -> bool:
    """Whether backward is wrong here by more than differences can be."""
    if slope.kink:
        return False
    larger = max(abs(slope.backward), abs(slope.numeric))
    return abs(slope.backward - slope.numeric) > max(share(eps) * larger, ERRORS * slope.error)


def share(eps: float) -> float:
    """The share of a derivative from which on a difference counts, for numbers of this rounding."""
    return SHARE if eps < 1e-12 else COARSE


def audit(ruler: Ruler, name: str, tensor: Tensor, gradient: Tensor, points: int, seed: int) -> Tensors:
    """Compare the gradient of one tensor along a random direction of all its elements, and at `points` elements.

    All elements where these are enough; else the largest gradient's and random ones. Where the direction shows a fault
    that none of them has, halves of the tensor are searched for it.
    """
    generator = torch.Generator().manual_seed(seed)
    count = tensor.numel()
    gradient = gradient.to_dense()  # of an embedding with `sparse=True` it holds the rows that were looked up
    flat = gradient.reshape(-1)
    along: list[Slope] = []
    if count > points:
        direction = torch.randn(tensor.shape, generator=generator).to(tensor)
        along.append(ruler.along(tensor, direction, float((gradient * direction).sum())))
        picked = [int(flat.abs().argmax()), *torch.randint(count, (max(points - 1, 0),), generator=generator).tolist()]
    else:
        picked = list(range(count))
    seen = [_element(ruler, tensor, flat, at) for at in dict.fromkeys(picked[:points])]
    wrong = [slope for slope in seen if differs(slope, ruler.eps)]
    if not wrong and any(differs(slope, ruler.eps) for slope in along) and (found := _search(ruler, tensor, flat)):
        seen.append(found)
        wrong = [found] if differs(found, ruler.eps) else []
    sure = [slope for slope in seen if not slope.kink] or [slope for slope in along if not slope.kink]
    worst = max(wrong or sure, key=lambda slope: slope.gap if wrong else slope.apart, default=None)
    return Tensors(name, tuple(tensor.shape), tuple(seen), tuple(along), "wrong" if wrong else "right", worst)


def _element(ruler: Ruler, tensor: Tensor, flat: Tensor, at: int) -> Slope:
    direction = torch.zeros(tensor.numel())
    direction[at] = 1
    direction, index = direction.view(tensor.shape).to(tensor), _index(at, tuple(tensor.shape))
    found = ruler.along(tensor, direction, float(flat[at]), index)
    if differs(found, ruler.eps):  # a kink nearby is passed over by a step that is short enough
        nearer = ruler.at(tensor, direction, float(flat[at]), index, NEARER)
        return found if differs(nearer, ruler.eps) else replace(found, kink=True)
    return found


def _search(ruler: Ruler, tensor: Tensor, flat: Tensor) -> Slope | None:
    """An element that is wrong, by halving the tensor: the half that is further off holds one."""
    low, high = 0, tensor.numel()
    signs = torch.randn(high, generator=torch.Generator().manual_seed(1)).sign().to(tensor)
    while high - low > 1:
        middle = (low + high) // 2
        halves = []
        for start, end in ((low, middle), (middle, high)):
            direction = torch.zeros_like(signs)
            direction[start:end] = signs[start:end]
            slope = ruler.along(tensor, direction.view(tensor.shape), float((flat * direction).sum()))
            halves.append(0.0 if slope.kink else abs(slope.backward - slope.numeric))
        low, high = (low, middle) if halves[0] >= halves[1] else (middle, high)
    return _element(ruler, tensor, flat, low)


def _index(at: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    found = []
    for length in reversed(shape):
        at, place = divmod(at, length)
        found.append(place)
    return tuple(reversed(found))
