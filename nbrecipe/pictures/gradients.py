"""Gradients of backward beside those of finite differences, tensor by tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["right", "wrong"]


@dataclass(frozen=True)
class Slope:
    """One derivative: by backward, and by differences with the error that these are known to."""

    #: the element; () for the derivative along a random direction of all elements
    index: tuple[int, ...]
    backward: float
    numeric: float
    error: float
    #: left and right differ, so that there is no one derivative here
    kink: bool = False
    #: the function does not move at all
    flat: bool = False

    @property
    def apart(self) -> float:
        """The difference of the two as a share of the larger; 0 where both are no more than the error."""
        larger = max(abs(self.backward), abs(self.numeric))
        return self.gap / larger if larger > 10 * self.error else 0.0

    @property
    def gap(self) -> float:
        """The difference of the two."""
        return abs(self.backward - self.numeric)


@dataclass(frozen=True)
class Tensors:
    """What was seen of one parameter or input."""

    #: as the user writes it: `net.head.weight`
    name: str
    shape: tuple[int, ...]
    elements: tuple[Slope, ...] = ()
    along: tuple[Slope, ...] = ()
    state: State = "right"
    #: the element that differs most, among those that count
    worst: Slope | None = None

    @property
    def kinks(self) -> int:
        """Derivatives that were set aside."""
        return sum(slope.kink for slope in (*self.elements, *self.along))


@dataclass(frozen=True)
class Gradients:
    """All that was seen of one model or function."""

    tensors: tuple[Tensors, ...]
    #: parameters there are beside, and why these were not looked at
    left: int = 0
    #: regularisation that was off
    off: tuple[str, ...] = ()
    #: "float64", or what the model computes in
    precision: str = "float64"
    #: values cut from the graph, held fixed as backward holds them
    held: int = 0
    #: the user's own backward functions on the way
    own: tuple[str, ...] = ()
    #: why a difference may be meant: "`Round` looks like a straight-through estimator"
    meant: str = ""
    #: examples of the batch that were used; 0 for a function
    examples: int = 0
    stopped: str = ""

    @property
    def wrong(self) -> tuple[Tensors, ...]:
        """Those whose gradient is wrong, the worst first."""
        found = [one for one in self.tensors if one.state == "wrong" and one.worst is not None]
        return tuple(sorted(found, key=lambda one: -(one.worst.gap if one.worst else 0.0)))

    @property
    def reversed(self) -> float | None:
        """The factor by which every wrong gradient is turned round, where it is the same in all; None elsewhere."""
        slopes = [one.worst for one in self.wrong if one.worst is not None and one.worst.numeric]
        ratios = [slope.backward / slope.numeric for slope in slopes]
        alike = bool(ratios) and max(ratios) < 0 and max(ratios) - min(ratios) < 1e-3 * abs(min(ratios))
        return ratios[0] if alike else None

    @property
    def elements(self) -> int:
        """Single elements whose gradient was compared."""
        return sum(len(one.elements) for one in self.tensors)

    @property
    def kinks(self) -> int:
        """Derivatives that were set aside."""
        return sum(one.kinks for one in self.tensors)

    @property
    def worst(self) -> tuple[Tensors, Slope] | None:
        """The tensor and the derivative in it that differ most."""
        found = [(one, one.worst) for one in self.tensors if one.worst is not None]
        return max(found, key=lambda pair: pair[1].apart, default=None)
