"""A metric compares each prediction with its own target.

A column of N predictions, (N, 1), against a row of N targets, (N,), is broadcast to a table of N × N pairs without a
word: the accuracy becomes the chance that a prediction meets the target of some other row.
"""

from __future__ import annotations

import ast

import torch

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, ok, skipped
from ...trace import Trace
from ...trace.record.data import Facts, OpSeen, Place

check = Check(__name__, tip="right metric")

#: comparisons of predictions with targets, and differences from them
EQUAL, APART = ("eq", "ne"), ("sub",)
#: losses that broadcast, with a warning at most
LOSSES = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")
#: whoever writes this asks for an axis, and may want all pairs
ASKED = ("None", "unsqueeze", "newaxis")
Shape = tuple[int, ...]


@check.run
def run(trace: Trace) -> Finding:
    met = [op for op in trace.ops if _metric(trace, op)]
    losses = [
        (loss.place, call.output.shape, call.target.shape)
        for loss in trace.losses
        if not loss.grad and loss.name in LOSSES and not _trains(trace, loss.place)
        for call in loss.calls
        if call.target is not None and call.from_model
    ]
    shapes = [(op.place, op.left.shape, op.right.shape) for op in met if isinstance(op.right, Facts)] + losses
    if not shapes:
        return skipped("no prediction was compared with a target")
    for place, left, right in shapes:
        if _paired(left, right):
            rows = max(*left, *right)
            return (hint if any(word in place.text for word in ASKED) else bad)(
                f"predictions and targets of shapes {left} and {right} make **{rows} × {rows}** pairs "
                f"where {rows} were meant",
                fix="Give both the same shape before comparing them.",
                code=_line(place.text),
                where=str(place),
                left=list(left),
                right=list(right),
            )
    return ok(f"predictions met targets of their own shape at {len(shapes)} places that were looked at")


def _metric(trace: Trace, op: OpSeen) -> bool:
    """Whether predictions meet targets, for a number to look at and not for a loss to minimise."""
    if not op.from_model or op.both or not isinstance(op.right, Facts):
        return False
    return op.name in EQUAL or (op.name in APART and not op.grad and not _trains(trace, op.place))


def _trains(trace: Trace, place: Place) -> bool:
    """Whether the same line also computes a loss with gradients."""
    return any(op.grad and op.name in APART and op.place == place for op in trace.ops) or any(
        loss.grad and loss.place == place for loss in trace.losses
    )


def _paired(left: Shape, right: Shape) -> bool:
    """(N, 1) against (N,), with N > 1: one axis more, and nothing else different."""
    one, other = sorted((left, right), key=len)
    return len(other) == len(one) + 1 and len(one) > 0 and one[-1] > 1 and other == (*one, 1)


def _line(text: str) -> str:
    """The comparison of this line with both sides flattened."""
    try:
        nodes = list(ast.walk(ast.parse(text.rstrip(":").removeprefix("return "))))
    except SyntaxError:
        nodes = []
    for node in nodes:
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq):
            sides = [ast.unparse(side) for side in (node.left, node.comparators[0])]
            plain = [f"({side})" if not side.replace("_", "a").isalnum() else side for side in sides]
            return f"{plain[0]}.flatten() == {plain[1]}.flatten()"
    return "predicted.flatten() == target.flatten()"


def _accuracy(rows: bool, flat: bool = False) -> Bench:
    given = toys.trained(toys.binary(), steps=20)
    net = given.get("model")

    def program() -> None:
        right = 0.0
        with torch.no_grad():
            for x, y in toys.batches(given):
                predicted = (net(x) > 0).float()
                y = y.flatten() if rows else y
                predicted = predicted.flatten() if flat else predicted
                right += float((predicted == y).float().mean())

    return toys.watched(program, net=net)


@check.breaks
def column_against_row() -> Bench:
    """Predictions (N, 1) are compared with targets (N,)."""
    return _accuracy(rows=True)


@check.breaks
def mean_absolute_error() -> Bench:
    """The error of a regression is taken over all pairs."""
    given = toys.regress()
    net = given.get("model")

    def program() -> None:
        with torch.no_grad():
            for x, y in toys.batches(given):
                (net(x) - y.flatten()).abs().mean()

    return toys.watched(program, net=net)


@check.holds
def column_against_column() -> Bench:
    """Both are (N, 1)."""
    return _accuracy(rows=False)


@check.holds
def row_against_row() -> Bench:
    """Both are (N,)."""
    return _accuracy(rows=True, flat=True)


@check.holds
def top_two() -> Bench:
    """The two best classes, (N, 2), against targets (N, 1): one target for both."""
    given = toys.classify()
    net = given.get("model")

    def program() -> None:
        with torch.no_grad():
            for x, y in toys.batches(given):
                (net(x).topk(2).indices == y[:, None]).any(1).float().mean()

    return toys.watched(program, net=net)


@check.holds
def pairs_of_one_class() -> Bench:
    """A contrastive mask compares labels with labels, each with each, on purpose."""
    given = toys.classify()
    net, _, opt = toys.parts(given)

    def program() -> None:
        for x, y in toys.batches(given):
            code = net(x)
            same = (y[:, None] == y).float()
            loss = ((code @ code.T).sigmoid() - same).square().mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
            (code.detach().argmax(1) == y).float().mean()

    return toys.watched(program, net=net, opt=opt)
