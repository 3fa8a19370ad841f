"""Arithmetic on images of bytes has not wrapped round.

In bytes 10 - 20 is 246 and 250 + 20 is 14: darkened images get bright patches where they are darkest. Nothing raises,
and the net trains on. It shows on the circle of bytes: neighbouring pixels are mostly alike, and in a picture none of
the short ways between them crosses from 255 to 0. After wrapping as many do as cross any other value, and the place
that none crosses lies elsewhere. A single channel of several may be an angle, such as a hue: that is a hint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, Seen, bad, hint, ok, percent, skipped
from ...scan import held
from ...scan.columns.kinds import Kind
from ...scan.looks.wrapping import Wrapping, wrapping

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="duplicates and corruption", cost="scan")

#: how many times as often as the least place the ends are crossed, and how many times as often as most, at the most:
#: photographs that wrapped have more than 80 and less than 1.3, noise has 1 and 1
LEAST, USUAL = 20.0, 2.5
#: pairs of neighbours that have to cross the ends, and share of images with some
PAIRS, IMAGES = 100, 0.05
#: different values that a picture has, which a palette has not, and share of them away from the ends, where scans have
#: nearly none
DIFFERENT, MIDDLE = 64, 0.25
#: images of the data set that are needed
FEWEST = 8


@check.run
def run(bench: Bench) -> Finding:
    data = bench.once(held.train_scan)
    block = data.part.sample.block()
    images = [name for name, kind in data.plan.inputs.items() if kind is Kind.IMAGE and name in block.columns]
    if not images or len(block) < FEWEST:
        return skipped(f"needs {FEWEST} images")
    looked = 0
    for name in images:
        channels = wrapping(block.columns[name])
        looked += channels[0].images if channels else 0
        wrapped = [seen for seen in channels if _wrapped(seen)]
        if wrapped:
            return _told(data.name, name, channels, wrapped, block.rows.tolist())
    if not looked:
        return ok("no image has the values of bytes, from 0 to 255 in equal steps")
    return ok(f"neighbouring values in **{looked}** images do not cross from 255 to 0")


def _wrapped(seen: Wrapping) -> bool:
    enough = seen.pairs >= PAIRS and seen.share >= IMAGES
    picture = seen.values >= DIFFERENT and seen.middle >= MIDDLE
    return enough and picture and seen.ends >= LEAST * seen.least and seen.ends <= USUAL * seen.usual


def _told(data: str, name: str, channels: tuple[Wrapping, ...], wrapped: list[Wrapping], numbers: list[int]) -> Finding:
    seen = max(wrapped, key=lambda one: one.ends)
    rows = [numbers[i] for i in seen.worst]
    where = "" if len(wrapped) == len(channels) else f" in {len(wrapped)} of {len(channels)} channels"
    measured: dict[str, Any] = {"ends": seen.ends, "least": seen.least, "usual": seen.usual, "cut": seen.cut}
    return (hint if where else bad)(
        f"**{percent(seen.ends, 2)}** of neighbouring values of `{name}` in `{data}` cross from 255 to 0{where}, as "
        f"many as cross other values ({percent(seen.usual, 2)}), and nearly none cross from {seen.cut} to "
        f"{seen.cut + 1}; most in rows {', '.join(map(str, rows[:5]))}",
        fix="Turn the images into a wider type before any arithmetic, and clip.",
        code="images = (images.astype('int16') - 20).clip(0, 255).astype('uint8')",
        why="bytes wrap round: 10 - 20 is 246" if not where else "a channel may hold an angle, such as a hue",
        rows=rows,
        **measured,
    )


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """How often neighbours cross the ends of the scale, beside other places."""
    ax.barh(["least", "usual", "from 255 to 0"], [seen["least"], seen["usual"], seen["ends"]], color=["C0", "C0", "C1"])
    ax.set_xlabel("share of neighbouring values")


def _pictures(change: int = 0, *, divide: bool = False) -> Bench:
    """Smooth grey images of bytes, rather dark, with a number added in bytes."""
    g = toys.seeded()
    smooth = nn.functional.interpolate(torch.randn(96, 1, 5, 5, generator=g), size=20, mode="bicubic")
    x = (70 + 35 * smooth + 2 * torch.randn(96, 1, 20, 20, generator=g)).clamp(0, 255).to(torch.uint8) + change
    return toys.bench(
        nn.Sequential(nn.Flatten(), nn.LayerNorm(400), nn.Linear(400, 3)),
        x / 255 if divide else x.float(),
        torch.arange(96) % 3,
        nn.CrossEntropyLoss(),
    )


@check.breaks
def darkened_in_bytes() -> Bench:
    """40 was taken from images of bytes."""
    return _pictures(-40)


@check.breaks
def darkened_and_divided() -> Bench:
    """The same, divided by 255 afterwards."""
    return _pictures(-40, divide=True)


@check.holds
def as_they_were() -> Bench:
    """The same images without a change."""
    return _pictures()


@check.holds
def black_and_white() -> Bench:
    """Drawings of black on white, with some grey."""
    given = _pictures()
    x, y = given.train_data.tensors
    drawn = torch.where(x > 70, 255.0, 0.0) - 8 * torch.rand(x.shape, generator=toys.seeded()) ** 4 * (x > 70)
    return toys.bench(given.get("model"), drawn.round(), y, given.loss_fn)


@check.holds
def noise() -> Bench:
    """Bytes by chance, which jump by any number."""
    given = _pictures()
    x = torch.randint(256, (96, 1, 20, 20), generator=toys.seeded()).float()
    return toys.bench(given.get("model"), x, given.train_data.tensors[1], given.loss_fn)
