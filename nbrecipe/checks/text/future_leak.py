"""The output at a position depends on inputs up to that position alone.

A language model that sees the token it is to predict learns to copy it: the loss falls far below what the text allows,
and generation is gibberish. A missing mask, one that is off by one or upside down, a bidirectional layer or a padding
on both sides does it. Gradients tell: sent back from the outputs up to a cut they must reach no input behind it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ... import toys
from ...batches import Feed, leaves
from ...batches.models import plain
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, ok, skipped, spelled
from ...probes.rows.causality import Ahead, Order, order
from ...probes.rows.lines import spot

check = Check(__name__, tip="chart dependencies")

#: share of the targets that must be the input one step ahead for the task to be next-token prediction: fewer are not
#: explained by ignored positions, for those are left out
SHIFTED = 0.99


@check.run
def run(model: nn.Module, batch: Any, bench: Bench) -> Finding:
    fed = bench.get("feed")
    declared = "causal" in bench.declared
    if not declared and getattr(getattr(model, "config", None), "is_encoder_decoder", False):
        return skipped("an encoder is shown the whole input on purpose")
    if not declared and not _predicts_next(fed):
        return skipped("the target is not the input one step ahead, so looking ahead may be right")
    with bench.untouched():
        seen = bench.once(order)
    if seen.why:
        return skipped(seen.why)
    if seen.ahead is None:
        return ok(
            f"no output looks ahead: **{seen.cuts}** of {seen.length - 1} cuts tried in {seen.passes} backward passes",
            length=seen.length,
            cuts=seen.cuts,
        )
    name, ahead = bench.name("model"), seen.ahead
    place = ahead.place
    where = spelled(name, place.path) if place is not None else ""
    first = f"; `{where}` ({place.kind}) is the first to look ahead" if place is not None else ""
    # a model that is given its own inputs for labels may be to rebuild them
    rebuilt = fed.kwargs.get("labels") is not None and not declared
    meant = "what it is given" if rebuilt else "the token one step ahead"
    return (hint if rebuilt else bad)(
        f"outputs up to position **{ahead.at}** depend on the input at position **{ahead.source}**, {_lags(seen)}; "
        f"{'it is declared causal' if declared else f'the target is {meant}'}{first}",
        fix=_fix(where or f"`{name}`", plain(model), ahead, seen),
        why="the model is shown the token that it is to predict, and learns to copy it",
        where=spot(bench, place, ahead.line),
        at=ahead.at, source=ahead.source, lags=list(ahead.lags), strength=ahead.strength, length=seen.length,
    )  # fmt: skip


def _predicts_next(fed: Feed) -> bool:
    """Whether the target is the input, one step ahead or, for a model that shifts by itself, the same."""
    target = fed.target if isinstance(fed.target, Tensor) else fed.kwargs.get("labels")
    given = leaves([*fed.args, *(value for key, value in fed.kwargs.items() if key != "labels")])
    ids = next((i for i in given if isinstance(i, Tensor) and i.ndim == 2 and not i.is_floating_point()), None)
    if not isinstance(target, Tensor) or ids is None or target.shape != ids.shape or target.is_floating_point():
        return False
    same = target is fed.kwargs.get("labels")
    ahead, behind = (target, ids) if same else (target[:, :-1], ids[:, 1:])
    counted = ahead >= 0
    return bool(counted.any()) and float((ahead == behind)[counted].float().mean()) >= SHIFTED


def _lags(seen: Order) -> str:
    assert seen.ahead is not None
    near, far = seen.ahead.lags
    if not far:
        return "behind them"
    return (
        f"{near} step ahead" if near == far == 1 else f"{near} to {far} steps ahead" if near < far else f"{far} ahead"
    )


def _fix(where: str, model: nn.Module, ahead: Ahead, seen: Order) -> str:
    """What to do, by the kind of module that looks ahead first."""
    place = ahead.place
    module = model.get_submodule(place.path) if place is not None else model
    whole = ahead.lags[1] >= seen.length - 1 - (seen.length - 1) // 2
    if isinstance(module, nn.RNNBase) and module.bidirectional:
        return f"Make `{where}` run in one direction: `bidirectional=False`."
    if isinstance(module, nn.Conv1d):
        return f"Pad the input of `{where}` on the left alone."
    if whole:
        return "Give attention a causal mask."
    if ahead.lags[0] == 1 and isinstance(module, nn.MultiheadAttention):
        return f"Let the mask of `{where}` hide the next position as well: it is off by one."
    return f"Look at what `{where}` takes from positions behind it."


@check.breaks
def no_mask() -> Bench:
    """A transformer without a mask."""
    return toys.next_token(_remasked())


@check.breaks
def off_by_one() -> Bench:
    """A mask that lets each position see the next one."""
    return toys.next_token(_remasked(diagonal=2))


@check.holds
def masked() -> Bench:
    """A causal transformer."""
    return toys.next_token()


@check.holds
def recurrent() -> Bench:
    """A recurrent net, which hears of the past alone."""
    net = toys.lm()
    net._modules["blocks"] = Recurrent()
    return toys.next_token(net)


def _remasked(diagonal: int = 0) -> nn.Module:
    net = toys.lm()
    net._modules["blocks"] = Unmasked(net.blocks, diagonal)
    return net


class Unmasked(nn.Module):
    """Blocks that are given another mask, or none."""

    def __init__(self, blocks: nn.Module, diagonal: int = 0) -> None:
        super().__init__()
        self.blocks, self.diagonal = blocks, diagonal

    def forward(self, x: Tensor, **_: Any) -> Tensor:
        size = x.shape[1]
        mask = torch.full((size, size), float("-inf")).triu(self.diagonal) if self.diagonal else None
        made: Tensor = self.blocks(x, mask=mask)
        return made


class Recurrent(nn.Module):
    """One recurrent layer in the place of the blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.GRU(32, 32, batch_first=True)

    def forward(self, x: Tensor, **_: Any) -> Tensor:
        made: Tensor = self.rnn(x)[0]
        return made
