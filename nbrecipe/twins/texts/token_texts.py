"""Texts of a data set as one or two tokenizers read them: those that are shown, and what is counted over all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from ...batches import BadInput
from ...decoding.returned import back
from ...decoding.tokenised import answered, compared, reading
from ...pictures.tokens import Line, Reading, Voice
from ...scan.text.reading import TextScan
from ...tokens import Tokenizer
from ...tokens.failing import no_text, reason
from ...tokens.roundtrip import round_trip

#: texts that are shown; of more those drawn at random, and so many that are longest and that have most unknown tokens
SHOWN, ENDS, FAILED = 200, 8, 20
#: letters of a text up to which it is decoded again
BACK = 1 << 18
#: letters of all texts that are shown, at most
LETTERS = 1 << 23
#: columns that hold what is to be answered
ANSWERS = ("answer", "answers", "completion", "response", "output", "target", "summary", "chosen")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Chosen:
    """A text that is shown: its row and its answer; `why` where it cannot be read."""

    row: int
    text: Any
    answer: str = ""
    why: str = ""


def chosen(scan: TextScan, count: int, answer: str | None) -> list[Chosen]:
    """The texts that are shown, in the order of their rows; all of them where they are few."""
    if scan.rows <= count:
        texts = dict(_first(scan, count))
    else:
        ends = min(ENDS, count // 4)
        kept = {one.row: one for one in (*scan.longest[:ends], *scan.oddest[:ends])}
        drawn = [one for one in scan.sample(count) if one.row not in kept]
        kept |= {one.row: one for one in drawn[: count - len(kept)]}
        texts = {row: _whole(scan, row, one.text) if one.is_cut else one.text for row, one in kept.items()}
    failed = {one.row: one for one in scan.failed[:FAILED]}
    found = [Chosen(row, text, _answer(scan, row, answer)) for row, text in texts.items() if row not in failed]
    for row, one in failed.items():  # another tokenizer may read the whole of it
        text = texts[row] if row in texts else _whole(scan, row, one.text) if one.text else ""
        found.append(Chosen(row, text, _answer(scan, row, answer), one.why))
    return sorted(found, key=lambda one: one.row)


def _first(scan: TextScan, count: int) -> Iterator[tuple[int, Any]]:
    for block in scan.source.blocks(0, count):
        values = block.columns.get(scan.column)
        for place, row in enumerate(block.rows.tolist()):
            if values is not None:
                yield row, values[place]


def _whole(scan: TextScan, row: int, text: str) -> str:
    """A text of which only the beginning was kept, where it can be read again."""
    try:
        found = scan.source.example(row)[scan.column]
    except Exception:  # a stream cannot go back
        return text
    return found if isinstance(found, str) else text


def answer_column(scan: TextScan, asked: str | None) -> str | None:
    """The column that holds what is to be answered: the one asked for, or one that is usually called so."""
    try:
        columns = [name for block in scan.source.blocks(0, 1) for name in block.columns]
    except Exception:  # what cannot be read is told elsewhere
        columns = []
    if asked is not None:
        if columns and asked not in columns:
            every = ", ".join(f"`{name}`" for name in columns[:20])
            raise BadInput(f"`{scan.name}` has no column `{asked}`; its columns are {every}")
        return asked
    return next((name for name in columns if name.lower() in ANSWERS and name != scan.column), None)


def _answer(scan: TextScan, row: int, column: str | None) -> str:
    if column is None:
        return ""
    try:
        found = scan.source.example(row).get(column)
    except Exception:
        return ""
    found = found.get("text", found) if isinstance(found, Mapping) else found
    found = found[0] if isinstance(found, (list, tuple, np.ndarray)) and len(found) else found
    return found if isinstance(found, str) else ""


def lines(
    texts: Sequence[Chosen], tokenizers: Sequence[Tokenizer], *, limit: int | None, filled: bool
) -> tuple[list[Line], list[str]]:
    """A line for each text, and a note on what was left out."""
    made: list[Line] = []
    letters = 0
    for k, one in enumerate(texts):
        if letters > LETTERS:
            return made, [
                f"the last {len(texts) - k} of these texts are left out: there are more than {LETTERS:,} letters"
            ]
        made.append(_line(one, tokenizers, limit=limit, filled=filled))
        letters += len(one.text) if isinstance(one.text, str) else 0
    return made, []


def _line(one: Chosen, tokenizers: Sequence[Tokenizer], **how: Any) -> Line:
    name = f"row {one.row}"
    if not isinstance(one.text, str) or (one.why and not one.text):
        return Line(name, failed=one.why or no_text(one.text))
    readings = [_read(tokenizer, one.text, **how) for tokenizer in tokenizers]
    if all(made.failed and not len(made.ids) for made in readings):
        return Line(name, failed=_why(tokenizers, readings), given=one.text)
    if len(readings) == 2 and all(made.text for made in readings):
        readings = list(compared(readings[0], readings[1]))
    if not one.text:
        return Line(name, tuple(readings), caption="an empty text")
    return _with_answer(Line(name, tuple(readings)), one)


def _read(tokenizer: Tokenizer, text: str, **how: Any) -> Reading:
    made = _tried(text, lambda: reading(tokenizer, tokenizer.encode(text), **how))
    if isinstance(made, str):
        return Reading.none(made)
    if not tokenizer.decodes or len(text) > BACK:
        return made
    trip = _tried(text, lambda: round_trip(tokenizer, text))
    if isinstance(trip, str):
        return replace(made, failed=f"its ids cannot be decoded: {trip}")
    told = back(trip)
    return replace(made, back=told, change=trip.kind if told else "")


def _tried(text: str, step: Callable[[], Made]) -> Made | str:
    """What a step with the user's tokenizer gives, or why it fails."""
    try:
        return step()
    except BaseException as error:  # libraries written in Rust break off with what is no Exception
        why = reason(error, text)
        if not why:
            raise
        return why


def _why(tokenizers: Sequence[Tokenizer], readings: Sequence[Reading]) -> str:
    """Why none of them reads a text: once, where they say the same."""
    why = [made.failed for made in readings]
    if len(set(why)) == 1:
        return why[0]
    return "; ".join(f"{tokenizer.name}: {each}" for tokenizer, each in zip(tokenizers, why, strict=True))


def _with_answer(line: Line, one: Chosen) -> Line:
    """The line with its answer marked, where the text has it: where it stands last."""
    start = one.text.rfind(one.answer) if one.answer else -1
    if start < 0:
        return line
    marked = [answered(made, start, start + len(one.answer)) for made in line.readings]
    known = next((lost for made, lost in marked if len(made.ids)), "")
    lost = {"all": "the answer is cut off", "part": "part of the answer is cut off"}.get(known, "")
    return replace(line, readings=tuple(made for made, _ in marked), answer=(start, start + len(one.answer)), lost=lost)


def voice(tokenizer: Tokenizer, ids: Sequence[np.ndarray], name: str = "", told: str = "") -> Voice:
    """Who reads, with the pieces of the ids that occur."""
    own = np.unique(np.concatenate(ids)).tolist() if ids else []
    pieces = {i: piece for i in own if (piece := _piece(tokenizer.piece, i)) is not None}
    size = f", {tokenizer.size:,} ids" if tokenizer.size is not None else ""
    return Voice(name or tokenizer.name, told or f"{tokenizer.kind}{size}", pieces, tokenizer.specials.roles)


def _piece(piece: Callable[[int], str | None], i: int) -> str | None:
    try:
        return piece(i) if i >= 0 else None
    except Exception:  # libraries differ in how they say that there is none
        return None
