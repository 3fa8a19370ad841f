"""Batches do not follow the order of the labels.

Rows that lie class by class and are not shuffled give batches of one class: the net learns that class, then forgets it
for the next, and the last one has the last word. In a random order of n rows the label changes n (1 - Σp²) times, with
a variance that is known (Wald and Wolfowitz 1940, for several classes); six deviations fewer come once in a billion
orders. Data without a label, or with one at every position as in language modelling, have no such order.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import BatchSampler, DataLoader, IterableDataset, SequentialSampler

from ... import toys
from ...batches import BadInput
from ...bench import Bench, Missing
from ...check import Check
from ...finding import Finding, Seen, bad, hint, number, ok, skipped
from ...scan import held
from ...scan.columns.kinds import Kind
from ...task import Kind as TaskKind

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="sources of noise", cost="scan")

#: deviations below what a random order gives, from which on the rows are said to be in order
DEVIATIONS = 6.0
#: length of a run in batches from which on most batches hold a class or two, and from which on it is worth a look
LONG, SOME = 1.0, 0.5
#: batches in an epoch below which a batch is nearly everything
BATCHES = 4
#: whole numbers that are classes though no model says so
FEW = 20


@check.run
def run(bench: Bench) -> Finding:
    data = bench.once(held.train_scan)
    labels = data.part.labels
    if labels is None or labels.kind is not Kind.CLASS or labels.many:
        return skipped("the rows have no class for a label")
    counts = [count for count in labels.counts.values() if count]
    if len(counts) < 2:
        return ok(f"`{data.name}` holds one class alone", classes=len(counts))
    expected, deviation = changes_by_chance(counts)
    told = (
        f"the label changes **{labels.changes}** times in {data.extent} of `{data.name}`, where a random order changes "
        f"it {number(expected, 4)} ± {number(deviation, 2)} times"
    )
    seen: dict[str, Any] = {"changes": labels.changes, "expected": expected, "deviation": deviation}
    if labels.changes >= expected - DEVIATIONS * deviation:
        return ok(told, **seen)
    length = labels.rows / (labels.changes + 1)
    loader = bench.train_loader
    if not isinstance(loader, DataLoader):
        return hint(
            told, fix="Shuffle the rows where they are trained on.", why=f"a run holds {number(length, 3)} rows", **seen
        )
    size = _batch(loader)
    if isinstance(loader.dataset, IterableDataset):
        return _of_stream(told, seen, length, size)
    if type(loader.sampler) is not SequentialSampler or type(loader.batch_sampler) not in (BatchSampler, type(None)):
        how = type(loader.sampler if type(loader.batch_sampler) is BatchSampler else loader.batch_sampler).__name__
        return ok(f"{told}; a {how} draws them in its own order", **seen)
    return _in_order(bench, told, seen | {"batch": size}, length, size)


def _in_order(bench: Bench, told: str, seen: dict[str, Any], length: float, size: int) -> Finding:
    """The loader takes the rows one after another."""
    data = bench.once(held.train_scan)
    assert data.part.labels is not None
    if data.rows < BATCHES * size:
        return ok(f"{told}; a batch of {size} holds a large part of them", **seen)
    if length < SOME * size:
        return ok(f"{told}; a batch of {size} holds several runs all the same", **seen)
    classes = len(data.part.labels.counts)
    blocks = data.whole and data.part.labels.changes == classes - 1
    why = f"a run of one class holds {number(length, 3)} rows, a batch {size}, and the loader takes the rows in order"
    name = bench.name("train_loader")
    given: dict[str, Any] = {
        "fix": "Shuffle the training rows.",
        "code": f"{name} = DataLoader({name}.dataset, batch_size={size}, shuffle=True)",
        "why": why,
    }
    if blocks and length >= LONG * size and _are_classes(bench, classes):
        return bad(told, **given, **seen)
    return hint(told, **given, **seen)


def _of_stream(told: str, seen: dict[str, Any], length: float, size: int) -> Finding:
    if length < SOME * size:
        return ok(f"{told}; a batch of {size} holds several runs all the same", **seen)
    why = "a stream is trained on in the order in which it comes, unless something shuffles it later"
    return hint(told, fix="Shuffle the stream, through a buffer of many batches at least.", why=why, **seen)


def changes_by_chance(counts: list[int]) -> tuple[float, float]:
    """Mean and standard deviation of the changes of label over all orders of so many rows of each class."""
    n = float(sum(counts))
    squares, cubes = float(sum(c * c for c in counts)), float(sum(c**3 for c in counts))
    mean = (n * (n + 1) - squares) / n - 1
    variance = (squares * (squares + n * (n + 1)) - 2 * n * cubes - n**3) / (n * n * max(n - 1, 1))
    return mean, math.sqrt(max(variance, 0.0))


def _batch(loader: DataLoader[Any]) -> int:
    return int(loader.batch_size or getattr(loader.batch_sampler, "batch_size", None) or 1)


def _are_classes(bench: Bench, classes: int) -> bool:
    """Whether the label is learned as a class; sorted numbers may be a series in time."""
    try:
        return bench.get("task").kind in (TaskKind.CLASSES, TaskKind.BINARY)
    except (Missing, BadInput):
        return classes <= FEW


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """Changes of the label beside those of a random order."""
    ax.barh(["these rows", "random order"], [seen["changes"], seen["expected"]], color=["C1", "C0"])
    ax.set_xlabel("changes of label")


def _in_blocks(shuffle: bool, size: int = 32) -> Bench:
    given = toys.classify()
    x, y = given.train_data.tensors
    order = y.argsort()
    data = torch.utils.data.TensorDataset(x[order], y[order])
    generator = toys.seeded() if shuffle else None
    loader = DataLoader(data, batch_size=size, shuffle=shuffle, generator=generator)
    return toys.bench(given.get("model"), x[order], y[order], given.loss_fn, train_loader=loader)


@check.breaks
def class_by_class() -> Bench:
    """The rows lie class by class, as they were read from folders, and nothing shuffles them."""
    return _in_blocks(shuffle=False)


@check.holds
def class_by_class_and_shuffled() -> Bench:
    """The rows lie class by class, and the loader shuffles them."""
    return _in_blocks(shuffle=True)


@check.holds
def in_no_order() -> Bench:
    """The loader takes the rows as they lie, and they were shuffled once."""
    return toys.classify()


@check.holds
def one_large_batch() -> Bench:
    """Every batch holds half of the rows."""
    return _in_blocks(shuffle=False, size=128)


@check.holds
def weighted_sampler() -> Bench:
    """The rows lie class by class, and a sampler draws them by weight."""
    given = _in_blocks(shuffle=False)
    data = given.train_data
    sampler = torch.utils.data.WeightedRandomSampler([1.0] * len(data), len(data), generator=toys.seeded())
    return given.replace(train_loader=DataLoader(data, batch_size=32, sampler=sampler))
