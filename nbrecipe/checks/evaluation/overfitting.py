"""Validation loss does not rise while training loss falls.

From some step on the model learns what is true of the training rows alone. That step is the one to stop at, and what
lies between it and the end is what regularisation or more data could gain. Only ever a hint: that a run overfits is a
property of the run and may be its purpose; a kept checkpoint of the best step makes it harmless.
"""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, Seen, hint, number, ok, skipped
from ...trace import Trace
from ...trace.record.course import training_loss

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="overfitting")

#: evaluations from the lowest on: six in rising order come about by chance once in 720 times
AFTER = 6
#: Mann-Kendall's statistic in standard deviations: the trend of evaluations that wander without one reaches it rarely
TREND = 2.8
#: share of what the run had gained on validation that it has given away again
BACK = 0.1
#: points kept for the picture
POINTS = 100


@check.run
def run(trace: Trace) -> Finding:
    loss = training_loss(trace)
    held = trace.validation.finite()
    if loss is None or not trace.steps:
        return skipped("the cell does not train one loss")
    if len(held) < 2:
        return skipped("no loss on other data was seen more than once")
    at = min(range(len(held)), key=lambda i: held[i][1])
    (step, low), after = held[at], [value for _, value in held[at:]]
    end = statistics.median(after[-3:])
    seen: dict[str, Any] = {"step": step, "lowest": low, "last": end, "evaluations": len(held)}
    seen |= {"validation": _thin(held), "training": _thin(loss.values.finite())}
    fell = _fell(loss.values.finite(), step, max(1, (held[-1][0] - step) // max(len(after) - 1, 1)))
    gained = max(held[0][1] - low, 0.0)
    if len(after) < AFTER or _trend(after) < TREND or end - low <= BACK * gained or fell is None:
        return ok(f"validation loss was lowest, **{number(low)}**, at step {step}; it ends at {number(end)}", **seen)
    return hint(
        f"validation loss was lowest at step **{step}** ({number(low)}) and has risen to **{number(end)}** since, "
        f"while training loss fell from {number(fell[0])} to {number(fell[1])}",
        fix="Stop there, or keep the weights of the best evaluation.",
        code="if val_loss < best: best, state = val_loss, copy.deepcopy(model.state_dict())",
        why=_accuracy(trace, step),
        **seen,
    )


def _trend(values: list[float]) -> float:
    """Mann-Kendall: how many pairs rise more than fall, in standard deviations of a series without a trend."""
    n = len(values)
    rises = sum((b > a) - (b < a) for i, a in enumerate(values) for b in values[i + 1 :])
    return rises / math.sqrt(n * (n - 1) * (2 * n + 5) / 18)


def _fell(points: list[tuple[int, float]], step: int, width: int) -> tuple[float, float] | None:
    """Medians of the training loss about this step and at the end, where the second is lower."""
    about = [value for at, value in points if abs(at - step) <= width]
    late = [value for at, value in points if at > points[-1][0] - width]
    if not about or not late:
        return None
    first, last = statistics.median(about), statistics.median(late)
    return (first, last) if last < first else None


def _accuracy(trace: Trace, step: int) -> str:
    """What became of the accuracy meanwhile, where the loss is one of classes."""
    calls = [c for loss in trace.losses if not loss.grad for c in loss.calls if c.accuracy is not None]
    if not calls:
        return ""
    best = min(calls, key=lambda call: abs(call.step - step)).step
    first, last = (
        statistics.fmean(c.accuracy for c in calls if c.step == at and c.accuracy is not None)
        for at in (best, calls[-1].step)
    )
    grows = "; the model grows surer of its errors" if last >= first else ""
    return f"its accuracy went from {number(first, 3)} to {number(last, 3)}{grows}"


def _thin(points: list[tuple[int, float]]) -> list[list[float]]:
    stride = -(-len(points) // POINTS) or 1
    return [[step, value] for step, value in points[::stride]]


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """Both losses by step, and the step to stop at."""
    if "validation" not in seen:
        return
    for name, colour in (("training", "C0"), ("validation", "C1")):
        points = seen[name]
        ax.plot([p[0] for p in points], [p[1] for p in points], color=colour, label=name, linewidth=1)
    ax.axvline(seen["step"], color="C2", linestyle="--", linewidth=1)
    ax.set_xlabel("step")
    ax.set_ylabel("loss")
    ax.legend(fontsize=7, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)


def _loop(noise: float, rows: int, steps: int = 240, seed: int = 0) -> Bench:
    """A net with room to spare; this share of the labels is noise."""
    given = toys.classify(rows=rows + 128, classes=3, seed=seed)
    net = toys.mlp((20, 64, 64, 3), seed=seed)
    opt = torch.optim.Adam(net.parameters(), 1e-2)
    x_all, y_all = given.train_data.tensors
    g = toys.seeded(seed)
    flips = torch.rand(len(y_all), generator=g) < noise
    y_all = torch.where(flips, torch.randint(3, y_all.shape, generator=g), y_all)

    def program() -> None:
        for step in range(steps):
            loss = nn.functional.cross_entropy(net(x_all[:rows]), y_all[:rows])
            opt.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            opt.step()
            if step % 10 == 9:
                with torch.no_grad():
                    nn.functional.cross_entropy(net(x_all[rows:]), y_all[rows:])

    return toys.watched(program, net=net, opt=opt)


@check.breaks
def noisy_labels_by_heart() -> Bench:
    """A third of the labels is noise, and the net learns them by heart."""
    return _loop(noise=0.5, rows=96)


@check.holds
def clean_labels() -> Bench:
    """Classes that can be told apart: what is learned holds for other rows too."""
    return _loop(noise=0.0, rows=512, steps=60)


@check.holds
def stopped_early() -> Bench:
    """Five evaluations are too few to tell a rise."""
    return _loop(noise=0.5, rows=96, steps=50)
