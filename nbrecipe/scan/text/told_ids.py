"""What was counted of rows of ids, in plain words: rows of a name and a sentence, as a page lists them."""

from __future__ import annotations

from collections.abc import Iterator

from ...tokens import Tokenizer
from .id_reading import IdScan
from .lengths import Lengths
from .table import Embedding, pieces, untrained
from .told import ROLES, percent, quoted, times

#: rows and tokens that are named; share of the rows at the greatest length from which on that is told
ROWS, MOST, AT_GREATEST = 3, 12, 0.01


def ids_told(
    scan: IdScan, tokenizer: Tokenizer | None = None, table: Embedding | None = None
) -> tuple[tuple[str, str], ...]:
    """What stands in all rows: lengths, padding, special tokens, what is learned from, and which ids."""
    return (
        *_size(scan),
        *_padding(scan),
        *_special(scan, tokenizer),
        *_learned(scan),
        *_ids(scan, tokenizer),
        *(_table(scan, tokenizer, table) if table is not None else ()),
        *_failed(scan),
    )


def _size(scan: IdScan) -> Iterator[tuple[str, str]]:
    lengths = scan.part.lengths
    yield "read", f"{scan.extent} of `{scan.column}`, {lengths.total:,} ids without padding"
    if lengths.rows:
        yield "lengths", quantiles(lengths)
        share = scan.at_greatest / lengths.rows
        if share >= AT_GREATEST and lengths.least < lengths.greatest:
            told = f"{percent(share)} of the rows have exactly {lengths.greatest:,} ids"
            yield "at the greatest length", f"{told}: cut off, or cut into blocks?"


def quantiles(lengths: Lengths) -> str:
    """Lengths in a line."""
    if lengths.least == lengths.greatest:
        return f"{lengths.greatest:,} in every row"
    several = ", ".join(f"{share:.0%} up to {lengths.quantile(share):,}".replace("%", " %") for share in (0.95, 0.99))
    return f"median {lengths.quantile(0.5):,}, {several}, from {lengths.least:,} to {lengths.greatest:,}"


def _padding(scan: IdScan) -> Iterator[tuple[str, str]]:
    total = scan.part.widths.total
    if not scan.mask and scan.roles.padding is None:
        yield "padding", "not told: there is no attention mask, and nothing says which id it is"
    elif total:
        who = f"`{scan.mask}`" if scan.mask else f"id {scan.roles.padding} at an end"
        sides = ", ".join(f"{side} in {count:,} rows" for side, count in scan.part.sides.most_common())
        yield "padding", f"{percent(scan.padded / total)} of the ids ({who})" + (f": {sides}" if sides else "")


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
        yield "doubled", f"{scan.part.doubled:,} of {scan.rows:,} rows begin with a special token twice"


def _learned(scan: IdScan) -> Iterator[tuple[str, str]]:
    part = scan.part
    if part.supervised is None:
        return
    share = part.supervised.total / max(part.widths.total, 1)
    yield "learned from", f"{percent(share)} of the places; to a row: {quantiles(part.supervised)}"
    if part.supervised.counts[0]:
        first = ", ".join(f"row {row}" for row in part.unsupervised[:ROWS])
        more = ", …" if part.supervised.counts[0] > ROWS else ""
        yield "nothing to learn", f"in {part.supervised.counts[0]:,} rows ({first}{more})"
    if part.ended:
        yield "end token", f"the last of {part.ended:,} rows, learned from in {part.end_learned:,} of them"


def _ids(scan: IdScan, tokenizer: Tokenizer | None) -> Iterator[tuple[str, str]]:
    ids = scan.part.ids
    size = tokenizer.size if tokenizer is not None else None
    found = len(ids.seen)
    if found:
        least, greatest = int(ids.seen[0]), int(ids.seen[-1])
        of = f" of {size:,}" if size else f", from {least} to {greatest}"
        yield "vocabulary", f"{found:,}{of} ids occur" if size else f"{found:,} ids occur{of}"
        common = ids.most(MOST)
        named = pieces(tokenizer, [i for i, _ in common]) if tokenizer is not None else [str(i) for i, _ in common]
        told = (f"`{quoted(piece)}` {count:,}" for piece, (_, count) in zip(named, common, strict=True))
        yield "most frequent", ", ".join(told)


def _table(scan: IdScan, tokenizer: Tokenizer | None, table: Embedding) -> Iterator[tuple[str, str]]:
    found = untrained(table, scan.part.ids, tokenizer)
    told = (
        f"{len(found.unused):,} of {table.rows:,} rows of `{table.name}` ({percent(found.share)}) are never looked up"
    )
    yield "embedding", told
    if len(found.outside):
        first = ", ".join(str(i) for i in found.outside[:ROWS].tolist())
        end = scan.part.ids.greatest
        where = f"; {end[0]} stands in row {end[1]}" if end is not None and end[0] >= table.rows else ""
        yield (
            "ids without a row",
            f"{len(found.outside):,} ({first}{', …' if len(found.outside) > ROWS else ''}){where}",
        )


def _failed(scan: IdScan) -> Iterator[tuple[str, str]]:
    if scan.part.failed:
        first = "; ".join(f"row {one.row}: {one.why}" for one in scan.part.named[:ROWS])
        more = "; …" if scan.part.failed > ROWS else ""
        yield "failed", f"{scan.part.failed:,} of {scan.part.met:,} rows: {first}{more}"
