"""Rows of ids as they go into a model, decoded: those of a batch, or those that a data set holds already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...batches import BadInput
from ...batches.structure import fields_of
from ...bench import Bench
from ...decoding.fed_ids import reading_of_ids
from ...decoding.worded import captions, class_names
from ...pictures.tokens import CUT, IGNORED, Line, Reading
from ...probes.batch.fed import fed, named_tensors
from ...scan.sources.source import Source
from ...scan.text.id_reading import MASK, id_column
from ...tokens import Tokenizer

#: rows that are shown
ROWS = 200
#: words in the names of tensors that are no ids, of masks that are true where there is padding, and of targets
NO_IDS = ("mask", "type", "position", "segment", "pixel")
INVERTED = ("padding_mask", "pad_mask")
TARGETS = ("labels", "label", "target", "targets", "y", "lm_labels", "decoder_labels")


@dataclass
class Given:
    """The ids of a batch: (B, T) each, with the mask of each where there is one, and the targets."""

    ids: dict[str, np.ndarray]
    masks: dict[str, np.ndarray] = field(default_factory=dict)
    labels: np.ndarray | None = None
    #: what the targets are called, and what stands beside each row
    called: str = "labels"
    captions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def of_bench(bench: Bench) -> Given:
    """The ids of the bench's batch: as the model is called with them where there is one, else as the loader gives them.

    Raises BadInput where no tensor of it can be ids.
    """
    with bench.untouched():
        if bench.model is None:
            return _as_given(bench, "with `--model` they are taken at the moment of `model(x)`")
        try:
            return _as_fed(bench)
        except BadInput as error:
            return _as_given(bench, str(error))


def _as_given(bench: Bench, why: str) -> Given:
    given = _of(dict(_parts(bench.get("batch"))), None)
    given.notes = (f"these are exactly the ids, as the loader gives them; {why}",)
    return given


def _as_fed(bench: Bench) -> Given:
    seen = bench.once(fed)
    target = seen.target if isinstance(seen.target, Tensor) else None
    given = _of(dict(seen.tensors()), target)
    if target is not None and given.labels is None:
        given.captions = captions(target, len(next(iter(given.ids.values()))), class_names(bench), ROWS)
    told = seen.unseen or f"taken at the moment of `{bench.name('model')}(x)`"
    given.notes = (f"these are exactly the ids, {told}",)
    if seen.failed:
        given.notes += (f"the model fails on them: {seen.failed}",)
    return given


def _parts(batch: Any) -> Iterable[tuple[str, Tensor]]:
    fields = fields_of(batch)
    if fields is not None:
        for key, value in fields.items():
            yield from named_tensors(str(key), value)
    elif isinstance(batch, (tuple, list)) and len(batch) == 2:
        for name, value in zip(("inputs", "target"), batch, strict=True):
            parts = fields_of(value)
            yield from _parts(value) if parts is not None else named_tensors(name, value)
    else:
        yield from named_tensors("batch", batch)


def _of(tensors: Mapping[str, Tensor], target: Tensor | None) -> Given:
    whole = {name: _rows(tensor) for name, tensor in tensors.items() if _is_whole(tensor)}
    masks = {name: values for name, values in whole.items() if "mask" in name.lower()}
    named = {name: values for name, values in whole.items() if not any(word in name.lower() for word in NO_IDS)}
    goals = {name: values for name, values in named.items() if _last(name) in TARGETS}
    ids = {name: values for name, values in named.items() if name not in goals and values.shape[1] > 1}
    if not ids and len(named) == 1 and not goals:  # a single row
        ids = {name: values.reshape(1, -1) for name, values in named.items()}
    if not goals and target is not None and _is_whole(target):
        goals = {"target": _rows(target)}
    if not ids:
        told = ", ".join(
            f"`{name}` {tuple(t.shape)} of {str(t.dtype).removeprefix('torch.')}" for name, t in tensors.items()
        )
        raise BadInput(
            f"no tensor of this batch can be ids, whole numbers of shape (rows, tokens): {told or 'it has none'}"
        )
    first = next(iter(ids.values()))
    labels = next(((name, values) for name, values in goals.items() if values.shape == first.shape), None)
    own = {name: _mask(name, values, masks) for name, values in ids.items()}
    known = {name: mask for name, mask in own.items() if mask is not None}
    alone = [values[:, 0] for values in goals.values() if values.shape[1] == 1 and len(values) == len(first)]
    beside = tuple(map(str, alone[0].tolist())) if alone else ()
    return Given(ids, known, labels[1] if labels else None, _last(labels[0]) if labels else "", beside)


def _is_whole(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() and not tensor.is_complex() and 0 < tensor.ndim < 4 and tensor.numel() > 0


def _rows(tensor: Tensor) -> np.ndarray:
    plain = tensor.detach().to("cpu", torch.int64)
    rows = plain.reshape(-1, plain.shape[-1]) if plain.ndim > 1 else plain.reshape(-1, 1)
    return np.asarray(rows.numpy())


def _last(name: str) -> str:
    """`batch["labels"]` → `labels`."""
    return name.rpartition("[")[2].strip("]\"'").rpartition(".")[2].lower()


def _mask(name: str, ids: np.ndarray, masks: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """(B, T) of bool: the mask that belongs to these ids, by name or else by shape."""
    fits = {
        other: values for other, values in masks.items() if values.shape == ids.shape and np.isin(values, (0, 1)).all()
    }
    prefix = name.lower().rpartition("input_ids")[0]
    own = [other for other in fits if other.lower().startswith(prefix) and ("decoder" in other) == ("decoder" in name)]
    if not own:
        return None
    found = fits[own[0]].astype(bool)
    return ~found if any(word in own[0].lower() for word in INVERTED) else found


def of_source(source: Source) -> Given:
    """The first rows of a data set that are ids already; raises BadInput where none are."""
    column = id_column(source)
    rows: list[np.ndarray] = []
    others: dict[str, list[Any]] = {}
    for block in source.blocks(0, ROWS):
        rows += [np.asarray(row, np.int64).reshape(-1) for row in block.columns.get(column, [])]
        for name, values in block.columns.items():
            others.setdefault(name, []).extend(values)
    masks = _beside(others.get(MASK), rows)
    goal = next((name for name in others if name.lower() in TARGETS and _beside(others[name], rows) is not None), "")
    labels = _beside(others.get(goal), rows)
    return Given({column: _ragged(rows)}, {} if masks is None else {column: _ragged(masks, bool)},
                 None if labels is None else _ragged(labels), goal,
                 notes=(f"the first rows of `{source.name}`, as they stand there",))  # fmt: skip


def _beside(values: list[Any] | None, rows: list[np.ndarray]) -> list[np.ndarray] | None:
    """A column with a number for each id of each row; None for any other."""
    if values is None or len(values) != len(rows) or not all(np.ndim(value) for value in values):
        return None
    found = [np.asarray(value).reshape(-1) for value in values]
    return found if all(len(one) == len(row) for one, row in zip(found, rows, strict=True)) else None


def _ragged(rows: list[np.ndarray], kind: type = np.int64) -> np.ndarray:
    """Rows of any lengths as one array of arrays."""
    made = np.empty(len(rows), object)
    for k, row in enumerate(rows):
        made[k] = row.astype(kind)
    return made


def lines(given: Given, tokenizer: Tokenizer, limit: int | None = None) -> list[Line]:
    """A line for each row: its ids, and its targets where there is one for each; those from `limit` on are cut off."""
    names = list(given.ids)
    found = []
    for k in range(min(ROWS, len(given.ids[names[0]]))):
        labels = None if given.labels is None else given.labels[k]
        readings: list[Reading] = []
        for name in names:
            mask = given.masks[name][k] if name in given.masks else None
            own = labels if name == names[0] else None
            readings.append(_cut(reading_of_ids(tokenizer, given.ids[name][k], mask, own), limit))
        if labels is not None:
            readings.append(_cut(reading_of_ids(tokenizer, labels), limit))
        caption = given.captions[k] if k < len(given.captions) else ""
        found.append(Line(f"row {k}", tuple(readings), caption=caption, lost=_lost(labels, limit)))
    return found


def _cut(made: Reading, limit: int | None) -> Reading:
    if limit is None or len(made.ids) <= limit:
        return made
    return replace(made, marks=made.marks | np.where(np.arange(len(made.ids)) >= limit, CUT, 0).astype(np.uint16))


def _lost(labels: np.ndarray | None, limit: int | None) -> str:
    """What of the targets is not there, or is cut off."""
    if labels is None:
        return ""
    places = np.flatnonzero(labels != IGNORED)
    if not len(places):
        return "no target counts in this row"
    cut = limit is not None and places >= limit
    return "every target is cut off" if np.all(cut) else "part of the targets is cut off" if np.any(cut) else ""
