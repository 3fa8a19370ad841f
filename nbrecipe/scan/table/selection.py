"""The rows that are asked for, in the order that is asked for, and how a column is distributed among them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...batches import BadInput
from ...pictures.dates import DAYS, day_of, moment_of
from .columns import Array, Column, Table, plain
from .expression import matching, numbers

#: bars of a histogram, and names that have one of their own
BARS, NAMED = 24, 24
#: column that says which predictions are wrong
WRONG = "wrong"


@dataclass(frozen=True)
class Ask:
    """What is asked for: a filter, words to be found, the column or expression to sort by."""

    filter: str = ""
    search: str = ""
    sort: str = ""
    descending: bool = False
    wrong: bool = False

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Ask:
        """Out of what a page sends."""
        texts = {name: str(given.get(name) or "").strip() for name in ("filter", "search", "sort")}
        return cls(**texts, descending=bool(given.get("descending")), wrong=bool(given.get("wrong")))


def line_for(name: str, rows: Sequence[int]) -> str:
    """The line that browses these rows of a data set; "" where its name is no single word."""
    if not re.fullmatch(r"[\w./\[\]]+", name):
        return ""
    asked = f"row == {rows[0]}" if len(rows) == 1 else f"row in ({', '.join(map(str, rows))})"
    return f'%browse {name} --filter "{asked}"'


def selected(table: Table, ask: Ask) -> Array:
    """Places of the rows, in order; those without a value to sort by come last. Raises BadInput, in one sentence."""
    keep = np.ones(len(table), np.bool_)
    if ask.filter:
        keep &= matching(table, ask.filter)
    if ask.wrong:
        if WRONG not in table.columns:
            raise BadInput("no prediction is known to be wrong: give a classifier (`--model net`)")
        keep &= table.columns[WRONG].values == 1
    if ask.search:
        keep &= _found(table, ask.search)
    places = np.flatnonzero(keep)
    if not ask.sort:
        return places[::-1] if ask.descending else places
    column = next((each for name, each in table.columns.items() if ask.sort in (name, plain(name))), None)
    values = numbers(table, ask.sort if column is None else f"`{column.name}`")[places]
    return np.asarray(places[np.argsort(-values if ask.descending else values, kind="stable")])


def _found(table: Table, words: str) -> Array:
    """Rows in whose texts, or names of classes, the words stand, in whatever case."""
    wanted = words.casefold()
    found = np.zeros(len(table), np.bool_)
    for texts in table.texts.values():
        found[: len(texts)] |= np.fromiter((wanted in text.casefold() for text in texts), np.bool_, len(texts))
    for column in table.columns.values():
        named = [key for key, word in column.words.items() if wanted in word.casefold()]
        found |= np.isin(column.values, named) if named else False
    for row, tags in table.tags.items():
        if any(wanted in tag.casefold() for tag in tags):
            found[table.place(row)] = True
    return found


def histogram(table: Table, name: str, places: Array) -> dict[str, Any]:
    """Bars of a column: names or edges, counts among these rows and among all. Raises BadInput for an unknown one."""
    column = table.columns.get(name)
    if column is None:
        raise BadInput(f"there is no column `{name}`")
    some, whole = _finite(column.values[places]), _finite(column.values)
    missing = len(places) - len(some)
    if column.named or column.yes_no:
        return {**_names(column, some, whole), "missing": missing}
    edges = _edges(whole)
    counts, every = (np.histogram(np.clip(v, edges[0], edges[-1]), edges)[0].tolist() for v in (some, whole))
    told = ""
    if len(some):
        ends = [float(v) for v in (some.min(), np.median(some), some.max())]
        words = [moment_of(v) if column.dated else f"{v:.4g}" for v in ends]
        told = "least {}, median {}, greatest {}".format(*words)
    bars = {"edges": edges.tolist(), "counts": counts, "every": every, "missing": missing, "told": told}
    span = DAYS * float(edges[-1] - edges[0])
    return {**bars, "days": [day_of(edge, span) for edge in edges.tolist()]} if column.dated else bars


def _names(column: Column, some: Array, whole: Array) -> dict[str, Any]:
    levels, every = np.unique(whole, return_counts=True)
    if len(levels) > NAMED:
        chosen = np.sort(np.argsort(-every, kind="stable")[:NAMED])
        left, levels, every = len(levels) - NAMED, levels[chosen], every[chosen]
    else:
        left = 0
    counts = [int((some == level).sum()) for level in levels]
    words = [("no", "yes")[int(v)] if column.yes_no else column.word(float(v)) for v in levels]
    told = f"{left} more are not drawn" if left else ""
    return {"names": words, "counts": counts, "every": every.tolist(), "told": told}


def _edges(values: Array) -> Array:
    """Equal bars over all but the outermost 0.5 %, which stand in the outer bars; one for each of few whole numbers."""
    if not len(values):
        return np.array([0.0, 1.0])
    low, high = (float(v) for v in np.quantile(values, (0.005, 0.995)))
    ends = float(values.min()), float(values.max())
    if ends[1] - ends[0] < BARS and bool((values == np.floor(values)).all()):
        return np.arange(ends[0] - 0.5, ends[1] + 1.0)
    low, high = (low, high) if high > low else ends
    return np.linspace(low, high if high > low else low + 1.0, BARS + 1)


def _finite(values: Array) -> Array:
    there: Array = values[np.isfinite(values)].astype(np.float64)
    return there
