"""The model that a batch is fed to: what stands inside its wrappers, and how it runs as plain code."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn


def plain(model: nn.Module) -> nn.Module:
    """The model inside a compiled one or inside DataParallel, whose own layers can be watched."""
    while True:
        inner = getattr(model, "_orig_mod", None)
        if isinstance(inner, nn.Module):
            model = inner
        elif isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            model = model.module
        else:
            return model


def eagerly() -> AbstractContextManager[Any]:
    """Compiled parts run as plain code, so that their layers, and the calls inside them, can be watched."""
    if "torch._dynamo" in sys.modules and hasattr(torch.compiler, "set_stance"):
        return torch.compiler.set_stance("force_eager")  # type: ignore[no-any-return]
    return nullcontext()
