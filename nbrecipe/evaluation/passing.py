"""One pass of a model over a whole data set: eval mode, no gradients, the model's own device, the user's own loss."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..batches import BadInput
from ..bench import Bench
from ..decoding.worded import class_names
from ..guard import Untouched
from ..probes.passes.signal import evaluating
from ..task import Task
from .answers import Answers, Array
from .losses import of_logarithms
from .places import Placed
from .reader import Reader
from .source import Source
from .tally import Tally
from .together import Together

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Passed:
    """The answers, and how the pass went."""

    answers: Answers
    task: Task
    #: how the user calls the data, and the rows behind it; None where they cannot be counted
    name: str
    length: int | None
    #: whether `answers.rows` are the numbers of rows in the data set
    numbered: bool
    #: examples of each batch, in order
    sizes: tuple[int, ...] = ()
    #: (batches,) the user's loss of each batch, where single examples have none; None elsewhere
    batch_losses: Array | None = None
    #: "" where the pass is whole, else "interrupted" or "after 30 s"
    stopped: str = ""
    #: rows whose answer is no number
    none: int = 0
    #: (lowest, highest) value of the targets of images
    limits: tuple[float, float] | None = None
    seconds: float = 0.0
    notes: tuple[str, ...] = field(default_factory=tuple)
    #: the loss by position, of texts
    places: Placed | None = None

    @property
    def extent(self) -> str:
        """How much was answered: "10,000 rows", "the first 3,200 of 10,000 rows"."""
        rows = len(self.answers)
        if not self.stopped:
            return f"{rows:,} row{'' if rows == 1 else 's'}"
        return f"the first {rows:,} of {self.length:,} rows" if self.length else f"the first {rows:,} rows"

    @property
    def means(self) -> Array | None:
        """(batches,) mean loss of each batch; None where no loss is known."""
        if self.batch_losses is not None:
            return self.batch_losses
        loss, weight = self.answers.loss, self.answers.weight
        if loss is None or weight is None:
            return None
        starts = np.cumsum([0, *self.sizes[:-1]])
        with np.errstate(invalid="ignore", divide="ignore"):
            found: Array = np.add.reduceat(loss, starts) / np.add.reduceat(weight, starts)
        return found


def answers_of(bench: Bench, split: str = "val") -> Answers:
    """The answers of the bench's model to every row of a split; see `passed`."""
    return passed(bench, split).answers


def passed(
    bench: Bench, split: str = "val", *, seconds: float | None = None, seen: Progress = lambda rows, total: None
) -> Passed:
    """Let the bench's model answer every row of a split, once.

    An interrupt, or the end of `seconds`, keeps what was answered. Everything of the user's is afterwards as it was.
    Raises Missing where model or data are missing, and BadInput, in one sentence, where they cannot be run.
    """
    model: nn.Module = bench.get("model")
    start = time.perf_counter()
    source = Source.of(bench, split)
    reader = Reader(model, bench.loss_fn)
    together = Together(reader, lambda: Tally(bench.name("model"), reader.read, source.planned, class_names(bench)))
    stopped = ""
    with Untouched([source.loader, *bench.owned]), evaluating(model), torch.no_grad():
        try:
            for rows, batch in source:
                try:
                    together.add(rows, batch)
                except BadInput as error:
                    raise _labels(batch, source.name) or error from None
                seen(together.done, source.planned)
                if seconds is not None and time.perf_counter() - start > seconds and together.done != source.planned:
                    stopped = f"after {seconds:g} s"
                    break
        except KeyboardInterrupt:
            stopped = "interrupted"
        together.settle()
    if together.tally is None:
        raise BadInput(f"interrupted before the first batch of `{source.name}` was answered")
    found = _ended(together.tally, source, reader.read, stopped, time.perf_counter() - start)
    answer = found.answers.answer
    if answer is None or not of_logarithms(bench.loss_fn):
        return found
    return replace(found, answers=replace(found.answers, answer=np.exp(answer)))


def _labels(batch: Any, name: str) -> BadInput | None:
    """The sentence for a batch that fails because its labels are missing, or are words."""
    if isinstance(batch, Tensor) or (isinstance(batch, (tuple, list)) and len(batch) == 1):
        return BadInput(f"`{name}` gives inputs alone, without labels: give a loader of (inputs, targets)")
    target = batch[-1] if isinstance(batch, (tuple, list)) else None
    if isinstance(target, (tuple, list)) and target and isinstance(target[0], str):
        return BadInput(
            f"the labels of `{name}` are strings, such as {target[0]!r}: let the data set give their places "
            "among the classes, as in training"
        )
    return None


def _ended(tally: Tally, source: Source, task: Task, stopped: str, seconds: float) -> Passed:
    kept = tally.joined()
    answers = tally.answers(kept)
    if answers.entries is not None and not answers.entries.any():
        raise BadInput(f"no row of `{source.name}` has a label that counts: the loss ignores every one of them")
    limits = (float(kept["low"].min()), float(kept["high"].max())) if "low" in kept else None
    batch_losses: Any = kept.get("batch_loss")
    return Passed(answers, task, source.name, source.length, source.numbered, tuple(tally.sizes),
                  None if batch_losses is None else batch_losses.astype(np.float64), stopped, _none(answers),
                  limits, seconds, places=tally.places.placed())  # fmt: skip


def _none(answers: Answers) -> int:
    """Rows whose answer is no number."""
    given = answers.answer
    if given is not None and given.dtype.kind == "f":
        return int(np.isnan(given).reshape(len(given), -1).any(1).sum())
    if given is not None:
        return int((given < 0).sum())
    for sums in (answers.squares, answers.loss):
        if sums is not None:
            return int(np.isnan(sums).sum())
    return 0
