"""What the ladder is given: every kind of data, rules, bad input; and what it leaves as it was."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from nbrecipe.batches import BadInput
from nbrecipe.bench import Bench
from nbrecipe.experiments.ladder import climb as climbing
from nbrecipe.experiments.ladder.between import gaps, missed
from nbrecipe.experiments.ladder.climb import climb
from nbrecipe.experiments.ladder.scored import scored


def table(count=120, seed=0):
    random = np.random.default_rng(seed)
    x = random.normal(size=(count, 4)).astype(np.float32)
    return x, (x[:, 0] + x[:, 1] > 0).astype(np.int64)


def by_id(ladder):
    return {rung.id: rung for rung in ladder.rungs}


def accuracy(rung):
    return rung.answers.right.sum() / rung.answers.entries.sum()


class Pairs(Dataset):
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return torch.tensor(self.x[i]), int(self.y[i])


def frame(x, y):
    return pd.DataFrame({**{f"c{i}": x[:, i] for i in range(4)}, "label": y})


KINDS = {
    "arrays": lambda x, y: (x, y),
    "tensors": lambda x, y: TensorDataset(torch.tensor(x), torch.tensor(y)),
    "data set": Pairs,
    "loader": lambda x, y: DataLoader(Pairs(x, y), batch_size=16),
    "frame": frame,
    "rows": lambda x, y: list(zip(x, y.tolist(), strict=True)),
    "dict": lambda x, y: {"x": x, "label": y},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_data_gives_the_same_rungs(kind):
    made = [KINDS[kind](*table(seed=seed)) for seed in (0, 1)]
    found = by_id(climb(Bench(train_data=made[0], val_data=made[1])))
    alike = by_id(climb(Bench(train_data=table(seed=0), val_data=table(seed=1))))
    assert [rung.refused for rung in found.values() if rung.refused] == []
    for name in alike:
        assert accuracy(found[name]) == pytest.approx(accuracy(alike[name])), name
    assert found["linear"].how == "LogisticRegression(C=1) on 4 standardised columns"


def test_a_path_of_a_table_and_words_beside_numbers(tmp_path):
    random = np.random.default_rng(0)
    for name in ("train", "val"):
        colour = random.choice(["red", "green", "blue"], 200)
        kind = np.where((colour == "red") ^ (random.random(200) < 0.05), "ripe", "raw")
        rows = pd.DataFrame({"weight": random.normal(size=200), "colour": colour, "label": kind})
        rows.to_csv(tmp_path / f"{name}.csv", index=False)
    found = by_id(climb(Bench(train_data=str(tmp_path / "train.csv"), val_data=str(tmp_path / "val.csv"))))
    assert found["linear"].how == "LogisticRegression(C=1) on 1 standardised column and a category of 3, one-hot"
    assert accuracy(found["linear"]) > 0.9
    assert found["majority"].how.startswith("always answers `raw`")


def test_texts_are_told_by_their_words():
    random = np.random.default_rng(0)
    good, bad = ["a fine film", "lovely and warm", "great fun"], ["a dull film", "cold and slow", "great bore"]
    rows = [(f"{random.choice(bad if i % 2 else good)} of {i} minutes", i % 2) for i in range(200)]
    found = by_id(climb(Bench(train_data=rows[:150], val_data=rows[150:])))
    assert "TF-IDF" in found["linear"].how
    assert accuracy(found["linear"]) == 1
    assert "gradient boosting" not in found


@pytest.mark.parametrize(
    ("rule", "right"),
    [
        (lambda row: int(row[0] + row[1] > 0), 1.0),
        (lambda rows: (rows[:, 0] + rows[:, 1] > 0).astype(int), 1.0),
        (lambda row: bool(row[0] + row[1] <= 0), 0.0),
        (lambda row: [0.9, 0.1] if row[0] + row[1] <= 0 else [0.2, 0.8], 1.0),
        (lambda rows: torch.softmax(torch.tensor(np.stack([-rows[:, 0], rows[:, 1]], 1)), 1), None),
    ],
)
def test_a_rule_takes_one_example_or_a_batch(rule, right):
    found = by_id(climb(Bench(train_data=table(seed=0), val_data=table(seed=1)), rule=rule))["rule"]
    assert found.refused == ""
    if right is not None:
        assert accuracy(found) == right


def fails_late(row):
    if row[2] > 2:
        raise KeyError("x")
    return 0


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (fails_late, "`fails_late` fails on row {row} of `val_data`: KeyError: 'x'"),
        (lambda row: "dog", "`rule` answers 'dog' to row 0, which is no class (0, 1)"),
        (lambda row: None, "`rule` answers None to row 0, which is no class (0, 1)"),
        (lambda row: [0.9, 0.9], "`rule` gives row 0 probabilities that do not add up to 1"),
    ],
)
def test_what_a_rule_does_wrong_is_told_with_the_row(rule, told):
    val = table(seed=1)
    row = int(np.flatnonzero(val[0][:, 2] > 2)[0])
    found = by_id(climb(Bench(train_data=table(), val_data=val), rule=rule))
    assert found["rule"].refused == told.format(row=row)
    assert found["linear"].answers is not None


def refusal(*data, **bench):
    given = dict(zip(("train_data", "val_data"), data, strict=False))
    with pytest.raises(BadInput) as caught:
        climb(Bench(**given, **bench))
    return str(caught.value)


def test_bad_input_is_told_in_one_sentence():
    x, y = table()
    assert refusal((x[:0], y[:0])) == "`train_data` is empty: it has no rows"
    assert refusal((x, y), (x[:0], y[:0])) == "`val_data` is empty: it has no rows"
    assert "`train_data` has no labels that are known as such" in refusal(x)
    assert refusal((x[:1], y[:1])) == (
        "`train_data` has one row, and there are no validation data: nothing is left to answer"
    )
    assert refusal((x, np.full(len(x), np.nan))).startswith("`train_data` has no")
    assert refusal(frame(x, y), frame(x, y).drop(columns="c2")) == (
        "`val_data` has no column `c2`, which `train_data` has"
    )


def with_model(train, val, outputs=2):
    loaders = [DataLoader(data, batch_size=16) for data in (train, val)]
    return {"model": nn.Linear(4, outputs), "loss_fn": nn.CrossEntropyLoss(), "train_loader": loaders[0],
            "val_loader": loaders[1], "names": {"model": "net", "val_loader": "val_dl"}}  # fmt: skip


def test_labels_outside_the_outputs_and_words_where_the_model_has_numbers():
    x, y = table()
    late = y.copy()
    late[70] = 7
    bench = with_model(Pairs(x, y), Pairs(x, late))
    assert refusal(**bench) == "row 70 of `val_dl` has the label 7; `net` has 2 outputs, for labels 0 to 1"


def test_one_class_is_a_rung_that_says_so():
    x, _ = table()
    found = by_id(climb(Bench(train_data=(x, np.zeros(len(x), int)), val_data=(x, np.zeros(len(x), int)))))
    assert accuracy(found["majority"]) == 1
    assert found["linear"].refused == "the training data have one class alone: nothing can be told apart"


def test_one_row_of_each_and_a_class_that_validation_alone_has():
    x, y = table()
    found = by_id(climb(Bench(train_data=(x[:1], y[:1]), val_data=(x[1:2], y[1:2]))))
    assert found["majority"].answers is not None
    late = np.where(np.arange(len(y)) < 5, 2, y)
    found = by_id(climb(Bench(train_data=(x, y), val_data=(x, late))))
    for rung in found.values():
        assert np.isfinite(rung.answers.loss).all(), rung.id


def test_words_are_classes_where_there_is_no_model_and_refused_where_there_is_one():
    x, y = table()
    words = np.array(["no", "yes"])[y]
    rows = [{"x": one, "label": word} for one, word in zip(x, words.tolist(), strict=True)]
    told = refusal(rows, **{**with_model(Pairs(x, y), Pairs(x, y)), "train_loader": None, "val_loader": None,
                            "batch": (torch.tensor(x), torch.tensor(y))})  # fmt: skip
    assert told.startswith("labels are words, such as 'no', while `net` has 2 outputs")
    found = by_id(climb(Bench(train_data={"x": x, "label": words}, val_data={"x": x, "label": words.tolist()})))
    assert found["majority"].answers.classes == ("no", "yes")


def test_rows_beyond_the_bound_are_drawn_and_said(monkeypatch):
    from nbrecipe.experiments.ladder import beginning, reading

    whole = reading.read_split
    monkeypatch.setattr(beginning, "read_split", lambda *a, **k: whole(*a, **{**k, "rows": 50}))
    ladder = climb(Bench(train_data=table(), val_data=table(seed=1)))
    assert by_id(ladder)["linear"].fitted_on == "50 of 120 rows, drawn at random with seed 0"
    assert len(ladder.train.block) == 50
    assert len(by_id(ladder)["linear"].answers) == 120


def test_an_interrupt_and_the_end_of_the_time_keep_what_is_done(monkeypatch):
    bench = Bench(train_data=table(), val_data=table(seed=1))
    ladder = climb(bench, seconds=1e-9)
    assert ladder.stopped == "after 1e-09 s"
    assert {rung.refused for rung in ladder.rungs} == {"no time left after 1e-09 s"}

    def interrupted(state, maker):
        if maker.id == "linear":
            raise KeyboardInterrupt
        return real(state, maker)

    real = climbing._tried
    monkeypatch.setattr(climbing, "_tried", interrupted)
    found = by_id(climb(bench))
    assert found["majority"].answers is not None
    assert found["linear"].refused == "interrupted"
    assert found["gradient boosting"].refused == "interrupted"


def test_everything_of_the_users_is_as_it_was():
    x, y = table()
    bench = Bench(**with_model(Pairs(x.copy(), y.copy()), Pairs(*table(seed=1))))
    before = copy.deepcopy(bench.model.state_dict())
    torch.manual_seed(3)
    np.random.seed(3)
    state, numbers = torch.get_rng_state(), np.random.get_state()[1].copy()
    climb(bench)
    assert all(torch.equal(value, before[name]) for name, value in bench.model.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
    assert (numbers == np.random.get_state()[1]).all()
    assert bench.model.training
    assert (bench.train_loader.dataset.x == x).all()
    assert (bench.train_loader.dataset.y == y).all()


def test_the_gap_between_two_rungs_is_what_the_higher_alone_gets_right():
    ladder = climb(Bench(train_data=table(seed=0), val_data=table(seed=1)))
    metric, rungs = scored(ladder, ["macro F1"])
    assert metric.name == "macro F1"
    assert [each.rung.id for each in rungs][:2] == ["uniform", "prior"]  # cannot be expected of what is drawn
    found = by_id(ladder)
    low, high = found["majority"].answers, found["linear"].answers
    (gap,) = gaps([low, high])
    wanted = (low.answer != low.target) & (high.answer == high.target)
    assert sorted(gap.rows) == np.flatnonzero(wanted).tolist()
    certain = high.probabilities.max(1)[gap.places]
    assert (np.diff(certain) <= 0).all()
    both = (low.answer != low.target) & (high.answer != high.target)
    assert sorted(missed([low, high])) == np.flatnonzero(both).tolist()


@pytest.mark.parametrize("name", ["no such metric", "roc_auc_of"])
def test_a_metric_that_is_none_is_refused(name):
    ladder = climb(Bench(train_data=table(), val_data=table(seed=1)))
    with pytest.raises(BadInput, match="is no metric here"):
        scored(ladder, [name])
