"""How small images may become, and whether position matters, on images made so that the answer is known."""

import numpy as np
import pytest

from nbrecipe.batches import BadInput
from nbrecipe.experiments.simple.resolution import resolution
from nbrecipe.scan.reading import scan
from nbrecipe.scan.sources.opening import open_source


def of(images, labels):
    return resolution(scan(open_source((images.astype(np.float32), labels), "x")))


def noise(rows, side, seed=0):
    return np.random.default_rng(seed).standard_normal((rows, side, side))


def test_a_blot_in_one_of_four_quarters_needs_two_pixels_and_its_place():
    labels = np.arange(600) % 4
    images = noise(600, 24) * 0.3
    for quarter in range(4):
        y, x = (9 * part + 5 for part in divmod(quarter, 2))
        images[labels == quarter, y : y + 4, x : x + 4] += 3
    seen = of(images, labels)
    assert seen.enough == 2
    first, second = seen.told()
    assert first.startswith(
        "2 × 2 pixels are enough: a linear model is right in 100.0 % of 600 rows then, in 100.0 % at 16 × 16"
    )
    assert second.startswith("position matters")


def test_a_texture_is_told_wherever_it_stands():
    generator = np.random.default_rng(0)
    labels, phase, place = generator.integers(0, 2, 800), generator.uniform(0, 6, (800, 1, 1)), np.arange(24)
    down, across = np.sin(place[None, :, None] + phase), np.sin(place[None, None] + phase)
    seen = of(np.where(labels[:, None, None] == 0, down, across) + 0.3 * noise(800, 24), labels)
    assert seen.told()[1].startswith("position may be averaged out")


def test_fine_detail_is_lost_with_the_pixels():
    labels = np.arange(600) % 2
    board = np.indices((16, 16)).sum(0) % 2 * 2.0 - 1
    seen = of(0.5 * noise(600, 16) + board * (labels[:, None, None] * 2 - 1), labels)
    assert seen.enough == 16
    assert dict(seen.sides)[8] < 0.6


def test_labels_that_no_image_tells_are_told_so():
    first, second = of(
        noise(600, 16) + np.indices((16, 16)).sum(0) / 4, np.random.default_rng(1).integers(0, 2, 600)
    ).told()
    assert first.startswith("a linear model on pixels does no better than the most frequent class")
    assert second == ""


def test_what_is_no_image_with_a_class_is_refused():
    with pytest.raises(BadInput, match="one image and one class for each row"):
        of(noise(300, 16)[:, 0], np.arange(300) % 2)
    with pytest.raises(BadInput, match="100 rows are too few"):
        of(noise(100, 16) + np.indices((16, 16)).sum(0), np.arange(100) % 2)
