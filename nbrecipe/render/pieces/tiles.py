"""Many small pictures in rows: as bytes for a script, and as one picture where none runs."""

from __future__ import annotations

import math

import numpy as np

#: picture elements of a tile's longer side, at most; larger ones are pooled
SIDE = 32


def pooled(values: np.ndarray, side: int = SIDE) -> np.ndarray:
    """(..., height, width) with neighbours averaged until neither side is longer than `side`."""
    height, width = values.shape[-2:]
    rows, columns = math.ceil(height / side), math.ceil(width / side)
    if rows == columns == 1:
        return values
    padding = [(0, 0)] * (values.ndim - 2) + [(0, -height % rows), (0, -width % columns)]
    whole = np.pad(values, padding, mode="edge")
    shape = (*values.shape[:-2], whole.shape[-2] // rows, rows, whole.shape[-1] // columns, columns)
    return np.asarray(whole.reshape(shape).mean((-3, -1)))


def signed(values: np.ndarray, scale: float) -> np.ndarray:
    """Bytes in which 128 is zero, 1 is -scale and 255 is scale."""
    clipped = np.clip(np.nan_to_num(values, posinf=scale, neginf=-scale) / (scale or 1.0), -1, 1)
    return np.asarray(np.rint(clipped * 127 + 128).astype("u1"))


def mosaic(tiles: np.ndarray, columns: int, zoom: int) -> np.ndarray:
    """(tiles, height, width, 1 or 3) of bytes as one RGBA picture, each element `zoom` wide, with transparent gaps."""
    count, height, width, channels = tiles.shape
    rows, gap = math.ceil(count / columns), max(1, zoom)
    big = np.repeat(np.repeat(tiles, zoom, 1), zoom, 2)
    big = np.repeat(big, 3, 3) if channels == 1 else big
    height, width = height * zoom, width * zoom
    out = np.zeros((rows * (height + gap) - gap, columns * (width + gap) - gap, 4), "u1")
    for i, tile in enumerate(big):
        top, left = (i // columns) * (height + gap), (i % columns) * (width + gap)
        out[top : top + height, left : left + width, :3] = tile
        out[top : top + height, left : left + width, 3] = 255
    return out
