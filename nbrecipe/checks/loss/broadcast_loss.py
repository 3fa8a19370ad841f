"""Each prediction is compared with its own target.

Outputs (N, 1) against targets (N,) are no error: they make a table (N, N) of every prediction against every target. The
best that a net can do then is to predict the mean everywhere; the loss falls to the variance of the targets and stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, ok, skipped
from ...probes.graph.between import as_called
from ...probes.passes.one_step import OneStep
from ...trace import Trace
from ...trace.record.data import Facts, OpSeen, Place
from ...trace.single import single_step

check = Check(__name__, tip="wrong indexing")

#: losses that stretch the smaller side, with a warning at most
LOSSES = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div", "poisson_nll_loss")
OPS = ("sub", "mul", "div", "add")
#: a line that adds an axis means all pairs
ON_PURPOSE = re.compile(r"\bNone\b|newaxis|unsqueeze|\bview\(|reshape|expand|\.T\b|transpose")
DIFFERENCE = re.compile(r"([A-Za-z_][\w.]*)\s*-\s*([A-Za-z_][\w.]*)")


@check.run
def run(bench: Bench, trace: Trace | None = None) -> Finding:
    """Judge what was seen of a loop; without one, the bench's batch."""
    if trace is not None:
        return _judged(trace)
    return as_called(bench, _judged(bench.once(OneStep(single_step))))


def _judged(trace: Trace) -> Finding:
    called = [call for loss in trace.losses if loss.name in LOSSES for call in loss.calls if call.from_model]
    # inside a model a table of all pairs is the rule: inputs (N, 1) with as many weights as rows
    ops = [op for op in trace.ops if op.name in OPS and op.grad and op.from_model and not op.inside]
    for call in called:
        if isinstance(call.target, Facts) and _spread(call.output.shape, call.target.shape):
            return _found(call.output, call.target, _size(call.output.shape, call.target.shape), call.place)
    for op in ops:
        if isinstance(op.right, Facts) and _by_mistake(op, op.right):
            made = _stretched(op, op.right).maker
            sure = op.direct or (bool(trace.models) and not made.startswith("Unsqueeze"))
            return _found(op.left, op.right, op.result, op.place, sure=sure, loss=op.name == "sub")
    if not called and not any(seen.looked for seen in trace.backward):
        return skipped("no loss of a model was computed")
    return ok(_held(trace), calls=len(called))


def _held(trace: Trace) -> str:
    """What was compared with what, where nothing is stretched."""
    pairs = [(loss.name, c) for loss in trace.losses for c in loss.calls if c.from_model and c.target is not None]
    for name, call in sorted(pairs, key=lambda pair: pair[0] not in LOSSES):
        assert call.target is not None
        output, target = call.output.shape, call.target.shape
        if output == target:
            return f"`{name}` is given outputs and targets of one shape, `{output}`"
        return f"`{name}` is given outputs `{output}` with targets `{target}`, and makes no table of all pairs"
    return "no line of the loss stretches targets that lack an axis over the outputs"


def _found(
    left: Facts, right: Facts, result: tuple[int, ...], place: Place, *, sure: bool = True, loss: bool = True
) -> Finding:
    claim = bad if sure else hint
    pred, target = (left, right) if left.requires_grad else (right, left)
    one, other = _names(place, left.requires_grad)
    code = f"{other} = {other}.reshape({one}.shape)" if other else "target = target.reshape(output.shape)"
    table = f"make a table of **{' × '.join(map(str, result))}**"
    told = f"outputs `{pred.shape}` against targets `{target.shape}` {table}: every prediction meets every target"
    return claim(
        told if loss else f"values `{pred.shape}` with values `{target.shape}` {table}: each meets all of the others",
        fix="Give both sides the same shape before the loss.",
        code=code,
        where=str(place),
        output=list(pred.shape),
        target=list(target.shape),
        result=list(result),
    )


def _names(place: Place, left_is_output: bool) -> tuple[str, str]:
    found = DIFFERENCE.search(place.text)
    if found is None:
        return "", ""
    one, other = found.groups()
    return (one, other) if left_is_output else (other, one)


def _spread(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether the same number of values on both sides makes more than that together."""
    same = [n for n in one if n != 1] == [n for n in other if n != 1]
    size = _size(one, other)
    return same and bool(size) and _count(size) > max(_count(one), _count(other))


def _size(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return tuple(torch.broadcast_shapes(one, other))  # type: ignore[no-untyped-call]
    except RuntimeError:
        return ()


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for n in shape:
        count *= n
    return count


def _by_mistake(op: OpSeen, right: Facts) -> bool:
    """Outputs against targets that lack an axis, in a line that adds none: pairs on purpose name both axes."""
    lacks = len(op.left.shape) != len(right.shape)
    taught = op.left.requires_grad != right.requires_grad
    return lacks and taught and _spread(op.left.shape, right.shape) and not ON_PURPOSE.search(op.place.text)


def _stretched(op: OpSeen, right: Facts) -> Facts:
    """The side with an axis of length 1."""
    return op.left if len(op.left.shape) > len(right.shape) else right


def _loop(loss_fn: Callable[[Tensor, Tensor], Tensor], column: bool = False, seed: int = 0) -> Bench:
    given = toys.regress(seed=seed)
    net = given.get("model")
    opt = torch.optim.Adam(net.parameters(), 1e-3)

    def program() -> None:
        for x, y in toys.batches(given, 2):
            opt.zero_grad()
            loss: Any = loss_fn(net(x), y if column else y[:, 0])
            loss.backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt)


@check.breaks
def column_against_row() -> Bench:
    """A squared error by hand: outputs (N, 1), targets (N,)."""

    def squared(out: Tensor, y: Tensor) -> Tensor:
        return ((out - y) ** 2).mean()

    return _loop(squared)


@check.breaks
def row_against_column() -> Bench:
    """An absolute error by hand: outputs squeezed to (N,), targets still (N, 1)."""

    def absolute(out: Tensor, y: Tensor) -> Tensor:
        return (y - out.squeeze()).abs().mean()

    return _loop(absolute, column=True)


@check.breaks
def in_a_loss_of_torch() -> Bench:
    """`mse_loss` warns once, and goes on."""

    def quiet(out: Tensor, y: Tensor) -> Tensor:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return nn.functional.mse_loss(out, y)

    return _loop(quiet)


@check.breaks
def images_without_a_channel() -> Bench:
    """Maps (N, 1, H, W) against masks (N, H, W)."""
    given = toys.images()
    net = nn.Conv2d(1, 1, 3, padding=1)
    opt = torch.optim.Adam(net.parameters(), 1e-3)

    def program() -> None:
        for x, _ in toys.batches(given):
            out, mask = net(x), x[:, 0] > 0
            loss = (out - mask.float()).square().mean()
            opt.zero_grad()
            loss.backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt)


@check.breaks
def one_batch_without_a_loop() -> Bench:
    """The loss by hand that a model not yet trained is handed over with."""

    def squared(out: Tensor, y: Tensor) -> Tensor:
        return ((out - y[:, 0]) ** 2).mean()

    return toys.regress(loss_fn=squared)


@check.holds
def column_against_column() -> Bench:
    """Outputs (N, 1), targets (N, 1)."""

    def squared(out: Tensor, y: Tensor) -> Tensor:
        return ((out - y) ** 2).mean()

    return _loop(squared, column=True)


@check.holds
def squeezed() -> Bench:
    """The loss of torch, outputs squeezed to the shape of the targets."""
    return _loop(lambda out, y: nn.functional.mse_loss(out.squeeze(1), y))


@check.holds
def all_pairs_on_purpose() -> Bench:
    """A ranking loss compares every pair of examples, and says so."""

    def ranking(out: Tensor, y: Tensor) -> Tensor:
        score, sign = out[:, 0], (y[:, None] - y[None, :]).sign()
        gap = score[:, None] - score
        return nn.functional.softplus(-sign * gap).mean()

    return _loop(ranking)


@check.holds
def distances_between_embeddings() -> Bench:
    """A contrastive loss takes all distances in a batch: (N, 1, D) against (1, N, D)."""

    def contrastive(out: Tensor, y: Tensor) -> Tensor:
        both = torch.cat([out, y[:, None]], 1)
        return (both.unsqueeze(1) - both.unsqueeze(0)).square().sum(-1).mean()

    return _loop(contrastive)


@check.holds
def one_target_for_all() -> Bench:
    """A GAN's judge is compared with the number 1."""
    return _loop(lambda out, y: ((out - torch.ones(1)) ** 2).mean())


@check.holds
def a_bias_by_position() -> Bench:
    """Outer products inside a model: as many rows as columns by chance."""

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.row, self.column = nn.Parameter(torch.ones(8)), nn.Parameter(torch.ones(8, 1))

        def forward(self, x: Tensor) -> Tensor:
            table = self.column * self.row
            return (x[:, :8] @ table).sum(1)

    given, net = toys.regress(), Outer()
    opt = torch.optim.SGD(net.parameters(), 1e-3)

    def program() -> None:
        for x, y in toys.batches(given):
            opt.zero_grad()
            (net(x) - y[:, 0]).square().mean().backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt)
