"""Copies inside a split and across splits, and equal inputs with other labels: what repeats by right, and what not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset

from nbrecipe.bench import Bench
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run
from nbrecipe.scan import held
from nbrecipe.scan.doubles.chance import RARE, across_as_split, as_draws
from tests.checks import copied

IDS = ("duplicate-examples", "train-val-overlap", "conflicting-labels")


def found(check_id: str, bench: Bench):
    return run(all_checks()[check_id], bench).finding


@pytest.mark.parametrize("program", copied.RIGHT, ids=lambda program: program.__name__)
def test_data_that_repeat_by_right_raise_no_alarm(program):
    bench = program()
    wrong = {name: found(name, bench) for name in IDS}
    assert {name: f.message for name, f in wrong.items() if f.verdict in (Verdict.BAD, Verdict.CRASHED)} == {}


@pytest.mark.parametrize("program", copied.LEAKS, ids=lambda program: program.__name__)
def test_rows_on_both_sides_of_a_split_are_found(program):
    finding = found("train-val-overlap", program())
    assert finding.verdict is Verdict.BAD, finding.message
    assert finding.seen["known"] > 0.3 * finding.seen["rows"]


@pytest.mark.parametrize("program", copied.NEARLY, ids=lambda program: program.__name__)
def test_rows_that_came_to_validation_changed_a_little_are_found(program):
    finding = found("train-val-overlap", program())
    assert finding.verdict is Verdict.BAD, finding.message
    assert finding.seen["near copies"] > 0.9 * finding.seen["rows"]
    assert all(ours == theirs for ours, theirs in finding.seen["near pairs"])


@pytest.mark.parametrize("seed", range(3))
def test_one_row_in_six_that_stands_twice_is_no_short_list(seed):
    """Rows of many bits that stand twice and never three times were copied: a list gives some of them three times."""
    random = np.random.default_rng(seed)
    x = random.integers(0, 17, (1800, 64)).astype(np.float32)
    rows = random.permutation(np.r_[np.arange(1800), random.choice(1800, 300, replace=False)])
    y = np.arange(1800) % 10
    train, val = rows[:1600], rows[1600:]
    bench = copied.bench(copied.tensors(x[train], y[train]), copied.tensors(x[val], y[val]))
    finding = found("train-val-overlap", bench)
    assert finding.verdict is Verdict.BAD, finding.message


def test_a_few_near_copies_are_a_hint():
    x, y = copied.numbers(1000)
    bench = copied.bench(copied.tensors(np.concatenate([x, x[:3] * (1 + 1e-6)]), np.r_[y, y[:3]]))
    finding = found("duplicate-examples", bench)
    assert finding.verdict is Verdict.HINT
    assert finding.message.startswith(
        "**3** of 1003 rows of `train_loader` are nearly an earlier one: row 1000 and row 0"
    )


def test_the_pairs_that_are_named_are_equal():
    bench = copied.digits_doubled()
    x, z = bench.train_loader.dataset.tensors[0], bench.val_loader.dataset.tensors[0]
    for ours, theirs in found("train-val-overlap", bench).seen["pairs"]:
        assert torch.equal(x[ours], z[theirs])
    for later, earlier in found("duplicate-examples", bench).seen["pairs"]:
        assert torch.equal(x[later], x[earlier])


PASTED = [copied.digits_doubled, copied.texts_doubled, copied.fields_doubled, copied.pairs_doubled]


@pytest.mark.parametrize("program", [*PASTED, copied.validation_left_in_train], ids=lambda program: program.__name__)
def test_the_lines_to_paste_take_the_copies_out(program):
    bench = program()
    room = {"train_loader": bench.train_loader, "val_loader": bench.val_loader}
    for check_id in ("duplicate-examples", "train-val-overlap"):
        exec(found(check_id, bench).code, room)
    train, val = room.get("train_set", bench.train_loader.dataset), room["val_set"]
    assert found("duplicate-examples", copied.bench(train)).verdict is Verdict.OK
    assert not len(val) or found("train-val-overlap", copied.bench(train, val)).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("program", "why"),
    [
        (copied.validation_left_in_train, "validation is row 850 to row 999 of train"),
        (copied.half_of_validation_left_in_train, "were not taken out of train"),
        (copied.digits_doubled, "doubled before the split"),
        (copied.oversampled_before_the_split, "class 1 was repeated before the split"),
    ],
)
def test_the_cause_is_named_where_the_rows_show_it(program, why):
    assert why in found("train-val-overlap", program()).why


def test_a_class_that_is_repeated_inside_train_is_named():
    finding = found("duplicate-examples", copied.rare_class_drawn_again_inside_train())
    assert finding.verdict is Verdict.HINT
    assert "only class 3 is repeated" in finding.why


def test_rows_that_only_a_sampler_draws_are_the_ones_compared():
    finding = found("train-val-overlap", copied.one_data_set_two_samplers())
    assert finding.message == "none of **100 rows** of `val_loader` stands in `train_loader`"


def test_what_was_not_read_is_said(monkeypatch):
    monkeypatch.setattr(held, "ROWS", 600)
    x, y = copied.numbers(500)
    finding = found("duplicate-examples", copied.bench(copied.tensors(np.concatenate([x, x]), np.r_[y, y])))
    assert finding.message.startswith("**100** of the first 600 of 1000 rows of `train_loader` (**16.7 %**)")


@pytest.mark.parametrize("rows", [6000, 30_000], ids=["within the sample", "beyond the sample"])
@pytest.mark.parametrize("kind", ["text", "table", "example"])
def test_many_rows_are_judged_as_few_are(kind, rows):
    g = np.random.default_rng(0)
    x, y = copied.numbers(rows)
    if kind == "text":
        words = np.array([f"word{i}" for i in range(2000)])
        x = [" ".join(row) for row in words[g.integers(0, 2000, (rows, 12))]]
    again = [*range(rows), *range(rows // 4)]
    if kind == "table":
        bench = copied.bench(copied.tensors(x[again], y[again]))
    else:
        bench = copied.bench(copied.Listed([(x[i], int(y[i])) for i in again]))
    finding = found("duplicate-examples", bench)
    assert finding.verdict is Verdict.BAD, finding.message
    assert finding.seen["copies"] == rows // 4
    assert finding.why == f"row i + {rows} equals row i: part of the rows was appended once more"


class Broken(Dataset):
    """Rows of which some raise."""

    def __init__(self, x):
        self.x = x

    def __len__(self):
        return len(self.x)

    def __getitem__(self, row):
        if row % 50 == 7:
            raise OSError("cannot read it")
        return self.x[row], row % 4


def test_rows_that_raise_shift_no_row_number():
    x = torch.as_tensor(copied.numbers(400)[0])
    finding = found("duplicate-examples", copied.bench(Broken(torch.cat([x, x[:150]]))))
    assert finding.seen["pairs"]
    for later, earlier in finding.seen["pairs"]:
        assert later == earlier + 400


@pytest.mark.parametrize("share", [0.02, 0.3, 1.0])
def test_labels_of_copies_at_random_are_told_from_labels_of_judges(share):
    g = np.random.default_rng(0)
    x, y = copied.numbers(1000)
    again = np.where(g.random(400) < share, g.integers(0, 5, 400), y[:400])
    bench = copied.bench(copied.tensors(np.concatenate([x, x[:400]]), np.concatenate([y, again])))
    finding = found("conflicting-labels", bench)
    assert finding.verdict is (Verdict.BAD if share == 1 else Verdict.HINT), finding.message
    assert finding.seen["agreement"] == pytest.approx(1 - share, abs=0.12)


def test_independent_draws_of_anything_are_not_taken_for_copies():
    g = np.random.default_rng(0)
    low = 1.0
    for _ in range(300):
        values, rows = int(10 ** g.uniform(0.5, 4)), int(10 ** g.uniform(1.5, 4))
        odds = g.dirichlet(np.full(values, 10 ** g.uniform(-2, 1)))
        drawn = g.multinomial(rows, odds)
        low = min(low, as_draws(drawn[drawn > 0]))
    assert low > 1e-3


@pytest.mark.parametrize("once", [0, 300, 1000])
def test_copies_are_not_taken_for_draws(once):
    assert as_draws(np.r_[np.ones(once, int), np.full(400, 2)]) < RARE
    assert as_draws(np.r_[np.ones(once, int), np.full(60, 10)]) < RARE


def test_pairs_that_a_random_split_deals_out_are_no_surprise():
    g = np.random.default_rng(0)
    low = 1.0
    for _ in range(300):
        side = g.permutation(1000) < 800
        low = min(low, across_as_split(100, int((side[:100] != side[100:200]).sum()), 800, 200))
    assert low > 1e-3
    assert across_as_split(100, 100, 800, 200) < RARE
