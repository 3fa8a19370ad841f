"""Whether two results are the same: structure and shapes exactly, numbers within the rounding of their type.

Two floats may differ by 8 · eps · √n · scale, where n is how many numbers one of them may be summed from (the elements
of the largest input), scale the largest size among the loop's results, and eps belongs to the coarser type of the two;
and by 8 times the error of the loop itself against its own result in float64. So a sum in another order is no fault.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...batches.structure import fields_of

#: rounding errors of this many roundings in a row are allowed beyond what a random walk of them gives
FACTOR = 8.0


@dataclass(frozen=True)
class Pair:
    """Two tensors at the same place of the two results."""

    path: str
    old: Tensor
    new: Tensor
    #: whether both were made as arrays of a type; lists and plain numbers have none
    typed: bool = False


@dataclass(frozen=True)
class Unlike:
    """Two results that cannot be compared number by number, told of the new one."""

    told: str


@dataclass(frozen=True)
class Gap:
    """Where two tensors differ by more than they may."""

    path: str
    #: the first element that differs
    index: tuple[int, ...]
    old: float | int | bool | complex
    new: float | int | bool | complex
    count: int
    total: int
    #: the largest difference, and the one allowed
    largest: float
    allowed: float
    #: which elements differ
    where: np.ndarray[Any, Any]


def paired(old: Any, new: Any, path: str = "") -> list[Pair | Unlike]:
    """The tensors of two results, place by place; what is unlike is told."""
    a, b = as_tensor(old), as_tensor(new)
    place = f" at `result{path}`" if path else ""
    if a is not None and b is not None:
        if a.numel() == b.numel() == 0 and not (_typed(old) and _typed(new)):
            return []  # an empty list has no shape
        if a.shape != b.shape:
            return [Unlike(f"gives shape **{tuple(b.shape)}**{place} where the loop gives **{tuple(a.shape)}**")]
        return [Pair(path, a, b, _typed(old) and _typed(new))]
    one, two = _parts(old), _parts(new)
    if one is not None and two is not None:
        if one.keys() != two.keys():
            return [Unlike(f"gives {_kind(new)} of {len(two)}{place} where the loop gives {_kind(old)} of {len(one)}")]
        return [found for key in one for found in paired(one[key], two[key], f"{path}[{key!r}]")]
    if a is not None or b is not None or one is not None or two is not None:
        return [Unlike(f"gives {_kind(new)}{place} where the loop gives {_kind(old)}")]
    return (
        [] if _equal(old, new) else [Unlike(f"gives {str(new)[:40]!r}{place} where the loop gives {str(old)[:40]!r}")]
    )


def _typed(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return bool(value) and _typed(value[0])
    return isinstance(value, (Tensor, np.ndarray))


def flat(value: Any) -> list[Tensor]:
    """The tensors of one result, in order."""
    tensor, parts = as_tensor(value), _parts(value)
    if tensor is not None:
        return [tensor]
    return [] if parts is None else [item for part in parts.values() for item in flat(part)]


def as_tensor(value: Any) -> Tensor | None:
    """Numbers, arrays, and lists of these of one shape, as a tensor; None for anything else."""
    if isinstance(value, Tensor):
        return value.to_dense() if value.layout is not torch.strided else value
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "fiubc":
            return None
        made = value.astype(np.int64) if value.dtype.kind == "u" else value.copy()
        return torch.from_numpy(np.ascontiguousarray(made).reshape(value.shape))
    if isinstance(value, (bool, int, float, complex, np.generic)):
        return torch.tensor(value if isinstance(value, (bool, int)) else np.asarray(value).item(), dtype=_wide(value))
    if type(value) in (list, tuple):
        items = [as_tensor(item) for item in value]
        if any(item is None for item in items) or len({item.shape for item in items if item is not None}) > 1:
            return None
        tensors = [item for item in items if item is not None]
        return torch.stack(_one_type(tensors)) if tensors else torch.zeros(0)
    return None


def _one_type(items: list[Tensor]) -> list[Tensor]:
    kind = items[0].dtype
    for item in items:
        kind = torch.promote_types(kind, item.dtype)
    return [item.to(kind) for item in items]


def _wide(value: Any) -> torch.dtype | None:
    kind = np.asarray(value).dtype.kind
    return {"f": torch.float64, "c": torch.complex128}.get(kind)


def _parts(value: Any) -> dict[Any, Any] | None:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (list, tuple)):
        return dict(enumerate(value))
    return fields_of(value)


def _kind(value: Any) -> str:
    name = type(value).__name__
    return "nothing" if value is None else f"{'an' if name[:1] in 'aeiouAEIOU' else 'a'} {name}"


def _equal(old: Any, new: Any) -> bool:
    try:
        return type(old) is not type(new) or bool(old == new) or old is new
    except Exception:
        return True


def eps_of(*tensors: Tensor) -> float:
    """The rounding of the coarsest type of floats among these; 0 where none holds floats."""
    kinds = [t.dtype for t in tensors if t.is_floating_point() or t.is_complex()]
    return max((torch.finfo(kind).eps for kind in kinds), default=0.0)


def rounding(pair: Pair, count: int) -> float:
    """How far two results may be apart by rounding alone."""
    known = pair.old.detach().abs()
    known = known[torch.isfinite(known)]
    scale = float(known.max()) if known.numel() else 0.0
    return FACTOR * eps_of(pair.old, pair.new) * math.sqrt(max(count, 1)) * scale


def gap(pair: Pair, allowed: float) -> Gap | None:
    """Where two tensors differ by more than `allowed`; None where they are the same. NaN is NaN."""
    a, b = (_exact(t.detach().cpu()) for t in (pair.old, pair.new))
    exact = not (a.is_floating_point() or a.is_complex() or b.is_floating_point() or b.is_complex())
    if exact:
        apart = a != b
        largest = float((a.double() - b.double()).abs().max()) if a.numel() else 0.0
    else:
        a, b = (t if t.is_complex() else t.double() for t in (a, b))
        far = (a - b).abs()
        alike = (a == b) | (torch.isnan(a) & torch.isnan(b))
        apart = ~alike & ~(far <= allowed)
        kept = far[apart & torch.isfinite(far)]
        largest = float(kept.max()) if kept.numel() else float("inf")
    if not bool(apart.any()):
        return None
    index = tuple(int(i) for i in apart.nonzero()[0])
    return Gap(
        pair.path, index, pair.old.detach()[index].item(), pair.new.detach()[index].item(), int(apart.sum()),
        apart.numel(), largest, allowed, apart.numpy(),
    )  # fmt: skip


def distance(pair: Pair) -> float:
    """The largest difference of two tensors among what is finite in both."""
    a, b = (t.detach().cpu().to(torch.complex128 if t.is_complex() else torch.float64) for t in (pair.old, pair.new))
    far = (a - b).abs()
    far = far[torch.isfinite(far)]
    return float(far.max()) if far.numel() else 0.0


def _exact(tensor: Tensor) -> Tensor:
    return tensor.long() if tensor.dtype in (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32) else tensor
