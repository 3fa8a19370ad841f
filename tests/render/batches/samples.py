"""Invented batches of every view, as the renderers get them."""

import numpy as np

from nbrecipe.pictures.batch import Batches, Box, Images, Page, Series, Table, TensorLine, Texts, Token
from nbrecipe.report import Report

EVIL = "<script>alert('&')</script>"


def line(name="x", role="input", **more):
    return TensorLine(name, role, "(8, 3, 16, 16)", "float32", "cpu", 0.0, 1.0, 0.5, 0.25, zeros=0.125, **more)


def noise(side, seed=0):
    return np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)


def images(side=16, count=8, **more):
    pixels = tuple(noise(side, i) for i in range(count))
    return Images(
        "image", pixels, "drawn as they are, from 0 to 1", 64, captions=tuple(f"cat {i}" for i in range(count)), **more
    )


def texts():
    row = (Token("<s>", "special"), Token("a\nb"), Token(EVIL), Token("<pad>", "padding", 7), Token("… 9 more", "more"))
    return Texts("ids", (row, row[:2]), "", 2, captions=("good", "bad"), targets=(row[1:], row[:1]))


def series(points=120):
    ends = np.sort(np.random.default_rng(0).normal(size=(3, 2, points, 2)), -1).astype("f4")
    return Series("wave", ends, 4000, "4000 steps of 2 values", 32, captions=("0.5", "0.7", "0.9"))


def table():
    return Table("x", ("age", EVIL), (("1", "2"), ("3", "4")), "", 2, captions=("7", "8"))


def masked():
    mask = np.zeros((16, 16), int)
    mask[:8] = 1
    return images(count=2, masks=(mask, mask), classes={1: "sky"}, boxes=((Box(0, 0, 0.5, 0.5, "dog"),), ()))


def batches(*pages):
    made = tuple(Page((line(), line("target", "target", nan=3)), tuple(views)) for views in pages)
    return Batches("net", made)


def report():
    return Report("What goes into `net`", {}, note="your model is as it was")


ALL = {"images": images, "texts": texts, "series": series, "table": table, "masked": masked}
