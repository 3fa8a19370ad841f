"""What people call the examples, classes and tokens of a film."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..film import Film, Kind
from ..finding import number
from ..tokens.reading import names_of
from .predictions import ROWS, VALUES, Classes, Predictions, YesNo

#: values of an example that its label spells out
SPELLED = 3


def row_labels(predictions: Predictions | None) -> list[str]:
    """What each row's label says."""
    if predictions is None:
        return []
    if isinstance(predictions, Classes) and predictions.kind is Kind.CLASSES:
        return [str(label) for label in predictions.target[:ROWS].tolist()]
    if isinstance(predictions, YesNo) and predictions.kind is Kind.CLASSES:
        return [str(round(label)) for label in predictions.target[:ROWS].tolist()]
    if predictions.kind is Kind.MULTILABEL:
        return [", ".join(map(str, np.flatnonzero(row >= 0.5))) or "none" for row in predictions.targets]
    if predictions.kind is Kind.REGRESSION:
        rows = predictions.targets.reshape(len(predictions.targets), -1)[:, : min(SPELLED, VALUES)]
        return [", ".join(number(float(value), 3) for value in row) for row in rows]
    return [str(i) for i in range(len(predictions.targets))]


def name_tokens(film: Film, tokenizer: Any) -> None:
    """Add the text of every token that the film shows, as the user's tokenizer has it."""
    if film.kind not in (Kind.TOKENS, Kind.CLASSES):
        return
    shown = [film.targets] if film.kind is Kind.TOKENS else []
    ids = {int(i) for array in (*shown, *film.guesses) for i in np.unique(array)}
    film.names |= names_of(tokenizer, sorted(ids - set(film.names) - {film.ignored}))
