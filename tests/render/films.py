"""Films of invented runs, one of each kind, quick to make and without torch."""

from __future__ import annotations

import numpy as np

from nbrecipe.film import Film, Kind

STEPS = [0, 2, 4, 7, 10, 14, 19, 25, 32, 40, 50, 61, 73, 84, 96, 108, 120]


def _losses(start: float, floor: float = 0.0) -> list[tuple[int, float]]:
    rng = np.random.default_rng(7)
    return [(k, floor + start * float(0.955**k * (1 + 0.05 * rng.standard_normal())) + 5e-4) for k in range(121)]


def classes(refuses: int | None = 11, count: int = 16) -> Film:
    rng = np.random.default_rng(3)
    truth = np.array([(7 * i) % 10 for i in range(count)])
    frames, guesses = [], []
    for step in STEPS:
        p = 1 - 0.9 * np.exp(-step / rng.uniform(14, 30, count))
        guess = np.where(p > 0.45, truth, (truth + 3) % 10)
        if refuses is not None:
            p[refuses], guess[refuses] = 0.08 + 0.25 * (1 - np.exp(-step / 30)), (truth[refuses] + 6) % 10
        frames.append(p.astype("f4"))
        guesses.append(guess)
    return Film(
        Kind.CLASSES, [str(t) for t in truth], np.ones(count), frames, guesses, list(STEPS), _losses(2.3),
        expected=2.303, floor=0.0, refused=[] if refuses is None else [refuses],
        aligned=None if refuses is not None else 61,
    )  # fmt: skip


def regression() -> Film:
    rng = np.random.default_rng(5)
    target = rng.normal(12, 4, (16, 1))
    away = rng.normal(0, 4, (16, 1)) - (target - 12)
    frames = [(target + away * np.exp(-step / 25)).astype("f4") for step in STEPS]
    frames = [np.where(np.arange(16)[:, None] == 4, 9.0, frame).astype("f4") for frame in frames]
    return Film(
        Kind.REGRESSION, [f"{t:.1f}" for t in target[:, 0]], target, frames, [], list(STEPS), _losses(15.0),
        expected=16.2, floor=0.0, refused=[4],
    )  # fmt: skip


VOCABULARY = ["<pad>", "The", "Ġplot", "Ġis", "Ġun", "believ", "able", ",", "Ġthe", "Ġending", "Ġnot", "Ġ<b>fun</b>"]


def tokens() -> Film:
    rng = np.random.default_rng(2)
    target = np.array([[1, 2, 3, 4, 5, 6, 7, 8, 9, 3, 10, 11], [8, 9, 3, 10, 4, 5, 6, 0, 0, 0, 0, 0]])
    frames, guesses = [], []
    for step in STEPS:
        p = 1 - 0.95 * np.exp(-step / rng.uniform(8, 60, target.shape))
        frames.append(p.astype("f4"))
        guesses.append(np.where(p > 0.5, target, (target + 3) % 12))
    return Film(
        Kind.TOKENS, ["The plot", "the ending"], target, frames, guesses, list(STEPS), _losses(2.4),
        expected=2.485, floor=0.0, ignored=0, names=dict(enumerate(VOCABULARY)),
    )  # fmt: skip


def multilabel() -> Film:
    rng = np.random.default_rng(4)
    target = (rng.random((10, 6)) < 0.35).astype("f8")
    frames = [(0.5 + (target - 0.5) * (1 - np.exp(-step / rng.uniform(10, 60, target.shape)))) for step in STEPS]
    for frame in frames:
        frame[3, 2] = 1 - frame[3, 2]
    names = dict(enumerate(["cat", "dog", "boat", "tree", "car", "person"]))
    return Film(
        Kind.MULTILABEL, [str(i) for i in range(10)], target, [f.astype("f4") for f in frames], [], list(STEPS),
        _losses(0.69), expected=0.6931, floor=0.0, names=names, refused=[3],
    )  # fmt: skip


def images(count: int = 8, side: int = 16) -> Film:
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:side, 0:side] / side
    centres = rng.uniform(0.3, 0.7, (count, 2))
    target = np.stack([((x - a) ** 2 + (y - b) ** 2 < 0.06).astype("f8") for a, b in centres])
    frames = []
    for step in STEPS:
        fade = np.exp(-step / 25)
        frames.append(((1 - fade) * target + fade * rng.uniform(0, 1, target.shape)).astype("f4"))
    return Film(
        Kind.IMAGES, [f"mask {i}" for i in range(count)], target, frames, [], list(STEPS), _losses(0.69),
        expected=0.61, floor=0.0, limits=(0.0, 1.0),
    )  # fmt: skip


def loss_only() -> Film:
    return Film(Kind.LOSS, [], np.zeros(0), [], [], [], [*_losses(3.0, 0.4)], expected=3.4, floor=0.4)


ALL = {
    "classes": classes, "regression": regression, "tokens": tokens, "multilabel": multilabel, "images": images,
    "loss": loss_only,
}  # fmt: skip
