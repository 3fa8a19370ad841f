"""Inputs tell something of their labels.

Where inputs and labels were put in two different orders, each label belongs to some other row. Training still goes
down, by heart, and validation stays at chance. That no cheap model finds anything is no proof: the task may be hard.
It is one together with a cell that puts labels in an order of their own, with a validation split in which the same
models do find it, or with images that fall by themselves into as many groups as there are classes.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch

from ... import toys
from ...batches import BadInput
from ...bench import Bench, Cell, Missing
from ...check import Check
from ...experiments.simple.groups import valleys
from ...experiments.simple.information import Informed, train_informed, val_informed
from ...experiments.simple.rows import train_rows
from ...experiments.simple.shifts import shifts
from ...experiments.simple.shuffling import alone, meant
from ...finding import Finding, Seen, bad, hint, number, ok, skipped
from ...scan.columns.kinds import Kind

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="sources of noise", cost="trains")

#: rows below which nothing is said; chance of calling labels informed that are not
ROWS, RATE = 200, 1e-3
#: p-value above which nothing was found; share of what can be known that a model may know for it to count as nothing
NOTHING, MOST = 0.01, 0.1
#: share that must be known for sure in the other split
KNOWN = 0.25
#: classes, depth of the valleys between groups, and the chance of it, for inputs that fall into groups by themselves
CLASSES, DEPTH, BY_CHANCE = 3, 0.5, 1e-6
FIX = "Put inputs and labels in one order: draw one permutation and index both with it."
CODE = "order = torch.randperm(len(X))\nX, y = X[order], y[order]"


@check.run
def run(bench: Bench) -> Finding:
    rows = bench.once(train_rows)
    if len(rows) < ROWS:
        return skipped(f"needs {ROWS} rows with a label, not {len(rows)}")
    seen, other = bench.once(train_informed), _validation(bench)
    measured = {**asdict(seen), "val": asdict(other) if other else None}
    if _nothing(seen):
        return _unknown(bench, seen, other, measured)
    told = f"{_told(seen)} of {rows.extent}"
    if other is not None and _nothing(other) and seen.least >= KNOWN and not meant(bench.cells):
        return bad(
            f"{told}; the same models know nothing of the labels of `{_name(bench, 'val')}`: {_told(other)}",
            fix=FIX.replace("inputs and labels", "inputs and labels of the validation split"),
            code=CODE,
            **measured,
        )
    return ok(told if seen.p < RATE else f"{told}: too little to say", **measured)


def _unknown(bench: Bench, seen: Informed, other: Informed | None, measured: dict[str, Any]) -> Finding:
    """A fault where something else shows that labels were to be known."""
    told = f"no cheap model knows anything of the labels: {_told(seen)} of {seen.rows} rows"
    on_purpose, event = meant(bench.cells), alone(bench.cells)
    if on_purpose:
        return hint(told, fix=FIX, code=CODE, why=f"`{on_purpose}` is random by its name or its making", **measured)
    if (shift := _shift(bench)) != 0:
        why = f"they fit when shifted by {shift}, see misaligned-labels"
        return hint(told, fix="Shift the labels back to their inputs.", why=why, **measured)
    if seen.most <= MOST:
        if event is not None:
            told += f", and `{event.name}` is put in an order of its own in cell {event.cell}"
            where = f"cell {event.cell}, line {event.line}"
            return bad(told, fix=FIX, code=CODE, where=where, **measured)
        if other is not None and other.least >= KNOWN:
            told += f"; in `{_name(bench, 'val')}` the same models do: {_told(other)}"
            return bad(told, fix=FIX, code=CODE, **measured)
        groups = _groups(bench)
        if groups:
            return bad(
                f"{told}, while the images fall into {groups} groups by themselves", fix=FIX, code=CODE, **measured
            )
    why = "a hard task looks alike: what is told by no pixel, word or column on its own, by no likeness of rows"
    return hint(told, fix="Read some rows with their labels: do they belong together?", why=why, **measured)


def _nothing(seen: Informed) -> bool:
    return seen.p > NOTHING


def _validation(bench: Bench) -> Informed | None:
    """What is known of the validation labels; None where there are none, or few."""
    try:
        seen = bench.once(val_informed)
    except (Missing, BadInput):
        return None
    return seen if seen.rows >= ROWS and (seen.most <= MOST or not _nothing(seen)) else None


def _shift(bench: Bench) -> int:
    """The shift that explains most where it explains much, 0 elsewhere."""
    try:
        seen = bench.once(shifts)
    except BadInput:
        return 0
    best = max(seen.skills, key=lambda k: seen.skills[k])
    return best if seen.skills[best] > 2 * MOST else 0


def _groups(bench: Bench) -> int:
    """As many groups as there are classes, where images stand apart in them by themselves; else 0.

    Only for images: the groups of a table may be those of any column, and the label another thing.
    """
    rows = bench.once(train_rows)
    classes = len(rows.classes)
    if classes < CLASSES or any(kind is not Kind.IMAGE for kind in rows.kinds.values()) or len(rows.kinds) > 1:
        return 0
    found = valleys(rows, classes)
    return classes if found.depth <= DEPTH and found.p < BY_CHANCE else 0


def _told(seen: Informed) -> str:
    if not seen.classes:
        return f"correlation **{number(seen.score, 3)}** with the number predicted (p = {number(seen.p, 2)})"
    return (
        f"balanced accuracy **{number(seen.score, 3)}**, {number(seen.chance, 3)} with labels permuted "
        f"(p = {number(seen.p, 2)})"
    )


def _name(bench: Bench, split: str) -> str:
    return bench.name(f"{split}_loader" if getattr(bench, f"{split}_loader") is not None else f"{split}_data")


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """What each cheap model scores, and what it would with labels permuted."""
    ax.barh(list(seen["scores"]), list(seen["scores"].values()), color="C0")
    ax.axvline(seen["chance"], color="C2", linestyle="--", linewidth=1)
    ax.set_xlabel("balanced accuracy" if seen["classes"] else "correlation")


def _apart(given: Bench, **more: Any) -> Bench:
    x, y = given.train_data.tensors
    order = torch.randperm(len(y), generator=toys.seeded(1))
    return toys.bench(given.get("model"), x, y[order], given.loss_fn, **more)


@check.breaks
def images_and_labels_apart() -> Bench:
    """Labels of images in an order of their own."""
    return _apart(toys.images(rows=512))


@check.breaks
def in_a_cell() -> Bench:
    """A cell draws one order for the rows of the inputs, and another one for the labels."""
    source = "X = X[torch.randperm(len(X))]\ny = y[torch.randperm(len(y))]"
    return _apart(toys.classify(rows=512), cells=(Cell(3, source),))


@check.breaks
def only_in_training() -> Bench:
    """The validation labels belong to their rows, those of training do not."""
    given = toys.classify(rows=1024)
    val = torch.utils.data.DataLoader(given.train_data, batch_size=64)
    return _apart(given, val_loader=val)


@check.holds
def vectors() -> Bench:
    """Classes that can be told apart."""
    return toys.classify()


@check.holds
def numbers() -> Bench:
    """A smooth function."""
    return toys.regress()


@check.holds
def random_labels_on_purpose() -> Bench:
    """A net is shown to learn random labels by heart."""
    return _apart(toys.images(rows=512), cells=(Cell(1, "random_labels = y[torch.randperm(len(y))]"),))


@check.holds
def parity() -> Bench:
    """Whether three of twenty switches are on in all is told by no column on its own."""
    x = (torch.rand(600, 20, generator=toys.seeded()) < 0.5).float()
    return toys.bench(toys.mlp((20, 8, 2)), x, (x[:, :3].sum(1) % 2).long(), torch.nn.CrossEntropyLoss())
