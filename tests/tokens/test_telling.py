"""Whether something is a tokenizer: found by itself, named as one, or told from texts; nothing of the user's runs."""

from __future__ import annotations

import numpy as np
import pytest
from torch import nn

from nbrecipe.tokens import open_tokenizer
from nbrecipe.tokens.telling import could_be_tokenizer, is_no_text, is_tokenizer
from tests.tokens import trained

#: those that encode and decode by their type
BOTH = set(trained.EVERY) - {"function", "bytes", "words", "letters"}


class Autoencoder(nn.Module):
    """Encodes and decodes, and no text."""

    def encode(self, x):
        return x

    decode = encode


class Loud:
    """Says no word about itself without being heard."""

    def __getattr__(self, name):
        raise AssertionError(f"was asked for {name}")


@pytest.mark.parametrize("kind", trained.EVERY)
def test_tokenizers_of_every_kind_are_told(kind):
    given = trained.EVERY[kind]()
    assert is_tokenizer(given) == (kind in BOTH)
    assert could_be_tokenizer(given)
    assert is_no_text(given)
    assert open_tokenizer(given)


@pytest.mark.parametrize(
    "value",
    [
        Autoencoder(), nn.Linear(2, 2), trained.Workshop, "a text", b"bytes", np.array(["a"]), np.char.array(["a b"]),
        3, None, Loud(), {"a": 1.5}, ["a b", "c"], ("a b", "c d"), ("a", "b", "c"), {"text": ["a"]},
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_is_no_tokenizer_is_not_found(value):
    assert not is_tokenizer(value)
    assert is_no_text(value) == (type(value) is Autoencoder), "that one was named on purpose"


def test_a_function_with_its_table_is_a_tokenizer_and_two_texts_are_none():
    assert is_no_text((str.split, {"a": 0, "b": 1}))
    assert not is_no_text(("a", "b"))
    assert could_be_tokenizer(["a", "b"])
    assert not could_be_tokenizer(Autoencoder)
