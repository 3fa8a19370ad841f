"""Inputs are normalised once, with the statistics of their own scale.

A second (x - mean) / std, or statistics for 0 to 255 on images from 0 to 1, leaves values that all lie close to one
point far from 0, or far too wide. The net still learns something, more slowly, and a pretrained one sees a world it
never saw. The fault is named where undoing the statistics gives back the values of an image, or where the model
normalises again what comes to it normalised; values that merely look so are a hint.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...decoding.normalisation import KNOWN, Scale
from ...finding import Finding, bad, hint, number, ok, percent, spelled
from ...probes.batch.scaling import Meeting, candidates, fills, is_bytes, meetings, taken, within
from ...probes.batch.undone import undone

check = Check(__name__, tip="visualize just before the net")

#: standard deviation and the ratio of mean to it that values normalised once never have: at 0.05 and 10 a feature
#: would lie 200 times closer together than it lies from 0
TIGHT, FAR = 0.05, 10.0
#: share of features that have to be so, and share of zeros above which an input is sparse
MOST, SPARSE = 0.5, 0.5
#: range of what is undone twice from which on that is worth a look: the values lay 16 deviations apart
WIDE = 0.8
#: examples and images looked at; mean and deviation that a standardised column has in so many, within five errors
ROWS, OFF, NEAR = 32, 0.9, (0.35, 1.65)


@dataclass(frozen=True)
class _Cause:
    told: str
    fix: str
    certain: bool


@check.run
def run(model: nn.Module, batch: Any, bench: Bench) -> Finding:
    found = meetings(bench)
    if not found:
        return ok("no input of floats meets weights: ids go into embeddings, or a normalisation comes first")
    for meeting in found:
        cause = _kept(bench, meeting) or _explained(bench, meeting) or _again(bench, meeting)
        if cause is not None:
            return _told(bench, meeting, cause)
    for meeting in found:
        tight = _tight(meeting.values)
        if tight is not None and not meeting.entry.normed:
            return _suspect(bench, meeting, *tight)
    first = max(found, key=lambda each: each.values.numel())
    mean, std = _moments(first.values)
    return ok(
        f"`{first.entry.source}` meets weights with mean {number(mean, 3)} and standard deviation **{number(std, 3)}**",
        mean=mean,
        std=std,
    )


def _told(bench: Bench, meeting: Meeting, cause: _Cause) -> Finding:
    mean, std = _moments(meeting.values)
    claim = bad if cause.certain and not meeting.entry.normed else hint
    hidden = "a normalisation right behind the first layer hides most of it" if meeting.entry.normed else ""
    return claim(
        f"`{meeting.entry.source}` has mean **{number(mean, 3)}** and standard deviation **{number(std, 3)}**: "
        f"{cause.told}",
        fix=cause.fix,
        why=hidden,
        where=spelled(bench.name("model"), meeting.entry.path),
        mean=mean,
        std=std,
    )


def _suspect(bench: Bench, meeting: Meeting, share: float, mean: float, std: float) -> Finding:
    return hint(
        f"{percent(share, 0)} of the features of `{meeting.entry.source}` lie closer together than {number(TIGHT, 2)} "
        f"and more than {FAR:g} deviations from 0, the middle one **{number(mean, 3)} ± {number(std, 2)}**; a feature "
        "that is normalised once has 0 ± 1",
        fix="See whether it is normalised twice, or with the statistics of another scale.",
        where=spelled(bench.name("model"), meeting.entry.path),
        share=share,
        mean=mean,
        std=std,
    )


def _moments(values: Tensor) -> tuple[float, float]:
    kept = values.detach().float()[values.isfinite()]
    return (float(kept.mean()), float(kept.std(correction=0))) if kept.numel() else (0.0, 0.0)


def _kept(bench: Bench, meeting: Meeting) -> _Cause | None:
    """Statistics that the user keeps in variables."""
    values: np.ndarray = meeting.values.detach().float().cpu().numpy().astype("f8")
    found = undone(values, bench.numbers) if bench.numbers and values.size else None
    return None if found is None else _Cause(found.told, found.fix, True)


def _explained(bench: Bench, meeting: Meeting) -> _Cause | None:
    """Statistics that, undone twice, or undone as those of bytes, give the values of images."""
    if meeting.values.ndim != 4 or not bool(meeting.values.isfinite().all()):
        return None
    values: np.ndarray = meeting.values[:ROWS].detach().float().cpu().numpy().astype("f8")
    if within(values, 1.0) or within(values, 255.0):
        return None
    for scale, _ in candidates(bench, values.shape[1]):
        once = scale.undone(values, 1)
        if within(once, 1.0) or within(once, 255.0):
            return None  # normalised once, as it should be
    found: list[_Cause] = []
    mean, std = _moments(meeting.values)
    standard = abs(mean) < OFF and NEAR[0] < std < NEAR[1]  # of values that look normalised once, only proof is told
    for scale, own in candidates(bench, values.shape[1]):
        found += [cause for judge in (_twice, _of_bytes) if (cause := judge(scale, own, values)) is not None]
    return max((c for c in found if c.certain or not standard), key=lambda cause: cause.certain, default=None)


def _twice(scale: Scale, own: bool, values: np.ndarray) -> _Cause | None:
    raw = scale.undone(scale.undone(values, 1), 1)
    exact = is_bytes(raw, 1.0)
    plain = own and within(raw, 1.0) and float(np.ptp(raw)) > 0.5
    full = fills(raw, 1.0)
    distinct = len(set(scale.mean)) > 1  # each channel ends elsewhere: six ends that no chance brings about
    if not (exact or plain or full or (distinct and within(raw, 1.0) and float(np.ptp(raw)) > WIDE)):
        return None
    return _Cause(
        f"undoing {scale.name} twice gives images from {abs(raw.min()):.1f} to {raw.max():.1f}",
        "Take one of the two normalisations away: one stands in the data, one after it.",
        exact or (full and (own or distinct)),
    )


def _of_bytes(scale: Scale, own: bool, values: np.ndarray) -> _Cause | None:
    times = 255.0 if max(scale.mean) <= 1 else 1.0
    large = Scale(tuple(times * m for m in scale.mean), tuple(times * s for s in scale.std), scale.name)
    raw = large.undone(values, 1)
    exact = is_bytes(raw, 1.0)
    if not (exact or fills(raw, 1.0) or (own and times == 1 and within(raw, 1.0))):
        return None
    return _Cause(
        f"{scale.name}{' times 255' if times > 1 else ''} were taken off images from 0 to 1, 255 times smaller ones",
        "Normalise images from 0 to 1 with statistics of that scale: divide mean and std by 255.",
        exact or own or len(set(scale.mean)) > 1,
    )


def _again(bench: Bench, meeting: Meeting) -> _Cause | None:
    """Columns that come standardised, and that the model standardises again."""
    given = dict(taken(bench).tensors()).get(meeting.entry.source)
    if given is None or not meeting.changed or given.ndim != 2 or meeting.values.shape != given.shape:
        return None
    if len(given) < ROWS or not given.is_floating_point() or not bool(given.isfinite().all()):
        return None
    mean, std = given.float().mean(0), given.float().std(0, correction=0)
    standard = (mean.abs() < OFF) & (std > NEAR[0]) & (std < NEAR[1])
    tight = _tight(meeting.values)
    if float(standard.float().mean()) < 0.9 or tight is None or tight[0] < 0.9:
        return None
    return _Cause(
        f"it comes with mean {number(float(mean.mean()), 2)} and standard deviation {number(float(std.mean()), 2)}, "
        "and the model normalises it again",
        "Normalise either in the data or in the model.",
        True,
    )


def _tight(values: Tensor) -> tuple[float, float, float] | None:
    """The share of features that lie close together far from 0, and the middle one; None where too few do."""
    flat = values.detach().float().movedim(1, 0).flatten(1)
    if len(flat) < 2 or flat.shape[1] < 8 or not bool(flat.isfinite().all()):
        return None
    if float((flat == 0).float().mean()) > SPARSE:
        return None
    mean, std = flat.mean(1), flat.std(1, correction=0)
    tight = (std > 0) & (std < TIGHT) & (mean.abs() > FAR * std)
    if float(tight.float().mean()) < MOST:
        return None
    middle = int(mean[tight].abs().argsort()[int(tight.sum()) // 2])
    return float(tight.float().mean()), float(mean[tight][middle]), float(std[tight][middle])


def _photographs(times: int = 1, top: float = 1.0, model: nn.Module | None = None) -> Bench:
    """Smooth colour images, normalised so many times with the statistics of ImageNet for values from 0 to `top`."""
    g = toys.seeded()
    blobs = nn.functional.avg_pool2d(torch.rand(128, 3, 12, 12, generator=g), 5, stride=1)
    low, high = blobs.amin((0, 2, 3), keepdim=True), blobs.amax((0, 2, 3), keepdim=True)
    x = ((blobs - low) / (high - low) * 255).round() / 255
    mean, std = (top * torch.tensor(each)[:, None, None] for each in KNOWN["ImageNet"])
    for _ in range(times):
        x = (x - mean) / std
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))
    return toys.bench(model or net, x, torch.randint(5, (128,), generator=g), nn.CrossEntropyLoss())


@check.breaks
def normalised_twice() -> Bench:
    """Colour images normalised in the data set, and once more behind the loader."""
    return _photographs(2)


@check.breaks
def statistics_of_bytes() -> Bench:
    """Means and deviations of bytes on images from 0 to 1: all values lie close to -2."""
    return _photographs(1, 255.0)


def _columns(times: int, kept: bool = True) -> Bench:
    """A table in units of its own, standardised so many times with the numbers that the notebook keeps."""
    g = toys.seeded()
    raw = torch.randn(256, 6, generator=g) * torch.tensor([9.0, 0.4, 30, 2, 5, 1]) + torch.arange(6) * 20.0
    mean, std = raw.mean(0), raw.std(0)
    x = raw
    for _ in range(times):
        x = (x - mean) / std
    given = toys.bench(nn.Linear(6, 3), x, torch.randint(3, (256,), generator=g), nn.CrossEntropyLoss())
    return given.replace(numbers={"mean": mean, "std": std} if kept else {})


@check.breaks
def cell_run_twice() -> Bench:
    """A cell that standardises the columns in place was run again."""
    return _columns(2)


@check.holds
def numbers_kept() -> Bench:
    """The same cell, run once."""
    return _columns(1)


class _Standardises(nn.Module):
    """Takes off means and deviations that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.body = toys.mlp()
        self.register_buffer("mean", torch.linspace(30, 90, 20))
        self.register_buffer("std", torch.linspace(21, 25, 20) / 10 + 20)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.body((x - self.get_buffer("mean")) / self.get_buffer("std"))
        return out


@check.breaks
def data_and_model_normalise() -> Bench:
    """Columns that come standardised into a model that takes the statistics off itself; they end up close together."""
    given = toys.classify(_Standardises())
    model = given.get("model")
    model.get_buffer("mean").mul_(1000 / 30)
    return given


@check.holds
def normalised_once() -> Bench:
    """Colour images normalised as they should be."""
    return _photographs(1)


@check.holds
def one_hot_rows() -> Bench:
    """Rows of zeros with a single one: hardly any deviation, and nothing is wrong."""
    g = toys.seeded()
    y = torch.randint(5, (256,), generator=g)
    x = nn.functional.one_hot(torch.randint(100, (256,), generator=g), 100).float()
    return toys.bench(toys.mlp((100, 16, 5)), x, y, nn.CrossEntropyLoss())


@check.holds
def raw_for_a_model_that_normalises() -> Bench:
    """Columns in their own units into a model that takes the statistics off."""
    given = toys.classify()
    x, y = given.train_data.tensors
    raw = x * (torch.linspace(21, 25, 20) / 10 + 20) + torch.linspace(30, 90, 20)
    return toys.bench(_Standardises(), raw, y, given.loss_fn)
