"""Tables from answers: classes, slices, confusions, worst rows, calibration, and a second model."""

from __future__ import annotations

import dataclasses

import models
import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import confusion_matrix, precision_score, recall_score

from nbrecipe.batches import BadInput
from nbrecipe.evaluation.against import against
from nbrecipe.evaluation.calibrated import calibrated
from nbrecipe.evaluation.confusion import confused
from nbrecipe.evaluation.passing import answers_of
from nbrecipe.evaluation.slices import by_class, by_label, by_value
from nbrecipe.evaluation.worst import worst
from nbrecipe.statistics.apart import means_apart, shares_apart
from nbrecipe.statistics.families import holm


@pytest.fixture(scope="module")
def answers():
    return answers_of(models.classes())


def test_classes_are_recall_and_precision(answers):
    found = {one.name: one for one in by_class(answers).rows}
    recall = recall_score(answers.target, answers.answer, average=None)
    precision = precision_score(answers.target, answers.answer, average=None, zero_division=0)
    for k in range(5):
        assert found[str(k)].value == pytest.approx(recall[k])
        assert (found[str(k)].precision or 0) == pytest.approx(precision[k])
        assert found[str(k)].rows == int((answers.target == k).sum())


def test_several_labels_are_recall_and_precision_too():
    answers = answers_of(models.labels())
    found = by_label(answers)
    recall = recall_score(answers.target, answers.answer, average=None, zero_division=0)
    precision = precision_score(answers.target, answers.answer, average=None, zero_division=0)
    assert [one.value for one in sorted(found.rows, key=lambda one: one.name)] == pytest.approx(recall.tolist())
    assert [one.precision or 0 for one in sorted(found.rows, key=lambda one: one.name)] == pytest.approx(precision)
    assert [one.rows for one in sorted(found.rows, key=lambda one: one.name)] == answers.target.sum(0).tolist()
    assert not found.tested
    assert by_label(answers_of(models.classes())) is None


def test_parts_are_tested_exactly_and_corrected(answers):
    by = np.arange(150) % 3
    found = {one.name: one for one in by_value(answers, by, "third").rows}
    tables = []
    for k in range(3):
        here, rest = answers.right[by == k], answers.right[by != k]
        tables.append([[here.sum(), (~here).sum()], [rest.sum(), (~rest).sum()]])
    expected = holm([stats.fisher_exact(table).pvalue for table in tables])
    assert [found[str(k)].p for k in range(3)] == pytest.approx(expected.tolist())


def test_two_parts_are_one_test(answers):
    found = by_value(answers, np.arange(150) < 40, "early").rows
    assert found[0].p == pytest.approx(found[1].p)


def test_many_numbers_are_cut_into_quarters_and_texts_are_names(answers):
    quarters = by_value(answers, np.linspace(0, 1, 150), "size").rows
    assert [one.rows for one in quarters] == pytest.approx([37.5] * 4, abs=1)
    names = np.array(["north", "south"])[np.arange(150) % 2]
    assert {one.name for one in by_value(answers, names, "place").rows} == {"north", "south"}
    assert by_value(answers, np.ones(150), "same") is None
    gaps = np.where(np.arange(150) < 20, np.nan, np.arange(150) % 2)
    assert {one.name for one in by_value(answers, gaps, "gaps").rows} == {"0", "1", "missing"}


@pytest.mark.parametrize("kind", models.ALL)
def test_every_kind_can_be_sliced(kind):
    found = answers_of(models.ALL[kind]())
    rows = by_value(found, np.arange(len(found)) % 2, "half").rows
    assert sum(one.rows for one in rows) == len(found)
    assert all(one.interval.low <= one.value <= one.interval.high for one in rows)


def test_pairs_are_the_entries_off_the_diagonal(answers):
    found = confused(answers)
    table = confusion_matrix(answers.target, answers.answer)
    assert (found.table == table).all()
    off = sorted((table - np.diag(np.diag(table))).flatten().tolist(), reverse=True)
    assert [one.count for one in found.pairs] == off[: len(found.pairs)]
    assert found.left == sum(count > 0 for count in off) - len(found.pairs)


def test_the_worst_rows_have_the_greatest_loss(answers):
    found = worst(answers)
    assert [one.row for one in found] == np.argsort(-answers.loss, kind="stable")[:12].tolist()
    assert found[0].told.startswith("answered `")
    labels = answers_of(models.labels())
    assert worst(labels)[0].loss == pytest.approx((labels.loss / 3).max())


def test_probabilities_that_come_true_are_calibrated_and_sure_ones_are_not():
    random = np.random.default_rng(0)
    yes = answers_of(models.yes_no(rows=2000))
    share = random.uniform(0.02, 0.98, 2000)
    right = dataclasses.replace(yes, probabilities=share, target=(random.random(2000) < share).astype(np.float32))
    assert calibrated(right).p > 0.05
    sure = dataclasses.replace(right, probabilities=np.where(share > 0.5, 0.99, 0.01))
    assert calibrated(sure).p < 0.01


def test_a_second_model_is_compared_row_by_row_even_where_the_loader_shuffles(answers):
    other = answers.at(np.random.default_rng(0).permutation(150))
    same = against(answers, other)
    assert [one.metric for one in same] == ["accuracy", "loss"]
    assert all(one.paired.p == 1 for one in same)
    right = np.ones(150, dtype=bool)
    better = against(dataclasses.replace(answers, right=right), answers)
    gained = int((~answers.right).sum())
    assert better[0].paired.p == pytest.approx(min(1.0, 2 * stats.binomtest(gained, gained).pvalue), rel=1e-6)
    assert better[0].first == 1


def test_answers_to_other_rows_cannot_be_compared(answers):
    with pytest.raises(BadInput, match="did not answer the same rows"):
        against(answers.at(np.arange(50)), answers.at(np.arange(60, 90)))


def test_shares_and_means_apart_are_fishers_and_welchs_tests():
    random = np.random.default_rng(0)
    for right, total, other, others in [(3, 10, 9, 12), (0, 5, 5, 5), (40, 100, 300, 500), (5, 5, 5, 5)]:
        expected = stats.fisher_exact([[right, total - right], [other, others - other]]).pvalue
        assert shares_apart(right, total, other, others) == pytest.approx(expected, rel=1e-6)
    one, two = random.normal(0, 1, 400), random.normal(0.1, 2, 500)
    assert means_apart(one, two) == pytest.approx(stats.ttest_ind(one, two, equal_var=False).pvalue, rel=1e-3)
