"""Whether a network does better with its inputs than without: three runs of one budget, judged on held-out rows.

Source: Karpathy 2019, "input-independent baseline": train with all inputs set to zero; plugging the data in should do
better. Inputs of other rows keep their statistics, and tell a network that only likes a certain scale from one that
reads its inputs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ... import batches
from ...batches import BadInput, leaves
from ...bench import Bench, Missing
from ...evaluation.answers import Answers, Array
from ...evaluation.passing import Passed, passed
from ...evaluation.source import Source
from ...statistics.paired import Paired, means_against
from .blanking import Blank, shuffled, zeroed
from .training import Start, fresh_start, train

#: seconds of all three runs together, shares of them that the first may take, bytes and rows of the batches held
SECONDS, FIRST, BYTES, ROWS = 20.0, 0.3, 128 << 20, 20_000
#: one batch in so many is held out where there are no validation data
HELD = 5


@dataclass(frozen=True)
class Run:
    """One of the three networks, and its answers to the held-out rows."""

    #: "with its inputs", "inputs zeroed", "inputs of other rows"
    what: str
    passed: Passed

    @property
    def answers(self) -> Answers:
        return self.passed.answers

    @property
    def loss(self) -> float:
        """The mean loss over all held-out examples, or their entries."""
        found = self.answers
        if found.loss is None or found.weight is None:
            means = self.passed.batch_losses
            return float(means.mean()) if means is not None else float("nan")
        return float(found.loss.sum() / found.weight.sum())


@dataclass(frozen=True)
class Independence:
    """Three networks from one start, of one budget."""

    real: Run
    zeroed: Run
    shuffled: Run
    #: the loss without inputs less that with them: above 0 where the inputs help
    by_zeroed: Paired
    by_shuffled: Paired
    steps: int
    #: rows that were trained on, and whether the others are the user's validation data
    rows: int
    validated: bool
    start: Start
    seconds: float

    @property
    def p(self) -> float:
        """The chance of so large a gain, or loss, of the inputs over both other runs, were there none."""
        return max(self.by_zeroed.p, self.by_shuffled.p)

    @property
    def helps(self) -> bool:
        """Whether the network does better with its inputs than in both other runs."""
        return self.by_zeroed.difference > 0 and self.by_shuffled.difference > 0


@dataclass(frozen=True)
class _Held:
    """Batches in the order in which they were read, and the numbers of their rows where the data set has some."""

    given: Sequence[Any]
    rows: Array | None = None

    def __iter__(self) -> Iterator[Any]:
        return iter(self.given)

    @classmethod
    def of(cls, bench: Bench) -> _Held:
        """The first batches of the validation data, as many as may be held."""
        source, given, rows = Source.of(bench), [], []
        for numbers, batch in source:
            given.append(batch)
            rows.append(numbers)
            if _bytes(given) > BYTES or sum(map(len, rows)) > ROWS:
                break
        return cls(given, np.concatenate(rows))


def independence(bench: Bench, seconds: float = SECONDS) -> Independence:
    """Train the bench's model three times from one start, and put it back.

    Raises Missing where model or training data are missing, and BadInput, in one sentence, where it cannot be done.
    """
    begin = time.perf_counter()
    bench.get("model")
    if bench.train_loader is None:
        raise Missing("train_loader")
    with bench.untouched():
        fit, held, validated = _split(bench)
        start = fresh_start(bench)
        steps = train(bench, start, fit, None, deadline=begin + FIRST * seconds, steps=None)
        real = Run("with its inputs", _answered(bench, held, None))
        runs = []
        for what, blank in (("inputs zeroed", zeroed), ("inputs of other rows", shuffled)):
            train(bench, start, fit, blank, deadline=None, steps=steps)
            runs.append(Run(what, _answered(bench, held, blank)))
    rows = sum(batches.batch_size(batch) for batch in fit)
    first, second = _gain(runs[0], real), _gain(runs[1], real)
    return Independence(real, runs[0], runs[1], first, second, steps, rows, validated, start,
                        time.perf_counter() - begin)  # fmt: skip


def trained_thrice(bench: Bench) -> Independence:
    """The same, once for a bench however many checks ask."""
    return independence(bench)


def _split(bench: Bench) -> tuple[list[Any], _Held, bool]:
    """Batches to train on, batches that are held out, and whether these are the user's validation data."""
    assert bench.train_loader is not None
    torch.manual_seed(0)
    given = _some(bench.train_loader, bench.name("train_loader"))
    if bench.val_loader is not None or bench.val_data is not None:
        return given, _Held.of(bench), True
    if len(given) < 2:
        size = batches.batch_size(given[0])
        if size < 2 * HELD:
            raise BadInput(f"`{bench.name('train_loader')}` gives {size} rows, too few to hold some of them out")
        part = size // HELD
        return [batches.take(given[0], size - part)], _Held([batches.take(given[0], part, size - part)]), False
    held = given[:: min(HELD, len(given))]
    return [batch for place, batch in enumerate(given) if place % min(HELD, len(given))], _Held(held), False


def _some(loader: Any, name: str) -> list[Any]:
    """The first batches of a loader, as many as may be held."""
    found: list[Any] = []
    rows = 0
    for batch in batches.loader.read(loader, name):
        found.append(batch)
        rows += batches.batch_size(batch)
        if _bytes(found) > BYTES or rows > ROWS:
            break
    return found


def _bytes(given: Sequence[Any]) -> int:
    return sum(item.nbytes for batch in given for item in leaves(batch) if isinstance(item, Tensor))


def _answered(bench: Bench, held: _Held, blank: Blank | None) -> Passed:
    """The model's answers to the held-out rows, in eval mode."""
    torch.manual_seed(2)
    given = list(held.given)
    if blank is not None:
        model = bench.get("model")
        feeds = [batches.feed(model, batch, bench.loss_fn) for batch in held.given]
        given = [blank(fed.batch, fed) for fed in feeds]
    found = passed(bench.replace(val_loader=_Held(given), val_data=None))
    if held.rows is None:
        return found
    return replace(found, answers=replace(found.answers, rows=held.rows))


def _gain(without: Run, real: Run) -> Paired:
    """The loss without inputs against the loss with them, on the same rows."""
    one, other = without.answers, real.answers
    if one.loss is not None and other.loss is not None and one.weight is not None:
        return means_against(one.loss, other.loss, one.weight)
    first, second = without.passed.batch_losses, real.passed.batch_losses
    if first is None or second is None:
        raise BadInput("the loss of the held-out rows cannot be told")
    return means_against(first, second)
