"""Tensors of numbers as sequences to plot and rows of a table."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..bench import Bench
from ..finding import number
from ..pictures.batch import Images, Series, Table, View

#: sequences and rows that are shown, lines of one sequence, stretches of time, columns
SERIES, ROWS, LINES, STRETCHES, COLUMNS = 8, 8, 6, 120, 12
#: columns up to which a table is called by all of their names
NAMED = 4
#: steps from which on a row of numbers that change slowly is a sequence
LONG = 24
#: whole numbers from which on the digits no longer fit a cell
HUGE = 10**10
_RECURRENT = ("lstm", "gru", "rnn_tanh", "rnn_relu")
_COLUMN_NAMES = ("feature_names", "feature_names_in_", "columns", "features", "feature_cols")


def shown(view: View) -> int:
    """Examples that a view shows."""
    if isinstance(view, Images):
        return len(view.pixels)
    return len(view.values) if isinstance(view, Series) else len(view.rows)


def one_hot(tensor: Tensor) -> Tensor | None:
    """The ids of (N, T, V) or (N, V, T) in which one value of V is 1 and the others are 0; None for anything else."""
    if tensor.ndim != 3 or not tensor.is_floating_point() or min(tensor.shape[1:]) < 2:
        return None
    if not bool(((tensor == 0) | (tensor == 1)).all()):
        return None
    for axis in (2, 1):
        total = tensor.sum(axis)
        if bool((total <= 1).all()) and float(total.mean()) > 0.5 and tensor.shape[axis] > 2:
            return torch.where(total > 0, tensor.argmax(axis), -100)
    return None


def series(name: str, tensor: Tensor, size: int, layer: str = "", enters: Sequence[int] = ()) -> Series | None:
    """(N, T, D) or (N, T) as sequences; channels come first where a convolution takes them so. None for others.

    `layer` is the kind of layer that takes the values, and `enters` the shape in which an example comes to it.
    """
    if not tensor.is_floating_point() or len(tensor) != size:
        return None
    if tensor.ndim == 2 and (tensor.shape[1] < LONG or not (layer in ("conv1d", *_RECURRENT) or _slow(tensor))):
        return None
    if tensor.ndim not in (2, 3) or tensor.shape[1:].numel() < 2:
        return None
    values = tensor[:, :, None] if tensor.ndim == 2 else tensor
    if tensor.ndim == 3 and (layer == "conv1d" or (not layer and tensor.shape[1] < tensor.shape[2] // 4)):
        first = not layer or tuple(enters) == tuple(tensor.shape[1:])
        values = tensor.transpose(1, 2) if first else tensor
    steps, width = values.shape[1], values.shape[2]
    if steps < 2:
        return None
    few = values[:SERIES, :, :LINES].detach().float().cpu().numpy()
    told = f"{steps} steps" + (f" of {width} values" if width > 1 else "")
    told += f"; lines 1 to {LINES}" if width > LINES else ""
    return Series(name, _stretches(few), steps, told, size)


def _slow(tensor: Tensor) -> bool:
    """Whether neighbours in a row are alike, as in a signal and not in a table."""
    values = tensor[:64].detach().float().nan_to_num()
    centred = values - values.mean(1, keepdim=True)
    power = float(centred.square().mean())
    return power > 0 and float((centred[:, 1:] * centred[:, :-1]).mean()) > 0.7 * power


def _stretches(values: np.ndarray) -> np.ndarray:
    """(K, T, D) as the ends of the values in each stretch of time: (K, D, P, 2)."""
    count, steps, _ = values.shape
    stretches = min(STRETCHES, steps)
    cuts = np.linspace(0, steps, stretches + 1).astype(int)
    parts = [values[:, a:b] for a, b in itertools.pairwise(cuts)]
    ends = np.stack([np.stack([_least(part), _greatest(part)], -1) for part in parts], 2)
    assert ends.shape[0] == count
    return ends.astype("f4")


def _least(part: np.ndarray) -> np.ndarray:
    least: np.ndarray = np.where(np.isnan(part), np.inf, part).min(1)
    return least


def _greatest(part: np.ndarray) -> np.ndarray:
    greatest: np.ndarray = np.where(np.isnan(part), -np.inf, part).max(1)
    return greatest


def table(pieces: Sequence[tuple[str, Tensor | list[str]]], size: int, columns: tuple[str, ...]) -> Table:
    """Inputs of a few numbers, or of a word, an example, side by side."""
    found = [column for name, values in pieces for column in _columns(name, values, min(ROWS, size), columns)]
    kept = found[:COLUMNS]
    told = f"columns 1 to {COLUMNS} of {len(found)}" if len(found) > COLUMNS else ""
    rows = zip(*(cells for _, cells in kept), strict=True)
    name = ", ".join(name for name, _ in pieces) if len(pieces) <= NAMED else f"{len(pieces)} columns"
    return Table(name, tuple(name for name, _ in kept), tuple(rows), told, size)


def _columns(
    name: str, values: Tensor | list[str], rows: int, known: tuple[str, ...]
) -> Iterator[tuple[str, Sequence[str]]]:
    """The name and the first cells of each column of an input."""
    if isinstance(values, list):
        yield name, values[:rows]
        return
    flat = values[:rows].detach().cpu().reshape(rows, -1)
    width = flat.shape[1]
    names = known if len(known) == width else [name] if width == 1 else [f"{name}[{k}]" for k in range(width)]
    for k in range(width):
        yield names[k], [_cell(cell) for cell in flat[:, k].tolist()] if k < COLUMNS else ()


def is_row(tensor: Tensor, size: int) -> bool:
    """Whether a tensor holds a row of numbers for each example."""
    return tensor.layout is torch.strided and tensor.ndim in (1, 2) and len(tensor) == size and tensor.numel() > 0


def columns(bench: Bench) -> tuple[str, ...]:
    """The names of the columns, where the training data say them."""
    for data in (bench.train_data, getattr(bench.train_loader, "dataset", None)):
        for thing in (data, getattr(data, "dataset", None)):
            for name in _COLUMN_NAMES:
                found = _strings(getattr(thing, name, None))
                if found:
                    return found
    return ()


def _strings(value: Any) -> tuple[str, ...]:
    if value is None or isinstance(value, (str, dict)) or not hasattr(value, "__len__"):
        return ()
    items = tuple(value)
    return items if items and all(isinstance(item, str) for item in items) else ()


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, complex):
        return f"{number(value.real, 3)}{'+' if value.imag >= 0 else '-'}{number(abs(value.imag), 3)}i"
    if not isinstance(value, float):
        return number(float(value), 4) if isinstance(value, int) and abs(value) >= HUGE else str(value)
    return str(int(value)) if value.is_integer() and abs(value) < 1e6 else number(value, 3)
