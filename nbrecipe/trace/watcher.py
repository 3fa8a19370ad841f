"""Watches a cell while it runs: what is installed for its time, when to look closely, and what is left at its end."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from threading import get_ident
from typing import Any, TypeVar

import torch

from .calls import Calls
from .checkpoints import Checkpoints
from .data import MAX_KINDS, LoaderSeen, Order, Trace
from .gradients import Gradients
from .loaders import Loaders
from .mode import Mode
from .models import Models
from .optimizers import Known, Optimizers
from .passes import Passes
from .patches import Patches
from .places import Names, Places
from .readings import Readings
from .schedules import Schedules

#: steps at the start that are all looked at closely, and calls of models in one close look
FIRST, PASSES = 4, 12
#: share of the running time that close looks may take later on, beside some seconds once; and the panel's ticks
SHARE, ONCE, TICKS = 0.01, 0.04, 0.01
#: evaluations that are looked at whatever it costs, and calls of models in each
EVALUATIONS, SOME = 6, 4
#: seconds between two ticks: the eye asks for no more
INTERVAL = 0.1
#: calls told in the order of one step
CALLS = 24
#: failures of our own after which the watching ends
FAILURES = 20

Answer = TypeVar("Answer")
Tick = Callable[[Trace], None]


class Watcher:
    """A context in which everything that trains or evaluates on this thread is seen, and computes what it always does.

    `label` names a file of the user's code: "cell 3". `every` looks closely at every so many steps, too. `on_tick` is
    told of the trace as it grows, at most ten times a second.
    """

    def __init__(
        self,
        namespace: Mapping[str, Any] | None = None,
        *,
        source: str = "",
        where: str = "",
        every: int | None = None,
        on_tick: Tick | None = None,
        label: Callable[[str], str] = os.path.basename,
    ) -> None:
        self.namespace: Mapping[str, Any] = {} if namespace is None else namespace
        self.trace = Trace(source, where)
        self.places, self.names = Places(label), Names(self.namespace)
        self.readings = Readings()
        self.calls, self.passes, self.models = Calls(self), Passes(self), Models(self)
        self.optimizers, self.gradients = Optimizers(self), Gradients(self)
        self.loaders, self.schedules, self.checkpoints = Loaders(self), Schedules(self), Checkpoints(self)
        self.mode = Mode(self.calls.see)
        #: whether a close look goes on, and whether the next step is measured
        self.close = self.due = False
        self.backward_since_step = False
        self._every, self._on_tick = every, on_tick
        self._patches = Patches()
        self._home = (os.getpid(), get_ident())
        self._order: list[str] = []
        self._changed = False
        self._next, self._spent, self._plain = FIRST, 0.0, [0.0]
        self._begun = self._stretch = self._ticked = 0.0
        self._pause = INTERVAL
        self._failures = self._evaluations = 0

    def __enter__(self) -> Watcher:
        self._begun = self._stretch = self._ticked = time.perf_counter()
        try:
            self.gradients.install(self._patches)
            self.loaders.install(self._patches)
            self.schedules.install(self._patches)
            self.checkpoints.install(self._patches)
            self._install()
            self.optimizers.install()
            self.due = True
            self._turn(True)
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self._remove()
        if kind is not None:
            self.trace.error = f"{kind.__name__}: {error}" if str(error) else kind.__name__
        self.trace.seconds = time.perf_counter() - self._begun
        for end in (self._finish, self.models.end, self.optimizers.end, self.checkpoints.end):
            self.guarded(end)
        self.trace.ended = True
        self.calls.values.clear()

    def _remove(self) -> None:
        self._turn(False)
        self._patches.undo()
        self.optimizers.remove()

    def _finish(self) -> None:
        self._close_order()
        self.passes.settle()
        self.passes.stepped()
        self.schedules.end(self._reachable())
        self.readings.flush()

    def _install(self) -> None:
        """Train and eval calls, and blocks without gradients."""
        watcher = self
        train = torch.nn.Module.train

        def around_train(self: Any, mode: bool = True) -> Any:
            out = train(self, mode)
            if watcher.at_home():
                watcher.guarded(watcher._switched, self, mode)
            return out

        around_train.__doc__, around_train.__name__ = train.__doc__, "train"
        self._patches.put(torch.nn.Module, "train", around_train)
        for kind in (torch.no_grad, torch.inference_mode):
            self._patches.put(kind, "__enter__", self._around_enter(kind.__enter__))

    def _around_enter(self, old: Any) -> Any:
        watcher = self

        def __enter__(self: Any) -> Any:
            out = old(self)
            if not watcher.close and watcher.at_home() and watcher.places.by_user(2):
                watcher.guarded(watcher._without_gradients)
            return out

        return __enter__

    def at_home(self) -> bool:
        """Whether this is the thread and the process that is watched."""
        return get_ident() == self._home[1] and os.getpid() == self._home[0]

    def guarded(self, call: Callable[..., Answer], *args: Any) -> Answer | None:
        """The answer of a call of our own; a bug in it must not reach the user's cell."""
        outer, self.mode.own = self.mode.own, True
        try:
            return call(*args)
        except Exception as error:
            self.failed(error)
            return None
        finally:
            self.mode.own = outer

    def failed(self, error: Exception) -> None:
        """Take note of a bug of our own; after many, stop looking."""
        self._failures += 1
        if self._failures <= 3:
            self.trace.notes.append(f"a bug of nbrecipe: {type(error).__name__}: {error}")
        if self._failures == FAILURES:
            self._turn(False)
            self.due = False

    # events ---------------------------------------------------------------------------------------------------------

    def happened(self, call: str) -> None:
        """Take down a call in the order of this step; repetitions of the last one are told once."""
        if call.startswith("backward"):
            self.backward_since_step = True
            self.loaders.trained()
        order = self._order
        if order and order[-1].rstrip("+") == call:
            order[-1] = f"{call}+"
        elif len(order) < CALLS:
            order.append(call)

    def stepped(self, known: Known) -> None:
        """An optimizer has stepped: one stretch ends, the next begins."""
        trace = self.trace
        if not known.seen.place:
            known.seen.place = self.places.here(4)
        self.happened(f"step:{known.seen.name}")
        self._close_order()
        self.passes.stepped()
        trace.steps += 1
        self.backward_since_step = False
        now = time.perf_counter()
        self._account(now)
        self._decide(now)
        self.tick(now)

    def drew(self, loader: LoaderSeen) -> None:
        """A loader gave a batch."""
        self.happened(f"batch:{loader.name}")
        if not self.close and not loader.trained and loader.batches & (loader.batches - 1) == 0:
            self._look_for_a_while()  # a loader that is only read: at batch 1, 2, 4, 8, …
        elif self.close and self.passes.count >= PASSES and not self.passes.running:
            self._turn(False)
        if self._on_tick is not None:
            self.tick()

    def changed(self) -> None:
        """Something is new: the next step is looked at closely."""
        self._changed = True

    def tick(self, now: float | None = None) -> None:
        """Tell of the trace when it is time."""
        now = now or time.perf_counter()
        if self._on_tick is None or now - self._ticked < self._pause:
            return
        self.readings.flush()
        self.trace.seconds = now - self._begun
        self.guarded(self._on_tick, self.trace)
        self._ticked = time.perf_counter()
        self._pause = max(INTERVAL, (self._ticked - now) / TICKS)

    def _switched(self, module: Any, mode: bool) -> None:
        known = self.models.met(module)
        if known is None:
            return
        modes = known.seen.modes
        if len(modes) < MAX_KINDS and (not modes or modes[-1][1] != mode):
            modes.append((self.trace.steps, mode))
        self.happened("train" if mode else "eval")
        if not self.close and not mode:
            self._look_for_a_while()

    def _without_gradients(self) -> None:
        if self.trace.steps and not self.passes.running:
            self._look_for_a_while()

    def _look_for_a_while(self) -> None:
        """A close look at the next few calls of models, which may be an evaluation."""
        if self._evaluations < EVALUATIONS or self.affordable():
            self._evaluations += 1
            self._turn(True)
            self.passes.count = PASSES - SOME

    # when to look closely -------------------------------------------------------------------------------------------

    def affordable(self) -> bool:
        """Whether close looks have taken less than their share so far."""
        return self._spent < SHARE * (time.perf_counter() - self._begun) + ONCE

    def _account(self, now: float) -> None:
        took, self._stretch = now - self._stretch, now
        if self.close or self.due:
            self._spent += max(0.0, took - statistics.median(self._plain))
        else:
            self._plain = [*self._plain[-14:], took]

    def _decide(self, now: float) -> None:
        steps = self.trace.steps
        due = steps < FIRST or self._changed or bool(self._every and steps % self._every == 0)
        if not due and steps >= self._next and self.affordable():
            due, self._next = True, steps + max(1, steps // 16)
        if due:
            self.trace.looks += 1
        self._changed = False
        self.due = due
        self._turn(due)

    def _turn(self, on: bool) -> None:
        if self._failures >= FAILURES:
            on = False
        self.close = on
        self.mode.turn(on)
        self.passes.turn(on)

    def _close_order(self) -> None:
        if not self._order:
            return
        text, orders = " ".join(self._order), self.trace.orders
        self._order = []
        if text not in orders:
            if len(orders) >= MAX_KINDS:
                return
            orders[text] = Order(text, 0, self.trace.steps)
        orders[text].count += 1

    def _reachable(self) -> Iterator[Any]:
        """What the user can reach by a variable, or by an attribute of one."""
        for name, value in list(self.namespace.items()):
            if name.startswith("_") or isinstance(value, type(sys)):
                continue
            yield value
            if hasattr(value, "__dict__") and not isinstance(value, (type, torch.nn.Module)):
                yield from list(vars(value).values())
