"""Which of the user's variables are lists of texts."""

from __future__ import annotations

from typing import Any

import pytest

from nbrecipe.notebook.names import Variables
from nbrecipe.notebook.written import MOST, kept_texts

TEXTS = [f"text number {i}" for i in range(30)]


class Lazy(list):  # type: ignore[type-arg]
    """A list that runs code when it is read."""

    def __getitem__(self, i: Any) -> Any:
        raise AssertionError("it was read")


@pytest.mark.parametrize(
    "value",
    [TEXTS, tuple(TEXTS), [(text, 1) for text in TEXTS], [{"text": text, "label": 0} for text in TEXTS]],
    ids=["list", "tuple", "pairs", "dicts"],
)
def test_texts_are_found_as_they_are(value):
    assert kept_texts(Variables({"rows": value, "n": 3}))["rows"] is value


@pytest.mark.parametrize(
    "value",
    [TEXTS[:5], list("abcdefghijklmnopqrstuvwxyz"), [1] * 40, "a long text " * 9, {"a b": 1}, Lazy(TEXTS), [[]] * 30],
    ids=["few", "letters", "numbers", "one text", "dict", "lazy", "empty rows"],
)
def test_other_things_are_not(value):
    assert kept_texts(Variables({"rows": value})) == {}


def test_the_inner_variables_come_first_and_many_are_left_out():
    assert kept_texts(Variables({"rows": TEXTS}, {"rows": tuple(TEXTS)}))["rows"] == tuple(TEXTS)
    assert len(kept_texts(Variables({f"rows_{i}": TEXTS for i in range(50)}))) == MOST
