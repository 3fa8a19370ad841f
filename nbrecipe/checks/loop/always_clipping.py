"""Clipping cuts off the rare spikes of the gradient, not the gradient.

Where every norm lies far above the limit, each step has the same length whatever the gradient's: the limit has become
the learning rate, and a loss that flattens out no longer slows the steps down. Schemes that normalise gradients on
purpose do the same, hence a hint; unless the steps are so short that the weights cannot get anywhere.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...trace import Trace
from ...trace.record.data import ClipSeen, OptimizerSeen

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="training dynamics")

#: norms before a judgement, the first tenth of the calls left out as warm-up
NORMS, WARM_UP = 10, 0.1
#: norms this many times the limit in the median, and nearly none below it: no spikes, the gradient itself is cut
FAR, ABOVE = 10.0, 0.98
#: steps before the claim that the weights stand still, and how little of their length all steps together may cover
STEPS, STILL = 20, 1e-3


@check.run
def run(trace: Trace) -> Finding:
    clips = [clip for clip in trace.clips if clip.kind == "norm" and math.isfinite(clip.limit) and clip.limit > 0]
    judged = [(clip, norms) for clip in clips if len(norms := _norms(clip)) >= NORMS]
    if not judged:
        return skipped(f"the cell clips no norm of gradients {NORMS} times")
    shares = [sum(norm > clip.limit for norm in norms) / len(norms) for clip, norms in judged]
    for (clip, norms), share in zip(judged, shares, strict=True):
        median = statistics.median(norms)
        if share < ABOVE or median < FAR * clip.limit or (clip.scaled and not clip.limit > FAR):
            continue
        still = _still(trace, clip)
        claim = bad if still is not None else hint
        why = "" if still is None else f"all steps together can move the weights by {number(100 * still, 2)} % at most"
        return claim(
            f"the gradient's norm is **{number(median, 3)}** in the median, {number(median / clip.limit, 2)} times the "
            f"limit of {number(clip.limit, 3)}, and {'every' if share == 1 else 'nearly every'} step was clipped",
            fix="Set the limit near the usual norm, so that only spikes are clipped.",
            code=f"torch.nn.utils.clip_grad_norm_({_model(trace)}.parameters(), {number(_round(median), 2)})",
            why=why,
            where=str(clip.place),
            limit=clip.limit,
            median=median,
            share=share,
            norms=norms[:: max(1, len(norms) // 200)],
        )
    return ok(f"{number(100 * max(shares), 2)} % of the steps were clipped", share=max(shares))


def _norms(clip: ClipSeen) -> list[float]:
    points = clip.norms.finite()
    return [norm for _, norm in points[int(WARM_UP * len(points)) :]]


def _still(trace: Trace, clip: ClipSeen) -> float | None:
    """Most of their own length that the weights can have moved; None where that is enough, or not known.

    A step of plain SGD is at most rate times limit long, and 1/(1-momentum) times that with momentum.
    """
    stepped = [optimizer for optimizer in trace.optimizers if optimizer.steps]
    if len(stepped) != 1 or not trace.ended or stepped[0].steps < STEPS or len(trace.clips) > 1:
        return None
    optimizer = stepped[0]
    if optimizer.kind != "SGD" or not optimizer.updates or any(group.get("weight_decay") for group in optimizer.groups):
        return None
    moved = _path(optimizer, clip.limit) / max(math.hypot(*optimizer.updates[0].weights), 1e-12)
    return moved if moved < STILL and not _falls(trace) else None


def _path(optimizer: OptimizerSeen, limit: float) -> float:
    rates = [rate for _, rate in optimizer.rate]
    momentum = max((float(group.get("momentum") or 0.0) for group in optimizer.groups), default=0.0)
    return limit * optimizer.steps * max(rates, default=0.0) / max(1 - momentum, 1e-3)


def _falls(trace: Trace) -> bool:
    """Whether the loss went down from its first quarter to its last by more than it scatters."""
    values = [value for _, value in max(trace.backward, key=lambda loss: loss.count).values.finite()]
    first, last = values[: len(values) // 4], values[-(len(values) // 4) :]
    if len(first) < 2:
        return True
    scatter = math.hypot(statistics.stdev(first), statistics.stdev(last)) / len(first) ** 0.5
    return bool(statistics.mean(first) - statistics.mean(last) > 2 * scatter)


def _model(trace: Trace) -> str:
    return next((model.name for model in trace.models if any(p.trained for p in model.passes)), "model")


def _round(value: float) -> float:
    """1, 2 or 5 times a power of ten, at or above a value."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= value * (1 - 1e-9))


@check.draw
def draw(ax: Axes, seen: Mapping[str, Any]) -> None:
    """The norms before clipping, and the limit."""
    if "norms" not in seen:
        ax.text(
            0.5, 0.5, f"{number(100 * seen['share'], 2)} % clipped", ha="center", va="center", transform=ax.transAxes
        )
        ax.set_axis_off()
        return
    ax.plot(seen["norms"], lw=1)
    ax.axhline(seen["limit"], ls="--", lw=1, color="0.5")
    ax.set_yscale("log")
    ax.set_xlabel("step")
    ax.set_ylabel("gradient norm")


def _loop(limit: float, rate: float = 0.05, epochs: int = 8) -> Bench:
    given = toys.classify()
    net, loss_fn, _ = toys.parts(given)
    opt = torch.optim.SGD(net.parameters(), rate)

    def program() -> None:
        for x, y in toys.batches(given, epochs):
            opt.zero_grad()
            loss = loss_fn(net(x), y)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), limit)
            opt.step()

    return toys.watched(program, net=net, opt=opt)


@check.breaks
def a_limit_that_stops_training() -> Bench:
    """The limit is a thousandth of the norm, and SGD's steps shrink with it."""
    return _loop(1e-4, rate=0.01)


@check.breaks
def a_limit_far_below_the_norm() -> Bench:
    """The weights move, each step by the same length: it may be meant, hence a hint."""
    return _loop(0.01, rate=5.0)


@check.holds
def spikes_only() -> Bench:
    """The limit lies above the usual norm."""
    return _loop(1.0)


@check.holds
def just_above_the_limit() -> Bench:
    """Norms of about the limit are clipped by a little, which changes little."""
    return _loop(0.4, epochs=4)
