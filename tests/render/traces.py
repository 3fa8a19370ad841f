"""Traces of invented runs, small and huge, without torch at work."""

from __future__ import annotations

from dataclasses import replace

import films
import numpy as np

from nbrecipe.film import Film, Kind
from nbrecipe.trace.record.data import (
    BackwardSeen,
    ClipSeen,
    LoaderSeen,
    ModelSeen,
    OptimizerSeen,
    Place,
    Trace,
    Update,
)
from nbrecipe.trace.record.series import Series


def series(values, every=1) -> Series:
    made = Series()
    for i, value in enumerate(values):
        made.add(i * every, float(value))
    return made


def falling(steps, start=2.3, end=0.08, noise=0.25, seed=0):
    rng = np.random.default_rng(seed)
    t = np.arange(steps) / steps
    return (end + (start - end) * np.exp(-6 * t)) * np.exp(noise * rng.standard_normal(steps))


def updates(steps, layers, seed=1, worst=None) -> list[Update]:
    rng = np.random.default_rng(seed)
    size = {name: 10 ** rng.uniform(-3.4, -2.6) for name in layers}
    if worst:
        size[worst] = 0.05
    made = []
    for step in sorted({int(s) for s in np.linspace(0, steps - 1, min(steps, 64))}):
        ratios = [size[name] * (0.3 + 0.7 * np.exp(-step / steps * 3)) * rng.lognormal(0, 0.2) for name in layers]
        weights = [float(w) for w in rng.uniform(3, 9, len(layers))]
        grads = [float(0.6 * np.exp(-step / steps) * rng.lognormal(0, 0.3)) for _ in layers]
        changes = [r * w for r, w in zip(ratios, weights, strict=True)]
        made.append(Update(step, list(layers), grads, weights, changes, [0.0] * len(layers), [0.1]))
    return made


def training(steps=420, layers=("conv1.weight", "conv1.bias", "fc.weight"), film="classes", worst=None) -> Trace:
    """A classifier that trains well: three passes, validation after each, a rate that falls twice, clipping."""
    trace = Trace(source="...", where="cell 7", seconds=12.3, steps=steps, backwards=steps, looks=64, ended=True)
    place = Place("cell 7", 4, "loss.backward()")
    trace.backward = [BackwardSeen("loss", place, steps, series(falling(steps)))]
    rates = [0.1 if i < steps / 2 else 0.01 if i < steps * 0.8 else 0.001 for i in range(steps)]
    seen = OptimizerSeen("opt", "SGD", len(layers), steps=steps, rate=series(rates))
    seen.updates = updates(steps, layers, worst=worst)
    trace.optimizers = [seen]
    trace.clips = [ClipSeen("norm", place, 1.0, steps, norms=series(falling(steps, 3, 0.6, 0.3, 4)))]
    trace.loaders = [LoaderSeen("train_dl", "DataLoader", steps // 3, 1000, 32, True, 3, steps, steps)]
    trace.validation = series([2.3, 1.1, 0.62, 0.5, 0.44], every=steps // 5)
    trace.models = [ModelSeen("net", "ConvNet", count=steps)]
    if film:
        made = films.ALL[film]()
        scale = steps / 120
        trace.film = replace(made, steps=[int(s * scale) for s in made.steps], losses=[])
    return trace


def deep(film="regression") -> Trace:
    """A network of fifty layers, one of which moves too fast."""
    layers = tuple(f"blocks.{i}.attention.weight" for i in range(50))
    return training(2000, layers, film, worst="blocks.31.attention.weight")


def adversarial() -> Trace:
    """Two losses, two optimizers, no film."""
    trace = training(300, film=None)
    trace.backward = [
        replace(trace.backward[0], name=name, values=series(falling(300, *ends, 0.15, seed)))
        for name, ends, seed in (("loss_d", (1.4, 0.5), 2), ("loss_g", (0.7, 1.9), 3))
    ]
    names = ("d.weight", "d.bias")
    trace.optimizers = [
        replace(trace.optimizers[0], name=name, updates=updates(300, names, seed), rate=series([2e-4] * 300))
        for name, seed in (("opt_d", 5), ("opt_g", 6))
    ]
    trace.clips, trace.validation = [], Series()
    return trace


def diverged() -> Trace:
    """A loss that is no number any more after a third of the run."""
    trace = training(300, film=None)
    values = [*falling(100, 2.3, 400, 0.2), *[float("nan")] * 200]
    trace.backward = [replace(trace.backward[0], values=series(values))]
    trace.clips[0].norms = series([*falling(100, 3, 4000), *[float("inf")] * 200])
    return trace


def evaluation() -> Trace:
    """A cell that only evaluates."""
    trace = Trace(where="cell 9", seconds=1.2, ended=True)
    trace.models = [ModelSeen("net", "ConvNet", count=20)]
    return trace


def nothing() -> Trace:
    """A cell that neither trains nor evaluates."""
    return Trace(where="cell 2", seconds=0.1, ended=True)


def begun() -> Trace:
    """The first moment of a run: one step, and nothing looked at."""
    trace = training(1, ("weight",), None)
    trace.ended, trace.clips, trace.validation = False, [], Series()
    return trace


def huge() -> Trace:
    """A million steps of four losses, four hundred layers with long names, large noisy images, bins of notes."""
    steps = 1_000_000
    layers = tuple(f"encoder.layers.{i}.a_long_module_name.attention.projection.weight" for i in range(400))
    trace = training(3000, layers, None)
    rng = np.random.default_rng(3)
    trace.backward = [
        replace(trace.backward[0], name=f"loss_{i}", values=series(rng.lognormal(0, 1, 20_000), every=steps // 20_000))
        for i in range(4)
    ]
    trace.optimizers = [
        replace(trace.optimizers[0], name=f"opt_{i}", updates=updates(steps, layers, i)) for i in range(3)
    ]
    trace.validation = series(rng.lognormal(0, 1, 5000), every=200)
    frames = [rng.random((64, 96, 96)).astype("f4") for _ in range(40)]
    trace.film = Film(
        Kind.IMAGES, [f"picture {i}" for i in range(64)], frames[0].astype("f8"), frames, [],
        [i * (steps // 40) for i in range(40)],
    )  # fmt: skip
    return trace


ALL = {
    "training": training, "deep": deep, "adversarial": adversarial, "diverged": diverged, "begun": begun,
    "evaluation": evaluation, "nothing": nothing,
}  # fmt: skip
