"""Learning-rate schedulers: which optimizer each drives, when it is stepped, and those that never are."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Iterator, Mapping
from types import CodeType, FrameType, ModuleType
from typing import TYPE_CHECKING, Any

from torch.nn import Module
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from ...task.users import is_users
from ..record.data import SchedulerSeen
from .patches import Patches

if TYPE_CHECKING:
    from ..watcher import Watcher

OPTIONS = (
    "T_max", "eta_min", "step_size", "gamma", "milestones", "total_iters", "total_steps", "T_0", "T_mult", "mode",
    "factor", "patience", "last_epoch", "start_factor", "end_factor", "power",
)  # fmt: skip
#: schedulers that wait for a name at most
MADE = 64


class Schedules:
    """Stands around the `step` of every kind of scheduler."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._known: dict[int, tuple[Any, SchedulerSeen]] = {}
        self._depth = 0
        #: schedulers that were made a moment ago, before the user's code has a name for them
        self._made: list[Any] = []
        #: what the user's functions and cells that ran at optimizer steps call schedulers
        self._called: list[tuple[Any, str, CodeType]] = []
        self._met = False

    def install(self, patches: Patches) -> None:
        """Replace what is called; `patches` puts it back."""
        for kind in (LRScheduler, *_kinds(LRScheduler)):
            if "step" in vars(kind):
                patches.put(kind, "step", self._around(vars(kind)["step"]))

    def _around(self, old: Any) -> Any:
        schedules = self

        def step(self: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            if not schedules._watcher.at_home():
                return old(self, *args, **kwargs)
            schedules._depth += 1
            try:
                out = old(self, *args, **kwargs)
            finally:
                schedules._depth -= 1
            if not schedules._depth:
                if sys._getframe(1).f_code.co_name != "_initial_step":
                    schedules._watcher.guarded(schedules._stepped, self, args, kwargs)
                elif len(schedules._made) < MADE:
                    schedules._made.append(self)
            return out

        # torch asks whether `optimizer.step` came first by attributes of the function that it knows
        step.__name__, step.__doc__, step.__dict__ = old.__name__, old.__doc__, dict(vars(old))
        return step

    def know(self, scheduler: Any) -> SchedulerSeen:
        """The scheduler, taken in at first sight."""
        known = self._known.get(id(scheduler))
        if known is None:
            watcher = self._watcher
            name = watcher.names.of(scheduler, watcher.places.frame(4))
            seen = SchedulerSeen(name, type(scheduler).__name__, self._driven(scheduler))
            seen.options = _options(scheduler)
            known = self._known[id(scheduler)] = (scheduler, seen)
            watcher.trace.schedulers.append(seen)
        return known[1]

    def meet(self) -> None:
        """At an optimizer step: take in the schedulers made since, now that the user's code names them."""
        if self._made or not self._met:
            self._met = True
            frame: FrameType | None = sys._getframe(1)
            while frame is not None:
                if is_users(frame.f_code.co_filename):
                    self._called += [(thing, path, frame.f_code) for path, thing in _schedulers(frame.f_locals)]
                frame = frame.f_back
        self._known_now()

    def _known_now(self) -> None:
        while self._made:
            self.know(self._made.pop(0))

    def _stepped(self, scheduler: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        watcher, seen = self._watcher, self.know(scheduler)
        if not seen.place:
            seen.place = watcher.places.here(4)
        optimizer = watcher.optimizers.of(scheduler.optimizer)
        seen.calls.add(seen.steps, optimizer.seen.steps if optimizer is not None else 0)
        seen.steps += 1
        metric = kwargs.get("metrics", args[0] if args else None)
        if isinstance(scheduler, ReduceLROnPlateau) and metric is not None and hasattr(metric, "__float__"):
            watcher.readings.add(seen.metric, watcher.trace.steps, metric)
        watcher.happened(f"schedule:{seen.name}")

    def end(self, reachable: Iterator[Any]) -> None:
        """Take in the schedulers that were never stepped, where the user can reach them; note what they hold."""
        for thing in reachable:
            if isinstance(thing, LRScheduler) and id(thing) not in self._known:
                self.know(thing)
        self._known_now()
        for scheduler, seen in self._known.values():
            seen.options = _options(scheduler)
            seen.optimizer = self._driven(scheduler)
            called = ((path, code) for thing, path, code in self._called if thing is scheduler)
            seen.written = any(f"{path}.step(" in _text(code) for path, code in called)

    def _driven(self, scheduler: Any) -> str:
        """The name of the optimizer whose rate it sets: the one that steps, where one wraps another."""
        groups = {id(group) for group in scheduler.optimizer.param_groups}
        for known in self._watcher.optimizers:
            if any(id(group) in groups for group in known.optimizer.param_groups):
                return known.seen.name
        return self._watcher.names.of(scheduler.optimizer)


def _kinds(kind: type[Any]) -> Iterator[type[Any]]:
    for inner in type.__subclasses__(kind):
        yield inner
        yield from _kinds(inner)


def _schedulers(names: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The schedulers among the variables of a function, and among the attributes of plain objects there."""
    for name, value in list(names.items()):
        if isinstance(value, LRScheduler):
            yield name, value
        elif hasattr(value, "__dict__") and not isinstance(value, (type, ModuleType, Module)):
            yield from (
                (f"{name}.{key}", one) for key, one in list(vars(value).items()) if isinstance(one, LRScheduler)
            )


def _text(code: CodeType) -> str:
    """The lines of a function or a cell; empty where they are not to be had."""
    numbers = [number for _, _, number in code.co_lines() if number]
    return "".join(linecache.getlines(code.co_filename)[min(numbers, default=1) - 1 : max(numbers, default=0)])


def _options(scheduler: Any) -> dict[str, Any]:
    return {key: _plain(vars(scheduler)[key]) for key in OPTIONS if key in vars(scheduler)}


def _plain(value: Any) -> Any:
    return value if isinstance(value, (int, float, str, bool)) else str(value)
