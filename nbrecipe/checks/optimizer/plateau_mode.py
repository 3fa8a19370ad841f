"""ReduceLROnPlateau looks for the low of a loss, or for the high of a score.

In mode "min" a rising accuracy counts as no improvement: the rate is cut again and again while the model gets better.
A rising validation loss beside a falling training loss is another thing, and so is a score in mode "max" that falls.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...trace import Trace
from ...trace.record.course import ends, training_loss
from ...trace.record.data import SchedulerSeen

check = Check(__name__, tip="do not trust decay defaults")

#: calls before the trend of the metric is judged
CALLS = 5
#: Kendall's rank correlation in standard errors: 1 % of series without a trend lie beyond; five that all rise reach 2.2
TREND = 2.2
#: how a line calls what should be high, and what should be low
SCORE = re.compile(
    r"acc(?!um)|f1|auc|score|recall|precision|iou|(?<![a-z])dice|r2|bleu|kappa|reward|psnr|ssim|correct", re.I
)
LOSS = re.compile(r"loss|err|mse|mae|nll|ppl|perplex|bce|divergence", re.I)
#: a share of N rows is a whole number of Nths, within float32
WHOLE = 5e-3


@check.run
def run(trace: Trace) -> Finding:
    plateaus = [s for s in trace.schedulers if s.kind == "ReduceLROnPlateau" and s.metric.count]
    if not plateaus:
        return skipped("no ReduceLROnPlateau was stepped in this cell")
    for scheduler in plateaus:
        found = _judged(trace, scheduler)
        if found is not None:
            return found
    first = plateaus[0]
    if first.metric.count < CALLS:
        return skipped(f"`{first.name}` was stepped fewer than {CALLS} times")
    return ok(
        f"`{first.name}` looks for the {'high' if first.options.get('mode') == 'max' else 'low'} of its metric, which "
        f"went from {number(first.metric.first)} to {number(first.metric.last)}"
    )


def _judged(trace: Trace, scheduler: SchedulerSeen) -> Finding | None:
    mode, values = str(scheduler.options.get("mode", "min")), [v for _, v in scheduler.metric.finite()]
    said = scheduler.place.text.partition("step(")[2]
    score = bool(SCORE.search(said)) and not LOSS.search(said)
    loss = bool(LOSS.search(said)) and not SCORE.search(said)
    known = (score or (not loss and _share(trace, values))) if mode == "min" else loss
    trend = _trend(values)
    wrong_way = trend if mode == "min" else -trend
    if not known or len(values) < CALLS or wrong_way < TREND or not _learns(trace):
        return None
    cuts = _cuts(trace, scheduler)
    right = "max" if mode == "min" else "min"
    went = "rose" if mode == "min" else "fell"
    return (bad if cuts else hint)(
        f"`{scheduler.name}` cut the rate **{cuts}** times while its metric {went} from {number(values[0])} to "
        f'{number(values[-1])}: in mode "{mode}" that counts as no improvement',
        fix=f'Give the scheduler `mode="{right}"`.',
        code=f'{scheduler.name} = torch.optim.lr_scheduler.ReduceLROnPlateau({scheduler.optimizer}, mode="{right}")',
        where=str(scheduler.place),
        mode=mode,
        cuts=cuts,
        metric=values[:: max(1, len(values) // 100)],
    )


def _share(trace: Trace, values: list[float]) -> bool:
    """Whether the values are shares of right answers among the rows of a loader, in one or in percent."""
    if len(set(values)) < CALLS - 1 or min(values) < 0:
        return False
    whole = 1.0 if max(values) <= 1 else 100.0
    rows = {loader.rows for loader in trace.loaders if loader.rows}
    counts = [[value / whole * n for value in values] for n in rows]
    return max(values) <= whole and any(all(abs(c - round(c)) < WHOLE for c in some) for some in counts)


def _trend(values: list[float]) -> float:
    """Kendall's rank correlation with time in standard errors, with ties (Mann 1945); above 0 for a rise."""
    values = values[:: max(1, len(values) // 60)]
    score = sum((b > a) - (b < a) for a, b in itertools.combinations(values, 2))
    spread = _pairs(len(values)) - sum(_pairs(count) for count in Counter(values).values())
    return (score - (score > 0) + (score < 0)) / math.sqrt(spread / 18) if spread else 0.0


def _pairs(count: int) -> int:
    return count * (count - 1) * (2 * count + 5)


def _learns(trace: Trace) -> bool:
    loss = training_loss(trace)
    start, end = ends(loss.values.values) if loss is not None else (0.0, 0.0)
    return end < start


def _cuts(trace: Trace, scheduler: SchedulerSeen) -> int:
    rates = next((o.rate.values for o in trace.optimizers if o.name == scheduler.optimizer), [])
    return sum(after < before * (1 - 1e-6) for before, after in itertools.pairwise(rates))


@check.draw
def draw(axes: Any, seen: Any) -> None:
    """The metric over the calls."""
    axes.plot(range(1, len(seen["metric"]) + 1), seen["metric"], marker="o")
    axes.set_xlabel("call of the scheduler")
    axes.set_ylabel(f'metric, mode "{seen["mode"]}"')


Measure = Callable[[float, float], float]


def _loop(mode: Any, accuracy: bool, epochs: int = 12) -> Bench:
    given = toys.classify(rows=512, size=64)
    net, loss_fn, _ = toys.parts(given)
    opt = torch.optim.SGD(net.parameters(), 0.05)
    sched = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, mode=mode, patience=2, factor=0.5)

    def program() -> None:
        for _ in range(epochs):
            total, right = 0.0, 0
            for x, y in toys.batches(given):
                opt.zero_grad()
                out = net(x)
                loss = loss_fn(out, y)
                loss.backward()
                opt.step()
                total += loss.item() / 8
                right += int((out.argmax(1) == y).sum())
            value = right / 512 if accuracy else total
            sched.step(value)

    return toys.watched(program, every=None, net=net, opt=opt, sched=sched)


@check.breaks
def accuracy_with_min() -> Bench:
    """The accuracy rises, and each rise counts as a bad epoch."""
    return _loop("min", accuracy=True)


@check.holds
def accuracy_with_max() -> Bench:
    """A score in mode "max"."""
    return _loop("max", accuracy=True)


@check.holds
def loss_with_min() -> Bench:
    """A loss in mode "min"."""
    return _loop("min", accuracy=False)


@check.holds
def overfitting() -> Bench:
    """The validation loss rises while the training loss falls: mode "min" is right, and cuts the rate."""
    given = toys.classify(rows=64)
    net, loss_fn, _ = toys.parts(given)
    opt = torch.optim.Adam(net.parameters(), 1e-2)
    sched = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, patience=3, factor=0.5)
    held = torch.randn(64, 20, generator=toys.seeded(1)), torch.randint(5, (64,), generator=toys.seeded(2))

    def program() -> None:
        for x, y in toys.batches(given, 20):
            opt.zero_grad()
            loss_fn(net(x), y).backward()
            opt.step()
            with torch.no_grad():
                sched.step(loss_fn(net(held[0]), held[1]))

    return toys.watched(program, net=net, opt=opt, sched=sched)
