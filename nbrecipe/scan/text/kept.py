"""What is left of each text in the ids that training reads: whole texts beside the part that was kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...batches import BadInput
from ...bench import Bench, Missing
from ...tokens import Tokenizer, open_tokenizer
from ..columns.kinds import Kind
from ..counts.labels import as_classes
from ..held import given_data
from ..plan import plan_of
from ..sources.source import Source
from . import held
from .carried import equipped
from .id_reading import IdScan, flattened
from .opening import open_texts, text_column

#: rows that are compared, and in how many runs they are read; tokens of a text that are looked at
ROWS, RUNS, TOKENS = 3000, 12, 4000
#: share of the rows whose ids have to be a part of their text
SURE = 0.95
#: how people cut texts into words, and characters
CUTS: tuple[Callable[[str], Iterable[Hashable]], ...] = (
    str.split, re.compile(r"\w+|[^\w\s]").findall, re.compile(r"\w+").findall, re.compile(r"[\w']+").findall, iter,
)  # fmt: skip
Array = np.ndarray[Any, Any]
Row = list[Hashable]


@dataclass(frozen=True)
class Kept:
    """Texts as tokens, whole and as they were kept, and the class of each."""

    name: str
    #: the greatest number of ids of a row, special ones included
    limit: int
    rows: Array
    whole: list[Row]
    kept: list[Row]
    #: the class of each; empty where labels are no classes
    labels: list[Hashable]

    @property
    def cut(self) -> Array:
        """Which texts are longer than what was kept of them."""
        return np.array([len(whole) > len(kept) for whole, kept in zip(self.whole, self.kept, strict=True)], bool)


def kept_texts(bench: Bench) -> Kept | None:
    """Training texts beside their ids; None where the data do not hold both, or where ids are no part of their text."""
    given = bench.once(equipped)
    try:
        scan = given.once(held.train_ids)
    except (BadInput, Missing):
        return None
    with bench.untouched():
        tokenizer = _opened(given)
        found = (_beside(scan, source, column, tokenizer) for source, column in _texts(bench, scan))
        return next((kept for kept in found if kept is not None), None)


def _opened(given: Bench) -> Tokenizer | None:
    if given.tokenizer is None:
        return None
    try:
        return open_tokenizer(given.tokenizer, given.name("tokenizer"))
    except BadInput:
        return None


def _texts(bench: Bench, scan: IdScan) -> Iterator[tuple[Source, str]]:
    """Texts that the ids may be made from: of the data themselves, of the data set behind a loader, lists beside it."""
    data, name = given_data(bench, "train")
    inner = getattr(data, "dataset", data)
    own = [value for value in getattr(inner, "__dict__", {}).values() if isinstance(value, (list, tuple))]
    lists = [value for value in (*own, *bench.texts.values()) if len(value) == scan.source.length]
    for thing in (data, inner, bench.train_data, *lists):
        if thing is None:
            continue
        try:
            source = open_texts(thing, name)
            yield source, text_column(source)
        except BadInput:
            continue


def _runs(length: int | None) -> Iterator[tuple[int, int]]:
    """Where rows are read: all of few, runs spread over many."""
    if length is None or length <= ROWS:
        yield 0, ROWS if length is None else length
        return
    size = ROWS // RUNS
    for start in np.linspace(0, length - size, RUNS).astype(int).tolist():
        yield start, start + size


def _beside(scan: IdScan, source: Source, column: str, tokenizer: Tokenizer | None) -> Kept | None:
    texts: dict[int, str] = {}
    labels: dict[int, Hashable] = {}
    ids: dict[int, Array] = {}
    labelled = [one for one in (source, scan.source) if one.label and plan_of(one).kinds[one.label] is Kind.CLASS][:1]
    for start, stop in _runs(scan.source.length):
        for one in {id(source): source, id(scan.source): scan.source}.values():
            for block in one.blocks(start, stop):
                if one in labelled and one.label is not None and one.label in block.columns:
                    labels |= zip(block.rows.tolist(), as_classes(block.columns[one.label]), strict=True)
                if one is source and column in block.columns:
                    texts |= zip(block.rows.tolist(), block.columns[column], strict=True)
                if scan.column in block.columns:
                    flat, _ = flattened(block, scan.column, scan.mask, "", scan.roles)
                    starts = np.cumsum(flat.widths) - flat.widths
                    for row, low, width in zip(flat.rows.tolist(), starts.tolist(), flat.widths.tolist(), strict=True):
                        ids[row] = flat.ids[low : low + width][flat.real[low : low + width]]
    rows = [row for row in sorted(ids) if isinstance(texts.get(row), str) and len(ids[row])]
    if not rows:
        return None
    special = scan.roles.every | {i for role, i in scan.roles.special.items() if role != "unknown"}
    own, said = _without([ids[row] for row in rows], special), [texts[row] for row in rows]
    parts = _of_tokenizer(tokenizer, said, own) or _of_pieces(said, own) or _of_pieces(said, _unfilled(own))
    if parts is None:
        return None
    limit = max(len(ids[row]) for row in rows)
    known = [labels[row] for row in rows] if all(row in labels for row in rows) else []
    return Kept(scan.name, limit, np.array(rows), *parts, known)


def _without(rows: list[Array], special: frozenset[int] | set[int]) -> list[Array]:
    gone = np.array(sorted(special), np.int64)
    return [row[~np.isin(row, gone)] for row in rows]


def _unfilled(rows: list[Array]) -> list[Array]:
    """Rows without the id that most of them end in, where nobody says what padding is."""
    kinds, counts = np.unique([row[-1] for row in rows if len(row)], return_counts=True)
    if not len(kinds):
        return rows
    ends = [np.flatnonzero(row != kinds[counts.argmax()]) for row in rows]
    return [row[: end[-1] + 1] if len(end) else row[:0] for row, end in zip(rows, ends, strict=True)]


def _of_tokenizer(
    tokenizer: Tokenizer | None, texts: list[str], own: list[Array]
) -> tuple[list[Row], list[Row]] | None:
    """What the tokenizer makes of the whole texts, where the ids are the start or the end of it."""
    if tokenizer is None or not tokenizer.encodes:
        return None
    found = tokenizer.ids(texts, special=False)
    whole = [row[:TOKENS] for row in found.rows()]
    same = sum(_is_part(part, row) for part, row in zip(own, whole, strict=True))
    if found.failed or same < SURE * len(texts):
        return None
    return [row.tolist() for row in whole], [row.tolist() for row in own]


def _is_part(part: Array, whole: Array) -> bool:
    size = len(part)
    ends = (whole[:size], whole[len(whole) - size :]) if size <= len(whole) else ()
    return any(np.array_equal(part, one) for one in ends)


def _of_pieces(texts: list[str], own: list[Array]) -> tuple[list[Row], list[Row]] | None:
    """Words or characters, where each has one id wherever it stands, and the ids are as many as fit."""
    longest = max(map(len, own))
    for cut in CUTS:
        whole: list[Row] = [list(cut(text))[:TOKENS] for text in texts]
        if any(len(part) != min(len(row), longest) for part, row in zip(own, whole, strict=True)):
            continue
        for kept in ([row[: len(part)] for part, row in zip(own, whole, strict=True)],
                     [row[len(row) - len(part) :] for part, row in zip(own, whole, strict=True)]):  # fmt: skip
            if _is_code(kept, own):
                return whole, kept
    return None


def _is_code(rows: list[Row], own: list[Array]) -> bool:
    """Whether each piece has one id."""
    known: dict[Hashable, int] = {}
    for row, ids in zip(rows, own, strict=True):
        for piece, i in zip(row, ids.tolist(), strict=True):
            if known.setdefault(piece, i) != i:
                return False
    return len(set(known.values())) > 1
