"""Padding does not count in the loss.

Rows are filled up to one length with a token that says nothing. Where it counts as a target the mean is taken over
filling too: the loss looks low, the net spends itself on an answer that is always the same, and the share changes with
the lengths in each batch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ... import toys
from ...bench import Bench, Cell
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...probes.graph.between import as_called
from ...probes.rows.asked import asked, padding_counted
from ...trace import Trace
from ...trace.record.data import LossCall

check = Check(__name__, tip="what the loss is given")

#: share of the targets from which the loss says something else than it seems to
SHARE = 0.1
FIX = "Set the targets at padding to the loss's `ignore_index`."
NONE = "no target counts at a place where the input is padding"


@check.run
def run(bench: Bench, trace: Trace | None = None) -> Finding:
    """Judge what was seen of a loop; without one, the bench's batch."""
    if trace is not None:
        return _judged(trace)
    with bench.untouched():
        found = padding_counted(bench)
        if isinstance(found, str):
            return skipped(found)
        (share, source), seen = found, bench.once(asked)
        if share == 0:
            return ok(NONE)
        claim = bad if share >= SHARE and source else hint
        why = "" if source else "the padding was guessed: the id that rows end in, and that stands nowhere else"
        code = f"targets[inputs == pad_id] = {seen.ignored}"
        told = _told(share, bench.name("loss_fn") if bench.loss_fn is not None else "the model's own loss")
        return as_called(bench, claim(told, fix=FIX, code=code, why=why, share=share))


def _told(share: float, name: str) -> str:
    counted = f"**{number(100 * share, 3)} %** of the targets that count in `{name}`"
    return f"{counted} stand at places where the input is padding"


def _judged(trace: Trace) -> Finding:
    losses = [
        (loss, calls)
        for loss in trace.losses
        if (calls := [call for call in loss.calls if call.lags and call.options.get("reduction") != "none"])
    ]
    if not losses:
        return skipped("no loss in the cell has a target for each token id of its model")
    shares = [sum(call.padding for call in calls) / len(calls) for _, calls in losses]
    share, (loss, calls) = max(zip(shares, losses, strict=True), key=lambda found: found[0])
    if share == 0:
        return ok(NONE)
    claim = bad if share >= SHARE else hint
    return claim(
        _told(share, loss.name),
        fix=FIX,
        code=_code(calls[0]),
        where=str(loss.place),
        share=share,
        calls=len(calls),
    )


def _code(call: LossCall) -> str:
    return f"targets[inputs == pad_id] = {call.options.get('ignore_index', -100)}"


def _rows(pad: int = 0, left: bool = False) -> Tensor:
    g = toys.seeded()
    ids = torch.randint(1, 24, (64, 17), generator=g)
    lengths = torch.randint(6, 18, (64,), generator=g)
    outside = torch.arange(17) >= lengths[:, None]
    return ids.masked_fill(outside.flip(1) if left else outside, pad)


def _loop(ignore: int = -100, set_to: int | None = None, left: bool = False) -> Bench:
    ids, net = _rows(left=left), toys.lm()
    opt = torch.optim.Adam(net.parameters(), 1e-3)

    def program() -> None:
        for rows in torch.split(ids, 16):
            x, y = rows[:, :-1], rows[:, 1:]
            if set_to is not None:
                y = y.masked_fill(x == 0, set_to)
            logits = net(x).flatten(0, 1)
            loss: Any = functional.cross_entropy(logits, y.flatten(), ignore_index=ignore)
            opt.zero_grad()
            loss.backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt)


@check.breaks
def padding_counts() -> Bench:
    """Targets are the inputs, shifted, with all their padding."""
    return _loop()


@check.breaks
def padding_on_the_left_counts() -> Bench:
    """The same for rows that are filled up on the left."""
    return _loop(left=True)


@check.breaks
def tags_of_padding_count() -> Bench:
    """A tagger gives every token a class, and the padding class 0."""
    ids = _rows()[:, :16]
    net = nn.Sequential(nn.Embedding(24, 8), nn.Linear(8, 3))
    opt = torch.optim.Adam(net.parameters(), 1e-3)

    def program() -> None:
        for x in torch.split(ids, 16):
            opt.zero_grad()
            loss: Any = functional.cross_entropy(net(x).transpose(1, 2), x % 3)
            loss.backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt)


@check.breaks
def padding_of_one_batch_counts() -> Bench:
    """No loop was watched: a causal transformer without a mask in its loss, whose embedding knows the padding."""
    return _batch(toys.token_loss)


@check.holds
def padding_of_one_batch_ignored() -> Bench:
    """The same with the padding as `ignore_index`."""
    return _batch(lambda out, y: functional.cross_entropy(out.flatten(0, 1), y.flatten(), ignore_index=0))


def _batch(loss: Any) -> Bench:
    ids, net = _rows(), toys.lm()
    net.tokens.padding_idx = 0
    cells = (Cell(1, "loss = criterion(net(x), y)"),)
    return toys.bench(net, ids[:, :-1], ids[:, 1:], loss, cells=cells)


@check.holds
def padding_ignored() -> Bench:
    """The padding token is the loss's `ignore_index`."""
    return _loop(ignore=0)


@check.holds
def targets_of_padding_set() -> Bench:
    """-100 stands at the padding; the end of a row is still to be predicted."""
    return _loop(set_to=-100)


@check.holds
def text_without_padding() -> Bench:
    """Rows cut from one long text."""
    given = toys.next_token()
    net, _, opt = toys.parts(given)

    def program() -> None:
        for x, y in toys.batches(given):
            opt.zero_grad()
            loss: Any = toys.token_loss(net(x), y)
            loss.backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt)


@check.holds
def borders_of_images() -> Bench:
    """Pixels as tokens: rows end in a run of black, which is a colour that occurs elsewhere, too."""
    g = toys.seeded()
    ids = torch.randint(0, 4, (64, 17), generator=g) * (torch.arange(17) < 12)
    net = toys.lm()
    opt = torch.optim.Adam(net.parameters(), 1e-3)

    def program() -> None:
        for rows in torch.split(ids, 16):
            opt.zero_grad()
            loss: Any = toys.token_loss(net(rows[:, :-1]), rows[:, 1:])
            loss.backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt)
