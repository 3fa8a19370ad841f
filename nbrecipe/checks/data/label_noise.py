"""Labels agree with what a model that has not seen them would say.

Nearly every data set has wrong labels. They set a floor to the loss, and in validation they punish the right answer.
A cheap model predicts each row from the others; where it is sure of another label, the row is worth a look. A few per
cent are a hint with rows to read, never a fault: a cheap model errs too. Probabilities of a better model can be given
(`%bind pred_probs=...`, or `%inspect_data --pred-probs`); whatever they say is a hint, since nobody knows how they came
about.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ... import toys
from ...bench import Bench
from ...check import Check
from ...experiments.simple.noise import SURE, Noise, enough, train_noise
from ...experiments.simple.rows import train_rows
from ...finding import Finding, Seen, bad, hint, number, ok, skipped
from ...scan.columns.kinds import Kind

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="noise of the labels", cost="trains")

#: rows below which nothing is said; what a cheap model must know beyond a guess to have a say
ROWS, KNOWS = 100, 0.3
#: share of wrong labels among the surest rows from which on it is worth a look, and from which on it may be a fault
SOME, MUCH = 0.01, 0.1
#: errors among the surest quarter, beside those among the next, below which they are taken for the model's own
FADED = 0.4
#: what the model would score without the noise for its doubts to be worth a look, and for them to be proof
FAIR, ABLE = 0.75, 0.85
#: share of errors that must remain among the surest quarter; p-value above which wrong labels are spread evenly
PLATEAU, EVEN = 0.7, 0.001
#: classes from which on evenly spread errors are no confusion of alike classes
CLASSES = 4
#: rows that are kept with the finding, and named in its message
KEPT, NAMED = 200, 5
MEANT = re.compile(r"nois\w*_?(label|target|rate|ratio)|(label|target)s?_?nois|corrupt\w*_?(label|target)", re.I)


@check.run
def run(bench: Bench) -> Finding:
    given = bench.pred_probs is not None
    lacking = None if given else _lacking(bench)
    if lacking is not None:
        return lacking
    seen = bench.once(train_noise)
    model = seen.model if given else f"a cheap model ({seen.model})"
    told = f"{model} agrees with **{number(1 - seen.disagree, 3)}** of {seen.rows.extent}"
    measured = _measured(seen)
    if given and _misplaced(seen):
        order = ", ".join(map(str, seen.rows.classes[:NAMED])) + (", …" if len(seen.rows.classes) > NAMED else "")
        return hint(
            f"{told}, fewer than a guess would: its columns may stand for other classes than {order}",
            fix="Give its rows in the order of the data, and its columns in the order of the classes.",
            **measured,
        )
    if 1 - seen.disagree / max(seen.guess, 1e-9) < KNOWS:
        return ok(f"{told}, a guess with {number(1 - seen.guess, 3)}: too little to doubt any label", **measured)
    fix = "Read the rows with the label given and the one suggested; correct or drop those that are wrong."
    if given and not seen.graded and seen.count:
        return hint(f"{told} and doubts {seen.count}: {_listed(seen)}; where it is surest, it does not tell", fix=fix,
                    **measured)  # fmt: skip
    if seen.low <= SOME or seen.surest < FADED * seen.next_surest or _able(seen) < FAIR:
        doubted = f" and doubts {seen.count} label{'s' * (seen.count != 1)}" if seen.count else ""
        return ok(f"{told}{doubted}; where it is surest, **{number(seen.surest, 2)}** have another label", **measured)
    told += (
        f"; of the half that it is surest of, **{number((seen.surest + seen.next_surest) / 2, 3)}** have another label "
        f"({number(seen.low, 2)} to {number(seen.high, 2)}); it doubts {seen.count} in all: {_listed(seen)}"
    )
    if given or seen.low <= MUCH or not _certain(seen):
        return hint(told, fix=fix, **measured)
    if any(MEANT.search(cell.source) for cell in bench.cells):
        return hint(told, fix=fix, why="a cell names noise of the labels, so it may be meant", **measured)
    return bad(told, fix=fix, why="errors of a model fade where it is surest; these stay, spread evenly", **measured)


def _certain(seen: Noise) -> bool:
    """Whether the disagreement can be nothing but labels drawn at random.

    The errors of a weak model, and classes that overlap, fade where the model is surest and fall on classes that are
    alike. What stays as frequent and falls on all other classes alike was put there.
    """
    flat = seen.surest >= PLATEAU * seen.next_surest
    ids = any(kind in (Kind.TOKENS, Kind.SEQUENCE) for kind in seen.rows.kinds.values())
    return len(seen.rows.classes) >= CLASSES and _able(seen) >= ABLE and flat and seen.uniform > EVEN and not ids


def _able(seen: Noise) -> float:
    """The accuracy that the model would have on labels without the noise it met where it is surest."""
    return (1 - seen.disagree) / max(1 - seen.low, 1e-9)


def _lacking(bench: Bench) -> Finding | None:
    """What keeps a cheap model from having a say."""
    rows = bench.once(train_rows)
    if not rows.classes:
        return skipped("the label is a number: no class can be called wrong")
    if len(rows) < ROWS or not enough(rows):
        return skipped(f"needs {ROWS} rows and 10 of each class to predict some from the others, not {len(rows)}")
    return None


def _misplaced(seen: Noise) -> bool:
    """Whether it is right less often than labels drawn by the frequencies of its own answers, beyond chance."""
    shares = np.bincount(seen.rows.labels, minlength=len(seen.rows.classes)) / len(seen.rows)
    answers = np.bincount(seen.table.argmax(1), minlength=len(seen.rows.classes)) / len(seen.rows)
    chance = float(shares @ answers)
    return 1 - seen.disagree < chance - SURE * math.sqrt(chance * (1 - chance) / len(seen.rows))


def _listed(seen: Noise) -> str:
    return ", ".join(f"row {s.row} ({s.given} → {s.suggested})" for s in seen.suspects(NAMED)) + ", …"


def _measured(seen: Noise) -> dict[str, Any]:
    kept = seen.suspects(min(KEPT, seen.count))
    return {
        "agreement": 1 - seen.disagree,
        "issues": seen.count,
        "rows": len(seen.rows),
        "surest": seen.surest,
        "low": seen.low,
        "high": seen.high,
        "model": seen.model,
        "suspects": [[s.row, s.given, s.suggested, round(s.confidence, 4)] for s in kept],
        "quality": [round(float(q), 4) for q in seen.quality[seen.order][:: max(1, math.ceil(len(seen.order) / 200))]],
    }


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """The quality of all labels, the worst first."""
    shares = [i / max(1, len(seen["quality"]) - 1) for i in range(len(seen["quality"]))]
    ax.plot(shares, seen["quality"], color="C0")
    ax.axvline(seen["issues"] / seen["rows"], color="C1")
    ax.set_xlabel("share of rows, most doubtful first")
    ax.set_ylabel("quality of the label")


def _flipped(share: float, classes: int = 5, rows: int = 600) -> Bench:
    given = toys.images(rows=rows, classes=classes)
    x, y = given.train_data.tensors
    g = toys.seeded(1)
    chosen = torch.randperm(rows, generator=g)[: int(share * rows)]
    y[chosen] = (y[chosen] + torch.randint(1, classes, (len(chosen),), generator=g)) % classes
    return toys.bench(given.get("model"), x, y, given.get("loss_fn"))


@check.breaks
def one_in_twenty() -> Bench:
    """Five labels in a hundred are those of another class."""
    return _flipped(0.05)


@check.breaks
def one_in_four() -> Bench:
    """A quarter of the labels is drawn at random."""
    return _flipped(0.25)


@check.holds
def clean() -> Bench:
    """Every label is right."""
    return _flipped(0.0)


@check.holds
def hard() -> Bench:
    """Classes overlap so much that a cheap model often errs."""
    given = toys.classify(rows=400)
    x, y = given.train_data.tensors
    return toys.bench(given.get("model"), x + 2 * torch.randn(x.shape, generator=toys.seeded(2)), y, given.loss_fn)


@check.holds
def chance() -> Bench:
    """Labels that no input tells: the cheap model has nothing to say."""
    x = torch.randn(300, 8, generator=toys.seeded())
    return toys.bench(toys.mlp((8, 8, 3)), x, torch.arange(300) % 3, torch.nn.CrossEntropyLoss())
