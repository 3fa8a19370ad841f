"""Rungs for tasks with a target at every position: language models, tagging, segmentation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...batches import BadInput
from ...evaluation.losses import TaskLoss
from ...finding import percent
from ...task import Kind
from .chances import After, after, anywhere
from .entries import Entries
from .fitted import NotHere
from .fold import Fold, Given, Maker

Array = np.ndarray[Any, Any]
#: entries × classes of which a loss that is not plain is worked out
WORK = 200_000_000
NO_INPUT = "looks at no input"


def positions(kind: Kind) -> Iterator[Maker]:
    """The rungs of this kind of task."""
    tokens = kind is Kind.NEXT_TOKEN
    what = "token" if tokens else "pixel"
    yield Maker("uniform", "that anything was learned at all", NO_INPUT, _uniform, fits=False)
    yield Maker("prior", f"more than how often each class of a {what} occurs", NO_INPUT, _prior)
    yield Maker("unigram" if tokens else "majority", "more than which class is most frequent", NO_INPUT, _frequent)
    if tokens:
        yield Maker("last token", "more than that tokens repeat", "sees one token, and repeats it", _last)
        yield Maker("bigram", "that more than one token of the context is used", "sees one token", _bigram)
    else:
        yield Maker(
            "majority by position", "that the image is looked at", "sees where a pixel is, and no image", _placed
        )


def _both(fold: Fold) -> tuple[Entries, Entries, int]:
    return *fold.positions, len(fold.aim.classes)


def _uniform(fold: Fold) -> Given:
    _, ask, count = _both(fold)
    how = f"draws one of {count} classes, each as likely: told is what is expected of it"
    chance = np.full(len(ask), 1 / count)
    rows: Callable[[Array], Array] = lambda at: np.full((len(at), count), 1 / count)  # noqa: E731
    return _given(fold, ask, how, chance, chance, rows, 0)


def _prior(fold: Fold) -> Given:
    fit, ask, count = _both(fold)
    told = anywhere(fit, count)
    chances = told.chances
    how = f"draws a class as often as it occurs, with {told.strength:g} added to each: told is what is expected of it"
    chance = chances[ask.target]
    return _given(fold, ask, how, chance, chance, lambda at: np.broadcast_to(chances, (len(at), count)))


def _frequent(fold: Fold) -> Given:
    fit, ask, count = _both(fold)
    told = anywhere(fit, count)
    chances, best = told.chances, int(told.chances.argmax())
    how = f"always answers {best}, {percent(told.counts[best] / told.counts.sum())} of the training data; "
    how += f"chances are the frequencies with {told.strength:g} added to each"
    right = (ask.target == best).astype(float)
    return _given(fold, ask, how, chances[ask.target], right, lambda at: np.broadcast_to(chances, (len(at), count)))


def _last(fold: Fold) -> Given:
    fit, ask, count = _both(fold)
    if fit.context is None or ask.context is None or not fit.follows:
        raise NotHere("targets are not tokens that follow")
    base = anywhere(fit, count).chances
    rate = (float((fit.target == fit.context).sum()) + 1) / (len(fit) + 2)
    context, seen = ask.context, np.arange(count)

    def rows(at: Array) -> Array:
        return np.asarray((1 - rate) * base + rate * (context[at, None] == seen))

    right = (ask.target == context).astype(float)
    how = f"answers the token that was seen last, with chance {rate:.3g} as in the training data, else as `unigram`"
    return _given(fold, ask, how, (1 - rate) * base[ask.target] + rate * right, right, rows)


def _bigram(fold: Fold) -> Given:
    fit, ask, count = _both(fold)
    if fit.context is None or ask.context is None:
        raise BadInput("no token stands before each target: inputs are no ids, or differ from the targets in length")
    told = after(fit, count, anywhere(fit, count))
    what = "followed the token before it" if fit.follows else "stood on the token beneath it"
    how = f"answers what most often {what} in the training data; chances (n(v, w) + {told.strength:g} p(w)) / "
    return _counted(fold, ask, f"{how}(n(v) + {told.strength:g})", told)


def _placed(fold: Fold) -> Given:
    fit, ask, count = _both(fold)
    if fit.context is None or ask.context is None:
        raise BadInput("masks have several sizes: no pixel has the same place in all")
    told = after(fit, count, anywhere(fit, count))
    how = f"answers the class that stands most often at the pixel's place; as much weight as {told.strength:g} pixels "
    return _counted(fold, ask, how + "is given to the class of all places", told)


def _counted(fold: Fold, ask: Entries, how: str, told: After) -> Given:
    context = ask.context
    assert context is not None
    right = (told.best(context) == ask.target).astype(float)
    return _given(fold, ask, how, told.of(context, ask.target), right, lambda at: told.rows(context[at]))


def _given(fold: Fold, ask: Entries, how: str, chance: Array, right: Array, rows: Callable[[Array], Array],
           fitted: int | None = None) -> Given:  # fmt: skip
    """Sums over each row of the task's own loss, of what is right and of what counts."""
    sums, weights = _losses(fold.task_loss, ask, chance, rows)
    return Given(
        how, fitted=fitted, right=ask.by_row(right), entries=ask.by_row(np.ones(len(ask))),
        loss=None if sums is None else ask.by_row(sums), weight=None if sums is None else ask.by_row(weights),
    )  # fmt: skip


def _losses(
    loss: TaskLoss | None, ask: Entries, chance: Array, rows: Callable[[Array], Array]
) -> tuple[Array | None, Array]:
    """The loss of each position; of a plain cross-entropy the chance of the target says it, of others all chances."""
    ones = np.ones(len(ask))
    if loss is None or loss.own is not None:
        return None, ones
    bent = loss.options.get("weight") is not None or loss.options.get("label_smoothing")
    bent = bent or loss.options.get("pos_weight") is not None
    plain = loss.call in ("cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits")
    if plain and not bent:
        return -np.log(chance), ones
    width = max(loss.classes or 0, int(ask.target.max()) + 1)
    if len(ask) * width > WORK:
        return None, ones
    parts = []
    for low in range(0, len(ask), max(1, (1 << 22) // width)):
        at = np.arange(low, min(low + max(1, (1 << 22) // width), len(ask)))
        given = np.array(rows(at))  # what is the same for all positions is one row
        parts.append(loss.of(given[:, 1] if loss.call.startswith("binary") else given, ask.target[at]))
    return np.concatenate([sums for sums, _ in parts]), np.concatenate([weights for _, weights in parts])
