"""No validation row stands in train.

A row that was trained on is answered from memory, so that a score over such rows says nothing of new ones. Rows are
compared by a hash of their inputs. Equal rows of few bits may meet by chance: those are counted only where the rows of
both splits repeat as no independent draws do, at an error of one in a million.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, Seen, bad, hint, number, ok
from ...scan.doubles import lines
from ...scan.doubles.across import Overlap, overlap
from ...scan.doubles.chance import RARE
from ...scan.doubles.within import train_doubles
from ...scan.near.copies import Copies, near_both

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="duplicates and corruption", cost="scan")

#: accuracy on new rows that is assumed: known rows are answered right, which moves the score by share * (1 - ACCURACY).
#: It is a fault where that exceeds the standard error sqrt(ACCURACY * (1 - ACCURACY) / rows) of the score itself
ACCURACY = 0.9


@check.run
def run(bench: Bench) -> Finding:
    names = bench.name("train_loader"), bench.name("val_loader")
    if bench.train_loader is not None and bench.train_loader is bench.val_loader:
        return hint(
            f"`{names[1]}` is `{names[0]}`: what is scored is what was trained on",
            fix="Hold rows out that are not trained on, unless learning these by heart is what you want to see.",
        )
    seen, near = bench.once(overlap), bench.once(near_both)
    rows, numbers = len(seen.val), {**_numbers(seen), "near copies": len(near.pairs)}
    if seen.counted < 0.5 and near.pairs:
        return _nearly(seen, near, numbers)
    if not seen.met:
        return ok(f"none of **{seen.val.extent}** of `{seen.val.name}` stands in `{seen.train.name}`", **numbers)
    if seen.counted < 0.5:
        return _few_bits(seen, numbers) if not seen.same or seen.dealt >= RARE else _crossing(seen, numbers)
    share = seen.counted / rows
    message = (
        f"**{round(seen.counted)}** of {seen.val.extent} of `{seen.val.name}` (**{number(100 * share, 3)} %**) stand "
        f"in `{seen.train.name}`: {_told(seen)}" + (f"; {near.count} more do nearly" if near.pairs else "")
    )
    fix = "Drop the rows that stand twice, then split; or split by what the copies have in common."
    code = lines.without_train(bench, seen.train.scan, seen.val.scan)
    excuse = _excuse(bench, seen)
    if not _moves(share, rows):
        excuse = excuse or f"too few to move a score over {rows} rows by more than its standard error"
    if excuse:
        return hint(message, fix=fix, code=code, why=excuse, **numbers)
    return bad(message, fix=fix, code=code, why=_cause(bench, seen), **numbers)


def _moves(share: float, rows: int) -> bool:
    """Whether so many known rows move an accuracy by more than its standard error."""
    return share * (1 - ACCURACY) > math.sqrt(ACCURACY * (1 - ACCURACY) / rows)


def _nearly(seen: Overlap, near: Copies, numbers: Seen) -> Finding:
    """Near copies are worth a look; a fault where they are many, and each far nearer than any third row."""
    rows, few = len(seen.val), near.pairs[:3]
    train, val = seen.train.name, seen.val.name
    told = ", ".join(f"`{train}` row {pair.first} and `{val}` row {pair.second} differ in {pair.told}" for pair in few)
    message = f"{near.count} of {seen.val.extent} of `{val}` nearly stand in `{train}`: {told}"
    fix = "Keep rows that were made from one another on one side of the split: split by what they come from."
    numbers = {**numbers, "near pairs": [[pair.first, pair.second] for pair in near.pairs[:5]]}
    stream = seen.train.streams or seen.val.streams
    if stream or not _moves(near.sole / rows, rows):
        return hint(message, fix=fix, **numbers)
    return bad(message, fix=fix, why="each is far nearer to its copy than to any third row", **numbers)


def _few_bits(seen: Overlap, numbers: Seen) -> Finding:
    if not seen.same:
        message = (
            f"**{seen.met}** of {seen.val.extent} of `{seen.val.name}` stand in `{seen.train.name}`, with other labels"
        )
        return ok(message, **numbers)
    return ok(
        f"**{seen.met}** of {seen.val.extent} of `{seen.val.name}` stand in `{seen.train.name}`, as rows of few bits "
        f"do by chance: {number(seen.expected, 3)} are expected from how often rows of `{seen.train.name}` "
        "stand there again",
        **numbers,
    )


def _crossing(seen: Overlap, numbers: Seen) -> Finding:
    return hint(
        f"**{seen.same}** of {seen.val.extent} of `{seen.val.name}` stand in `{seen.train.name}`, and "
        f"{number(seen.expected, 3)} are expected from how often rows of `{seen.train.name}` stand there again: "
        f"{_told(seen)}",
        fix="Look whether these rows are copies or alike by chance: they hold few bits.",
        **numbers,
    )


def _told(seen: Overlap) -> str:
    train, val = seen.train.name, seen.val.name
    return ", ".join(f"`{train}` row {ours} = `{val}` row {theirs}" for ours, theirs in seen.pairs[:3])


def _excuse(bench: Bench, seen: Overlap) -> str:
    """What may be meant, or cannot be told from a fault."""
    if seen.train.streams or seen.val.streams:
        return "they come from a stream, which may repeat examples on purpose"
    size = getattr(bench.train_loader, "batch_size", None)
    if len(seen.train) <= (size or 0) and seen.counted >= len(seen.val) * 0.99:
        return "train is a single batch: learning it by heart may be what is meant"
    if seen.same < 0.5 * seen.met:
        return "most of the rows that are equal have other labels"
    if seen.short_list and not (bench.once(train_doubles).raised and not seen.unlike_draws):
        return "the rows come from a short list of values, each of which stands there again and again"
    return ""


def _cause(bench: Bench, seen: Overlap) -> str:
    rows = len(seen.val)
    if seen.same == rows and seen.offset is not None:
        start = seen.offset
        return f"validation is row {start} to row {start + rows - 1} of train: the rows were not taken out of train"
    if seen.dealt < RARE:
        return "rows stand across the splits and not inside them: the validation rows were not taken out of train"
    doubled = bench.once(train_doubles)
    if doubled.raised:
        return f"class {', '.join(map(str, doubled.raised[:3]))} was repeated before the split"
    return "rows stand again inside the splits as they do across: they were doubled before the split"


def _numbers(seen: Overlap) -> Seen:
    return {
        "rows": len(seen.val),
        "train rows": len(seen.train),
        "equal": seen.met,
        "equal with their label": seen.same,
        "known": round(seen.counted),
        "expected by chance": round(seen.expected, 1),
        "chance of draws": seen.chance,
        "chance of a split": seen.dealt,
        "pairs": [list(pair) for pair in seen.pairs],
    }


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """The validation rows, and those that stand in train."""
    nearly = not seen["known"] and seen["near copies"]
    name, met = ("nearly in train", seen["near copies"]) if nearly else ("in train", seen["known"])
    ax.barh([name, "validation"], [met, seen["rows"]], color=["C1", "C0"], height=0.5)
    ax.set_xlabel("rows")


def _split(train: tuple[torch.Tensor, torch.Tensor], val: tuple[torch.Tensor, torch.Tensor]) -> Bench:
    x, y = train
    given = toys.bench(toys.mlp((x.shape[1], 16, 5)), x, y, nn.CrossEntropyLoss())
    loader = DataLoader(TensorDataset(*val), batch_size=64)
    return given.replace(val_loader=loader, names={**given.names, "val_loader": "val_dl"})


def _table(rows: int = 1000) -> tuple[torch.Tensor, torch.Tensor]:
    g = toys.seeded()
    return torch.randn(rows, 20, generator=g), torch.randint(5, (rows,), generator=g)


def _halves(x: torch.Tensor, y: torch.Tensor) -> Bench:
    """Four fifths to train on, chosen at random."""
    order = torch.randperm(len(x), generator=toys.seeded())
    cut = len(x) * 4 // 5
    return _split((x[order[:cut]], y[order[:cut]]), (x[order[cut:]], y[order[cut:]]))


@check.breaks
def doubled_before_the_split() -> Bench:
    """All rows twice, then a random split."""
    x, y = _table()
    return _halves(torch.cat([x, x]), torch.cat([y, y]))


@check.breaks
def validation_left_in_train() -> Bench:
    """The validation rows are a part of train."""
    x, y = _table()
    return _split((x, y), (x[800:], y[800:]))


@check.holds
def a_random_split() -> Bench:
    """Rows that stand on one side each."""
    return _halves(*_table())


@check.holds
def few_bits() -> Bench:
    """Rows of six yes or no, 64 of them different, split at random."""
    x, _ = _table()
    return _halves((x[:, :6] > 0).float(), (x[:, 0] > 0).long())


@check.holds
def one_loader_for_both() -> Bench:
    """The training loader given as validation too, to see that it can be learned by heart."""
    given = toys.bench(toys.mlp((20, 16, 5)), *_table(), nn.CrossEntropyLoss())
    return given.replace(val_loader=given.train_loader)
