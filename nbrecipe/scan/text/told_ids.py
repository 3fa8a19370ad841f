"""What was counted of rows of ids, in plain words: rows of a name and a sentence, as a page lists them."""

from __future__ import annotations

from collections.abc import Iterator

from ...tokens import Tokenizer
from .id_reading import IdScan
from .table import Embedding, belong, pieces
from .told import ROLES, most_told, occurring, percent, quantiles, quoted, several, table_told, times

#: rows and tokens that are named; share of the rows at the greatest length from which on that is told
ROWS, MOST, AT_GREATEST = 3, 12, 0.01


def ids_told(
    scan: IdScan, tokenizer: Tokenizer | None = None, table: Embedding | None = None
) -> tuple[tuple[str, str], ...]:
    """What stands in all rows: lengths, padding, special tokens, what is learned from, and which ids."""
    ids = scan.part.ids
    own = tokenizer if table is not None and belong(table, ids, tokenizer) else None  # else the data's own ids say it
    return (
        *_size(scan),
        *_padding(scan),
        *_special(scan, tokenizer),
        *_learned(scan),
        *_ids(scan, tokenizer),
        *(table_told(table, ids, own, scan.name) if table is not None else ()),
        *_failed(scan),
    )


def _size(scan: IdScan) -> Iterator[tuple[str, str]]:
    lengths = scan.part.lengths
    yield "read", f"{scan.extent} of `{scan.column}`, {several(lengths.total, 'id')} without padding"
    if lengths.rows:
        yield "lengths", quantiles(lengths)
        share = scan.at_greatest / lengths.rows
        if share >= AT_GREATEST and lengths.least < lengths.greatest:
            told = f"{percent(share)} of the rows have exactly {several(lengths.greatest, 'id')}"
            yield "at the greatest length", f"{told}: cut off, or cut into blocks?"


def _padding(scan: IdScan) -> Iterator[tuple[str, str]]:
    total = scan.part.widths.total
    if not scan.mask and scan.roles.padding is None:
        yield "padding", "not told: there is no attention mask, and nothing says which id it is"
    elif total:
        who = f"`{scan.mask}`" if scan.mask else f"id {scan.roles.padding} at an end"
        sides = ", ".join(f"{side} in {several(count, 'row')}" for side, count in scan.part.sides.most_common())
        share = f"{percent(scan.padded / total)} of the ids" if scan.padded else "none"
        yield "padding", f"{share} ({who})" + (f": {sides}" if sides else "")


def _special(scan: IdScan, tokenizer: Tokenizer | None) -> Iterator[tuple[str, str]]:
    seen: dict[int, str] = {}
    for role in ROLES:
        counts = scan.part.special.get(role)
        if counts is not None and counts.rows and tokenizer is not None:
            i = scan.roles.special[role]
            (piece,) = pieces(tokenizer, [i])
            seen.setdefault(i, f"`{quoted(piece)}` {times(counts, 'row')}")
    if seen:
        yield "special tokens", "; ".join(seen.values())
    if scan.part.doubled:
        begin = "begins" if scan.part.doubled == 1 else "begin"
        yield "doubled", f"{scan.part.doubled:,} of {several(scan.rows, 'row')} {begin} with a special token twice"


def _learned(scan: IdScan) -> Iterator[tuple[str, str]]:
    part = scan.part
    if part.supervised is None:
        return
    share = part.supervised.total / max(part.widths.total, 1)
    yield "learned from", f"{percent(share)} of the places; to a row: {quantiles(part.supervised)}"
    if part.supervised.counts[0]:
        first = ", ".join(f"row {row}" for row in part.unsupervised[:ROWS])
        more = ", …" if part.supervised.counts[0] > ROWS else ""
        yield "nothing to learn", f"in {several(part.supervised.counts[0], 'row')} ({first}{more})"
    if part.ended:
        yield "end token", f"the last of {several(part.ended, 'row')}, learned from in {part.end_learned:,} of them"


def _ids(scan: IdScan, tokenizer: Tokenizer | None) -> Iterator[tuple[str, str]]:
    ids = scan.part.ids
    size = tokenizer.size if tokenizer is not None else None
    seen = ids.seen
    if len(seen):
        ends = "" if size else f", from {int(seen[0])} to {int(seen[-1])}"
        yield "vocabulary", occurring(len(seen), size) + ends
        yield "most frequent", most_told(tokenizer, ids.most(MOST))


def _failed(scan: IdScan) -> Iterator[tuple[str, str]]:
    if scan.part.failed:
        first = "; ".join(f"row {one.row}: {one.why}" for one in scan.part.named[:ROWS])
        more = "; …" if scan.part.failed > ROWS else ""
        yield "failed", f"{scan.part.failed:,} of {several(scan.part.met, 'row')}: {first}{more}"
