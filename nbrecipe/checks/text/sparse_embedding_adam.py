"""Rows of an embedding step about as far as the other weights.

Adam divides by the root of an average of squared gradients. For a row that is seen once in K steps that average holds
one square in K, so that each time it is seen the row goes about sqrt(K) times as far as a weight with a gradient at
every step, up to 1/sqrt(1 - beta2), which is 32; and Adam moves it on at steps that never saw it. Some models want just
that: this check hints.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, Seen, hint, number, ok, skipped
from ...trace import Trace
from ...trace.record.data import OptimizerSeen

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="learning rate values")

#: times as far as other weights: one order of magnitude
FAR = 10.0
#: looks that a share is averaged over
LOOKS = 3
BETA = 0.999


@check.run
def run(trace: Trace) -> Finding:
    tables = [found for optimizer in trace.optimizers if _averages(optimizer) for found in _tables(optimizer)]
    if not tables:
        return skipped("no Adam of the cell holds an embedding with dense gradients that was looked at often enough")
    rows, layer, optimizer = min(tables, key=lambda found: found[0])
    times = _times(rows, optimizer)
    if times < FAR:
        share = number(100 * rows, 3)
        return ok(f"{share} % of the rows of `{layer}` get a gradient at a step", rows=rows, times=times, layer=layer)
    return hint(
        f"**{number(100 * rows, 2)} %** of the rows of `{layer}` get a gradient at a step, and {optimizer.kind} moves "
        f"such a row about **{number(times, 2)}** times as far as other weights when it is seen",
        fix=f"Give `{layer}` sparse gradients and `torch.optim.SparseAdam`, or a group with a smaller learning rate.",
        code="nn.Embedding(rows, width, sparse=True)",
        where=str(optimizer.place),
        rows=rows,
        times=times,
        layer=layer,
        steps=optimizer.steps,
    )


def _averages(optimizer: OptimizerSeen) -> bool:
    """Whether it divides by a running average of squares, and none of it is sparse."""
    return "Adam" in optimizer.kind and optimizer.kind not in ("SparseAdam", "Adamax")


def _tables(optimizer: OptimizerSeen) -> list[tuple[float, str, OptimizerSeen]]:
    shares: dict[str, list[float]] = {}
    for update in optimizer.updates:
        for layer, rows in zip(update.layers, update.rows, strict=False):
            if rows is not None:
                shares.setdefault(layer, []).append(rows)
    return [
        (sum(seen) / len(seen), layer, optimizer)
        for layer, seen in shares.items()
        if len(seen) >= LOOKS and max(seen) > 0
    ]


def _times(rows: float, optimizer: OptimizerSeen) -> float:
    """How much farther a row goes: 1 / sqrt of the average's share of one square, after as many steps as were made."""
    betas = optimizer.groups[0].get("betas", (0.9, BETA)) if optimizer.groups else (0.9, BETA)
    beta = min(float(betas[1]), 1 - 1e-9)
    between = min(1 / max(rows, 1e-9), max(optimizer.steps, 1))
    return math.sqrt((1 - beta**between) / (1 - beta))


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """How far a row goes when it is seen, by the share of steps that see it."""
    shares = [10 ** (-4 + i / 10) for i in range(41)]
    ax.plot(shares, [math.sqrt((1 - BETA ** (1 / share)) / (1 - BETA)) for share in shares], color="C0")
    ax.plot([max(seen["rows"], 1e-4)], [seen["times"]], "o", color="C1")
    ax.set_xscale("log")
    ax.set_xlabel("share of steps that see a row")
    ax.set_ylabel("times as far")


def _loop(rows: int, steps: int = 150) -> Bench:
    g = toys.seeded()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        items, head = nn.Embedding(rows, 4), nn.Linear(4, 1)
    net = nn.Sequential(items, head)
    opt = torch.optim.Adam(net.parameters(), 1e-3)
    ids = torch.randint(rows, (steps, 8), generator=g)

    def program() -> None:
        for batch in ids:
            loss = (net(batch) - 1).square().mean()
            opt.zero_grad()
            loss.backward()
            opt.step()

    return toys.watched(program, every=None, net=net, opt=opt)


@check.breaks
def many_items_few_seen() -> Bench:
    """Eight of 4000 items in a batch, and Adam over all of them."""
    return _loop(4000)


@check.holds
def few_items() -> Bench:
    """Every row is seen every few steps."""
    return _loop(40)


@check.holds
def tied_to_the_output() -> Bench:
    """A language model whose output layer is its embedding: the softmax gives every row a gradient."""
    given = toys.next_token()
    net = toys.lm()
    net.head.weight = net.tokens.weight
    opt = torch.optim.Adam(net.parameters(), 1e-3)

    def program() -> None:
        for x, y in toys.batches(given, 2):
            opt.zero_grad()
            loss: Any = toys.token_loss(net(x), y)
            loss.backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt)
