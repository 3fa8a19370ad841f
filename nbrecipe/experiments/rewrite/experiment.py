"""The comparison itself: every case within the budget, then the smallest input that shows the worst difference."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ... import guard
from .agreement import Unlike, flat, gap, paired
from .calling import Answer, ask
from .draws import Case, cases, shortened
from .given import Rewrite
from .looking import FAULTS, Look, What, look
from .shrinking import smallest

#: seconds of the budget that go into finding a smaller input
SHRINK = 4.0
#: seconds of a call from which on the small questions are asked on shorter axes
SLOW = 0.3
#: the order in which differences are told
WORST: tuple[What, ...] = (
    "values", "shape", "raises", "gradient", "changes", "digits", "ties", "type", "accepts", "spares",
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What comparing gave."""

    rewrite: Rewrite
    looks: tuple[Look, ...] = ()
    #: why nothing could be compared, "" where something was
    useless: str = ""
    #: whether the loop draws random numbers
    random: bool = False
    #: the worst difference, at the smallest input that shows it
    worst: Look | None = None
    #: the difference by its place among the outputs, where there are the most of them
    pattern: Look | None = None
    #: how many times as fast as the loop on the example; None where that was not measured
    faster: float | None = None
    #: "budget" or "user" where not every case was looked at
    stopped: str = ""

    @property
    def compared(self) -> int:
        """Cases on which the loop gave a result."""
        return sum(one.what not in ("fails", "accepts") for one in self.looks)

    @property
    def differing(self) -> int:
        """Cases of the kind of difference that is told."""
        return 0 if self.worst is None else sum(one.what == self.worst.what for one in self.looks)

    @property
    def asides(self) -> list[str]:
        """What else differs, in words, each once."""
        beside = [one for one in self.looks if one.aside or one.what == "type"]
        told = (
            f"{one.told} for {one.case.words}"
            for one in beside
            if one.told and one.what not in ("accepts", "raises") and not one.case.empty
        )
        return list(dict.fromkeys(told))


def compare(rewrite: Rewrite, *, budget: float = 20.0) -> Outcome:
    """Compare on the example and on inputs drawn from it, for about `budget` seconds.

    The example's arrays, random numbers and the modules that the functions bring along are as before. An interrupt
    ends it; what was seen so far is kept.
    """
    end = time.monotonic() + budget
    looks: list[Look] = []
    with guard.Untouched([rewrite.old, rewrite.new]) as state:
        example = Case("example", "your example", rewrite.given)
        start = time.perf_counter()
        first = ask(rewrite.old, example)
        took = time.perf_counter() - start
        if first.error is not None:
            return Outcome(rewrite, useless=f"`{rewrite.old_name}` itself raises {first.failure}")
        state.restore()
        if took > SLOW:
            example = Case("example", "your example", shortened(rewrite))
            first = ask(rewrite.old, example)
        if _differs(first, ask(rewrite.old, example)):
            return Outcome(rewrite, useless=f"`{rewrite.old_name}` gives another result each time it is called")
        random = _differs(first, ask(rewrite.old, example, seed=1))
        state.restore()
        stopped = _look_at_all(rewrite, looks, state, end)
        worst = _worst(looks)
        try:
            if worst is not None and worst.what in FAULTS and not random:
                worst = smallest(rewrite, worst, min(end, time.monotonic() + SHRINK))
            whole = Case("example", "your example", rewrite.given)
            faster = _faster(rewrite, whole, took) if (worst is None or not worst.fault) and not stopped else None
        except KeyboardInterrupt:
            faster, stopped = None, "user"
    return Outcome(rewrite, tuple(looks), "", random, worst, _pattern(looks), faster, stopped)


def _look_at_all(rewrite: Rewrite, looks: list[Look], state: guard.Untouched, end: float) -> str:
    try:
        for case in cases(rewrite):
            if looks and time.monotonic() > end:
                return "budget"
            looks.append(look(rewrite, case))
            state.restore()
    except KeyboardInterrupt:
        return "user"
    return ""


def _worst(looks: list[Look]) -> Look | None:
    told = [one for one in looks if one.what in WORST and not one.aside]
    return min(told, key=lambda one: (not one.fault, WORST.index(one.what)), default=None)


def _pattern(looks: list[Look]) -> Look | None:
    apart = [one for one in looks if one.what == "values" and one.gap is not None and one.case.kind != "special"]
    partly = [one for one in apart if one.gap is not None and one.gap.count < one.gap.total]
    return max(partly, key=lambda one: (one.case.kind == "example", one.gap.total if one.gap else 0), default=None)


def _differs(one: Answer, other: Answer) -> bool:
    if one.error is not None or other.error is not None:
        return (one.error is None) != (other.error is None)
    pairs = paired(one.value, other.value)
    return len(flat(one.value)) > 0 and any(isinstance(pair, Unlike) or gap(pair, 0.0) is not None for pair in pairs)


def _faster(rewrite: Rewrite, example: Case, took: float) -> float | None:
    """Seconds of the loop over seconds of the rewrite, the best of a few calls of each; None where both are instant."""
    if took > 2:
        return None
    times = []
    for function in (rewrite.old, rewrite.new):
        best = float("inf")
        for _ in range(5):
            start = time.perf_counter()
            ask(function, example)
            best = min(best, time.perf_counter() - start)
        times.append(best)
    return times[0] / times[1] if times[0] > 1e-4 else None
