"""`inspect_data`, the Python twin of `%inspect_data`: the data read once, in numbers, examples and findings."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from ... import verbs
from ...batches import BadInput
from ...bench import Bench
from ...decoding.examples import views
from ...decoding.normalisation import scale_of
from ...decoding.spelled import Speller
from ...decoding.worded import class_names
from ...experiments.simple.given import given_rows
from ...experiments.simple.resolution import resolution
from ...guard import Untouched
from ...pictures.batch import View
from ...pictures.dates import moment_of
from ...pictures.inspection import Inspection
from ...registry import all_checks
from ...render.data import inspection as drawn
from ...scan import held
from ...scan.cluster import connected, scan_on
from ...scan.columns.block import Values, packed
from ...scan.columns.kinds import Kind
from ...scan.counts.sample import places
from ...scan.memory import give_back
from ...scan.reading import ERRORS, Scan, scan
from ...scan.seen import inspection
from ...scan.sources.opening import open_source
from ...verbs import Shown
from .behind import looks

UNCHANGED = "your data are as they were"
#: examples that are shown: drawn at random, and those furthest out
DRAWN, OUTERMOST = 12, 8
#: bytes of an image that is large
LARGE = 1 << 20
#: deviations from the mean from which on a row is shown as lying out; of a normal distribution 1 in 400 does
FAR = 3.0
#: what is called after each block with the split's name, the rows read and the rows in all, where that is known
Progress = Callable[[str, int, int | None], None]


@dataclass
class Inspected(Shown):
    """What stands in the data, and what was found of it; `scans` holds the counts themselves."""

    shown: Inspection = field(default_factory=lambda: Inspection((), (), ()), repr=False)
    scans: tuple[Scan, ...] = field(default=(), repr=False, compare=False)
    _picture: bytes | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return drawn.text_of(self, self.shown)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return drawn.html_of(self, self.shown, self.picture())

    def picture(self) -> bytes | None:
        """Labels and axes as bars, in one still picture; None where there is nothing to draw."""
        if self._picture is None:
            self._picture = drawn.png(self.shown)
        return self._picture


def inspect_data(
    train: Any = None,
    val: Any = None,
    *,
    labels: Any = None,
    columns: str | Sequence[str] = (),
    pred_probs: Any = None,
    rows: int | None = None,
    max_errors: int = ERRORS,
    on: str = "",
    names: Mapping[str, str] | None = None,
    **given: Any,
) -> Inspected:
    """Read the data once, from the first row to the last, and show what stands in them.

    `train` and `val` are data sets, loaders, arrays, frames or paths; without them, what is bound. `labels` is the name
    of the column that holds the label, or the training labels row by row. `columns` are the names of those that are
    read and judged ("age,income", or a list), the label's among them where it is wanted; all where none is named.
    `pred_probs` are probabilities of the classes for each training row, (rows, classes), from a model that has not seen
    its label; the labels are then judged by them. At most `rows` rows of each are read, and at
    most `max_errors` examples may fail. `on` is a cluster that reads them, "dask://HOST:PORT" or "ray://HOST:PORT".
    Takes what `bind` takes for the rest. Raises BadInput, in one sentence.
    """
    bench = verbs.bench_of(**given)
    bench = bench.replace(names={**bench.names, **(names or {})})
    chosen = [one.strip() for one in columns.split(",")] if isinstance(columns, str) and columns else columns
    return inspect_data_of(bench, train, val, labels=labels, columns=tuple(map(str, chosen)), pred_probs=pred_probs,
                           rows=rows, max_errors=max_errors, on=on)  # fmt: skip


def inspect_data_of(
    bench: Bench,
    train: Any = None,
    val: Any = None,
    *,
    labels: Any = None,
    columns: Sequence[str] = (),
    pred_probs: Any = None,
    rows: int | None = None,
    max_errors: int = ERRORS,
    on: str = "",
    progress: Progress = lambda name, rows, total: None,
) -> Inspected:
    """The same for a bench; what is given stands in for what it holds."""
    start = time.perf_counter()
    bench = _with(bench, train, val, pred_probs)
    scans: list[Scan] = []
    for split in ("train", "val"):
        read = _scanned(bench, split, labels, columns, progress, on, most=rows, max_errors=max_errors)
        if read is not None:
            bench.know(held.train_scan if split == "train" else held.val_scan, read)
            scans.append(read)
    if bench.pred_probs is not None:
        bench.once(given_rows)  # what is wrong with them is said at once
    with bench.untouched():
        shown = _seen(bench, scans)
    give_back()
    data = [check for check in all_checks().values() if check.chapter == "data"]
    checks = [check for check in data if check.cost != "instant" or check.rows]
    found = {result.id: result for result in verbs.SESSION.run(checks, bench)}
    with bench.untouched():
        shown = replace(shown, looks=looks(bench, found))
    told = " and ".join(f"`{read.name}`" for read in scans)
    note = "; ".join([*(f"`{s.name}` {s.stopped}: {s.extent}" for s in scans if s.stopped), UNCHANGED])
    seconds = time.perf_counter() - start
    return Inspected(f"Data: {told}", found, note=note, seconds=seconds, shown=shown, scans=tuple(scans))


def _with(bench: Bench, train: Any, val: Any, pred_probs: Any) -> Bench:
    """The bench with what was given as its data; BadInput where there are none."""
    changes: dict[str, Any] = {}
    for split, data in (("train", train), ("val", val)):
        if data is not None:
            changes |= {f"{split}_data": data, f"{split}_loader": None}
    if train is not None and val is None:  # another's validation data are none of these
        changes |= {"val_loader": None, "val_data": None}
    if train is not None or pred_probs is not None:  # nor are another's probabilities
        changes["pred_probs"] = pred_probs
    bench = bench.replace(**changes)
    if not _named(bench, "train"):
        raise BadInput("no data here: name them (`%inspect_data train_set`), or bind a loader (`%bind train=loader`)")
    return bench


def _named(bench: Bench, split: str) -> bool:
    return getattr(bench, f"{split}_loader") is not None or getattr(bench, f"{split}_data") is not None


def _scanned(
    bench: Bench, split: str, labels: Any, columns: Sequence[str], progress: Progress, on: str, **limits: Any
) -> Scan | None:
    if not _named(bench, split):
        return None
    data, name = held.given_data(bench, split)
    if split == "val" and not isinstance(labels, str):  # rows of labels are those of the training data
        labels = None
    with Untouched([data]):
        source = open_source(data, name, label=labels, columns=columns)
        read = partial(scan_on, connected(on)) if on else scan
        return read(source, seen=lambda count: progress(name, count, source.length), **limits)


def _seen(bench: Bench, scans: list[Scan]) -> Inspection:
    shown = inspection(scans, class_names(bench))
    notes = (*shown.notes, *_resolution(scans[0]))
    give_back()
    return replace(shown, notes=notes, views=(*_drawn_at_random(bench, scans[0]), *_outermost(bench, scans[0], shown)))


def _resolution(read: Scan) -> tuple[str, ...]:
    """How small images may be, and whether position matters; nothing where that cannot be told."""
    try:
        return tuple(filter(None, resolution(read).told()))
    except BadInput:
        return ()


def _drawn_at_random(bench: Bench, read: Scan) -> tuple[View, ...]:
    block = read.part.sample.block()
    chosen = np.sort(np.argsort(places(block.rows))[:DRAWN])
    columns = {name: _beside([values[i] for i in chosen]) for name, values in block.columns.items()}
    rows = [f"row {row}" for row in block.rows[chosen].tolist()]
    return _views(bench, read, columns, "drawn at random", rows)


def _outermost(bench: Bench, read: Scan, shown: Inspection) -> tuple[View, ...]:
    """The rows that lie furthest out on some axis, each once, with the axis that says so."""
    ends = [(out, row, axis.name) for axis in shown.axes for out, row in axis.outermost if out >= FAR]
    furthest: dict[int, str] = {}
    for out, row, name in sorted(ends, key=lambda end: -end[0]):
        furthest.setdefault(row, f"row {row}: {name}, {out:.1f} std out")
    examples, told = [], []
    for row, words in list(furthest.items())[:OUTERMOST]:
        try:
            examples.append(read.source.example(row))
            told.append(words)
        except Exception:  # a stream cannot go back, and what raises is told elsewhere
            continue
    names = [name for name in read.plan.kinds if examples and all(name in example for example in examples)]
    columns = {name: _beside([example[name] for example in examples]) for name in names}
    return _views(bench, read, columns, "those that lie furthest out", told) if columns else ()


def _beside(values: list[Any]) -> Values:
    """Some values as a column; large images as they are, so that they stand in memory once."""
    large = all(isinstance(value, np.ndarray) and value.ndim == 3 and value.nbytes > LARGE for value in values)
    return values if large else packed(values)


def _views(bench: Bench, read: Scan, columns: dict[str, Any], told: str, notes: list[str]) -> tuple[View, ...]:
    kinds = {name: str(kind) for name, kind in read.plan.kinds.items()}
    for name in read.plan.dates & columns.keys():
        values = columns[name]
        if read.plan.kinds[name] is Kind.NUMBER and name != read.plan.label and np.asarray(values).dtype.kind == "f":
            kinds[name] = str(Kind.TEXT)
            columns[name] = [moment_of(year) or "missing" for year in np.asarray(values).reshape(-1).tolist()]
    known: dict[str, Any] = {"names": class_names(bench), "scale": scale_of(bench), "speller": Speller.of(bench)}
    return views(columns, kinds, read.plan.label, told=told, total=read.rows, notes=notes, **known)
