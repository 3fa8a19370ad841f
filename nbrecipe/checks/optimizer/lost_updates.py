"""A step changes the weights that have a gradient.

A bfloat16 weight keeps eight significant bits: a change below 1/512 of the weight rounds to nothing, float16 loses one
below 1/4096. The loop runs, the optimizer's moments grow, and most weights stay bit for bit as they are.
"""

from __future__ import annotations

import math
import statistics

import torch
from torch import nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...trace import Trace
from ...trace.record.data import OptimizerSeen, Update

check = Check(__name__, tip="training dynamics")

#: updates before the claim, and those looked at
UPDATES, LOOKS = 3, 16
#: share of the weights with a gradient that a step leaves as they are
LOST = 0.5
#: updates at less than this share of the highest rate are the end of a decay
RATE = 0.1
#: gradient over weight below which a run is at its minimum
GRADIENT = 1e-3
LOW = ("bfloat16", "float16")


@check.run
def run(trace: Trace) -> Finding:
    dtypes = {f"{model.name}.{p.name}": p.dtype for model in trace.models for p in model.parameters}
    judged = [(o, shares) for o in trace.optimizers if len(shares := _shares(o, dtypes)) >= UPDATES]
    if not judged:
        return skipped(f"fewer than {UPDATES} steps with a learning rate were looked at")
    optimizer, shares = max(judged, key=lambda item: statistics.median(item[1]))
    if not trace.ended and optimizer.rate.first < optimizer.rate.last >= max(optimizer.rate.values):
        return skipped("the cell is still running, and its learning rate still rises")
    share = statistics.median(shares)
    if share < LOST:
        return ok(
            f"a step leaves {number(100 * share, 2)} % of the weights with a gradient as they are", unchanged=share
        )
    kinds = sorted({dtypes[name] for name in optimizer.updates[-1].layers if name in dtypes})
    low = [kind for kind in kinds if kind in LOW]
    if not low and not _pulled(optimizer):
        return ok("the gradients are too small to change float32 weights: the run has come to rest", unchanged=share)
    # an optimizer that is not torch's may keep what rounding loses
    certain = bool(low) and hasattr(torch.optim, optimizer.kind)
    steps = [r for u in optimizer.updates if (r := u.ratio) is not None]
    return (bad if certain else hint)(
        f"**{number(100 * share, 3)} %** of the weights with a gradient are bit for bit the same after a step of "
        f"`{optimizer.name}`: the change is below what {' and '.join(low or kinds) or 'their type'} can hold",
        fix="Keep the weights in float32, and compute in low precision by autocast."
        if low
        else "Raise the learning rate.",
        code=_code(trace, bool(low), optimizer),
        where=str(optimizer.place),
        unchanged=share,
        ratio=statistics.median(steps) if steps else None,
        dtypes=kinds,
    )


def _pulled(optimizer: OptimizerSeen) -> bool:
    """Whether the gradients are of a size that a usual rate would follow, what balances weight decay left out."""
    decay = max((group.get("weight_decay") or 0.0 for group in optimizer.groups), default=0.0)
    sizes = [u.gradient / w - decay for u in optimizer.updates if (w := math.hypot(*u.weights)) > 0]
    return bool(sizes) and statistics.median(sizes) > GRADIENT


def _code(trace: Trace, low: bool, optimizer: OptimizerSeen) -> str:
    if not low:
        return f'for group in {optimizer.name}.param_groups:\n    group["lr"] *= 10'
    model = next((model.name for model in trace.models if any(p.dtype in LOW for p in model.parameters)), "model")
    return f"{model}.float()  # before the optimizer is made; then: with torch.autocast(...): loss = ..."


def _shares(optimizer: OptimizerSeen, dtypes: dict[str, str]) -> list[float]:
    """The share at each update, over all layers by their gradient; updates at a rate of 0 or near it are left out."""
    updates = optimizer.updates[:: max(1, len(optimizer.updates) // LOOKS)]
    full = max((max(u.rates, default=0.0) for u in updates), default=0.0)
    found = (_share(u, dtypes) for u in updates if min(u.rates, default=0.0) > 0 and max(u.rates) >= RATE * full)
    return [share for share in found if share is not None]


def _share(update: Update, dtypes: dict[str, str]) -> float | None:
    """The median over the layers that got a gradient, of those in low precision where there are some."""
    graded = [i for i, gradient in enumerate(update.gradients) if gradient]
    low = [i for i in graded if dtypes.get(update.layers[i]) in LOW]
    chosen = low if len(low) > len(graded) / 2 else graded
    return statistics.median(update.unchanged[i] for i in chosen) if chosen else None


def _train(net: nn.Module, opt: torch.optim.Optimizer, dtype: torch.dtype = torch.float32, cast: bool = False) -> Bench:
    given = toys.classify(net)
    loss_fn = given.loss_fn
    assert loss_fn is not None

    def program() -> None:
        for x, y in toys.batches(given, 2):
            opt.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=cast):
                loss = loss_fn(net(x.to(dtype)).float(), y)
            loss.backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt)


@check.breaks
def adam_in_bfloat16() -> Bench:
    """Weights in bfloat16 and Adam at 1e-5."""
    net = toys.mlp().bfloat16()
    return _train(net, torch.optim.Adam(net.parameters(), 1e-5), torch.bfloat16)


@check.breaks
def sgd_at_nearly_nothing() -> Bench:
    """A rate of 1e-8 is too small even for float32: a hint."""
    net = toys.mlp()
    return _train(net, torch.optim.SGD(net.parameters(), 1e-8))


@check.holds
def autocast() -> Bench:
    """Weights in float32, products in bfloat16."""
    net = toys.mlp()
    return _train(net, torch.optim.Adam(net.parameters(), 1e-4), cast=True)


@check.holds
def large_steps_in_bfloat16() -> Bench:
    """Weights in bfloat16 whose steps are large enough to be kept."""
    net = toys.mlp().bfloat16()
    return _train(net, torch.optim.SGD(net.parameters(), 0.5), torch.bfloat16)


@check.holds
def warm_up_from_zero() -> Bench:
    """The first step has a rate of 0 and changes nothing, by design."""
    given = toys.classify()
    net, loss_fn, opt = toys.parts(given)
    sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda step: step / 8)

    def program() -> None:
        for x, y in toys.batches(given, 2):
            opt.zero_grad()
            loss_fn(net(x), y).backward()
            opt.step()
            sched.step()

    return toys.watched(program, net=net, opt=opt, sched=sched)
