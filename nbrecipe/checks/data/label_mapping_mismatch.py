"""Training and validation number the classes alike.

Two label encoders, two folders listed in another order, labels that start at 1 in one file and at 0 in the other: the
model is right and its answers go by other numbers. Accuracy falls below a guess although each class gets one answer.
Without a watched loop the model is asked for the validation data and for some training rows: one that answers these by
their own labels has learned them, and what it calls otherwise in validation has another number there.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from ... import toys
from ...bench import Bench
from ...check import Check
from ...evaluation.known import Table, has_learned, table_of, val_passed
from ...evaluation.renamed import ROWS, SURE, accuracy_of, majorities, mapped, moved, plain, rows_of
from ...evaluation.tested import says_attacked
from ...experiments.simple.across import by_own_names
from ...finding import Finding, Seen, bad, hint, number, ok, skipped
from ...probes.init.untrained import as_drawn
from ...trace import Trace
from ...trace.record.course import ends, training_loss
from ...trace.record.data import Answers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="look at model outputs", cost="scan")

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
FIX = "Make the numbers of the classes once, from the training data, and use them for both."
CODE = "class_to_idx = {name: i for i, name in enumerate(sorted(set(train_labels)))}"


@check.run
def run(bench: Bench, trace: Trace | None = None, trained: str = "") -> Finding:
    """Judge what was seen of a loop; without one, the answers to the validation data."""
    return _watched(trace, trained) if trace is not None else _asked(bench)


def _asked(bench: Bench) -> Finding:
    model, found = bench.get("model"), bench.once(val_passed)
    table = table_of(found.answers)
    if len(table) < 2:
        return skipped(f"the answers to `{found.name}` are not of two classes or more")
    renamed = moved(majorities(table))
    if renamed and as_drawn((model,)):
        return skipped(f"the weights of `{bench.name('model')}` are as torch draws them: nothing is trained yet")
    if not renamed:
        said = f"accuracy {number(accuracy_of(table), 3)} on {rows_of(table)} rows of `{found.name}`"
        return ok(f"{said}, and no two classes change places", **_numbers(table))
    right = mapped(table, renamed)
    named = {place: str(name) for place, name in enumerate(found.answers.classes)}
    learned = has_learned(bench) and len(renamed) > 2 and right > RIGHT and not says_attacked(found.name)
    others = by_own_names(bench, renamed) if learned else ""
    why = "" if learned else "two classes change places where inputs are inverted, too, or by an attack"
    certain = learned and not others
    told = "numbers them in another way than what the model learned" if certain else "may number them in another way"
    return (bad if certain else hint)(
        f"{_said(table, renamed, named)}: `{found.name}` {told}",
        fix=FIX,
        code=CODE,
        why=others or why,
        renamed_accuracy=right,
        **_numbers(table),
    )


def _watched(trace: Trace, trained: str) -> Finding:
    tables = [a for a in trace.answers if not a.grad and len(a.table) > 1]
    if not tables:
        return skipped("no answers of a model without gradients met the labels of two classes or more")
    for answers in tables:
        renamed = moved(majorities(answers.table))
        if not renamed or _attacked(trace, answers):
            continue
        learned = _learned(trace, answers)
        certain = learned or (bool(trained) and len(answers.table) > 2 and mapped(answers.table, renamed) > RIGHT)
        if certain or _unlikely(renamed, answers):
            return _told(answers, renamed, certain)
    best = max(tables, key=lambda answers: rows_of(answers.table)).table
    said = f"accuracy {number(accuracy_of(best), 3)} on {rows_of(best)} rows, and no two classes change places"
    return ok(said, **_numbers(best))


def _told(answers: Answers, renamed: dict[int, int], certain: bool) -> Finding:
    table = answers.table
    return (bad if certain else hint)(
        f"{_said(table, renamed, {})}: validation numbers them in another way than training",
        fix=FIX,
        code=CODE,
        where=str(answers.place),
        renamed_accuracy=mapped(table, renamed),
        **_numbers(table),
    )


def _said(table: Table, renamed: dict[int, int], named: dict[int, str]) -> str:
    pairs = [f"{named.get(one, one)} → {named.get(other, other)}" for one, other in sorted(renamed.items())]
    told = ", ".join(pairs[:6]) + (", …" if len(pairs) > 6 else "")
    accuracy, right = number(accuracy_of(table), 3), number(mapped(table, renamed), 3)
    return f"accuracy **{accuracy}** on {rows_of(table)} rows; **{right}** once classes are renamed ({told})"


def _numbers(table: Table) -> dict[str, Any]:
    return {"accuracy": accuracy_of(table), "rows": rows_of(table), "table": plain(table)}


def _learned(trace: Trace, answers: Answers) -> bool:
    """Whether training brought the loss of classes down in this cell, or other rows are answered by their labels."""
    loss = training_loss(trace)
    if loss is not None and any(seen.grad and seen.name in LOSSES for seen in trace.losses):
        start, end = ends(loss.values.values)
        if 0 < end < FELL * start:
            return True
    for other in trace.answers:
        rows = rows_of(other.table)
        if other is not answers and other.model == answers.model and rows >= ROWS * max(len(other.table), 1):
            share = max(sum(row.values()) for row in other.table.values()) / rows
            if accuracy_of(other.table) > max(LEARNED, share + SURE * 0.5 / math.sqrt(rows)):
                return True
    return False


def _attacked(trace: Trace, answers: Answers) -> bool:
    """Whether the same rows were answered by their own numbers elsewhere: an attack is meant to turn the answers."""
    sizes = _sizes(answers.table)
    return any(
        other.model == answers.model and other is not answers and _sizes(other.table) == sizes
        for other in trace.answers
        if accuracy_of(other.table) > LEARNED and not (other.grad and trace.steps)
    )


def _unlikely(renamed: dict[int, int], answers: Answers) -> bool:
    """Whether a model that learned nothing hardly gives so many classes an answer of their own, all of them wrong."""
    count = len(renamed)
    return count == len(answers.table) and math.factorial(count) / count**count < CHANCE


def _sizes(table: Table) -> dict[int, int]:
    return {target: sum(row.values()) for target, row in table.items()}


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


def _asked_alone(change: list[int], steps: int = 60, classes: int = 5) -> Bench:
    """A net and two loaders, without any loop; validation numbers the classes by another list."""
    given = toys.classify(classes=classes, rows=400)
    x, y = given.train_data.tensors
    train, val = TensorDataset(x[:300], y[:300]), TensorDataset(x[300:], torch.tensor(change)[y[300:]])
    loaders = {"train_loader": DataLoader(train, 64), "val_loader": DataLoader(val, 64)}
    fitted = toys.trained(given.replace(train_data=train), steps)
    return fitted.replace(batch=None, val_data=val, **loaders)


@check.breaks
def loaders_alone_by_other_numbers() -> Bench:
    """No loop was watched: the net and both loaders are enough."""
    return _asked_alone([1, 2, 3, 4, 0])


@check.holds
def loaders_alone_numbered_alike() -> Bench:
    """Both loaders go by the same numbers."""
    return _asked_alone([0, 1, 2, 3, 4])


@check.holds
def two_classes_of_loaders_alone() -> Bench:
    """Two classes change places where inputs are inverted too: a hint."""
    return _asked_alone([1, 0], classes=2)
