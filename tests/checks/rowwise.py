"""Nets whose rows are to stay apart, rows of many shapes, and how batch-leak judges them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.checks.model import batch_leak
from nbrecipe.finding import Finding


class Net(nn.Module):
    """A net whose `forward` is this function of it and the input, with these modules."""

    def __init__(self, forward: Callable[..., Any], **parts: nn.Module) -> None:
        super().__init__()
        self._forward = forward
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self._forward(self, *args, **kwargs)


def given(net: nn.Module, x: Tensor) -> Bench:
    labels = torch.randint(3, (len(x),), generator=toys.seeded())
    return toys.bench(net, x, labels, nn.CrossEntropyLoss(), size=len(x))


def vectors(rows: int = 24, width: int = 10) -> Tensor:
    return torch.randn(rows, width, generator=toys.seeded(1))


def series(rows: int = 20, length: int = 9, width: int = 8) -> Tensor:
    return torch.randn(rows, length, width, generator=toys.seeded(1))


def pictures(rows: int = 12) -> Tensor:
    return torch.randn(rows, 3, 8, 8, generator=toys.seeded(1))


def ids(rows: int = 20, length: int = 9) -> Tensor:
    return torch.randint(30, (rows, length), generator=toys.seeded(1))


def judged(bench: Bench) -> Finding:
    return batch_leak.run(model=bench.get("model"), batch=bench.get("batch"), bench=bench)
