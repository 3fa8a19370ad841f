"""Rows that findings of the data speak of are shown: doubted labels, copies and conflicts side by side."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from datasets import Dataset as HubData
from sklearn.datasets import load_digits

import nbrecipe
from nbrecipe import verbs
from nbrecipe.session import Session

DIGITS = load_digits()


@pytest.fixture(autouse=True)
def _own_session(monkeypatch):
    monkeypatch.setattr(verbs, "SESSION", Session())


def pictures():
    """Digits of which some labels are wrong, some rows stand twice, some nearly, and some with another label."""
    random = np.random.default_rng(0)
    x, y = (DIGITS.images * 15).astype(np.uint8), DIGITS.target.copy()
    wrong = random.choice(1700, 90, replace=False)
    y[wrong] = (y[wrong] + random.integers(1, 10, 90)) % 10
    near = x[:40].copy()
    near[:, 3, 3] ^= 64
    images, labels = np.concatenate([x, x[100:300], near]), np.concatenate([y, y[100:300], y[:40]])
    labels[1800:1810] = (labels[1800:1810] + 1) % 10
    return images, labels, wrong


def titled(answer, words):
    (found,) = [look for look in answer.shown.looks if words in look.title]
    return found


def test_images_stand_side_by_side_with_their_labels_and_rows():
    x, y, wrong = pictures()
    answer = nbrecipe.inspect_data((x, y), (x[:200], y[:200]))
    doubted = titled(answer, "labels that the cheap model doubts most")
    assert np.mean([one.cards[0].row in wrong or one.cards[0].row >= 1797 for one in doubted.rows]) > 0.7
    for one in doubted.rows:
        card = one.cards[0]
        assert (card.label, card.wrong) == (str(y[card.row]), True)
        assert card.predicted.split(",")[0] != card.label
        assert card.pixels.shape == (8, 8)
    equal = titled(answer, "equal rows of `train_data`: 4 of 190")
    assert [card.row for card in equal.rows[0].cards] == [100, 1797]
    assert (equal.rows[0].cards[0].pixels == equal.rows[0].cards[1].pixels).all()
    nearly = titled(answer, "rows of `train_data` that are nearly equal: 4 of 40").rows[0]
    assert [card.row for card in nearly.cards] == [0, 1997]
    assert nearly.told == "differ in 1 of 64 values"
    across = titled(answer, "a row of `train_data` and the row of `val_data` that equals it: 4 of 200").rows[0]
    assert [card.row for card in across.cards] == [0, 0]
    torn = titled(answer, "equal inputs of `train_data` with different labels: 4 of 10").rows[0]
    assert torn.cards[0].label != torn.cards[1].label
    html, text = answer._repr_html_(), str(answer)
    assert html.count('class="nbr-pair"') == 5 * 4
    assert f"row {doubted.rows[0].cards[0].row} · {doubted.rows[0].cards[0].label} · predicted" in text
    assert "- row 0 · 0 · 8 × 8 pixels\n    = row 1997 · 0" in text


def reviews():
    rows = [
        f"<b>film {i}</b> was {'good and I liked it a lot' if i % 2 else 'bad and I hated it all'}, day {i * 7 % 31}"
        for i in range(400)
    ]
    labels = [("bad", "good")[i % 2] for i in range(400)]
    wrong = np.random.default_rng(0).choice(400, 40, replace=False)
    for i in wrong:
        labels[i] = ("good", "bad")[i % 2]
    return rows, labels, wrong


@pytest.mark.parametrize(
    "made",
    [
        lambda texts, labels: list(zip(texts, labels, strict=True)),
        lambda texts, labels: pd.DataFrame({"text": texts, "label": labels}),
        lambda texts, labels: HubData.from_dict({"text": texts, "label": labels}).to_iterable_dataset(),
    ],
    ids=["pairs", "frame", "stream"],
)
def test_texts_are_shown_escaped_whatever_holds_them(made):
    texts, labels, wrong = reviews()
    answer = nbrecipe.inspect_data(made(texts, labels))
    doubted = titled(answer, "labels that the cheap model doubts most")
    told = {one.cards[0].row: one.cards[0] for one in doubted.rows}
    assert all(texts[row] == card.text and labels[row] == card.label for row, card in told.items())
    assert np.isin(list(told), wrong).mean() > 0.8
    assert "<b>film" not in answer._repr_html_()


def test_numbers_are_shown_by_name():
    random = np.random.default_rng(0)
    table = {name: random.normal(size=700) for name in "abcde"}
    label = (table["a"] > 0).astype(int)
    frame = pd.DataFrame({**table, "label": label})
    answer = nbrecipe.inspect_data(pd.concat([frame, frame[:150]]))
    pair = titled(answer, "equal rows of `train_data`: 4 of 150").rows[0].cards
    assert pair[0].cells == pair[1].cells
    assert [name for name, _ in pair[0].cells] == list("abcde")


def test_right_data_have_no_rows_to_show():
    x = (DIGITS.images * 15).astype(np.uint8)
    assert nbrecipe.inspect_data((x[:900], DIGITS.target[:900]), (x[900:], DIGITS.target[900:])).shown.looks == ()
    few = np.random.default_rng(0).integers(0, 2, (500, 5))
    assert nbrecipe.inspect_data((few.astype(np.float32), few[:, 0])).shown.looks == ()


def test_what_the_users_own_model_doubts_is_shown_under_its_name():
    x, y, _ = pictures()
    table = np.full((len(y), 10), 0.02)
    table[np.arange(len(y)), np.concatenate([DIGITS.target, DIGITS.target[100:300], DIGITS.target[:40]])] = 0.82
    answer = nbrecipe.inspect_data((x, y), pred_probs=table, names={"pred_probs": "probs"})
    doubted = titled(answer, "labels that `probs` doubts most")
    truth = np.concatenate([DIGITS.target, DIGITS.target[100:300], DIGITS.target[:40]])
    assert all(one.cards[0].predicted == f"{truth[one.cards[0].row]}, 0.82" for one in doubted.rows)


def test_splits_of_other_columns_are_compared_by_what_they_share():
    random = np.random.default_rng(0)
    train = pd.DataFrame({name: random.normal(size=300) for name in "abcde"})
    for val in (train[:80].rename(columns={"b": "f"}), train[["a", "b"]][:80], train[:80].assign(g="text")):
        answer = nbrecipe.inspect_data(train, val)
        assert [r.id for r in answer if r.verdict.value == "crashed"] == []
    assert "`val_data` has `g`, and `train_data` has not" in answer.shown.notes
