"""The step makes the loss function's value smaller.

A minus too many, or one too few before a log-likelihood, and the optimizer looks for the worst answers. The number that
is printed falls and falls, below any bound, and everything seems to go well.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...trace import Trace
from ...trace.record.data import BackwardSeen, LossSeen

check = Check(__name__, tip="training dynamics")

#: losses that cannot be below 0 and are best there
LOSSES = (
    "cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits", "mse_loss", "l1_loss",
    "smooth_l1_loss", "huber_loss",
)  # fmt: skip
#: how exactly root and loss are each other's opposite, and the looks that must agree
SAME, LOOKS = 1e-3, 3
#: looks after which a factor of -1 is no accident
MANY = 10
#: share of a guess's loss below which a net has been trained before: then the loss may be driven up on purpose
TRAINED = 0.5
#: share of its start that the loss is at least at, and values that say so: one that falls is minimised after all, by
#: an optimizer of one's own
RISING, FEW = 0.95, 30
#: nodes that pick the answers of a log-likelihood
PICKING = ("IndexBackward", "GatherBackward", "SqueezeBackward", "SelectBackward", "ViewBackward", "ReshapeBackward")


@check.run
def run(trace: Trace) -> Finding:
    if not trace.steps or not trace.backward:
        return skipped("the cell called no backward, or stepped no optimizer")
    if len(trace.backward) > 1:
        return skipped("several losses are trained on, which may be played against each other")
    backward = trace.backward[0]
    losses = [loss for loss in trace.losses if loss.grad and loss.name in LOSSES]
    maximizes = any(group.get("maximize") for optimizer in trace.optimizers for group in optimizer.groups)
    sign = -1.0 if maximizes else 1.0
    flipped = backward.scales and all(abs(scale * sign + 1) < SAME for scale in backward.scales)
    if len(losses) == 1 and flipped:
        values = [-sign * value for _, value in backward.values.finite()]
        return _flipped(trace, backward, values, losses[0].name, maximizes)
    if not losses and (backward.values.last < 0) != maximizes and _likelihood(backward.chain):
        return _flipped(trace, backward, [-value for _, value in backward.values.finite()], "", maximizes)
    if not losses and not maximizes and _squares(backward.chain):
        return hint(
            f"`{backward.name}` is minus a mean of squared differences: training makes them larger",
            fix="Leave out the minus, unless the distance is what you want to maximise.",
            where=str(backward.place),
            last=backward.values.last,
        )
    return ok(f"`{backward.name}` went from {number(backward.values.first)} to {number(backward.values.last)}")


def _flipped(trace: Trace, backward: BackwardSeen, values: list[float], name: str, maximizes: bool) -> Finding:
    what = f"`{name}`" if name else "the negative log-likelihood"
    if all(optimizer.strangers == optimizer.parameters for optimizer in trace.optimizers):
        return ok(f"{what} is maximised by something that is no model's parameter, as an attack does")
    if len(values) < LOOKS or len(backward.scales or values) < LOOKS:
        return skipped(f"fewer than {LOOKS} losses were looked at")
    third = max(1, len(values) // 3)
    before, after = sum(values[:third]) / third, sum(values[-third:]) / third
    told = f"the steps maximise {what}: it went from **{number(before)}** to **{number(after)}**"
    fix = "Leave out the minus before the loss." if name else "Put a minus before the mean log-probability."
    code = f"{backward.name} = -{backward.name}"
    if maximizes:
        fix, code = "Leave out `maximize=True`: this loss is to become small.", ""
    guess = _guess(trace)
    fresh = values[0] > TRAINED * guess if guess is not None else False
    # a factor of -1 may be a reward that happened to be the same each time
    plain = (
        not name
        or maximizes
        or any(node.startswith("Neg") for node in backward.chain[:2])
        or len(backward.scales) >= MANY
    )
    rising = after > RISING * before or len(values) < FEW
    claim = bad if rising and fresh and plain else hint
    return claim(
        told,
        fix=fix,
        code=code,
        where=str(backward.place),
        first=before,
        last=after,
        guess=guess,
    )


def _guess(trace: Trace) -> float | None:
    """What the loss of a guess is about, by the outputs and targets of the first call."""
    calls: list[LossSeen] = [loss for loss in trace.losses if loss.grad and loss.calls]
    if not calls:
        shapes = [p.output.shape for model in trace.models for p in model.passes if p.output is not None]
        return math.log(shapes[0][-1]) if shapes and len(shapes[0]) > 1 and shapes[0][-1] > 1 else None
    name, call = calls[0].name, calls[0].calls[0]
    size = 1 if call.options.get("reduction") != "sum" or call.target is None else math.prod(call.target.shape)
    if name in ("cross_entropy", "nll_loss"):
        return size * math.log(max(2, call.output.shape[1 if len(call.output.shape) > 1 else 0]))
    if name.startswith("binary"):
        rate = min(max(call.target.mean, 0.0), 1.0) if call.target is not None else 0.5
        return size * -sum(p * math.log(p) for p in (rate, 1 - rate) if p > 0)
    spread = call.target.std if call.target is not None else 0.0
    return size * (spread**2 if name == "mse_loss" else min(spread, spread**2))


def _likelihood(chain: tuple[str, ...]) -> bool:
    """A mean of log-probabilities picked by their targets, and nothing else."""
    if len(chain) < 3 or not chain[0].startswith(("MeanBackward", "SumBackward")):
        return False
    below = [name for name in chain[1:] if not name.startswith(PICKING)]
    picked = any(name.startswith(("IndexBackward", "GatherBackward")) for name in chain[1:4])
    return picked and bool(below) and below[0].startswith("LogSoftmax")


def _squares(chain: tuple[str, ...]) -> bool:
    if (
        len(chain) < 4
        or not chain[0].startswith("NegBackward")
        or not chain[1].startswith(("MeanBackward", "SumBackward"))
    ):
        return False
    return chain[2].startswith("PowBackward") and chain[3].startswith("SubBackward")


def _loop(loss_fn: Callable[[Tensor, Tensor], Tensor], given: Bench | None = None, maximize: bool = False) -> Bench:
    given = given or toys.classify()
    net = given.get("model")
    opt = torch.optim.Adam(net.parameters(), 1e-3, maximize=maximize)

    def program() -> None:
        for x, y in toys.batches(given, 3):
            loss: Any = loss_fn(net(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt)


def _log_likelihood(out: Tensor, y: Tensor) -> Tensor:
    return out.log_softmax(1)[torch.arange(len(y)), y].mean()


@check.breaks
def minus_cross_entropy() -> Bench:
    """A minus stands before the loss."""
    return _loop(lambda out, y: -functional.cross_entropy(out, y))


@check.breaks
def minus_squared_error() -> Bench:
    """The same with a regression."""
    return _loop(lambda out, y: -functional.mse_loss(out, y), toys.regress())


@check.breaks
def log_likelihood_without_minus() -> Bench:
    """The mean log-probability of the right answers is minimised."""
    return _loop(_log_likelihood)


@check.breaks
def maximized_loss() -> Bench:
    """The optimizer was told to maximise what it should minimise."""
    return _loop(functional.cross_entropy, maximize=True)


@check.breaks
def minus_squares_by_hand() -> Bench:
    """Written by hand it might be meant: a hint."""
    return _loop(lambda out, y: -((out - y) ** 2).mean(), toys.regress())


@check.holds
def minimized() -> Bench:
    """The usual sign."""
    return _loop(functional.cross_entropy)


@check.holds
def negative_log_likelihood() -> Bench:
    """The minus belongs there."""
    return _loop(lambda out, y: -_log_likelihood(out, y))


@check.holds
def maximized_log_likelihood() -> Bench:
    """The optimizer maximises, and a log-likelihood is what it is given."""
    return _loop(_log_likelihood, maximize=True)


@check.holds
def maximized_minus_loss() -> Bench:
    """Two signs cancel."""
    return _loop(lambda out, y: -functional.cross_entropy(out, y), maximize=True)


@check.holds
def a_likelihood_of_its_own() -> Bench:
    """A density may be above 1, so that its negative logarithm falls below 0."""
    given = toys.regress(toys.mlp((10, 32, 2)), scale=0.01)

    def loss_fn(out: Tensor, y: Tensor) -> Tensor:
        return functional.gaussian_nll_loss(out[:, :1], y, functional.softplus(out[:, 1:]) + 1e-6)

    return _loop(loss_fn, given)


@check.holds
def a_policy_gradient() -> Bench:
    """Log-probabilities times rewards of either sign."""

    def loss_fn(out: Tensor, y: Tensor) -> Tensor:
        log = out.log_softmax(1).gather(1, y[:, None])[:, 0]
        return -(log * (y.float() - 2)).mean()

    return _loop(loss_fn)
