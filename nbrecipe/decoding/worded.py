"""Targets in words, by the names that the user's data set and model give them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..batches.structure import fields_of
from ..bench import Bench
from ..finding import number

#: values of a target that are told
VALUES = 4


def class_names(bench: Bench) -> dict[int, str]:
    """The names of the classes, from the training data, from the validation data where there are no others, or from
    the model; empty where none are found."""
    data = [bench.train_data, getattr(bench.train_loader, "dataset", None)]
    if bench.train_data is None and bench.train_loader is None:
        data = [bench.val_data, getattr(bench.val_loader, "dataset", None)]
    for thing in data:
        depth = 0
        while thing is not None and depth < 5:
            found = _names_in(thing)
            if found:
                return found
            thing, depth = getattr(thing, "dataset", None), depth + 1
    names = getattr(getattr(bench.model, "config", None), "id2label", None)
    if isinstance(names, Mapping) and not all(str(name) == f"LABEL_{i}" for i, name in names.items()):
        return {int(i): str(name) for i, name in names.items()}
    return {}


def _names_in(data: Any) -> dict[int, str]:
    for attribute in ("classes", "class_names", "target_names"):
        names = getattr(data, attribute, None)
        if isinstance(names, Mapping) and names and all(isinstance(key, int) for key in names):
            return {key: str(name) for key, name in names.items()}
        if isinstance(names, (list, tuple)) and names and all(isinstance(name, (str, int)) for name in names):
            return {i: str(name) for i, name in enumerate(names)}
    places = getattr(data, "class_to_idx", None)
    if isinstance(places, Mapping):
        return {int(i): str(name) for name, i in places.items()}
    features = getattr(data, "features", None)
    label = features.get("label") if isinstance(features, Mapping) else None
    return {i: str(name) for i, name in enumerate(getattr(label, "names", None) or ())}


def captions(target: Any, size: int, names: Mapping[int, str], count: int) -> tuple[str, ...]:
    """The first targets of a batch of this size in words; empty where there is none for each example."""
    if isinstance(target, Tensor):
        return _of_tensor(target, size, names, count)
    fields = fields_of(target)
    if fields is not None:
        told = [(key, captions(value, size, names, count)) for key, value in fields.items()]
        return _joined([(f"{key} ", words) for key, words in told if words])
    if isinstance(target, (tuple, list)):
        if len(target) == size and all(isinstance(item, (str, int, float)) for item in target):
            return tuple(_short(str(item)) for item in target[:count])
        if len(target) == size and all(fields_of(item) is not None for item in target):
            return tuple(_of_detection(fields_of(item) or {}, names) for item in target[:count])
        return _joined([("", words) for item in target if (words := captions(item, size, names, count))])
    return ()


def _joined(parts: Sequence[tuple[str, tuple[str, ...]]]) -> tuple[str, ...]:
    if not parts:
        return ()
    return tuple(
        " · ".join(f"{key}{word}" for (key, _), word in zip(parts, row, strict=True))
        for row in zip(*(w for _, w in parts), strict=False)
    )


def _of_tensor(target: Tensor, size: int, names: Mapping[int, str], count: int) -> tuple[str, ...]:
    if target.ndim == 0 or len(target) != size or target.is_complex():
        return ()
    values = target.detach().cpu()
    rows = values[:count].reshape(min(count, size), -1)
    if values.numel() == size:
        whole = not values.is_floating_point() or bool((values == values.round()).all())
        numbers = [row[0].item() for row in rows]
        return tuple(names.get(int(v), str(int(v))) if whole else number(float(v), 3) for v in numbers)
    if (target.ndim == 2 and values.is_floating_point() | (values.dtype is torch.bool)) or (target.ndim == 2 and names):
        yes_no = bool(((values == 0) | (values == 1)).all())
        if yes_no:
            on = [np.flatnonzero(row.numpy() > 0.5) for row in rows]
            return tuple(", ".join(names.get(int(k), str(k)) for k in row[:VALUES]) or "none" for row in on)
        if bool((values >= 0).all()) and bool(((values.float().sum(1) - 1).abs() < 1e-3).all()):
            return tuple(_shares(row, names) for row in rows)
    if target.ndim > 2 and rows.shape[1] > 16:
        return ()
    return tuple(_listed(row) for row in rows)


def _shares(row: Tensor, names: Mapping[int, str]) -> str:
    top = row.float().topk(min(2, len(row)))
    pairs = zip(top.values.tolist(), top.indices.tolist(), strict=True)
    return ", ".join(f"{names.get(k, str(k))} {p:.2f}" for p, k in pairs if p > 0.005)


def _listed(row: Tensor) -> str:
    told = [number(float(v), 3) if row.is_floating_point() else str(int(v)) for v in row[:VALUES]]
    return ", ".join(told) + (f", … ({len(row)} values)" if len(row) > VALUES else "")


def _of_detection(fields: Mapping[str, Any], names: Mapping[int, str]) -> str:
    labels = fields.get("labels", fields.get("class_labels"))
    if not isinstance(labels, Tensor):
        return ", ".join(
            f"{key} {_short(str(value))}" for key, value in fields.items() if isinstance(value, (str, int, float))
        )
    counts = Counter(int(i) for i in labels.detach().cpu().reshape(-1).tolist())
    told = [f"{count} × {names.get(i, f'class {i}')}" for i, count in sorted(counts.items())]
    return ", ".join(told) or "no object"


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
