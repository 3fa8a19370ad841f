"""Filters and activations as text, HTML, bytes and still pictures: small, escaped, and true to the numbers."""

import json
import zlib

import numpy as np
import pytest

from nbrecipe.pictures.activations import Activations
from nbrecipe.pictures.activations import Layer as Outputs
from nbrecipe.pictures.filters import Filters, Layer, Scores
from nbrecipe.render.nets import activations, filters
from nbrecipe.render.pieces import tiles
from nbrecipe.report import Report

LIMIT = 300_000


def weights(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("f4")


def layer(count=12, channels=3, height=7, width=7, *, before=False, scored=True, path="0"):
    now = weights(count, channels, height, width)
    score = Scores(np.linspace(0, 1, count), np.linspace(0, 1, count), np.arange(count) < 4, -0.02)
    return Layer(
        path, "image" if height > 1 else "curve", f"{count} filters", now, np.sqrt((now**2).sum((1, 2, 3))),
        np.arange(count)[::-1], weights(count, channels, height, width, seed=1) if before else None,
        score if scored else None, total=count,
    )  # fmt: skip


def table(count=40):
    return Layer(
        "words", "map", f"{count} rows of 8", weights(count, 2), np.ones(count), np.arange(count), total=count,
        shares=(0.5, 0.2), names=tuple(f"<b>{i}$" for i in range(count)), seen=np.arange(count) % 3,
    )  # fmt: skip


KINDS = {
    "colours": layer,
    "grey": lambda: layer(channels=1),
    "many channels": lambda: layer(channels=40),
    "before": lambda: layer(before=True),
    "curves": lambda: layer(channels=2, height=1, width=25),
    "bars": lambda: layer(channels=1, height=1, width=20, scored=False),
    "one": lambda: layer(count=1, channels=1, height=2, width=2),
    "large": lambda: layer(count=256, channels=3, height=32, width=32, before=True),
    "thousands of weights": lambda: layer(count=20, channels=3, height=224, width=224),
    "many channels of one": lambda: layer(count=256, channels=512, height=1, width=9),
    "map": table,
    "zeros": lambda: Layer("0", "image", "z", np.zeros((4, 1, 5, 5), "f4"), np.zeros(4), np.arange(4), total=4),
}


def opened(packed):
    head, _, data = zlib.decompress(packed).partition(b"\n")
    return json.loads(head), np.frombuffer(data, "u1")


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_drawn_in_less_than_the_limit(name):
    shown = Filters("net", (KINDS[name](),), "start")
    drawn = filters.png(shown)
    page = filters.html_of(Report("Filters of `net`"), shown, drawn)
    assert drawn.startswith(b"\x89PNG")
    assert len(page) < LIMIT
    assert "<b>0" not in page
    assert filters.text_of(Report("Filters of `net`"), shown).count("\n") < 8
    head, data = opened(filters.sheet_of(shown))
    assert head["layers"][0]["count"] >= 1
    assert len(data) > 0


def test_three_layers_stay_below_the_limit_together():
    shown = Filters("net", tuple(KINDS["large"]() for _ in range(5)), "start")
    assert len(filters.html_of(Report("F"), shown, filters.png(shown))) < LIMIT


def test_bytes_are_the_weights_on_one_scale_around_grey():
    one = layer(channels=3)
    head, data = opened(filters.sheet_of(Filters("net", (one,))))
    told = head["layers"][0]
    seen = data[: 12 * 147].reshape(12, 7, 7, 3)
    back = (seen.astype("f4") - 128) / 127 * one.scale
    assert np.abs(np.moveaxis(back, -1, 1) - one.weights).max() <= one.scale / 127
    assert told["tile"] == [7, 7, 3]
    assert (told["structured"].count(True), told["rows"][0]) == (4, 11)
    assert tiles.signed(np.array([0.0, -9, 9, np.nan]), 3).tolist() == [128, 1, 255, 128]


def test_of_many_channels_the_first_singular_picture_stands_for_a_filter():
    picture, mix = weights(1, 1, 7, 7)[0, 0], weights(8)
    product = Layer("0", "image", "s", (mix[:, None, None] * picture)[None], np.ones(1), np.zeros(1), total=1)
    (face, channels), share = filters.faces(product)
    assert share == pytest.approx(1, abs=1e-5)
    seen = (face[0, :, :, 0].astype("f4") - 128).flatten()
    assert abs(np.corrcoef(seen, picture.flatten())[0, 1]) > 0.999
    assert channels.shape == (1, 8, 7, 7)


def test_large_pictures_are_pooled_and_keep_their_mean():
    many = weights(2, 3, 100, 64)
    small = tiles.pooled(many)
    assert small.shape == (2, 3, 25, 32)
    assert small.mean() == pytest.approx(many.mean(), abs=1e-6)
    assert tiles.pooled(many[..., :20, :20]).shape == (2, 3, 20, 20)


def test_a_mosaic_has_gaps_one_can_see_through():
    made = tiles.mosaic(np.full((5, 2, 3, 1), 200, "u1"), 3, 2)
    assert made.shape == (2 * 4 + 2, 3 * 6 + 2 * 2, 4)
    assert set(np.unique(made[..., 3])) == {0, 255}
    assert made[0, 0].tolist() == [200, 200, 200, 255]
    assert made[9, -1].tolist() == [0, 0, 0, 0]  # five of six


def outputs(maps=None, path="0", **more):
    counts, edges = np.arange(48.0), (-1.0, 2.0)
    return Outputs(path, "conv2d → relu", (8, 9, 9), 0.5, 1.0, -1.0, 2.0, counts, edges, maps=maps, **more)


def test_activations_of_two_hundred_layers_stay_below_the_limit_and_say_so():
    rows = tuple(outputs(weights(3, 12, 24, 24).astype("f2"), path=f"layers.{i}", channels=tuple(range(12)), units=64)
                 for i in range(200))  # fmt: skip
    seen = Activations("net", rows, (0, 1, 2), 32, np.zeros((3, 48, 48, 3), "u1"))
    page = activations.html_of(Report("Activations of `net`"), seen, activations.png(seen))
    assert len(page) < LIMIT
    assert "100 of 200 layers are shown" in activations.text_of(Report("A"), seen)


def test_a_layer_is_told_with_what_is_odd_of_it():
    odd = outputs(off=3, units=8, saturated=0.25, broken=0.5, calls=4, artifacts={"checkerboard": (1, 2)})
    assert activations.told("net", odd) == (
        "`net[0]`, conv2d → relu, 8 × 9 × 9: 0.500 ± 1.00, 3 of 8 units always off, 25% saturated, "
        "2 of 8 channels checkerboard, 50.0% not finite, called 4 times"
    )
    assert activations.remarks(outputs(off=0, saturated=0.001)) == []


def test_outputs_that_are_not_finite_or_constant_are_drawn():
    maps = np.full((1, 1, 4, 4), np.nan, "f2")
    none = float("nan")
    broken = Outputs("0", "linear", (4,), none, none, none, none, np.zeros(48), (0.0, 1.0), broken=1.0, maps=maps)
    seen = Activations("<b>", (broken, outputs(np.zeros((1, 1, 3, 3), "f2"))), (0,), 4)
    page = activations.html_of(Report("A"), seen, activations.png(seen))
    assert "<b>[0]" not in page
    assert opened(activations.sheet_of(seen))[0]["layers"][0]["mean"] in (None, "nan")
