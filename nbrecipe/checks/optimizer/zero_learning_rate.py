"""The learning rate is above 0, except for a first warm-up step.

A warm-up that divides whole numbers, or a schedule that has run out, gives a rate of 0: batches go by, the loss is
printed, and no weight moves. Without a loop, it is the rate of an optimizer that nothing will raise.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...probes.graph.holding import drivers, is_stepped
from ...trace import Trace
from ...trace.record.course import scheduler_of
from ...trace.record.data import OptimizerSeen

check = Check(__name__, tip="learning rate values")

#: steps at 0 before the claim: one is where a warm-up begins
STEPS = 3
#: share of the run above which its end at 0 is more than the last steps of a decay
TAIL = 0.1
#: a line that sets a rate, or calls what may
SETS = re.compile(r"""["']lr["']\]\s*(\.\w+_\(|[-+*/]?=[^=])|update\(|learning_rate\(|_lr\(|warm|sched""", re.I)


@check.run
def run(bench: Bench, trace: Trace | None = None) -> Finding:
    """Judge what was seen of a loop; without one, the optimizer as it stands."""
    return _watched(trace) if trace is not None else _standing(bench, bench.get("optimizer"))


def _standing(bench: Bench, optimizer: Any) -> Finding:
    name, groups = bench.name("optimizer"), getattr(optimizer, "param_groups", [])
    rates = {i: float(g["lr"]) for i, g in enumerate(groups) if g.get("lr") is not None and _moves(g)}
    if not rates:
        return skipped(f"`{name}` has no learning rate, or nothing to train")
    still = [i for i, rate in rates.items() if rate == 0]
    seen: dict[str, Any] = {"groups": len(rates), "zero": len(still)}
    if not still:
        low, high = min(rates.values()), max(rates.values())
        between = f"between {number(low)} and {number(high)}" if low < high else number(high)
        return ok(f"the learning rate of `{name}` is {between}", **seen)
    if len(still) < len(rates):
        return hint(
            f"{len(still)} of the {len(rates)} groups of `{name}` have a learning rate of **0**",
            fix="Give the group a rate, or freeze its parameters.",
            code=f'{name}.param_groups[{still[0]}]["lr"] = {max(rates.values()):g}',
            **seen,
        )
    raised = [g for g in groups if float(g.get("initial_lr") or 0) > 0]
    driving = drivers(optimizer)
    if raised or bench.scheduler is not None or driving:
        by = bench.name("scheduler") if bench.scheduler is not None else ", ".join(driving) or "a scheduler"
        return ok(f"the learning rate of `{name}` is 0 now, and `{by}` may raise it: a watched loop shows that", **seen)
    doubt = "it has stepped, and may have run out" if is_stepped(bench) else ""
    if any(SETS.search(cell.source) for cell in bench.cells):
        doubt = "a cell sets a rate, or calls what may"
    return (hint if doubt else bad)(
        f"the learning rate of `{name}` is **0**"
        + (f" in all {len(rates)} groups" if len(rates) > 1 else "")
        + ", and no scheduler is there to raise it: no step moves a weight",
        fix="Give the optimizer a rate above 0.",
        code=f'for group in {name}.param_groups:\n    group["lr"] = 1e-3',
        why=doubt,
        **seen,
    )


def _moves(group: dict[str, Any]) -> bool:
    return any(p.requires_grad for p in group["params"])


def _watched(trace: Trace) -> Finding:
    stepped = [optimizer for optimizer in trace.optimizers if optimizer.rate.count]
    if not stepped:
        return skipped("no optimizer with a learning rate stepped in this cell")
    worst = max(stepped, key=lambda optimizer: optimizer.zero_at_start)
    if worst.zero_at_start >= STEPS:
        # an optimizer at rest while others train may be frozen on purpose
        alone = all(o.zero_at_start >= STEPS for o in stepped if o.steps >= STEPS)
        return _found(trace, worst, worst.zero_at_start, "first", bad if alone else hint)
    if trace.ended:
        for optimizer in stepped:
            tail, allowed = _tail(optimizer)
            if tail >= STEPS and tail > max(allowed, TAIL * optimizer.steps):
                return _found(trace, optimizer, tail, "last", bad)
    for optimizer in stepped:
        still = _groups_at_rest(optimizer)
        if still:
            return hint(
                f"{len(still)} of the {len(optimizer.groups)} groups of `{optimizer.name}` had a learning rate of "
                f"**0** at every step looked at",
                fix="Give the group a rate, or freeze its parameters.",
                code=f'{optimizer.name}.param_groups[{still[0]}]["lr"] = {optimizer.rate.first or 1e-3:g}',
                where=str(optimizer.place),
                groups=still,
            )
    low, high = min(min(o.rate.values) for o in stepped), max(max(o.rate.values) for o in stepped)
    between = f"between {number(low)} and {number(high)}" if low < high else number(high)
    return ok(f"the learning rate was {between} over {sum(o.steps for o in stepped)} steps")


def _found(trace: Trace, optimizer: OptimizerSeen, count: int, which: str, claim: Callable[..., Finding]) -> Finding:
    scheduler = scheduler_of(trace, optimizer)
    steps = (
        f"each of its {count} steps" if count >= optimizer.steps else f"the {which} {count} of {optimizer.steps} steps"
    )
    code = f'for group in {optimizer.name}.param_groups:\n    group["lr"] = 1e-3'
    if scheduler is not None:
        code = f'print({scheduler.name}.get_last_lr(), {optimizer.name}.param_groups[0]["initial_lr"])'
    return claim(
        f"the learning rate of `{optimizer.name}` was **0** in {steps}: no weight moved",
        fix="Give the optimizer a rate above 0."
        if scheduler is None
        else f"Mend the schedule `{scheduler.name}`, which sets the rate to 0.",
        code=code,
        where=str(optimizer.place),
        zero=count,
        steps=optimizer.steps,
    )


def _tail(optimizer: OptimizerSeen) -> tuple[int, int]:
    """Steps at 0 at the end, and how long the rate stood still before them: a schedule's last value is one of those."""
    points = optimizer.rate.points()
    above = [i for i, (_, rate) in enumerate(points) if rate > 0]
    if not above or above[-1] == len(points) - 1 or not optimizer.zero_rate:
        return 0, 0
    each = optimizer.rate.count / len(points)
    last = points[above[-1]][1]
    level = above[-1]
    while level >= 0 and points[level][1] == last:
        level -= 1
    return round((len(points) - 1 - above[-1]) * each), round((above[-1] - level) * each)


def _groups_at_rest(optimizer: OptimizerSeen) -> list[int]:
    rates = [update.rates for update in optimizer.updates[1:]]
    if len(rates) < STEPS or len({len(one) for one in rates}) != 1:
        return []
    still = [i for i in range(len(rates[0])) if all(one[i] == 0 for one in rates)]
    return still if len(still) < len(rates[0]) else []


def _loop(schedule: Callable[[int], float] | None, rate: float = 0.1, epochs: int = 6, batchwise: bool = True) -> Bench:
    given = toys.classify()
    net, loss_fn, _ = toys.parts(given)
    opt = torch.optim.SGD(net.parameters(), rate)
    sched = torch.optim.lr_scheduler.LambdaLR(opt, schedule) if schedule is not None else None

    def program() -> None:
        for _ in range(epochs):
            for x, y in toys.batches(given):
                opt.zero_grad()
                loss_fn(net(x), y).backward()
                opt.step()
                if sched is not None and batchwise:
                    sched.step()
            if sched is not None and not batchwise:
                sched.step()

    return toys.watched(program, net=net, opt=opt, sched=sched)


@check.breaks
def warm_up_of_whole_numbers() -> Bench:
    """`step // 10` is 0 for ten steps."""
    return _loop(lambda step: min(1.0, step // 10))


@check.breaks
def never_above_zero() -> Bench:
    """The rate was given as 0."""
    return _loop(None, rate=0.0)


@check.breaks
def run_out() -> Bench:
    """A linear decay reaches 0 in the middle of the run."""
    return _loop(lambda step: max(0.0, 1 - step / 12))


@check.holds
def warm_up_from_zero() -> Bench:
    """The first step of a linear warm-up has a rate of 0."""
    return _loop(lambda step: min(1.0, step / 10))


@check.holds
def cosine_to_zero() -> Bench:
    """A cosine by epochs whose last value, for the whole last epoch, is 0."""
    half = torch.pi / 5
    return _loop(lambda epoch: max(0.0, 0.5 + 0.5 * torch.tensor(half * epoch).cos().item()), batchwise=False)


@check.holds
def constant() -> Bench:
    """No schedule."""
    return _loop(None)


@check.breaks
def zero_without_a_loop() -> Bench:
    """The rate was given as 0, and there is no scheduler."""
    given = toys.classify()
    return given.replace(optimizer=torch.optim.Adam(given.get("model").parameters(), 0.0))


@check.holds
def warm_up_not_begun() -> Bench:
    """A linear warm-up holds the rate at 0 until its first step."""
    given = toys.classify()
    sched = torch.optim.lr_scheduler.LambdaLR(given.optimizer, lambda step: min(1.0, step / 10))
    return given.replace(scheduler=sched)


@check.holds
def usual_rate_unseen() -> Bench:
    """Adam at 1e-3."""
    return toys.classify()
