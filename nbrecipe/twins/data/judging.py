"""What a model makes of every row that is browsed, and the training rows that are nearest to one of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, default_collate

from ...batches import BadInput
from ...bench import Bench, Missing
from ...experiments.simple.features import features_of
from ...experiments.simple.neighbours import nearest
from ...guard import Untouched
from ...pictures.browse import Near
from ...probes.data.cards import Cards
from ...probes.data.judged import Judged, judged
from ...probes.passes.signal import evaluating
from ...scan import held
from ...scan.columns.block import packed
from ...scan.sources.arrays import Arrays
from ...scan.sources.kept import Kept
from ...scan.sources.opening import open_source
from ...scan.sources.source import Source
from ...scan.table.columns import Column, Table
from ...scan.table.selection import WRONG
from .browsing import LOSS, PREDICTION

#: examples that are judged at once where no loader says how many
SIZE = 256
#: training rows among which the nearest are looked for, seconds that reading them may take, and how many are shown
AMONG, SECONDS, NEAR = 2000, 3.0, 3


def judge(bench: Bench, table: Table, data: Any, names: Mapping[int, str], seen: Callable[[int], None]) -> None:
    """Add losses, predictions and mistakes of the bench's model, in eval mode, to the columns of a table.

    An interrupt keeps what was judged. Everything of the user's is afterwards as it was. Raises BadInput where the
    model cannot be run on these rows, or says nothing of single ones.
    """
    model: nn.Module = bench.get("model")
    found: dict[str, np.ndarray[Any, Any]] = {}
    classes, done, stopped = False, 0, False
    with Untouched([data, *bench.owned]), evaluating(model):
        try:
            for places, batch in _batches(bench, table, data):
                one = judged(model, batch, bench.loss_fn)
                classes = classes or one.classes
                _keep(found, one, places, len(table))
                done = int(places[-1]) + 1
                seen(done)
        except KeyboardInterrupt:
            stopped = True
    name = bench.name("model")
    if not found and not stopped:
        raise BadInput(
            f"neither losses nor predictions of single rows can be told of `{name}`; give `--loss criterion`"
        )
    for column, values in found.items():
        words = names if column == PREDICTION and classes else {}
        table.add(Column(column, values, words, named=column == PREDICTION and classes, yes_no=column == WRONG))
    table.notes.append(_told(name, found, len(table)))
    if stopped:
        table.notes.append(f"interrupted: `{name}` has judged the first {done} rows")


def _told(name: str, found: Mapping[str, np.ndarray[Any, Any]], rows: int) -> str:
    told = [f"`{name}`, in eval mode"]
    if WRONG in found:
        known = np.isfinite(found[WRONG])
        told.append(f"{int(np.nansum(found[WRONG]))} of {int(known.sum())} rows wrong")
    if LOSS in found:
        told.append(f"mean loss {float(np.nanmean(found[LOSS])):.4g}" if np.isfinite(found[LOSS]).any() else "no loss")
    return ": ".join([told[0], ", ".join(told[1:])]) if told[1:] else told[0]


def _keep(found: dict[str, np.ndarray[Any, Any]], one: Judged, places: np.ndarray[Any, Any], rows: int) -> None:
    for name, values in ((PREDICTION, one.prediction), (LOSS, one.loss), (WRONG, one.wrong)):
        if values is not None:
            found.setdefault(name, np.full(rows, np.nan, np.float32))[places] = values


def _batches(bench: Bench, table: Table, data: Any) -> Iterator[tuple[np.ndarray[Any, Any], Any]]:
    """Places of rows, and the batch that a loader would make of them; rows that cannot be read are left out."""
    loader = _loader(bench, data)
    stacked = isinstance(table.source, Arrays) and isinstance(data, (tuple, list, dict, np.ndarray, Tensor))
    if loader is None and not stacked and not _gives_examples(table.source, data):
        kind = type(data).__name__
        raise BadInput(
            f"a model is run on what a Dataset or a DataLoader gives; `{table.source.name}` is of type {kind}"
        )
    size = (loader.batch_size if loader is not None else None) or SIZE
    whole = loader.dataset if loader is not None else data
    collate = loader.collate_fn if loader is not None else default_collate
    good = np.flatnonzero(~np.isin(table.rows, np.fromiter(table.unread, np.int64, len(table.unread))))
    for low in range(0, len(good), size):
        places = good[low : low + size]
        rows = table.rows[places].tolist()
        yield places, _stacked(table.source, rows, data) if stacked else collate([whole[row] for row in rows])


def _loader(bench: Bench, data: Any) -> DataLoader[Any] | None:
    """The loader that reads these data; it knows how batches of them are made."""
    for loader in (data, bench.train_loader, bench.val_loader):
        if isinstance(loader, DataLoader) and (loader is data or loader.dataset is data):
            return loader
    return None


def _gives_examples(source: Source, data: Any) -> bool:
    """Whether rows by number are examples as a loader would take them; those of paths, frames and streams are not."""
    by_number = hasattr(data, "__getitem__") and not isinstance(data, (str, bytes, dict))
    return by_number and not isinstance(source, Kept) and not hasattr(data, "columns")


def _stacked(source: Source, rows: Sequence[int], data: Any) -> Any:
    """A batch of arrays, as tensors; floats as the model's own are most often."""
    (block,) = source.blocks(rows[0], rows[-1] + 1) if rows[-1] - rows[0] < len(rows) else (None,)
    columns = block.columns if block is not None else _by_row(source, rows)
    tensors = {name: torch.as_tensor(np.asarray(values)) for name, values in columns.items()}
    made = {name: each.float() if each.dtype is torch.float64 else each for name, each in tensors.items()}
    return made if isinstance(data, dict) else tuple(made.values()) if len(made) > 1 else next(iter(made.values()))


def _by_row(source: Source, rows: Sequence[int]) -> dict[str, Any]:
    examples = [source.example(row) for row in rows]
    return {name: packed([example[name] for example in examples]) for name in examples[0]}


class Nearest:
    """The training rows that are nearest to an example, by simple features of the inputs; read when first asked."""

    def __init__(self, bench: Bench, table: Table, cards: Cards, data: Any) -> None:
        self._table, self._cards, self._same = table, cards, True
        self._source, self._things = table.source, [data]
        self._rows: list[int] = []
        self._examples: list[dict[str, Any]] = []
        try:
            train, name = held.given_data(bench, "train")
        except Missing:
            return
        if getattr(train, "dataset", train) is not getattr(data, "dataset", data):
            self._source, self._same, self._things = open_source(train, name), False, [train]

    def __call__(self, row: int, example: Mapping[str, Any]) -> Near | None:
        """The nearest ones; None where the inputs have no simple features."""
        with Untouched(self._things):
            self._read()
        kinds = self._table.plan.inputs
        there = [i for i, other in enumerate(self._rows) if not (self._same and other == row)]
        among = [self._examples[i] for i in there]
        if not among:
            return None
        try:
            columns = {name: packed([one[name] for one in (*among, example)]) for name in kinds}
            features = features_of(columns, kinds)
        except (BadInput, KeyError, ValueError):
            return None
        places, _ = nearest(features[-1:], features[:-1], near=NEAR)
        cards = [self._cards.card(self._rows[there[i]], among[i]) for i in places[0].tolist()]
        told = f"the nearest of {len(among)} rows of {self._source.name}, by simple features of the inputs:"
        return Near(told, tuple(cards))

    def _read(self) -> None:
        if self._rows:
            return
        length = self._source.length or 0
        order = np.random.default_rng(0).permutation(length)[:AMONG]
        start = time.monotonic()
        for row in order.tolist():
            try:
                self._examples.append(self._source.example(row))
                self._rows.append(row)
            except Exception:  # what raises is near nothing
                continue
            if time.monotonic() - start > SECONDS:
                break
