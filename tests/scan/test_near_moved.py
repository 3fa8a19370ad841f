"""Images that were moved by a pixel: they are found, whatever their sizes, and what merely repeats is not."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw
from sklearn.datasets import load_sample_images
from test_near import digits, photographs
from test_near_ragged import cut, table

from nbrecipe.scan.doubles.tables import table_of
from nbrecipe.scan.near.copies import near_across, near_within
from nbrecipe.scan.near.moved import MOVED
from nbrecipe.scan.reading import scan
from nbrecipe.scan.sources.opening import open_source

EVERY, COUNT = 4, 300
DOWN, ACROSS = np.mgrid[:32, :32]


def one_size(images):
    return table_of(scan(open_source(np.stack(images), "data")))


def grey(images):
    return [image.mean(-1).astype("u1") for image in images]


def of_floats(images):
    """Channels first."""
    return [np.ascontiguousarray(np.moveaxis(image / np.float32(255), 2, 0)) for image in images]


#: images, how they are read, and the share of the copies that is found at least
PLANTED = {
    "colour": (lambda: list(photographs()), one_size, 0.65),
    "grey": (lambda: grey(photographs()), one_size, 0.65),
    "floats": (lambda: of_floats(photographs()), one_size, 0.65),
    "colour, many sizes": (lambda: cut(photographs()), table, 0.7),
    "grey, many sizes": (lambda: cut(grey(photographs())), table, 0.7),
    "floats, many sizes": (lambda: of_floats(cut(photographs())), table, 0.65),
}


@pytest.mark.parametrize(("axis", "by"), [(0, 1), (0, -1), (1, 1), (1, -1)])
@pytest.mark.parametrize("kind", PLANTED)
def test_images_rolled_by_a_pixel_are_found_and_no_others(kind, axis, by):
    make, read, least = PLANTED[kind]
    images = make()
    channels = int(images[0].ndim == 3 and images[0].shape[0] == 3)
    copies = [np.ascontiguousarray(np.roll(image, by, axis + channels)) for image in images[::EVERY]]
    planted = {(EVERY * k, len(images) + k) for k in range(len(copies))}
    pairs = {(pair.first, pair.second) for pair in near_within(read([*images, *copies])).pairs}
    print(f"{kind}, axis {axis} by {by:+d}: recall {len(pairs & planted) / len(planted):.2f}, "
          f"{len(pairs - planted)} others")  # fmt: skip
    assert pairs <= planted
    assert len(pairs) >= least * len(planted)


def test_it_is_told_across_splits():
    images = cut(photographs())
    val = [np.roll(image, 1, 1) for image in images[:20]]
    pairs = near_across(table(images), table(val)).pairs
    assert len(pairs) >= 12
    assert all(pair.first == pair.second and pair.sole for pair in pairs)
    assert sum(pair.told == MOVED for pair in pairs) >= 10


def texts(g, low, high):
    known = ["".join(g.choice(list("abcdefghijklmnopqrstuvwxyz"), g.integers(3, 6))) for _ in range(150)]
    made = []
    for _ in range(COUNT):
        image = Image.new("L", (32, 16), 255)
        place = int(g.integers(low, high)), int(g.integers(low, high))
        ImageDraw.Draw(image).text(place, str(g.choice(known)), fill=0)
        made.append(np.asarray(image))
    return made


def tiled(g, kinds, period):
    """Grounds of tiles that begin anywhere, and a thing in front."""
    tiles, made = g.integers(0, 256, (kinds, period, period)), []
    for _ in range(COUNT):
        down, across = g.integers(0, period, 2)
        image = np.tile(tiles[g.integers(kinds)], (40 // period + 2,) * 2)[down:, across:][:36, :36].copy()
        top, left = g.integers(4, 24, 2)
        image[top : top + 7, left : left + 7] = g.integers(0, 256)
        made.append(image.astype("u1"))
    return made


def things(g, ground):
    """One of a few things in front of a ground that stays."""
    kinds, made = g.integers(0, 256, (40, 8, 8)), []
    for _ in range(COUNT):
        image, (down, across) = ground.copy(), g.integers(0, len(ground) - 8, 2)
        image[down : down + 8, across : across + 8] = kinds[g.integers(40)]
        made.append(image.astype("u1"))
    return made


def waves(g, *, one):
    made = []
    for _ in range(COUNT):
        fast, slow = (0.6, 0.3) if one else g.uniform(0.1, 0.8, 2)
        made.append((127 + 100 * np.sin(fast * ACROSS + slow * DOWN + g.uniform(0, 6.3))).astype("u1"))
    return made


def away(g):
    return np.hypot(DOWN - g.integers(0, 32), ACROSS - g.integers(0, 32))


def crops(g, size, places):
    picture = load_sample_images().images[1]
    return [picture[2 * y : 2 * y + size, 2 * x : 2 * x + size] for y, x in g.integers(0, places, (COUNT, 2))]


def shaken(g):
    """A few places of one picture, with a thing of its own in front of each."""
    picture, made = photographs(140)[20], []
    for down, across in g.integers(0, 10, (COUNT, 2)):
        image = picture[down : down + 36, across : across + 36].copy()
        image[10:18, 10:18] = g.integers(256)
        made.append(image)
    return made


QUIET = {
    "words": lambda g: texts(g, -1, 2),
    "words that are cut off": lambda g: texts(g, -4, 5),
    "one tile": lambda g: tiled(g, 1, 4),
    "tiles": lambda g: tiled(g, 20, 8),
    "as many tiles as pairs": lambda g: tiled(g, 150, 4),
    "large tiles": lambda g: tiled(g, 150, 16),
    "things on white": lambda g: things(g, np.full((28, 28), 255)),
    "things on a photograph": lambda g: things(g, photographs(140)[17][:32, :32, 1]),
    "things on a gradient": lambda g: things(g, 3 * ACROSS + 2 * DOWN),
    "things on stripes": lambda g: things(g, np.tile(g.integers(0, 256, (32, 1)), (1, 32))),
    "gradients": lambda g: [
        np.clip(g.uniform(-4, 4) * DOWN + g.uniform(-4, 4) * ACROSS + g.integers(256), 0, 255).astype("u1")
        for _ in range(COUNT)
    ],
    "ramps": lambda g: [(3 * ACROSS + c).astype("u1") for c in range(100)],
    "float ramps": lambda g: [(ACROSS + c).astype("f4") for c in range(100)],
    "waves": lambda g: waves(g, one=False),
    "one wave": lambda g: waves(g, one=True),
    "circles": lambda g: [(away(g) < g.integers(3, 10)).astype("u1") * 255 for _ in range(COUNT)],
    "soft circles": lambda g: [np.clip(20 * (g.integers(5, 12) - away(g)), 0, 255).astype("u1") for _ in range(COUNT)],
    "stripes": lambda g: [np.tile(g.integers(0, 256, (32, 1)), (1, 32)).astype("u1") for _ in range(COUNT)],
    "nearly flat": lambda g: [(200 + 0.4 * g.standard_normal((30, 30))).astype("u1") for _ in range(COUNT)],
    "noise": lambda g: list(g.integers(0, 256, (COUNT, 16, 16)).astype("u1")),
    "black and white noise": lambda g: list(g.integers(0, 2, (COUNT, 12, 12)).astype("u1")),
    "crops of one picture": lambda g: crops(g, 40, 190),
    "crops of a sky": lambda g: crops(g, 30, 40),
    "a shaken camera": shaken,
    "one class": lambda g: list(digits(28)[np.argsort(np.arange(1797) % 10)[:COUNT]]),
}


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("name", QUIET)
def test_what_merely_repeats_is_not_told_for_moved(name, ragged):
    images = QUIET[name](np.random.default_rng(0))
    if ragged:
        images = [np.ascontiguousarray(image[: len(image) - row % 2]) for row, image in enumerate(images)]
    pairs = near_within((table if ragged else one_size)(images)).pairs
    assert [(pair.first, pair.second) for pair in pairs if pair.told == MOVED] == []
