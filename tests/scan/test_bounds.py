"""Memory stays within bounds: large rows are read few at a time, of many rows a part is kept, which tells the same."""

from __future__ import annotations

import numpy as np
import pytest
from torch.utils.data import IterableDataset

from nbrecipe.experiments.simple import features
from nbrecipe.scan import plan, reading
from nbrecipe.scan.columns import axes, block
from nbrecipe.scan.columns.kinds import Kind
from nbrecipe.scan.counts import copies, sample
from nbrecipe.scan.counts.copies import by_key
from nbrecipe.scan.doubles import across
from nbrecipe.scan.doubles.bits import _at, _new
from nbrecipe.scan.doubles.conflicts import conflicts
from nbrecipe.scan.doubles.tables import table_of
from nbrecipe.scan.doubles.within import doubles
from nbrecipe.scan.near import keys, pairs
from nbrecipe.scan.near.copies import near_across, near_within
from nbrecipe.scan.sources import source
from nbrecipe.scan.sources.opening import open_source


class Rows:
    """Images by number."""

    def __init__(self, rows=100, side=64):
        self.rows, self.side = rows, side

    def __len__(self):
        return self.rows

    def __getitem__(self, row):
        return np.full((3, self.side, self.side), row % 250, np.float32), f"name {row % 4}"


class Stream(IterableDataset):
    """The same in their order."""

    def __iter__(self):
        return (Rows()[row] for row in range(100))


@pytest.mark.parametrize("data", [Rows(), Stream()])
def test_large_examples_are_read_few_at_a_time(data, monkeypatch):
    monkeypatch.setattr(source, "BYTES", 10 * 3 * 64 * 64 * 4 + 5000)
    opened = open_source(data, "x")
    assert [len(some) for some in opened.blocks()] == [10] * 10
    assert reading.scan(opened).rows == 100


def test_a_table_of_large_cells_is_read_few_rows_at_a_time(monkeypatch):
    pandas = pytest.importorskip("pandas")
    monkeypatch.setattr(source, "BYTES", 1 << 20)
    frame = pandas.DataFrame({"x": [np.zeros(10_000) for _ in range(60)], "label": np.arange(60) % 3})
    opened = open_source(frame, "frame")
    assert max(len(some) for some in opened.blocks()) <= 13
    assert sum(len(some) for some in opened.blocks()) == 60


def test_few_large_rows_tell_the_kinds_and_all_their_labels_the_kind_of_the_label(monkeypatch):
    monkeypatch.setattr(source, "BYTES", 1 << 18)
    monkeypatch.setattr(plan, "BYTES", 1 << 18)
    made = plan.plan_of(open_source(Rows(), "x"))
    assert made.kinds == {"input": Kind.IMAGE, "label": Kind.CLASS}


def test_a_sample_of_large_rows_stays_within_its_bytes():
    assert sample.rows_of(100) == sample.ROWS
    assert sample.rows_of(1 << 20) == 128
    assert sample.rows_of(100_000) == (128 << 20) // 100_000
    assert sample.rows_of(1e12) == 1


def test_a_sample_that_was_begun_with_a_limit_merges_to_the_same():
    blocks = [block.Block(np.arange(low, low + 100), {"x": np.arange(low, low + 100)}) for low in range(0, 2000, 100)]
    plain, first, second = sample.Sample(50), sample.Sample(50), None
    for some in blocks:
        plain.add(some)
    for some in blocks[:10]:
        first.add(some)
    first.block()
    second = first.begun()
    for some in blocks[10:]:
        second.add(some)
    assert sum(map(len, second._blocks)) < 150
    first.merge(second)
    np.testing.assert_array_equal(first.block().rows, plain.block().rows)


def test_axes_and_features_of_few_images_at_a_time_are_those_of_all(monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (300, 12, 20, 3)).astype("u1")
    whole = axes.axes_of("x", Kind.IMAGE, images)[1], features._small(images)
    table = np.random.default_rng(0).standard_normal((50, 40)).astype("f4")
    standard = features.standardised(table)
    for module in (axes, features):
        monkeypatch.setattr(module, "PIECE", 5000)
    monkeypatch.setattr(features, "stretches", lambda values: block.stretches(values, 5000))
    monkeypatch.setattr(axes, "stretches", lambda values: block.stretches(values, 5000))
    np.testing.assert_array_equal(axes.axes_of("x", Kind.IMAGE, images)[1], whole[0])
    np.testing.assert_array_equal(features._small(images), whole[1])
    np.testing.assert_array_equal(features.standardised(table), standard)


def test_images_made_small_have_nearly_the_same_features():
    g = np.random.default_rng(0)
    images = [g.random((100, 140, 3)).cumsum(0).cumsum(1).astype("f4") for _ in range(40)]
    for values in (images, np.stack(images)):
        kinds = {"x": Kind.IMAGE}
        whole = features.features_of({"x": values}, kinds)
        less = features.features_of(features.without_detail({"x": values}, kinds), kinds)
        assert np.abs(whole - less).max() < 0.05 * np.abs(whole).max()
    small = g.random((5, 28, 28))
    assert features.without_detail({"x": small}, {"x": Kind.IMAGE})["x"] is small


def test_pixels_that_neighbours_tell_are_seen_at_the_places_asked_for_alone():
    images = np.random.default_rng(0).integers(0, 3, (20, 9, 7))
    wide = np.pad(images, ((0, 0), (1, 0), (1, 0)), mode="edge")
    here, left, above, aslant = wide[:, 1:, 1:], wide[:, 1:, :-1], wide[:, :-1, 1:], wide[:, :-1, :-1]
    whole = ((here != left) & (here != above) & (here != aslant)).reshape(20, -1)
    places = np.array([0, 3, 7, 8, 40, 62])
    np.testing.assert_array_equal(_new(images, places), whole[:, places])
    np.testing.assert_array_equal(_at(images, places), images.reshape(20, -1)[:, places])


def test_positions_by_key_stand_in_order_where_keys_are_equal():
    given = np.random.default_rng(0).integers(0, 50, 1000).astype(np.uint64)
    np.testing.assert_array_equal(by_key(given), np.argsort(given, kind="stable"))
    assert len(by_key(given[:0])) == 0


def test_pairs_found_by_parts_are_those_found_at_once(monkeypatch):
    g = np.random.default_rng(0)
    first, second = (g.integers(0, 400, 3000).astype(np.uint64) for _ in range(2))
    outline = g.integers(0, 1 << 20, 3000).astype(np.uint64)
    exact = np.arange(3000).astype(np.uint64)
    whole = pairs.candidates((first, second, outline), exact)
    monkeypatch.setattr(pairs, "PART", 100)
    np.testing.assert_array_equal(pairs.candidates((first, second, outline), exact), whole)


def many(rows=20_000, doubled=2000, seed=0):
    """Rows of which some stand twice, a quarter of those with another label."""
    g = np.random.default_rng(seed)
    x, y = g.standard_normal((rows, 8)), g.integers(0, 5, rows)
    again = np.where(np.arange(doubled) % 4 == 0, (y[:doubled] + 1) % 5, y[:doubled])
    return np.concatenate([x, x[:doubled]]), np.concatenate([y, again])


def test_a_part_of_many_rows_tells_their_shares(monkeypatch):
    whole = table_of(reading.scan(open_source(many(), "x")))
    exact = doubles(whole), conflicts(whole)
    monkeypatch.setattr(copies.Copies, "most", 6000)
    monkeypatch.setattr(copies.Copies.__init__, "__defaults__", (6000, *copies.Copies.__init__.__defaults__[1:]))
    done = reading.scan(open_source(many(), "x"))
    part = table_of(done)
    assert 2500 < len(part) <= 6000
    assert part.extent == f"{len(part)} of 22000 rows"
    seen = doubles(part), conflicts(part)
    assert abs(seen[0].share - exact[0].share) < 4 * (exact[0].share / len(part)) ** 0.5
    assert abs(seen[1].inputs / seen[1].several - 0.25) < 4 * (0.19 / seen[1].several) ** 0.5
    assert abs(done.part.copies.repeated - 2000) < 500


def test_two_splits_together_keep_no_more_than_one(monkeypatch):
    x, y = many(6000, 0)
    train = table_of(reading.scan(open_source((x, y), "train")))
    val = table_of(reading.scan(open_source((x[:3000], y[:3000]), "val")))
    assert across.shared(train, val).met == 3000
    monkeypatch.setattr(across, "MOST", 4000)
    seen = across.shared(train, val)
    assert len(seen.train) + len(seen.val) <= 4000
    assert seen.met == len(seen.val)  # every copy of what is kept is kept too
    assert len(seen.val) > 500


def test_near_copies_are_looked_for_among_as_many_rows_as_fit(monkeypatch):
    g = np.random.default_rng(0)
    x = g.standard_normal((4000, 20))
    again = x[:1000].copy()
    again[:, 3] += 1
    both = np.concatenate([x, again])
    whole = near_within(table_of(reading.scan(open_source(both, "x"))))
    assert (len(whole.pairs), whole.partly) == (1000, False)
    train, val = (table_of(reading.scan(open_source(rows, "x"))) for rows in (x, again[::-1]))
    assert len(near_across(train, val).pairs) == 1000
    monkeypatch.setattr("nbrecipe.scan.near.copies.KEPT", 3000)
    some = near_across(train, val)
    assert 100 < len(some.pairs) < 450  # a quarter, as each row of a pair is kept by a half
    assert some.count.startswith("at least ")
    monkeypatch.setattr(keys.Near.__init__, "__defaults__", (3000, *keys.Near.__init__.__defaults__[1:]))
    fewer = near_within(table_of(reading.scan(open_source(both, "x"))))
    assert fewer.partly
    assert {(pair.first, pair.second) for pair in fewer.pairs} <= {(i, 4000 + i) for i in range(1000)}
