"""Overfit one batch: prepare, train with one optimizer after the other, put everything back."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from ...batches import BadInput
from ...bench import Bench
from ...film import Film, Kind
from ...guard import Untouched
from ...task import LossCall, Task, read_task
from ...task.naming import name_tokens, row_labels
from .batch import all_examples, examples
from .causes import after_training, before_training
from .excuses import excuse_for
from .loop import Limits, Loop
from .optimizers import Choice, choices
from .outcome import Attempt, Cause, Frame, Overfit
from .passes import Passes, one_pass, passes
from .reading import Aim, aim_of
from .record import Recorder
from .regularisation import switch_off

#: steps of one optimizer where none are given; 16 examples take a healthy network 50 to 500
STEPS = 2000
#: share of the time left that the user's own optimizer gets before Adam is tried
OWN_SHARE = 0.5
ALIKE = "have equal inputs and different labels"


@dataclass
class _Run:
    """What all attempts share."""

    bench: Bench
    first: Passes
    aim: Aim
    limits: Limits
    on_frame: Callable[[Frame], None] | None
    #: puts back the model as it was when regularisation had been switched off
    fresh: Untouched

    def attempts(self, tried: list[Choice], cause: Cause | None) -> Iterator[Attempt]:
        """One run after the other until one reaches the floor, or a certain cause makes the rest pointless."""
        queue = list(tried)
        while queue:
            choice = queue.pop(0)
            left = max(self.limits.deadline - time.perf_counter(), 0.0)
            share = OWN_SHARE if choice.own and queue else 1 / (1 + len(queue))
            attempt = self.attempt(choice, time.perf_counter() + share * left)
            yield attempt
            unknown = self.aim.floor is None and attempt.end < attempt.start
            if attempt.reached or attempt.stopped == "user" or cause is not None or unknown or self.late:
                return
            if attempt.stopped == "nan" and choice.own:
                queue.insert(0, choice.slower)
            if queue:
                self.fresh.restore()

    @property
    def late(self) -> bool:
        """Whether time is up."""
        return time.perf_counter() >= self.limits.deadline

    def wait(self, tried: list[Choice], attempts: list[Attempt]) -> Iterator[Attempt]:
        """Every run came to rest: the best of Adam once more, to the last step: some losses rest and then fall."""
        known = {choice.told: choice for choice in tried if not choice.own}
        rested = [a for a in attempts if a.optimizer in known]
        if self.late or not rested or any(a.reached or a.stopped != "flat" for a in attempts):
            return
        self.fresh.restore()
        self.limits = dataclasses.replace(self.limits, patient=True)
        yield self.attempt(known[min(rested, key=_rank).optimizer], self.limits.deadline)

    def attempt(self, choice: Choice, deadline: float) -> Attempt:
        film = self._blank()
        reader = self.aim.predictions
        recorder = Recorder(film, reader.frame if reader else None, self.on_frame, self.limits.steps)
        limits = dataclasses.replace(self.limits, deadline=min(deadline, self.limits.deadline))
        attempt = Loop(self.first, self.aim, choice, recorder, limits).run()
        name_tokens(film, self.bench.tokenizer)
        return attempt

    def _blank(self) -> Film:
        reader = self.aim.predictions
        film = Film(
            kind=reader.kind if reader else Kind.LOSS,
            labels=row_labels(reader),
            targets=reader.targets if reader else torch.zeros(0).numpy(),
            expected=self.aim.guess,
            floor=self.aim.floor,
            ignored=reader.ignored if reader else None,
            limits=reader.limits if reader else None,
            notes={"title": "Overfit one batch", "total": self.limits.steps},
        )
        name_tokens(film, self.bench.tokenizer)
        return film


def overfit(
    bench: Bench,
    *,
    n: int = 16,
    steps: int | None = None,
    budget: float = 60.0,
    lr: float | None = None,
    on_frame: Callable[[Frame], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Overfit:
    """Train the model on the first `n` examples of the batch to the lowest loss they allow, then put it back.

    At most `steps` steps for each optimizer and `budget` seconds in all; `lr` replaces the rate of the user's own
    optimizer. `on_frame` is told of progress; once `should_stop()` is true the run ends with what it has. Raises
    BadInput, in one sentence, where there is nothing to train or to train on.
    """
    model: nn.Module = bench.get("model")
    _refuse(model, bench.name("model"), steps, budget)
    limits = Limits(STEPS if steps is None else steps, time.perf_counter() + budget, should_stop)
    with bench.untouched(), torch.enable_grad():
        task, off, notes = _prepared(bench, model, n)
        first, aim, cause = _begun(bench, task)
        tried, decay, more = choices(model, bench.optimizer, lr)
        with Untouched([model, bench.loss_fn]) as fresh:
            run = _Run(bench, first, aim, _still(limits, cause), on_frame, fresh)
            attempts = list(run.attempts(tried, cause))
            reached = attempts[-1].reached
            cause = cause if cause or reached else after_training(bench, first, aim, attempts)
            fresh.restore()
            excuse = "" if reached or cause else excuse_for(bench, first, aim)
            if not (reached or excuse) and (cause is None or cause.waits):
                attempts += run.wait(tried, attempts)
                cause = cause and after_training(bench, first, aim, attempts)
    best = min(attempts, key=_rank)
    notes += more + _conflicting(aim)
    return Overfit(
        best.film, tuple(attempts), best, task.feed.size, aim.floor, aim.guess, aim.tolerance,
        off + decay, notes, None if best.reached else cause, excuse,
    )  # fmt: skip


def _prepared(bench: Bench, model: nn.Module, count: int) -> tuple[Task, list[str], list[str]]:
    """What is learned from these examples once regularisation is off, what was switched off, and what to know."""
    fed, notes = examples(bench, count)
    name, once = bench.name("model"), one_pass(model, fed, bench.loss_fn)
    off = switch_off(model, bench.loss_fn, name, once, alone=fed.size == 1)
    try:
        return read_task(model, fed, bench.loss_fn), off, notes
    except BadInput:
        whole = all_examples(bench, count)
        if whole is None:
            raise
    return read_task(model, whole[0], bench.loss_fn), off, whole[1]


def _begun(bench: Bench, task: Task) -> tuple[Passes, Aim, Cause | None]:
    """The first pass, what it has to reach, and a cause that it already shows."""
    first = passes(bench.get("model"), task, bench.loss_fn)
    aim = aim_of(first)
    cause = before_training(bench, first, aim)
    return _without_graph(first), aim, cause


def _conflicting(aim: Aim) -> list[str]:
    if not aim.conflicts:
        return []
    how = "begin alike and go on differently" if aim.predictions and aim.predictions.kind is Kind.TOKENS else ALIKE
    return [f"examples {_listed(aim.conflicts)} {how}"]


def _refuse(model: nn.Module, name: str, steps: int | None, budget: float) -> None:
    if steps is not None and (isinstance(steps, bool) or not isinstance(steps, int) or steps < 1):
        raise BadInput(f"the number of steps is a whole number from 1 on; {steps!r} was given")
    if not budget > 0:
        raise BadInput(f"the budget is a number of seconds above 0; {budget!r} was given")
    if any(is_lazy(p) for p in model.parameters()):
        raise BadInput(f"`{name}` is lazy and has no weights yet; run one batch through it first")
    if not any(p.requires_grad for p in model.parameters()):
        raise BadInput(
            f"`{name}` has no parameter that requires a gradient, so there is nothing to train; "
            "unfreeze some with `requires_grad_()`"
        )


def _still(limits: Limits, cause: Cause | None) -> Limits:
    """Without a gradient there is one frame and no step."""
    return limits if cause is None or cause.trains else dataclasses.replace(limits, steps=0)


def _without_graph(first: Passes) -> Passes:
    call = first.call
    bare = None if call is None else LossCall(call.name, call.input.detach(), call.target, call.options)
    output = None if first.output is None else first.output.detach()
    return dataclasses.replace(first, loss=first.loss.detach(), output=output, call=bare)


def _rank(attempt: Attempt) -> tuple[bool, float]:
    return not attempt.reached, attempt.end if math.isfinite(attempt.end) else math.inf


def _listed(rows: list[int], most: int = 4) -> str:
    told = [str(row) for row in rows[:most]]
    return ", ".join(told) + (f" and {len(rows) - most} more" if len(rows) > most else "")
