"""A tensor kept bit for bit: its values, the place they lie in, its gradient, and what autograd knows of it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

#: whole numbers as wide as a value, to compare bits: NaN equals itself, and 0.0 is not -0.0
_BITS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


class KeptTensor:
    """A copy of one tensor; `put_back()` writes only where bits differ, so that graphs of the user's stay valid.

    The version that autograd counts is put back too: with the same bits, a graph made before can run backward. With
    `away` the copy lies in the memory of the CPU.
    """

    def __init__(self, tensor: Tensor, *, away: bool = False) -> None:
        self._tensor = tensor
        self._data = tensor.detach()
        self._needs = tensor.requires_grad
        self._grad = tensor.grad if tensor.is_leaf else None
        self._copy = _copied(self._data, away)
        self._grad_copy = None if self._grad is None else _copied(self._grad.detach(), away)
        self._versions = [(t, t._version) for t in (tensor, self._grad) if t is not None and not t.is_inference()]

    def put_back(self) -> None:
        """Make the tensor what it was."""
        tensor = self._tensor
        if _place(tensor.detach()) != _place(self._data):
            tensor.data = self._data
        # a sparse tensor shares nothing with what `detach` gives
        _write_back(self._data if self._data.layout is torch.strided else tensor, self._copy)
        if tensor.is_leaf:
            if tensor.requires_grad != self._needs:
                tensor.requires_grad_(self._needs)
            if tensor.grad is not self._grad:
                tensor.grad = self._grad
        if self._grad is not None and self._grad_copy is not None:
            _write_back(self._grad, self._grad_copy)
        for seen, version in self._versions:
            if seen._version != version:
                _set_version(seen, version)


def can_keep(tensor: Tensor) -> bool:
    """Whether there are values to keep: a lazy parameter and a tensor on the meta device have none."""
    lazy = isinstance(tensor, (nn.parameter.UninitializedParameter, nn.parameter.UninitializedBuffer))
    return not lazy and tensor.device.type != "meta"


def _copied(data: Tensor, away: bool) -> Tensor:
    compact = _compact(data)
    return compact.to("cpu", copy=True) if away else compact.clone()


def _compact(data: Tensor) -> Tensor:
    """The same memory, each value once: an expanded tensor cannot be written to as it is."""
    if data.layout is not torch.strided or data.is_quantized:
        return data
    for axis, (length, stride) in enumerate(zip(data.shape, data.stride(), strict=True)):
        if stride == 0 and length > 1:
            data = data.narrow(axis, 0, 1)
    return data


def _write_back(data: Tensor, copy: Tensor) -> None:
    with torch.no_grad():
        now = _compact(data)
        if not _same_bits(now, copy):
            now.copy_(copy)


def _same_bits(now: Tensor, copy: Tensor) -> bool:
    if now.layout is not torch.strided or now.is_quantized:
        return False
    if now.is_complex():
        now, copy = torch.view_as_real(now.resolve_conj()), torch.view_as_real(copy.resolve_conj())
    bits = _BITS.get(now.element_size())
    if bits is None:
        return False
    return torch.equal(now.view(bits).to(copy.device), copy.view(bits))


def _place(data: Tensor) -> tuple[object, ...]:
    if data.layout is not torch.strided:
        return (data.layout, data.dtype)
    return (data.data_ptr(), data.shape, data.stride(), data.dtype, data.device)


def _set_version(tensor: Tensor, version: int) -> None:
    setter: Callable[..., None] | None = getattr(torch._C._autograd, "_unsafe_set_version_counter", None)
    if setter is None:
        return
    try:
        setter((tensor,), (version,))
    except TypeError:  # torch before 2.5 takes one tensor
        setter(tensor, version)
