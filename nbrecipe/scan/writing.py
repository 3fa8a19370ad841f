"""What is told of texts and values: words, habits of writing and what to do about them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..finding import number, percent
from ..pictures.inspection import Habit, Writing
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
        told.append(Writing(name, _vocabulary(words), (*_misread(scan, name, words.rows), *habits)))
    return tuple(told)


def _misread(scan: Scan, name: str, rows: int) -> tuple[Habit, ...]:
    """The rows that were decoded wrongly, with the first of them as it was meant."""
    one = scan.part.garbled.get(name)
    if one is None or not one.count:
        return ()
    first = tuple(row for row, _, _ in one.first)
    _, raw, meant = one.first[0]
    advice = f"{raw!r} is {meant!r}: read the file as UTF-8, or turn them back: `ftfy.fix_text`"
    return (Habit("UTF-8 read as Latin-1", one.count, one.count / rows, first, advice),)


def _vocabulary(words: Words) -> str:
    if not words.words:
        return "no words"
    distinct = words.distinct
    about = "" if distinct < 1000 else "about "
    most = ", ".join(f"`{word}` {percent(count / words.words)}" for word, count in words.most(NAMED))
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
    told = ", ".join(f"`{_brief(value)}` {percent(count / len(values), 0)}" for value, count in most)
    return f", {len(counts)} different: {told}{', …' if len(counts) > NAMED else ''}" if counts else ""


def _plain(values: Values) -> list[Any]:
    return values.tolist() if isinstance(values, np.ndarray) else values


def _brief(value: Any) -> str:
    text = number(value) if isinstance(value, float) else str(value)
    return text if len(text) <= 24 else text[:23] + "…"
