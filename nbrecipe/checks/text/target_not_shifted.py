"""A causal language model is asked for the next token, not for the one it is reading.

With the input itself as target the loss falls to 0 within a few steps, and all that was learned is to copy. Whether the
output at a place sees the token there, and none after it, is read off the gradient of one output.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ... import toys
from ...bench import Bench, Cell
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...probes.graph.between import as_called
from ...probes.rows.asked import asked, heard
from ...probes.rows.causality import order
from ...trace import Trace

check = Check(__name__, tip="visualize just before the net")

#: targets that are the token at their own place, and those that are the next one by chance
SURE, CLEAR = 0.99, 0.9
#: shortest rows of which this can be said, and looks that must agree
LENGTH, LOOKS = 4, 2
FIX = "Shift the targets by one: the output at a place is to name the token after it."
ELSEWHERE = "the targets are not the tokens that a causal model reads at their places"


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
    own, ahead = seen.lags.get(0, 0.0), seen.lags.get(1, 0.0)
    if own <= SURE or ahead >= CLEAR:
        told = f"{number(100 * ahead, 3)} % of the targets are the next token" if ahead > SURE else ELSEWHERE
        return ok(told, next=ahead)
    moved = bench.once(heard)
    looks = bench.once(order)
    if moved.why or looks.why:
        return skipped(moved.why or looks.why)
    if looks.ahead is not None or not moved.own:  # masked language models and autoencoders see the whole row
        return ok(ELSEWHERE, next=ahead)
    return (bad if moved.later else hint)(
        _told(own, ahead), fix=FIX, code=_code(seen.length), own=own, next=ahead, length=seen.length
    )


def _told(own: float, ahead: float) -> str:
    return (
        f"**{number(100 * own, 3)} %** of the targets are the token that the model reads at their own place, "
        f"and {number(100 * ahead, 3)} % the next one; its outputs see no further than their own place, so "
        "that it is asked to copy"
    )


def _judged(trace: Trace) -> Finding:
    losses = [
        (loss, calls)
        for loss in trace.losses
        if (calls := [call for call in loss.calls if call.lags and call.length >= LENGTH])
    ]
    if not losses:
        return skipped("no loss in the cell has a target for each token id of its model")
    unknown = False
    for loss, calls in losses:
        own = [call.lags.get(0, 0.0) for call in calls]
        if min(own) <= SURE or max(call.lags.get(1, 0.0) for call in calls) >= CLEAR:
            continue
        reach = [call.reach for call in calls if call.reach is not None]
        seen: dict[str, Any] = {
            "own": min(own),
            "next": max(c.lags.get(1, 0.0) for c in calls),
            "reach": reach,
            "length": calls[0].length,
        }
        if not reach or any(reach):  # masked language models and autoencoders see the whole row
            unknown |= not reach
            continue
        # where no earlier token moves an output, layers that mix tokens may begin as if they were not there
        claim = bad if len(reach) >= LOOKS and any(call.past for call in calls) else hint
        return claim(
            _told(min(own), seen["next"]),
            fix=FIX,
            code=_code(calls[0].length),
            where=str(loss.place),
            **seen,
        )
    if unknown:
        return skipped("the targets are the model's input; whether an output sees its own is seen where gradients flow")
    share = max(call.lags.get(1, 0.0) for _, calls in losses for call in calls)
    if share > SURE:
        return ok(f"{number(100 * share, 3)} % of the targets are the next token", next=share)
    return ok(ELSEWHERE, next=share)


def _code(length: int) -> str:
    return f"inputs, targets = ids[:, :-1], ids[:, 1:]  # from rows of {length} tokens"


class Reader(nn.Module):
    """A recurrent language model, or one that reads both ways."""

    def __init__(self, both_ways: bool = False, shifts: bool = False, vocabulary: int = 24) -> None:
        super().__init__()
        self.shifts = shifts
        self.tokens = nn.Embedding(vocabulary, 16)
        self.start = nn.Parameter(torch.zeros(1, 1, 16))
        self.cells = nn.GRU(16, 16, batch_first=True, bidirectional=both_ways)
        self.head = nn.Linear(32 if both_ways else 16, vocabulary)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.tokens(ids)
        if self.shifts:
            x = torch.cat([self.start.expand(len(x), 1, 16), x[:, :-1]], 1)
        out: Tensor = self.head(self.cells(x)[0])
        return out


def _loop(net: nn.Module | None = None, shift: int = 0, masked: bool = False) -> Bench:
    given = toys.next_token()
    net = given.model if net is None else net
    assert net is not None
    opt = torch.optim.Adam(net.parameters(), 1e-3)

    def program() -> None:
        for x, y in toys.batches(given, 2):
            target = y if shift else x
            if masked:
                hidden = torch.rand(x.shape) < 0.15
                target, x = x.masked_fill(~hidden, -100), x.masked_fill(hidden, 0)
            loss: Any = toys.token_loss(net(x), target)
            opt.zero_grad()
            loss.backward()
            opt.step()

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return toys.watched(program, net=net, opt=opt)


@check.breaks
def input_as_target() -> Bench:
    """A causal transformer is trained on y = x."""
    return _loop()


@check.breaks
def input_as_target_of_a_recurrent_net() -> Bench:
    """A GRU, and y = x."""
    return _loop(Reader())


@check.breaks
def input_as_target_of_one_batch() -> Bench:
    """No loop was watched, and the loss function is given the input of a causal transformer for its target."""
    rows = toys.next_token().train_data.tensors[0]
    cells = (Cell(1, "loss = criterion(net(x), y)"),)
    return toys.bench(toys.lm(), rows, rows, toys.token_loss, cells=cells)


@check.holds
def shifted_by_the_loss() -> Bench:
    """The batch holds the input twice, and the loss function shifts."""
    rows = toys.next_token().train_data.tensors[0]
    return toys.bench(toys.lm(), rows, rows, lambda out, ids: toys.token_loss(out[:, :-1], ids[:, 1:]))


@check.holds
def next_token() -> Bench:
    """The target is one ahead."""
    return _loop(shift=1)


@check.holds
def shifted_inside() -> Bench:
    """The model puts a start token before its input: the output at a place has not seen the token there."""
    return _loop(Reader(shifts=True))


@check.holds
def autoencoder() -> Bench:
    """A net that reads both ways and gives its input back."""
    return _loop(Reader(both_ways=True))


@check.holds
def masked_language_model() -> Bench:
    """15 % of the tokens are hidden, and asked for."""
    return _loop(Reader(both_ways=True), masked=True)
