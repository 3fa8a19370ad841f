"""What a cheap model reads in whole texts and no longer in what was kept of them."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...libraries import sklearn
from ...statistics.paired import at_most

#: parts of the rows, each judged by a model of the others
FOLDS = 5


@dataclass(frozen=True)
class Cutting:
    """Right answers about rows that the model has not seen, and the chance of so large a gain."""

    rows: int
    whole: float
    kept: float
    #: rows that only the whole text answers, and rows that only the part does
    gained: int
    lost: int
    #: the chance that of these rows so many speak for the whole text, were it a matter of luck (McNemar 1947)
    chance: float


def cutting(
    whole: Sequence[Sequence[Hashable]], kept: Sequence[Sequence[Hashable]], labels: Sequence[Hashable]
) -> Cutting:
    """Logistic regression on the words, and pairs of words, of either, out of fold.

    Raises BadInput where scikit-learn is missing.
    """
    classes = np.unique(np.array([str(label) for label in labels]), return_inverse=True)[1]
    right = [_answers(texts, classes) == classes for texts in (whole, kept)]
    gained, lost = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    chance = at_most(lost, gained + lost)
    return Cutting(len(classes), float(right[0].mean()), float(right[1].mean()), gained, lost, chance)


def _answers(texts: Sequence[Sequence[Hashable]], classes: Any) -> Any:
    parts, maker = sklearn("model_selection"), sklearn("feature_extraction.text").TfidfVectorizer
    table = maker(analyzer=_pieces, min_df=2, sublinear_tf=True).fit_transform(texts)
    folds = parts.StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    model = sklearn("linear_model").LogisticRegression(C=10.0, max_iter=200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a few more steps would change no answer that matters
        return parts.cross_val_predict(model, table, classes, cv=folds)


def _pieces(row: Sequence[Hashable]) -> list[str]:
    return [*map(str, row), *(f"{one} {other}" for one, other in itertools.pairwise(row))]
