"""Near copies among images of many sizes: changed pixels, compression, a row cut off, another size; no others."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from test_near import brighter, jpeg, one_pixel, photographs

from nbrecipe.scan.doubles.tables import table_of
from nbrecipe.scan.near.copies import near_across, near_within
from nbrecipe.scan.reading import scan
from nbrecipe.scan.sources.opening import open_source

EVERY = 8


def cut(images, seed=0):
    """Each cut to a size of its own."""
    g = np.random.default_rng(seed)
    return [np.ascontiguousarray(image[: g.integers(36, 49), : g.integers(36, 49)]) for image in images]


def a_row_less(image, g):
    return np.ascontiguousarray(image[1:])


def smaller(image, g):
    return np.asarray(Image.fromarray(image).resize((image.shape[1] * 3 // 4, image.shape[0] * 3 // 4)))


def table(images):
    return table_of(scan(open_source([(image, 0) for image in images], "data")))


#: share of the planted copies that is found at least
CHANGES = {one_pixel: 1.0, jpeg: 0.7, brighter: 0.7, a_row_less: 0.7, smaller: 0.7}


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("change", CHANGES)
def test_copies_are_found_and_nothing_else(change, grey):
    images = cut([image.mean(-1).astype("u1") if grey else image for image in photographs(140)])
    g, sources = np.random.default_rng(1), range(0, len(images), EVERY)
    copies = [change(images[i], g) for i in sources]
    planted = {(i, len(images) + k) for k, i in enumerate(sources)}
    found = {(pair.first, pair.second) for pair in near_within(table([*images, *copies])).pairs}
    assert found <= planted
    assert len(found) >= CHANGES[change] * len(planted)
    across = {(pair.first, pair.second) for pair in near_across(table(images), table(copies)).pairs}
    assert across <= {(i, k) for k, i in enumerate(sources)}
    assert len(across) >= CHANGES[change] * len(planted)


def test_in_what_they_differ_is_told():
    images = cut(photographs(60))
    changed = [one_pixel(images[0], np.random.default_rng(0)), a_row_less(images[8], None)]
    first, second = near_within(table([*images, *changed])).pairs
    assert first.told == f"3 of {images[0].size} values"
    tall, wide = images[8].shape[:2]
    assert second.told == f"size, {tall} × {wide} and {tall - 1} × {wide}"


def others():
    g = np.random.default_rng(0)
    digits = (load_digits().images * 15).astype("u1")[:400]

    def sized(low, high):
        return tuple(int(side) for side in g.integers(low, high, 2))

    def circle():
        height, width = sized(24, 40)
        down, across = np.mgrid[:height, :width]
        away = (down - height * g.random()) ** 2 + (across - width * g.random()) ** 2
        return (away < g.integers(3, 10) ** 2).astype("u1") * 255

    return {
        "digits": [np.asarray(Image.fromarray(digit).resize(sized(16, 40))) for digit in digits],
        "noise": [g.integers(0, 255, sized(16, 30), dtype="u1") for _ in range(300)],
        "one colour each": [np.full(sized(16, 30), g.integers(0, 255), "u1") for _ in range(300)],
        "circles": [circle() for _ in range(300)],
        "photographs": [np.asarray(Image.fromarray(p).resize(sized(30, 60))) for p in photographs(130)],
        "gradients": [
            np.linspace(0, 255, high * wide).reshape(high, wide).astype("u1")
            for high, wide in g.integers(16, 40, (200, 2))
        ],
        "a few pixels": [g.integers(0, 255, sized(3, 7), dtype="u1") for _ in range(300)],
    }


@pytest.mark.parametrize("name", others())
def test_images_that_are_merely_alike_are_none(name):
    assert near_within(table(others()[name])).pairs == ()
