"""A cheap model of the training data finds validation classes under their own names.

Two label encoders, two folders listed in another order, labels that start at 1 in one file and at 0 in the other:
before any training, the data show it. A cheap model that is right on training rows it has not seen gives nearly every
validation row of a class one and the same answer, which is the name of another class. Two classes alone may change
places for other reasons, and are a hint.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader, TensorDataset

from ... import toys
from ...bench import Bench
from ...check import Check
from ...experiments.simple.across import Across, across
from ...finding import Finding, Seen, bad, hint, number, ok, skipped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="sources of noise", cost="trains")

#: rows of a class below which nothing is said of it; standard errors of what is known of the training labels
ROWS, SURE = 10, 3.0
#: rows that the new names get right, beside those that the old ones do
TIMES = 3
#: accuracy on training rows, beyond a guess, from which a cheap model has a say
KNOWS = 0.4
#: share of right answers after the renaming, as a share of that on training rows
RIGHT = 0.85
#: classes that are named beside the picture
NAMED = 6


@check.run
def run(bench: Bench) -> Finding:
    seen = bench.once(across)
    rows = int(seen.table.sum())
    if rows < ROWS * 2:
        return skipped(f"needs {ROWS * 2} validation rows with a label, not {rows}")
    accuracy = float(seen.table.trace() / rows)
    told = f"a cheap model ({seen.model}) is right on {number(seen.train_accuracy, 3)} of training rows it has not seen"
    measured: dict[str, Any] = {
        "accuracy": accuracy,
        "train_accuracy": seen.train_accuracy,
        "rows": rows,
        "table": _plain(seen),
    }
    said = f"{told} and on **{number(accuracy, 3)}** of {rows} validation rows"
    renamed = _renamed(seen) if _knows(seen) else {}
    mapped = _mapped(seen, renamed)
    if not renamed:
        return ok(said, **measured)
    names = seen.classes
    pairs = ", ".join(f"{names[label]} → {names[answer]}" for label, answer in sorted(renamed.items())[:6])
    judge = bad if len(names) > 2 else hint
    return judge(
        f"{said}; on **{number(mapped, 3)}** once classes are renamed ({pairs}{', …' if len(renamed) > 6 else ''})",
        fix="Make the numbers of the classes once, from the training data, and use them for both.",
        code="class_to_idx = {name: i for i, name in enumerate(sorted(set(train_labels)))}",
        why="" if judge is bad else "two classes also change places where inputs are inverted",
        renamed_accuracy=mapped,
        **measured,
    )


def _knows(seen: Across) -> bool:
    error = SURE * 0.5 / math.sqrt(max(seen.train_rows / 5, 1))
    return (seen.train_accuracy - error - seen.guess) / max(1 - seen.guess, 1e-9) >= KNOWS


def _renamed(seen: Across) -> dict[int, int]:
    """Classes that go by another name, where it explains nearly all that goes wrong.

    Of their rows far more get the new name than their own, and with it the model is about as right as on training
    rows. Classes that training does not have at all have no name there.
    """
    table = seen.table
    renamed = {t: s for t, s in seen.matched().items() if t != s and table[t].sum() >= ROWS}
    new, own = (sum(int(table[t, s]) for t, s in pairs) for pairs in (renamed.items(), ((t, t) for t in renamed)))
    each = all(table[t, s] > table[t, t] for t, s in renamed.items())
    named = 2 * sum(t in seen.known for t in renamed) >= len(renamed)
    right = _mapped(seen, renamed) >= RIGHT * seen.train_accuracy
    return renamed if len(renamed) > 1 and each and named and right and new >= TIMES * own + ROWS else {}


def _mapped(seen: Across, renamed: dict[int, int]) -> float:
    right = sum(int(row[renamed.get(label, label)]) for label, row in enumerate(seen.table))
    return right / max(int(seen.table.sum()), 1)


def _plain(seen: Across) -> list[list[object]]:
    """(label, answer, count) of each pair that occurs."""
    pairs = zip(*seen.table.nonzero(), strict=True)
    return [[str(seen.classes[i]), str(seen.classes[j]), int(seen.table[i, j])] for i, j in pairs]


def _in_order(name: str) -> tuple[float, str]:
    """Numbers by what they are, then words by their letters."""
    return (float(name), "") if name.lstrip("-").isdigit() else (math.inf, name)


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """How often each class got each answer."""
    names = sorted({name for label, answer, _ in seen["table"] for name in (label, answer)}, key=_in_order)
    sizes = {name: sum(count for label, _, count in seen["table"] if label == name) for name in names}
    for label, answer, count in seen["table"]:
        colour = "C0" if answer == label else "C1"
        ax.scatter(names.index(answer), names.index(label), s=60 * count / sizes[label], color=colour)
    if len(names) <= NAMED:
        ax.set_xticks(range(len(names)), names)
        ax.set_yticks(range(len(names)), names)
    ax.margins(0.15)
    ax.invert_yaxis()
    ax.set_xlabel("answer")
    ax.set_ylabel("label")


def _split(change: list[int] | None, classes: int = 5, noise: float = 0.0) -> Bench:
    given = toys.classify(rows=800, classes=classes)
    x, y = given.train_data.tensors
    x = x + noise * torch.randn(x.shape, generator=toys.seeded(3))
    told = y[500:] if change is None else torch.tensor(change)[y[500:]]
    val = DataLoader(TensorDataset(x[500:], told), batch_size=64)
    return toys.bench(given.get("model"), x[:500], y[:500], given.loss_fn, val_loader=val)


@check.breaks
def folders_in_another_order() -> Bench:
    """The five classes of the validation set are numbered from the other end."""
    return _split([4, 3, 2, 1, 0])


@check.breaks
def two_of_five_swapped() -> Bench:
    """Two of five classes changed places."""
    return _split([0, 2, 1, 3, 4])


@check.breaks
def labels_from_one() -> Bench:
    """Validation counts the classes from 1."""
    return _split([1, 2, 3, 4, 5])


@check.holds
def numbered_alike() -> Bench:
    """Both go by the same numbers."""
    return _split(None)


@check.holds
def too_hard() -> Bench:
    """A cheap model that hardly knows the classes has no say."""
    return _split(None, noise=5.0)


@check.holds
def two_classes() -> Bench:
    """Two classes that change places may be meant: a hint."""
    return _split([1, 0], classes=2)
