"""What people call the examples, classes and tokens of a film."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from torch import Tensor

from ..film import Film, Kind
from ..finding import number
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
    text = _speller(tokenizer)
    if text is None or film.kind not in (Kind.TOKENS, Kind.CLASSES):
        return
    shown = [film.targets] if film.kind is Kind.TOKENS else []
    ids = {int(i) for array in (*shown, *film.guesses) for i in np.unique(array)}
    for i in sorted(ids - set(film.names) - {film.ignored}):
        name = _said(text, i)
        if name is not None:
            film.names[i] = name


def _speller(tokenizer: Any) -> Callable[[int], Any] | None:
    """One token's text by its id: Hugging Face, `tokenizers`, a list, a dict either way round, or a function."""
    if tokenizer is None:
        return None
    for method in ("convert_ids_to_tokens", "id_to_token"):
        if hasattr(tokenizer, method):
            return getattr(tokenizer, method)  # type: ignore[no-any-return]
    if hasattr(tokenizer, "decode"):
        return lambda i: tokenizer.decode([i])
    if isinstance(tokenizer, Mapping):
        by_text = bool(tokenizer) and all(isinstance(key, str) for key in tokenizer)
        table = {value: key for key, value in tokenizer.items()} if by_text else tokenizer
        return table.__getitem__
    if hasattr(tokenizer, "__getitem__"):
        return tokenizer.__getitem__  # type: ignore[no-any-return]
    return tokenizer if callable(tokenizer) else None


def _said(text: Callable[[int], Any], i: int) -> str | None:
    try:
        said = text(i)
    except Exception:
        return None
    if isinstance(said, (list, tuple)):
        said = said[0] if said else None
    if isinstance(said, Tensor) or said is None:
        return None
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
