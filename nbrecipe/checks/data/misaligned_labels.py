"""Each label belongs to the input of its own row.

A header read as a row, a list that lost its first line, a `roll` too many: every label is right and stands beside the
wrong input. A model can learn next to nothing, and nothing raises. Labels are shifted by up to three rows each way,
and a cheap model is asked each time. What is done in the order of time, where a row may rightly be asked for what comes
later, is at most a hint.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader, SequentialSampler

from ... import toys
from ...bench import Bench
from ...check import Check
from ...experiments.simple.shifts import Shifts, Stretch, shifts
from ...finding import Finding, Seen, bad, hint, number, ok, skipped
from ...scan.columns.kinds import Kind

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="sources of noise", cost="trains")

#: rows below which no shift can be told from chance
ROWS = 100
#: chance that labels without any order prefer one of six shifts, by two models
RATE = 1e-6
#: what a shift must explain of what can be explained, and the share of it that the labels as they stand may explain
CLEAR, BESIDE = 0.2, 0.5
#: distance of rows that follow each other, beside any two, from which on they show one thing that moves
FOLLOWING = 0.7
#: rows of a stretch, standard deviations that its gain lies above a walk by chance, and share right when shifted
STRETCH, SURE, RIGHT = 40, 6.0, 0.5


@check.run
def run(bench: Bench) -> Finding:
    seen = bench.once(shifts)
    if seen.rows < ROWS:
        return skipped(f"needs {ROWS} rows with a label in their order, not {seen.rows}")
    measured: dict[str, Any] = {"skills": {str(k): skill for k, skill in seen.skills.items()}, "rows": seen.rows}
    best = max(seen.skills, key=lambda k: seen.skills[k])
    if best and _clear(seen, best):
        doubt = _doubt(bench, seen, best)
        told = f"{_told(seen, best)}: {_fits(best)}"
        fix = "Pair each input with its own label: drop the same rows from both, before they are put together."
        if doubt:
            return hint(told, fix=fix, code=_code(best), why=doubt, shift=best, **measured)
        return bad(told, fix=fix, code=_code(best), shift=best, **measured)
    part = seen.part
    if part is not None and _clear_part(part):
        return _partly(bench, seen, part, measured)
    scores = seen.accuracy or seen.skills
    what = "accuracy" if seen.accuracy else "share of variance explained"
    rival = max((k for k in scores if k), key=lambda k: scores[k])
    return ok(
        f"{what} of a cheap model is {number(scores[0], 3)} on {seen.rows} rows; with labels shifted by {rival} "
        f"{number(scores[rival], 3)}",
        **measured,
    )


def _clear(seen: Shifts, k: int) -> bool:
    """Whether a shift beats none beyond chance, by a factor, and all other shifts as well."""
    others = [skill for shift, skill in seen.skills.items() if shift != k]
    wins, losses = seen.votes[k]
    return (
        seen.skills[k] >= CLEAR
        and max(seen.skills[0], 0.0) <= BESIDE * seen.skills[k]
        and max(others) <= 0.8 * seen.skills[k]
        and 12 * _chance(wins, wins + losses) < RATE
    )


def _chance(wins: int, rows: int) -> float:
    """Upper bound of the chance of so many wins of fair coins (Hoeffding 1963)."""
    return math.exp(-2 * (wins - rows / 2) ** 2 / rows) if rows and wins > rows / 2 else 1.0


def _doubt(bench: Bench, seen: Shifts, k: int) -> str:
    """What else it may be, in words; empty where it can be nothing else."""
    if seen.alike < FOLLOWING:
        return "rows that follow each other are alike: a series, in which the label may be meant for another moment"
    if all(kind is Kind.IMAGE for kind in seen.kinds):
        return ""
    if k < 0:
        return "a label that fits the row before may be meant: a forecast is asked for what comes next"
    if seen.serial > 1:
        return "rows tell what follows them: a series, in which labels may be meant to lag"
    loader = bench.train_loader
    if not isinstance(loader, DataLoader) or isinstance(loader.sampler, SequentialSampler):
        return "rows are read in their order: a model with a memory may be asked for what it was shown before"
    return ""


def _clear_part(part: Stretch) -> bool:
    return (
        part.last - part.first >= STRETCH
        and part.sure >= SURE
        and part.shifted >= RIGHT
        and part.standing <= BESIDE * part.shifted
    )


def _partly(bench: Bench, seen: Shifts, part: Stretch, measured: dict[str, Any]) -> Finding:
    told = (
        f"in rows {part.first} to {part.last} the labels fit when shifted by {part.shift}: "
        f"**{number(part.shifted, 3)}** of them are what neighbours say, and {number(part.standing, 3)} as they stand"
    )
    fix = f"Look at rows {part.first - 1} to {part.first + 1}: an input or a label is missing there."
    doubt = _doubt(bench, seen, part.shift)
    measured |= {"shift": part.shift, "first": part.first, "last": part.last}
    if doubt:
        return hint(told, fix=fix, why=doubt, **measured)
    return bad(told, fix=fix, **measured)


def _told(seen: Shifts, k: int) -> str:
    if seen.accuracy:
        return (
            f"a cheap model is right on **{number(seen.accuracy[k], 3)}** of {seen.rows} rows when labels are shifted "
            f"by {k}, and on {number(seen.accuracy[0], 3)} as they stand"
        )
    return (
        f"a cheap model explains **{number(seen.skills[k], 3)}** of the variance of {seen.rows} labels shifted by {k}, "
        f"and {number(max(seen.skills[0], 0.0), 3)} as they stand"
    )


def _fits(k: int) -> str:
    rows = "row" if abs(k) == 1 else f"{abs(k)} rows"
    return (
        f"the label of a row fits the input {'one' if abs(k) == 1 else abs(k)} {rows} {'before' if k > 0 else 'after'}"
    )


def _code(k: int) -> str:
    if k > 0:
        return f"inputs, labels = inputs[:-{k}], labels[{k}:]"
    return f"inputs, labels = inputs[{-k}:], labels[:{k}]"


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """What a cheap model makes of the labels, by shift."""
    places = [int(k) for k in seen["skills"]]
    colours = ["C1" if k == seen.get("shift") else "C0" for k in places]
    ax.bar(places, [max(v, 0.0) for v in seen["skills"].values()], color=colours)
    ax.set_xticks(places)
    ax.set_xlabel("rows that labels are shifted")
    ax.set_ylabel("skill")


def _rolled(k: int) -> Bench:
    given = toys.images()
    x, y = given.train_data.tensors
    return toys.bench(given.get("model"), x, y.roll(k), given.get("loss_fn"))


@check.breaks
def rolled_by_one() -> Bench:
    """Labels moved on by one row."""
    return _rolled(1)


@check.breaks
def first_line_lost() -> Bench:
    """Labels lost their first line, images their last."""
    given = toys.images()
    x, y = given.train_data.tensors
    return toys.bench(given.get("model"), x[:-1], y[1:], given.get("loss_fn"))


@check.breaks
def a_row_lost_halfway() -> Bench:
    """From row 300 on each label stands one row too early."""
    given = toys.images(rows=512)
    x, y = given.train_data.tensors
    return toys.bench(given.get("model"), x[:-1], torch.cat([y[:300], y[301:]]), given.get("loss_fn"))


@check.holds
def in_step() -> Bench:
    """Each image has its own label."""
    return toys.images()


@check.holds
def sorted_by_class() -> Bench:
    """Rows stand class by class, so that a shift by one hardly changes any label."""
    given = toys.images()
    x, y = given.train_data.tensors
    order = y.argsort()
    return toys.bench(given.get("model"), x[order], y[order], given.get("loss_fn"))


@check.holds
def forecast() -> Bench:
    """Each row holds ten values of a series; the target is whether the next one is above nothing."""
    values = torch.randn(400, generator=toys.seeded())
    x = values[:390].unfold(0, 10, 1)
    y = (values[10:391] > 0).long()[: len(x)]
    return toys.bench(toys.mlp((10, 8, 2)), x, y, torch.nn.CrossEntropyLoss())


@check.holds
def numbers() -> Bench:
    """A regression with rows in no order."""
    return toys.regress()
