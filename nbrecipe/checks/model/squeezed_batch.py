"""A batch of one keeps its first axis.

`squeeze()` without an axis takes away every axis of length one, that of the batch too when the last batch of an epoch
holds a single example. What is left broadcasts against the targets, or is taken for classes, and no error is raised.
"""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

import torch
from torch import Tensor, nn

from ... import batches, toys
from ...batches.models import eagerly, plain
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, ok, skipped
from ...probes.passes.signal import evaluating
from ...task.refusal import failed_forward, refuse_lazy

check = Check(__name__, tip="wrong indexing")


@check.run
def run(model: nn.Module, batch: Any, bench: Bench) -> Finding:
    if batches.batch_size(batch) < 3:
        return skipped("the batch holds fewer than three rows to compare with one")
    with bench.untouched():
        one, two, three = (_shape(bench, size) for size in (1, 2, 3))
    if two is None or three is None or two[:1] != (2,) or three != (3, *two[1:]):
        return skipped("the shape of the output does not follow the size of the batch")
    if one is None:
        return skipped("a batch of one cannot be fed")
    expected = (1, *two[1:])
    if one == expected:
        return ok(f"one row gives an output of shape {one}, as two give {two}", one=list(one), two=list(two))
    where = next((name for name in ("train_loader", "val_loader") if _leaves_one(getattr(bench, name))), "")
    told = f"; `{bench.name(where)}` gives a batch of one row" if where else ""
    return (bad if where else hint)(
        f"a batch of one row gives an output of shape **{one}**, where {two} for two rows asks for **{expected}**"
        f"{told}",
        fix=f"Name the axis that the `forward` of `{bench.name('model')}` squeezes.",
        code="out = out.squeeze(-1)",
        why="without the axis of the batch the loss compares other numbers than it should, or fails",
        one=list(one), two=list(two),
    )  # fmt: skip


def _shape(bench: Bench, size: int) -> tuple[int, ...] | None:
    """The shape of the output for so many rows; None where there is no tensor, or where one row cannot be fed."""
    model = plain(bench.get("model"))
    refuse_lazy(model)
    fed = batches.feed(model, batches.take(bench.get("batch"), size), bench.loss_fn)
    try:
        with evaluating(model), torch.no_grad(), eagerly():
            raw = model(*fed.args, **fed.kwargs)
    except Exception as error:
        if size == 1:
            return None
        raise failed_forward(model, fed, error) from error
    output = raw if isinstance(raw, Tensor) else batches.output_of(raw)
    return tuple(output.shape) if output is not None else None


def _leaves_one(loader: Any) -> bool:
    """Whether the last batch of a loader holds a single example."""
    size, data = getattr(loader, "batch_size", None), getattr(loader, "dataset", None)
    if not isinstance(size, int) or not isinstance(data, Sized) or getattr(loader, "drop_last", False):
        return False
    sampler = getattr(loader, "sampler", None)
    count = len(sampler) if isinstance(sampler, Sized) else len(data)
    return count % size == 1 or size == 1


class Squeezed(nn.Module):
    """A score for each row, squeezed along one axis or along all."""

    def __init__(self, axis: int | None) -> None:
        super().__init__()
        self.axis, self.body = axis, toys.mlp((10, 16, 1))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.body(x)
        return out.squeeze() if self.axis is None else out.squeeze(self.axis)


def _scores(net: nn.Module, rows: int, size: int = 16) -> Bench:
    x = torch.randn(rows, 10, generator=toys.seeded())
    return toys.bench(net, x, x[:, 0], nn.MSELoss(), size=size)


@check.breaks
def all_axes_squeezed() -> Bench:
    """`squeeze()` with 65 rows in batches of 16: the last batch holds one."""
    return _scores(Squeezed(None), rows=65)


@check.holds
def last_axis_squeezed() -> Bench:
    """`squeeze(-1)` on the same data."""
    return _scores(Squeezed(-1), rows=65)


@check.holds
def no_batch_of_one() -> Bench:
    """`squeeze()` where every batch is full: worth a look, and no fault today."""
    return _scores(Squeezed(None), rows=64)


@check.holds
def a_classifier() -> Bench:
    """Nothing is squeezed."""
    return toys.classify()
