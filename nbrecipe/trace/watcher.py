"""Watches a cell while it runs: what is installed for its time, when to look closely, and what is left at its end."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from threading import get_ident
from typing import Any, TypeVar

import torch

from .hooks.calls import Calls
from .hooks.checkpoints import Checkpoints
from .hooks.gradients import Gradients
from .hooks.loaders import Loaders
from .hooks.mode import Mode
from .hooks.optimizers import Known, Optimizers
from .hooks.passes import Passes
from .hooks.patches import Patches
from .hooks.schedules import Schedules
from .looks.births import Births
from .looks.errors import origin
from .looks.looking import Looking
from .looks.models import Models, is_compiled
from .looks.places import Names, Places
from .looks.reach import reachable
from .looks.rehearsal import Rehearsal
from .measures.readings import Readings
from .record.data import MAX_KINDS, LoaderSeen, Trace
from .record.orders import Orders

#: calls of models in one close look, and in one of an evaluation
PASSES, SOME = 12, 4
#: share of the running time that ticks may take, beside some seconds once: opening a panel must not hold it up
TICKS, TICKS_ONCE = 0.004, 0.02
#: seconds between two ticks: the eye asks for no more of curves
INTERVAL = 0.2
#: failures of our own after which the watching ends
FAILURES = 20

Answer = TypeVar("Answer")
Tick = Callable[[Trace], None]


class Watcher:
    """A context in which everything that trains or evaluates on this thread is seen, and computes what it always does.

    `probe` is the batch whose predictions are followed; without it, the first one trained on. `every` looks closely at
    every so many steps, too. `tokenizer` finds what reads token ids, once there are some. `on_tick` is told of the
    trace as it grows, at most ten times a second. `label` names a file of the user's code: "cell 3".
    """

    def __init__(
        self,
        namespace: Mapping[str, Any] | None = None,
        *,
        source: str = "",
        where: str = "",
        probe: Any = None,
        every: int | None = None,
        tokenizer: Callable[[], Any] = lambda: None,
        on_tick: Tick | None = None,
        label: Callable[[str], str] = os.path.basename,
    ) -> None:
        self.namespace: Mapping[str, Any] = {} if namespace is None else namespace
        self.trace = Trace(source, where)
        self.looking = Looking(every)
        self.places, self.names = Places(label), Names(self.namespace)
        self.births = Births(self)
        self.readings = Readings()
        self.calls, self.passes, self.models = Calls(self), Passes(self), Models(self)
        self.loaders, self.schedules, self.checkpoints = Loaders(self), Schedules(self), Checkpoints(self)
        self.optimizers, self.gradients = Optimizers(self), Gradients(self)
        self.rehearsal = Rehearsal(self, probe, tokenizer)
        self.mode = Mode(self.calls.see)
        #: whether a close look goes on
        self.close = False
        self.backward_since_step = False
        self._on_tick = on_tick
        self._patches = Patches()
        self._home = (os.getpid(), get_ident())
        self._orders = Orders(self.trace)
        #: told of each call in the order of this step
        self.happened = self._orders.add
        #: when to look at the predictions or to tell of the trace again, and when to tell
        self.tick_at = self._tell_at = math.inf
        self._told = 0.0
        #: whether what happens is the watching's own doing
        self.deaf = False
        #: seconds that ticks have taken: they have a budget of their own
        self._free = 0.0
        self._failures, self._outside = 0, False

    def __enter__(self) -> Watcher:
        self.looking.begun = self.looking.stretch = now = time.perf_counter()
        self.tick_at = self._tell_at = now + INTERVAL if self._on_tick is not None else math.inf
        try:
            for part in (self.optimizers, self.gradients, self.loaders, self.schedules, self.checkpoints):
                part.install(self._patches)
            self._install()
            self.guarded(self._compiled)
            self._turn(True)
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self._remove()
        if kind is not None:
            self.trace.error = f"{kind.__name__}: {error}" if str(error) else kind.__name__
            if told := self.guarded(origin, trace, self.models) if issubclass(kind, Exception) else "":
                self.trace.notes.append(told)
        self.trace.seconds = time.perf_counter() - self.looking.begun
        parts = (self.rehearsal, self.gradients, self.models, self.optimizers, self.checkpoints)
        for end in (self._finish, *(part.end for part in parts)):
            self.guarded(end)
        self.trace.ended = True
        self.calls.values.clear()

    def _remove(self) -> None:
        self._turn(False)
        self._patches.undo()
        self.optimizers.remove()

    def _finish(self) -> None:
        self._orders.close()
        self.passes.uses.settle()
        self.passes.stepped()
        self.schedules.end(reachable(self.namespace))
        self.readings.flush()
        if self.gradients.elsewhere:
            self.trace.notes.append("another thread trained: what it did was not watched")

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

    def _compiled(self) -> None:
        """Nothing may stand around the calls of compiled models: it would be compiled too, and compiled anew."""
        for name, value in list(self.namespace.items()):
            if isinstance(value, torch.nn.Module) and is_compiled(value) and not name.startswith("_"):
                self.models.know(value)
                self._outside = True
                self.trace.notes.append(f"`{name}` is compiled: its calls are not looked into")

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
        return not self.deaf and get_ident() == self._home[1] and os.getpid() == self._home[0]

    def guarded(self, call: Callable[..., Answer], *args: Any) -> Answer | None:
        """The answer of a call of our own; a bug in it must not reach the user's cell."""
        start, close, free = 0.0, self.close, self._free
        if close or self.looking.due:
            start = time.perf_counter()
        try:
            if not self.mode.on:
                return call(*args)
            with torch._C.DisableTorchFunction():  # what the watching itself computes is not to be seen
                return call(*args)
        except Exception as error:
            self.failed(error)
            return None
        finally:
            if start:
                self.looking.pay(time.perf_counter() - start - (self._free - free), close)

    def failed(self, error: Exception) -> None:
        """Take note of a bug of our own; after many, stop looking."""
        self._failures += 1
        if self._failures <= 3:
            self.trace.notes.append(f"a bug of nbrecipe: {type(error).__name__}: {error}")
        if self._failures == FAILURES:
            self._turn(False)
            self.looking.due = False

    # events ---------------------------------------------------------------------------------------------------------

    def stepped(self, known: Known, now: float) -> None:
        """An optimizer has stepped: one stretch ends, the next begins."""
        self._orders.close()
        self.passes.stepped()
        self.backward_since_step = False
        was_fine, looking = self.looking.fine, self.looking
        looking.pay(self.mode.seconds, True)
        self.mode.seconds = 0.0
        due = looking.decide(self.trace.steps, now)
        self.trace.looks += due
        self._turn(due)
        if looking.fine != was_fine:
            self.optimizers.follow(looking.fine)
        if not looking.fine:
            self.optimizers.fold()
            self.gradients.fold()
        self.tick(now)
        looking.nap(self.trace.steps, self.tick_at - now)

    def drew(self, loader: LoaderSeen) -> None:
        """A loader gave a batch."""
        self.happened(f"batch:{loader.name}")
        if not self.close and not loader.trained and loader.batches & (loader.batches - 1) == 0:
            self.look_for_a_while()  # a loader that is only read: at batch 1, 2, 4, 8, …
        elif self.close and self.passes.count >= PASSES and not self.passes.running:
            self._turn(False)
        if self._on_tick is not None:
            self.tick()

    def changed(self) -> None:
        """Something is new: the next step is looked at closely."""
        self.looking.changed, self.looking.wake = True, 0

    def tick(self, now: float | None = None) -> None:
        """Look at the predictions, and tell of the trace, when it is time."""
        self.rehearsal.look(now := now or time.perf_counter())
        if now >= self._tell_at and self._on_tick is not None:
            self.readings.flush()
            self.trace.seconds = now - self.looking.begun
            self.guarded(self._on_tick, self.trace)
            done = time.perf_counter()
            self._told += done - now
            self._tell_at = max(done + INTERVAL, self.looking.begun + (self._told - TICKS_ONCE) / TICKS)
        self.tick_at = min(self._tell_at, self.rehearsal.due)
        self._free += time.perf_counter() - now

    def _switched(self, module: Any, mode: bool) -> None:
        known = self.models.met(module)
        if known is None:
            return
        modes = known.seen.modes
        if len(modes) < MAX_KINDS and (not modes or modes[-1][1] != mode):
            modes.append((self.trace.steps, mode))
        self.happened("train" if mode else "eval")
        if not self.close and not mode:
            self.loaders.stale()
            self.look_for_a_while()

    def _without_gradients(self) -> None:
        if self.trace.steps and not self.passes.running:
            self.loaders.stale()
            self.look_for_a_while()

    def look_for_a_while(self) -> None:
        """A close look at the next few calls of models, which may be an evaluation."""
        if self.looking.evaluation(self.trace.steps):
            self.changed()  # how does the training go on after it?
            self._turn(True)
            self.passes.count = PASSES - SOME

    def _turn(self, on: bool) -> None:
        if self._failures >= FAILURES or self._outside:
            on = False
        self.close = on
        self.mode.turn(on)
        self.passes.turn(on)
