"""How texts become rows of numbers."""

from __future__ import annotations

from typing import Any

from ...libraries import sklearn


def vectorizers(words: int, letters: int) -> tuple[Any, Any]:
    """TF-IDF of words and pairs of words, and of letters within words, the most frequent ones."""
    maker = sklearn("feature_extraction.text").TfidfVectorizer
    return (
        maker(ngram_range=(1, 2), max_features=words, sublinear_tf=True, token_pattern=r"(?u)\b\w+\b"),
        maker(analyzer="char_wb", ngram_range=(2, 4), max_features=letters, sublinear_tf=True),
    )
