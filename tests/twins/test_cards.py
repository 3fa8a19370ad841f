"""The cards of rows: dates as dates, and rows that raise colour nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import TensorDataset

from nbrecipe.bench import Bench
from nbrecipe.scan.plan import plan_of
from nbrecipe.scan.sources.opening import open_source
from nbrecipe.twins.cards import LIKE, cards_of


def test_a_day_is_shown_as_a_day():
    days = pd.date_range("2021-03-04", periods=40, freq="D")
    source = open_source(pd.DataFrame({"day": days, "sold": np.arange(40.0), "label": np.arange(40) % 2}), "sales")
    card = cards_of(Bench(), source, plan_of(source)).card(2, source.example(2))
    assert "2021-03-06" in str(card)
    assert "2021.1" not in str(card)


class Torn:
    """Images of which every third cannot be read."""

    def __init__(self):
        self.asked = []

    def __len__(self):
        return 300

    def __getitem__(self, row):
        self.asked.append(row)
        if row % 3 == 2:
            raise OSError("torn")
        return np.full((8, 8), row % 200, np.uint8), row % 2


def test_rows_that_raise_colour_nothing_and_no_more_are_read_than_needed():
    data = Torn()
    source = open_source(data, "data")
    plan = plan_of(source)
    data.asked.clear()
    cards = cards_of(Bench(), source, plan, range(300))
    assert len(data.asked) - sum(row % 3 == 2 for row in data.asked) == LIKE
    assert cards.card(3, source.example(3)).row == 3


def test_the_first_row_may_raise():
    data = Torn()
    source = open_source(data, "data")
    plan = plan_of(source)
    with pytest.raises(LookupError, match="torn"):
        source.example(2)
    assert cards_of(Bench(), source, plan, [2, 5, 6]).card(6, source.example(6)).row == 6


def test_targets_that_are_tokens_are_read_by_the_tokenizer():
    told = "the recipe says to look at the data before anything else " * 4
    letters = sorted(set(told))
    ids = torch.tensor([[letters.index(letter) for letter in told[i : i + 33]] for i in range(40)])
    targets = ids[:, 1:].clone()
    targets[:, :3] = -100  # what is given does not count
    source = open_source(TensorDataset(ids[:, :-1], targets), "texts")
    card = cards_of(Bench(tokenizer=letters), source, plan_of(source), range(8)).card(0, source.example(0))
    assert card.text == told[:32]
    assert card.label == f"– ×3 {told[4:33]}"
