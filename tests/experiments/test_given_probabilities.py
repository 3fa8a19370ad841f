"""Probabilities of the user's own: what is taken, what is refused in one sentence, and what is said by them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

import nbrecipe
from nbrecipe import verbs
from nbrecipe.batches import BadInput
from nbrecipe.bench import Bench
from nbrecipe.experiments.simple.given import given_rows
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run
from nbrecipe.session import Session

CHECK = all_checks()["label-noise"]
DIGITS = load_digits()


@pytest.fixture(autouse=True)
def _own_session(monkeypatch):
    monkeypatch.setattr(verbs, "SESSION", Session())


def sure(labels, classes, strength=4.0, seed=0):
    """Probabilities of a model that is mostly right about these labels, more or less sure of it."""
    random = np.random.default_rng(seed)
    scores = random.normal(size=(len(labels), classes))
    scores[np.arange(len(labels)), labels] += strength * random.random(len(labels)) + 1
    table = np.exp(scores)
    return table / table.sum(1, keepdims=True)


def flipped(labels, share=0.06, seed=1):
    random = np.random.default_rng(seed)
    given, rows = np.array(labels), random.choice(len(labels), int(share * len(labels)), replace=False)
    given[rows] = (given[rows] + 1) % (labels.max() + 1)
    return given, np.sort(rows)


def judged(x, y, probabilities, **more):
    return run(CHECK, Bench(train_data=(x, y), pred_probs=probabilities, **more)).finding


def test_flipped_labels_are_told_by_the_users_own_model():
    y, wrong = flipped(DIGITS.target)
    finding = judged(DIGITS.images, y, sure(DIGITS.target, 10, 9.0), names={"pred_probs": "probs"})
    assert finding.verdict is Verdict.HINT
    assert finding.message.startswith("`probs` agrees with **0.")
    told = [row for row, *_ in finding.seen["suspects"]]
    assert np.isin(told[:50], wrong).mean() > 0.9
    first = finding.seen["suspects"][:20]
    assert all(given == y[row] and suggested == DIGITS.target[row] for row, given, suggested, _ in first)


def test_much_noise_is_a_hint_too_since_nobody_knows_how_they_came_about():
    y, _ = flipped(DIGITS.target, 0.3)
    assert judged(DIGITS.images, y, sure(DIGITS.target, 10, 9.0)).verdict is Verdict.HINT


@pytest.mark.parametrize(
    "made",
    [
        lambda table: torch.tensor(table, dtype=torch.bfloat16, requires_grad=True),
        lambda table: table.astype(np.float16),
        lambda table: table.round(2),
        lambda table: table.tolist(),
        pd.DataFrame,
    ],
)
def test_every_kind_of_table_is_taken(made):
    table = sure(np.arange(200) % 3, 3)
    rows, given = Bench(train_data=(np.zeros((200, 4)), np.arange(200) % 3), pred_probs=made(table)).once(given_rows)
    assert (rows.labels == np.arange(200) % 3).all()
    np.testing.assert_allclose(given.table, table, atol=0.02)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (np.array(["cat", "ant", "bee"] * 40), ("ant", "bee", "cat")),
        (np.array([7, 3, 5] * 40), (3, 5, 7)),
        (np.array([2.0, 0.0, 1.0] * 40), (0, 1, 2)),
        (np.array([0, 1, 0] * 40), (0, 1, 2)),
        (np.eye(3)[[2, 0, 1] * 40], (0, 1, 2)),
    ],
)
def test_columns_are_the_classes_in_their_order(labels, classes):
    rows, _ = Bench(train_data={"x": np.arange(120), "label": labels}, pred_probs=np.full((120, 3), 1 / 3)).once(
        given_rows
    )
    assert rows.classes == classes
    plain = labels.argmax(1) if labels.ndim > 1 else labels
    assert [rows.classes[i] for i in rows.labels] == plain.tolist()


def test_rows_without_a_label_are_left_out_and_keep_their_places():
    labels = [None if i % 5 == 0 else "ab"[i % 2] for i in range(100)]
    rows, given = Bench(
        train_data=pd.DataFrame({"x": np.arange(100.0), "label": labels}), pred_probs=sure(np.arange(100) % 2, 2)
    ).once(given_rows)
    assert rows.rows.tolist() == [i for i in range(100) if i % 5]
    np.testing.assert_allclose(given.table, sure(np.arange(100) % 2, 2)[rows.rows])


BAD = [
    (lambda p: p[:50], "`pred_probs` has 50 rows and `train_data` has 90: give one row for each example"),
    (lambda p: p[:, :2], r"`pred_probs` has 2 columns and the labels of `train_data` have 3 classes \(0, 1, 2\)"),
    (lambda p: p[:, 0], r"has the shape \(90,\), where \(rows, classes\) is needed; of two classes: `np.stack"),
    (lambda p: p * 2, "are no probabilities: row 0 sums to 2; take the softmax of scores first"),
    (np.log, "these are logarithms"),
    (lambda p: np.where(p == p.max(), np.nan, p), "holds NaN or infinite values, first in row"),
    (lambda p: "probs", "is no table of numbers"),
    (lambda p: 0.5, r"has the shape \(\), where"),
]


@pytest.mark.parametrize(("spoil", "told"), BAD)
def test_what_is_none_of_probabilities_is_refused_at_once(spoil, told):
    y = np.arange(90) % 3
    with pytest.raises(BadInput, match=told):
        nbrecipe.inspect_data((np.random.default_rng(0).normal(size=(90, 4)), y), pred_probs=spoil(sure(y, 3)))


def test_labels_that_are_no_classes_are_refused():
    random = np.random.default_rng(0)
    with pytest.raises(BadInput, match=r"the label `label` is no class \(number\)"):
        nbrecipe.inspect_data((random.normal(size=(90, 4)), random.normal(size=90)), pred_probs=np.full((90, 2), 0.5))


def test_columns_in_another_order_are_seen():
    y = DIGITS.target
    finding = judged(DIGITS.images, y, sure(y, 10, 9.0)[:, ::-1])
    assert finding.verdict is Verdict.HINT
    assert "fewer than a guess would: its columns may stand for other classes than 0, 1, 2, 3, 4, …" in finding.message


@pytest.mark.parametrize("seed", range(3))
def test_rows_in_another_order_and_right_labels_doubt_nothing(seed):
    y, table = DIGITS.target, sure(DIGITS.target, 10, 9.0, seed)
    shuffled = np.random.default_rng(seed).permutation(table)
    assert judged(DIGITS.images, y, shuffled).verdict is Verdict.OK
    certain = sure(y, 10, 30.0, seed)
    assert judged(DIGITS.images, y, certain).verdict is Verdict.OK


def test_answers_without_degrees_do_not_tell_where_they_are_sure():
    y, _ = flipped(DIGITS.target)
    finding = judged(DIGITS.images, y, np.eye(10)[DIGITS.target])
    assert finding.verdict is Verdict.HINT
    assert finding.message.endswith("where it is surest, it does not tell")


def test_what_is_bound_serves_its_own_data_alone():
    y, _ = flipped(DIGITS.target)
    data = TensorDataset(torch.as_tensor(DIGITS.images), torch.as_tensor(y))
    nbrecipe.bind(train=DataLoader(data, batch_size=64), pred_probs=sure(DIGITS.target, 10, 9.0))
    assert "`pred_probs` agrees" in nbrecipe.recipe("label-noise").results["label-noise"].finding.message
    other = nbrecipe.inspect_data((np.random.default_rng(0).normal(size=(120, 3)), np.arange(120) % 2))
    assert "pred_probs" not in other.results["label-noise"].finding.message
