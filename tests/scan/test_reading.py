"""A data set read once: what is counted, that parts merge to the whole, and what ends the reading early."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset

from nbrecipe.batches import BadInput
from nbrecipe.scan import reading
from nbrecipe.scan.columns.kinds import Kind
from nbrecipe.scan.part import Part
from nbrecipe.scan.sources.opening import open_source


class Texts(Dataset):
    """Rows by number; some of them raise."""

    def __init__(self, rows=100, broken=()):
        self.rows, self.broken = rows, broken

    def __len__(self):
        return self.rows

    def __getitem__(self, row):
        if row in self.broken:
            raise OSError(f"cannot read {row}.txt")
        return {"text": f"row {row % 7}", "label": row % 3}


class Counted(IterableDataset):
    """A stream without a length."""

    def __iter__(self):
        return iter([(torch.full((4,), float(i)), i % 2) for i in range(50)])


def table(rows=500, seed=0):
    generator = np.random.default_rng(seed)
    return generator.standard_normal((rows, 5)).astype(np.float32), generator.integers(0, 3, rows)


def test_the_numbers_of_every_axis_are_those_of_the_whole_array():
    x, y = table()
    scan = reading.scan(open_source((x, y), "pair"))
    spread = scan.part.spreads["input"]
    assert scan.whole
    assert scan.rows == 500
    assert scan.extent == "500 rows"
    np.testing.assert_allclose(spread.mean, x.mean(0, dtype=np.float64), atol=1e-7)
    np.testing.assert_allclose(spread.deviation, x.astype(np.float64).std(0), rtol=1e-6)
    np.testing.assert_array_equal(spread.low, np.sort(x, axis=0)[:8].T)
    np.testing.assert_array_equal(spread.high_rows, np.argsort(-x, axis=0, kind="stable")[:8].T)
    assert scan.part.labels.counts == {k: int((y == k).sum()) for k in range(3)}


def test_parts_merge_to_the_very_numbers_of_one_reading(monkeypatch):
    monkeypatch.setattr(reading, "PART", 64)
    x, y = table()
    x[[3, 77, 300]], x[400, 2] = x[5], np.nan
    source = open_source((x, y), "pair")
    whole = reading.scan(source).part
    merged = Part(whole.plan)
    for start, stop in reading.spans(500):
        merged.merge(reading.read_part(source, whole.plan, start, stop))
    for name in ("count", "mean", "squares", "low", "low_rows", "high", "missing"):
        left, right = getattr(whole.spreads["input"], name), getattr(merged.spreads["input"], name)
        np.testing.assert_array_equal(left, right)
    np.testing.assert_array_equal(whole.sample.block().rows, merged.sample.block().rows)
    assert [group.tolist() for group in whole.copies.groups()] == [[3, 5, 77, 300]]
    assert [group.tolist() for group in merged.copies.groups()] == [[3, 5, 77, 300]]
    assert (whole.labels.counts, whole.labels.changes) == (merged.labels.counts, merged.labels.changes)


def test_a_sample_does_not_depend_on_how_the_reading_was_shared_out(monkeypatch):
    source = open_source(np.arange(5000.0)[:, None], "x")
    plan = reading.plan_of(source)
    small = type(plan)(plan.kinds, plan.label, most=100)
    whole = reading.read_part(source, small, 0, 5000)
    halves = Part(small)
    for start, stop in ((0, 1200), (1200, 4999), (4999, 5000)):
        halves.merge(reading.read_part(source, small, start, stop))
    rows = whole.sample.block().rows
    assert len(rows) == 100
    np.testing.assert_array_equal(rows, halves.sample.block().rows)
    assert abs(rows.mean() - 2500) < 4 * 5000 / 12**0.5 / 10  # a fair sample, four standard errors


def test_rows_that_raise_are_counted_named_and_left_out():
    scan = reading.scan(open_source(Texts(broken=(3, 64)), "texts"))
    assert scan.whole
    assert scan.rows == 98
    assert scan.part.unread == 2
    assert [(u.row, u.told) for u in scan.part.named] == [
        (3, "OSError: cannot read 3.txt"),
        (64, "OSError: cannot read 64.txt"),
    ]
    with pytest.raises(
        BadInput, match=r"more than 1 examples of `texts` cannot be read; row 3: OSError: cannot read 3.txt"
    ):
        reading.scan(open_source(Texts(broken=(3, 64)), "texts"), max_errors=1)
    with pytest.raises(BadInput, match="`texts` gives no row that can be read"):
        reading.scan(open_source(Texts(broken=range(100)), "texts"))


def test_an_interrupt_keeps_what_was_read():
    def interrupted(rows):
        if rows >= 256:
            raise KeyboardInterrupt

    scan = reading.scan(open_source(Texts(rows=2000), "texts"), seen=interrupted)
    assert (scan.whole, scan.stopped, scan.rows) == (False, "interrupted", 256)
    assert scan.extent == "the first 256 of 2000 rows"
    assert scan.part.spreads["text"].count[0] == 256


def test_time_and_rows_end_the_reading_too():
    assert reading.scan(open_source(Texts(rows=2000), "texts"), seconds=0).stopped == "after 0 s"
    scan = reading.scan(open_source(Texts(rows=2000), "texts"), most=300)
    assert (scan.rows, scan.whole) == (300, False)


def test_loaders_subsets_and_streams_are_read_as_training_reads_them():
    x, y = table()
    data = TensorDataset(torch.tensor(x), torch.tensor(y))
    part = Subset(data, [7, 3, 499])
    scan = reading.scan(open_source(DataLoader(part, batch_size=2, shuffle=True), "loader"))
    np.testing.assert_array_equal(scan.part.sample.block().columns["input"], x[[7, 3, 499]])
    stream = reading.scan(open_source(Counted(), "stream"))
    assert (stream.rows, stream.whole, stream.source.length) == (50, True, None)
    assert stream.plan.kinds == {"input": Kind.TABLE, "label": Kind.CLASS}
    assert not reading.scan(open_source(Counted(), "stream"), most=20).whole


def test_a_collate_function_of_the_users_is_what_training_sees():
    def collate(rows):
        return {
            "length": torch.tensor([len(row["text"]) for row in rows]),
            "label": torch.tensor([r["label"] for r in rows]),
        }

    scan = reading.scan(open_source(DataLoader(Texts(broken=(3,)), batch_size=16, collate_fn=collate), "loader"))
    assert scan.rows == 99
    assert scan.part.named[0].row == 3
    assert scan.plan.kinds == {"length": Kind.NUMBER, "label": Kind.CLASS}


def test_what_cannot_be_read_is_refused_in_one_sentence():
    with pytest.raises(BadInput, match="`it` is an iterator"):
        open_source(iter([1, 2]), "it")
    with pytest.raises(BadInput, match="`five` is of type int; what can be read is a Dataset"):
        open_source(5, "five")


def test_reading_leaves_the_random_state_alone_where_the_data_do():
    before = torch.get_rng_state()
    reading.scan(open_source(table(), "pair"))
    assert torch.equal(before, torch.get_rng_state())
