"""Batch norm takes its statistics over enough values.

A mean over n values is off by std/√n, a variance by a factor of √(2/(n-1)): with n = 2 each value becomes +1 or -1
whatever it was, with n = 4 the scale is off by 80 %. What the layer learns in training is not what it does in eval
mode, which uses the running average.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, ok, skipped
from ...trace import Trace
from ...trace.data import ModelSeen

check = Check(__name__, tip="decrease the batch size")

#: values up to which the scale is off by 80 %, and by 60 %
FEWEST, FEW = 4, 6
#: passes with gradients from which on it is a training and no trial
PASSES = 3
#: what torch says of one value
ONE = "Expected more than 1 value per channel"


@check.run
def run(trace: Trace) -> Finding:
    if ONE in trace.error:
        return _single(trace)
    norms = [(m, n) for m in trace.models for n in m.norms if n.values]
    if not norms:
        return skipped("no batch norm layer ran in train mode with gradients")
    model, worst = min(norms, key=lambda pair: pair[1].most)
    noise = math.sqrt(2 / max(worst.most - 1, 1))
    seen: dict[str, Any] = {"values": worst.most, "layer": worst.name, "layers": sum(n.most <= FEW for _, n in norms)}
    if worst.most > FEW or _always_the_same(model):
        ragged = f"; {worst.values} in the smallest batch" if worst.values < worst.most else ""
        return ok(f"batch norm takes its statistics over {worst.most} values or more{ragged}", **seen)
    certain = worst.most <= FEWEST and sum(p.grad for p in model.passes) >= PASSES
    return (bad if certain else hint)(
        f"`{model.name}.{worst.name}` takes mean and variance over **{worst.most}** values: the variance is off by "
        f"{100 * noise:.0f} %",
        fix="Use larger batches, or a norm that does not look at the batch.",
        code="nn.GroupNorm(8, channels)  # or nn.LayerNorm(features)",
        **seen,
    )


def _single(trace: Trace) -> Finding:
    loader = next((one for one in trace.loaders if one.trained and one.rows and one.batch_size), None)
    left = loader.rows % loader.batch_size if loader and loader.rows and loader.batch_size else 1
    which = f"the last batch of `{loader.name}` has {left} row" if loader and left == 1 else "a batch has one row"
    return bad(
        f"{which}, and batch norm cannot take a variance over **1** value",
        fix="Leave the last batch out, or choose a size that goes up in the rows.",
        code="DataLoader(..., drop_last=True)",
        values=1,
    )


def _always_the_same(model: ModelSeen) -> bool:
    """Whether every pass saw one and the same batch: its statistics are exact, however few rows it has."""
    batches = {p.batch for p in model.passes if p.grad and p.training}
    return len(batches) == 1 and sum(p.grad for p in model.passes) > 1


def _loop(rows: int, size: int, epochs: int = 1, every: int = 1) -> Bench:
    given = toys.classify(rows=rows)
    net = nn.Sequential(nn.Linear(20, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 5))
    opt = torch.optim.Adam(net.parameters(), 1e-3)
    loader = torch.utils.data.DataLoader(given.train_data, batch_size=size)

    def program() -> None:
        for _ in range(epochs):
            for step, (x, y) in enumerate(loader, start=1):
                loss = nn.functional.cross_entropy(net(x), y) / every
                loss.backward()  # type: ignore[no-untyped-call]
                if step % every == 0:
                    opt.step()
                    opt.zero_grad()

    return toys.watched(program, net=net, opt=opt, loader=loader)


@check.breaks
def two_rows() -> Bench:
    """Batches of two: every hidden unit sees +1 and -1."""
    return _loop(rows=40, size=2)


@check.breaks
def accumulated_in_pairs() -> Bench:
    """Eight batches of four make a step; batch norm sees four rows all the same."""
    return _loop(rows=64, size=4, every=8)


@check.holds
def sixteen_rows() -> Bench:
    """Batches of sixteen."""
    return _loop(rows=128, size=16)


@check.holds
def ragged_last_batch() -> Bench:
    """The last batch has two rows, the others sixteen."""
    return _loop(rows=130, size=16)


@check.holds
def four_rows_are_all() -> Bench:
    """Four rows are the whole data set, as in XOR: their statistics are exact."""
    return _loop(rows=4, size=4, epochs=20)


@check.holds
def maps_of_many_pixels() -> Bench:
    """Two images of 64 pixels each."""
    given = toys.images(rows=16)
    net, _, opt = toys.parts(given)
    x_all, y_all = given.train_data.tensors

    def program() -> None:
        for i in range(0, 16, 2):
            loss = nn.functional.cross_entropy(net(x_all[i : i + 2]), y_all[i : i + 2])
            opt.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            opt.step()

    return toys.watched(program, net=net, opt=opt)
