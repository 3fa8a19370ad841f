"""Inputs as simple features, by encoders that have seen the training rows alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ...batches import BadInput
from ...libraries import library
from ...scan.columns.block import Values, stretches
from ...scan.columns.kinds import Kind, flat_side
from ..simple.features import as_number, summary
from ..simple.pixels import channels_first
from ..simple.vectorizers import vectorizers

Array = np.ndarray[Any, Any]
#: makes features of other rows; dense (rows, features) of float32, or a sparse matrix
Encoder = Callable[[Values], Any]
#: pixels a side of grey images and of coloured ones; distinct words up to which a column is a category
GREY, COLOUR, CATEGORIES = 28, 16, 200
#: features of words, of letters, and of ids of tokens
WORDS, LETTERS, IDS = 20_000, 20_000, 4096
#: letters of a word that names a category, on average
SHORT = 40


@dataclass(frozen=True)
class Encoded:
    """Features of the rows that are fitted and of those that are asked, side by side from all inputs."""

    fit: Any
    ask: Any
    #: "64 pixels", "10 standardised columns and TF-IDF of 3012 words and letters"
    told: str
    #: whether every input is a number or a category
    table: bool

    @property
    def sparse(self) -> bool:
        """Whether the features are a sparse matrix."""
        return not isinstance(self.fit, np.ndarray)


def encode(fit: Mapping[str, Values], ask: Mapping[str, Values], kinds: Mapping[str, Kind]) -> Encoded:
    """Encoders fitted on `fit`, applied to both. Raises BadInput where no input has simple features."""
    parts, told, table = [], [], True
    columns = 0
    for name, kind in kinds.items():
        if kind not in _MAKERS or name not in fit or name not in ask:
            continue
        encoder, words, plain = _MAKERS[kind](fit[name])
        made = encoder(fit[name]), encoder(ask[name])
        if not made[0].shape[1]:
            continue
        parts.append(made)
        table = table and plain
        columns += made[0].shape[1] if words == STANDARD else 0
        told += [words] if words != STANDARD else []
    if not parts:
        kinds_told = ", ".join(sorted({str(kind) for kind in kinds.values()})) or "none"
        raise BadInput(f"no simple features are known for these inputs ({kinds_told}), or they never vary")
    standard = [f"{columns} standardised column{'s' if columns != 1 else ''}"] if columns else []
    return Encoded(_beside([a for a, _ in parts]), _beside([b for _, b in parts]), _listed(standard + told), table)


STANDARD = "standardised"


def _listed(told: list[str]) -> str:
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"


def _beside(parts: list[Any]) -> Any:
    if all(isinstance(part, np.ndarray) for part in parts):
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
    return library("scipy.sparse", "scipy").hstack(parts).tocsr()


Made = tuple[Encoder, str, bool]


def _table(values: Values) -> Made:
    """Columns with mean 0 and deviation 1 over the training rows; what is missing counts as the mean."""
    table = _flat(values)
    with np.errstate(all="ignore"):
        there = np.isfinite(table)
        count = np.maximum(there.sum(0), 1)
        mean = np.where(there, table, 0).sum(0, dtype=np.float64) / count
        deviation = np.sqrt(np.square(np.where(there, table - mean, 0)).sum(0, dtype=np.float64) / count)
    keep = deviation > 1e-9 * np.maximum(np.abs(mean), 1e-30)

    def encoder(other: Values) -> Array:
        flat = _flat(other)
        if flat.shape[1] != len(keep):
            raise BadInput(f"rows have {len(keep)} columns in the training data and {flat.shape[1]} in the others")
        scaled = (flat[:, keep] - mean[keep]) / deviation[keep]
        return np.where(np.isfinite(scaled), scaled, 0).astype(np.float32)

    return encoder, STANDARD, True


def _flat(values: Values) -> Array:
    if isinstance(values, np.ndarray):
        return values.reshape(len(values), -1).astype(np.float64, copy=False)
    if any(isinstance(value, np.ndarray) for value in values):
        try:
            return np.stack([np.asarray(value, dtype=np.float64).reshape(-1) for value in values])
        except (TypeError, ValueError):
            raise BadInput("rows have several numbers of columns") from None
    return np.array([as_number(value) for value in values])[:, None]


def _image(values: Values) -> Made:
    """Pixels, averaged down to a stated size; scaled as one, so that distances between images stay as they are."""
    pixels = _pixels(values)
    mean, deviation = float(np.nanmean(pixels)), float(np.nanstd(pixels)) or 1.0
    count = pixels.shape[1]

    def encoder(other: Values) -> Array:
        made = _pixels(other)
        if made.shape[1] != count:
            raise BadInput(f"images have {count} values in the training data and {made.shape[1]} in the others")
        return np.nan_to_num((made - mean) / deviation, posinf=0.0, neginf=0.0).astype(np.float32)

    return encoder, f"{count} pixels", False


def _pixels(values: Values) -> Array:
    if isinstance(values, list):
        made = [_reduced(np.asarray(image)[None], square=True) for image in values]
        if len({one.shape for one in made}) > 1:
            made = [one if one.shape[1] <= GREY * GREY else one.reshape(1, -1, 3).mean(2) for one in made]
        try:
            return np.concatenate(made)
        except ValueError:
            raise BadInput("images have several numbers of channels") from None
    side = flat_side(values) if values.ndim == 2 else 0
    if values.ndim == 2 and not side:  # as the training rows, whatever these few look like
        side = round(values.shape[1] ** 0.5)
    images = values.reshape(len(values), side, side) if values.ndim == 2 else values
    return np.concatenate([_reduced(images[few], square=False) for few in stretches(images)])


def _reduced(images: Array, *, square: bool) -> Array:
    pixels = channels_first(images)
    most = GREY if pixels.shape[1] == 1 else COLOUR
    wanted = (most, most) if square else (min(most, pixels.shape[2]), min(most, pixels.shape[3]))
    if tuple(pixels.shape[2:]) != wanted:
        pixels = torch.nn.functional.adaptive_avg_pool2d(pixels, wanted)
    return np.asarray(pixels.flatten(1).numpy())


def _text(values: Values) -> Made:
    texts = [_word(value) for value in values]
    distinct = sorted(set(texts))
    short = sum(map(len, distinct)) <= SHORT * len(distinct)
    if len(distinct) <= min(CATEGORIES, max(2, len(texts) // 4)) and short:
        return _category(distinct)
    makers = []
    for maker in vectorizers(WORDS, LETTERS):
        try:
            makers.append(maker.fit(texts))
        except ValueError:  # no words at all
            continue
    if not makers:
        return lambda other: np.empty((len(other), 0), np.float32), "no words", False
    count = sum(len(maker.vocabulary_) for maker in makers)

    def encoder(other: Values) -> Any:
        return _beside([maker.transform([_word(value) for value in other]).astype(np.float32) for maker in makers])

    return encoder, f"TF-IDF of {count} words, pairs of words and groups of letters", False


def _word(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None or value != value else str(value)


def _category(distinct: list[str]) -> Made:
    place = {word: i for i, word in enumerate(distinct)}

    def encoder(other: Values) -> Array:
        table = np.zeros((len(other), len(place)), np.float32)
        for row, value in enumerate(other):
            if (at := place.get(_word(value))) is not None:
                table[row, at] = 1
        return table

    return encoder, f"a category of {len(distinct)}, one-hot", True


def _tokens(values: Values) -> Made:
    """How often each of the frequent ids stands in a row, as a share of it."""
    rows = [np.asarray(value).reshape(-1).astype(np.int64) for value in values]
    ids, often = np.unique(np.concatenate(rows), return_counts=True) if rows else (np.empty(0, np.int64),) * 2
    kept = np.sort(ids[np.argsort(-often, kind="stable")[:IDS]])

    def encoder(other: Values) -> Any:
        given = [np.asarray(value).reshape(-1).astype(np.int64) for value in other]
        flat = np.concatenate(given)
        owner = np.repeat(np.arange(len(given)), [len(row) for row in given])
        at = np.minimum(np.searchsorted(kept, flat), len(kept) - 1)
        known = kept[at] == flat
        share = 1 / np.maximum([len(row) for row in given], 1)
        entries = (share[owner[known]].astype(np.float32), (owner[known], at[known]))
        return library("scipy.sparse", "scipy").csr_matrix(entries, shape=(len(given), len(kept)))

    return encoder, f"shares of {len(kept)} ids", False


def _sequence(values: Values) -> Made:
    """Level, spread, ends, roughness and spectrum, over all of a sequence and by stretches."""
    inner, _, _ = _table(_summaries(values))
    count = _summaries(values).shape[1]
    return lambda other: inner(_summaries(other)), f"{count} summaries of a sequence", False


def _summaries(values: Values) -> Array:
    series = [np.asarray(value, dtype=np.float64) for value in values]
    if len({one.shape[1:] for one in series}) > 1:  # of many widths: the mean at every step
        series = [one.reshape(len(one), -1).mean(1) if one.size else one.reshape(-1) for one in series]
    return np.stack([summary(one) for one in series])


_MAKERS: dict[Kind, Callable[[Values], Made]] = {
    Kind.NUMBER: _table,
    Kind.TABLE: _table,
    Kind.FLAGS: _table,
    Kind.IMAGE: _image,
    Kind.TEXT: _text,
    Kind.TOKENS: _tokens,
    Kind.SEQUENCE: _sequence,
}
