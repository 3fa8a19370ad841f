"""Scans of one or more splits as what is shown of them: numbers of every axis, bars, the balance of the labels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..finding import number, percent
from ..pictures.inspection import Axis, Balance, Column, Inspection, Split
from .columns.axes import axes_of
from .columns.kinds import Kind
from .columns.steps import told_axis
from .counts.spilled import folder
from .counts.spread import Spread
from .plan import LISTED, ROWS
from .reading import Scan
from .writing import few_values, writings

#: bars of a histogram; labels that are listed; axes that are shown
BARS, LABELS, AXES = 24, 24, 64
#: share of the rows beyond either end of the bars
BEYOND = 0.005
#: whole numbers below this have bars of their own
EXACT = 2.0**52
Array = np.ndarray[Any, Any]


def inspection(scans: Sequence[Scan], names: Mapping[Any, str] | None = None) -> Inspection:
    """What is shown of these splits, the training split first; `names` are those of the classes."""
    first = scans[0]
    axes = [axis for column in first.plan.kinds for axis in _axes(scans, column)]
    left = len(axes) - AXES
    axes = sorted(axes, key=lambda axis: -axis.out)[:AXES] if left > 0 else axes
    notes = (f"the {AXES} axes whose furthest row lies furthest out are listed; {left} are not",) if left > 0 else ()
    return Inspection(
        splits=tuple(_split(scan) for scan in scans),
        columns=tuple(_column(first, name) for name in first.plan.kinds),
        axes=tuple(axes),
        balance=_balance(scans, names or first.source.names),
        writings=writings(first),
        notes=(*_late(scans), *_lacking(scans), *notes, *_spilled(scans)),
    )


def _late(scans: Sequence[Scan]) -> tuple[str, ...]:
    """Columns that were met too late to be read, by split."""
    notes = []
    for scan in scans:
        told = [f"`{name}` in {count} rows from row {first} on" for name, (count, first) in scan.part.late.items()]
        if told:
            notes.append(
                f"not read of `{scan.name}`, since the first {ROWS} rows say which columns there are: "
                f"{', '.join(told)}; put a row that has every column first"
            )
    return tuple(notes)


def _lacking(scans: Sequence[Scan]) -> tuple[str, ...]:
    """Columns that one split has and the other has not."""
    notes = []
    for one, other in ((a, b) for a in scans for b in scans if a is not b):
        alone = [f"`{name}`" for name in one.plan.kinds if name not in other.plan.kinds]
        if alone:
            told = ", ".join(alone[:LISTED]) + (", …" if len(alone) > LISTED else "")
            notes.append(f"`{one.name}` has {told}, and `{other.name}` has not")
    return tuple(notes)


def _spilled(scans: Sequence[Scan]) -> tuple[str, ...]:
    """What lies on the disk rather than in memory."""
    sizes = [f"{scan.part.copies.spilled / 1e6:.0f} MB of `{scan.name}`" for scan in scans if scan.part.copies.spilled]
    if not sizes:
        return ()
    told = "hashes by which copies are told lie in a temporary file without a name, which goes with this result"
    return (f"{told}: {' and '.join(sizes)}, in {folder()}",)


def _split(scan: Scan) -> Split:
    part = scan.part
    raised = f"row {part.named[0].row}: {part.named[0].told}" if part.named else ""
    return Split(scan.name, scan.extent, scan.rows, part.unread, raised, part.copies.repeated)


def _column(scan: Scan, name: str) -> Column:
    kind, values = scan.plan.kinds[name], scan.part.sample.block().columns.get(name)
    if name in scan.plan.dates and kind is Kind.NUMBER:
        return Column(name, "dates", name == scan.plan.label)
    told = str(kind)
    if isinstance(values, np.ndarray):
        shape = values.shape[1:]
        told += f", {' × '.join(map(str, shape))} of {values.dtype}" if shape else f", {values.dtype}"
    elif values and isinstance(values[0], np.ndarray):
        told += f", of different shapes, {values[0].dtype}"
    if kind is Kind.SEQUENCE and values is not None:
        told += told_axis(values)
    if values is not None and len(values) and name != scan.plan.label:
        told += few_values(kind, values)
    return Column(name, told, name == scan.plan.label)


def _axes(scans: Sequence[Scan], column: str) -> list[Axis]:
    if any(column not in scan.part.spreads for scan in scans[:1]):
        return []
    own = [scan.part.spreads.get(column) for scan in scans]
    spreads = [s if s is not None and own[0] is not None and s.names == own[0].names else None for s in own]
    tables = [
        _sampled(scan, column) if spread is not None else None for scan, spread in zip(scans, spreads, strict=True)
    ]
    assert spreads[0] is not None
    alone = len(scans[0].plan.inputs) == 1
    found = []
    for k, name in enumerate(spreads[0].names):
        values = [np.empty(0) if table is None else _finite(table[:, k]) for table in tables]
        if not len(values[0]):
            continue
        edges = _edges(values)
        found.append(
            Axis(
                name.removeprefix(f"{column}: ") if alone else name,
                mean=tuple(None if s is None else float(s.mean[k]) for s in spreads),
                deviation=tuple(None if s is None else float(s.deviation[k]) for s in spreads),
                low=tuple(None if s is None or not s.low.size else float(s.low[k, 0]) for s in spreads),
                high=tuple(None if s is None or not s.high.size else float(s.high[k, 0]) for s in spreads),
                missing=tuple(0 if s is None else int(s.missing[k] + s.infinite[k]) for s in spreads),
                quantiles=tuple(np.quantile(values[0], (0.05, 0.5, 0.95)).tolist()),
                edges=edges,
                shares=np.stack([_shares(some, edges) for some in values]),
                outermost=_outermost(spreads[0], k),
                dated=column in scans[0].plan.dates,
            )
        )
    return found


def _sampled(scan: Scan, column: str) -> Array | None:
    values = scan.part.sample.block().columns.get(column)
    return None if values is None else axes_of(column, scan.plan.kinds[column], values)[1]


def _finite(values: Array) -> Array:
    plain = values.astype(np.float64)
    return plain[np.isfinite(plain)]


def _edges(values: Sequence[Array]) -> Array:
    """Equal bars over what nearly all rows lie in; one for each where there are few whole numbers."""
    both = np.concatenate(list(values))
    levels = np.unique(both) if len(both) < 1 << 20 else both
    few = len(levels) <= BARS and levels[-1] - levels[0] < BARS and np.abs(levels).max() < EXACT
    if few and bool((levels == np.floor(levels)).all()):
        return np.arange(levels[0] - 0.5, levels[-1] + 1.0)
    low, high = np.quantile(both, (BEYOND, 1 - BEYOND))
    return np.linspace(low, high if high > low else low + max(1.0, abs(low) / EXACT**0.5), BARS + 1)


def _shares(values: Array, edges: Array) -> Array:
    counts = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]
    return np.asarray(counts / max(len(values), 1))


def _outermost(spread: Spread, k: int) -> tuple[tuple[float, int], ...]:
    """(deviations, row) of the least and greatest values, the furthest first."""
    deviation = float(spread.deviation[k])
    if not deviation > 0:
        return ()
    rows = dict(zip(spread.low_rows[k].tolist(), spread.low[k].tolist(), strict=True))
    rows |= dict(zip(spread.high_rows[k].tolist(), spread.high[k].tolist(), strict=True))
    gaps = ((abs(value - float(spread.mean[k])) / deviation, row) for row, value in rows.items() if row >= 0)
    return tuple(sorted(((gap, row) for gap, row in gaps if math.isfinite(gap)), key=lambda one: (-one[0], one[1])))


def _balance(scans: Sequence[Scan], names: Mapping[Any, str]) -> Balance | None:
    labels = [scan.part.labels for scan in scans]
    first = labels[0]
    if first is None or first.kind not in (Kind.CLASS, Kind.FLAGS) or not first.counts:
        return None
    numbered = all(isinstance(key, int) for key in first.counts)
    order: list[Any] = sorted(first.counts, key=_whole) if numbered else [key for key, _ in first.counts.most_common()]
    others: set[Any] = {key for other in labels[1:] if other is not None for key in other.counts} - set(order)
    order += sorted(others, key=str)
    if len(order) > LABELS:
        order = sorted(order, key=lambda key: -first.counts.get(key, 0))
    shown = order[:LABELS]
    counts = np.array([[0 if some is None else some.counts.get(key, 0) for key in shown] for some in labels])
    told = tuple(str(names.get(key, key)) for key in shown)
    return Balance(told, counts, len(order) - len(shown), _guess(first, names))


def _whole(key: Any) -> int:
    return int(key)


def _guess(labels: Any, names: Mapping[Any, str]) -> str:
    if labels.kind is Kind.FLAGS:
        return ""
    name, share = labels.majority
    return (
        f"always answering `{names.get(name, name)}` is right in {percent(share)} of the rows; answering with the "
        f"frequencies of the classes gives a cross-entropy of {number(labels.entropy)}"
    )
