"""How a climb begins: both splits read, the task told, the rows to fit on and to ask set apart."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...batches import BadInput
from ...bench import Bench, Missing
from ...evaluation.losses import TaskLoss, of_task, usual_loss
from ...scan import held
from ...scan.columns.kinds import Kind as Column
from ...scan.plan import plan_of
from ...scan.sources.opening import open_source
from ...task import Kind, Task
from ..simple.linear import FOLDS, folds
from .aims import WHOLE, Aim, aim_of
from .entries import classes_of, entries_of
from .fold import Fold
from .part import Part
from .reading import SEED, Progress, Split, read_split
from .rung import Rung

Array = np.ndarray[Any, Any]


@dataclass
class Climb:
    """What a climb knows, and the rungs so far."""

    bench: Bench
    train: Split
    val: Split | None
    aim: Aim
    loss: TaskLoss | None
    folds: list[tuple[Fold, Array]]
    rows: Array
    target: Any
    metric: str
    notes: list[str] = field(default_factory=list)
    rungs: list[Rung] = field(default_factory=list)


def begun(bench: Bench, labels: Any, metric: str | None, progress: Progress) -> Climb:
    """Both splits read, and what is asked of them."""
    task, notes = _task_of(bench)
    train, val = _splits(bench, labels, task, progress)
    given = [split.columns[train.plan.label] for split in (train, val) if split is not None and train.plan.label]
    aim = aim_of(train.plan, given, task, (train.name, bench.name("model")))
    aim = _with_classes(aim, train, val, task, bench)
    loss = _loss(aim, task, bench, notes)
    parts = [_part(split, aim, notes) for split in (train, val) if split is not None]
    pairs = _folds(aim, parts, metric or "", loss)
    for split in (train, val):
        if split is not None and split.unread:
            notes.append(f"{split.unread} rows of `{split.name}` could not be read ({split.raised})")
    last = parts[-1]
    return Climb(bench, train, val, aim, loss, pairs, last.rows, last.target, metric or "", notes)


def _task_of(bench: Bench) -> tuple[Task | None, list[str]]:
    """What the model learns, where a batch can tell; else a note why it cannot."""
    if bench.model is None:
        return None, []
    try:
        return bench.get("task"), []
    except Missing as missing:
        told = f"there is no `{missing.needed}` for `{bench.name('model')}` here"
    except BadInput as error:
        if error.lacks != "loss_fn":
            raise
        told = str(error)
    return None, [f"the task is read off the labels alone: {told}"]


def _splits(bench: Bench, labels: Any, task: Task | None, progress: Progress) -> tuple[Split, Split | None]:
    data, name = held.given_data(bench, "train")
    source = open_source(data, name, label=labels)
    small = task is None or task.kind is not Kind.RECONSTRUCTION
    train = read_split(source, plan=plan_of(source), bounded=True, small=small, seen=progress)
    try:
        data, name = held.given_data(bench, "val")
    except Missing:
        return train, None
    other = open_source(data, name, label=labels if isinstance(labels, str) else None)
    other.label = other.label or source.label
    val = read_split(other, plan=train.plan, bounded=False, small=small, seen=progress)
    lacking = [column for column in train.plan.kinds if column not in val.columns]
    if lacking:
        raise BadInput(f"`{name}` has no column `{lacking[0]}`, which `{train.name}` has")
    return train, val


def _with_classes(aim: Aim, train: Split, val: Split | None, task: Task | None, bench: Bench) -> Aim:
    """The classes of a task with a target at every position, and the input that is to come out again."""
    if aim.kind is Kind.RECONSTRUCTION and (aim.label is None or train.plan.kinds[aim.label] is not Column.IMAGE):
        shown = [name for name, kind in aim.inputs.items() if kind in (Column.IMAGE, Column.TABLE, Column.SEQUENCE)]
        if not shown:
            raise BadInput(f"`{train.name}` has no input that could come out again: images, rows or sequences")
        return replace(aim, label=shown[0])
    if aim.kind not in (Kind.NEXT_TOKEN, Kind.SEGMENTATION):
        return aim
    ignored = int(task.call.options.get("ignore_index", -100)) if task is not None and task.call is not None else -100
    aim = replace(aim, ignored=ignored)
    found = [entries_of(aim, _part(split, aim, [])) for split in (train, val) if split is not None]
    count = task.classes if task is not None else None
    if task is not None and task.call is not None and task.call.name.startswith("binary"):
        count = 2
    return replace(aim, classes=tuple(range(classes_of(found, count, (train.name, bench.name("model"))))))


def _loss(aim: Aim, task: Task | None, bench: Bench, notes: list[str]) -> TaskLoss | None:
    try:
        if task is not None:
            return of_task(task, bench)
        return usual_loss(aim.kind, len(aim.classes) or None)
    except BadInput as error:
        notes.append(str(error))
        return None


def _part(split: Split, aim: Aim, notes: list[str]) -> Part:
    """Rows with their targets; those without one are left out, and said."""
    inputs = {name: values for name, values in split.columns.items() if name in aim.inputs}
    if aim.kind not in WHOLE:
        target = split.columns[aim.label] if aim.label is not None else [None] * len(split.block)
        return Part(split.name, inputs, target, split.block.rows)
    assert aim.label is not None
    target, keep = aim.targets(split.columns[aim.label], split.block.rows, split.name)
    part = Part(split.name, inputs, np.arange(len(split.block)), split.block.rows)
    if len(keep) < len(split.block):
        notes.append(f"{len(split.block) - len(keep)} rows of `{split.name}` have no target and are left out")
        part = part.some(keep)
    return replace(part, target=target)


def _folds(aim: Aim, parts: list[Part], metric: str, loss: TaskLoss | None) -> list[tuple[Fold, Array]]:
    """What is fitted and what is asked, with the places of the asked; several where there are no validation data."""
    if len(parts) == 2:
        return [(Fold(aim, parts[0], parts[1], metric, loss), np.arange(len(parts[1])))]
    (whole,) = parts
    if len(whole) < 2:
        raise BadInput(f"`{whole.name}` has one row, and there are no validation data: nothing is left to answer")
    labels = whole.target if aim.kind in (Kind.CLASSES, Kind.BINARY) else None
    fold = folds(len(whole), blocks=False, count=min(FOLDS, len(whole)), labels=labels, seed=SEED)
    pairs = []
    for one in np.unique(fold):
        inside = np.flatnonzero(fold == one)
        pairs.append((Fold(aim, whole.some(np.flatnonzero(fold != one)), whole.some(inside), metric, loss), inside))
    return pairs
