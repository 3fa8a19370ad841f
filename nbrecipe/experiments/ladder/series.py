"""Rungs for series, where what is asked continues the input: the value before, and the value a season before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ...scan.columns.block import Values
from ...scan.columns.kinds import Kind as Column
from ...task import Kind
from .aims import Aim
from .fitted import NotHere
from .fold import Fold, Given, Maker
from .part import Part

Array = np.ndarray[Any, Any]
#: rows by which it is told whether targets continue their inputs, and the longest season that is tried
LOOKED, SEASON = 20_000, 400
#: share of the level's own error below which the last value tells that a target continues its input
NEAR = 0.5


def series() -> Iterator[Maker]:
    """The rungs of a forecast."""
    yield Maker("previous value", "that the series can be told better than by standing still",
                "sees one value, the last", _previous)  # fmt: skip
    yield Maker("seasonal naive", "that more was learned than to repeat the season",
                "repeats the last season as it was, without level and trend", _seasonal)  # fmt: skip


def _previous(fold: Fold) -> Given:
    fit, ask = _windows(fold)
    width = fold.fit.target.reshape(len(fold.fit), -1).shape[1]
    channel = _channel(fit, fold.fit.target)
    answer = _repeated(ask, 1, width, channel)
    return Given("answers the last value of the input", answer.reshape(fold.ask.target.shape), fitted=0)


def _seasonal(fold: Fold) -> Given:
    fit, ask = _windows(fold)
    target = fold.fit.target.reshape(len(fold.fit), -1)
    channel = _channel(fit, target)
    some = slice(0, LOOKED)
    periods = range(2, min(fit.shape[1], SEASON) + 1)
    if not periods:
        raise NotHere("inputs of one step have no season")
    off = {p: float(np.abs(_repeated(fit[some], p, target.shape[1], channel) - target[some]).mean()) for p in periods}
    best = min(off, key=lambda period: off[period])
    answer = _repeated(ask, best, target.shape[1], channel)
    how = (
        f"answers the value {best} steps before, the season of 2 to {periods[-1]} that errs least in the training data"
    )
    return Given(how, answer.reshape(fold.ask.target.shape))


def _repeated(windows: Array, period: int, width: int, channel: int | None) -> Array:
    """(n, width) the last `period` steps again and again."""
    steps, channels = windows.shape[1:]
    ahead = width // channels if channel is None else width
    places = steps - period + np.arange(ahead) % period
    told = windows[:, places] if channel is None else windows[:, places, channel]
    return np.asarray(told.reshape(len(windows), -1))


def _channel(windows: Array, target: Array) -> int | None:
    """The channel that the target continues; None where it continues all of them."""
    flat = target.reshape(len(target), -1)
    if flat.shape[1] % windows.shape[2] == 0:
        return None
    off = np.abs(windows[:LOOKED, -1] - flat[:LOOKED, :1]).mean(0)
    return int(off.argmin())


def _windows(fold: Fold) -> tuple[Array, Array]:
    """(n, steps, channels) of both parts. Raises NotHere where targets do not continue their inputs."""
    name = _column(fold.aim, fold.fit.columns)
    fit, ask = _shaped(fold.fit, name), _shaped(fold.ask, name)
    if not _continues(fit, fold.fit.target, fold.aim.inputs[name] is Column.SEQUENCE):
        raise NotHere("targets do not continue their inputs")
    return fit, ask


def _column(aim: Aim, columns: Mapping[str, Values]) -> str:
    if aim.kind is not Kind.REGRESSION:
        raise NotHere("no numbers are asked for")
    fits = [name for name, kind in aim.inputs.items() if kind in (Column.SEQUENCE, Column.TABLE)]
    whole = [name for name in fits if isinstance(columns.get(name), np.ndarray) and np.ndim(columns[name]) in (2, 3)]
    if len(whole) != 1:
        raise NotHere("no series among the inputs")
    return whole[0]


def _shaped(part: Part, name: str) -> Array:
    values = np.asarray(part.columns[name], dtype=np.float64)
    if values.ndim == 2:
        return values[:, :, None]
    first = 8 * values.shape[1] < values.shape[2]  # the channels come first
    return values.transpose(0, 2, 1) if first else values


def _continues(windows: Array, target: Array, smooth: bool) -> bool:
    """Whether a later window holds what an earlier one was asked; or, of sequences, the last value tells it."""
    windows, flat = windows[:LOOKED], target.reshape(len(target), -1)[:LOOKED]
    if _overlap(windows, flat):
        return True
    if not smooth or len(windows) < 3:
        return False
    channel = _channel(windows, flat)
    off = np.abs(_repeated(windows, 1, flat.shape[1], channel) - flat).mean()
    return bool(off < NEAR * np.abs(flat - flat.mean(0)).mean())


def _overlap(windows: Array, flat: Array) -> bool:
    """Windows that begin one step later end with the target, for nearly all that have such a successor."""
    if windows.shape[1] < 3 or len(windows) < 3 or not np.ptp(windows):
        return False
    starts: dict[bytes, int] = {}
    for i, window in enumerate(np.ascontiguousarray(windows[:, :-1])):
        starts.setdefault(window.tobytes(), i)
    followed = hits = 0
    for i, window in enumerate(np.ascontiguousarray(windows[:, 1:])):
        after = starts.get(window.tobytes())
        if after is None or after == i:
            continue
        followed += 1
        hits += bool(np.isclose(windows[after, -1], flat[i, 0]).any())
    return followed >= min(3, len(windows) // 4 + 1) and hits > 0.9 * followed
