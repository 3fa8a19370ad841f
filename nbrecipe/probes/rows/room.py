"""How much memory a pass with its graph takes for each row of a batch, and how many rows there is room for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

#: share of the free memory that a pass may take
SHARE = 0.5
#: where a container says how much memory it may take, and takes
LIMIT, TAKEN = (Path(f"/sys/fs/cgroup/memory.{name}") for name in ("max", "current"))


def saved_bytes(model: nn.Module, work: Callable[[], object]) -> int:
    """The bytes that the graph of a forward pass keeps alive, beside the parameters and buffers."""
    own = {_storage(tensor) for tensor in (*model.parameters(), *model.buffers())}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        if tensor.layout is torch.strided and _storage(tensor) not in own:
            kept[_storage(tensor)] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        work()
    return sum(kept.values())


def free_bytes(model: nn.Module) -> int:
    """Memory that is left on the model's device; of a container that is less than of its machine."""
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # another system than Linux
        return 1 << 62
    try:
        return min(free, int(LIMIT.read_text()) - int(TAKEN.read_text()))
    except (OSError, ValueError):  # no container, or one without a limit
        return free


def gigabytes(count: float) -> str:
    """For a sentence: "1.2 GB"."""
    return f"{count / 1e9:.2g} GB" if count >= 1e9 else f"{count / 1e6:.2g} MB"


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr() if tensor.layout is torch.strided else id(tensor)
