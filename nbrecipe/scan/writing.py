"""What is told of texts and values: words, habits of writing and what to do about them, values far from all others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..finding import number
from ..pictures.inspection import Habit, Writing
from .columns.axes import axes_of
from .columns.block import Values
from .columns.kinds import Kind
from .counts.words import Words
from .reading import Scan

#: what to do about a habit, before a model reads the texts
ADVICE = {
    "empty": "leave them out, or find out why they are",
    "URLs": "put one word in their place",
    "HTML tags": "take the tags out",
    "HTML entities": "turn them into letters: `html.unescape`",
    "capitals only": "lower-case them, unless shouting tells something",
    "space at an end": "strip them",
    "repeated spaces": "make one of several",
    "invisible or broken letters": "read the file in its own encoding",
    "letters beyond ASCII": "see that the tokenizer keeps them",
}
#: words and values that are named; values up to which a column has few, and rows from which that says something
NAMED, FEW, ROWS = 5, 20, 50
#: share of the rows from which on a value far from all others is told of, its rows at least, and values besides it
SHARE, LEAST, BESIDES = 0.005, 10, 10
#: gap to the next value, in standard deviations of all other rows
APART = 1.0
Array = np.ndarray[Any, Any]


def writings(scan: Scan) -> tuple[Writing, ...]:
    """The words of each column of texts, and their habits, the most frequent first."""
    told = []
    for name, words in scan.part.words.items():
        values = scan.part.sample.block().columns.get(name)
        if not words.rows or (values is not None and "`" in few_values(Kind.TEXT, values)):  # names of something
            continue
        habits = tuple(
            Habit(habit, count, count / words.rows, tuple(words.named[habit]), ADVICE[habit])
            for habit, count in words.habits.most_common()
        )
        told.append(Writing(name, _vocabulary(words), habits))
    return tuple(told)


def _vocabulary(words: Words) -> str:
    if not words.words:
        return "no words"
    distinct = words.distinct
    about = "" if distinct < 1000 else "about "
    most = ", ".join(f"`{word}` {count / words.words:.1%}" for word, count in words.most(NAMED))
    return f"{words.words} words, {about}{_rounded(distinct)} different" + (f"; most often {most}" if most else "")


def _rounded(count: float) -> str:
    return str(round(count)) if count < 1000 else str(round(count, 2 - int(math.log10(count)))).removesuffix(".0")


def few_values(kind: Kind, values: Values) -> str:
    """ ", 3 different: `red` 50 %, ..." where a column has few values; read off the sample."""
    if kind not in (Kind.NUMBER, Kind.TEXT) or len(values) < ROWS or np.ndim(values[0]):
        return ""
    plain = [value for value in _plain(values) if isinstance(value, (str, int, float)) and value == value]
    counts: dict[Any, int] = {}
    for value in plain:
        counts[value] = counts.get(value, 0) + 1
        if len(counts) > FEW:
            return ", all different" if len(set(plain)) == len(values) and kind is Kind.TEXT else ""
    most = sorted(counts.items(), key=lambda one: -one[1])[:NAMED]
    told = ", ".join(f"`{_brief(value)}` {count / len(values):.0%}" for value, count in most)
    return f", {len(counts)} different: {told}{', …' if len(counts) > NAMED else ''}" if counts else ""


def _plain(values: Values) -> list[Any]:
    return values.tolist() if isinstance(values, np.ndarray) else values


def _brief(value: Any) -> str:
    text = number(value) if isinstance(value, float) else str(value)
    return text if len(text) <= 24 else text[:23] + "…"


def fills(scan: Scan) -> tuple[str, ...]:
    """Values of numeric columns that stand often, and far from all others: what is missing may be told by them."""
    block = scan.part.sample.block()
    told = []
    for name, kind in scan.plan.kinds.items():
        values = block.columns.get(name)
        if values is None or kind not in (Kind.NUMBER, Kind.TABLE):
            continue
        names, table = axes_of(name, kind, values)
        for axis, column in zip(names, table.T, strict=True):
            found = _fill(np.asarray(column, dtype=np.float64))
            if found is not None:
                rows = block.rows[column == found[0]]
                first = ", ".join(f"row {row}" for row in rows[:3].tolist())
                told.append(
                    f"`{axis}` is {found[0]:g} in {found[1]:.1%} of the rows ({first}), far from all other "
                    "values: does it stand for what is missing?"
                )
    return tuple(told)


def _fill(column: Array) -> tuple[float, float] | None:
    """The least or greatest value and its share, where it stands often and alone."""
    there = column[np.isfinite(column)]
    values, counts = np.unique(there, return_counts=True)
    if len(values) <= BESIDES:
        return None
    for end, beside in ((0, 1), (-1, -2)):
        share = counts[end] / len(column)
        if counts[end] < LEAST or share < SHARE or share > 0.5:
            continue
        others = there[there != values[end]]
        deviation = float(others.std())
        if deviation > 0 and math.isfinite(deviation) and abs(values[end] - values[beside]) > APART * deviation:
            return float(values[end]), float(share)
    return None
