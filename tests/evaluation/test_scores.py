"""Every metric equals scikit-learn's or torchmetrics' of the same name, and has an interval whose method is named."""

from __future__ import annotations

import math

import models
import numpy as np
import pytest
import torch
import torchmetrics
from sklearn import metrics as sk

from nbrecipe.batches import BadInput
from nbrecipe.evaluation.answers import Answers
from nbrecipe.evaluation.passing import answers_of, passed
from nbrecipe.evaluation.scores import metrics_for, score
from nbrecipe.task import Kind


def scores(answers, asked=(), **known):
    return {one.name: one for one in (score(metric, answers) for metric in metrics_for(answers, asked, **known))}


def held(found, expected):
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, rel=1e-5), name
        assert found[name].interval.low <= found[name].value <= found[name].interval.high, name
        assert found[name].interval.method, name
    assert list(found)[-1] == "loss"


def test_classes():
    answers = answers_of(models.classes())
    y, p = answers.target, answers.answer
    expected = {
        "accuracy": sk.accuracy_score(y, p),
        "balanced accuracy": sk.balanced_accuracy_score(y, p),
        "macro F1": sk.f1_score(y, p, average="macro"),
        "loss": sk.log_loss(y, answers.probabilities, labels=range(5)),
    }
    found = scores(answers)
    held(found, expected)
    assert next(iter(found)) == "accuracy"
    assert "top-5 accuracy" not in found


def test_many_classes_have_the_top_five():
    answers = answers_of(models.classes(count=25))
    held(
        scores(answers),
        {"top-5 accuracy": sk.top_k_accuracy_score(answers.target, answers.probabilities, k=5, labels=range(25))},
    )


def test_yes_or_no():
    answers = answers_of(models.yes_no())
    y, p = answers.target, answers.probabilities
    expected = {
        "accuracy": sk.accuracy_score(y, p > 0.5),
        "AUC": sk.roc_auc_score(y, p),
        "average precision": sk.average_precision_score(y, p),
        "loss": sk.log_loss(y, p),
    }
    held(scores(answers), expected)


def test_ties_among_scores():
    answers = answers_of(models.yes_no())
    import dataclasses

    tied = dataclasses.replace(answers, probabilities=answers.probabilities.round(1))
    expected = {
        "AUC": sk.roc_auc_score(tied.target, tied.probabilities),
        "average precision": sk.average_precision_score(tied.target, tied.probabilities),
    }
    held(scores(tied), expected)


def test_labels():
    answers = answers_of(models.labels())
    y, p = answers.target, answers.answer
    expected = {
        "exact match": sk.accuracy_score(y, p),
        "micro F1": sk.f1_score(y, p, average="micro"),
        "macro F1": sk.f1_score(y, p, average="macro"),
        "mean average precision": sk.average_precision_score(y, answers.probabilities, average="macro"),
    }
    held(scores(answers), expected)


def test_numbers():
    answers = answers_of(models.numbers())
    y, p = answers.target, answers.answer
    expected = {
        "MAE": sk.mean_absolute_error(y, p),
        "RMSE": sk.root_mean_squared_error(y, p),
        "R²": sk.r2_score(y, p),
        "loss": sk.mean_squared_error(y, p),
    }
    held(scores(answers), expected)


def test_tokens():
    bench = models.tokens()
    out, y = models.whole(bench)
    counted = y != 0
    loss = float(models.token_loss(out, y))
    right = float((out.argmax(2) == y)[counted].float().mean())
    held(scores(answers_of(bench)), {"token accuracy": right, "perplexity": math.exp(loss), "loss": loss})


def test_masks():
    bench = models.masks()
    out, y = models.whole(bench)
    flat, told = y.flatten().numpy(), out.argmax(1).flatten().numpy()
    expected = {
        "pixel accuracy": sk.accuracy_score(flat, told),
        "mean IoU": sk.jaccard_score(flat, told, average="macro"),
        "Dice": sk.f1_score(flat, told, average="macro"),
    }
    held(scores(answers_of(bench)), expected)
    bench = models.yes_no_masks()
    out, y = models.whole(bench)
    held(scores(answers_of(bench)), {"mean IoU": sk.jaccard_score(y.flatten(), out.flatten() > 0, average="macro")})


def test_images():
    bench = models.images()
    out, y = models.whole(bench)
    found = passed(bench)
    span = float(y.max() - y.min())
    noise = torchmetrics.functional.image.peak_signal_noise_ratio(out, y, data_range=span)
    mse = float((out - y).square().mean())
    held(scores(found.answers, limits=found.limits), {"MSE": mse, "PSNR": float(noise), "loss": mse})


def test_measures_of_many_draws_equal_those_of_each():
    for kind in ("classes", "yes_no", "labels", "numbers", "masks"):
        answers = answers_of(models.ALL[kind]())
        rows = np.random.default_rng(0).integers(0, len(answers), len(answers))
        drawn = scores(answers.at(rows))
        for name, one in scores(answers).items():
            assert one.interval.low <= one.interval.high, name
            assert math.isfinite(drawn[name].value), name


@pytest.mark.parametrize(
    ("asked", "name", "expected"),
    [
        ("macro F1", "macro F1", lambda a: sk.f1_score(a.target, a.answer, average="macro")),
        ("f1_macro", "f1_macro", lambda a: sk.f1_score(a.target, a.answer, average="macro")),
        ("neg_log_loss", "neg_log_loss", lambda a: -sk.log_loss(a.target, a.probabilities)),
        ("matthews_corrcoef", "matthews_corrcoef", lambda a: sk.matthews_corrcoef(a.target, a.answer)),
        (
            sk.make_scorer(sk.fbeta_score, beta=2, average="macro"),
            "fbeta_score",
            lambda a: sk.fbeta_score(a.target, a.answer, beta=2, average="macro"),
        ),
        (
            torchmetrics.CohenKappa("multiclass", num_classes=5),
            "MulticlassCohenKappa",
            lambda a: sk.cohen_kappa_score(a.target, a.answer),
        ),
        (
            torchmetrics.classification.MulticlassAUROC(5),
            "MulticlassAUROC",
            lambda a: sk.roc_auc_score(a.target, a.probabilities, multi_class="ovr"),
        ),
    ],
)  # fmt: skip
def test_what_is_asked_for_comes_first(asked, name, expected):
    answers = answers_of(models.classes())
    found = scores(answers, [asked])
    assert next(iter(found)) == name
    assert found[name].value == pytest.approx(expected(answers), rel=1e-5)
    assert found[name].interval.low <= found[name].value <= found[name].interval.high


def test_a_function_of_the_users():
    def off_by_one(y_true, y_pred):
        return np.mean(np.abs(y_true - y_pred) <= 1)

    answers = answers_of(models.classes())
    found = scores(answers, [off_by_one])["off_by_one"]
    assert found.value == pytest.approx(off_by_one(answers.target, answers.answer))


def test_the_users_object_of_torchmetrics_keeps_its_count():
    metric = torchmetrics.Accuracy("multiclass", num_classes=5)
    metric.update(torch.tensor([0, 1]), torch.tensor([0, 2]))
    scores(answers_of(models.classes()), [metric])
    assert float(metric.compute()) == 0.5


@pytest.mark.parametrize("asked", ["accuraccy", 3])
def test_what_is_no_metric_is_one_sentence(asked):
    with pytest.raises(BadInput, match="is no metric"):
        scores(answers_of(models.classes()), [asked])


def test_a_metric_that_needs_rows_says_so_of_tokens():
    with pytest.raises(BadInput, match="needs an answer for each row"):
        scores(answers_of(models.tokens()), ["f1_macro"])


def test_a_mean_over_many_classes_of_few_rows_has_no_interval():
    draws = np.random.default_rng(0)
    y = draws.integers(0, 100, 800)
    p = np.where(draws.random(800) < 0.8, y, draws.integers(0, 100, 800))
    right = (y == p).astype(float)
    answers = Answers("net", Kind.CLASSES, np.arange(800), y, p, right=right, entries=np.ones(800))
    found = scores(answers)
    assert found["macro F1"].value == pytest.approx(sk.f1_score(y, p, average="macro"))
    assert "no interval: 100 classes have about 8 rows each, too few for a mean over classes" in found["macro F1"].told
    assert found["accuracy"].interval.method == "Wilson"
