"""A language model is asked for the next token, not for the one after it.

Some models shift the labels themselves. Labels that were shifted before are then two tokens ahead: the loss is a little
higher than it should be, and the samples leave out every second token.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...probes.graph.between import as_called
from ...probes.rows.asked import asked, heard
from ...probes.rows.causality import order
from ...trace import Trace

check = Check(__name__, tip="visualize just before the net")

#: targets that are two ahead, and those that are the next one by chance
SURE, CLEAR = 0.99, 0.9
LENGTH, LOOKS = 4, 2
FIX = "Shift the targets once: hand over the ids themselves where the model shifts them."
CODE = "out = model(input_ids=ids, labels=ids)"


@check.run
def run(bench: Bench, trace: Trace | None = None) -> Finding:
    """Judge what was seen of a loop; without one, the bench's batch."""
    if trace is not None:
        return _judged(trace)
    with bench.untouched():
        return as_called(bench, _of_batch(bench))


def _of_batch(bench: Bench) -> Finding:
    seen = bench.once(asked)
    if seen.why or seen.length < LENGTH:
        return skipped(seen.why or f"rows of {seen.length} tokens are too short to tell")
    own, ahead, two = (seen.lags.get(lag, 0.0) for lag in (0, 1, 2))
    if ahead > SURE:
        return ok(f"{number(100 * ahead, 3)} % of the targets are the next token")
    if two <= SURE or max(own, ahead) >= CLEAR:
        return ok("no target is two tokens ahead")
    moved, looks = bench.once(heard), bench.once(order)
    if moved.why or looks.why:
        return skipped(moved.why or looks.why)
    if looks.ahead is not None:  # several tokens at once, or a text that is read both ways
        return ok("the targets are two tokens ahead in a model that looks ahead")
    claim = bad if moved.own else hint
    return claim(_told(two, ahead), fix=FIX, code=CODE, two=two, next=ahead, length=seen.length)


def _told(two: float, near: float) -> str:
    return (
        f"**{number(100 * two, 3)} %** of the targets are two tokens ahead, and {number(100 * near, 3)} % the next one"
    )


def _judged(trace: Trace) -> Finding:
    losses = [
        (loss, calls)
        for loss in trace.losses
        if (calls := [call for call in loss.calls if call.lags and call.length >= LENGTH])
    ]
    if not losses:
        return skipped("no loss in the cell has a target for each token id of its model")
    nearest = [max(call.lags.get(1, 0.0) for call in calls) for _, calls in losses]
    if max(nearest) > SURE:  # heads for one, two and more tokens ahead come with one for the next
        return ok(f"{number(100 * max(nearest), 3)} % of the targets are the next token")
    for (loss, calls), near in zip(losses, nearest, strict=True):
        ahead = [call.lags.get(2, 0.0) for call in calls]
        reach = [call.reach for call in calls if call.reach is not None]
        own = max(call.lags.get(0, 0.0) for call in calls)
        if min(ahead) <= SURE or max(near, own) >= CLEAR or any(reach):
            continue
        claim = bad if len(reach) >= LOOKS else hint
        return claim(
            _told(min(ahead), near),
            fix=FIX,
            code=CODE,
            where=str(loss.place),
            two=min(ahead),
            next=near,
            reach=reach,
        )
    return ok("no target is two tokens ahead")


class Shifting(nn.Module):
    """A model that shifts its labels and returns its loss, as many libraries' do."""

    def __init__(self) -> None:
        super().__init__()
        self.body = toys.lm()

    def forward(self, ids: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.body(ids)
        return toys.token_loss(logits[:, :-1], labels[:, 1:]), logits


def _loop(labels_ahead: int, extra_head: bool = False) -> Bench:
    given = toys.next_token(length=18)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net, second = Shifting(), nn.Linear(24, 24)
    opt = torch.optim.Adam([*net.parameters(), *second.parameters()], 1e-3)

    def program() -> None:
        for x, _ in toys.batches(given, 2):
            loss, logits = net(x[:, :16], x[:, labels_ahead : labels_ahead + 16])
            if extra_head:
                loss = loss + toys.token_loss(second(logits), x[:, 2:])
            opt.zero_grad()
            loss.backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt)


@check.breaks
def by_hand_and_by_the_model() -> Bench:
    """Labels one ahead go into a model that shifts them once more."""
    return _loop(labels_ahead=1)


@check.breaks
def in_one_batch() -> Bench:
    """No loop was watched: the loader hands over labels one ahead to a model that shifts them."""
    rows = toys.next_token(length=18).train_data.tensors[0]
    return _batch(rows[:, :16], rows[:, 1:17])


@check.holds
def in_one_batch_by_the_model() -> Bench:
    """Labels are the ids, and the model shifts them."""
    rows = toys.next_token(length=16).train_data.tensors[0]
    return _batch(rows, rows)


def _batch(ids: Tensor, labels: Tensor) -> Bench:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = Shifting()
    loader = [{"ids": i, "labels": y} for i, y in zip(torch.split(ids, 16), torch.split(labels, 16), strict=True)]
    return Bench(model=net, train_loader=loader, names={"model": "net"})


@check.holds
def by_the_model() -> Bench:
    """Labels are the ids, and the model shifts them."""
    return _loop(labels_ahead=0)


@check.holds
def two_heads() -> Bench:
    """A second head is asked for the token after the next: several tokens ahead on purpose."""
    return _loop(labels_ahead=0, extra_head=True)


@check.holds
def period_of_two() -> Bench:
    """In rows that repeat every two tokens, two ahead is the token itself, and one ahead is right."""
    net = toys.lm()
    opt = torch.optim.Adam(net.parameters(), 1e-3)

    def program() -> None:
        for _ in range(4):
            pair = torch.randint(24, (16, 2))
            ids = pair.repeat(1, 6)
            loss: Any = toys.token_loss(net(ids[:, :-1]), ids[:, 1:])
            opt.zero_grad()
            loss.backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt)
