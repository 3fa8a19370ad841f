"""Texts as they are cut up: what a tokenizer makes of each, what a greatest length leaves of it, what is filled up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ..pictures.graphemes import inside
from ..pictures.tokens import APART, BYTE, COUNTED, CUT, PADDING, SPECIAL, UNKNOWN, Reading
from ..tokens.segments import Segment, segments
from ..tokens.tokenizer import Encoding, Tokenizer


def reading(tokenizer: Tokenizer, encoding: Encoding, *, limit: int | None = None, filled: bool = False) -> Reading:
    """A text with its tokens; beyond `limit` they are cut off, with `filled` shorter ones are padded up to it.

    Special tokens at the end stand where what is kept ends, as they do in what goes into a model.
    """
    kept = fit(encoding.special, limit, str(getattr(tokenizer.given, "truncation_side", "right")))
    found = _moved(list(segments(encoding)), encoding.special, kept)
    places = np.fromiter((place for each in found for place in each.tokens), np.int64)
    ids = encoding.ids[places]
    marks = np.where(encoding.special[places], SPECIAL, 0).astype(np.uint16)
    marks |= np.where(kept[places], 0, CUT).astype(np.uint16)
    marks |= kinds(tokenizer, ids)
    ends = np.maximum.accumulate(np.fromiter((each.end if each.end > each.start else 0 for each in found), np.int64))
    last = np.cumsum(np.fromiter((len(each.tokens) for each in found), np.int64))
    made = whole_characters(Reading(encoding.text, ends, last, ids, marks, _order(places)))
    short = (limit or 0) - len(ids)
    return padded(made, tokenizer, short) if filled and short > 0 else made


def fit(special: np.ndarray, limit: int | None, side: str = "right") -> np.ndarray:
    """(T,) of bool: the tokens that a greatest length leaves, cut at the end of the text or, on the left, its start."""
    kept = np.ones(len(special), bool)
    if limit is None or len(special) <= limit:
        return kept
    own = np.flatnonzero(~special)
    room = max(limit - int(special.sum()), 0)
    kept[own[room:] if side != "left" else own[: len(own) - room]] = False
    return kept


def kinds(tokenizer: Tokenizer, ids: np.ndarray) -> np.ndarray:
    """(T,) of uint16: which ids are unknown, and which are bytes that were fallen back to."""
    unknown = tokenizer.specials.unknown
    marks = np.zeros(len(ids), np.uint16)
    if unknown is not None:
        marks[ids == unknown] |= UNKNOWN
    own, where = np.unique(ids, return_inverse=True)
    lone = np.fromiter((tokenizer.is_byte(i) for i in own.tolist()), bool, len(own))
    marks[lone[where]] |= BYTE
    return marks


def padded(made: Reading, tokenizer: Tokenizer, count: int) -> Reading:
    """The reading filled up on the tokenizer's side; as it is for a tokenizer without padding."""
    fill = tokenizer.specials.padding
    if fill is None:
        return made
    left = tokenizer.side == "left"
    join: Callable[[np.ndarray, np.ndarray], np.ndarray] = lambda own, more: np.concatenate(  # noqa: E731
        [more, own] if left else [own, more]
    )
    ends = join(made.ends, np.array([0 if left else len(made.text)]))
    last = join(made.last + (count if left else 0), np.array([count if left else len(made.ids) + count]))
    ids = join(made.ids, np.full(count, fill))
    marks = join(made.marks, np.full(count, PADDING, np.uint16))
    places = made.places
    if places is not None:
        places = join(places + count, np.arange(count)) if left else join(places, len(places) + np.arange(count))
    return replace(made, ends=ends, last=last, ids=ids, marks=marks, places=places)


def whole_characters(made: Reading) -> Reading:
    """The reading with no span that ends within what a reader takes for one character: such spans are one."""
    wide = made.ends > made.starts
    follows = np.append(wide[1:], False)  # what stands between two spans keeps them apart
    kept = ~(wide & follows & inside(made.text, made.ends)) if len(wide) else wide
    return replace(made, ends=made.ends[kept], last=made.last[kept])


def compared(one: Reading, other: Reading) -> tuple[Reading, Reading]:
    """Both readings of a text, with what the other does not cut out in the same way marked as apart.

    White space at the ends of tokens does not count: tokenizers put it before a word, behind it, or nowhere.
    """
    keys = [_bare(each) for each in (one, other)]
    return tuple(  # type: ignore[return-value]
        replace(mine, marks=_marked(mine, ~np.isin(keys[k], keys[1 - k]) & (mine.ends > mine.starts)))
        for k, mine in enumerate((one, other))
    )


def _bare(made: Reading) -> np.ndarray:
    """(S,) a number for each span by where its letters begin and end, spaces around them left out."""
    size = len(made.text)
    letter = np.fromiter((not one.isspace() for one in made.text), bool, size)
    places = np.arange(size)
    following = np.append(np.minimum.accumulate(np.where(letter, places, size)[::-1])[::-1], size)
    ending = np.append(0, np.maximum.accumulate(np.where(letter, places + 1, 0)))
    starts = np.minimum(following[made.starts], made.ends)
    keys: np.ndarray = starts * (size + 1) + np.maximum(ending[made.ends], starts)
    return keys


def _marked(made: Reading, spans: np.ndarray) -> np.ndarray:
    counts = np.diff(made.last, prepend=0)
    return made.marks | np.where(np.repeat(spans, counts), APART, 0).astype(np.uint16)


def answered(made: Reading, start: int, stop: int) -> tuple[Reading, str]:
    """The reading with the tokens of its answer marked, and how much of these is cut off: "all", "part" or ""."""
    there = (made.ends > start) & (made.starts < stop) & (made.ends > made.starts)
    tokens = np.repeat(there, np.diff(made.last, prepend=0))
    cut = (made.marks[tokens] & CUT) > 0
    marks = made.marks | np.where(tokens, COUNTED, 0).astype(np.uint16)
    return replace(made, marks=marks), "all" if len(cut) and cut.all() else "part" if cut.any() else ""


def _order(places: np.ndarray) -> np.ndarray | None:
    return None if np.array_equal(places, np.arange(len(places))) else places


def _moved(found: list[Segment], special: np.ndarray, kept: np.ndarray) -> Sequence[Segment]:
    """Segments with special tokens beside what is kept of the text, where something is cut off."""
    if kept.all():
        return found
    outer: Callable[[Segment], bool] = lambda each: (  # noqa: E731
        each.start == each.end and all(special[place] for place in each.tokens)
    )
    rest = [each for each in found if not outer(each)]
    staying = [k for k, each in enumerate(rest) if any(kept[place] for place in each.tokens)]
    first = next((k for k, each in enumerate(found) if not outer(each)), len(found))
    lead, trail = found[:first], [each for each in found[first:] if outer(each)]
    start, stop = (staying[0], staying[-1] + 1) if staying else (0, 0)
    return [*rest[:start], *lead, *rest[start:stop], *trail, *rest[stop:]]
