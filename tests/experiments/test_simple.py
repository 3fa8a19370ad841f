"""Simple features, neighbours and fits: right against plain ways to compute them, and the same each time."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.neighbors import NearestNeighbors

from nbrecipe import libraries, toys
from nbrecipe.batches import BadInput
from nbrecipe.bench import Bench
from nbrecipe.experiments.simple import linear, neighbours
from nbrecipe.experiments.simple.features import WIDE, features_of, standardised
from nbrecipe.experiments.simple.information import train_informed
from nbrecipe.experiments.simple.noise import noise
from nbrecipe.experiments.simple.probabilities import OutOfFold, out_of_fold
from nbrecipe.experiments.simple.rows import MOST, train_rows
from nbrecipe.experiments.simple.shifts import shifts
from nbrecipe.experiments.simple.single import single
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run
from nbrecipe.scan import held
from nbrecipe.scan.columns.kinds import Kind


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


VALUES = {
    "numbers": (Kind.NUMBER, normal(9), 1),
    "numbers with holes": (Kind.NUMBER, [1.0, None, 3.0, "x", 2.0, 1.0, 1.0, 1.0, 9.0], 1),
    "a table": (Kind.TABLE, normal(9, 4), 4),
    "a table with holes": (Kind.TABLE, np.where(normal(9, 4) > 1, np.nan, normal(9, 4)), 4),
    "a constant column": (Kind.TABLE, np.concatenate([normal(9, 4), np.ones((9, 1))], 1), 4),
    "small images": (Kind.IMAGE, normal(9, 8, 8), 64),
    "large images": (Kind.IMAGE, normal(9, 1, 40, 50), 256),
    "colours first": (Kind.IMAGE, normal(9, 3, 32, 32), 256 + 48),
    "colours last": (Kind.IMAGE, normal(9, 32, 32, 3), 256 + 48),
    "images of many sizes": (Kind.IMAGE, [normal(20 + i, 30, seed=i) for i in range(9)], 256),
    "flat images": (Kind.IMAGE, np.repeat(np.repeat(normal(9, 5, 5), 2, 1), 2, 2).reshape(9, 100), 100),
    "texts": (Kind.TEXT, [f"word{i} and more" for i in range(9)], None),
    "empty texts": (Kind.TEXT, ["", "a b", "b c"] * 3, None),
    "token ids": (Kind.TOKENS, [np.arange(i + 1) % 4 for i in range(9)], None),
    "token table": (Kind.TOKENS, np.arange(45).reshape(9, 5) % 7, None),
    "sequences": (Kind.SEQUENCE, [normal(10 + i, 2, seed=i) for i in range(9)], None),
    "audio, channel first": (Kind.SEQUENCE, normal(9, 1, 500), None),
    "a step long": (Kind.SEQUENCE, [normal(1, 2, seed=i) for i in range(9)], None),
    "flags": (Kind.FLAGS, (normal(9, 5) > 0).astype(int), 5),
}


@pytest.mark.parametrize("name", VALUES)
def test_every_kind_becomes_a_table_of_numbers(name):
    kind, values, width = VALUES[name]
    table = features_of({"x": values}, {"x": kind})
    assert table.dtype == np.float32
    assert len(table) == 9
    assert np.isfinite(table).all()
    assert table.std() > 0
    assert width is None or table.shape[1] == width
    assert (table == features_of({"x": values}, {"x": kind})).all()


def test_what_has_no_features_is_told():
    with pytest.raises(BadInput, match=r"no simple features are known for such inputs \(boxes\)"):
        features_of({"x": [{}]}, {"x": Kind.BOXES})


def test_wide_rows_are_projected_and_keep_their_distances():
    wide = normal(40, 3 * WIDE)
    table = features_of({"x": wide}, {"x": Kind.TABLE})
    assert table.shape == (40, WIDE)
    plain = standardised(wide) / (3 * WIDE) ** 0.5
    near = [np.linalg.norm(t[:20] - t[20:], axis=1) for t in (table, plain)]
    assert np.abs(near[0] / near[1] - 1).max() < 0.15


def test_neighbours_are_the_nearest_other_rows():
    x = normal(300, 5).astype(np.float32)
    places, distances = neighbours.nearest(x, near=4)
    told, wanted = NearestNeighbors(n_neighbors=5).fit(x).kneighbors(x)
    assert (places == wanted[:, 1:]).mean() > 0.99
    assert np.allclose(distances, told[:, 1:], atol=1e-3)
    among, _ = neighbours.nearest(x[:10], x, near=1)
    assert (among[:, 0] == np.arange(10)).all()


def test_rows_that_stand_near_are_no_neighbours():
    x = np.arange(100, dtype=np.float32)[:, None]
    places, _ = neighbours.nearest(x, apart=3, near=2)
    assert (np.abs(places - np.arange(100)[:, None]) > 3).all()


@pytest.mark.parametrize("columns", [5, 200])
def test_ridge_is_that_of_scikit_learn_in_both_forms(columns):
    x, y = normal(80, columns), normal(80, 2, seed=1)
    told = linear.predicted(x[:60], y[:60], x[60:])
    centred = x[:60] - x[:60].mean(0)
    gram = centred.T @ centred if columns <= 60 else centred @ centred.T
    wanted = Ridge(alpha=linear.RIDGE * np.trace(gram) / len(gram)).fit(x[:60], y[:60]).predict(x[60:])
    assert np.allclose(told, wanted, atol=1e-6)


def test_folds_are_even_within_classes_and_stretches_are_in_order():
    labels = np.arange(100) % 4
    fold = linear.folds(100, blocks=False, labels=labels)
    assert {int(((fold == f) & (labels == c)).sum()) for f in range(5) for c in range(4)} == {5}
    assert (np.diff(linear.folds(100, blocks=True)) >= 0).all()


def test_probabilities_are_out_of_fold_and_sum_to_one():
    rows = train_rows(toys.classify(rows=300))
    told = out_of_fold(rows)
    assert np.allclose(told.table.sum(1), 1)
    assert told.model == min(told.losses, key=told.losses.get)
    by_heart = out_of_fold(type(rows)(**{**vars(rows), "labels": np.random.default_rng(0).permutation(rows.labels)}))
    assert (by_heart.answers == by_heart.table.argmax(1)).all()
    assert (by_heart.answers == rows.labels).mean() < 0.4


def test_probabilities_of_any_model_are_ranked():
    rows = train_rows(toys.classify(rows=200))
    table = np.full((200, 5), 0.02)
    table[np.arange(200), rows.labels] = 0.92
    table[7] = np.roll(table[7], 1)
    seen = noise(rows, OutOfFold(table, "given", {}))
    assert seen.suspects(1)[0].row == 7
    assert seen.suspects(1)[0].suggested == (seen.suspects(1)[0].given + 1) % 5


def test_large_data_are_judged_by_a_part_and_say_so():
    rows = train_rows(toys.classify(rows=MOST + 500))
    assert len(rows) == MOST
    assert rows.extent == f"{MOST} of {MOST + 500} rows"
    assert (np.diff(rows.rows) > 0).all()


MEASURES = [
    train_rows,
    train_informed,
    shifts,
    lambda b: single(b.once(held.train_scan)),
    lambda b: out_of_fold(train_rows(b)),
]


@pytest.mark.parametrize("measure", MEASURES, ids=["rows", "informed", "shifts", "single", "probabilities"])
def test_measures_are_the_same_each_time_and_draw_nothing_of_the_users(measure):
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    first = measure(toys.images(rows=200))
    drawn = (random.random(), np.random.rand(), torch.rand(1).item())
    random.seed(2), np.random.seed(2), torch.manual_seed(2)
    again = measure(toys.images(rows=200))
    assert repr(first) == repr(again)
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    assert drawn == (random.random(), np.random.rand(), torch.rand(1).item())


def test_what_needs_no_library_runs_without(monkeypatch):
    def missing(name):
        raise ImportError(name)

    checks = all_checks()
    monkeypatch.setattr(libraries.importlib, "import_module", missing)
    for name in ("target-leak", "shuffled-labels", "misaligned-labels"):
        assert run(checks[name], toys.images()).finding.verdict is Verdict.OK
    texts = [{"text": f"word {i}", "label": i % 2} for i in range(300)]
    finding = run(checks["shuffled-labels"], Bench(train_data=texts)).finding
    assert finding.message == 'scikit-learn is missing: `pip install "nbrecipe[data]"` brings it'
