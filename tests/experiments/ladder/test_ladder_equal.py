"""Every rung equals what is worked out independently: scikit-learn run directly, closed forms, counts by hand."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes, load_digits
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe.bench import Bench
from nbrecipe.experiments.ladder.chances import after, anywhere
from nbrecipe.experiments.ladder.climb import climb
from nbrecipe.experiments.ladder.entries import Entries
from nbrecipe.experiments.ladder.inputless import BLIND


def rungs(bench, refused=(), **options):
    ladder = climb(bench, **options)
    assert [rung.refused for rung in ladder.rungs if rung.refused] == list(refused)
    return {rung.id: rung for rung in ladder.rungs}


def accuracy(rung):
    return rung.answers.right.sum() / rung.answers.entries.sum()


def loss(rung):
    weight = rung.answers.weight
    return rung.answers.loss.sum() / (len(rung.answers) if weight is None else weight.sum())


@pytest.fixture(scope="module")
def digits():
    pixels, labels = load_digits(return_X_y=True)
    return (pixels[:800], labels[:800]), (pixels[800:1100], labels[800:1100])


@pytest.fixture(scope="module")
def on_digits(digits):
    return rungs(Bench(train_data=digits[0], val_data=digits[1]))


def test_random_answers_to_digits_are_expected_in_closed_form(digits, on_digits):
    (_, y), (_, target) = digits
    prior = np.bincount(y) / len(y)
    assert accuracy(on_digits["uniform"]) == pytest.approx(0.1, abs=1e-12)
    assert loss(on_digits["uniform"]) == pytest.approx(-math.log(1 / 10), abs=1e-12)
    assert accuracy(on_digits["prior"]) == pytest.approx(prior[target].mean(), abs=1e-12)
    drawn = [DummyClassifier(strategy="stratified", random_state=i).fit(y, y).score(target, target) for i in range(400)]
    assert accuracy(on_digits["prior"]) == pytest.approx(np.mean(drawn), abs=5 * np.std(drawn) / 20)


def test_the_majority_of_digits_is_the_dummy_of_scikit_learn(digits, on_digits):
    (x, y), (asked, target) = digits
    dummy = DummyClassifier(strategy="prior").fit(x, y)
    assert accuracy(on_digits["majority"]) == dummy.score(asked, target)
    assert loss(on_digits["majority"]) == pytest.approx(log_loss(target, dummy.predict_proba(asked)), abs=1e-12)
    assert loss(on_digits["prior"]) == pytest.approx(loss(on_digits["majority"]), abs=1e-12)


def test_the_linear_rung_is_the_logistic_regression_run_directly(digits, on_digits):
    (x, y), (asked, target) = digits
    mean, deviation = x.astype(np.float32).mean(), x.astype(np.float32).std()
    fitted = LogisticRegression(C=1.0, max_iter=2000).fit((x - mean) / deviation, y)
    assert accuracy(on_digits["linear"]) == pytest.approx(fitted.score((asked - mean) / deviation, target), abs=0.004)
    direct = log_loss(target, fitted.predict_proba((asked - mean) / deviation))
    assert loss(on_digits["linear"]) == pytest.approx(direct, abs=0.01)


def test_the_nearest_neighbour_is_that_of_scikit_learn(digits, on_digits):
    (x, y), (asked, target) = digits
    direct = KNeighborsClassifier(1).fit(x, y)
    assert (on_digits["nearest neighbour"].answers.answer == direct.predict(asked)).mean() > 0.995  # ties
    among = KNeighborsClassifier(2).fit(x, y).kneighbors(x, return_distance=False)[:, 1]
    off = ((y[among] != y).sum() + 1) / (len(y) + 2)
    wrong = (on_digits["nearest neighbour"].answers.answer != target).mean()
    by_hand = -(1 - wrong) * math.log(1 - off) - wrong * math.log(off / 9)
    assert loss(on_digits["nearest neighbour"]) == pytest.approx(by_hand, rel=0.02)


@pytest.fixture(scope="module")
def imbalanced():
    random = np.random.default_rng(0)
    y = (random.random(1200) < 0.04).astype(int)
    x = random.normal(size=(1200, 6)) + y[:, None] * np.array([1.0, -1.0, 0, 0, 0, 0.5])
    return (x[:900], y[:900]), (x[900:], y[900:])


def test_an_imbalanced_table_with_the_weights_of_the_users_loss(imbalanced):
    (x, y), (asked, target) = imbalanced
    made = [TensorDataset(torch.tensor(a, dtype=torch.float32), torch.tensor(b)) for a, b in imbalanced]
    loaders = [DataLoader(data, batch_size=64) for data in made]
    weight = torch.tensor([1.0, 10.0])
    bench = Bench(model=nn.Linear(6, 2), loss_fn=nn.CrossEntropyLoss(weight=weight), train_loader=loaders[0],
                  val_loader=loaders[1])  # fmt: skip
    found = rungs(bench)
    prior = np.bincount(y) / len(y)
    wanted = torch.tensor(target)
    by_torch = nn.CrossEntropyLoss(weight=weight)(torch.tensor(prior).float().log().expand(len(target), -1), wanted)
    assert loss(found["majority"]) == pytest.approx(float(by_torch), rel=1e-5)
    assert loss(found["uniform"]) == pytest.approx(math.log(2), abs=1e-9)
    scaled = [(part - x.mean(0)) / x.std(0) for part in (x, asked)]
    direct = LogisticRegression(max_iter=500).fit(scaled[0], y)
    assert accuracy(found["linear"]) == pytest.approx(direct.score(scaled[1], target), abs=0.004)
    boosted = HistGradientBoostingClassifier(early_stopping=False, random_state=0)
    boosted.fit(scaled[0].astype(np.float32), y)
    score = boosted.score(scaled[1].astype(np.float32), target)
    assert accuracy(found["gradient boosting"]) == pytest.approx(score, abs=0.01)
    assert {"uniform", "prior", "majority", "linear", "nearest neighbour", "gradient boosting", "model", *BLIND} == {
        *found
    }
    with torch.no_grad():
        own = float(nn.CrossEntropyLoss(weight=weight)(bench.model(made[1].tensors[0]), wanted))
    assert loss(found["model"]) == pytest.approx(own, rel=1e-5)


def test_numbers_of_diabetes():
    x, y = load_diabetes(return_X_y=True)
    x, y, asked, target = x[:330], y[:330], x[330:], y[330:]
    found = rungs(Bench(train_data=(x, y), val_data=(asked, target)), metric="MAE")
    scaled = [((part - x.mean(0)) / x.std(0)).astype(np.float32) for part in (x, asked)]
    directly = {
        "mean": DummyRegressor().fit(x, y),
        "median": DummyRegressor(strategy="median").fit(x, y),
        "linear": Ridge(alpha=1.0).fit(scaled[0], y),
        "nearest neighbour": KNeighborsRegressor(1).fit(scaled[0], y),
        "gradient boosting": HistGradientBoostingRegressor(early_stopping=False, random_state=0).fit(scaled[0], y),
    }
    for name, model in directly.items():
        off = np.square(model.predict(scaled[1]) - target).mean()
        assert loss(found[name]) == pytest.approx(off, rel=1e-4), name
    drawn = np.square(y[None] - target[:, None]).mean()
    assert loss(found["prior"]) == pytest.approx(drawn, rel=1e-9)


def test_out_of_fold_where_there_are_no_validation_data(digits):
    x, y = digits[0]
    ladder = climb(Bench(train_data=(x, y)))
    linear = next(rung for rung in ladder.rungs if rung.id == "linear")
    assert len(linear.answers) == len(y)
    assert ladder.extent == "`train_data`, 800 rows, answered out of fold (5 folds, seed 0)"
    assert linear.fitted_on == "800 rows, out of fold (5 folds, seed 0)"
    nearest = next(rung for rung in ladder.rungs if rung.id == "nearest neighbour")
    assert 0.9 < accuracy(nearest) < 1.0  # a row that knew itself would always be right


TEXTS = "the cat sat on the mat. the dog sat on the cat. a cat and a dog. the mat and the dog. " * 4


def windows(text, length=12):
    letters = sorted(set(text))
    ids = np.array([letters.index(letter) for letter in text])
    rows = np.stack([ids[i : i + length + 1] for i in range(0, len(ids) - length - 1, length)])
    return rows[:, :-1], rows[:, 1:], len(letters)


def test_a_tiny_language_model():
    x, y, count = windows(TEXTS)
    (a, b), (c, d) = (x[:18], y[:18]), (x[18:], y[18:])
    found = rungs(Bench(train_data={"ids": a, "labels": b}, val_data={"ids": c, "labels": d}))
    assert loss(found["uniform"]) == pytest.approx(math.log(count))
    assert accuracy(found["uniform"]) == pytest.approx(1 / count)
    entries = Entries(b.ravel(), np.repeat(np.arange(len(b)), 12), a.ravel(), len(b))
    base = anywhere(entries, count)
    often = Counter(b.ravel().tolist())
    shares = [(often[w] + base.strength) / (b.size + count * base.strength) for w in range(count)]
    assert loss(found["unigram"]) == pytest.approx(-np.mean([math.log(shares[w]) for w in d.ravel()]))
    assert accuracy(found["unigram"]) == (d == often.most_common(1)[0][0]).mean()
    assert accuracy(found["last token"]) == (c == d).mean()
    m = after(entries, count, base).strength
    pairs, before = Counter(zip(a.ravel().tolist(), b.ravel().tolist(), strict=True)), Counter(a.ravel().tolist())

    def chance(v, w):
        return (pairs[v, w] + m * shares[w]) / (before[v] + m)

    by_hand = -np.mean([math.log(chance(v, w)) for v, w in zip(c.ravel(), d.ravel(), strict=True)])
    assert loss(found["bigram"]) == pytest.approx(by_hand)
    likeliest = [max(range(count), key=lambda w, v=v: chance(v, w)) for v in c.ravel()]
    assert accuracy(found["bigram"]) == pytest.approx((np.array(likeliest) == d.ravel()).mean())
    assert sum(chance(3, w) for w in range(count)) == pytest.approx(1)


def test_a_model_that_shifts_its_own_labels_has_the_same_bigram():
    x, y, _ = windows(TEXTS)
    rows = np.concatenate([x, y[:, -1:]], 1)
    shifted = rungs(Bench(train_data={"ids": x[:18], "labels": y[:18]}, val_data={"ids": x[18:], "labels": y[18:]}))
    plain = rungs(Bench(train_data={"input_ids": rows[:18]}, val_data={"input_ids": rows[18:]}))
    own = {"input_ids": rows, "labels": rows}
    first, last = ({name: value[part] for name, value in own.items()} for part in (slice(18), slice(18, None)))
    inside = rungs(Bench(train_data=first, val_data=last))
    for name in ("uniform", "unigram", "bigram"):
        assert loss(plain[name]) == pytest.approx(loss(shifted[name])), name
        assert loss(inside[name]) == pytest.approx(loss(shifted[name])), name


def test_a_series_is_told_by_the_value_before_and_by_the_season():
    steps = np.arange(900)
    values = np.sin(steps / 12 * 2 * np.pi) + 0.05 * np.random.default_rng(0).normal(size=900)
    rows = np.lib.stride_tricks.sliding_window_view(values, 31).copy()
    x, y = rows[:, :30], rows[:, 30]
    found = rungs(Bench(train_data=(x[:600], y[:600]), val_data=(x[630:], y[630:])))
    assert loss(found["previous value"]) == pytest.approx(np.square(x[630:, -1] - y[630:]).mean())
    off = {p: np.abs(x[:600, 30 - p] - y[:600]).mean() for p in range(2, 31)}
    season = min(off, key=off.get)
    assert season in (12, 24)
    assert loss(found["seasonal naive"]) == pytest.approx(np.square(x[630:, 30 - season] - y[630:]).mean())


def test_several_labels_masks_and_images_have_their_constant_rungs():
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 5))
    flags = (random.random((200, 3)) < [0.2, 0.7, 0.5]).astype(np.float32)
    none = "scikit-learn's gradient boosting answers one class or one number a row"
    found = rungs(Bench(train_data=(x[:150], flags[:150]), val_data=(x[150:], flags[150:])), refused=[none])
    rate, wanted = flags[:150].mean(0), flags[150:]
    by_hand = -(wanted * np.log(rate) + (1 - wanted) * np.log(1 - rate)).mean()
    assert loss(found["majority"]) == pytest.approx(by_hand, rel=1e-6)
    assert accuracy(found["majority"]) == pytest.approx(((rate > 0.5) == wanted).mean())
    images = random.random((60, 3, 8, 8)).astype(np.float32)
    masks = (random.random((60, 8, 8)) < 0.2).astype(np.int64)
    masks[:, 2:5, 2:5] = 1
    found = rungs(Bench(train_data=(images[:40], masks[:40]), val_data=(images[40:], masks[40:])))
    assert accuracy(found["majority"]) == (masks[40:] == 0).mean()
    placed = masks[:40].mean(0)
    assert accuracy(found["majority by position"]) == pytest.approx(((placed > 0.5) == masks[40:]).mean(), abs=0.02)


def test_an_autoencoder_stands_beside_the_mean_image():
    images = torch.rand(96, 1, 8, 8)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.Unflatten(1, (1, 8, 8)))
    data = [DataLoader(TensorDataset(part), batch_size=16) for part in (images[:64], images[64:])]
    bench = Bench(model=net, loss_fn=nn.MSELoss(), train_loader=data[0], val_loader=data[1])
    found = rungs(bench)
    by_hand = (images[:64].mean(0) - images[64:]).square().mean()
    assert loss(found["mean"]) == pytest.approx(float(by_hand), rel=1e-5)
    with torch.no_grad():
        assert loss(found["model"]) == pytest.approx(float((net(images[64:]) - images[64:]).square().mean()), rel=1e-5)


def loaders(*columns, first):
    parts = [[column[:first] for column in columns], [column[first:] for column in columns]]
    train, val = (DataLoader(TensorDataset(*part), batch_size=16) for part in parts)
    return {"train_loader": train, "val_loader": val}


def test_yes_or_no_with_the_weight_of_yes():
    torch.manual_seed(0)
    x = torch.randn(160, 4)
    y = (x[:, :1] > 0.8).float()
    weighted = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([5.0]))
    found = rungs(Bench(model=nn.Linear(4, 1), loss_fn=weighted, **loaders(x, y, first=100)))
    rate, wanted = y[:100].mean(), y[100:]
    assert loss(found["majority"]) == pytest.approx(float(weighted(rate.logit().expand_as(wanted), wanted)), rel=1e-5)
    assert loss(found["uniform"]) == pytest.approx(float(weighted(torch.zeros_like(wanted), wanted)), rel=1e-5)
    assert accuracy(found["majority"]) == pytest.approx(float((wanted == 0).float().mean()))
    assert found["majority"].answers.probabilities.shape == (60,)


def test_a_language_model_whose_labels_are_smoothed():
    torch.manual_seed(0)
    ids = torch.randint(0, 12, (60, 9))
    net = nn.Sequential(nn.Embedding(12, 4), nn.Linear(4, 12))

    def smoothed(output, target):
        return nn.functional.cross_entropy(output.flatten(0, 1), target.flatten(), label_smoothing=0.1)

    found = rungs(Bench(model=net, loss_fn=smoothed, **loaders(ids[:, :-1], ids[:, 1:], first=40)))
    wanted = ids[40:, 1:]
    assert loss(found["uniform"]) == pytest.approx(math.log(12), rel=1e-6)
    entries = Entries(ids[:40, 1:].flatten().numpy(), np.repeat(np.arange(40), 8), None, 40)
    chances = torch.tensor(anywhere(entries, 12).chances).float().log().expand(20, 8, 12)
    assert loss(found["unigram"]) == pytest.approx(float(smoothed(chances, wanted)), rel=1e-5)
    with torch.no_grad():
        assert loss(found["model"]) == pytest.approx(float(smoothed(net(ids[40:, :-1]), wanted)), rel=1e-5)


def test_tags_of_what_is_no_token_have_their_constant_rungs():
    random = np.random.default_rng(0)
    x, tags = random.normal(size=(60, 6, 3)).astype(np.float32), random.integers(0, 4, (60, 6))
    none = "no token stands before each target: inputs are no ids, or differ from the targets in length"
    found = rungs(Bench(train_data=(x[:40], tags[:40]), val_data=(x[40:], tags[40:])), refused=[none])
    assert accuracy(found["unigram"]) == (tags[40:] == np.bincount(tags[:40].ravel()).argmax()).mean()
