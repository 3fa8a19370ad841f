"""Batch norm's running statistics beside those of the training rows, and what the difference costs.

Both are means over batches, taken in the same way, with dropout on; so that small batches, whose statistics are noisy,
make no difference between them. The same rows are then answered with either.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..batches import BadInput, batch_size, read
from ..batches.models import eagerly, plain
from ..bench import Bench, Missing
from ..probes.passes.recalibration import learns, take_anew
from ..statistics.paired import Paired, means_against, right_against
from ..task.refusal import refuse_lazy, told
from .answers import Answers
from .known import SECONDS, drawn
from .passing import passed

#: a layer is far off where half of its channels differ by so many standard deviations, or by such a factor of variance
AWAY, FACTOR = 0.5, 2.0
#: training rows that statistics are taken of, and rows of each split that are answered with either
ROWS = 512


@dataclass(frozen=True)
class Norm:
    """One batch norm: how far its running statistics are from those of the rows."""

    path: str
    #: medians over channels: |difference of means| in standard deviations of the rows, and of the factor of variances
    away: float
    factor: float
    batches: int
    #: share of the running statistics that is still the 0 and 1 they began with, by momentum and batches
    begun: float
    #: share of the difference that this beginning explains
    explained: float

    @property
    def far(self) -> bool:
        return self.away > AWAY or self.factor > FACTOR


@dataclass(frozen=True)
class Cost:
    """The same rows answered with running statistics, and with those of the training rows."""

    split: str
    running: float
    anew: float
    #: the latter against the former
    paired: Paired
    rows: int
    #: "accuracy" or "loss"
    metric: str


@dataclass(frozen=True)
class Restated:
    """Every batch norm that learns, and what it costs where one is far off."""

    norms: tuple[Norm, ...]
    #: training rows whose statistics were taken
    rows: int
    costs: tuple[Cost, ...] = ()


def restated(bench: Bench) -> Restated | None:
    """The comparison; None where no batch norm learns running statistics.

    Changes the running statistics: for use where the model's state is put back. Raises Missing without training data,
    and BadInput where they cannot be run.
    """
    model = plain(bench.get("model"))
    refuse_lazy(model)
    norms = {
        path: module
        for path, module in model.named_modules()
        if isinstance(module, _BatchNorm) and not isinstance(module, nn.SyncBatchNorm)
        if module.track_running_stats and module.running_mean is not None and learns(module)
    }
    if not norms:
        return None
    if bench.train_loader is None:
        raise Missing("train_loader")
    if hasattr(bench.train_loader, "__next__"):
        raise BadInput(f"`{bench.name('train_loader')}` is an iterator: reading it would use up its batches")
    before = {path: _state(norm) for path, norm in norms.items()}
    sizes: list[int] = []
    few = bench.replace(train_loader=drawn(bench.train_loader, ROWS), train_data=None)
    try:
        with torch.no_grad(), eagerly():
            take_anew(few, model, list(norms.values()), _counted(few, sizes), dropping=True)
    except BadInput:
        raise
    except Exception as error:
        raise BadInput(f"the model cannot be run in train mode: {told(error)}") from error
    found = tuple(_norm(path, before[path], norm) for path, norm in norms.items())
    costs = _costs(few, norms, before) if any(norm.far for norm in found) else ()
    return Restated(found, sum(sizes), costs)


def _counted(few: Bench, sizes: list[int]) -> Iterator[Any]:
    for batch in read(few.get("train_loader"), few.name("train_loader")):
        sizes.append(batch_size(batch))
        yield batch


def _costs(few: Bench, norms: dict[str, _BatchNorm], before: dict[str, Any]) -> tuple[Cost, ...]:
    """The same rows with statistics as they are in the model now, and with those that it had before."""
    splits = {"training": "train"}
    if few.val_loader is not None and not hasattr(few.val_loader, "__next__"):
        few = few.replace(val_loader=drawn(few.val_loader, ROWS), val_data=None)
        splits["validation"] = "val"
    anew = {name: passed(few, split, seconds=SECONDS).answers for name, split in splits.items()}
    for path, norm in norms.items():
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean.copy_(before[path]["mean"])
        norm.running_var.copy_(before[path]["var"])
    running = {name: passed(few, split, seconds=SECONDS).answers for name, split in splits.items()}
    found = (_cost(name, running[name], anew[name]) for name in splits)
    return tuple(cost for cost in found if cost is not None)


def _state(norm: _BatchNorm) -> dict[str, Any]:
    count = norm.num_batches_tracked
    return {
        "mean": _of(norm.running_mean), "var": _of(norm.running_var), "momentum": norm.momentum,
        "batches": int(count) if count is not None else 0,
    }  # fmt: skip


def _of(values: Tensor | None) -> Tensor:
    assert values is not None
    return values.detach().double().cpu().clone()


def _norm(path: str, before: dict[str, Any], norm: _BatchNorm) -> Norm:
    mean, var = _of(norm.running_mean), _of(norm.running_var)
    spread = var.sqrt().clamp_min(1e-12)
    away = float(((before["mean"] - mean).abs() / spread).median())
    ratio = (before["var"].clamp_min(1e-12) / var.clamp_min(1e-12)).log().abs()
    momentum, count = before["momentum"], before["batches"]
    begun = 0.0 if momentum is None and count else (1 - (momentum or 0.0)) ** count
    first = torch.cat([mean / spread, (1 / var.clamp_min(1e-12)).log()])
    # what is left of the beginning, were the rows' statistics all that was added to it
    mixed = torch.cat([(1 - begun) * mean / spread, ((1 - begun) + begun / var.clamp_min(1e-12)).log()])
    new = torch.cat([mean / spread, torch.zeros_like(var)])
    seen = torch.cat([before["mean"] / spread, (before["var"].clamp_min(1e-12) / var.clamp_min(1e-12)).log()])
    apart = float((seen - new).abs().sum())
    explained = 1 - float((seen - mixed).abs().sum()) / apart if apart and len(first) else 0.0
    return Norm(path, away, math.exp(float(ratio.median())), count, begun, explained)


def _cost(split: str, running: Answers, anew: Answers) -> Cost | None:
    if len(running) != len(anew):
        return None
    if running.right is not None and anew.right is not None and bool(np.all(running.entries == np.int64(1))):
        pair = right_against(anew.right > 0, running.right > 0)
        means = (float(running.right.mean()), float(anew.right.mean()))
        return Cost(split, *means, pair, len(running), "accuracy")
    if running.loss is None or anew.loss is None or running.weight is None:
        return None
    pair = means_against(anew.loss, running.loss, running.weight)
    total = float(running.weight.sum())
    return Cost(split, float(running.loss.sum()) / total, float(anew.loss.sum()) / total, pair, len(running), "loss")
