"""Training and validation number the classes alike.

Two label encoders, two folders listed in another order, labels that start at 1 in one file and at 0 in the other: the
model is right and its answers go by other numbers. Accuracy falls below a guess although each class gets one answer.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, Seen, bad, hint, number, ok, skipped
from ...trace import Trace
from ...trace.record.course import ends, training_loss
from ...trace.record.data import Answers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="look at model outputs")

#: rows of a class below which nothing is said of it
ROWS = 10
#: standard errors above one half that the share of one wrong answer must lie
SURE = 3.0
#: accuracy in training from which on a model is known to have learned its labels
LEARNED = 0.5
#: losses of classes, and how far one must have fallen for the same
LOSSES, FELL = ("cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits"), 0.7
#: share of right answers after the renaming that no model comes to which learned nothing
RIGHT = 0.8
#: chance that a model which answers each class with any one class makes a renaming of all of them, C!/C^C
CHANCE = 1e-3
#: classes that are named beside the picture
NAMED = 6
Table = dict[int, dict[int, int]]


@check.run
def run(trace: Trace, trained: str = "") -> Finding:
    tables = [a for a in trace.answers if not a.grad and len(a.table) > 1]
    if not tables:
        return skipped("no answers of a model without gradients met the labels of two classes or more")
    for answers in tables:
        renamed = _moved(_majorities(answers.table))
        if not renamed or _attacked(trace, answers):
            continue
        learned = _learned(trace, answers)
        certain = learned or (bool(trained) and len(answers.table) > 2 and _mapped(answers.table, renamed) > RIGHT)
        if certain or _unlikely(renamed, answers):
            return _told(answers, renamed, certain)
    best = max(tables, key=lambda answers: _rows(answers.table))
    accuracy, rows = _accuracy(best.table), _rows(best.table)
    said = f"accuracy {number(accuracy, 3)} on {rows} rows, and no two classes change places"
    return ok(said, accuracy=accuracy, rows=rows, table=_plain(best.table))


def _told(answers: Answers, renamed: dict[int, int], certain: bool) -> Finding:
    table, rows = answers.table, _rows(answers.table)
    accuracy, mapped = _accuracy(table), _mapped(table, renamed)
    pairs = ", ".join(f"{target} → {said}" for target, said in sorted(renamed.items())[:6])
    return (bad if certain else hint)(
        f"accuracy **{number(accuracy, 3)}** on {rows} rows; **{number(mapped, 3)}** once classes are renamed "
        f"({pairs}{', …' if len(renamed) > 6 else ''}): validation numbers them in another way than training",
        fix="Make the numbers of the classes once, from the training data, and use them for both.",
        code="class_to_idx = {name: i for i, name in enumerate(sorted(set(train_labels)))}",
        where=str(answers.place),
        accuracy=accuracy,
        renamed_accuracy=mapped,
        rows=rows,
        table=_plain(table),
    )


def _majorities(table: Table) -> dict[int, int]:
    """The answer that more than half of a class gets, beyond sampling error; classes without one are left out."""
    found = {}
    for target, row in table.items():
        size = sum(row.values())
        said, count = max(row.items(), key=lambda item: item[1])
        if size >= ROWS and count / size > 0.5 + SURE * 0.5 / math.sqrt(size):
            found[target] = said
    return found


def _moved(answer: dict[int, int]) -> dict[int, int]:
    """Classes that change places, 3 → 5 → 3, or move on one after another, 3 → 2 → 1.

    A class that others are taken for and that keeps its own number has moved nobody: the model mixes them up.
    """
    said = list(answer.values())
    moved = {t: s for t, s in answer.items() if t != s and answer.get(s) != s and said.count(s) == 1}
    return {t: s for t, s in moved.items() if s in moved or t in moved.values()}


def _learned(trace: Trace, answers: Answers) -> bool:
    """Whether training brought the loss of classes down in this cell, or other rows are answered by their labels."""
    loss = training_loss(trace)
    if loss is not None and any(seen.grad and seen.name in LOSSES for seen in trace.losses):
        start, end = ends(loss.values.values)
        if 0 < end < FELL * start:
            return True
    for other in trace.answers:
        rows = _rows(other.table)
        if other is not answers and other.model == answers.model and rows >= ROWS * max(len(other.table), 1):
            share = max(sum(row.values()) for row in other.table.values()) / rows
            if _accuracy(other.table) > max(LEARNED, share + SURE * 0.5 / math.sqrt(rows)):
                return True
    return False


def _attacked(trace: Trace, answers: Answers) -> bool:
    """Whether the same rows were answered by their own numbers elsewhere: an attack is meant to turn the answers."""
    sizes = _sizes(answers.table)
    return any(
        other.model == answers.model and other is not answers and _sizes(other.table) == sizes
        for other in trace.answers
        if _accuracy(other.table) > LEARNED and not (other.grad and trace.steps)
    )


def _unlikely(renamed: dict[int, int], answers: Answers) -> bool:
    """Whether a model that learned nothing hardly gives so many classes an answer of their own, all of them wrong."""
    count = len(renamed)
    return count == len(answers.table) and math.factorial(count) / count**count < CHANCE


def _sizes(table: Table) -> dict[int, int]:
    return {target: sum(row.values()) for target, row in table.items()}


def _mapped(table: Table, renamed: dict[int, int]) -> float:
    """Accuracy once the classes are renamed."""
    return sum(row.get(renamed.get(target, target), 0) for target, row in table.items()) / max(_rows(table), 1)


def _plain(table: Table) -> list[list[int]]:
    """(target, answer, count) of each pair that occurs."""
    return [[target, said, count] for target, row in sorted(table.items()) for said, count in sorted(row.items())]


def _rows(table: Table) -> int:
    return sum(sum(row.values()) for row in table.values())


def _accuracy(table: Table) -> float:
    return sum(row.get(target, 0) for target, row in table.items()) / max(_rows(table), 1)


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """How often each class got each answer."""
    if "table" not in seen:
        return
    for target, said, count in seen["table"]:
        size = sum(n for t, _, n in seen["table"] if t == target)
        ax.scatter([said], [target], s=60 * count / size, color="C0" if said == target else "C1")
    classes = sorted({name for target, said, _ in seen["table"] for name in (target, said)})
    if len(classes) <= NAMED:
        ax.set_xticks(classes)
        ax.set_yticks(classes)
    ax.margins(0.15)
    ax.invert_yaxis()
    ax.set_xlabel("answer")
    ax.set_ylabel("label")


def _evaluated(change: list[int] | None, steps: int = 60, train: bool = True, classes: int = 5) -> Bench:
    given = toys.classify(classes=classes, rows=512)
    net, opt, loss_fn = given.model, torch.optim.Adam(given.get("model").parameters(), 1e-2), given.loss_fn
    assert net is not None
    assert loss_fn is not None
    x_all, y_all = given.train_data.tensors
    if not train:
        given = toys.trained(given, steps)

    def program() -> None:
        for _ in range(steps if train else 0):
            loss = loss_fn(net(x_all), y_all)
            opt.zero_grad()
            loss.backward()
            opt.step()
        labels = y_all if change is None else torch.tensor(change)[y_all]
        with torch.no_grad():
            (net(x_all).argmax(1) == labels).float().mean()

    return toys.watched(program, net=net, opt=opt)


@check.breaks
def folders_in_another_order() -> Bench:
    """The five classes of the validation set are numbered from the other end."""
    return _evaluated([4, 3, 2, 1, 0])


@check.breaks
def two_classes_swapped() -> Bench:
    """Two of five classes changed places."""
    return _evaluated([0, 2, 1, 3, 4])


@check.breaks
def labels_from_one() -> Bench:
    """Validation counts the classes from 1."""
    return _evaluated([1, 2, 3, 4, 5])


@check.breaks
def evaluated_alone_and_mixed_up() -> Bench:
    """The cell evaluates a net that another cell has trained, by labels in another order."""
    return _evaluated([1, 2, 3, 4, 0], train=False).replace(trained="`fit` in cell 3")


@check.holds
def attacked() -> Bench:
    """The same rows, once as they are and once moved against the gradient until the two classes change places."""
    given = toys.trained(toys.classify(classes=2))
    net = given.get("model")
    x, y = given.train_data.tensors
    x = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(nn.functional.cross_entropy(net(x), y), x)

    def program() -> None:
        with torch.no_grad():
            (net(x).argmax(1) == y).float().mean()
            (net(x + 2 * slope.sign()).argmax(1) == y).float().mean()

    return toys.watched(program, net=net).replace(trained="`fit` in cell 3")


@check.holds
def numbered_alike() -> Bench:
    """Both go by the same numbers."""
    return _evaluated(None)


@check.holds
def untrained() -> Bench:
    """A fresh net answers some classes with one wrong class each."""
    return _evaluated(None, steps=1)


@check.holds
def evaluated_alone() -> Bench:
    """The cell evaluates a net that was trained before."""
    return _evaluated(None, train=False)


@check.holds
def collapsed() -> Bench:
    """A net that always gives one answer has not renamed anything."""
    given = toys.classify()
    net = given.get("model")
    with torch.no_grad():
        net[-1].bias[2] = 50.0

    def program() -> None:
        with torch.no_grad():
            for x, y in toys.batches(given):
                (net(x).argmax(1) == y).sum()

    return toys.watched(program, net=net)
