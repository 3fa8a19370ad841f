"""One case looked at: whether loop and rewrite agree, and if not, what differs and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor

from .agreement import FACTOR, Gap, Pair, Unlike, distance, eps_of, flat, gap, paired, rounding
from .calling import Answer, Slopes, ask, slopes, wide
from .draws import Case, jittered, typed
from .given import Rewrite, arrays, is_floating

What = Literal[
    "same", "values", "shape", "raises", "gradient", "changes",  # faults, where they are sure
    "digits", "ties", "type", "accepts", "spares", "fails",  # told, and no fault
]  # fmt: skip
#: what a rewrite must not do
FAULTS: tuple[What, ...] = ("values", "shape", "raises", "gradient", "changes")
#: a difference that falls to this share of itself in float64 is one of rounding
FALLS = 1e-3
#: bits by which float64 is finer than float32
FINER = 2.0**-29
#: rounding of float64, and of nothing coarser
FINE = 1e-15
#: special cases in which any two values are tied, and slopes are at a kink
TIED = ("zeros", "equal values")


@dataclass(frozen=True)
class Look:
    """What one case showed."""

    case: Case
    what: What = "same"
    #: the difference in words, told of the rewrite; and in numbers
    told: str = ""
    gap: Gap | None = None
    #: number of the input whose gradient differs, or that is changed in place
    place: int = -1
    #: whether gradients were compared, and the largest difference of outputs against the one allowed
    gradients: bool = False
    largest: float = 0.0
    allowed: float = 0.0

    @property
    def aside(self) -> bool:
        """Whether this is by the way: inputs of another type, or a slope where the loop has none of its own."""
        if self.what in ("same", "fails"):
            return False
        lost = self.gap is not None and not math.isfinite(abs(self.gap.new)) and math.isfinite(abs(self.gap.old))
        tied = self.case.kind == "special" and self.case.words in TIED and self.what not in ("raises", "changes")
        sloped = self.what == "ties" and self.place >= 0
        narrow = self.what == "raises" and self.case.kind == "size" and not self.case.rows
        other = self.case.kind == "type" or (self.what == "type" and self.case.kind != "example")
        return sloped or other or narrow or self.what == "accepts" or (tied and (self.place >= 0 or not lost))

    @property
    def fault(self) -> bool:
        """Whether this is certain to be a fault of the rewrite, on inputs that it must take."""
        if self.what not in FAULTS or self.case.empty or self.case.kind in ("special", "type"):
            return False
        # with fewer columns a loop may well say nothing of what it never meant: half a pair, a third of a head
        return self.case.kind != "size" or self.case.rows


def look(rewrite: Rewrite, case: Case) -> Look:
    """Call both on a case, and compare what they give, what they change, and the gradients that arrive."""
    old, new = ask(rewrite.old, case), ask(rewrite.new, case)
    if old.error is not None:
        if new.error is not None:
            return Look(case, "fails", f"both raise: {old.failure}")
        return Look(case, "accepts", f"gives a result where the loop raises {old.failure}")
    if new.error is not None:
        return Look(case, "raises", f"raises {new.failure}")
    found = _results(rewrite, case, old, new)
    if found.what == "same":
        found = _in_place(case, old, new, found)
    if found.what == "same":
        found = _gradients(rewrite, case, found)
    return found


def _results(rewrite: Rewrite, case: Case, old: Answer, new: Answer) -> Look:
    pairs = paired(old.value, new.value)
    unlike = next((pair for pair in pairs if isinstance(pair, Unlike)), None)
    if unlike is not None:
        return Look(case, "shape", unlike.told)
    tensors = [pair for pair in pairs if isinstance(pair, Pair)]
    count = _count(case)
    apart = [i for i, pair in enumerate(tensors) if gap(pair, rounding(pair, count)) is not None]
    if apart:
        return _confirmed(rewrite, case, tensors, apart[0])
    far = max(((distance(pair), rounding(pair, count)) for pair in tensors), default=(0.0, 0.0))
    kinds = [(pair.old.dtype, pair.new.dtype) for pair in tensors if pair.typed]
    if other := next(((a, b) for a, b in kinds if a != b), None):
        old_type, new_type = (str(kind).removeprefix("torch.") for kind in other)
        told = f"gives {new_type} where the loop gives {old_type}"
        return Look(case, "type", told, largest=far[0], allowed=far[1])
    return Look(case, largest=far[0], allowed=far[1])


def _confirmed(rewrite: Rewrite, case: Case, pairs: list[Pair], at: int) -> Look:
    """A difference beyond rounding: is it one still beside the loop's own error, in float64, and without ties?"""
    pair = pairs[at]
    allowed = rounding(pair, _count(case))
    fine = _fine_pairs(rewrite, case)
    reference = fine[at] if fine is not None and at < len(fine) else None
    if reference is not None and reference.old.shape == pair.old.shape:
        if eps_of(pair.old) > FINE:
            allowed += FACTOR * distance(Pair("", reference.old, pair.old))
        elif (coarse := _pairs(rewrite, replace(case, given=typed(case.given, "float32")))) is not None:
            allowed += FACTOR * FINER * distance(Pair("", coarse[at].old, pair.old))
    found = gap(pair, allowed)
    if found is None:
        return Look(case, largest=distance(pair), allowed=allowed)
    seen = Look(case, "values", _told(found), found)
    if reference is not None and eps_of(pair.old, pair.new) > FINE:
        left = gap(reference, max(rounding(reference, _count(case)), FALLS * found.largest))
        if left is None:
            return replace(seen, what="digits")
    if case.kind == "example" or not any(is_floating(item) for item in arrays(case.given)):
        return seen
    return seen if _survives(rewrite, case, at, allowed) else replace(seen, what="ties")


def _survives(rewrite: Rewrite, case: Case, at: int, allowed: float) -> bool:
    """Whether results differ on inputs nearby too, where no two values are tied."""
    given = jittered(case.given)
    if given is None:
        return True
    pairs = _pairs(rewrite, replace(case, given=given))
    return pairs is None or at >= len(pairs) or gap(pairs[at], 2 * allowed) is not None


def _fine_pairs(rewrite: Rewrite, case: Case) -> list[Pair] | None:
    with wide():
        return _pairs(rewrite, replace(case, given=typed(case.given, "float64")))


def _pairs(rewrite: Rewrite, case: Case) -> list[Pair] | None:
    """The results of a case, tensor by tensor; None where it cannot be compared so."""
    old, new = ask(rewrite.old, case), ask(rewrite.new, case)
    if old.error is not None or new.error is not None:
        return None
    pairs = paired(old.value, new.value)
    return None if any(isinstance(pair, Unlike) for pair in pairs) else [p for p in pairs if isinstance(p, Pair)]


def _in_place(case: Case, old: Answer, new: Answer, found: Look) -> Look:
    more = set(new.changed) - set(old.changed)
    less = set(old.changed) - set(new.changed)
    if more:
        return replace(
            found, what="changes", told="changes an input in place that the loop leaves alone", place=min(more)
        )
    if less:
        return replace(found, what="spares", told="leaves an input alone that the loop changes", place=min(less))
    return found


def _gradients(rewrite: Rewrite, case: Case, found: Look) -> Look:
    """Gradients of a random sum of the outputs, for every tensor of floats among the inputs."""
    if not any(isinstance(item, Tensor) and is_floating(item) for item in arrays(case.given)):
        return found
    old, new = _slopes(rewrite, case)
    if old.failure:  # the loop is the measure; one that cuts the graph has no gradient to compare
        return found
    if new.failure:
        cut = new.failure == "no gradient"
        told = "no gradient arrives at the inputs" if cut else f"the backward pass raises {new.failure}"
        return replace(found, what="gradient", told=told)
    for place, (a, b) in enumerate(zip(old.inputs, new.inputs, strict=True)):
        pair = Pair("", a, b)
        allowed = rounding(pair, _count(case))
        if gap(pair, allowed) is None:
            continue
        apart = _gradient_gap(rewrite, case, pair, place, allowed)
        if apart is not None:
            what: What = "gradient" if _slope_survives(rewrite, case, place, apart.allowed) else "ties"
            return replace(found, what=what, told=_told(apart), gap=apart, place=place, gradients=True)
    return replace(found, gradients=True)


def _slopes(rewrite: Rewrite, case: Case) -> tuple[Slopes, Slopes]:
    """Those of both, through the outputs that have a gradient in the loop."""
    old = slopes(rewrite.old, case, flat)
    return old, old if old.failure else slopes(rewrite.new, case, flat, old.outputs)


def _gradient_gap(rewrite: Rewrite, case: Case, pair: Pair, place: int, allowed: float) -> Gap | None:
    """The gap beyond the loop's own rounding error, where float64 confirms it."""
    with wide():
        old, new = _slopes(rewrite, replace(case, given=typed(case.given, "float64")))
    if old.failure or new.failure:
        return gap(pair, FACTOR * allowed)
    allowed += FACTOR * distance(Pair("", old.inputs[place], pair.old))
    found = gap(pair, allowed)
    if found is None or eps_of(pair.old) <= FINE:
        return found
    reference = Pair("", old.inputs[place], new.inputs[place])
    return found if gap(reference, max(rounding(reference, _count(case)), FALLS * found.largest)) else None


def _slope_survives(rewrite: Rewrite, case: Case, place: int, allowed: float) -> bool:
    given = jittered(case.given)
    if given is None:
        return True
    old, new = _slopes(rewrite, replace(case, given=given))
    if old.failure or new.failure:
        return True
    return gap(Pair("", old.inputs[place], new.inputs[place]), 2 * allowed) is not None


def _count(case: Case) -> int:
    return max((int(item.numel() if isinstance(item, Tensor) else item.size) for item in arrays(case.given)), default=1)


def _told(found: Gap) -> str:
    return f"differs in {found.count} of {found.total}"
