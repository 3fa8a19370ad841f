"""What batch norm's running statistics cost in evaluation, for having been taken with dropout on.

The same weights are evaluated twice on the same rows: with running statistics taken anew with dropout, as training
takes them, and with statistics taken without. Nothing else differs, so that what the loss falls by is what the
dropout before batch norm costs.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from ... import batches
from ...batches.models import eagerly, plain
from ...bench import Bench
from .signal import evaluating

#: rows that the statistics are taken from and rows that are evaluated, at most; seconds for reading either, and for
#: running the model over either once
ROWS, SECONDS = 2048, 2.0
#: rows that are compared together
CHUNK = 16


@dataclass(frozen=True)
class Recalibrated:
    """Loss in evaluation: as the model is, with statistics taken anew with dropout, and without it."""

    as_it_is: float
    dropping: float
    without: float
    #: groups of rows compared, and those of them whose loss is lower without
    groups: int
    lower: int
    rows: int
    held_out: bool

    @property
    def times(self) -> float:
        """How many times as large the loss is for the dropout: as the model is or with new statistics, the smaller."""
        return min(self.as_it_is, self.dropping) / self.without if self.without > 0 else math.nan

    @property
    def chance(self) -> float:
        """Probability that so many groups, or more, are lower where each goes either way: the sign test's p-value."""
        ways = sum(math.comb(self.groups, k) for k in range(self.lower, self.groups + 1))
        return float(ways / 2**self.groups)


def recalibrated(bench: Bench) -> Recalibrated | None:
    """The comparison, on validation rows where there are any; None without a loader, a loss, or batch norm that learns.

    Changes the running statistics: for use where the model's state is put back. Raises what the user's model and data
    raise.
    """
    model = plain(bench.get("model"))
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.track_running_stats and learns(m)]
    if not norms or bench.train_loader is None:
        return None
    with torch.no_grad(), eagerly():
        given = _rows(bench, model, "train_loader")
        judged = _rows(bench, model, "val_loader") if bench.val_loader is not None else given
        losses = [_losses(bench, model, judged)]
        for dropping in (True, False):
            take_anew(bench, model, norms, given, dropping=dropping)
            losses.append(_losses(bench, model, judged))
    if not all(losses):
        return None
    _, on, off = losses
    size, lower = len(off), sum(b < a for a, b in zip(on, off, strict=True))
    means = [sum(part) / size for part in losses]
    rows = sum(batches.batch_size(batch) for batch in judged)
    return Recalibrated(
        means[0], means[1], means[2], groups=size, lower=lower, rows=rows, held_out=bench.val_loader is not None
    )


def learns(norm: _BatchNorm) -> bool:
    """A frozen norm keeps the statistics that it came with."""
    return all(weight.requires_grad for weight in norm.parameters())


def _rows(bench: Bench, model: nn.Module, loader: str) -> list[Any]:
    """Batches of a loader, as many as there is time for."""
    found: list[Any] = []
    rows, most, start = 0, ROWS, time.monotonic()
    for batch in batches.read(getattr(bench, loader), bench.name(loader)):
        if not found:
            began = time.monotonic()
            _losses(bench, model, [batch])
            most = min(ROWS, int(SECONDS / (time.monotonic() - began) * batches.batch_size(batch)))
            start = time.monotonic()
        found.append(batch)
        rows += batches.batch_size(batch)
        if rows >= most or time.monotonic() - start > SECONDS:
            break
    return found


def take_anew(bench: Bench, model: nn.Module, norms: list[_BatchNorm], given: Iterable[Any], *, dropping: bool) -> None:
    """Running statistics as the plain mean over these batches; changes the model."""
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    with _modes(model, norms, dropping=dropping):
        for batch in given:
            if batches.batch_size(batch) > 1:
                fed = batches.feed(model, batch, bench.loss_fn)
                model(*fed.args, **fed.kwargs)


@contextmanager
def _modes(model: nn.Module, norms: list[_BatchNorm], *, dropping: bool) -> Iterator[None]:
    with evaluating(model):
        for module in [*norms, *(m for m in model.modules() if dropping and isinstance(m, _DropoutNd))]:
            module.training = True
        yield


def _losses(bench: Bench, model: nn.Module, judged: list[Any]) -> list[float]:
    """The loss of each group of rows in eval mode; nothing where there is no loss or it is not finite."""
    found = []
    with evaluating(model):
        for batch in judged:
            for start in range(0, batches.batch_size(batch), CHUNK):
                fed = batches.feed(model, batches.take(batch, CHUNK, start), bench.loss_fn)
                loss = batches.forward(model, fed, bench.loss_fn).loss
                if loss is None or not bool(torch.isfinite(loss).all()):
                    return []
                found.append(float(loss.mean()))
    return found
