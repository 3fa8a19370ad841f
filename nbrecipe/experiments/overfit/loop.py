"""The training loop on one batch: lean, so that what is watched costs no more than what is trained."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .optimizers import Choice
from .outcome import Attempt, Ending
from .passes import Passes
from .reading import SETTLED, Aim
from .record import Recorder

#: steps in a row that must be on their labels at the floor, so that a lucky step does not count
PATIENCE = 3
#: after the floor, train on by this share of the steps taken: the picture then shows predictions settled
TAIL = 0.5
#: a loss is called flat no earlier than this: Adam at 1e-3 has moved each weight by up to 0.3 by then, more than the
#: 1/sqrt(fan-in) that layers of ten units or more start at
EARLIEST = 300
#: ... and when the last third of the run lowers the median loss by less than this share of its height above the floor
FLAT = 0.02
#: steps between two looks at the slope
LOOK = 50
#: the most steps between two looks at the predictions: so many while the loss is above half of a guess's, and else as
#: many as there were predictions off their label at the last look, for they come right one by one; once all are on
#: their labels every step is looked at, so that none that leaves again is missed
GLANCE = 8
#: on an accelerator the loss is fetched once in so many steps: each fetch waits for the device
FETCH = 10
#: ... unless a step takes this many seconds or more: then a stop must not wait for ten of them
SLOW = 0.01


@dataclass(frozen=True)
class Limits:
    """What ends a run early."""

    steps: int
    #: on the clock of time.perf_counter
    deadline: float
    should_stop: Callable[[], bool] | None = None
    #: whether a flat loss ends it
    patient: bool = False


class Loop:
    """One run of one optimizer, from the model as it stands."""

    def __init__(self, passes: Passes, aim: Aim, choice: Choice, recorder: Recorder, limits: Limits) -> None:
        self.passes, self.aim, self.choice, self.recorder, self.limits = passes, aim, choice, recorder, limits
        self.losses = recorder.losses
        #: step from which on every prediction is on its label
        self.since: int | None = None
        self.arrived: int | None = None
        self._in_a_row = 0
        self._reach = aim.reach
        self._settled = aim.reach - (1 - SETTLED) * (aim.tolerance or 0.0)
        self._near = float("inf") if aim.guess is None else 0.5 * aim.guess
        self._predictions = aim.predictions
        #: the step of the next look
        self._look = 0
        self._pending: list[Tensor] = []

    def run(self) -> Attempt:
        """Train until something ends it."""
        optimizer, passes, recorder, last = self.choice.make(), self.passes, self.recorder, self.limits.steps
        # on an accelerator every look at a number waits for the device
        every = 1 if passes.loss.device.type == "cpu" else FETCH
        plain = passes.place is None and passes.shape is None
        step, begin = 0, time.perf_counter()
        optimizer.zero_grad()
        while True:
            due = recorder.due(step)
            if passes.place is not None and (due or self._in_a_row):
                scores, loss = passes.watched()
            else:
                output, loss = passes.run()
                scores = output if plain else passes.scores(output)
            ending = None
            if every == 1:
                self.losses.append(loss.item())
                ending = self._ending(step, scores)
            elif self._fetched(loss.detach(), due or step % every == 0 or step >= last):
                ending = self._ending(step, scores)
            if due or ending is not None:
                recorder.keep(step, scores if scores is not None else self._again(), last=ending is not None)
            if ending is not None:
                return self._attempt(step, ending, scores)
            if step == every > 1 and time.perf_counter() - begin >= SLOW * step:
                every = 1
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad()  # before the next pass, which then takes the memory of the gradients
            step += 1

    def _fetched(self, loss: Tensor, now: bool) -> bool:
        """Take in a loss that lies on an accelerator; whether all of them have been fetched."""
        self._pending.append(loss)
        if now:
            self.losses += torch.stack(self._pending).tolist()
            self._pending.clear()
        return now

    def _again(self) -> Tensor | None:
        """The scores of the last step, where only a watched pass shows them."""
        with torch.no_grad():
            return self.passes.watched()[0]

    def _ending(self, step: int, scores: Tensor | None) -> Ending | None:
        value, limits = self.losses[-1], self.limits
        if value - value != 0:  # NaN or infinite
            return "nan"
        low = value <= self._reach
        aligned = (low or step >= self._look) and self._looks_aligned(step, scores)
        if low:
            ending = self._low(step, value, aligned, scores)
            if ending is not None:
                return ending
        else:
            self._in_a_row = 0
        if step >= limits.steps:
            return "steps"
        if limits.should_stop is not None and limits.should_stop():
            return "user"
        if time.perf_counter() >= limits.deadline:
            return "budget"
        look = step % LOOK == 0 and step >= EARLIEST and self.arrived is None and not limits.patient
        return "flat" if look and self.slope() < FLAT else None

    def _low(self, step: int, value: float, aligned: bool, scores: Tensor | None) -> Ending | None:
        """At the floor: the end, once every prediction has stayed on its label for some steps and has settled."""
        if not aligned:
            self._in_a_row = int(scores is None)  # asks for the scores of the next step
            return None
        self._in_a_row += 1
        if self._in_a_row < PATIENCE:
            return None
        self.arrived = step if self.arrived is None else self.arrived
        settled = value <= self._settled or step >= self.arrived * (1 + TAIL) + PATIENCE
        return "floor" if settled else None

    def _looks_aligned(self, step: int, scores: Tensor | None) -> bool:
        if self._predictions is None:
            return True
        if scores is None:
            return False
        off = self._predictions.off(scores)
        self._look = step + (min(max(off, 1), GLANCE) if not off or self.losses[-1] < self._near else GLANCE)
        self.since = None if off else step if self.since is None else self.since
        return not off

    def slope(self) -> float:
        """By how much the last third of the run lowered the median loss, as a share of its height above the floor."""
        third = len(self.losses) // 3
        if third < 2:
            return 1.0
        before = statistics.median(self.losses[-2 * third : -third])
        after = statistics.median(self.losses[-third:])
        height = before - self.aim.floor if self.aim.floor is not None else abs(before)
        return (before - after) / height if height > 0 else 0.0

    def _attempt(self, step: int, ending: Ending, scores: Tensor | None) -> Attempt:
        self.recorder.finish()
        film = self.recorder.film
        met = counted = None
        scores = scores if scores is not None or ending == "nan" else self._again()
        if self._predictions is not None and scores is not None:
            counts = self._predictions.counts().to(scores.device)
            off = counts & ~self._predictions.right(scores)
            counted = int(counts.sum())
            met = counted - int(off.sum())
            per = max(len(off) // max(self.passes.task.feed.size, 1), 1)
            film.refused = sorted({i // per for i in off.nonzero().flatten().tolist()})
        aligned = self.since if self.since is not None else self.arrived
        film.aligned = aligned
        reached = self.arrived is not None
        return Attempt(
            self.choice.told, self.choice.own, film, self.losses[0], self.losses[-1], step, ending, aligned, reached,
            falling=not reached and ending != "nan" and (step < EARLIEST or self.slope() >= FLAT),
            met=met, counted=counted, refused=film.refused,
        )  # fmt: skip
