"""Which parts of an example vary from draw to draw, and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from ...pictures.augment import Variation
from .draws import Draws, stacked
from .parts import Kind, Part

#: what has no size: another class is not more by being a larger number
_NAMES = ("mask", "ids", "label")
#: numbers of a part that are compared
ENOUGH = 1 << 18


def variations(example: Draws) -> list[Variation]:
    """One line for each part of the first draw."""
    return [_of_part(example.column(place)) for place in range(len(example.drawn[0]))]


def _of_part(parts: Sequence[Part]) -> Variation:
    first = parts[0]
    distinct = len({part.digest for part in parts})
    shapes = {tuple(part.value.shape) for part in parts if isinstance(part.value, Tensor)}
    told = tuple(str(shape) for shape in sorted(shapes)) if len(shapes) > 1 else ()
    change = _change(parts, first.kind) if distinct > 1 else 0.0
    return Variation(first.name, first.kind, first.target, distinct, len(parts), change, told)


def _change(parts: Sequence[Part], kind: Kind) -> float | None:
    few = [replace(part, value=_few(part.value)) for part in parts]
    values = stacked(few)
    if values is None or not values[0].numel():
        return None
    if kind in _NAMES and not values.is_floating_point():
        return float((values[1:] != values[:1]).double().mean())
    if values.is_complex() or values[0].numel() == 1:
        return None
    exact = values.double().nan_to_num()
    if kind == "boxes":
        return float((exact[1:] - exact[:1]).abs().mean())
    spread = float(exact[0].std(correction=0))
    return float((exact[1:] - exact[:1]).abs().mean()) / spread if spread > 0 else None


def _few(value: Tensor | str) -> Tensor | str:
    """Of large ones every so manieth number, which tells a mean as well."""
    if isinstance(value, str) or value.numel() <= ENOUGH:
        return value
    return value.flatten()[:: -(-value.numel() // ENOUGH)]
