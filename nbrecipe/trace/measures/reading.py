"""What targets say about inputs and predictions: their lag behind token ids, how often each occurs, right answers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

#: lags of a next-token target that are told apart: its input itself, one ahead (right), two ahead
LAGS = (-1, 0, 1, 2)
#: a lag of this share of the targets is the one
SURE = 0.99
#: targets looked at, and values counted of them
MOST, KINDS = 65_536, 64
#: rows that end in a run of at least two of one token which stands nowhere else: no text does that by chance
PADDED, RUN = 3, 2


@dataclass
class Match:
    """Targets beside the token ids of the same places, both with time along the rows."""

    ids: Tensor
    table: Tensor
    counted: Tensor
    #: the axis of the ids that time runs along
    axis: int
    #: share of targets equal to the token `lag` places after their own
    lags: dict[int, float]


def match(ids: Tensor, target: Tensor, counted: Tensor) -> Match | None:
    """Targets of shape (N, T), (T, N) or flat, or one place shorter, beside ids; None where the sizes do not fit."""
    along = _match(ids, target, counted, 1)
    if along is None or max((share for lag, share in along.lags.items() if lag), default=0.0) <= SURE:
        across = _match(ids, target, counted, 0)
        if across is not None and max((share for lag, share in across.lags.items() if lag), default=0.0) > SURE:
            return across
    return along


def _match(ids: Tensor, target: Tensor, counted: Tensor, axis: int) -> Match | None:
    ids, shape = ids.detach().to(target.device), list(ids.shape)
    if target.numel() != ids.numel():
        shape[axis] -= 1  # a loss on logits[:, :-1]
    if min(shape) < 1 or target.numel() != shape[0] * shape[1]:
        return None
    table, counts = target.detach().reshape(shape), counted.reshape(shape)
    if axis == 0:
        ids, table, counts = ids.T, table.T, counts.T
    rows = max(1, MOST // ids.shape[1])
    ids, table, counts = ids[:rows], table[:rows], counts[:rows]
    return Match(ids, table, counts, axis, _lags(ids, table, counts))


def _lags(ids: Tensor, table: Tensor, counted: Tensor) -> dict[int, float]:
    (width, length), found = (table.shape[1], ids.shape[1]), {}
    for lag in LAGS:
        start, stop = max(0, -lag), min(width, length - lag)
        counts = counted[:, start:stop]
        if stop - start < 2 or not bool(counts.any()):
            continue
        ahead, said = ids[:, start + lag : stop + lag], table[:, start:stop]
        found[lag] = float((ahead == said)[counts].float().mean())
    return found


def padding(matched: Match) -> float:
    """Share of the targets that count although the input at their place is padding, on the right or on the left.

    They must all be one value: what is no padding there belongs to other inputs.
    """
    counted = matched.counted
    right, left = _tail(matched.ids), _tail(matched.ids.flip(1)).flip(1)
    left[:, :-1] &= left[:, 1:]  # from the last one on the left the first token is predicted
    for tail in (right, left):
        at = tail[:, : counted.shape[1]] & counted
        values = matched.table[at]
        if len(values) and bool((values == values[0]).all()):
            return len(values) / int(counted.sum())
    return 0.0


def _tail(ids: Tensor) -> Tensor:
    """Places of a padding token at the ends of rows; none where no token is one."""
    token = ids[:, -1].mode().values
    same = ids == token
    tail = same.flip(1).long().cumprod(1).flip(1).bool()
    lengths = tail.sum(1)
    lengths = lengths[(lengths >= RUN) & (lengths < ids.shape[1])]
    ragged = len(lengths) >= PADDED and bool((lengths != lengths[0]).any())
    alone = torch.equal(tail[:, 1:], same[:, 1:])  # a start token may be the same
    return tail if ragged and alone else torch.zeros_like(tail)


def counts(target: Tensor, ignored: int) -> dict[int, int]:
    """How often the most frequent targets occur, without the ignored one."""
    flat = target.detach().reshape(-1)[:MOST]
    values, number = torch.unique(flat[flat != ignored], return_counts=True)
    order = number.argsort(descending=True)[:KINDS]
    return dict(zip(values[order].tolist(), number[order].tolist(), strict=True))


def accuracy(output: Tensor, target: Tensor, axis: int) -> float | None:
    """Share of targets that the highest score names."""
    if output.ndim <= axis or target.shape != output.shape[:axis] + output.shape[axis + 1 :]:
        return None
    counted = target >= 0
    right = (output.detach().argmax(axis) == target)[counted]
    return float(right.float().mean()) if right.numel() else None
