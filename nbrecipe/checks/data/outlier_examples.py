"""No example stands apart from all others on any axis that can be measured.

The largest, longest, darkest rows are often bugs: a wrong unit, a second image pasted on, a file cut short. Some are
only rare. So this is a hint, with the rows to look at. A row is named where the gap before it is larger than the tail
of its axis makes: heavy tails have large gaps, and raise none. In one of a hundred data sets without outliers it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, Seen, hint, ok, skipped
from ...scan import held
from ...scan.looks.outlying import FEWEST, Apart, outlying
from ...scan.table.selection import line_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="search, filter, sort", cost="scan")

#: rows that are named in a message
NAMED = 3


@check.run
def run(bench: Bench) -> Finding:
    data = bench.once(held.train_scan)
    seen = bench.once(outlying)
    if seen.read < FEWEST:
        return skipped(f"needs {FEWEST} rows, not {seen.read}")
    if not seen.axes:
        return skipped("nothing of the examples can be measured as a number")
    if not seen.rows:
        return ok(
            f"no row in {data.extent} of `{data.name}` stands apart on any of **{seen.axes}** axes", axes=seen.axes
        )
    first: dict[int, Apart] = {}
    for apart in seen.rows:
        first.setdefault(apart.row, apart)
    told = "; ".join(_told(apart) for apart in list(first.values())[:NAMED]) + ("; …" if len(first) > NAMED else "")
    measured: dict[str, Any] = {
        "rows": list(first)[:50],
        "axes": [apart.axis for apart in first.values()][:50],
        "values": [apart.value for apart in first.values()][:50],
        "times": [apart.times for apart in first.values()][:50],
    }
    stand = f"row of `{data.name}` stands" if len(first) == 1 else f"rows of `{data.name}` stand"
    return hint(
        f"**{len(first)}** {stand} apart: {told}",
        fix="Look at these rows, and correct or drop what is not an example.",
        code=line_for(data.name, list(first)[:NAMED]),
        why="the tail of the other rows makes such a gap in one of a hundred data sets",
        **measured,
    )


def _told(apart: Apart) -> str:
    value, following = apart.told
    return f"row {apart.row} on `{apart.axis}` with {value}, where the next is {following}"


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """How many times as far from the median as the next value these rows lie."""
    if isinstance(seen["axes"], list):
        rows = zip(seen["rows"][:8], seen["axes"][:8], strict=True)
        labels = [f"row {row}: {axis.removeprefix('input: ')}" for row, axis in rows]
        ax.barh(labels, seen["times"][:8], color="C1")
    ax.set_xlabel("times as far from the median as the next row")


@check.breaks
def wrong_unit() -> Bench:
    """One row has a length in micrometres where all others have metres: a hint."""
    given = toys.classify()
    x, y = (tensor.clone() for tensor in given.train_data.tensors)
    x[77, 3] = 1e6 * (x[77, 3].abs() + 1)
    return toys.bench(given.get("model"), x, y, given.loss_fn)


@check.breaks
def one_bright_image() -> Bench:
    """One image is far brighter than all others: a hint."""
    given = toys.images()
    x, y = (tensor.clone() for tensor in given.train_data.tensors)
    x[5] = x[5] + 40
    return toys.bench(given.get("model"), x, y, given.loss_fn)


@check.holds
def vectors() -> Bench:
    """Rows of normal numbers."""
    return toys.classify()


@check.holds
def heavy_tails() -> Bench:
    """Log-normal rows, as incomes are, whose largest value is far from the next."""
    x = 0.2 * torch.exp(1.5 * torch.randn(500, 6, generator=toys.seeded(4)))
    return toys.bench(toys.mlp((6, 8, 2)), x, torch.arange(500) % 2, torch.nn.CrossEntropyLoss())


@check.holds
def counts() -> Bench:
    """Counts that are zero in most rows."""
    x = torch.poisson(torch.full((400, 8), 0.4), generator=toys.seeded())
    return toys.bench(toys.mlp((8, 8, 2)), x, torch.arange(400) % 2, torch.nn.CrossEntropyLoss())
