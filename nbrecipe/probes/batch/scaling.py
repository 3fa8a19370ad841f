"""How large the values are that the first layers with weights are given, and which statistics explain them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ...batches.models import plain
from ...bench import Bench
from ...decoding.normalisation import KNOWN, Scale, scales
from ..passes.passage import TABLES
from .entry import Entry
from .fed import Fed, fed

#: root mean square of what enters, where 1 is meant, above which it is worth a look
LOOK = 5.0
#: values looked at of one input
_ENOUGH = 1 << 20


@dataclass(frozen=True)
class Meeting:
    """Float values of one input where they meet weights: (N, C, ...) with the channels or features along axis 1."""

    entry: Entry
    values: Tensor
    #: whether the model changed the values on the way
    changed: bool


def meetings(bench: Bench) -> list[Meeting]:
    """Every input of floats where a layer multiplies it by weights; none for tables and normalisations."""
    seen = bench.once(fed)
    sources = dict(seen.tensors())
    found = []
    for entry in seen.entries:
        values = entry.values
        if entry.kind == "norm" or entry.kind in TABLES or not values.is_floating_point() or values.ndim < 2:
            continue
        given = sources.get(entry.source)
        same = given is not None and _same(given, values)
        if same and given is not None and given.ndim == 4 and values.ndim == 2:
            values = given.to(values.dtype)  # laid flat for a linear layer: the channels are still known here
        found.append(Meeting(entry, _features_second(values, entry.kind)[: _rows(values)], not same))
    return found


def largest(bench: Bench) -> float:
    """The largest root mean square of an input where it meets weights, if no normalisation comes next; 0 without."""
    met = [each.values.float() for each in meetings(bench) if not each.entry.normed]
    finite = [values[values.isfinite()] for values in met]
    return max((float(values.square().mean().sqrt()) for values in finite if values.numel()), default=0.0)


def _same(given: Tensor, values: Tensor) -> bool:
    return given.numel() == values.numel() and torch.equal(given.flatten().to(values.dtype), values.flatten())


def _rows(values: Tensor) -> int:
    return max(8, _ENOUGH // max(1, values[:1].numel()))


def _features_second(values: Tensor, kind: str) -> Tensor:
    """Linear and recurrent layers take features last, convolutions second."""
    return values if kind.startswith("conv") or values.ndim == 4 else values.movedim(-1, 1)


def normalises(model: nn.Module) -> bool:
    """Whether any module of the net takes scales away, wherever it stands."""
    named = ((path, type(module).__name__.lower()) for path, module in plain(model).named_modules())
    return any("norm" in kind and "parametrizations" not in path for path, kind in named)


def layers(model: nn.Module) -> int:
    """Modules with weights of two axes or more."""
    return sum(any(p.ndim > 1 for p in m.parameters(recurse=False)) for m in plain(model).modules())


def candidates(bench: Bench, channels: int) -> Iterator[tuple[Scale, bool]]:
    """Statistics that may have been used, and whether they are the user's own; those found first."""
    own = [scale for scale in scales(bench) if scale.fits(channels)]
    yield from ((scale, True) for scale in own)
    for name, (mean, std) in KNOWN.items():
        scale = Scale(mean, std, f"the statistics of {name}")
        if scale.fits(channels) and not any(np.allclose(scale.mean, s.mean, atol=2e-3) for s in own):
            yield scale, False


def is_bytes(values: np.ndarray, top: float) -> bool:
    """Whether values from 0 to `top` are whole 255ths of it; chance does that with 1 in 50 for a single value."""
    few = values.reshape(-1)[:: max(1, values.size // 4096)] * (255 / top)
    return values.size >= 16 and within(values, top) and bool((np.abs(few - np.rint(few)) < 0.01).mean() > 0.999)


def within(values: np.ndarray, top: float) -> bool:
    """Whether all values lie from 0 to `top`, and more than two of them differ."""
    inside = float(values.min()) >= -2e-3 * top and float(values.max()) <= 1.002 * top
    return inside and float(np.ptp(values)) > 0.1 * top and np.unique(values.reshape(-1)[:256]).size > 2


def fills(values: np.ndarray, top: float) -> bool:
    """Whether each channel (axis 1) reaches from 0 to `top`, within 2 %."""
    others = tuple(a for a in range(values.ndim) if a != 1)
    low, high = values.min(others), values.max(others)
    return within(values, top) and bool((low < 0.02 * top).all() and (high > 0.98 * top).all())


def taken(bench: Bench) -> Fed:
    """The batch as the model is given it."""
    return bench.once(fed)
