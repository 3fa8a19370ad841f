"""Which predictions cannot differ because what they are made from is the same: equal inputs, equal prefixes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ...batches import TARGET_KEYS, Feed, leaves

#: share of the targets that must be the next input for a model to count as one of the next token; the last position
#: has no next input, and a masked prompt is not counted
SHIFTED = 0.99


def groups_of(fed: Feed, target: Tensor, *, ignored: int | None = None) -> Tensor:
    """The number of its group for every entry of `target`, in the shape (entries,).

    Entries of one group have equal inputs: the same place of an equal example, or, where the target is the next token
    of the input, an equal prefix. Without certainty every entry is a group of its own.
    """
    rows = target.numel()
    inputs = inputs_of(fed)
    count = _examples(inputs, rows)
    if count is None:
        return torch.arange(rows)
    per = rows // count
    entries = target.detach().cpu().reshape(count, per)
    ids = next((leaf for leaf in inputs if _is_shifted(leaf, entries, ignored)), None)
    alike = _alike([leaf for leaf in inputs if leaf is not ids], count)
    if ids is None:
        return (alike[:, None] * per + torch.arange(per)).flatten()
    return _prefixes(alike, ids.detach().cpu()[:, :per])


def inputs_of(fed: Feed) -> list[Any]:
    """Everything the model is given, without the target."""
    named = {key: value for key, value in fed.kwargs.items() if key not in TARGET_KEYS}
    return [leaf for leaf in leaves([list(fed.args), named]) if leaf is not fed.target and leaf is not None]


def _examples(inputs: list[Any], rows: int) -> int | None:
    """The number of examples, where every input has one entry for each of them."""
    sizes = {len(leaf) for leaf in inputs if isinstance(leaf, Tensor) and leaf.ndim}
    if len(sizes) != 1:
        return None
    size = sizes.pop()
    strange = any(not isinstance(leaf, (Tensor, bool, int, float)) for leaf in inputs)
    return None if strange or size == 0 or rows % size else size


def _alike(inputs: list[Any], count: int) -> Tensor:
    """The group of every example: equal in all inputs, to the bit."""
    rows = [_bits(leaf, count) for leaf in inputs if isinstance(leaf, Tensor) and leaf.ndim]
    known: dict[tuple[bytes, ...], int] = {}
    return torch.tensor([known.setdefault(tuple(row[i] for row in rows), len(known)) for i in range(count)])


def _bits(leaf: Tensor, count: int) -> list[bytes]:
    plain = leaf.detach().cpu()
    plain = plain.to_dense() if plain.layout is not torch.strided else plain
    flat = plain.contiguous().reshape(count, -1).view(torch.uint8).numpy()
    return [row.tobytes() for row in flat]


def _is_shifted(leaf: Any, entries: Tensor, ignored: int | None) -> bool:
    """Whether the targets are the input, one step ahead."""
    if not isinstance(leaf, Tensor) or leaf.ndim != 2 or leaf.is_floating_point() or entries.is_floating_point():
        return False
    length, per = leaf.shape[1], entries.shape[1]
    if length < 2 or per not in (length, length - 1):
        return False
    ahead = entries[:, : length - 1]
    counts = torch.ones_like(ahead, dtype=torch.bool) if ignored is None else ahead != ignored
    same = (ahead == leaf.detach().cpu()[:, 1:]) & counts
    return bool(counts.any()) and float(same.sum() / counts.sum()) >= SHIFTED


def _prefixes(alike: Tensor, ids: Tensor) -> Tensor:
    """Group of each place: the same beginning up to and with it."""
    group, columns, first = alike, [], 0
    for tokens in ids.T:
        _, group = torch.unique(torch.stack([group, tokens.to(torch.int64)]), dim=1, return_inverse=True)
        columns.append(group + first)
        first += int(group.max()) + 1
    return torch.stack(columns, dim=1).flatten()
