"""No clamp takes the gradient of the largest losses away.

Above its limit a clamped loss is flat: the examples that the net gets most wrong teach it nothing, and where the mean
is clamped, whole batches do not. What was meant is to clip the gradient, which keeps its direction. Without a loop, the
clamp is read off the graph of one batch.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ... import toys
from ...batches import BadInput, Step
from ...bench import Bench, Cell
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...probes.graph.between import as_called
from ...probes.passes.one_step import OneStep
from ...trace import Trace
from ...trace.measures.roots import Ceiling, ceiling, sealed

check = Check(__name__, tip="training dynamics")

#: share of the losses that makes the clamp more than a guard against a rare accident
OFTEN = 0.01
#: one batch says more than that where it would hold so many by chance less often than this
CHANCE = 1e-3


@check.run
def run(bench: Bench, trace: Trace | None = None) -> Finding:
    """Judge what was seen of a loop; without one, the loss of the bench's batch."""
    return _watched(trace) if trace is not None else _of_batch(bench, bench.once(OneStep(_clamp)))


def _clamp(compute: Callable[[], Step], model: nn.Module, names: tuple[str, str]) -> tuple[Ceiling | None, bool]:
    """The clamp on the way from the loss to its root, and whether nothing passes it."""
    with torch.enable_grad():
        loss = compute().loss
    if loss is None or not loss.requires_grad:
        raise BadInput("there is no loss with a gradient on this batch")
    root = loss if loss.ndim == 0 else loss.mean()
    met = ceiling(root)
    if met is None:
        return None, False
    return dataclasses.replace(met, node=None), sealed(root, met)  # the graph is let go


def _of_batch(bench: Bench, seen: tuple[Ceiling | None, bool]) -> Finding:
    met, shut = seen
    if met is None:
        return ok("no clamp bounds the loss of this batch from above")
    if not shut:
        return ok("a gradient of the loss passes beside its clamp")
    limit = number(met.limit, 3)
    if not met.above:
        return ok(f"the loss is clamped at {limit}, which it does not reach on this batch", limit=met.limit)
    # values of one row hang together
    count = min(met.count, bench.get("feed").size)
    sure = met.above == 1 if met.by_hand else _tail(count, round(met.above * count)) < CHANCE or met.above == 1
    whole = "all of its values lie" if met.count > 1 else "it lies"
    share = whole if met.above == 1 else f"**{number(100 * met.above, 3)} %** of its values lie"
    name, owner = bench.name("optimizer"), bench.name("model")
    found = (bad if sure else hint)(
        f"the loss is clamped at **{limit}**, and on this batch {share} above, where no gradient passes",
        fix=f"Leave the loss as it is, and clip the gradients before `{name}.step()`.",
        code=f"torch.nn.utils.clip_grad_norm_({owner}.parameters(), 1.0)",
        limit=met.limit,
        above=met.above,
    )
    return as_called(bench, found)


def _tail(count: int, met: int) -> float:
    """How often a batch holds so many values above the limit, or more, where one of a hundred lies there."""
    return 1 - sum(math.comb(count, k) * OFTEN**k * (1 - OFTEN) ** (count - k) for k in range(met))


def _watched(trace: Trace) -> Finding:
    looked = [seen for seen in trace.backward if seen.looked]
    if not looked:
        return skipped("no backward was called in the cell")
    clamped = [seen for seen in looked if seen.ceiling is not None]
    if not clamped:
        return ok(f"no clamp bounds the loss from above in the {sum(s.looked for s in looked)} backwards looked at")
    seen = max(clamped, key=lambda s: max(s.above))
    limit = number(seen.ceiling or 0.0, 3)
    reached = [share for share in seen.above if share > 0]
    if not reached:
        return ok(f"the loss is clamped at {limit}, which it reached in none of {len(seen.above)} backwards looked at")
    whole = sum(share == 1 for share in reached)
    mean = sum(seen.above) / len(seen.above)
    name = trace.optimizers[0].name if trace.optimizers else "optimizer"
    owner = trace.models[0].name if trace.models else "model"
    sure = 2 * whole >= len(seen.above) if seen.by_hand else mean >= OFTEN
    claim = bad if sure else hint
    line = next((op.place for op in trace.ops if op.grad and op.limits[1] == seen.ceiling), seen.place)
    lost = f"in **{whole}** of {len(seen.above)} backwards looked at, all do"
    return claim(
        f"the loss is clamped at **{limit}**, and **{number(100 * mean, 3)} %** of its values lie above, where no "
        "gradient passes" + (f"; {lost}" if whole else ""),
        fix=f"Leave the loss as it is, and clip the gradients before `{name}.step()`.",
        code=f"torch.nn.utils.clip_grad_norm_({owner}.parameters(), 1.0)",
        where=str(line),
        limit=seen.ceiling,
        above=seen.above,
        whole=whole,
    )


def _loop(loss_fn: Callable[[Tensor, Tensor], Tensor], given: Bench | None = None) -> Bench:
    given = given or toys.classify()
    net = given.get("model")
    opt = torch.optim.Adam(net.parameters(), 1e-3)

    def program() -> None:
        for x, y in toys.batches(given, 2):
            loss: Any = loss_fn(net(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt)


@check.breaks
def mean_clamped() -> Bench:
    """The mean loss is clamped at 1; it begins at 1.6, and there it stays."""
    return _loop(lambda out, y: functional.cross_entropy(out, y).clamp(max=1.0))


@check.breaks
def examples_clamped() -> Bench:
    """Each example's loss is clamped, so that the ones that are most wrong teach nothing."""
    return _loop(lambda out, y: functional.cross_entropy(out, y, reduction="none").clamp(0, 1.7).mean())


@check.breaks
def smaller_of_loss_and_limit() -> Bench:
    """`torch.minimum` is a clamp, too, beside a penalty."""

    def loss_fn(out: Tensor, y: Tensor) -> Tensor:
        return torch.minimum(functional.mse_loss(out, y), torch.tensor(0.5)) + 1e-4 * out.square().mean()

    return _loop(loss_fn, toys.regress())


@check.breaks
def squares_clamped_by_hand() -> Bench:
    """Squared errors are cut off at 1; a truncated loss may be meant, so this is a hint."""
    return _loop(lambda out, y: ((out - y) ** 2).clamp(max=1.0).mean(), toys.regress())


@check.holds
def clipped_gradients() -> Bench:
    """The gradient is clipped instead."""
    given = toys.classify()
    net, loss_fn, opt = toys.parts(given)

    def program() -> None:
        for x, y in toys.batches(given):
            opt.zero_grad()
            loss_fn(net(x), y).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            opt.step()

    return toys.watched(program, net=net, opt=opt)


@check.holds
def limit_out_of_reach() -> Bench:
    """A clamp at a million is a guard that nothing meets."""
    return _loop(lambda out, y: functional.cross_entropy(out, y).clamp(max=1e6))


@check.holds
def clipped_ratio() -> Bench:
    """PPO clips the ratio of two policies, and takes the smaller of two gains."""

    def loss_fn(out: Tensor, y: Tensor) -> Tensor:
        log = out.log_softmax(1).gather(1, y[:, None])[:, 0]
        gain, ratio = y.float() - 2, (log - log.detach() + 0.3 * torch.randn_like(log)).exp()
        return -torch.min(ratio * gain, ratio.clamp(0.8, 1.2) * gain).mean()

    return _loop(loss_fn)


@check.holds
def hinge() -> Bench:
    """Margins are clamped from below: an example that is right by enough has nothing left to teach."""
    return _loop(lambda out, y: (1 - (2 * y - 1) * out).clamp(min=0).mean(), toys.binary())


@check.holds
def focal_loss() -> Bench:
    """Probabilities are kept from 0 and 1 before the logarithm."""

    def loss_fn(out: Tensor, y: Tensor) -> Tensor:
        right = torch.where(y > 0, out.sigmoid(), 1 - out.sigmoid()).clamp(1e-6, 1 - 1e-6)
        return (-((1 - right) ** 2) * right.log()).mean()

    return _loop(loss_fn, toys.binary())


@check.holds
def huber_by_hand() -> Bench:
    """The square up to 1 and the line beyond: what the clamp cuts off comes back in the second term."""

    def loss_fn(out: Tensor, y: Tensor) -> Tensor:
        error = (out - y).abs()
        small = error.clamp(max=1.0)
        return (0.5 * small**2 + (error - small)).mean()

    return _loop(loss_fn, toys.regress())


@check.holds
def perplexity_beside() -> Bench:
    """A clamp for a number that is only printed lies on no way to the root."""

    def loss_fn(out: Tensor, y: Tensor) -> Tensor:
        loss = functional.cross_entropy(out, y)
        float(loss.clamp(max=1.0).exp().detach())
        return loss

    return _loop(loss_fn)


@check.breaks
def mean_clamped_without_a_loop() -> Bench:
    """The clamped mean of a net that has not been trained: it would never begin to learn."""
    given = toys.classify(loss_fn=lambda out, y: functional.cross_entropy(out, y).clamp(max=1.0))
    return given.replace(cells=(Cell(1, "for x, y in train_dl:\n    loss = criterion(net(x), y)"),))


@check.holds
def hinge_of_one_batch() -> Bench:
    """The same hinge before any training."""
    return toys.binary(loss_fn=lambda out, y: (1 - (2 * y - 1) * out).clamp(min=0).mean())


@check.holds
def huber_of_one_batch() -> Bench:
    """A loss whose gradient stops growing, and does not vanish."""
    return toys.regress(loss_fn=nn.HuberLoss(delta=0.1))
