"""Images as tensors with their colours first, whatever axis the data set keeps them on."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...scan.columns.kinds import COLOURS


def channels_first(images: np.ndarray[Any, Any]) -> Tensor:
    """(N, C, H, W) float32 of (N, H, W), (N, H, W, C) or (N, C, H, W)."""
    pixels = torch.from_numpy(np.require(images, np.float32, ["C", "W"]))
    if pixels.ndim == 3:
        return pixels[:, None]
    last = pixels.shape[1] not in COLOURS or (pixels.shape[3] in COLOURS and pixels.shape[2] > pixels.shape[3])
    return pixels.permute(0, 3, 1, 2) if last else pixels
