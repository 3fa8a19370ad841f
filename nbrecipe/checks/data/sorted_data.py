"""Batches do not follow the order of the labels.

Rows that lie class by class and are not shuffled give batches of one class: the net learns that class, then forgets it
for the next, and the last one has the last word. In a random order of n rows the label changes n (1 - Σp²) times, with
a variance that is known (Wald and Wolfowitz 1940, for several classes); six deviations fewer come once in a billion
orders. Data without a label, or with one at every position as in language modelling, have no such order.

In a watched loop the batches themselves are judged: the entropy of their labels against that of batches drawn at random
from the same labels, and whether class follows class. Batches of one class each, in whatever order, may be meant.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import BatchSampler, DataLoader, IterableDataset, SequentialSampler

from ... import toys
from ...batches import BadInput
from ...bench import Bench, Missing
from ...check import Check
from ...finding import Finding, Seen, Verdict, bad, hint, number, ok, skipped
from ...scan import held
from ...scan.columns.kinds import Kind
from ...task import Kind as TaskKind
from ...trace import Trace
from ...trace.record.data import LoaderSeen

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
#: batches of a loop whose labels must have been counted, share of the entropy that is expected of batches drawn at
#: random, draws from which that is told, and chance of batches of one class in a random order to come class by class
SEEN, LOW, DRAWS, CHANCE = 8, 0.5, 400, 1e-3
#: losses that learn classes; what names an order that is meant
CLASSES = ("cross_entropy", "nll_loss", "binary_cross_entropy", "multi_margin_loss", "CrossEntropyLoss", "NLLLoss")
MEANT = re.compile(r"continual|incremental|curricul|forget|sorted|episod|few.?shot|one.?class", re.IGNORECASE)


@check.run
def run(bench: Bench, trace: Trace | None = None) -> Finding:
    """Judge the loop that was watched, or else the rows of the data set and how its loader takes them."""
    return _of_rows(bench) if trace is None else _of_loop(trace)


def _of_loop(trace: Trace) -> Finding:
    """The labels of the batches that were trained on."""
    loaders = [
        one
        for one in trace.loaders
        if one.trained and 2 * one.trained >= one.batches and one.label_entropy.count >= SEEN
    ]
    if not loaders:
        return skipped(f"no loader gave {SEEN} batches with a class for each row")
    found = [_of_batches(trace, loader) for loader in loaders]
    return min(found, key=lambda finding: [Verdict.BAD, Verdict.HINT, Verdict.OK].index(finding.verdict))


def _of_batches(trace: Trace, loader: LoaderSeen) -> Finding:
    values, count = loader.label_entropy.values, loader.label_entropy.count
    if len(loader.labels) < 2:
        return ok(f"the {count} batches of `{loader.name}` that were looked at hold one class alone", batches=count)
    expected, deviation = entropy_by_chance(loader.labels, count)
    mean = float(np.mean(values))
    told = (
        f"the labels in a batch of `{loader.name}` have an entropy of **{number(mean, 3)}** in the mean, where batches "
        f"drawn at random have {number(expected, 3)}"
    )
    seen: dict[str, Any] = {"entropy": mean, "random": expected, "batches": count, "classes": len(loader.labels)}
    if mean >= LOW * expected or mean > expected - DEVIATIONS * deviation / math.sqrt(count):
        return ok(told, **seen)
    chances = [in_blocks_by_chance(order) for order in loader.leading if len(set(order)) > 1]
    if not chances or max(chances) >= 1 or len(chances) * min(chances) > CHANCE or loader.shuffles:
        return ok(f"{told}; the classes come in no order, so that batches of one class may be meant", **seen)
    learned = any(loss.grad and any(name in loss.name for name in CLASSES) for loss in trace.losses)
    carried = any(p.carried for model in trace.models for p in model.passes)
    sure = loader.shuffles is False and learned and not carried and not MEANT.search(trace.source)
    return (bad if sure else hint)(
        f"{told}, and class follows class: {_followed(loader)}",
        fix="Shuffle the training rows." if loader.shuffles is False else "Shuffle them through a large buffer.",
        code=f"{loader.name} = DataLoader({loader.name}.dataset, batch_size={loader.batch_size}, shuffle=True)"
        * (loader.shuffles is False),
        where=str(loader.place),
        **seen,
    )


def _followed(loader: LoaderSeen) -> str:
    """The classes of the longest pass in the order in which they came."""
    order = max(loader.leading, key=len)
    runs = [(label, len(list(some))) for label, some in itertools.groupby(order)]
    told = ", ".join(f"{n} × class {label}" for label, n in runs[:4])
    return f"{told}{', …' if len(runs) > 4 else ''} in the batches that were looked at"


def entropy_by_chance(labels: dict[int, int], batches: int) -> tuple[float, float]:
    """Mean and standard deviation of the entropy, in nats, of the labels in a batch drawn at random from these."""
    counts = np.array(list(labels.values()))
    size = max(1, min(int(counts.sum()), round(counts.sum() / batches)))
    drawn = np.random.default_rng(0).multivariate_hypergeometric(counts, size, DRAWS, method="marginals") / size
    entropies = -(drawn * np.log(np.where(drawn > 0, drawn, 1.0))).sum(1)
    return float(entropies.mean()), float(entropies.std())


def in_blocks_by_chance(order: list[int]) -> float:
    """The chance of a random order to bring equal ones together, K! n_1! ... n_K! / n!; 1 where they are not."""
    runs = sum(1 for _ in itertools.groupby(order))
    counts = Counter(order)
    if runs > len(counts) or len(counts) < 2:
        return 1.0
    logs = math.lgamma(len(counts) + 1) + sum(math.lgamma(n + 1) for n in counts.values()) - math.lgamma(len(order) + 1)
    return math.exp(min(0.0, logs))


def _of_rows(bench: Bench) -> Finding:
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
    """Changes of the label, or the entropy of batches, beside those of a random order."""
    if "entropy" in seen:
        ax.barh(["these batches", "random ones"], [seen["entropy"], seen["random"]], color=["C1", "C0"])
        ax.set_xlabel("entropy of the labels in a batch")
        return
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


def _trained(shuffle: bool) -> Bench:
    given = _in_blocks(shuffle, size=8)
    net, loss_fn, opt = toys.parts(given)
    train_dl = given.train_loader

    def program() -> None:
        for _ in range(2):
            for x, y in toys.batches(given):
                opt.zero_grad()
                loss_fn(net(x), y).backward()
                opt.step()

    return toys.watched(program, net=net, opt=opt, loss_fn=loss_fn, train_dl=train_dl)


@check.breaks
def trained_class_by_class() -> Bench:
    """A watched loop whose batches hold one class after another."""
    return _trained(shuffle=False)


@check.holds
def trained_in_no_order() -> Bench:
    """The same rows, shuffled by the loader."""
    return _trained(shuffle=True)


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
