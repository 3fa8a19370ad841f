"""One column that gives the target away is named; columns that are merely good, or there for it, are not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import datasets as known
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

CHECK = all_checks()["target-leak"]


def given(x, y) -> Bench:
    x, y = (torch.as_tensor(v) for v in (x, y))
    return Bench(train_loader=DataLoader(TensorDataset(x, y), batch_size=32))


def found(bench: Bench):
    return run(CHECK, bench).finding


def table(rows=300, columns=6, seed=0):
    return torch.randn(rows, columns, generator=toys.seeded(seed))


def noisy(x, seed=1):
    return x[:, 0] + 0.5 * x[:, 1] + torch.randn(len(x), generator=toys.seeded(seed))


def with_column(x, column, place=2):
    return torch.cat([x[:, :place], column.reshape(len(x), 1).float(), x[:, place:]], 1)


X, Y = table(), noisy(table())
CLASSES = (Y > 0).long() + (Y > 1).long()
LEAKS = {
    "equal": (with_column(X, Y), Y),
    "affine": (with_column(X, (Y - 5) / 0.01), Y),
    "negated": (with_column(X, -Y), Y[:, None]),
    "logarithm": (with_column(X, Y), Y.double().exp()),
    "log1p": (with_column(X, torch.log1p(Y.exp())), Y.double().exp()),
    "square": (with_column(X, Y + 9), (Y + 9).double().square()),
    "root": (with_column(X, (Y + 9).double().square()), Y + 9),
    "class as it is": (with_column(X, CLASSES), CLASSES),
    "class by another number": (with_column(X, torch.tensor([7.0, -1.0, 2.5])[CLASSES]), CLASSES),
    "binary as floats": (with_column(X, (Y > 0) * 3.0 - 1), (Y > 0).float()[:, None]),
    "one-hot of three": (torch.cat([X, torch.eye(3)[CLASSES]], 1), CLASSES),
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_copy_of_the_target_is_named(name):
    finding = found(given(*LEAKS[name]))
    assert finding.verdict is Verdict.BAD, finding.message
    wanted = [f"input[{i}]" for i in range(6, 9)] if name == "one-hot of three" else ["input[2]"]
    assert finding.seen["exact"] == wanted
    assert finding.code == f"X = np.delete(X, [{', '.join(w[6:-1] for w in wanted)}], axis=1)"


def noise(scale, rows=300):
    return scale * torch.randn(rows, generator=toys.seeded(9)).double()


def with_double(column):
    return torch.cat([X[:, :2].double(), column.double()[:, None], X[:, 2:].double()], 1)


NOISY = {
    "class": (with_double(2 * (Y > 0) + noise(1e-6)), (Y > 0).long()),
    "three classes": (with_double(CLASSES + noise(1e-6)), CLASSES),
    "classes in another order": (with_double(torch.tensor([7.0, -1.0, 2.5])[CLASSES] + noise(1e-6)), CLASSES),
    "number": (with_double(3 * Y + 1 + noise(1e-6)), Y),
}


@pytest.mark.parametrize("name", NOISY)
def test_noise_of_a_millionth_does_not_hide_a_copy(name):
    finding = found(given(*NOISY[name]))
    assert finding.verdict is Verdict.BAD, finding.message
    assert finding.seen["exact"] == ["input[2]"]
    how = "a straight line, to the last digit" if name == "number" else "one value for each class, and noise"
    assert f"({how})" in finding.message


VAGUE = {
    "class with noise of a hundredth": (with_double(2 * (Y > 0) + noise(0.01)), (Y > 0).long()),
    "class with noise of a tenth": (with_double(CLASSES + noise(0.1)), CLASSES),
    "volts of a switch": (with_double(5 * (Y > 0) + noise(0.001)), (Y > 0).long()),
    "number with noise of a thousandth": (with_double(Y + noise(0.001)), Y),
    "cube": (with_double(Y.double() ** 3), Y),
    "squashed, with noise": (with_double(torch.tanh(Y.double() / 2) + noise(1e-6)), Y),
    "ranks": (with_double(Y.argsort().argsort()), Y),
    "bent, with noise": (with_double(torch.sinh(Y.double()) + noise(1e-6)), Y),
}


@pytest.mark.parametrize("name", VAGUE)
def test_what_may_be_a_measurement_or_a_rule_is_worth_a_look(name):
    finding = found(given(*VAGUE[name]))
    assert finding.verdict is Verdict.HINT, finding.message
    assert finding.seen["best"] == "input[2]"


def test_what_is_left_of_ranks_is_called_so():
    assert found(given(*VAGUE["cube"])).message.startswith(
        "`input[2]` alone leaves **0** of the variance of the target's ranks, the other 6 columns together 0."
    )


def rules(seed):
    """Targets that were made from columns that know of each other, several readings of one quantity, a switch."""
    random = np.random.default_rng(seed)
    rows = int(random.integers(60, 900))
    own = random.normal(size=(rows, 6))
    mixed = own @ random.normal(size=(6, 6))
    quantity, on = random.normal(size=rows), random.integers(0, 2, rows)
    readings = quantity[:, None] + random.normal(size=(rows, 5)) * 10.0 ** random.uniform(-5, 0, 5)
    yield own, (own[:, 0] > 0.2).astype(int)
    yield mixed, (mixed[:, 0] > 0).astype(int)
    yield mixed, mixed[:, 0] ** 3
    yield readings, quantity + random.normal(size=rows) * 0.01
    yield readings, (quantity > 0).astype(int)
    yield np.c_[own + 0.7 * on[:, None], np.where(on, 5, 0) + random.normal(size=rows) * 0.01], on
    yield known.make_blobs(rows, 6, centers=3, cluster_std=random.uniform(0.01, 4), random_state=seed)
    yield known.make_regression(rows, 10, n_informative=4, noise=random.uniform(0, 20), random_state=seed)


@pytest.mark.parametrize("seed", range(4))
def test_rules_readings_and_switches_are_no_fault(seed):
    for x, y in rules(seed):
        finding = found(given(x, y))
        assert finding.verdict is not Verdict.BAD, finding.message


def test_the_message_says_what_was_seen_and_what_the_others_leave():
    message = found(given(*LEAKS["equal"])).message
    assert message.startswith(
        "in all **300** rows the target follows from `input[2]` (it is the target), while the best"
    )


@pytest.mark.parametrize("load", ["load_iris", "load_wine", "load_breast_cancer", "load_digits", "load_diabetes"])
def test_well_known_data_are_right(load):
    bunch = getattr(known, load)()
    finding = found(given(np.float32(bunch.data), bunch.target))
    assert finding.verdict is Verdict.OK, finding.message


def window(kind, rows=400, length=8):
    random = np.random.default_rng(0)
    steps = random.normal(size=rows + length + 1)
    series = {"walk": steps.cumsum(), "noise": steps, "wave": np.sin(np.arange(len(steps)) / 7)}[kind]
    x = np.stack([series[i : i + length] for i in range(rows)])
    return x, series[length : length + rows]


def one_hot(rows=300, classes=5):
    y = torch.arange(rows) % classes
    return torch.eye(classes)[y], y


RIGHT = {
    "one column without noise": (X[:, :1], X[:, 0] * 3 + 1),
    "one-hot inputs": one_hot(),
    "one-hot of two": one_hot(classes=2),
    "autoencoder": (X, X),
    "autoencoder of images": (X.reshape(-1, 1, 2, 3), X.reshape(-1, 1, 2, 3)),
    "next value of a walk": window("walk"),
    "next value of noise": window("noise"),
    "next value of a wave": window("wave"),
    "noise": (X, torch.randn(300, generator=toys.seeded(5))),
    "classes by chance": (X, torch.randint(3, (300,), generator=toys.seeded(5))),
    "colour tells the class": (CLASSES[:, None, None, None].float().expand(-1, 3, 8, 8) + 0.0, CLASSES),
    "masks": (X.reshape(-1, 1, 2, 3), (X > 0).reshape(-1, 2, 3)),
    "a sum of all": (X, X.sum(1)),
    "exclusive or": ((X[:, :4] > 0).float(), ((X[:, 0] > 0) ^ (X[:, 1] > 0)).long()),
    "largest of all": (X, X.argmax(1)),
    "a label counts": ((X > 0).float(), (X > 0).sum(1)),
    "flags": (X, (X > 0).float()),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_meant_is_no_leak(name):
    finding = found(given(*RIGHT[name]))
    assert finding.verdict in (Verdict.OK, Verdict.SKIPPED), finding.message


HINTS = {
    "powers of one column": (torch.cat([X[:, :1].abs() ** p for p in (1, 2, 3)], 1), X[:, 0].abs() * 2),
    "made from one column": (X, X[:, 0] * 3 + 1),
    "a threshold of one column": (X.repeat(4, 1), (X[:, 0] > 0).long().repeat(4)),
    "remember the first symbol": ((torch.randint(4, (300, 6), generator=toys.seeded(3))), None),
}


@pytest.mark.parametrize("name", HINTS)
def test_data_made_up_from_one_column_are_no_fault(name):
    x, y = HINTS[name]
    finding = found(given(x, x[:, 0].clone() if y is None else y))
    assert finding.verdict in (Verdict.HINT, Verdict.OK), finding.message


def test_another_name_of_the_label_beside_it_is_worth_a_look():
    rows = [
        {"a": float(v[0]), "b": float(v[1]), "label_code": int(c) + 3, "label": int(c)}
        for v, c in zip(X, CLASSES, strict=True)
    ]
    finding = found(Bench(train_data=rows))
    assert finding.verdict is Verdict.HINT
    assert "`label_code`" in finding.message


def test_rows_of_many_lengths_have_no_columns():
    rows = [(torch.arange(3 + i % 5), i % 5) for i in range(200)]
    assert found(Bench(train_data=rows)).message.startswith("the inputs have no columns of their own")


def test_few_rows_prove_nothing():
    assert found(given(X[:20], X[:20, 0])).message == "needs 50 rows with a label, not 20"


def test_language_models_and_streams_without_labels_are_skipped():
    assert found(toys.next_token()).verdict is Verdict.SKIPPED
    assert found(Bench(train_data=[torch.randn(4) for _ in range(60)])).verdict is Verdict.SKIPPED


@pytest.mark.parametrize("seed", range(5))
def test_toys_are_quiet_whatever_the_seed(seed):
    for bench in (toys.classify(seed=seed), toys.regress(seed=seed), toys.binary(seed=seed), toys.images(seed=seed)):
        assert found(bench).verdict is Verdict.OK
