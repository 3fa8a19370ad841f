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
from ...scan.text.table import embedding_of, pieces, untrained
from ...scan.text.told import percent, quoted, rows_told
from ...scan.text.told_ids import ids_told
from ...tokens import Tokenizer

#: bars of the lengths, tokens that are named as the most frequent, and words as unknown
BARS, MOST, WORDS = 40, 12, 8
Rows = tuple[tuple[str, str], ...]


def of_texts(scan: TextScan, model: nn.Module | None, name: str, val: TextScan | None = None) -> Rows:
    """Names and numbers of all texts, and how those of validation differ."""
    return (*_size(scan), *_long(scan), *_lost(scan), *_ids(scan, model, name), *rows_told(scan, val))


def _size(scan: TextScan) -> Iterator[tuple[str, str]]:
    yield "read", f"**{scan.extent}** of `{scan.column}`, {scan.tokens:,} tokens"
    rates = [
        f"**{number(rate, 3)}** {what}" for rate, what in ((scan.per_word, "a word"), (scan.per_byte, "a byte")) if rate
    ]
    if rates:
        yield "tokens", ", ".join(rates)


def _long(scan: TextScan) -> Iterator[tuple[str, str]]:
    lengths = scan.lengths
    if lengths.rows:
        told = [f"median **{lengths.quantile(0.5):,}**", f"95 % up to {lengths.quantile(0.95):,}"]
        yield "lengths", ", ".join([*told, f"99 % up to {lengths.quantile(0.99):,}", f"longest {lengths.greatest:,}"])
    cut = scan.cut
    if cut is None:
        return
    if not cut.rows:
        yield f"beyond {cut.limit:,}", "none: nothing is cut off"
    else:
        rows = f"**{percent(cut.share)}** of the texts ({cut.rows:,}) lose something"
        yield f"beyond {cut.limit:,}", f"{rows}, {cut.tokens:,} tokens in all, {percent(cut.lost)}"


def _lost(scan: TextScan) -> Iterator[tuple[str, str]]:
    if scan.unknown is not None:
        share = scan.unknown / max(scan.tokens, 1)
        words = scan.part.unknown_words.most(WORDS) if scan.unknown else []
        named = ": " + ", ".join(f"`{quoted(word)}` {count:,}×" for word, count in words) if words else ""
        yield "unknown", f"**{percent(share)}** of the tokens, in {scan.unknown_texts:,} texts{named}"
    if scan.fallen:
        yield "lone bytes", f"**{percent(scan.fallen / max(scan.tokens, 1))}** of the tokens"


def _ids(scan: TextScan, model: nn.Module | None, name: str) -> Iterator[tuple[str, str]]:
    size = scan.tokenizer.size
    if size:
        yield "vocabulary", f"**{len(scan.ids.seen):,}** of {size:,} ids occur"
    if model is not None:
        try:
            rows = untrained(embedding_of(model, name), scan.ids, scan.tokenizer)
        except BadInput:
            rows = None
        if rows is not None:
            outside = f"; **{len(rows.outside):,}** ids have no row" if len(rows.outside) else ""
            told = f"{percent(rows.share)}) are never looked up"
            yield (
                "embedding",
                f"**{len(rows.unused):,}** of {rows.table.rows:,} rows of `{rows.table.name}` ({told}{outside}",
            )
    common = scan.ids.most(MOST)
    if common:
        names = pieces(scan.tokenizer, [i for i, _ in common])
        counted = (f"`{quoted(piece)}` {count:,}" for piece, (_, count) in zip(names, common, strict=True))
        yield "most frequent", ", ".join(counted)


def bars(lengths: Counted, limit: int | None = None) -> Lengths | None:
    """The lengths as bars; None of nothing. The last bar holds what is longer than almost all."""
    values, counts = lengths.table()
    if not len(values):
        return None
    high = max(lengths.quantile(0.995), min(limit or 0, lengths.greatest), int(values[0]) + 1)
    step = max(1, -(-(high + 1 - int(values[0])) // BARS))
    edges = np.arange(int(values[0]), high + step + 1, step)
    if limit is not None and edges[0] < limit < edges[-1]:  # a bar holds what is cut off or what is not
        edges = edges + (limit + 1 - edges[0]) % step
        edges = edges if edges[0] <= values[0] else np.concatenate([[edges[0] - step], edges])
    found, _ = np.histogram(np.clip(values, edges[0], edges[-1] - 1), edges, weights=counts)
    return Lengths(edges, found.astype(np.int64), limit if limit is not None and limit <= 4 * edges[-1] else None)


def of_ids(scan: IdScan, tokenizer: Tokenizer, model: nn.Module | None, name: str) -> Rows:
    """Names and numbers of all rows of a data set of ids."""
    try:
        table = embedding_of(model, name) if model is not None else None
    except BadInput:
        table = None
    return ids_told(scan, tokenizer, table)


def of_rows(lines: Sequence[Line]) -> Rows:
    """Names and numbers of rows of ids."""
    first = [line.readings[0] for line in lines if line.readings]
    total = sum(len(each.ids) for each in first)
    widths = sorted({len(each.ids) for each in first})
    told = f"{widths[0]}" if len(widths) == 1 else f"{widths[0]} to {widths[-1]}" if widths else "0"
    rows = [("read", f"**{len(first)}** rows of {told} ids, {total:,} in all")]
    for name, mark in (("padding", PADDING), ("masked", UNSEEN), ("no such token", MISSING)):
        count = sum(each.count(mark) for each in first)
        if count:
            rows.append((name, f"**{percent(count / max(total, 1))}** of the ids"))
    if any(each.labels is not None for each in first):
        count = sum(each.count(COUNTED) for each in first)
        alone = sum(each.labels is not None and not each.count(COUNTED) for each in first)
        none = f"; **{alone}** rows have no target at all" if alone else ""
        rows.append(("targets", f"**{percent(count / max(total, 1))}** of the places count in the loss{none}"))
    return tuple(rows)


def of_cut(lines: Sequence[Line], limit: int | None) -> Rows:
    """In how many of the rows that are shown something, or every target, is cut off."""
    if limit is None:
        return ()
    cut = sum(bool(line.readings[0].count(CUT)) for line in lines if line.readings)
    whole = sum(line.lost == "every target is cut off" for line in lines)
    told = f"; in **{whole:,}** every target" if whole else ""
    return ((f"beyond {limit:,}", f"**{cut:,}** of the {len(lines):,} rows that are shown lose something{told}"),)


def of_answers(lines: Sequence[Line]) -> Rows:
    """In how many of the texts that are shown the answer is in the lost part."""
    known = [line for line in lines if line.answer is not None]
    if not known:
        return ()
    cut = sum(bool(line.readings[0].count(CUT)) for line in known)
    whole = sum(line.lost == "the answer is cut off" for line in known)
    part = sum(bool(line.lost) for line in known) - whole
    if not cut:
        return (("answers", f"whole in all of {len(known):,} texts that are shown with one"),)
    return (
        (
            "answers",
            f"cut off in **{whole:,}** of {len(known):,} texts that are shown with one, in part in {part:,} more",
        ),
    )
