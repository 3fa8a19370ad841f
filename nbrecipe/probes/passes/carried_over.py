"""How much of what a classifier knows of its training rows carries over to validation rows.

A lead is what balanced accuracy (the mean recall over the classes) has over guessing, which gives one over the number
of classes whatever their shares. Its standard error is at most that of recalls of one half. Predictions that are right
up to another name for each class count as right: the names are told from one half of the rows and tried on the other.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from ... import batches
from ...batches.models import eagerly, plain
from ...bench import Bench
from .signal import evaluating

#: rows read of a loader, and seconds for reading them, at most
ROWS, SECONDS = 512, 2.0
#: rows of a class from which on it counts, and standard errors of a bound
LEAST, ERRORS = 5, 3.0
#: share of the lead on training rows; less carries over where a net has learned its rows by heart
HALF = 0.5
#: standard deviations by which the inputs of both may differ in mean, and the ratio of their spreads
OFF, SPREAD = 0.5, 2.0


@dataclass(frozen=True)
class Lead:
    """Rows, classes among them, balanced accuracy, and its standard error."""

    rows: int
    classes: int
    accuracy: float
    error: float

    @property
    def least(self) -> float:
        """The lower bound of the lead over guessing."""
        return self.accuracy - ERRORS * self.error - 1 / self.classes

    @property
    def most(self) -> float:
        """Its upper bound."""
        return self.accuracy + ERRORS * self.error - 1 / self.classes


@dataclass(frozen=True)
class CarriedOver:
    """The leads on training and on validation rows."""

    train: Lead
    val: Lead

    @property
    def by_heart(self) -> bool:
        """Whether the net knows its training rows, and on others nothing tells it from guessing.

        Less than half of the lead can carry over: each of the two bounds is wrong once in 700.
        """
        return self.val.least <= 0 and self.val.most < HALF * self.train.least


def carried_over(bench: Bench) -> CarriedOver | None:
    """The comparison, in eval mode; None without both loaders, for other tasks than one class for each row, and where
    validation rows are of another scale.

    Run it inside `bench.untouched()`. Raises what the user's model and data raise.
    """
    if bench.train_loader is None or bench.val_loader is None or bench.train_loader is bench.val_loader:
        return None
    train, val = (_answered(bench, name) for name in ("train_loader", "val_loader"))
    if train is None or val is None or not _alike(train[2], val[2]):
        return None
    leads = [_lead(*rows[:2]) for rows in (train, val)]
    if leads[0] is None or leads[1] is None:
        return None
    return CarriedOver(leads[0], leads[1])


def _answered(bench: Bench, loader: str) -> tuple[Tensor, Tensor, Tensor] | None:
    """Guesses, labels and inputs of the first rows of a loader."""
    model = plain(bench.get("model"))
    guesses, labels, inputs, rows, end = [], [], [], 0, time.monotonic() + SECONDS
    with torch.no_grad(), eagerly(), evaluating(model):
        for batch in batches.read(getattr(bench, loader), bench.name(loader)):
            fed = batches.feed(model, batch, bench.loss_fn)
            out, target = batches.output_of(model(*fed.args, **fed.kwargs)), fed.target
            given = fed.args[0] if fed.args else None
            if not (isinstance(out, Tensor) and isinstance(target, Tensor) and isinstance(given, Tensor)):
                return None
            if out.ndim != 2 or out.shape[1] < 2 or target.shape != out.shape[:1] or target.is_floating_point():
                return None
            guesses.append(out.argmax(1).cpu())
            labels.append(target.cpu().long())
            inputs.append(given.cpu().float().flatten())
            rows += len(target)
            if rows >= ROWS or time.monotonic() > end:
                break
    return torch.cat(guesses), torch.cat(labels), torch.cat(inputs)


def _alike(one: Tensor, other: Tensor) -> bool:
    spread, second = float(one.std()), float(other.std())
    if not (spread > 0 and second > 0 and math.isfinite(spread) and math.isfinite(second)):
        return False
    return abs(float(one.mean() - other.mean())) < OFF * spread and 1 / SPREAD < second / spread < SPREAD


def _lead(guesses: Tensor, labels: Tensor) -> Lead | None:
    """The lead of plain guesses, or of renamed ones where that is larger; None where fewer than two classes count."""
    counts = torch.bincount(labels.clamp(min=0))
    kept = [int(c) for c in range(len(counts)) if counts[c] >= LEAST]
    if len(kept) < 2:
        return None
    best = max(_balanced(given, labels, kept) for given in (guesses, _renamed(guesses, labels)))
    error = math.sqrt(sum(0.25 / int(counts[c]) for c in kept)) / len(kept)
    return Lead(len(labels), len(kept), best, error)


def _balanced(guesses: Tensor, labels: Tensor, kept: list[int]) -> float:
    return float(sum((guesses[labels == c] == c).float().mean() for c in kept) / len(kept))


def _renamed(guesses: Tensor, labels: Tensor) -> Tensor:
    """Each guess as the label that it stands for most often, by share of the label, in the other half of the rows."""
    found, size = guesses.clone(), int(max(guesses.max(), labels.max())) + 1
    even = torch.arange(len(labels)) % 2 == 0
    for here in (even, ~even):
        table = torch.zeros(size, size).index_put_((guesses[~here], labels[~here]), torch.tensor(1.0), accumulate=True)
        found[here] = (table / table.sum(0).clamp(min=1)).argmax(1)[guesses[here]]
    return found
