"""Equal inputs have equal labels.

A model answers equal inputs alike, so that of two labels one is always answered wrong: such rows bound the score from
above and pull the weights both ways. Where copies are judged twice by people, their labels agree far better than
labels dealt out at random; where they agree no better, the labels do not belong to these rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, Seen, bad, hint, number, ok, skipped
from ...scan.columns.kinds import Kind
from ...scan.doubles.conflicts import Conflicts, train_conflicts
from ...scan.held import train_scan

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="noise of the labels", cost="scan")

#: agreement beyond chance (Cohen's kappa) below which it is at most "slight" (Landis and Koch 1977)
SLIGHT = 0.2
#: standard errors that the agreement has to lie below that: exceeded by chance once in 700 data sets, and then only
#: where judges agree as little as that
ERRORS = 3.0
#: share of all rows that have to be lost to conflicts: less moves no score that is told with two digits
SHARE = 0.01
#: share of the inputs that stand once, below which most are there several times by design
ONCE = 0.5


@check.run
def run(bench: Bench) -> Finding:
    plan = bench.once(train_scan).plan
    if plan.label is None:
        return skipped("the rows have no label that is told by its name or its place")
    if plan.kinds[plan.label] not in (Kind.CLASS, Kind.FLAGS):
        return skipped(f"labels of kind {plan.kinds[plan.label]} may differ for equal inputs")
    seen = bench.once(train_conflicts)
    name, rows, numbers = seen.table.name, len(seen.table), _numbers(seen)
    if not seen.inputs:
        again = f"; {seen.several} inputs stand there more than once" if seen.several else ""
        return ok(
            f"no two of **{seen.table.extent}** of `{name}` have equal inputs and different labels{again}", **numbers
        )
    if seen.counted < 0.5:
        return ok(
            f"**{seen.unfit}** of {seen.table.extent} of `{name}` have the inputs of others and another label, "
            f"as rows of few bits do: no model is right on more than {number(100 * (1 - seen.unfit / rows), 4)} %",
            **numbers,
        )
    message = (
        f"**{seen.inputs}** of {seen.several} inputs of `{name}` that stand there more than once have different "
        f"labels: {_told(seen)}"
    )
    fix = "Look at these rows, and keep one label for each input or drop them."
    excuse = _excuse(seen)
    if excuse:
        return hint(message, fix=fix, why=excuse, **numbers)
    agreement = number(max(seen.agreement, -1.0), 2)
    why = f"their labels agree no better than labels dealt out at random (kappa {agreement} ± {number(seen.error, 1)})"
    return bad(message, fix=fix, why=why, **numbers)


def _told(seen: Conflicts) -> str:
    few = seen.pairs[:3]
    return ", ".join(f"row {a} is {one!r} and row {b} is {other!r}" for a, one, b, other in few)


def _excuse(seen: Conflicts) -> str:
    """What may be meant, or is too little for a fault."""
    if seen.table.streams:
        return "they come from a stream, which may repeat examples on purpose"
    if seen.once < ONCE:
        return "most inputs stand there several times: outcomes that were counted, or several judgements of each"
    if seen.listed:
        return "equal inputs stand right behind each other: one line for each of several labels"
    if seen.agreement + ERRORS * seen.error >= SLIGHT:
        return (
            f"labels of equal inputs agree with a kappa of {number(seen.agreement, 2)} ± {number(seen.error, 1)}, "
            "as those of several judges may"
        )
    if seen.counted < SHARE * len(seen.table):
        return f"they are {number(100 * seen.counted / len(seen.table), 2)} % of all rows"
    return ""


def _numbers(seen: Conflicts) -> Seen:
    return {
        "rows": len(seen.table),
        "inputs that stand again": seen.several,
        "with different labels": seen.inputs,
        "rows that cannot be right": seen.unfit,
        "share of many bits": seen.sure,
        "agreement": seen.agreement,
        "standard error": seen.error,
        "pairs": [list(pair) for pair in seen.pairs],
    }


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """The inputs that stand again, and those of them with different labels."""
    names = ["with different labels", "inputs that stand again"]
    ax.barh(names, [seen[name] for name in names], color=["C1", "C0"], height=0.5)
    ax.set_xlabel("inputs")


def _rows(x: torch.Tensor, y: torch.Tensor) -> Bench:
    return toys.bench(toys.mlp((x.shape[1], 16, 5)), x, y, nn.CrossEntropyLoss())


def _table(rows: int = 1000) -> tuple[torch.Tensor, torch.Tensor]:
    g = toys.seeded()
    return torch.randn(rows, 20, generator=g), torch.randint(5, (rows,), generator=g)


@check.breaks
def copies_with_the_labels_of_others() -> Bench:
    """Two hundred rows appended again, with labels that are one row off."""
    x, y = _table()
    return _rows(torch.cat([x, x[:200]]), torch.cat([y, y[1:201]]))


@check.holds
def copies_with_their_labels() -> Bench:
    """The same rows appended with the labels they had."""
    x, y = _table()
    return _rows(torch.cat([x, x[:200]]), torch.cat([y, y[:200]]))


@check.holds
def outcomes_of_few_conditions() -> Bench:
    """Five columns of yes and no, and an outcome that they do not settle."""
    x, y = _table()
    return _rows((x[:, :5] > 0).float(), (y > 2).long())


@check.holds
def judged_twice() -> Bench:
    """Two hundred rows judged by two people, who agree on nine in ten."""
    x, y = _table()
    again = torch.where(torch.arange(200) % 10 == 0, (y[:200] + 1) % 5, y[:200])
    return _rows(torch.cat([x, x[:200]]), torch.cat([y, again]))
