"""Rows of a data set that hold nothing to learn from: unreadable, blank, not finite, or filled with a stand-in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..columns.block import Values
from ..columns.kinds import Kind
from ..counts.copies import hashes
from ..reading import Scan
from ..sources.datasets import Examples

#: groups of equal rows that are looked at for being blank, rows that are named, and rows of a group that are read
GROUPS, NAMED, READ = 20, 50, 8
#: values that an image has at least for "all the same" to say something
PIXELS = 64
#: label that no loss counts, by custom
IGNORED = -100
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Broken:
    """Some rows, and what is wrong with all of them."""

    #: "unread", "blank" or "infinite"
    what: str
    rows: tuple[int, ...]
    count: int
    #: what stands there, for a sentence: "0 throughout", "FileNotFoundError: ..."
    told: str
    column: str = ""
    #: whether there may be more of them than were counted
    more: bool = False
    #: of blank rows: whether their labels differ, and the class that is made of them and of no others
    differ: bool = False
    own: Any = None
    #: of unread rows: whether the first raised again when it was read once more
    again: bool = False


def broken(scan: Scan) -> tuple[Broken, ...]:
    """What of the rows is broken, by what is wrong with them."""
    return (*_unread(scan), *_infinite(scan), *_blank(scan))


def _unread(scan: Scan) -> tuple[Broken, ...]:
    part = scan.part
    if not part.unread:
        return ()
    first = part.named[0]
    again = False
    if isinstance(scan.source, Examples):
        try:
            scan.source.example(first.row)
        except LookupError:
            again = True
    rows = tuple(one.row for one in part.named)
    return (Broken("unread", rows, part.unread, first.told, more=part.unread > len(rows), again=again),)


def _infinite(scan: Scan) -> tuple[Broken, ...]:
    found = []
    for name in scan.plan.inputs:
        spread = scan.part.spreads.get(name)
        if spread is None or not spread.odd:
            continue
        nan, infinite = int(spread.missing.sum()), int(spread.infinite.sum())
        if not nan and ("mask" in name.lower() or "bias" in name.lower()):
            continue  # an additive attention mask says "not this one" by minus infinity
        rows = sorted({row for some in spread.odd.values() for row in some})
        more = any(len(some) >= NAMED for some in spread.odd.values())
        sure = len(spread.names) == 1  # of several axes the same row may be odd on each
        if scan.plan.inputs[name] is Kind.TEXT and not infinite:  # what is no text is missing on all of them
            found.append(Broken("infinite", tuple(rows[:NAMED]), int(spread.missing.max()), "no text", name))
            continue
        told = " and ".join(word for word, some in (("NaN", nan), ("infinite values", infinite)) if some)
        count = nan + infinite if sure else len(rows)
        found.append(Broken("infinite", tuple(rows[:NAMED]), count, told, name, more=more and not sure))
    return tuple(found)


def _blank(scan: Scan) -> tuple[Broken, ...]:
    """Images of one value and texts of nothing, where they are all that goes in."""
    inputs = scan.plan.inputs
    copies = scan.part.copies
    if len(inputs) != 1 or copies.thinned or (copies.spilled and copies.again().thinned):
        return ()
    ((name, kind),) = inputs.items()
    if kind not in (Kind.IMAGE, Kind.TEXT):
        return ()
    groups = [group for group in copies.groups(GROUPS) if _told(_value(scan, int(group[0]), name), kind)]
    seen = {int(row) for group in groups for row in group}
    groups += [np.array([row]) for row in _alone(scan, name, kind) if row not in seen]
    by_words: dict[str, list[Array]] = {}
    for group in groups:
        told = _told(_value(scan, int(group[0]), name), kind)
        if told:
            by_words.setdefault(told, []).append(group)
    return tuple(_group(scan, name, told, np.sort(np.concatenate(some))) for told, some in by_words.items())


def _alone(scan: Scan, name: str, kind: Kind) -> list[int]:
    """The rows of least contrast or length: those that may be blank though no other equals them."""
    spread = scan.part.spreads.get(name)
    axis = 1 if kind is Kind.IMAGE else 0
    if spread is None or not spread.low.shape[1] or len(spread.names) <= axis:
        return []
    return [int(row) for row in spread.low_rows[axis] if row >= 0]


def _value(scan: Scan, row: int, name: str) -> Any:
    """An input as it stands; None where it cannot be read again."""
    try:
        return scan.source.example(row).get(name)
    except Exception:  # a stream cannot go back, and what raises is told elsewhere
        return None


def _told(value: Values | Any, kind: Kind) -> str:
    """What a blank input holds; "" where it is none."""
    if kind is Kind.TEXT:
        return "no word" if isinstance(value, str) and not value.strip() else ""
    if not isinstance(value, np.ndarray) or value.size < PIXELS or value.dtype.kind not in "biuf":
        return ""
    first = value.flat[0]
    return f"{float(first):.4g} throughout" if bool((value == first).all()) else ""


def _group(scan: Scan, name: str, told: str, rows: Array) -> Broken:
    _, numbers, labels = scan.part.copies.several()
    rest = np.setdiff1d(rows, numbers)  # of very many rows, those that none equals
    there = set(labels[np.isin(numbers, rows)].tolist())
    there |= {int(hashes([_value(scan, int(row), scan.plan.label or "")])[0]) for row in rest}
    differ = scan.plan.label is not None and len(there) > 1
    own = None
    counted = scan.part.labels
    if counted is not None and counted.kind is Kind.CLASS and not differ and len(rows) > 1:
        label = _value(scan, int(rows[0]), scan.plan.label or "")
        key = int(label) if isinstance(label, (int, float, np.number)) and np.size(label) == 1 else label
        if isinstance(key, (int, str)) and counted.counts.get(key) == len(rows) < counted.known:
            own = key
    return Broken("blank", tuple(int(r) for r in rows[:NAMED]), len(rows), told, name, differ=differ, own=own)
