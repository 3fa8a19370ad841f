"""Every example stands in its split once.

A row that stands twice counts twice: in the loss, in the score, and, once a validation split is cut from the rows, on
both sides of the cut. Rows are compared by a hash of their inputs and label. Rows with few bits are equal by chance:
of those, only what no independent draws would give is counted, at an error of one in a million.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from ... import toys
from ...bench import Bench, Missing
from ...check import Check
from ...finding import Finding, Seen, bad, hint, number, ok
from ...scan.columns.kinds import Kind
from ...scan.doubles import lines
from ...scan.doubles.chance import RARE
from ...scan.doubles.within import SPLITS, Doubles
from ...scan.near.copies import Copies, near_train, near_val

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="duplicates and corruption", cost="scan")

#: share of the rows that are copies from which on it is a fault. Sets that are used as they are have fewer: the SMS
#: spam collection 7 %, and few have more than 1 %
SHARE = 0.1


@check.run
def run(bench: Bench) -> Finding:
    found: list[Finding] = []
    for split, measure, near in zip(("train", "val"), SPLITS, (near_train, near_val), strict=True):
        try:
            found.append(_judged(bench, split, bench.once(measure), bench.once(near)))
        except Missing:
            if split == "train":
                raise
    order = {"bad": 0, "hint": 1, "ok": 2}
    return min(found, key=lambda finding: order[finding.verdict.value])


def _judged(bench: Bench, split: str, seen: Doubles, near: Copies) -> Finding:
    name = seen.table.name
    numbers = {**_numbers(seen, name), "near copies": len(near.pairs)}
    if seen.counted < 0.5 and near.pairs:
        return _nearly(seen, near, numbers)
    if not seen.extra:
        return ok(f"each of **{seen.table.extent}** of `{name}` stands there once", why=near.lacking, **numbers)
    if seen.counted < 0.5:
        return ok(
            f"**{seen.extra}** of {seen.table.extent} of `{name}` equal an earlier one, "
            "no more often than independent draws may",
            why="they repeat as independent draws do",
            **numbers,
        )
    message = (
        f"{_count(seen)} of {seen.table.extent} of `{name}` (**{number(100 * seen.share, 3)} %**) are copies of "
        f"an earlier one: {_told(seen)}" + (f"; {near.count} more are nearly one" if near.pairs else "")
    )
    excuse = _excuse(seen)
    fix = "Drop the copies before anything is split or trained."
    code = lines.without_copies(bench, split, seen.table.scan)
    if excuse:
        return hint(message, fix=fix, code=code, why=excuse, **numbers)
    return bad(message, fix=fix, code=code, why=_cause(seen), **numbers)


def _nearly(seen: Doubles, near: Copies, numbers: Seen) -> Finding:
    few = ", ".join(f"row {pair.second} and row {pair.first} differ in {pair.told}" for pair in near.pairs[:3])
    return hint(
        f"{near.count} of {seen.table.extent} of `{seen.table.name}` are nearly an earlier one: {few}",
        fix="Look at these pairs, and keep both of a pair on one side of a split.",
        **{**numbers, "near pairs": [[pair.first, pair.second] for pair in near.pairs[:5]]},
    )


def _count(seen: Doubles) -> str:
    whole = round(seen.counted)
    left = seen.extra - whole
    return f"**{whole}**" + (f" (and {left} that may be chance)" if left > 0.05 * seen.extra else "")


def _told(seen: Doubles) -> str:
    return ", ".join(f"row {later} = row {earlier}" for later, earlier in seen.pairs[:3])


def _cause(seen: Doubles) -> str:
    if seen.step == 1:
        return "each stands right behind the row it equals"
    if seen.step:
        return f"row i + {seen.step} equals row i: part of the rows was appended once more"
    return "they stand in no regular order: they were there before the rows were shuffled or split"


def _excuse(seen: Doubles) -> str:
    """What may be meant, or is usual, and then is no fault."""
    if seen.table.streams:
        return "they come from a stream, which may repeat examples on purpose"
    if seen.share < SHARE:
        return f"sets that are used as they are have up to {100 * SHARE:.0f} %"
    if seen.raised:
        classes = ", ".join(map(str, seen.raised[:3]))
        return (
            f"only class {classes} is repeated, up to the size of the others: fine inside train, "
            "as long as the split was made before"
        )
    if seen.times:
        rule = f"; row i + {seen.step} equals row i" if seen.step else ""
        return f"every row stands {seen.times} times, so that none counts more than others{rule}"
    if seen.judged:
        return "equal inputs often have other labels as well: examples that were judged more than once"
    if _windows(seen):
        return "they are windows of text, and texts repeat themselves"
    if seen.chance >= RARE:
        return "they repeat as rows do that are drawn with replacement"
    return ""


def _windows(seen: Doubles) -> bool:
    plan = seen.table.scan.plan
    label = None if plan.label is None else plan.kinds[plan.label]
    return Kind.TOKENS in plan.inputs.values() and label in (None, Kind.TOKENS)


def _numbers(seen: Doubles, name: str) -> Seen:
    return {
        "split": name,
        "rows": len(seen.table),
        "equal": seen.extra,
        "copies": round(seen.counted),
        "expected by chance": round(seen.expected, 1),
        "chance of draws": seen.chance,
        "pairs": [list(pair) for pair in seen.pairs],
    }


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """The rows that stand once, and the copies."""
    nearly = not seen["copies"] and seen["near copies"]
    name, met = ("near copies", seen["near copies"]) if nearly else ("copies", seen["copies"])
    ax.barh([name, "rows"], [met, seen["rows"]], color=["C1", "C0"], height=0.5)
    ax.set_xlabel(f"rows of {seen['split']}")


def _rows(x: torch.Tensor, y: torch.Tensor) -> Bench:
    return toys.bench(toys.mlp((x.shape[1], 16, 5)), x, y, nn.CrossEntropyLoss())


def _table(rows: int = 1000, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    g = toys.seeded(seed)
    return torch.randn(rows, 20, generator=g), torch.randint(5, (rows,), generator=g)


@check.breaks
def a_third_appended_again() -> Bench:
    """The first 500 rows stand at the end once more."""
    x, y = _table()
    return _rows(torch.cat([x, x[:500]]), torch.cat([y, y[:500]]))


@check.breaks
def doubled_then_split() -> Bench:
    """All rows twice, shuffled, and a part of them kept for later."""
    x, y = _table()
    order = torch.randperm(2000, generator=toys.seeded())[:1600]
    return _rows(torch.cat([x, x])[order], torch.cat([y, y])[order])


@check.holds
def rows_of_random_numbers() -> Bench:
    """Nothing stands twice."""
    return _rows(*_table())


@check.holds
def few_bits() -> Bench:
    """Six columns of yes and no: 64 different rows, which meet by chance."""
    x, y = _table()
    return _rows((x[:, :6] > 0).float(), (y > 2).long())


@check.holds
def a_rare_class_repeated() -> Bench:
    """A class of 40 rows, repeated to the size of the others inside train."""
    x, y = _table()
    few = (y == 3).nonzero()[:40, 0]
    kept = torch.cat([(y != 3).nonzero()[:, 0], few.repeat(5)])
    return _rows(x[kept], y[kept])
