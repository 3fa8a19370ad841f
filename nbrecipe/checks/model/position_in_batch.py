"""Equal examples get equal outputs, wherever they stand in the batch.

A table of positions that is read along the batch instead of along time, as in `x + pe[: x.size(0)]` on a batch that
comes first, gives every row a mark of its own. The model learns with it, and answers otherwise for another order.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, number, ok, skipped, spelled
from ...probes.rows.dependency import rows
from ...probes.rows.places import copies

check = Check(__name__, tip="chart dependencies")

#: share of the spread between different examples that copies may be apart: kernels sum in another order at the edge of
#: a batch, which is 1e-6 of it
ROUNDING = 1e-3


@check.run
def run(model: nn.Module, batch: Any, bench: Bench) -> Finding:
    with bench.untouched():
        seen = copies(bench)
        mixed = "" if seen.why or seen.apart == 0 else _mixed(bench)
    if seen.why or mixed:
        return skipped(seen.why or mixed)
    share = seen.apart / seen.spread if seen.spread > 0 else 0.0
    if share <= ROUNDING:
        return ok(f"{seen.size} copies of an example get the same output", copies=seen.size, share=share)
    name, place = bench.name("model"), seen.place
    where = spelled(name, place.path) if place is not None else name
    around = spelled(name, place.around) if place is not None else name
    return bad(
        f"of **{seen.size}** copies of one example, row **{seen.row}** gets another output than row 0, "
        f"**{number(share, 2)}** of what different examples are apart; `{where}` is the first to tell copies apart",
        fix=f"Read positions along time, not along the batch: look in the `forward` of `{around}`, before `{where}`.",
        why="the model learns the place in the batch, which means nothing",
        where=where,
        copies=seen.size, row=seen.row, share=share,
    )  # fmt: skip


def _mixed(bench: Bench) -> str:
    """Where rows depend on one another, copies may differ for that reason."""
    return "rows of the batch depend on one another, which comes first" if bench.once(rows).leak is not None else ""


class Placed(nn.Module):
    """Adds a table of positions along an axis, and reads the mean over time."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis
        self.register_buffer("places", torch.randn(64, 6, generator=toys.seeded(5)))
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        places = self.get_buffer("places")[: x.shape[self.axis]]
        made: Tensor = self.head((x + (places[:, None] if self.axis == 0 else places)).mean(1))
        return made


@check.breaks
def places_along_the_batch() -> Bench:
    """`x + pe[: x.size(0)][:, None]` on a batch that comes first."""
    return toys.sequences(Placed(axis=0))


@check.holds
def places_along_time() -> Bench:
    """The same table along time."""
    return toys.sequences(Placed(axis=1))


@check.holds
def dropout() -> Bench:
    """Dropout tells copies apart while training, and not in eval mode."""
    return toys.images(toys.convnet(dropout=0.5))
