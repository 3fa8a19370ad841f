"""Rows of ids as text: exactly what goes into a model, with its padding, its mask and its targets."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..pictures.tokens import COUNTED, IGNORED, MISSING, PADDING, SPECIAL, UNKNOWN, UNSEEN, Reading
from ..tokens.segments import segments
from ..tokens.tokenizer import Tokenizer
from .tokenised import kinds, whole_characters

#: tokens that a character may have at most, and tokens before one that it is decoded with
BYTES, BEFORE = 8, 6
#: what a decoder writes for bytes that are no whole character
BROKEN = "\ufffd"


@dataclass
class _Row:
    """A row while it is put together."""

    text: str = ""
    ends: list[int] = field(default_factory=list)
    last: list[int] = field(default_factory=list)
    tokens: int = 0

    def add(self, text: str, tokens: int) -> None:
        self.text += text
        self.tokens += tokens
        self.ends.append(len(self.text))
        self.last.append(self.tokens)


def reading_of_ids(
    tokenizer: Tokenizer, ids: np.ndarray, seen: np.ndarray | None = None, labels: np.ndarray | None = None
) -> Reading:
    """(T,) ids as text; `seen` is a mask of what is attended to, `labels` are the targets at each place."""
    marks = _marks(tokenizer, ids, seen)
    if labels is not None:
        marks |= np.where(labels != IGNORED, COUNTED, 0).astype(np.uint16)
    row = _Row()
    plain = ((marks & (SPECIAL | PADDING | MISSING | UNKNOWN)) == 0) & (ids != IGNORED)
    for start, stop in _runs(ids, marks, plain, labels):
        if plain[start]:
            for text, count in _spelled(tokenizer, ids[start:stop]):
                row.add(text, count)
        else:
            row.add("", stop - start)
    made = Reading(row.text, np.array(row.ends, np.int64), np.array(row.last, np.int64), ids, marks, labels=labels)
    return whole_characters(made)


def _marks(tokenizer: Tokenizer, ids: np.ndarray, seen: np.ndarray | None) -> np.ndarray:
    own = np.unique(ids)
    missing = [i for i in own.tolist() if i != IGNORED and (i < 0 or _piece(tokenizer, i) is None)]
    there = ~np.isin(ids, missing) & (ids != IGNORED)
    marks = np.where(np.isin(ids, missing), MISSING, 0).astype(np.uint16)
    marks[there] |= kinds(tokenizer, ids[there])
    specials = tokenizer.specials
    filled = _filled(ids, specials.padding, specials.end, seen)
    marks[filled] |= PADDING
    marks[np.isin(ids, list(specials.every - {specials.unknown})) & ~filled] |= SPECIAL
    if seen is not None:
        marks[~seen] |= UNSEEN
    return marks


def _piece(tokenizer: Tokenizer, i: int) -> str | None:
    try:
        return tokenizer.piece(i)
    except Exception:  # libraries differ in how they say that there is none
        return None


def _filled(ids: np.ndarray, padding: int | None, end: int | None, seen: np.ndarray | None) -> np.ndarray:
    """Which places are padding: where one id ends texts and fills them, those that are masked, or all but the first."""
    if padding is None:
        return np.zeros(len(ids), bool)
    filled: np.ndarray = ids == padding
    if padding != end:
        return filled
    if seen is not None:
        own: np.ndarray = filled & ~seen
        return own
    other = np.flatnonzero(~filled)
    behind = other[-1] + 2 if len(other) else 0  # the first behind the text is its end
    rest: np.ndarray = filled & (np.arange(len(ids)) >= behind)
    return rest


def _runs(ids: np.ndarray, marks: np.ndarray, plain: np.ndarray, labels: np.ndarray | None) -> list[tuple[int, int]]:
    """Stretches of tokens of one kind: plain text, padding or places without target; each other token by itself."""
    if not len(ids):
        return []
    alike = (ids[1:] == ids[:-1]) & (marks[1:] == marks[:-1]) & (((marks[1:] & PADDING) > 0) | (ids[1:] == IGNORED))
    if labels is not None:
        alike &= labels[1:] == labels[:-1]
    cuts = np.flatnonzero(~((plain[1:] & plain[:-1]) | alike)) + 1
    bounds = [0, *cuts.tolist(), len(ids)]
    return list(itertools.pairwise(bounds))


def _spelled(tokenizer: Tokenizer, ids: np.ndarray) -> Sequence[tuple[str, int]]:
    """The text of a run of ids in pieces, each with the number of tokens that it takes."""
    try:
        text = tokenizer.decode(ids.tolist())
        again = tokenizer.encode(text, special=False) if tokenizer.encodes else None
    except Exception:  # not every tokenizer reads what it wrote
        return _piece_by_piece(tokenizer, ids)
    if again is None or not np.array_equal(again.ids, ids):
        return _piece_by_piece(tokenizer, ids)
    return [(text[each.start : each.end], len(each.tokens)) for each in segments(again)]


def _piece_by_piece(tokenizer: Tokenizer, ids: np.ndarray) -> list[tuple[str, int]]:
    """Each token is what it adds to the text of those before it; the bytes of one character stand together."""
    found: list[tuple[str, int]] = []
    begin, said, waiting = 0, "", 0
    for place in range(len(ids)):
        whole = _decoded(tokenizer, ids[begin : place + 1])
        waiting += 1
        if whole.endswith(BROKEN) and waiting < BYTES and place + 1 < len(ids):
            continue
        new = (
            whole[len(said) :] if whole.startswith(said) else _decoded(tokenizer, ids[place + 1 - waiting : place + 1])
        )
        found.append((new, waiting))
        said, waiting = whole, 0
        if place - begin >= BEFORE:
            begin = place
            said = _decoded(tokenizer, ids[begin : place + 1])
    return found


def _decoded(tokenizer: Tokenizer, ids: np.ndarray) -> str:
    try:
        return tokenizer.decode(ids.tolist())
    except Exception:  # a text that cannot be told is none
        return ""
