"""Answers that look at no input: at random, and always the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...finding import number, percent
from ...task import Kind
from .fold import Fold, Given, Maker

Array = np.ndarray[Any, Any]
#: numbers of the training targets by which a random one is told, where these are many
QUANTILES, VALUES = 1000, 5_000_000
NO_INPUT = "looks at no input"


def constants(kind: Kind) -> Iterator[Maker]:
    """The rungs of this kind of task that look at no input."""
    if kind in (Kind.CLASSES, Kind.BINARY):
        yield Maker("uniform", "that anything was learned at all", NO_INPUT, _uniform, fits=False)
        yield Maker("prior", "more than how often each class occurs", NO_INPUT, _prior)
        yield Maker("majority", "more than which class is most frequent", NO_INPUT, _majority)
    elif kind is Kind.MULTILABEL:
        yield Maker("uniform", "that anything was learned at all", NO_INPUT, _coins, fits=False)
        yield Maker("prior", "more than how often each label is set", NO_INPUT, _rates)
        yield Maker("majority", "more than which labels are set mostly", NO_INPUT, _mostly)
    elif kind is Kind.REGRESSION:
        yield Maker("prior", "more than how the targets are spread", NO_INPUT, _drawn_value)
        yield Maker("mean", "that the inputs tell more than the level", NO_INPUT, _mean)
        yield Maker("median", "that the inputs tell more than the middle", NO_INPUT, _median)
    elif kind is Kind.RECONSTRUCTION:
        yield Maker("mean", "that more comes out than the average of all", NO_INPUT, _mean_image)


def asked(maker: Maker, fold: Fold) -> bool:
    """Whether a rung is wanted: of mean and median the one that the loss or the metric asks for."""
    if maker.id not in ("mean", "median") or fold.aim.kind is not Kind.REGRESSION:
        return True
    metric = fold.metric.lower()  # without one, the mean absolute error is told first
    absolute = any(word in metric for word in ("absolute", "mae", "median")) or not metric
    if maker.id == "median":
        return absolute or "absolute" in fold.loss or "Huber" in fold.loss
    return "absolute" not in fold.loss or not absolute


def _told(fold: Fold, place: int) -> str:
    return f"`{fold.aim.classes[place]}`"


def _uniform(fold: Fold) -> Given:
    count = len(fold.aim.classes)
    given = np.full((len(fold.ask), count), 1 / count)
    how = f"draws one of {count} classes, each as likely: told is what is expected of it"
    return Given(how, None, given, right=given[:, 0], fitted=0)


def _prior(fold: Fold) -> Given:
    shares = fold.possible
    drawn = fold.shares[fold.ask.target]
    how = "draws a class as often as it occurs in the training data: told is what is expected of it"
    return Given(how, None, np.broadcast_to(shares, (len(fold.ask), len(shares))), right=drawn)


def _majority(fold: Fold) -> Given:
    best = int(fold.shares.argmax())
    answer = np.full(len(fold.ask), best)
    how = f"always answers {_told(fold, best)}, {percent(fold.shares[best])} of the training data"
    how += "; its chances are those of `prior`"
    return Given(how, answer, np.broadcast_to(fold.possible, (len(answer), len(fold.possible))))


def _coins(fold: Fold) -> Given:
    given = np.full(fold.ask.target.shape, 0.5)
    right = np.full(len(given), 0.5 * given.shape[1])
    how = "answers yes or no to each label, as likely: told is what is expected of it"
    return Given(how, None, given, right=right, entries=np.full(len(given), given.shape[1]), fitted=0)


def _rates(fold: Fold) -> Given:
    rate = _possible_rates(fold)
    given = np.broadcast_to(rate, fold.ask.target.shape)
    right = np.where(fold.ask.target > 0.5, rate, 1 - rate).sum(1)
    how = "says yes to a label as often as it is set in the training data: told is what is expected of it"
    return Given(how, None, given, right=right, entries=np.full(len(given), given.shape[1]))


def _mostly(fold: Fold) -> Given:
    rate = _possible_rates(fold)
    answer = np.broadcast_to((rate > 0.5).astype(np.float64), fold.ask.target.shape)
    how = f"says yes to the {int((rate > 0.5).sum())} of {len(rate)} labels that are set mostly; chances as in `prior`"
    return Given(how, answer, np.broadcast_to(rate, answer.shape))


def _possible_rates(fold: Fold) -> Array:
    count = len(fold.fit)
    rate = (fold.fit.target > 0.5).mean(0)
    never = (rate == 0) | (rate == 1)
    return np.asarray(np.where(never, (rate * count + 1) / (count + 2), rate))


def _drawn_value(fold: Fold) -> Given:
    how = "draws one of the training targets at random: told is the loss that is expected of it"
    if fold.task_loss is None or fold.task_loss.own is not None:
        return Given(how, fitted=0)
    order = np.argsort(fold.fit.target.reshape(len(fold.fit), -1)[:, 0], kind="stable")
    most = max(1, min(QUANTILES, VALUES // fold.ask.target.size))
    if len(order) > most:
        order = order[((np.arange(most) + 0.5) * len(order) / most).astype(int)]
        how += f", over {most} of them from the least to the greatest"
    sums, weights = np.zeros(len(fold.ask)), np.ones(len(fold.ask))
    for value in fold.fit.target[order]:
        each, weights = fold.task_loss.of(np.full_like(fold.ask.target, value), fold.ask.target)
        sums += each / len(order)
    return Given(how, loss=sums, weight=weights)


def _mean(fold: Fold) -> Given:
    return _always(fold, fold.fit.target.mean(0), "mean")


def _median(fold: Fold) -> Given:
    return _always(fold, np.median(fold.fit.target, axis=0), "median")


def _always(fold: Fold, value: Array, what: str) -> Given:
    flat = np.atleast_1d(value)
    told = number(float(flat[0])) if flat.size == 1 else f"of each of the {flat.size} values"
    answer = np.broadcast_to(value, fold.ask.target.shape)
    return Given(f"always answers the {what} of the training targets, {told}", answer)


def _mean_image(fold: Fold) -> Given:
    value = fold.fit.target.mean(0)
    how = f"always answers the mean of the training rows, value by value ({value.size} values)"
    return Given(how, np.broadcast_to(value, fold.ask.target.shape))
