"""Batch norm sees the same variance in training as in evaluation.

Dropout makes what comes after it vary more, in training alone. A batch norm behind it learns a variance that evaluation
does not have, and shrinks what it is given there. Both variances are measured on the batch, with several draws of the
dropout, and with batch norm itself in train mode both times; the order of the layers alone says nothing, and of a
network that is not trained it is a hint: some live with it. After training it is told what it costs: the weights are
evaluated with running statistics taken with dropout, and with statistics taken without.

Source: Li et al. 2019, "Understanding the disharmony between dropout and batch normalization by variance shift".
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from ... import batches, toys
from ...batches.models import eagerly, plain
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped, spelled
from ...probes.passes.recalibration import Recalibrated, recalibrated
from ...task.refusal import failed_forward, refuse_lazy
from ...trace import Trace

check = Check(__name__, tip="drop")

#: a variance this many times as large in training: outputs of the norm are 5 % smaller in evaluation
SHIFT = 1.1
#: draws of the dropout, and standard errors of their mean by which the shift must be beyond that
DRAWS, ERRORS = 8, 3.0
#: from here on what it costs is a fault: times that the loss in evaluation is larger, p-value of the sign test. With a
#: layer between, as wide residual networks have it on purpose, it takes more
RIGHT_BEFORE, FURTHER_BEFORE = (1.1, 1e-2), (4 / 3, 1e-3)


@dataclass
class Place:
    """One batch norm: variances at its input, draw by draw, and the dropout that ran last before it."""

    path: str
    before: str = ""
    #: whether nothing with weights ran in between
    right_before: bool = False
    on: list[float] = field(default_factory=list)
    off: float = 0.0

    @property
    def ratio(self) -> float:
        """Variance in training over variance in evaluation."""
        return sum(self.on) / len(self.on) / self.off if self.on and self.off > 0 else 1.0

    @property
    def error(self) -> float:
        """Standard error of the ratio, over the draws."""
        if len(self.on) < 2 or not self.off > 0:
            return math.inf
        middle = sum(self.on) / len(self.on)
        spread = math.sqrt(sum((value - middle) ** 2 for value in self.on) / (len(self.on) - 1))
        return spread / math.sqrt(len(self.on)) / self.off


@check.run
def run(model: nn.Module, batch: Any, bench: Bench, trace: Trace | None = None) -> Finding:
    net, name = plain(model), bench.name("model")
    refuse_lazy(net)
    norms = [m for m in net.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    if not norms:
        return skipped("the model has no batch norm with running statistics")
    if batches.batch_size(batch) < 2:
        return skipped("the batch holds a single example, from which no variance is to be had")
    with bench.untouched():
        places = _measured(bench, net)
    behind = [place for place in places if place.before]
    if not behind:
        return ok(f"no dropout runs before any of the {len(norms)} batch norms", norms=len(norms))
    worst = max(behind, key=lambda place: place.ratio)
    seen: dict[str, Any] = {
        "ratio": worst.ratio,
        "error": worst.error,
        "norms": len(norms),
        "behind": len(behind),
    }
    where, dropout = (spelled(name, path) for path in (worst.path, worst.before))
    told = f"the variance at `{where}` is **{number(worst.ratio, 3)}** times as large in training as in evaluation"
    if worst.ratio - ERRORS * worst.error <= SHIFT:
        return ok(f"{told}: dropout before it shifts it by little", **seen)
    cost = _cost(bench) if trace is not None and trace.trained else None
    times, chance = RIGHT_BEFORE if worst.right_before else FURTHER_BEFORE
    certain = cost is not None and cost.times >= times and cost.chance < chance
    return (bad if certain else hint)(
        f"{told} (± {number(worst.error, 2)}), by the dropout before it: its running variance is too large"
        + (_costs(cost) if cost is not None else ""),
        fix=f"Put `{dropout}` behind the last batch norm, or go without it.",
        why=f"in evaluation the norm gives {1 - 1 / math.sqrt(worst.ratio):.0%} less than it was trained to",
        where=f"`{where}`",
        **seen,
        **(dataclasses.asdict(cost) if cost is not None else {}),
    )


def _cost(bench: Bench) -> Recalibrated | None:
    """What the shift costs; None where that cannot be measured, which must not hide the shift itself."""
    with bench.untouched():
        try:
            return recalibrated(bench)
        except Exception:
            return None


def _costs(cost: Recalibrated) -> str:
    rows = f"{cost.rows} {'validation' if cost.held_out else 'training'} rows"
    return (
        f"; the loss in evaluation on {rows} is **{number(min(cost.as_it_is, cost.dropping))}**, and "
        f"**{number(cost.without)}** with running statistics taken without dropout "
        f"(lower in {cost.lower} of {cost.groups} groups of rows)"
    )


def _measured(bench: Bench, net: nn.Module) -> list[Place]:
    fed = batches.feed(net, bench.get("batch"), bench.loss_fn)
    places: dict[nn.Module, Place] = {}
    try:
        for draw in range(DRAWS + 1):
            torch.manual_seed(draw)
            with _mode(net, dropping=draw > 0), _watched(net, places, dropping=draw > 0), torch.no_grad(), eagerly():
                net(*fed.args, **fed.kwargs)
    except Exception as error:
        raise failed_forward(net, fed, error) from error
    return list(places.values())


@contextmanager
def _mode(net: nn.Module, *, dropping: bool) -> Iterator[None]:
    """Batch norm in train mode, and everything else too or not; what the user keeps in eval mode stays there."""
    modes = [(module, module.training) for module in net.modules()]
    frozen = [m for m, training in modes if isinstance(m, _BatchNorm) and net.training and not training]
    try:
        for module, _ in modes:
            module.training = dropping or isinstance(module, _BatchNorm)
        for module in frozen:
            module.training = False
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def _watched(net: nn.Module, places: dict[nn.Module, Place], *, dropping: bool) -> Iterator[None]:
    paths = {module: path for path, module in net.named_modules()}
    last, since = "", False

    def drop(module: nn.Module, given: Any) -> None:
        nonlocal last, since
        if isinstance(module, _DropoutNd) and 0 < module.p < 1:
            last, since = paths[module], False

    def weigh(module: nn.Module, given: Any) -> None:
        nonlocal since
        since = True

    def norm(module: nn.Module, given: Any) -> None:
        values = given[0] if given else None
        if not isinstance(values, Tensor) or values.ndim < 2 or not module.training:
            return
        axes = [axis for axis in range(values.ndim) if axis != 1]
        variance = float(values.detach().double().var(axes, correction=0).mean())
        place = places.setdefault(module, Place(paths[module]))
        if dropping:
            place.on.append(variance)
        else:
            place.before, place.right_before, place.off = last, not since, variance

    handles = [m.register_forward_pre_hook(drop) for m in paths if isinstance(m, _DropoutNd)]
    handles += [m.register_forward_pre_hook(norm) for m in paths if isinstance(m, _BatchNorm)]
    handles += [m.register_forward_pre_hook(weigh) for m in paths if any(True for _ in m.parameters(recurse=False))]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _net(*middle: nn.Module) -> Bench:
    body = toys.mlp((20, 32, 32, 5))
    return toys.classify(nn.Sequential(body[0], nn.ReLU(), *middle, nn.ReLU(), body[4]))


@check.breaks
def right_before_it() -> Bench:
    """Half of the units are dropped, and batch norm comes next."""
    return _net(nn.Dropout(0.5), nn.BatchNorm1d(32))


@check.breaks
def with_a_layer_between() -> Bench:
    """A linear layer between the two passes the variance on."""
    return _net(nn.Dropout(0.5), toys.mlp((32, 32)), nn.BatchNorm1d(32))


@check.holds
def behind_it() -> Bench:
    """Dropout after the last batch norm."""
    return _net(nn.BatchNorm1d(32), nn.Dropout(0.5))


@check.holds
def hardly_any() -> Bench:
    """One unit in a hundred is dropped: the order is the same, and the shift is small."""
    return _net(nn.Dropout(0.01), nn.BatchNorm1d(32))


@check.holds
def layer_norm_between() -> Bench:
    """A layer norm in between sets the variance anew."""
    return _net(nn.Dropout(0.2), nn.LayerNorm(32), nn.BatchNorm1d(32))
