"""The rows behind what was found of the data: labels that are doubted, copies and conflicts side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...bench import Bench
from ...decoding.worded import class_names
from ...experiments.simple.noise import Noise, train_noise
from ...finding import Result, Verdict
from ...pictures.browse import Card
from ...pictures.inspection import Beside, Look
from ...probes.data.cards import Cards
from ...scan import held
from ...scan.doubles.across import overlap
from ...scan.doubles.conflicts import train_conflicts
from ...scan.doubles.tables import read_rows
from ...scan.doubles.within import SPLITS
from ...scan.near.copies import Copies, near_both, near_train, near_val
from ...scan.reading import Scan
from ..cards import LIKE, cards_of

#: rows whose label is doubted, and pairs of each sort, that are shown
SUSPECTS, PAIRS = 12, 4
#: (split, row), (split, row) and what is told of both
Pair = tuple[tuple[str, int], tuple[str, int], str]


def looks(bench: Bench, found: Mapping[str, Result]) -> tuple[Look, ...]:
    """What is shown of the rows that these findings speak of; nothing where they speak of none."""
    shelves = {split: _Shelf(bench, scan) for split, scan in _scans(bench)}
    if "train" not in shelves:
        return ()
    made = [_doubted(bench, shelves["train"], found.get("label-noise"))]
    made += [_paired(shelves, *sort) for sort in _sorts(bench, found, shelves)]
    return tuple(look for look in made if look is not None and look.rows)


def _scans(bench: Bench) -> Iterator[tuple[str, Scan]]:
    for split, measure in (("train", held.train_scan), ("val", held.val_scan)):
        scan = bench.known(measure)
        if scan is not None:
            yield split, scan


@dataclass
class _Shelf:
    """The rows of a split as cards, read again when they are asked for."""

    bench: Bench
    scan: Scan
    _cards: Cards | None = None

    @property
    def name(self) -> str:
        return self.scan.name

    @property
    def cards(self) -> Cards:
        if self._cards is None:
            sample, plan = self.scan.part.sample.block(), self.scan.plan
            like = [{name: values[i] for name, values in sample.columns.items()} for i in range(min(LIKE, len(sample)))]
            self._cards = cards_of(self.bench, self.scan.source, plan, like=like)
        return self._cards

    def read(self, rows: Sequence[int]) -> dict[int, Card]:
        """The cards of these rows; what cannot be read again is missing."""
        block = read_rows(self.scan, np.unique(np.asarray(rows, np.int64)))
        made = {}
        for i, row in enumerate(block.rows.tolist()):
            made[row] = self.cards.card(row, {name: values[i] for name, values in block.columns.items()})
        return made

    def named(self, label: Any) -> str:
        """A class in words."""
        names = class_names(self.bench) or dict(self.scan.source.names)
        return str(names.get(label, label))


def _doubted(bench: Bench, shelf: _Shelf, result: Result | None) -> Look | None:
    """The rows whose label is doubted most, as given and as suggested."""
    seen: Noise | None = bench.known(train_noise)
    flagged = result is not None and result.verdict in (Verdict.HINT, Verdict.BAD)
    if seen is None or not flagged or not seen.count:
        return None
    some = seen.suspects(min(SUSPECTS, seen.count))
    cards = shelf.read([suspect.row for suspect in some])
    rows = [
        Beside((replace(cards[one.row], label=shelf.named(one.given), wrong=True,
                        predicted=f"{shelf.named(one.suggested)}, {one.confidence:.2f}"),))
        for one in some if one.row in cards
    ]  # fmt: skip
    who = f"{seen.model}" if bench.pred_probs is not None else "the cheap model"
    title = f"labels that {who} doubts most: as given, and ✗ as suggested, with the probability of that"
    return Look(title, shelf.cards.kind, tuple(rows))


def _sorts(
    bench: Bench, found: Mapping[str, Result], shelves: Mapping[str, _Shelf]
) -> Iterator[tuple[str, Sequence[Pair], int]]:
    """Every sort of pairs that were found, what is told of all of them, and how many there are."""
    for split, exact, near in zip(("train", "val"), SPLITS, (near_train, near_val), strict=True):
        doubles = bench.known(exact)
        if doubles is None or split not in shelves:
            continue
        name = shelves[split].name
        if doubles.counted >= 0.5:
            yield f"equal rows of `{name}`", [((split, a), (split, b), "") for b, a in doubles.pairs], doubles.extra
        yield f"rows of `{name}` that are nearly equal", *_alike(bench.known(near), split, split)
    yield from _across(bench, found, shelves)
    torn = bench.known(train_conflicts)
    if torn is not None and _flagged(found.get("conflicting-labels")):
        title = f"equal inputs of `{shelves['train'].name}` with different labels"
        yield title, [(("train", a), ("train", b), "") for a, _, b, _ in torn.pairs], torn.inputs


def _across(
    bench: Bench, found: Mapping[str, Result], shelves: Mapping[str, _Shelf]
) -> Iterator[tuple[str, Sequence[Pair], int]]:
    """Training rows beside validation rows."""
    shared = bench.known(overlap)
    if shared is not None and "val" in shelves:
        train, val = shelves["train"].name, shelves["val"].name
        if _flagged(found.get("train-val-overlap")) and shared.same:
            pairs: list[Pair] = [(("train", a), ("val", b), "") for a, b in shared.pairs]
            yield f"a row of `{train}` and the row of `{val}` that equals it", pairs, shared.same
        both = bench.known(near_both)
        yield f"a row of `{train}` and the row of `{val}` that nearly equals it", *_alike(both, "train", "val")


def _flagged(result: Result | None) -> bool:
    return result is not None and result.verdict in (Verdict.HINT, Verdict.BAD)


def _alike(copies: Copies | None, one: str, other: str) -> tuple[list[Pair], int]:
    pairs = copies.pairs if copies is not None else ()
    told = [((one, pair.first), (other, pair.second), f"differ in {pair.told}") for pair in pairs[:PAIRS]]
    return told, len(pairs)


def _paired(shelves: Mapping[str, _Shelf], title: str, pairs: Sequence[Pair], count: int) -> Look | None:
    """The first pairs side by side."""
    some = pairs[:PAIRS]
    if not some:
        return None
    cards: dict[tuple[str, int], Card] = {}
    for split, shelf in shelves.items():
        rows = [row for pair in some for where, row in pair[:2] if where == split]
        cards |= {(split, row): card for row, card in shelf.read(rows).items()} if rows else {}
    kind = shelves[some[0][0][0]].cards.kind
    sides = [Beside((cards[a], cards[b]), told) for a, b, told in some if a in cards and b in cards]
    return Look(title + (f": {len(some)} of {count}" if count > len(some) else ""), kind, tuple(sides))
