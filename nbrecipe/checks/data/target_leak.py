"""No single input column gives the target away.

A column that was worked out from the target, or is the target under another name, lets any model look excellent until
it meets data without that column. Where one column tells the target without an error and all the others together are
far from it, the column is no measurement. A column that is only very good may be a good measurement: that is a hint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from ... import toys
from ...bench import Bench
from ...check import Check
from ...experiments.simple.single import Single, single
from ...finding import Finding, Seen, bad, hint, number, ok, skipped
from ...scan import held

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="duplicates and corruption", cost="scan")

#: rows below which a column may tell the target by chance
ROWS = 50
#: share that a column may leave unexplained to be worth a look, and how many times that the others must leave
GOOD, TIMES = 0.002, 20.0
#: what the others must leave together, or each of them as a share of a guess, where a column leaves nothing
WEAK, STRONG = 0.01, 0.25
FIX = "Take the column out of the inputs, or say why it is known before the target is."


@check.run
def run(bench: Bench) -> Finding:
    seen = bench.once(_single)
    if seen.rows < ROWS:
        return skipped(f"needs {ROWS} rows with a label, not {seen.rows}")
    if seen.columns == 1:
        return ok("the input is a single column: it is there to tell the target")
    measured: dict[str, Any] = {
        "columns": seen.columns,
        "rows": seen.rows,
        "best": seen.best,
        "left": seen.left,
        "others": seen.others,
        "next": seen.next,
    }
    if seen.exact:
        return _exact(seen, measured)
    if seen.left <= GOOD and seen.others - seen.margin >= max(WEAK, TIMES * seen.left):
        return hint(
            f"`{seen.best}` alone leaves **{number(seen.left, 3)}** of the {_ranks(seen)}, the other "
            f"{seen.columns - 1} columns together {number(seen.others, 3)}{_of_variance(seen)}",
            fix=FIX,
            **measured,
        )
    return ok(
        f"the best of {seen.columns} columns, `{seen.best}`, leaves {number(seen.left, 3)} of the {_ranks(seen)}, "
        f"the others together {number(seen.others, 3)}{_of_variance(seen)}",
        **measured,
    )


def _single(bench: Bench) -> Single:
    return single(bench.once(held.train_scan))


def _exact(seen: Single, measured: dict[str, Any]) -> Finding:
    """A fault where the others know something of the target and not all: else the data are made, or plain."""
    names = ", ".join(f"`{name}`" for name in seen.exact[:4]) + (", …" if len(seen.exact) > 4 else "")
    told = f"in all **{seen.rows}** rows the target follows from {names} ({_how(seen)})"
    rest = seen.columns - len(seen.exact)
    if not rest:
        return ok(f"{told}, as it does from every column", **measured)
    told += (
        f", while the best of the other {rest} columns leaves {number(seen.next, 3)} of the {_unit(seen)} and all of "
        f"them together {number(seen.others, 3)}"
    )
    measured |= {"exact": list(seen.exact), "how": seen.how}
    weak = seen.next >= STRONG * seen.guess or (bool(seen.classes) and seen.others >= WEAK)
    informed = seen.others < seen.guess - max(seen.margin, 0.05 * seen.guess)
    if informed and weak and all("[" in name for name in seen.exact):
        return bad(told, fix=FIX, code=_code(seen), **measured)
    why = "the others tell nothing of it, as in data made up from one column"
    if informed and not weak:
        why = "others tell it nearly as well, as powers of one quantity do"
    elif informed:
        why = "it stands in a column of its own, which may be another name of the label that no model is given"
    return hint(told, fix=FIX, code=_code(seen), why=why, **measured)


def _how(seen: Single) -> str:
    if seen.how == "equal":
        return "it is the target"
    return seen.how if seen.classes else f"{seen.how}, to the last digit"


def _unit(seen: Single) -> str:
    return "rows wrong" if seen.classes else "target's variance"


def _ranks(seen: Single) -> str:
    """What the best column leaves a share of."""
    return "variance of the target's ranks" if seen.ranked else _unit(seen)


def _of_variance(seen: Single) -> str:
    return f" of the {_unit(seen)}" if seen.ranked else ""


def _code(seen: Single) -> str:
    """How to leave the columns out, where they are those of one table or of a frame."""
    first = seen.exact[0]
    if "[" not in first:
        return f"inputs = inputs.drop(columns={list(seen.exact)!r})"
    places = [name.rpartition("[")[2].rstrip("]") for name in seen.exact]
    if any("," in place for place in places):
        return ""
    return f"X = np.delete(X, [{', '.join(places)}], axis=1)"


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """What the best column leaves, beside what all others do."""
    ax.barh([str(seen["best"]), "all others"], [seen["left"], seen["others"]], color=["C1", "C0"])
    ax.set_xlabel("left unexplained")


@check.breaks
def target_among_the_inputs() -> Bench:
    """The last column is the target, standardised as the others are."""
    given = toys.regress()
    x, y = given.train_data.tensors
    return toys.bench(toys.mlp((11, 8, 1)), torch.cat([x, (y - 3) / 7], 1), y * 2 + 5, torch.nn.MSELoss())


@check.breaks
def class_with_noise() -> Bench:
    """The last column is twice the class, and noise of a millionth."""
    given = toys.classify()
    x, y = given.train_data.tensors
    noise = 1e-6 * torch.randn(len(y), generator=toys.seeded(1), dtype=torch.float64)
    column = (2 * y + noise)[:, None]
    return toys.bench(toys.mlp((21, 8, 5)), torch.cat([x.double(), column], 1), y, torch.nn.CrossEntropyLoss())


@check.breaks
def class_in_a_pixel() -> Bench:
    """The number of the class was written into a corner of each image."""
    given = toys.images(rows=512)
    x, y = given.train_data.tensors
    x[:, 0, 0, 0] = y.float() / 5
    return toys.bench(given.get("model"), x, y, given.get("loss_fn"))


@check.holds
def vectors() -> Bench:
    """Many columns, each of which knows a little."""
    return toys.classify()


@check.holds
def numbers() -> Bench:
    """A smooth function of several columns."""
    return toys.regress()


@check.holds
def one_column() -> Bench:
    """A regression on one number, without noise: that column is all there is."""
    x = torch.linspace(-1, 1, 128)[:, None]
    return toys.bench(toys.mlp((1, 8, 1)), x, 3 * x + 1, torch.nn.MSELoss())


@check.holds
def one_hot_of_two() -> Bench:
    """Inputs that are two columns, yes and no, both of which tell the answer."""
    y = torch.randint(2, (128,), generator=toys.seeded())
    return toys.bench(toys.mlp((2, 8, 2)), torch.eye(2)[y], y, torch.nn.CrossEntropyLoss())
