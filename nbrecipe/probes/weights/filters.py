"""The filters of the first layers, sorted, scored against noise, and beside those that they started from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from ...batches import BadInput
from ...bench import Bench
from ...pictures.filters import Filters, Form, Layer, Scores
from ...statistics.families import holm
from ...tokens.reading import names_of
from ..passes.passage import TABLES
from . import noise
from .first_layer import FirstLayer, first_layers

#: filters, and rows of a table, that are kept to be shown: the largest ones, and the most frequent ones
MOST, ROWS = 256, 600
#: numbers of the filters of one layer that are kept
NUMBERS = 1 << 22
#: rows of a table that its axes are computed from
SAMPLE = 20_000


@dataclass(frozen=True)
class Seen:
    """The first layers as they are shown, and the same as tensors; `moved` is by layer, None without a copy."""

    shown: Filters
    layers: tuple[FirstLayer, ...]
    #: the norm of what training changed over the norm at the start
    moved: tuple[float | None, ...]
    #: every filter's score, those too that are not shown
    scored: tuple[Scores | None, ...]


def filters(bench: Bench) -> Seen:
    """The filters of every layer that reads the batch; those before training come from the bench's `pretrained`.

    Run it inside `bench.untouched()`. Raises BadInput where no layer with weights reads the batch.
    """
    found = bench.once(first_layers)
    if not found:
        raise BadInput(f"no layer of `{bench.name('model')}` multiplies this batch by weights, so there are no filters")
    starts = [started(layer, bench.pretrained) for layer in found]
    scored = tuple(scores(layer) for layer in found)
    moved = tuple(None if start is None else _moved(one, start) for one, start in zip(found, starts, strict=True))
    starts = [start if far else None for start, far in zip(starts, moved, strict=True)]  # equal ones show nothing
    shown = [_shown(layer, start, score, bench) for layer, start, score in zip(found, starts, scored, strict=True)]
    name = bench.name("pretrained") if "pretrained" in bench.names else "before"
    kept = name if any(start is not None for start in starts) else ""
    return Seen(Filters(bench.name("model"), tuple(shown), kept), found, moved, scored)


def started(layer: FirstLayer, state: Mapping[str, Any] | None) -> Tensor | None:
    """The weights of this layer in a state dict, laid out alike; None where it has none of this name and shape."""
    if not state or not layer.name:
        return None
    name = layer.name if layer.name in state else ""
    if not name:  # under a prefix, as of a compiled model or a checkpoint
        ends = [key for key in state if key.endswith(f".{layer.name}") or layer.name.endswith(f".{key}")]
        name = ends[0] if len(ends) == 1 else ""
    value = state.get(name)
    if not isinstance(value, Tensor) or value.numel() != layer.weight.numel():
        return None
    value = value.detach().float().cpu()
    if layer.kind in TABLES:
        return value if value.shape == layer.weight.shape else None
    rows = value if len(value) == len(layer.weight) else value.mT
    rows = rows.reshape(len(layer.weight), -1)
    return (rows if layer.columns is None else rows[:, layer.columns.flatten()]).reshape(layer.weight.shape)


def scores(layer: FirstLayer) -> Scores | None:
    """The scores against noise; None for tables, and for columns that lie nowhere."""
    if layer.kind in TABLES or layer.patches is None:
        return None
    seen = noise.moran(layer.weight)
    if seen is None or not bool(torch.isfinite(layer.weight).all()):
        return None
    structured = holm(seen.p.numpy()) <= noise.ALPHA
    told = Scores(seen.index.numpy(), seen.p.numpy(), structured, seen.expected)
    known = noise.power(layer.patches, len(layer.weight))
    alike = noise.moran(layer.patches[: noise.DRAWS])
    if known is None or alike is None:
        return told
    share = noise.share(seen, known)
    least = noise.least_bound(known, len(layer.weight))
    return replace(told, share=share.estimate, most=share.most, least=least, power=known.pooled,
                   inputs=float(alike.index.mean()))  # fmt: skip


def _moved(layer: FirstLayer, start: Tensor) -> float:
    return float((layer.weight - start).norm() / start.norm().clamp(min=1e-12))


def _shown(layer: FirstLayer, start: Tensor | None, score: Scores | None, bench: Bench) -> Layer:
    if layer.kind in TABLES:
        return _map(layer, bench)
    weight = layer.weight
    norms = weight.flatten(1).norm(dim=1)
    each = weight[0].numel()
    most = max(1, min(MOST, NUMBERS // max(1, each)))
    rows = norms.argsort(descending=True)[:most]
    form: Form = "image" if weight.shape[2] > 1 else "curve"
    notes = () if len(rows) == len(weight) else (f"the {len(rows)} largest of {len(weight)} filters are shown",)
    before = None if start is None else start[rows].numpy()
    kept = None if score is None else _cut(score, rows)
    path, shape = layer.path, _shape(layer)
    return Layer(path, form, shape, weight[rows].numpy(), norms[rows].numpy(), rows.numpy(), before, kept,
                 total=len(weight), notes=notes)  # fmt: skip


def _cut(score: Scores, rows: Tensor) -> Scores:
    at = rows.numpy()
    return replace(score, moran=score.moran[at], p=score.p[at], structured=score.structured[at])


def _shape(layer: FirstLayer) -> str:
    count, channels, height, width = layer.weight.shape
    if layer.kind in ("conv1d", "conv2d", "conv3d"):
        size = f"{width}" if layer.kind == "conv1d" else f"{height} × {width}"
        return f"{count} filters of {channels} × {size}" if channels > 1 else f"{count} filters of {size}"
    if layer.columns is not None:
        return f"{count} units, weights laid out as {f'{channels} × ' if channels > 1 else ''}{height} × {width}"
    return f"{count} units of {channels * height * width} weights"


def _map(layer: FirstLayer, bench: Bench) -> Layer:
    """A table's rows in the plane that keeps most of their variance; of a large one, those that the batch has most."""
    table, counts = layer.weight, layer.counts
    total = len(table)
    keys = table.norm(dim=1) / table.norm(dim=1).max().clamp(min=1e-12)
    keys = keys if counts is None else keys + counts
    rows = keys.argsort(descending=True)[:ROWS].sort().values
    padding = getattr(layer.module, "padding_idx", None)
    sample = table[torch.linspace(0, total - 1, min(total, SAMPLE)).long()].double()
    sample = sample - sample.mean(0)
    generator = torch.random.get_rng_state()
    torch.manual_seed(0)  # pca_lowrank draws; it is put back at once
    axes = torch.pca_lowrank(sample, q=min(6, *sample.shape), center=False)[2][:, :2]
    torch.random.set_rng_state(generator)
    spread = float(sample.square().sum()) or 1.0
    shares = tuple(float((sample @ axis).square().sum()) / spread for axis in axes.T)
    points = (table[rows].double() - table[rows].double().mean(0)) @ axes
    points = torch.nn.functional.pad(points, (0, 2 - points.shape[1]))
    notes = [] if len(rows) == total else [f"{len(rows)} of {total} rows are shown, those of this batch first"]
    notes += [] if padding is None else [f"row {padding} is padding"]
    return Layer(
        layer.path, "map", f"{total} rows of {table.shape[1]}", points.float().numpy(), table[rows].norm(dim=1).numpy(),
        rows.numpy(), total=total, shares=shares, names=_names(bench.tokenizer, rows, counts),
        seen=None if counts is None else counts[rows].numpy(), notes=tuple(notes),
    )  # fmt: skip


def _names(tokenizer: Any, rows: Tensor, counts: Tensor | None) -> tuple[str, ...]:
    """What the tokenizer calls each row; numbers where there is none, or where it is another table's.

    It is another table's where it does not know what the batch holds.
    """
    names = names_of(tokenizer, rows.tolist())
    held = set() if counts is None else set(counts.nonzero().flatten().tolist())
    if any(row in held and row not in names for row in rows.tolist()):
        return tuple(map(str, rows.tolist()))
    return tuple(names.get(row, str(row))[:24] for row in rows.tolist())


def state_of(before: Any, name: str) -> Mapping[str, Tensor]:
    """The weights of a model or a state dict that the user kept; BadInput for anything else."""
    if isinstance(before, nn.Module):
        return {key: value.detach() for key, value in before.state_dict().items()}
    if isinstance(before, Mapping):
        inside = before if any(isinstance(v, Tensor) for v in before.values()) else None
        inside = inside or next((v for v in before.values() if isinstance(v, Mapping)), None)
        if inside and any(isinstance(value, Tensor) for value in inside.values()):
            return inside
    kind = type(before).__name__
    raise BadInput(f"`{name}` is of type {kind}; give the model or the state dict kept from before training")
