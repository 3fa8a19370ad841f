"""The cards of a data set's rows, as every page that shows rows makes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..bench import Bench
from ..decoding.normalisation import scale_of
from ..decoding.spelled import Speller
from ..decoding.worded import class_names
from ..probes.data.cards import Cards
from ..scan.plan import Plan
from ..scan.sources.source import Source

#: rows by whose values pixels are coloured
LIKE = 64


def cards_of(
    bench: Bench,
    source: Source,
    plan: Plan,
    rows: Iterable[int] = (),
    *,
    like: Iterable[Mapping[str, Any]] | None = None,
) -> Cards:
    """What makes cards of the rows of a source; those of `rows`, or `like` as they stand, colour the pixels of all."""
    examples = _read(source, rows) if like is None else list(like)
    kinds = {name: str(kind) for name, kind in plan.kinds.items()}
    names = class_names(bench) or dict(source.names)
    return Cards(kinds, plan.label, names=names, scale=scale_of(bench), speller=Speller.of(bench), like=examples,
                 dates=plan.dates)  # fmt: skip


def _read(source: Source, rows: Iterable[int]) -> list[dict[str, Any]]:
    found = []
    for row in rows:
        try:
            found.append(source.example(row))
        except Exception:  # a row that raises has no colours
            continue
        if len(found) == LIKE:
            break
    return found
