"""Texts that were decoded wrongly, as a finding: which rows, what stands there and what was meant."""

from __future__ import annotations

from ...finding import Finding, hint
from ..counts.garbled import LOST, is_garbled, repaired
from ..reading import Scan
from ..table.selection import line_for

#: rows that are named, and pairs of words
NAMED, TOLD = 5, 3
FIX = "Read the file as UTF-8, or turn these texts back as `ftfy.fix_text` does."
FIX_LOST = "Read the file in its own encoding: the letters are gone from these texts."


def misread(scan: Scan) -> Finding | None:
    """What was decoded wrongly in the columns of texts; None where nothing was.

    Never more than a hint: texts about encodings quote such letters, and data to learn repairing from are made of them.
    """
    found = {name: one for name, one in scan.part.garbled.items() if one.count or one.lost}
    name = max(found, key=lambda name: (found[name].count, found[name].lost), default="")
    if not name:
        return _classes(scan)
    told, one = [], found[name]
    rows = [row for row, _, _ in one.first]
    if one.count:
        pairs = list(dict.fromkeys((raw, meant) for _, raw, meant in one.first))[:TOLD]
        words = ", ".join(f"`{_plain(raw)}` for `{_plain(meant)}`" for raw, meant in pairs)
        told.append(f"{_rows(one.count, rows)} UTF-8 that was read as Latin-1: {words}")
    if one.lost:
        told.append(f"{_rows(one.lost, one.lost_first)} `{LOST}` for a letter that was lost in decoding")
    others = [f"`{other}`" for other in found if other != name]
    beside = f"; the same in {', '.join(others[:TOLD])}" if others else ""
    return hint(
        f"in `{name}` of `{scan.name}` {'; '.join(told)}{beside}",
        fix=FIX if one.count else FIX_LOST,
        code=line_for(scan.name, (rows or one.lost_first)[:NAMED]),
        column=name,
        count=one.count,
        rows=rows,
        lost=one.lost,
    )


def _classes(scan: Scan) -> Finding | None:
    """The names of classes that were decoded wrongly."""
    labels = scan.part.labels
    names = [name for name in (labels.counts if labels is not None else ()) if isinstance(name, str)]
    wrong = [name for name in names if is_garbled(name)]
    if not wrong:
        return None
    words = ", ".join(f"`{_plain(name)}` for `{_plain(repaired(name))}`" for name in wrong[:TOLD])
    return hint(f"classes of `{scan.name}` are UTF-8 that was read as Latin-1: {words}", fix=FIX, count=len(wrong))


def _rows(count: int, first: list[int]) -> str:
    named = ", ".join(map(str, first[:NAMED])) + (", …" if count > NAMED else "")
    return f"row {named} holds" if count == 1 else f"**{count}** rows ({named}) hold"


def _plain(word: str) -> str:
    """A word as it can stand in a sentence."""
    return word.replace("`", "'")
