"""The libraries of `nbrecipe[data]`, imported when they are used, with one sentence where they are missing."""

from __future__ import annotations

import importlib
from typing import Any

from ...batches import BadInput


def library(name: str, package: str) -> Any:
    """A module. Raises BadInput, saying what to install, where it is missing."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise BadInput(f'{package} is missing: `pip install "nbrecipe[data]"` brings it') from None


def sklearn(name: str) -> Any:
    """A module of scikit-learn."""
    return library(f"sklearn.{name}", "scikit-learn")


def vectorizers(words: int, letters: int) -> tuple[Any, Any]:
    """TF-IDF of words and pairs of words, and of letters within words, the most frequent ones."""
    maker = sklearn("feature_extraction.text").TfidfVectorizer
    return (
        maker(ngram_range=(1, 2), max_features=words, sublinear_tf=True, token_pattern=r"(?u)\b\w+\b"),
        maker(analyzer="char_wb", ngram_range=(2, 4), max_features=letters, sublinear_tf=True),
    )
