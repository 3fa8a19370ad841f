"""Simple features of examples, whatever they are: a table of numbers that a linear model and distances can use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...batches import BadInput
from ...scan.columns.block import PIECE, Values, stretches
from ...scan.columns.kinds import Kind, flat_side
from .pixels import channels_first
from .vectorizers import vectorizers

Array = np.ndarray[Any, Any]
#: pixels a side; features of texts and of token ids; standard deviations at which a column is cut
SIDE, WORDS, LETTERS, IDS, FAR = 16, 640, 384, 512, 8.0
#: stretches of a sequence that are summed up one by one, and channels of which all is told
STRETCHES, CHANNELS = 8, 32
#: pixels a side from which on images are made small before they are gathered
LARGE = 64
#: features from which on they are projected to as many
WIDE = 1024


def features_of(columns: Mapping[str, Values], kinds: Mapping[str, Kind]) -> Array:
    """(rows, features), float32, without missing values. Raises BadInput where no column can be used."""
    tables = [_MAKERS[kind](columns[name]) for name, kind in kinds.items() if kind in _MAKERS and name in columns]
    tables = [table for table in tables if table.shape[1]]
    if not tables:
        told = ", ".join(sorted({str(kind) for kind in kinds.values()})) or "nothing"
        raise BadInput(f"no simple features are known for such inputs ({told})")
    whole = tables[0] if len(tables) == 1 else np.concatenate(tables, axis=1)
    return _narrowed(np.ascontiguousarray(whole, dtype=np.float32))


def without_detail(columns: Mapping[str, Values], kinds: Mapping[str, Kind]) -> dict[str, Values]:
    """The same with images of many pixels made small, which hardly changes their features and takes less memory."""
    return {name: _made_small(values) if kinds.get(name) is Kind.IMAGE else values for name, values in columns.items()}


def _made_small(values: Values) -> Values:
    if isinstance(values, np.ndarray):
        return _fewer(values) if values.ndim > 2 else values
    good = all(
        isinstance(image, np.ndarray) and image.dtype.kind in "biuf" and image.ndim in (2, 3) for image in values
    )
    return [_fewer(image[None])[0] for image in values] if good else values


def _fewer(images: Array) -> Array:
    """Images of more than `LARGE` pixels a side at twice the side that features are made of."""
    pixels = channels_first(images[:1])
    if max(pixels.shape[2:]) <= LARGE or 0 in images.shape:
        return images
    sides = min(2 * SIDE, pixels.shape[2]), min(2 * SIDE, pixels.shape[3])
    pool = torch.nn.functional.adaptive_avg_pool2d
    small = torch.cat([pool(channels_first(images[few]), sides) for few in stretches(images)]).numpy()
    return np.asarray(small[:, 0] if images.ndim == 3 else small)


def _narrowed(table: Array) -> Array:
    """Wide tables by a random projection, which keeps distances (Johnson and Lindenstrauss 1984)."""
    if table.shape[1] <= WIDE:
        return table
    random = np.random.default_rng(0)
    told = np.zeros((len(table), WIDE), np.float32)
    for low in range(0, table.shape[1], WIDE):
        part = table[:, low : low + WIDE]
        told += part @ random.normal(size=(part.shape[1], WIDE)).astype(np.float32)
    return np.asarray(told / WIDE**0.5)


def standardised(table: Array) -> Array:
    """Each column with mean 0 and deviation 1, cut far out; what is no number counts as the mean."""
    if table.nbytes > PIECE and table.shape[1] > 1:  # doubles of it all, several times over, would be much
        step = max(1, table.shape[1] * PIECE // table.nbytes)
        parts = [standardised(table[:, low : low + step]) for low in range(0, table.shape[1], step)]
        return np.concatenate(parts, axis=1)
    table = np.where(np.isfinite(table), table, np.nan).astype(np.float64)
    with np.errstate(all="ignore"):
        known = np.isfinite(table).any(0)
        table = table[:, known]
        mean, deviation = np.nanmean(table, axis=0), np.nanstd(table, axis=0)
    keep = deviation > 1e-9 * np.maximum(np.abs(mean), 1e-30)
    table = (table[:, keep] - mean[keep]) / deviation[keep]
    cut: Array = np.clip(np.nan_to_num(table), -FAR, FAR).astype(np.float32)
    return cut


def _table(values: Values) -> Array:
    table = np.stack(values) if isinstance(values, list) else values
    table = table.reshape(len(table), -1)
    return _balanced(standardised(table))


def _balanced(table: Array) -> Array:
    """Of equal weight as one input among several, however many columns it has."""
    table /= max(1.0, table.shape[1]) ** 0.5  # a table of our own, as all are that come here
    return table


def _number(values: Values) -> Array:
    flat = np.array([as_number(v) for v in values], dtype=np.float64) if isinstance(values, list) else values
    return standardised(flat.reshape(len(flat), -1)[:, :1])


def as_number(value: Any) -> float:
    """NaN for what is no number."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _image(values: Values) -> Array:
    if isinstance(values, np.ndarray):
        side = flat_side(values) if values.ndim == 2 else 0
        whole = _small(values.reshape(len(values), side, side) if side else values)
    else:
        whole = _of_many_sizes([np.asarray(image) for image in values])
    whole = np.nan_to_num(whole, posinf=0.0, neginf=0.0)
    whole = whole - whole.mean(0)
    return _balanced(whole / (whole.std() or 1.0))


def _of_many_sizes(images: list[Array]) -> Array:
    """Each brought to the least sides among them; in colour where all of them are."""
    pixels = [channels_first(image[None]) for image in images]
    sides = min(one.shape[2] for one in pixels), min(one.shape[3] for one in pixels)
    colour = all(one.shape[1] >= 3 for one in pixels)
    return np.concatenate([_reduced(one, sides, colour) for one in pixels])


def _small(images: Array) -> Array:
    """(N, H, W), (N, H, W, C) or (N, C, H, W) as rows of pixels: grey, at most 16 a side, and 4 a side by colour."""
    parts = map(channels_first, (images[few] for few in stretches(images)) if len(images) else [images])
    return np.concatenate([_reduced(part, (part.shape[2], part.shape[3]), part.shape[1] >= 3) for part in parts])


def _reduced(pixels: Tensor, sides: tuple[int, int], colour: bool) -> Array:
    pool = torch.nn.functional.adaptive_avg_pool2d
    grey = pixels[:, :3].mean(1, keepdim=True)
    wanted = (min(SIDE, sides[0]), min(SIDE, sides[1]))
    parts = [(pool(grey, wanted) if grey.shape[2:] != wanted else grey).flatten(1)]
    if colour:
        parts.append(pool(pixels[:, :3], (4, 4)).flatten(1))
    return torch.cat(parts, 1).numpy()


def _text(values: Values) -> Array:
    words, letters = vectorizers(WORDS, LETTERS)
    texts = [value if isinstance(value, str) else "" for value in values]
    parts = []
    for maker in (words, letters):
        try:
            parts.append(maker.fit_transform(texts).toarray().astype(np.float32))
        except ValueError:  # no words at all
            continue
    return np.concatenate(parts, axis=1) if parts else np.empty((len(texts), 0), np.float32)


def _tokens(values: Values) -> Array:
    """How often each of the frequent ids and pairs of ids occurs, by the square root, and the length."""
    rows = [np.asarray(value).reshape(-1).astype(np.int64) for value in values]
    pairs = [row[:-1] * 1_000_003 + row[1:] if len(row) > 1 else row[:0] for row in rows]
    table = np.concatenate([_counts(rows), _counts(pairs)], axis=1)
    table /= np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-9)
    return table


def _counts(rows: list[Array]) -> Array:
    flat = np.concatenate(rows) if rows else np.empty(0, np.int64)
    owner = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    ids, place, often = np.unique(flat, return_inverse=True, return_counts=True)
    column = np.full(len(ids), -1)
    kept = np.argsort(-often, kind="stable")[:IDS]
    column[kept] = np.arange(len(kept))
    there = column[place] >= 0
    table = np.zeros((len(rows), len(kept)), np.float32)
    np.add.at(table, (owner[there], column[place][there]), 1.0)
    rare = np.log1p(len(rows) / np.maximum((table > 0).sum(0), 1))
    weighed: Array = np.sqrt(table) * rare.astype(np.float32)
    return weighed


def _sequence(values: Values) -> Array:
    series = [np.asarray(value, dtype=np.float64) for value in values]
    if len({one.shape[1:] for one in series}) > 1:  # of many widths: the mean at every step
        series = [one.reshape(len(one), -1).mean(1) if one.size else one.reshape(-1) for one in series]
    return _balanced(standardised(np.stack([summary(one) for one in series])))


def summary(series: Array) -> Array:
    """Level, spread, ends, roughness and spectrum of (T,) or (T, C), over all of it and by stretches."""
    series = np.nan_to_num(series.reshape(len(series), -1)) if series.size else np.zeros((1, 1))
    if 8 * series.shape[0] < series.shape[1]:  # channels come first
        series = series.T
    mean = series.mean(1)
    if series.shape[1] > CHANNELS:
        per = [series.mean(0), series.std(0)]
    else:
        steps = np.diff(series, axis=0, prepend=series[:1])
        per = [series.mean(0), series.std(0), series.min(0), series.max(0), np.abs(steps).mean(0), series[0]]
        per += [series[-1], (np.diff(np.sign(series - series.mean(0)), axis=0, prepend=0) != 0).mean(0)]
    edges = np.arange(STRETCHES) * len(mean) // STRETCHES
    widths = np.maximum(np.diff(edges, append=len(mean)), 1)
    stretches = np.add.reduceat(mean, edges) / widths
    squares = np.sqrt(np.maximum(np.add.reduceat(np.square(mean), edges) / widths - np.square(stretches), 0))
    power = np.log1p(np.abs(np.fft.rfft(mean - mean.mean(), 2 * STRETCHES if len(mean) < 2 * STRETCHES else None)))[1:]
    bands = np.add.reduceat(power, np.arange(STRETCHES) * len(power) // STRETCHES)
    return np.concatenate([np.stack(per).ravel(), stretches, squares, bands, [float(len(series))]])


_MAKERS: dict[Kind, Callable[[Values], Array]] = {
    Kind.NUMBER: _number,
    Kind.TABLE: _table,
    Kind.FLAGS: _table,
    Kind.IMAGE: _image,
    Kind.TEXT: _text,
    Kind.TOKENS: _tokens,
    Kind.SEQUENCE: _sequence,
}
