"""The vectorised version gives what the loop gives that it replaces.

A loop says plainly what is meant. Its fast rewrite is where axes are swapped, a broadcast pairs the wrong rows and the
last element is left out, and nothing fails. Both are called on an example and on inputs drawn from it: other sizes,
values, memory layouts and types; outputs and gradients are compared. A float may differ by what rounding explains, and
a difference that goes away in float64 or without ties is a hint, as is one that needs empty inputs, equal values or
fewer columns than the example has.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ... import toys
from ...bench import Bench
from ...check import Check
from ...experiments.rewrite import Look, Outcome, Rewrite, compare
from ...experiments.rewrite.calling import described
from ...experiments.rewrite.given import parameters_of
from ...experiments.rewrite.pasting import pasted
from ...finding import Finding, Seen, bad, hint, number, ok, skipped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="generalize a special case", cost="trains")

#: seconds when run with all other checks
BUDGET = 10.0
#: cells of the picture along an axis
CELLS = 24
FIXES = {
    "values": "Compare the two at this element: an axis, a broadcast, a bound.",
    "shape": "Give back the shape that the loop gives.",
    "raises": "Take what the loop takes.",
    "gradient": "Look for what is cut from the graph, or changed in place, on the way to this input.",
    "changes": "Work on a copy of the input.",
    "digits": "Sum up in float64, or subtract before squaring.",
    "ties": "Say which of two equal values is meant, or accept that either is.",
    "type": "Give back the type that the loop gives.",
    "spares": "Do what the loop does to its input, or stop relying on it.",
}


@check.run
def run(rewrite: Any) -> Finding:
    return judge(compare(rewrite, budget=BUDGET))


def judge(outcome: Outcome, where: str = "") -> Finding:
    """The finding for what comparing a loop and its rewrite gave."""
    if outcome.useless:
        return skipped(f"nothing to compare: {outcome.useless}")
    seen, worst = _seen(outcome), outcome.worst
    if worst is None:
        return ok(_held(outcome), why=_why(outcome), where=where, **seen)
    if outcome.random:
        return hint(
            f"`{outcome.rewrite.old_name}` draws random numbers, and `{outcome.rewrite.new_name}`, seeded alike, gives "
            "others",
            fix="Draw the numbers before both, and hand them over as an argument.", where=where, **seen,
        )  # fmt: skip
    given: dict[str, Any] = {
        "fix": FIXES[worst.what], "code": pasted(outcome.rewrite, worst.case), "why": _why(outcome), "where": where,
    }  # fmt: skip
    return (bad if worst.fault else hint)(_told(outcome, worst), **given, **seen)


def _held(outcome: Outcome) -> str:
    rewrite = outcome.rewrite
    slopes = sum(one.gradients for one in outcome.looks)
    count = f"**{outcome.compared}** {_inputs(outcome.compared)}"
    told = f"`{rewrite.new_name}` gives what `{rewrite.old_name}` gives on {count}"
    told += f", and the same gradients on {slopes} of them" if slopes else ""
    told += _largest(outcome)
    if outcome.faster is None:
        return told
    times = number(outcome.faster, 2)
    return f"{told}; **{times}** times as fast" if outcome.faster >= 1 else f"{told}; {times} times as fast"


def _inputs(count: int) -> str:
    return "input" if count == 1 else "inputs"


def _largest(outcome: Outcome) -> str:
    plain = (one for one in outcome.looks if one.case.kind != "type")
    far, allowed = max(((one.largest, one.allowed) for one in plain), default=(0.0, 0.0))
    return f"; largest difference {number(far, 3)}, rounding allows {number(allowed, 3)}" if allowed else ""


def _told(outcome: Outcome, worst: Look) -> str:
    rewrite = outcome.rewrite
    names = parameters_of(rewrite)
    inputs = described(worst.case, names)
    laid = f" in {worst.case.layout} memory" if worst.case.layout else ""
    on = f" for {inputs}{laid}" if inputs else laid
    new, old = f"`{rewrite.new_name}`", f"`{rewrite.old_name}`"
    found = worst.gap
    if found is None:
        at = f" (`{_input(worst, names)}`)" if worst.place >= 0 else ""
        return f"{new} {worst.told.replace('the loop', old)}{at}{on}" + (
            f", which {old} takes" * (worst.what == "raises")
        )
    at = f" at {found.path}{list(found.index) if found.index else ''}" if found.index or found.path else ""
    many = f", and differs at {found.count - 1} more of {found.total} elements" if found.count > 1 else ""
    seen, meant = _values(found.new, found.old)
    both = f"**{seen}**{at} where {old} gives **{meant}**{many}"
    if worst.place >= 0:
        return f"the gradient of {new} for `{_input(worst, names)}` is {both};{on}"
    words = {
        "digits": "; in float64 both agree, so it loses digits",
        "ties": "; it does so where values are tied alone",
    }
    return f"{new} gives {both}{words.get(worst.what, '')};{on}"


def _input(look: Look, names: list[str]) -> str:
    return names[look.place] if 0 <= look.place < len(names) else f"input {look.place + 1}"


def _values(new: Any, old: Any) -> tuple[str, str]:
    """Both numbers, with as many digits as tell them apart."""
    for digits in (4, 6, 9):
        told = [number(v, digits) if isinstance(v, float) else str(v) for v in (new, old)]
        if told[0] != told[1]:
            break
    return told[0], told[1]


def _why(outcome: Outcome) -> str:
    total, raised = len(outcome.looks), sum(one.what == "fails" for one in outcome.looks)
    alone = sum(one.what == "accepts" for one in outcome.looks)
    told = [f"{total} {_inputs(total)} tried" + (f", both raise on {raised}" if raised else "")]
    told += [f"on {alone} the loop raises and the new version does not"] if alone else []
    if outcome.worst is not None:
        differ = "differs" if outcome.differing == 1 else "differ"
        told.append(f"{outcome.differing} of them {differ}, the first of them {_first(outcome)}")
    if outcome.stopped:
        told.append("interrupted" if outcome.stopped == "user" else "the budget ended it")
    fault = outcome.worst is not None and outcome.worst.fault
    return "; ".join([*told, *([] if fault else outcome.asides[:2])])


def _first(outcome: Outcome) -> str:
    worst = outcome.worst
    return next((one.case.words for one in outcome.looks if worst is not None and one.what == worst.what), "")


def _seen(outcome: Outcome) -> dict[str, Any]:
    worst, pattern = outcome.worst, outcome.pattern
    seen: dict[str, Any] = {
        "tried": len(outcome.looks),
        "compared": outcome.compared,
        "differing": outcome.differing,
        "gradients": sum(one.gradients for one in outcome.looks),
        "what": worst.what if worst else "same",
        "faster": outcome.faster,
        "other": outcome.asides,
    }
    if worst is not None and worst.gap is not None:
        found = worst.gap
        seen |= {"index": list(found.index), "new": _plain(found.new), "old": _plain(found.old)}
    if pattern is not None and pattern.gap is not None:
        seen |= {"map": _pooled(pattern.gap.where), "shape": list(pattern.gap.where.shape)}
    return seen


def _plain(value: Any) -> Any:
    whole = isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value))
    return value if whole else str(value)


def _pooled(where: np.ndarray[Any, Any]) -> list[list[float]]:
    """The share of differing elements, in at most so many cells along the first axis and along all others."""
    grid = where.reshape(where.shape[0], -1) if where.ndim else where.reshape(1, 1)
    grid = grid.T if grid.shape[1] == 1 else grid
    for axis in (0, 1):
        parts = np.array_split(grid, min(CELLS, grid.shape[axis]), axis)
        grid = np.concatenate([part.mean(axis, keepdims=True) for part in parts], axis)
    return [[round(float(share), 3) for share in row] for row in grid]


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """Where the two differ: the outputs as a grid, first axis downwards; where they agree there is nothing to draw."""
    if "map" not in seen:
        ax.set_xlabel("no output differs")
        return
    grid, shape = np.asarray(seen["map"], dtype=float), seen["shape"]
    for (row, column), share in np.ndenumerate(grid):
        color, alpha = ("C1", 0.35 + 0.65 * share) if share else ("C2", 0.18)
        ax.add_patch(_cell(column, row, color, alpha))
    ax.set_xlim(0, grid.shape[1])
    ax.set_ylim(grid.shape[0], 0)
    ax.update_datalim([(0, 0), (grid.shape[1], grid.shape[0])])
    flat = len(shape) < 2 or grid.shape[0] == 1
    ax.set_xlabel(f"differs · {'output' if flat else 'axis 1'} of {'×'.join(map(str, shape)) or 1}")
    ax.set_ylabel("" if flat else "axis 0")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[["left", "bottom"]].set_visible(False)
    figure: Any = ax.figure
    figure.set_size_inches(2.2, min(1.8, 0.5 + 0.09 * grid.shape[0]))


def _cell(x: float, y: float, color: str, alpha: float) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x + 0.05, y + 0.05), 0.9, 0.9, color=color, alpha=alpha, linewidth=0)


def _distances(a: Tensor, b: Tensor) -> Tensor:
    out = torch.zeros(len(a), len(b))
    for i in range(len(a)):
        for j in range(len(b)):
            out[i, j] = (a[i] - b[j]).pow(2).sum()
    return out


def _points(new: Any, old: Any = _distances) -> Bench:
    g = toys.seeded()
    given = (torch.randn(5, 3, generator=g), torch.randn(4, 3, generator=g))
    return Bench(rewrite=Rewrite(old, new, given, old_name="slow", new_name="fast"))


@check.breaks
def wrong_axis() -> Bench:
    """The sum runs over the points of `b`, not over their coordinates."""
    return _points(lambda a, b: (a[:, None, :] - b[None]).pow(2).sum(1)[:, : len(b)])


@check.breaks
def squeezed() -> Bench:
    """Right but for one point, where `squeeze()` takes an axis that the loop keeps."""
    return _points(lambda a, b: (a[:, None] - b[None]).pow(2).sum(-1).squeeze())


@check.breaks
def detached() -> Bench:
    """The right numbers without a gradient."""

    def slow(a: Tensor, b: Tensor) -> Tensor:
        return torch.stack([(row * row).sum() for row in a - b[:1]])

    return _points(lambda a, b: (a - b[:1]).detach().pow(2).sum(-1), slow)


@check.holds
def broadcast() -> Bench:
    """All pairs at once."""
    return _points(lambda a, b: (a[:, None] - b[None]).pow(2).sum(-1))


@check.holds
def sums_in_another_order() -> Bench:
    """A product of matrices adds up in another order: the last digits differ, as rounding has it."""

    def slow(a: Tensor, b: Tensor) -> Tensor:
        return torch.stack([torch.stack([sum(x * y for x, y in zip(p, q, strict=True)) for q in b]) for p in a])

    return _points(lambda a, b: a @ b.T, slow)


@check.holds
def a_list_of_numbers() -> Bench:
    """A loop that appends plain numbers to a list, with numpy."""

    def slow(a: Any, b: Any) -> list[float]:
        return [float(max(abs(row - b[0]))) for row in a]

    given = tuple(part.numpy() for part in _points(None).rewrite.args)
    rewrite = Rewrite(slow, lambda a, b: np.abs(a - b[0]).max(-1), given, old_name="slow", new_name="fast")
    return Bench(rewrite=rewrite)
