"""The backward pass gives the derivative of the forward pass.

A backward function written by hand that misses a factor, a sign or a term still trains, worse. Each gradient is
compared, on a copy in float64 with regularisation off, with finite differences: along a random direction of all
elements of a parameter, and at single ones. A kink is set aside, a value cut from the graph is held as backward holds
it. A difference is a fault where a backward of the user's own is on the way that is not plainly meant to differ, as a
straight-through estimator or a reversed gradient is; else it is a hint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...experiments.gradients import audit_model
from ...finding import Finding, Seen, bad, hint, number, ok
from ...pictures.gradients import Gradients, Slope

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="training dynamics", cost="trains")

#: seconds when run with all other checks
BUDGET = 8.0
#: derivatives kept for the picture, and tensors kept in the record
POINTS, TENSORS = 300, 100


@check.run
def run(model: nn.Module, batch: Any, bench: Bench) -> Finding:
    return judge(audit_model(bench, budget=BUDGET), bench.name("model"))


def judge(found: Gradients, name: str = "") -> Finding:
    """The finding for what auditing gradients gave; `name` is what the user calls the model or the function."""
    wrong = found.wrong
    if not wrong or wrong[0].worst is None:
        return ok(_held(found, name), why=_why(found), **_seen(found))
    first, worst = wrong[0], wrong[0].worst
    others = len(wrong) - 1
    told = f"{_one(first.name)} is **{number(worst.backward)}** by backward and **{_numeric(worst)}** by finite"
    told = f"the gradient of {told} differences, at {list(worst.index)}"
    told += f"; {others} more of {len(found.tensors)} {'are' if others > 1 else 'is'} wrong so" if others else ""
    sure = bool(found.own) and not found.meant and not _odd(found)
    if not sure:
        return hint(
            told,
            fix="Find what changes the gradient on its way, and see that it is meant.",
            why="; ".join(filter(None, (found.meant or _odd(found), _why(found)))),
            where=_one(first.name),
            **_seen(found),
        )
    own = " or ".join(f"`{one}.backward`" for one in found.own[:3])
    return bad(
        told,
        fix=f"Correct {own}: differentiate its forward anew.",
        code=f"torch.autograd.gradcheck({found.own[0]}.apply, (x.double().requires_grad_(),))",
        why=_why(found),
        where=own,
        **_seen(found),
    )


def _held(found: Gradients, name: str) -> str:
    count, of = len(found.tensors), f" of `{name}`" if name else ""
    what = ("parameter" if found.examples else "input") + ("s" if count + found.left != 1 else "")
    many = f"**{count}** of {count + found.left}" if found.left else f"**{count}**"
    told = f"backward agrees with finite differences in {many} {what}{of}"
    told += f", along a random direction of each and at {found.elements} single elements"
    if found.worst is not None:
        tensors, slope = found.worst
        at = f" at {list(slope.index)}" if slope.index else ""
        told += f"; furthest apart by {number(slope.apart, 2)} of itself, {_one(tensors.name)}{at}"
    return told


def _numeric(slope: Slope) -> str:
    return f"{number(slope.numeric)} ± {number(slope.error, 2)}" if slope.numeric else "0"


def _one(name: str) -> str:
    return name if " " in name else f"`{name}`"


def _odd(found: Gradients) -> str:
    """What backward may do on purpose, told by the numbers alone."""
    if all(one.worst is not None and one.worst.flat for one in found.wrong):
        return "the loss does not move at all there: backward passes a gradient straight through"
    factor = found.reversed
    return f"every wrong gradient is {number(factor, 3)} times the right one: reversed" if factor is not None else ""


def _why(found: Gradients) -> str:
    told = [f"off for this test: {', '.join(found.off)}"] if found.off else []
    told += [f"{found.kinks} derivatives at a kink set aside"] if found.kinks else []
    told += [f"{found.held} values cut from the graph are held fixed"] if found.held else []
    told += [f"{found.left} more were not looked at"] if found.left else []
    told += [f"computed in {found.precision}"] if found.precision != "float64" else []
    told += [f"{found.examples} examples"] if found.examples else []
    return "; ".join(told + (["interrupted"] if found.stopped == "user" else []))


def _seen(found: Gradients) -> dict[str, Any]:
    slopes = [(s, one) for one in found.tensors for s in (*one.elements, *one.along) if not s.kink]
    return {
        "tensors": [
            {
                "name": one.name, "shape": list(one.shape), "elements": len(one.elements), "kinks": one.kinks,
                "state": one.state, "apart": one.worst.apart if one.worst else None,
                "index": list(one.worst.index) if one.worst else [],
                "backward": one.worst.backward if one.worst else None,
                "numeric": one.worst.numeric if one.worst else None,
            }
            for one in found.tensors[:TENSORS]
        ],
        "points": [[s.numeric, s.backward, one.state == "wrong"] for s, one in slopes[-POINTS:]],
        "elements": found.elements, "kinks": found.kinks, "held": found.held, "own": list(found.own),
        "off": list(found.off), "examples": found.examples,
    }  # fmt: skip


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """Backward against finite differences, element by element: what is right lies on the line."""
    points = [(x, y, wrong) for x, y, wrong in seen["points"] if isinstance(x, float) and isinstance(y, float)]
    ends = [value for x, y, _ in points for value in (x, y)] or [0.0]
    ax.plot([min(ends), max(ends)], [min(ends), max(ends)], color="C2", linewidth=0.8)
    for state, color in ((False, "C0"), (True, "C1")):
        chosen = [(x, y) for x, y, wrong in points if wrong is state]
        ax.plot([x for x, _ in chosen], [y for _, y in chosen], "o", color=color, markersize=2.5, alpha=0.7)
    ax.set_xlabel("by differences")
    ax.set_ylabel("by backward")
    figure: Any = ax.figure
    figure.set_size_inches(1.9, 1.2)


class _Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return 2 * x**2 * slopes[0]


class _RightCube(_Cube):
    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return 3 * x**2 * slopes[0]


class _Rounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.round()

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Any:
        return slopes[0]


class _Middle(nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)


def _with(function: Any) -> Bench:
    body = toys.mlp((20, 12, 12, 5))
    return toys.classify(nn.Sequential(body[0], _Middle(function), body[2]))


@check.breaks
def wrong_factor() -> Bench:
    """The backward of a cube has a factor of 2 where 3 is right."""
    return _with(_Cube.apply)


@check.holds
def right_factor() -> Bench:
    """The same with a factor of 3."""
    return _with(_RightCube.apply)


@check.holds
def kinks() -> Bench:
    """ReLU has no derivative at 0, and its units come near."""
    return toys.classify(toys.mlp((20, 12, 12, 5)))


@check.holds
def a_convnet() -> Bench:
    """Batch norm, max-pooling and dropout, which is off for the test."""
    return toys.images(toys.convnet(dropout=0.5))


@check.holds
def straight_through_by_detach() -> Bench:
    """Values are rounded forward and passed through backward, as `detach` says."""
    return _with(lambda x: x + (x.round() - x).detach())


@check.holds
def straight_through_by_a_function() -> Bench:
    """The same as a backward of its own: it differs on purpose, and the loss does not move at all."""
    return _with(_Rounded.apply)
