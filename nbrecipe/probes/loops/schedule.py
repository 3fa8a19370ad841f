"""The course of a learning rate before it is run: the schedule, stepped on a copy as often as the run will step it."""

from __future__ import annotations

import copy
import dis
import functools
import gc
import re
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.optim import lr_scheduler as schedules

from ...bench import Bench
from .course import LENGTHS, Course, Driver
from .tally import Unsure
from .written import written

#: steps that are simulated one by one
LONGEST = 100_000
#: schedules whose course follows from the count of steps alone, and so can be begun anew
COUNTING = (
    schedules.StepLR, schedules.MultiStepLR, schedules.ConstantLR, schedules.LinearLR, schedules.ExponentialLR,
    schedules.PolynomialLR, schedules.CosineAnnealingLR, schedules.LambdaLR, schedules.OneCycleLR,
)  # fmt: skip
#: what a function does that may change something of the user's
STORES = frozenset({"STORE_GLOBAL", "STORE_ATTR", "STORE_SUBSCR", "STORE_DEREF", "DELETE_GLOBAL", "IMPORT_NAME"})
CHANGES = frozenset(
    [
        "append",
        "extend",
        "add",
        "update",
        "pop",
        "write",
        "print",
        "log",
        "add_scalar",
        "next",
        "random",
        "rand",
        "randn",
    ]
)
#: closeness of the simulated rate to the one that stands
CLOSE = 1e-6
#: a line that sets a rate by hand
SETS = re.compile(r"""["']lr["']\]\s*(\.\w+_\(|[-+*/]?=[^=])""")


def planned(bench: Bench) -> Course:
    """The rates of the scheduler of the bench over the run that the cells tell of.

    Works on a copy beside a stand-in of the optimizer. Raises Unsure where the run or the schedule cannot be told.
    """
    scheduler = bench.get("scheduler")
    name, kind = bench.name("scheduler"), type(scheduler)
    if isinstance(scheduler, schedules.ReduceLROnPlateau):
        raise Unsure(f"`{name}` follows a metric, which only a run has")
    others = [type(other).__name__ for other in _others(scheduler)]
    if others:
        raise Unsure(f"`{name}` shares its optimizer with another scheduler, of kind {others[0]}")
    run = written(bench)
    if any(SETS.search(cell.source) for cell in bench.cells):
        raise Unsure("a cell sets the rate by hand")
    if run.calls > LONGEST:
        raise Unsure(f"{run.calls} steps of `{name}` are too many to simulate")
    rates = _rates(scheduler, name, run.calls)
    options = {key: _plain(value) for key, value in vars(scheduler).items() if key in LENGTHS}
    each = run.steps / run.calls
    return Course(
        optimizer=bench.name("optimizer") if scheduler.optimizer is bench.optimizer else f"{name}.optimizer",
        rates=rates,
        steps=run.steps,
        rounds=run.rounds,
        batchwise=run.batchwise,
        by=Driver(name, kind.__name__, run.calls, run.calls, options, run.where),
        where=run.where,
        points=[(round(i * each), rate) for i, rate in enumerate(rates)],
        doubt="the loop may end early" if run.open_end else "",
    )


def _plain(value: Any) -> Any:
    return value if isinstance(value, (int, float, str, bool)) else str(value)


def _others(scheduler: Any) -> Iterator[Any]:
    """Living schedulers of the same optimizer that are no parts of this one."""
    parts = {id(scheduler), *(id(part) for part in getattr(scheduler, "_schedulers", ()))}
    alive = [thing for thing in gc.get_objects() if issubclass(type(thing), schedules.LRScheduler)]
    for other in alive:
        if id(other) not in parts and vars(other).get("optimizer") is scheduler.optimizer:
            yield other


def _rates(scheduler: Any, name: str, calls: int) -> tuple[float, ...]:
    risky = next((f for f in _functions(scheduler) if _changes(f)), None)
    if risky is not None:
        raise Unsure(f"`{risky.__qualname__}`, which `{name}` calls, may change something: it is not run here")
    happened = getattr(scheduler, "last_epoch", None)
    if happened and type(scheduler) not in COUNTING:
        raise Unsure(f"`{name}` has been stepped already, and a {type(scheduler).__name__} cannot be begun anew")
    twin = _twin(scheduler)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of steps of a scheduler without steps of its optimizer
        if happened:
            for group in twin.optimizer.param_groups:
                group["lr"] = group.get("initial_lr", group["lr"])
            twin.last_epoch = -1
            twin._initial_step()  # as its constructor does
        rates = [_rate(twin)]
        for call in range(calls):
            try:
                twin.step()
            except Exception as error:
                raise Unsure(f"call {call + 1} of {calls} of `{name}.step()` raises {error}") from None
            rates.append(_rate(twin))
    stands = _rate(scheduler)
    if happened is not None and happened < len(rates) and abs(rates[happened] - stands) > CLOSE * max(rates):
        raise Unsure(f"the rate has been set beside `{name}`, which would give {rates[happened]:g}, not {stands:g}")
    return tuple(rates[:-1])


def _rate(scheduler: Any) -> float:
    return max(float(group["lr"]) for group in scheduler.optimizer.param_groups)


def _twin(scheduler: Any) -> Any:
    """A copy of a scheduler that drives a stand-in: the groups of its optimizer, without the parameters."""
    groups = [
        {**{k: copy.deepcopy(v) for k, v in group.items() if k != "params"}, "params": [torch.zeros(1)]}
        for group in scheduler.optimizer.param_groups
    ]
    stand_in = torch.optim.SGD([torch.zeros(1)], 0.0)
    stand_in.param_groups = groups
    stand_in.defaults = dict(scheduler.optimizer.defaults)
    try:
        return copy.deepcopy(scheduler, {id(scheduler.optimizer): stand_in})
    except Exception as error:
        raise Unsure(f"the scheduler cannot be copied: {type(error).__name__}: {error}") from None


def _functions(scheduler: Any) -> Iterator[types.FunctionType]:
    """The user's functions that a scheduler, and those within it, would run."""
    given = [f.func if isinstance(f, functools.partial) else f for f in getattr(scheduler, "lr_lambdas", ())]
    yield from (f for f in given if isinstance(f, types.FunctionType))
    anneal: Callable[..., Any] | None = getattr(scheduler, "_scale_fn_custom", None)
    if isinstance(anneal, types.FunctionType):
        yield anneal
    for kind in type(scheduler).__mro__:
        if not kind.__module__.startswith("torch."):
            yield from (f for f in vars(kind).values() if isinstance(f, types.FunctionType))
    for inner in getattr(scheduler, "_schedulers", ()):
        yield from _functions(inner)


def _changes(function: types.FunctionType) -> bool:
    """Whether a function may change what it does not own; a method of a scheduler owns the copy."""
    code = function.__code__
    own = {"STORE_ATTR"} if code.co_varnames[:1] == ("self",) else set()
    stores = {instruction.opname for instruction in dis.get_instructions(code)} & STORES - own
    return bool(stores or set(code.co_names) & CHANGES)
