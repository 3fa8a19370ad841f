"""Inputs have a size near 1 where they first meet weights.

Weights are drawn for inputs of mean 0 and standard deviation 1. Bytes from 0 to 255 make the first answers a hundred
times too large: the loss starts far off, units saturate, and one rate no longer suits all layers. What counts is what
the first layer with weights is given, so a division or a normalisation inside the model is seen. One normalisation
right before or behind that layer takes the scale away again. Without a model it is not known what comes first: floats
that a data set hands over from 0 to 255, or far larger, are then worth a look.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from ... import toys
from ...bench import Bench
from ...check import Check
from ...decoding.plotted import columns
from ...finding import Finding, Seen, bad, hint, number, ok, skipped, spelled
from ...probes.batch.scaling import LOOK, Meeting, candidates, is_bytes, layers, meetings, normalises
from ...probes.passes.signal import is_fresh
from ...scan import held
from ...scan.columns.kinds import Kind
from ...scan.reading import Scan

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="visualize just before the net", rows=True)

#: root mean square of what enters, where 1 is meant, above which a softmax behind weights that keep the size is
#: saturated at the start (its scores lie tens of nats apart)
LARGE = 10.0
#: root mean square of the first answer above which the weights do not make up for it
ANSWER = 5.0
#: layers that squash what they are given, so that their answers say nothing of its size
SQUASHING = ("lstm", "gru", "rnn_tanh", "rnn_relu", "multi_head_attention_forward")
#: rows of a data set that are measured, and the line that hands over a model
FEW, BOUND = 1000, "%bind model=net"
#: bytes of the rows that are looked at without a model
BYTES = 16 << 20


@dataclass(frozen=True)
class _Size:
    meeting: Meeting
    size: float
    low: float
    high: float
    #: values are the bytes of an image, as they are or with statistics for 0 to 1 taken off
    bytes: bool
    why: str


@check.run
def run(bench: Bench) -> Finding:
    """Judge what meets the weights of the model, or without one what a data set of tensors hands over."""
    read = bench.known(held.train_scan) if bench.model is None else None
    if read is not None:
        return _of_rows(bench, read)
    model, _ = bench.get("model"), bench.get("batch")
    seen = [_size(bench, meeting) for meeting in meetings(bench)]
    if not seen:
        return ok("no input of floats meets weights: ids go into embeddings, or a normalisation comes first")
    worst = max(seen, key=lambda each: (not each.meeting.entry.normed, each.size))
    numbers: dict[str, Any] = {
        "sizes": [each.size for each in seen],
        "inputs": [each.meeting.entry.source for each in seen],
    }
    told = f"`{worst.meeting.entry.source}` has a root mean square of **{number(worst.size, 3)}**"
    if worst.size <= LOOK:
        return ok(f"{told} where it meets weights", **numbers)
    if worst.meeting.entry.normed:
        return ok(f"{told}, and a normalisation right behind the first layer takes the scale away", **numbers)
    return _flagged(model, bench, worst, told, numbers)


def _of_rows(bench: Bench, read: Scan) -> Finding:
    """The size of the floats in a data set of torch; what frames and files hold is scaled on the way."""
    given, name = held.given_data(bench, "train")
    ready = isinstance(given, (DataLoader, Dataset))
    block = read.part.sample.block()
    inputs = [
        (column, torch.as_tensor(np.require(values[:FEW][: 1 + BYTES // values[0].nbytes], requirements="W")).float())
        for column, kind in read.plan.inputs.items()
        if kind in (Kind.IMAGE, Kind.TABLE) and isinstance(values := block.columns.get(column), np.ndarray)
        and values.dtype.kind == "f" and values.size
    ]  # fmt: skip
    if not ready or not inputs:
        return skipped("needs a model, or a data set of torch that hands over floats", code=BOUND)
    column, worst = max(inputs, key=lambda one: _rms(one[1]))
    size, low, high = _rms(worst), float(worst.nan_to_num().min()), float(worst.nan_to_num().max())
    told = f"`{column}` of `{name}` has a root mean square of **{number(size, 3)}**"
    if size <= LOOK:
        return ok(told, sizes=[size], inputs=[column])
    image = read.plan.inputs[column] is Kind.IMAGE
    raw = image and low >= 0 and 127 < high <= 255
    return hint(
        f"{told}, from {number(low, 3)} to {number(high, 3)}, where weights are drawn for **1**",
        fix="Divide by 255, unless the model does." if raw else "Scale it by the training data, unless the model does.",
        code="x = x / 255" if raw else _standardised(worst),
        why="no model is given, so that a normalisation in it is not seen",
        sizes=[size],
        inputs=[column],
    )


def _rms(values: Tensor) -> float:
    there = values.isfinite()
    finite = values if bool(there.all()) else values[there]  # which takes 8 bytes a number and axis
    return float(finite.square().mean().sqrt()) if finite.numel() else 0.0


def _flagged(model: nn.Module, bench: Bench, worst: _Size, told: str, numbers: dict[str, Any]) -> Finding:
    entry = worst.meeting.entry
    where = spelled(bench.name("model"), entry.path)
    squashed = entry.kind in SQUASHING
    carried = squashed or entry.answer > ANSWER
    certain = carried and (worst.bytes or (worst.size > LARGE and layers(model) > 1))
    claim = bad if certain and is_fresh(bench) and not normalises(model) else hint
    what = "as bytes, with" if worst.bytes and not worst.why else "with"
    after = "" if squashed else f"; what `{where}` answers has {number(entry.answer, 3)}"
    return claim(
        f"`{entry.source}` enters `{where}` {what} a root mean square of **{number(worst.size, 3)}**, from "
        f"{number(worst.low, 3)} to {number(worst.high, 3)}, where weights are drawn for **1**{after}",
        fix="Divide by 255, once, before they enter." if worst.bytes else "Scale each input by its training data.",
        code="x = x / 255" if worst.bytes else _standardised(worst.meeting.values),
        why=worst.why or _worst_feature(bench, worst.meeting.values),
        where=where,
        **numbers,
    )


def _standardised(values: Tensor) -> str:
    axes = "(0, 2, 3), keepdim=True" if values.ndim == 4 else "0"
    return f"x = (x - x_train.mean({axes})) / x_train.std({axes})"


def _size(bench: Bench, meeting: Meeting) -> _Size:
    values = meeting.values.detach().float()
    values = values[values.isfinite()] if not bool(values.isfinite().all()) else values
    if not values.numel():
        return _Size(meeting, 0.0, 0.0, 0.0, False, "")
    size, low, high = float(values.square().mean().sqrt()), float(values.min()), float(values.max())
    image = meeting.values.ndim == 4 or meeting.values.shape[1] >= 16
    raw = image and low >= 0 and 127 < high <= 255
    why = "" if raw or size <= LOOK else _explained(bench, meeting.values)
    return _Size(meeting, size, low, high, raw or bool(why), why)


def _explained(bench: Bench, values: Tensor) -> str:
    """Bytes of which statistics for 0 to 1 were taken off."""
    if values.ndim != 4 or not bool(values.isfinite().all()):
        return ""
    few: np.ndarray = values[:32].detach().float().cpu().numpy().astype("f8")
    for scale, _ in candidates(bench, few.shape[1]):
        raw = scale.undone(few, 1)
        if raw.max() > 64 and is_bytes(raw, 255.0):
            return f"these are bytes of which {scale.name}, for values from 0 to 1, were taken off"
    return ""


def _worst_feature(bench: Bench, values: Tensor) -> str:
    sizes = values.detach().float().nan_to_num().square().movedim(1, 0).flatten(1).mean(1).sqrt()
    if len(sizes) < 2 or float(sizes.max()) < 3 * float(sizes.median()):
        return ""
    worst, names = int(sizes.argmax()), columns(bench)
    feature = f"`{names[worst]}`" if len(names) == len(sizes) else f"feature {worst}"
    return f"the largest is {feature}, with {number(float(sizes.max()), 3)}"


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """The size of each input, and 1."""
    sizes = seen["sizes"][:5]
    ax.barh(range(len(sizes)), sizes, color=["C1" if size > LOOK else "C0" for size in sizes], height=0.4)
    ax.set_ylim(len(sizes) - 0.3, -0.7)
    ax.set_yticks(range(len(sizes)), [str(name) for name in seen["inputs"][:5]])
    ax.axvline(1, color="C2", lw=1)
    ax.set_xlabel("root mean square")


def _pictures(top: float = 255.0, model: nn.Module | None = None) -> Bench:
    """Smooth grey images from 0 to `top`."""
    g = toys.seeded()
    blobs = nn.functional.avg_pool2d(torch.rand(128, 1, 12, 12, generator=g), 5, stride=1)
    low, high = blobs.amin(), blobs.amax()
    x = ((blobs - low) / (high - low) * 255).round() * (top / 255)
    y = torch.randint(5, (128,), generator=g)
    return toys.bench(model or toys.convnet(norm=False), x, y, nn.CrossEntropyLoss())


@check.breaks
def bytes_of_images() -> Bench:
    """Images from 0 to 255 into a net without any normalisation."""
    return _pictures()


@check.breaks
def features_as_measured() -> Bench:
    """Columns in their own units: ages, incomes, shares."""
    given = toys.classify()
    x, y = given.train_data.tensors
    return toys.bench(toys.mlp(), x * torch.linspace(1, 200, 20), y, given.loss_fn)


@check.holds
def images_from_0_to_1() -> Bench:
    """The same images divided by 255."""
    return _pictures(1.0)


@check.holds
def norm_behind_the_first_layer() -> Bench:
    """Bytes into a convolution with batch norm right behind it, which takes the scale away."""
    return _pictures(255.0, toys.convnet())


class _Divides(nn.Module):
    """Divides by 255 itself."""

    def __init__(self) -> None:
        super().__init__()
        self.body = toys.convnet(norm=False)

    def forward(self, image: Tensor) -> Tensor:
        out: Tensor = self.body(image / 255 - 0.5)
        return out


@check.holds
def model_that_divides() -> Bench:
    """Bytes into a model that divides by 255 in its forward pass."""
    return _pictures(255.0, _Divides())


@check.holds
def token_ids() -> Bench:
    """Whole numbers that go into an embedding."""
    return toys.next_token()


@check.holds
def norm_first() -> Bench:
    """Columns in their own units into batch norm."""
    given = toys.classify()
    x, y = given.train_data.tensors
    net = nn.Sequential(nn.BatchNorm1d(20), *toys.mlp())
    return toys.bench(net, x * torch.linspace(1, 200, 20), y, given.loss_fn)
