"""Classes that come by turns: what is judged by chance is judged against every class, however they alternate."""

from __future__ import annotations

import numpy as np
import pytest

from nbrecipe.scan.columns.block import Block
from nbrecipe.scan.columns.kinds import Kind
from nbrecipe.scan.counts.sample import drawn
from nbrecipe.scan.doubles.bits import bits
from nbrecipe.scan.doubles.tables import table_of
from nbrecipe.scan.near.copies import near_within
from nbrecipe.scan.plan import Plan
from nbrecipe.scan.reading import scan
from nbrecipe.scan.sources.opening import open_source


def faces(count: int, every: int, seed: int = 0, side: int = 12) -> np.ndarray:
    """Every so many-th is noise, all others one of a few shapes with a little noise of its own."""
    g = np.random.default_rng(seed)
    shapes = np.kron(g.random((every, 4, 4)), np.ones((side // 4, side // 4)))
    images = shapes[np.arange(count) % every] + 0.02 * g.standard_normal((count, side, side))
    images[::every] = g.random((len(images[::every]), side, side))
    return np.clip(images * 200 + 25, 0, 255).astype("u1")


def found(data) -> set[tuple[int, int]]:
    return {(pair.first, pair.second) for pair in near_within(table_of(scan(open_source(data, "data")))).pairs}


@pytest.mark.parametrize("every", [2, 5, 10])
def test_images_of_classes_by_turns_are_no_near_copies(every):
    images = faces(1000 * every, every)
    assert found(images) == set()
    assert found(np.concatenate([images[k::every] for k in range(every)])) == set(), "sorted by class"


@pytest.mark.parametrize("every", [2, 10])
def test_images_of_many_sizes_and_classes_by_turns_are_no_near_copies(every):
    images = [image[: 12 - i % 2] for i, image in enumerate(faces(400 * every, every))]
    assert found([(image, 0) for image in images]) == set()


@pytest.mark.parametrize("every", [2, 10, 7])
@pytest.mark.parametrize("ragged", [False, True])
def test_bits_of_numbers_are_those_among_all_classes(every, ragged):
    """Rows of one class are all alike: half of them, or nine tenths, are no surprise."""
    g = np.random.default_rng(0)
    count = 2000 * every
    rows = np.where((np.arange(count) % every == 0)[:, None], g.integers(0, 256, (count, 20)), np.arange(20) * 9)
    values = [row[: 20 - i % 2] for i, row in enumerate(rows)] if ragged else rows
    sample, few = Block(np.arange(count), {"x": values}), Block(np.arange(2), {"x": values[:2]})
    held = bits(Plan({"x": Kind.TABLE}, None, 2), sample, few)
    assert held[1] < (50 if ragged else 12), "values at places of their own are known from few kinds, others by place"
    assert held[0] > held[1] + 30


@pytest.mark.parametrize("every", [2, 10, 7])
def test_bits_of_texts_are_those_among_all_classes(every):
    g = np.random.default_rng(0)
    count = 2000 * every
    texts = [f"one and the same thing {i % every} always said" for i in range(count)]
    texts[::every] = [" ".join(map(str, row)) for row in g.integers(0, 10**6, (2000, 8))]
    sample, rows = Block(np.arange(count), {"x": texts}), Block(np.arange(2), {"x": texts[:2]})
    held = bits(Plan({"x": Kind.TEXT}, None, 2), sample, rows)
    assert held[1] < 10 < held[0]


@pytest.mark.parametrize("every", [2, 3, 10, 64])
def test_rows_are_drawn_from_every_class_alike(every):
    rows = drawn(100 * every, 2000 if every == 64 else 10 * every)
    assert (np.diff(rows) > 0).all()
    assert len(np.unique(rows % every)) == every
    np.testing.assert_array_equal(drawn(7, 9), np.arange(7))
