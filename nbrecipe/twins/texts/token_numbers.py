"""What was counted over all texts, or over the ids of a batch, in the words that stand above them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from torch import nn

from ...batches import BadInput
from ...finding import number
from ...pictures.tokens import COUNTED, CUT, MISSING, PADDING, UNSEEN, Lengths, Line
from ...scan.text.id_reading import IdScan
from ...scan.text.lengths import Lengths as Counted
from ...scan.text.reading import TextScan
from ...scan.text.table import Embedding, embedding_of
from ...scan.text.told import (
    counts_told,
    most_told,
    occurring,
    percent,
    quantiles,
    rows_told,
    several,
    table_told,
)
from ...scan.text.told_ids import ids_told
from ...tokens import Tokenizer

#: bars of the lengths, tokens that are named as the most frequent, and words as unknown
BARS, MOST, WORDS = 40, 12, 8
Rows = tuple[tuple[str, str], ...]


def of_texts(scan: TextScan, model: nn.Module | None, name: str, val: TextScan | None = None) -> Rows:
    """Names and numbers of all texts, and how those of validation differ."""
    return (*_size(scan), *_long(scan), *_lost(scan), *_ids(scan, model, name), *rows_told(scan, val))


def _size(scan: TextScan) -> Iterator[tuple[str, str]]:
    yield "read", f"**{scan.extent}** of `{scan.column}`, {several(scan.tokens, 'token')}"
    rates = [
        f"**{number(rate, 3)}** {what}" for rate, what in ((scan.per_word, "a word"), (scan.per_byte, "a byte")) if rate
    ]
    if rates:
        yield "tokens", ", ".join(rates)


def _long(scan: TextScan) -> Iterator[tuple[str, str]]:
    if scan.lengths.rows > 1:
        yield "lengths", quantiles(scan.lengths, "text", "**")
    cut = scan.cut
    if cut is None:
        return
    if not cut.rows:
        yield f"beyond {cut.limit:,}", "none: nothing is cut off"
    else:
        rows = f"**{percent(cut.share)}** of the texts ({cut.rows:,}) lose something"
        yield f"beyond {cut.limit:,}", f"{rows}: {several(cut.tokens, 'token')}, {percent(cut.lost)} of all"


def _lost(scan: TextScan) -> Iterator[tuple[str, str]]:
    if scan.unknown:
        words = scan.part.unknown_words.most(WORDS)
        named = f": {counts_told(words)}" if words else ""
        share = percent(scan.unknown / max(scan.tokens, 1))
        yield "unknown", f"**{share}** of the tokens, in {several(scan.unknown_texts, 'text')}{named}"
    if scan.fallen:
        yield "lone bytes", f"**{percent(scan.fallen / max(scan.tokens, 1))}** of the tokens"


def _ids(scan: TextScan, model: nn.Module | None, name: str) -> Iterator[tuple[str, str]]:
    if not scan.tokens:
        return
    if scan.tokenizer.size:
        yield "vocabulary", occurring(len(scan.ids.seen), scan.tokenizer.size, "**")
    table = _table(model, name)
    if table is not None:
        yield from table_told(table, scan.ids, scan.tokenizer, scan.tokenizer.name)
    yield "most frequent", most_told(scan.tokenizer, scan.ids.most(MOST))


def _table(model: nn.Module | None, name: str) -> Embedding | None:
    try:
        return embedding_of(model, name) if model is not None else None
    except BadInput:  # a model without one
        return None


def beside(numbers: Rows, scan: TextScan, again: TextScan | None) -> Rows:
    """The numbers, saying whose they are, and below them what the other tokenizer makes of the same texts."""
    (name, told), *rest = numbers
    own = (name, f"{told} with `{scan.tokenizer.name}`"), *rest
    return own if again is None else (*own, (f"with `{again.tokenizer.name}`", _other(again)))


def _other(scan: TextScan) -> str:
    told = [f"**{several(scan.tokens, 'token')}**"]
    told += [f"**{number(scan.per_word, 3)}** a word"] if scan.per_word else []
    told += [quantiles(scan.lengths, "text")] if scan.lengths.rows > 1 else []
    for count, what in ((scan.unknown, "unknown"), (scan.fallen, "lone bytes")):
        told += [f"{percent(count / max(scan.tokens, 1))} {what}"] if count else []
    told += [f"{scan.part.failed:,} of {several(scan.rows, 'row')} failed"] if scan.part.failed else []
    return ", ".join(told)


def bars(lengths: Counted, limit: int | None = None) -> Lengths | None:
    """The lengths as bars; None of nothing. The last bar holds what is longer than almost all."""
    values, counts = lengths.table()
    if not len(values):
        return None
    high = max(lengths.quantile(0.995), min(limit or 0, lengths.greatest), int(values[0]) + 1)
    step = max(1, -(-(high + 1 - int(values[0])) // BARS))
    edges = np.arange(int(values[0]), high + step + 1, step)
    if limit is not None and edges[0] <= limit < edges[-1]:  # a bar holds what is cut off or what is not
        edges = edges + (limit + 1 - edges[0]) % step
        edges = edges if edges[0] <= values[0] else np.concatenate([[edges[0] - step], edges])
    found, _ = np.histogram(np.clip(values, edges[0], edges[-1] - 1), edges, weights=counts)
    return Lengths(edges, found.astype(np.int64), limit if limit is not None and limit <= 4 * edges[-1] else None)


def of_ids(scan: IdScan, tokenizer: Tokenizer, model: nn.Module | None, name: str) -> Rows:
    """Names and numbers of all rows of a data set of ids."""
    return ids_told(scan, tokenizer, _table(model, name))


def of_rows(lines: Sequence[Line]) -> Rows:
    """Names and numbers of rows of ids."""
    first = [line.readings[0] for line in lines if line.readings]
    total = sum(len(each.ids) for each in first)
    widths = sorted({len(each.ids) for each in first})
    told = f"{widths[0]}" if len(widths) == 1 else f"{widths[0]} to {widths[-1]}" if widths else "0"
    read = f"**{len(first)}** row{'' if len(first) == 1 else 's'} of {told} id{'' if widths == [1] else 's'}"
    rows = [("read", f"{read}, {total:,} in all" if len(first) > 1 else read)]
    for name, mark in (("padding", PADDING), ("masked", UNSEEN), ("no such token", MISSING)):
        count = sum(each.count(mark) for each in first)
        if count:
            rows.append((name, f"**{percent(count / max(total, 1))}** of the ids"))
    if any(each.labels is not None for each in first):
        count = sum(each.count(COUNTED) for each in first)
        alone = sum(each.labels is not None and not each.count(COUNTED) for each in first)
        none = f"; **{alone}** row{' has' if alone == 1 else 's have'} no target at all" if alone else ""
        rows.append(("targets", f"**{percent(count / max(total, 1))}** of the places count in the loss{none}"))
    return tuple(rows)


def of_cut(lines: Sequence[Line], limit: int | None) -> Rows:
    """In how many of the rows that are shown something, or every target, is cut off."""
    if limit is None:
        return ()
    cut = sum(bool(line.readings[0].count(CUT)) for line in lines if line.readings)
    whole = sum(line.lost == "every target is cut off" for line in lines)
    told = f"; in **{whole:,}** every target" if whole else ""
    rows = f"of the {len(lines):,} rows that are shown" if len(lines) > 1 else "of the one row that is shown"
    return ((f"beyond {limit:,}", f"**{cut:,}** {rows} lose{'s' * (cut == 1)} something{told}"),)


def of_answers(lines: Sequence[Line]) -> Rows:
    """In how many of the texts that are shown the answer is in the lost part."""
    known = [line for line in lines if line.answer is not None]
    if not known:
        return ()
    cut = sum(bool(line.readings[0].count(CUT)) for line in known)
    whole = sum(line.lost == "the answer is cut off" for line in known)
    part = sum(bool(line.lost) for line in known) - whole
    texts = f"{several(len(known), 'text')} that {'is' if len(known) == 1 else 'are'} shown with one"
    if not cut:
        return (("answers", f"whole in all of {texts}" if len(known) > 1 else f"whole in the {texts}"),)
    more = f", in part in {part:,} more" if part else ""
    return (("answers", f"cut off in **{whole:,}** of {texts}{more}"),)
