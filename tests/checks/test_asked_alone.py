"""A model, its loaders and no watched loop: right programs of many kinds raise no alarm, and are as they were."""

from __future__ import annotations

import copy

import evaluated
import pytest
import torch
from test_every_check import state
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe import toys
from nbrecipe.checks.data import label_mapping_mismatch
from nbrecipe.checks.evaluation import worse_than_baseline
from nbrecipe.evaluation.known import ROWS, has_learned, train_passed
from nbrecipe.experiments.ladder.above import climbed
from nbrecipe.finding import Verdict
from nbrecipe.registry import get_check
from nbrecipe.runner import run, run_each

IDS = ("label-mapping-mismatch", "worse-than-baseline", "collapsed-predictions", "partial-evaluation",
       "train-eval-disagreement")  # fmt: skip


@pytest.mark.parametrize("make", evaluated.RIGHT, ids=lambda make: make.__name__)
def test_right_programs_raise_no_alarm_and_are_as_they_were(make):
    given = make()
    before = copy.deepcopy(state(given))
    results = list(run_each([get_check(name) for name in IDS], given))
    told = [f"{r.id}: {r.finding.message}" for r in results if r.verdict in (Verdict.BAD, Verdict.CRASHED)]
    assert not told
    assert state(given) == before


def renamed(change, classes=5):
    given = evaluated.vectors()
    x, y = evaluated.rows_of(toys.classify(classes=classes)).tensors
    return given.replace(val_loader=DataLoader(TensorDataset(x, torch.tensor(change)[y]), 64))


@pytest.mark.parametrize("change", [[1, 2, 3, 4, 0], [4, 3, 2, 1, 0], [0, 2, 3, 1, 4]])
def test_other_numbers_in_validation_are_named(change):
    found = run(label_mapping_mismatch.check, renamed(change)).finding
    assert found.verdict is Verdict.BAD
    assert found.seen["renamed_accuracy"] > 0.9
    assert "class_to_idx" in found.code


def test_a_fresh_net_that_happens_to_answer_by_other_numbers_is_skipped():
    given = toys.classify()
    x, _ = evaluated.rows_of(given).tensors
    with torch.no_grad():
        said = given.get("model")(x).argmax(1)
    rows, names = said.unique(return_inverse=True)
    moved = rows[(names + 1) % len(rows)]
    fresh = given.replace(val_loader=DataLoader(TensorDataset(x, moved), 64))
    assert run(label_mapping_mismatch.check, fresh).verdict is Verdict.SKIPPED


def test_what_is_worse_than_a_guess_for_its_numbers_says_so():
    found = run(worse_than_baseline.check, renamed([1, 2, 3, 4, 0])).finding
    assert found.verdict is Verdict.BAD
    assert "label-mapping-mismatch" in found.why


def test_two_of_five_classes_that_change_places_are_a_hint():
    assert run(label_mapping_mismatch.check, renamed([1, 0, 2, 3, 4])).verdict is Verdict.HINT


def test_inverted_inputs_are_no_renamed_classes_and_worse_than_a_guess():
    given = evaluated.two_classes_inverted()
    assert run(label_mapping_mismatch.check, given).verdict is Verdict.HINT
    assert run(worse_than_baseline.check, given).verdict is Verdict.BAD


def test_without_training_rows_nothing_is_certain():
    given = renamed([1, 2, 3, 4, 0]).replace(train_loader=None)
    assert run(label_mapping_mismatch.check, given).verdict is Verdict.HINT
    assert run(worse_than_baseline.check, given).verdict is Verdict.HINT


def test_a_model_of_other_data_has_learned_nothing_of_these():
    given = renamed([1, 2, 3, 4, 0])
    other = toys.images(rows=64)
    assert not has_learned(given.replace(train_loader=other.train_loader))
    assert run(label_mapping_mismatch.check, given.replace(train_loader=other.train_loader)).verdict is Verdict.HINT


def test_few_training_rows_are_answered_and_the_loader_is_as_it_was():
    given = toys.classify(rows=5000)
    drawn = torch.utils.data.DataLoader(given.train_data, 64, shuffle=True, generator=toys.seeded())
    before = drawn.generator.get_state()
    assert len(train_passed(given.replace(train_loader=drawn)).answers) == ROWS
    assert torch.equal(drawn.generator.get_state(), before)


def test_a_ladder_that_was_climbed_is_what_a_model_is_held_against():
    given = evaluated.fitted(toys.mlp(), evaluated.rows_of(toys.classify(rows=800)), torch.nn.CrossEntropyLoss(),
                             epochs=1, rate=1e-3)  # fmt: skip
    assert run(worse_than_baseline.check, given).verdict is Verdict.OK
    climbed_already = given.replace()
    climbed_already.know(climbed, climbed(given))
    found = run(worse_than_baseline.check, climbed_already).finding
    assert found.verdict is Verdict.HINT
    assert "`linear` has" in found.message
    better = evaluated.vectors()
    better.know(climbed, climbed(better))
    assert run(worse_than_baseline.check, better).verdict is Verdict.OK


def test_targets_in_another_unit_are_named_with_the_unit():
    given = evaluated.numbers()
    x, y = evaluated.rows_of(toys.regress()).tensors
    found = run(
        worse_than_baseline.check, given.replace(val_loader=DataLoader(TensorDataset(x, 12 * y + 40), 64))
    ).finding
    assert found.verdict is Verdict.BAD
    assert "times the answers, plus" in found.why


def test_targets_that_are_all_one_number_are_no_yardstick():
    given = toys.trained(toys.regress())
    x, _ = evaluated.rows_of(given).tensors
    still = given.replace(val_loader=DataLoader(TensorDataset(x, torch.full((len(x), 1), 3.0)), 64))
    found = run(worse_than_baseline.check, still).finding
    assert found.verdict is Verdict.SKIPPED
    assert "are 3.000: a constant answers them without a fault" in found.message
