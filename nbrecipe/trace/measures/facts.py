"""A tensor in a few numbers, from a sample of it where it is large."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from ..record.data import Facts

#: values looked at: enough that a share of one in a thousand shows, few enough to take microseconds
SAMPLE = 16_384
#: rows looked at to tell probabilities from scores
ROWS = 256
#: nodes that only reshape, pick or cast
RESHAPING = (
    "View", "UnsafeView", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "TBackward", "Permute", "Select", "Slice",
    "Index", "ToCopy", "Clone", "Alias", "Expand", "Unbind", "Split", "Stack", "Cat", "AsStrided", "Gather",
)  # fmt: skip
#: how far a sum of probabilities may be from 1: float16 rounds each of a thousand terms to 5e-4 of itself
TOLERANCE = 1e-3


def sample(tensor: Tensor, most: int = SAMPLE) -> Tensor:
    """At most about `most` values of a tensor, evenly spread over it; a view where it can be one.

    The stride shares no factor with the length of the last axes, so that every column is met.
    """
    flat = tensor.detach()
    flat = flat.reshape(-1) if flat.is_contiguous() else flat.contiguous().view(-1)
    count = flat.numel()
    if count <= most:
        return flat
    stride = count // most
    while any(math.gcd(stride, size) > 1 for size in tensor.shape if size > 1) and stride < count // most + 64:
        stride += 1
    return flat[::stride]


def facts(tensor: Tensor, axis: int | None = None) -> Facts:
    """The tensor in numbers; `axis` is the one that runs over classes, where there is one."""
    shape, dtype = tuple(tensor.shape), str(tensor.dtype).removeprefix("torch.")
    maker = type(tensor.grad_fn).__name__ if tensor.grad_fn is not None else ""
    more: dict[str, Any] = {"requires_grad": tensor.requires_grad, "maker": maker, "origin": _origin(tensor)}
    plain = tensor.detach()
    if plain.is_sparse or plain.is_complex() or plain.is_quantized or plain.numel() == 0 or plain.is_meta:
        return Facts(shape, dtype, math.nan, math.nan, math.nan, math.nan, **more)
    values = sample(plain).to(torch.float64 if plain.dtype == torch.float64 else torch.float32)
    finite = values.isfinite()
    good = values if bool(finite.all()) else values[finite]
    nonfinite = 1 - good.numel() / values.numel()
    if good.numel() == 0:
        return Facts(shape, dtype, math.nan, math.nan, math.nan, math.nan, nonfinite, **more)
    numbers = torch.stack([good.min(), good.max(), good.mean(), good.std(correction=0)]).tolist()
    more["integers"] = not plain.is_floating_point() or bool((good == good.round()).all())
    if axis is not None and plain.is_floating_point() and plain.ndim > 0 and nonfinite == 0:
        more |= _sums(plain, axis)
    low, high, mean, std = numbers
    return Facts(shape, dtype, low, high, mean, std, nonfinite, **more)


def _origin(tensor: Tensor) -> str:
    """The node that made the values, whatever shape they were brought into since."""
    node: Any = tensor.grad_fn
    for _ in range(16):
        if node is None or not type(node).__name__.startswith(RESHAPING) or not node.next_functions:
            break
        node = node.next_functions[0][0]
    return type(node).__name__ if node is not None else ""


def _sums(tensor: Tensor, axis: int) -> dict[str, bool]:
    """Whether values, or their exponentials, sum to 1 along an axis of two or more."""
    if tensor.ndim <= axis or tensor.shape[axis] < 2:
        return {}
    rows = tensor.movedim(axis, -1)
    rows = rows.reshape(-1, rows.shape[-1])[:ROWS].float()
    return {
        "sums_to_one": bool((rows >= 0).all()) and _ones(rows.sum(-1)),
        "exps_sum_to_one": _ones(rows.exp().sum(-1)),
    }


def _ones(sums: Tensor) -> bool:
    return bool(((sums - 1).abs() < TOLERANCE).all())


def tensors(value: Any, depth: int = 4) -> Iterator[Tensor]:
    """The tensors of a batch or an output: a tensor, or lists, mappings and objects that hold some."""
    if isinstance(value, Tensor):
        yield value
    elif depth > 0:
        if isinstance(value, Mapping):
            inner: Any = list(value.values())
        elif isinstance(value, (list, tuple)):
            inner = value
        else:
            inner = list(vars(value).values()) if hasattr(value, "__dict__") and not callable(value) else ()
        for item in inner:
            yield from tensors(item, depth - 1)


def fingerprint(value: Any) -> str:
    """A short text that two batches share only when they hold the same values; empty for no tensor."""
    digest = hashlib.blake2b(digest_size=8)
    found = False
    for tensor in tensors(value):
        if tensor.is_sparse or tensor.is_quantized or tensor.is_meta:
            continue
        found = True
        digest.update(str(tuple(tensor.shape)).encode())
        digest.update(str(sample(tensor, 64)[:64].tolist()).encode())
    return digest.hexdigest() if found else ""


def rows(value: Any) -> int:
    """The length of the first tensor's first axis; 0 where there is none."""
    return next((int(tensor.shape[0]) if tensor.ndim else 1 for tensor in tensors(value)), 0)
