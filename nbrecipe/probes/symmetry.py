"""Units that start as copies of one another, and whether training would ever tell them apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

#: two rows are one when they differ by less than this of the largest entry; rounding differs by 1e-6, units by ~1
SAME = 1e-3


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

    def judged(self, change: Tensor | None) -> Twins:
        """The verdict on this gradient or update."""
        units = int(self.weight.shape[self.axis])
        largest = 0.0 if change is None else float(change.detach().abs().max())
        still = units if change is None or largest == 0 else copies(self.rows(change), SAME * largest)
        zero = not bool(self.weight.detach().any())
        return Twins(self.name, units, self.equal, min(still, self.equal), zero, stuck=largest == 0)


def suspects(model: nn.Module) -> list[Suspect]:
    """Every trainable weight of which two units or more start exactly equal."""
    found = []
    for name, weight, axis in _weights(model):
        if weight.shape[axis] > 1 and weight.numel() > weight.shape[axis]:
            rows = weight.detach().movedim(axis, 0).flatten(1)
            equal = copies(rows, 0.0)
            if equal:
                found.append(Suspect(name, weight, axis, equal))
    return found


def copies(rows: Tensor, tolerance: float) -> int:
    """The number of rows that have a copy among the others, found by sorting along a random direction."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.view_as_real(rows).flatten(1) if rows.is_complex() else rows
    rows = rows.float()
    direction = torch.randn(rows.shape[1], generator=generator).to(rows.device)
    order = (rows @ direction).argsort()
    if tolerance == 0:
        near = (rows @ direction)[order].diff().abs() <= 1e-5 * rows.abs().max() * rows.shape[1] ** 0.5
        if not bool(near.any()):
            return 0
    ordered = rows[order]
    same = (ordered[1:] - ordered[:-1]).abs().amax(1) <= tolerance
    twin = torch.zeros(len(rows), dtype=torch.bool, device=rows.device)
    twin[1:] |= same
    twin[:-1] |= same
    return int(twin.sum())


def judged(found: Sequence[Suspect], gradients: Sequence[Tensor | None]) -> tuple[Twins, ...]:
    """The twins among suspects whose weights took part in the pass."""
    pairs = zip(found, gradients, strict=True)
    return tuple(suspect.judged(gradient) for suspect, gradient in pairs if gradient is not None)


def _weights(model: nn.Module) -> Iterator[tuple[str, nn.Parameter, int]]:
    """Every trainable weight once, and the axis along which its units lie."""
    seen: set[int] = set()
    for path, module in model.named_modules():
        across = isinstance(module, (nn.Embedding, nn.EmbeddingBag, nn.modules.conv._ConvTransposeNd))
        for key, weight in module.named_parameters(recurse=False):
            if weight.ndim >= 2 and weight.requires_grad and id(weight) not in seen:
                seen.add(id(weight))
                yield f"{path}.{key}" if path else key, weight, int(across)
