"""Classes that training lacks, and labels without an output, are named; chance and unknown classes are no fault."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

CHECK = all_checks()["missing-class"]


def loader(y, **more):
    y = torch.as_tensor(np.asarray(y))
    return DataLoader(TensorDataset(torch.randn(len(y), 6, generator=toys.seeded()), y), batch_size=16, **more)


def found(train, val, outputs=0, loss_fn=None):
    given = Bench(train_loader=loader(train), val_loader=loader(val))
    if outputs:
        given = given.replace(model=nn.Linear(6, outputs), loss_fn=loss_fn or nn.CrossEntropyLoss())
    return run(CHECK, given).finding


def drawn(classes, rows, seed=0, shares=None):
    return np.random.default_rng(seed).choice(classes, rows, p=shares)


@pytest.mark.parametrize("missing", [0, 2, 4])
def test_a_class_of_the_model_that_training_lacks_is_a_fault(missing):
    y = drawn(5, 300)
    finding = found(y[y != missing], drawn(5, 100, 1), outputs=5)
    assert finding.verdict is Verdict.BAD
    assert f"class `{missing}` stands in" in finding.message


def test_most_of_the_classes_missing_is_a_fault_where_the_model_has_outputs_for_them():
    y = np.sort(drawn(10, 500))
    assert found(y[:350], y[350:], outputs=10).verdict is Verdict.BAD
    assert found(y[:350], y[350:]).verdict is Verdict.HINT  # without a model they may be unknown on purpose


@pytest.mark.parametrize("where", ["train", "val"])
def test_a_label_without_an_output_is_a_fault(where):
    y, late = drawn(5, 300), drawn(5, 300, 1)
    changed = late.copy()
    changed[20:26] = 7
    finding = found(changed, y, outputs=5) if where == "train" else found(y, changed, outputs=5)
    assert finding.verdict is Verdict.BAD
    assert "has 5 outputs" in finding.message


def test_labels_from_one_on_are_a_fault():
    assert found(drawn(5, 300), drawn(5, 100, 1) + 1, outputs=5).verdict is Verdict.BAD


def names(y, words=("cat", "dog", "owl", "unknown")):
    return [words[i] for i in y]


RIGHT = {
    "random": (drawn(5, 300), drawn(5, 100, 1), {"outputs": 5}),
    "fewer classes in validation": (drawn(5, 300), drawn(3, 100, 1), {"outputs": 5}),
    "an ignored label": (drawn(5, 300), np.where(drawn(9, 100, 2) == 0, -100, drawn(5, 100, 1)), {"outputs": 5}),
    "another ignored label": (
        drawn(5, 300), np.where(drawn(9, 100, 2) == 0, 255, drawn(5, 100, 1)),
        {"outputs": 5, "loss_fn": nn.CrossEntropyLoss(ignore_index=255)},
    ),
    "labels shifted by the loss": (
        drawn(5, 300) + 1, drawn(5, 100, 1) + 1,
        {"outputs": 5, "loss_fn": lambda out, y: nn.functional.cross_entropy(out, y - 1)},
    ),
    "regression on counts": (
        np.random.default_rng(0).poisson(4, (300, 1)).astype(np.float32), np.full((60, 1), 40, np.float32),
        {"outputs": 1, "loss_fn": nn.MSELoss()},
    ),
    "an unknown class": (drawn(5, 300), drawn(6, 100, 1), {"outputs": 5}),
    "other classes altogether": (drawn(5, 300), drawn(5, 100, 1) + 10, {}),
    "flags": ((drawn(2, 600) > 0).reshape(300, 2).astype(np.float32), np.eye(2, dtype=np.float32)[drawn(2, 80)], {}),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_what_looks_like_it_is_no_fault(name):
    train, val, more = RIGHT[name]
    assert found(train, val, **more).verdict in (Verdict.OK, Verdict.HINT, Verdict.SKIPPED)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("classes", [10, 60, 300])
def test_a_random_split_of_rare_classes_is_no_fault(seed, classes):
    shares = 1 / np.arange(1, classes + 1)
    y = drawn(classes, 500, seed, shares / shares.sum())
    assert found(y[:400], y[400:], outputs=classes).verdict is not Verdict.BAD


def test_a_class_that_is_called_unknown_is_worth_a_look():
    data = [[(torch.ones(3) * i, word) for i, word in enumerate(names(y))] for y in (drawn(3, 200), drawn(4, 80))]
    assert run(CHECK, Bench(train_data=data[0], val_data=data[1])).finding.verdict is Verdict.HINT


def test_a_named_class_that_training_lacks_is_a_fault():
    owls = [[(torch.ones(3) * i, word) for i, word in enumerate(names(y))] for y in (drawn(2, 200), drawn(3, 80))]
    finding = run(CHECK, Bench(train_data=owls[0], val_data=owls[1])).finding
    assert finding.verdict is Verdict.BAD
    assert "class `owl`" in finding.message


def test_without_validation_data_the_outputs_alone_are_looked_at():
    given = Bench(train_loader=loader(drawn(5, 300)), model=nn.Linear(6, 5), loss_fn=nn.CrossEntropyLoss())
    finding = run(CHECK, given).finding
    assert finding.verdict is Verdict.SKIPPED
    assert finding.message == "needs validation data beside the training data"
