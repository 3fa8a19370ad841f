"""Units that start as copies of one another, and whether training would ever tell them apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

#: two rows are one when they differ by less than this of their largest entry; rounding differs by 1e-6, units by ~1
SAME = 1e-3
#: a gradient this small beside the largest one of the model is rounding: what cancels exactly on paper
ROUNDING = 1e-6


@dataclass(frozen=True)
class Twins:
    """The units of one weight that start as copies; `still` counts those whose gradients are copies too."""

    name: str
    units: int
    equal: int
    still: int
    #: the weight is zero everywhere
    zero: bool
    #: no gradient reaches it
    stuck: bool


@dataclass(frozen=True)
class Suspect:
    """A trainable weight with units along `axis`, some of them equal."""

    name: str
    weight: nn.Parameter
    axis: int
    equal: int

    def rows(self, values: Tensor) -> Tensor:
        """(units, inputs): one row a unit."""
        dense = values.detach().to_dense() if values.is_sparse else values.detach()
        return dense.movedim(self.axis, 0).flatten(1)

    def judged(self, change: Tensor, floor: float) -> Twins:
        """The verdict on this gradient or update; what is below `floor` is nothing."""
        units = int(self.weight.shape[self.axis])
        stuck = float(change.detach().abs().max()) <= floor
        still = units if stuck else copies(self.rows(change), SAME, floor)
        zero = not bool(self.weight.detach().any())
        return Twins(self.name, units, self.equal, min(still, self.equal), zero, stuck)


def suspects(model: nn.Module) -> list[Suspect]:
    """Every trainable weight of which two units or more start exactly equal."""
    found = []
    for name, weight, axis in _weights(model):
        if weight.shape[axis] > 1 and weight.numel() > weight.shape[axis]:
            rows = weight.detach().movedim(axis, 0).flatten(1)
            equal = copies(rows)
            if equal:
                found.append(Suspect(name, weight, axis, equal))
    return found


def copies(rows: Tensor, tolerance: float = 0.0, floor: float = 0.0) -> int:
    """The number of rows that have a copy among the others, found by sorting along a random direction.

    Rows are copies when they differ by at most `tolerance` of their largest entry, or by `floor`.
    """
    rows = torch.view_as_real(rows).flatten(1) if rows.is_complex() else rows
    rows = rows.float()
    direction = torch.randn(rows.shape[1], generator=torch.Generator().manual_seed(0)).to(rows.device)
    along, order = (rows @ direction).sort()
    if tolerance == 0 and not bool((along.diff() <= 1e-5 * along.abs().max()).any()):
        return 0
    ordered = rows[order]
    largest = ordered.abs().amax(1)
    apart = (ordered[1:] - ordered[:-1]).abs().amax(1)
    same = apart <= (tolerance * torch.maximum(largest[1:], largest[:-1])).clamp_min(floor)
    twin = torch.zeros(len(rows), dtype=torch.bool, device=rows.device)
    twin[1:] |= same
    twin[:-1] |= same
    return int(twin.sum())


def judged(found: Sequence[Suspect], changes: Sequence[Tensor | None], floor: float = 0.0) -> tuple[Twins, ...]:
    """The twins among suspects, by their gradients or updates; None is for a weight that took no part in the pass."""
    pairs = zip(found, changes, strict=True)
    return tuple(suspect.judged(change, floor) for suspect, change in pairs if change is not None)


def _weights(model: nn.Module) -> Iterator[tuple[str, nn.Parameter, int]]:
    """Every trainable weight once, and the axis along which its units lie."""
    seen: set[int] = set()
    for path, module in model.named_modules():
        across = isinstance(module, (nn.Embedding, nn.EmbeddingBag, nn.modules.conv._ConvTransposeNd))
        for key, weight in module.named_parameters(recurse=False):
            if weight.ndim >= 2 and weight.requires_grad and id(weight) not in seen:
                seen.add(id(weight))
                yield f"{path}.{key}" if path else key, weight, int(across)
