"""Neighbouring pixels of an image are neighbours in what enters the model.

`view` and `reshape` never move a value, they cut the same row of numbers anew: an image of (H, W, C) viewed as
(C, H, W) is confetti, and only `permute` moves its axes. The shapes fit, nothing fails, and a convolution learns
little. The proof is the way back: cut as (H, W, C) again, the same values have neighbours alike. Without a model the
images are judged as the data set gives them, where it has been read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...decoding import pixels
from ...finding import Finding, bad, hint, number, ok, skipped
from ...probes.batch.fed import fed
from ...scan import held
from ...scan.columns.block import PIECE
from ...scan.columns.kinds import Kind
from ...scan.reading import Scan

check = Check(__name__, tip="visualize just before the net", rows=True)

#: images looked at, and those that a fault needs
IMAGES, FEW = 64, 4
#: bytes that they may take as floats
BYTES = 64 << 20
#: the way back has to bring this much correlation of neighbours, and leave half as much undone; and the gain of the
#: images has to lie this many standard errors above 0: at 6 chance does that once in a thousand million batches
GAIN, HALF, ERRORS = 0.1, 0.5, 6.0
#: correlation of neighbours below which an image is noise, and above which the data it came from is not
NOISE, SMOOTH = 0.1, 0.5
#: values of a data set that are cut anew
LARGEST = 1 << 27


@check.run
def run(bench: Bench) -> Finding:
    """Judge what enters the model, or without one the images of the data set."""
    read = bench.known(held.train_scan) if bench.model is None else None
    if read is None:
        bench.get("model")
        bench.get("batch")
    images = _images(bench) if read is None else _of_rows(read)
    found = [(name, image) for name, image in images if min(image.shape[-2:]) >= 8]
    if not found:
        return skipped("no input has the shape of an image")
    worst: Finding | None = None
    for name, image in found:
        finding = _judged(bench, name, image)
        if finding.verdict.value != "ok":
            return finding
        worst = worst or finding
    assert worst is not None
    return worst


def _images(bench: Bench) -> Iterator[tuple[str, Tensor]]:
    """What the first convolutions are given, else what the model is."""
    seen = bench.once(fed)
    met = {e.source: e.values for e in seen.entries if e.kind == "conv2d" and e.values.ndim == 4}
    for name, tensor in seen.tensors():
        values = met.get(name, tensor)
        if values.ndim == 4 and values.dtype is not torch.bool and len(values):
            image = values if name in met else pixels.as_images(values)
            if image is not None and image.shape[1] in pixels.COLOURS:
                yield name, image[: _most(image[0].numel())].detach()


def _of_rows(read: Scan) -> Iterator[tuple[str, Tensor]]:
    """Images of the data set, those in colour: a single channel cut anew has the shape that it had."""
    block = read.part.sample.block()
    for name, kind in read.plan.inputs.items():
        values = block.columns.get(name)
        if kind is Kind.IMAGE and isinstance(values, np.ndarray) and values.ndim == 4 and values.dtype.kind in "iuf":
            image = pixels.as_images(
                torch.as_tensor(np.require(values[: _most(values[0].size)], requirements=["C", "W"]))
            )
            if image is not None and image.shape[1] in pixels.COLOURS and values.shape[1] == image.shape[1]:
                yield name, image


def _most(size: int) -> int:
    """Images of so many values that are looked at; of large ones fewer, which tell as much."""
    return max(FEW, min(IMAGES, BYTES // (4 * size)))


def _judged(bench: Bench, name: str, image: Tensor) -> Finding:
    before = _alike(image)
    for other, told, fix, code in _ways_back(bench, image):
        after = _alike(other)
        gain = after[: len(before)].amin(1) - before[: len(after)].amin(1)
        now, then = float(before.amin(1).mean()), float(after.amin(1).mean())
        if float(gain.mean()) < GAIN or 1 - then > HALF * (1 - now) or len(gain) < 2:
            continue
        error = float(gain.std()) / len(gain) ** 0.5
        certain = len(gain) >= FEW and float(gain.mean()) > ERRORS * error
        return (bad if certain else hint)(
            f"neighbouring pixels of `{name}` correlate by **{number(now, 2)}**; {told}, the same values correlate by "
            f"**{number(then, 2)}**",
            fix=fix,
            code=code,
            why="`view` and `reshape` cut the values anew and move none",
            before=now,
            after=then,
            images=len(gain),
        )
    return _noise_or_fine(bench, name, before)


def _noise_or_fine(bench: Bench, name: str, before: Tensor) -> Finding:
    now, source = float(before.amin(1).mean()), _of_source(bench)
    if now < NOISE and source is not None and source > SMOOTH:
        return hint(
            f"neighbouring pixels of `{name}` correlate by **{number(now, 2)}**, those of the data set's own images by "
            f"**{number(source, 2)}**",
            fix="Look at the images as they enter, and at every view and reshape on the way.",
            code="%show_batch",
            before=now,
            after=source,
        )
    told = "; like noise, and no other cut of the values makes them alike" if now < NOISE else ""
    across, down = (number(float(value), 2) for value in before.mean(0))
    return ok(f"neighbouring pixels of `{name}` correlate by **{across}** across and {down} down{told}", before=now)


def _alike(images: Tensor) -> Tensor:
    """(N, 2) the correlation of each image's values with the next one across and down; few images at a time."""
    step = max(1, PIECE // max(4 * images[:1].numel(), 1))
    return torch.cat([_correlated(images[low : low + step]) for low in range(0, len(images), step)])


def _correlated(images: Tensor) -> Tensor:
    values = images.float().nan_to_num().contiguous()
    centred = values - values.mean((-2, -1), keepdim=True)
    power = centred.square().mean((1, 2, 3)).clamp(min=1e-12)
    across = (centred[..., 1:] * centred[..., :-1]).mean((1, 2, 3)) / power
    down = (centred[..., 1:, :] * centred[..., :-1, :]).mean((1, 2, 3)) / power
    return torch.stack([across, down], 1).cpu()


def _ways_back(bench: Bench, image: Tensor) -> Iterator[tuple[Tensor, str, str, str]]:
    """The same values cut as they may have been meant: (images, in words, fix, line).

    Channels are without their means: noise of one colour, cut anew, would have neighbours alike as stripes have.
    """
    count, channels, height, width = image.shape
    whole, image = _stored(bench, image), image.float() - image.float().mean((-2, -1), keepdim=True)
    if channels > 1:
        yield (
            image.reshape(count, height, width, channels).permute(0, 3, 1, 2),
            "cut as (N, H, W, C) again",
            "Move the axes with `permute`, not with `view` or `reshape`.",
            "x = x.permute(0, 3, 1, 2)",
        )
    if height != width:
        yield (
            image.reshape(count, channels, width, height),
            f"cut as {width} rows of {height} again",
            "Swap height and width with `transpose`, not with `view` or `reshape`.",
            "x = x.transpose(2, 3)",
        )
        if channels > 1:
            yield (
                image.reshape(count, width, height, channels).permute(0, 3, 1, 2),
                f"cut as (N, {width}, {height}, C) again",
                "Move the axes with `permute`, not with `view` or `reshape`.",
                "x = x.permute(0, 3, 2, 1)",
            )
    if whole is not None:
        yield (
            whole.reshape(height, width, channels, len(whole)).permute(3, 2, 0, 1)[: len(image)],
            "cut as (H, W, C, N) again",
            "Move the axes of the data set with `permute`, not with `view` or `reshape`.",
            "images = images.permute(3, 2, 0, 1)",
        )


def _stored(bench: Bench, image: Tensor) -> Tensor | None:
    """All images of a data set that keeps them in one tensor."""
    for data in (bench.train_data, getattr(bench.train_loader, "dataset", None)):
        tensors = getattr(data, "tensors", None)
        kept = tensors[0] if isinstance(tensors, (tuple, list)) and tensors else None
        if isinstance(kept, Tensor) and kept.shape[1:] == image.shape[1:] and len(kept) >= FEW:
            return kept.detach() if kept.is_contiguous() and kept.numel() <= LARGEST else None
    return None


def _of_source(bench: Bench) -> float | None:
    """The same of the images that a data set keeps as (M, H, W, C), as torchvision's do."""
    data = bench.train_data if bench.train_data is not None else getattr(bench.train_loader, "dataset", None)
    kept: Any = getattr(data, "data", None)
    if not hasattr(kept, "shape") or len(kept.shape) != 4 or kept.shape[3] not in pixels.COLOURS:
        return None
    few = torch.as_tensor(kept[:IMAGES]).permute(0, 3, 1, 2)
    return float(_alike(few).amin(1).mean()) if len(few) >= FEW else None


def _blobs(seed: int = 0) -> Tensor:
    """(64, 16, 16, 3) smooth images with colours of their own."""
    g = toys.seeded(seed)
    noise = torch.rand(64, 3, 20, 20, generator=g)
    return nn.functional.avg_pool2d(noise, 5, stride=1).permute(0, 2, 3, 1).contiguous()


def _seen(x: Tensor, model: nn.Module | None = None) -> Bench:
    y = torch.arange(len(x)) % 5
    net = nn.Sequential(nn.Conv2d(x.shape[1], 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))
    return toys.bench(model or net, (x - x.mean()) / x.std(), y, nn.CrossEntropyLoss())


@check.breaks
def viewed_instead_of_permuted() -> Bench:
    """(N, H, W, C) viewed as (N, C, H, W)."""
    return _seen(_blobs().view(64, 3, 16, 16))


@check.breaks
def examples_last() -> Bench:
    """(H, W, C, N), as old files have it, reshaped to (N, C, H, W)."""
    return _seen(_blobs().permute(1, 2, 3, 0).reshape(64, 3, 16, 16))


@check.holds
def permuted() -> Bench:
    """The same images with their axes moved."""
    return _seen(_blobs().permute(0, 3, 1, 2))


@check.holds
def noise_by_nature() -> Bench:
    """Images in which no pixel knows its neighbour."""
    return _seen(torch.rand(64, 3, 16, 16, generator=toys.seeded()))


class _ChannelsLast(nn.Module):
    """Moves the axes itself."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))

    def forward(self, image: Tensor) -> Tensor:
        out: Tensor = self.body(image.permute(0, 3, 1, 2))
        return out


@check.holds
def channels_last() -> Bench:
    """Images of (N, H, W, C) into a model that permutes them."""
    return _seen(_blobs(), _ChannelsLast())
