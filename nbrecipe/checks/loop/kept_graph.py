"""What is kept of a loss is a number, not its graph.

A running sum of losses, or a list of them, holds on to the graph of every batch there was: memory grows with each step,
and a long run ends for want of it. `item()` or `detach()` lets the graph go.
"""

from __future__ import annotations

import re
from typing import Any

import torch

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, ok, skipped
from ...trace import Trace
from ...trace.record.data import OpSeen

check = Check(__name__, tip="training dynamics")

#: additions to a sum across steps, or losses in a list, before the claim
KEPT = 2
LISTED = 3
#: nodes from the root down among which the sum's addition lies where the sum itself is differentiated
NEAR = 4
TARGET = re.compile(r"^([A-Za-z_][\w.\[\]\"']*)\s*(\+=|=)")


@check.run
def run(trace: Trace) -> Finding:
    sums = [op for op in trace.ops if op.name == "add" and op.grad and op.right is None]
    if not trace.backwards and not sums:
        return skipped("the cell called no backward")
    for op in sums:
        found = _judge(trace, op)
        if found is not None:
            return found
    alive, name, number = trace.kept
    if alive >= LISTED and number >= LISTED:
        return bad(
            f"`{name}` holds **{number}** losses with their graphs",
            fix="Keep the numbers.",
            code=f"{name}.append({trace.backward[0].name}.item())",
            where=str(trace.backward[0].place),
            kept=number,
        )
    if alive >= LISTED:
        return hint(
            f"{alive} losses of the first steps, with their graphs, are still held at the end",
            fix="Keep the number `loss.item()` where losses are collected.",
            kept=alive,
        )
    return ok("no graph outlives its step", kept=alive)


def _judge(trace: Trace, op: OpSeen) -> Finding | None:
    name = _target(op)
    if not trace.backwards:  # an evaluation with gradients, or a sum whose backward comes in another cell
        if not trace.ended or op.count < LISTED:
            return None
        said, claim = "the sum of losses holds the graph of every batch, and nothing is trained", hint
    else:
        if op.carried < KEPT or _differentiated(trace, op, name):
            return None
        said, claim = "the running sum of losses holds the graph of every batch so far", bad
    whole = f"`{name}`: {said}" if name else said
    return claim(
        whole,
        fix="Add the number to the sum, not the tensor.",
        code=f"{name or 'total'} += {trace.backward[0].name if trace.backward else 'loss'}.item()",
        where=str(op.place),
        carried=op.carried,
        count=op.count,
    )


def _target(op: OpSeen) -> str:
    """What the line assigns to."""
    found = TARGET.match(op.place.text)
    return found.group(1) if found else ""


def _differentiated(trace: Trace, op: OpSeen, name: str) -> bool:
    """Whether a backward goes through the sum in the end, as in meta-learning; while it may yet come, too."""
    if any(loss.name == name for loss in trace.backward):
        return True
    summed = [loss for loss in trace.backward if "AddBackward0" in loss.chain[:NEAR]]
    if any(2 * loss.count <= op.count for loss in summed):
        return True
    return bool(summed) and not trace.ended


def _loop(keep: str, dropped: bool = False) -> Bench:
    """Losses are kept in a sum or in a list, as they are or as numbers."""
    given = toys.classify()
    net, loss_fn, opt = toys.parts(given)
    losses: list[torch.Tensor] = []

    def program() -> None:
        total = mean = torch.zeros(())
        for x, y in toys.batches(given, 2):
            opt.zero_grad()
            loss = loss_fn(net(x), y)
            loss.backward()
            opt.step()
            kept = loss.detach() if dropped else loss
            if keep == "sum":
                total = total + kept
            elif keep == "in place":
                total += kept
            elif keep == "mean":
                mean = 0.9 * mean + 0.1 * kept
            else:
                losses.append(kept)

    return toys.watched(program, net=net, opt=opt, losses=losses)


@check.breaks
def a_running_sum() -> Bench:
    """`total += loss`, the tensor with its graph."""
    return _loop("in place")


@check.breaks
def a_running_mean() -> Bench:
    """A mean that moves is a sum as well."""
    return _loop("mean")


@check.breaks
def a_list_of_losses() -> Bench:
    """The losses are put in a list, to be drawn later."""
    return _loop("list")


@check.holds
def detached() -> Bench:
    """The sum is of numbers."""
    return _loop("sum", dropped=True)


@check.holds
def a_list_of_numbers() -> Bench:
    """The losses in the list have no graph."""
    return _loop("list", dropped=True)


@check.holds
def a_sum_that_is_differentiated() -> Bench:
    """The losses of a pass are added up, and the backward goes through their sum."""
    given = toys.classify()
    net, loss_fn, opt = given.model, given.loss_fn, given.optimizer
    train_dl: Any = given.train_loader
    assert net is not None
    assert loss_fn is not None

    def program() -> None:
        for _ in range(3):
            opt.zero_grad()
            total: Any = torch.zeros(())
            for x, y in train_dl:
                total = total + loss_fn(net(x), y) / len(train_dl)
            total.backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt)
