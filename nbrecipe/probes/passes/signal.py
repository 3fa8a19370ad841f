"""How the signal passes through the model: one forward and backward pass on the batch, measured layer by layer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from ... import batches
from ...batches import BadInput, Step
from ...batches.models import eagerly, plain
from ...batches.scalar import projected
from ...bench import Bench
from ...task.refusal import refuse_lazy
from .passage import Layer, Units, watched
from .symmetry import ROUNDING, Twins, judged, suspects

#: share of a layer's units off in one batch from which on it is worth reading more batches
FEW = 0.1


@dataclass(frozen=True)
class Signal:
    """Layers and units in execution order, from one pass in train mode with dropout off."""

    layers: tuple[Layer, ...]
    units: tuple[Units, ...]
    #: examples in the batch
    size: int
    #: weights whose units start as copies
    twins: tuple[Twins, ...] = ()
    #: why there are no gradients, "" where there are
    no_gradient: str = ""

    @property
    def weighted(self) -> tuple[Layer, ...]:
        """The layers that multiply by weights; the last one makes the outputs."""
        return tuple(layer for layer in self.layers if not layer.is_norm)


def signal(bench: Bench) -> Signal:
    """Measure one forward and backward pass on the bench's batch; costs about one training step.

    Batch norm uses the batch's statistics, as it does when training starts, and dropout is off. Parameters' gradients
    are not touched. Run it inside `bench.untouched()`: running statistics move. Raises BadInput for lazy layers and for
    a forward pass that fails.
    """
    model, fed = plain(bench.get("model")), bench.get("feed")
    refuse_lazy(model)
    with training(model, fed.size), torch.enable_grad(), watched(model, fed.size) as passage:
        step = forward(bench, model, fed)
    if not passage.layers and not passage.units:
        raise BadInput(f"`{bench.name('model')}` ran no layer that can be watched")
    twins, no_gradient = _backward(model, step)
    return Signal(tuple(passage.layers), tuple(passage.units.values()), fed.size, twins, no_gradient)


def quiet_units(bench: Bench, most: int = 4) -> tuple[Signal, int]:
    """The signal with units that were off in up to `most` batches, and the number of examples they were off for.

    Reads batches of the training loader beyond the first one; without a loader it is the one batch.
    """
    seen = bench.once(signal)
    examples = seen.size
    if bench.train_loader is None or not any(units.share_off > FEW for units in seen.units):
        return seen, examples
    model, loss_fn = plain(bench.get("model")), bench.loss_fn
    off = {(u.path, u.kind, u.after): u.off for u in seen.units}
    for batch in _more(bench, most - 1):
        fed = batches.feed(model, batch, loss_fn)
        with training(model, fed.size), torch.no_grad(), watched(model, fed.size) as passage:
            forward(bench, model, fed)
        examples += fed.size
        for key, units in passage.units.items():
            before = off.get(key)
            if before is not None and units.off is not None and before.shape == units.off.shape:
                off[key] = before & units.off
    merged = tuple(replace(u, off=off[u.path, u.kind, u.after]) for u in seen.units)
    return replace(seen, units=merged), examples


def forward(bench: Bench, model: nn.Module, fed: batches.Feed) -> Step:
    """Model and loss on a batch; BadInput, in one sentence, where that fails; without a loss just the model."""
    try:
        with eagerly():
            return batches.forward(model, fed, bench.loss_fn)
    except Exception as error:
        if fed is bench.find("feed"):
            bench.get("task")  # raises the sentence that fits, where there is one
        raise BadInput(f"a training step fails on this batch: {type(error).__name__}: {error}") from error


@contextmanager
def training(model: nn.Module, size: int) -> Iterator[None]:
    """Train mode without dropout; what is frozen whole stays as it is, batch norm too where one example is all."""
    before = [(module, module.training) for module in model.modules()]
    try:
        for module in model.modules():
            weights = [*module.parameters(recurse=False)]
            frozen = bool(weights) and not any(p.requires_grad for p in weights)
            alone = size < 2 and isinstance(module, nn.modules.batchnorm._BatchNorm)
            if not frozen:
                module.training = not (alone or isinstance(module, nn.modules.dropout._DropoutNd))
        yield
    finally:
        for module, mode in before:
            module.training = mode


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Eval mode as the user switches to it, and the modes of before afterwards."""
    before = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        yield
    finally:
        for module, mode in before:
            module.training = mode


def _backward(model: nn.Module, step: Step) -> tuple[tuple[Twins, ...], str]:
    """Send the loss's gradient back: which units it does not tell apart, or the reason why it cannot be."""
    weights = [p for p in model.parameters() if p.requires_grad]
    loss = step.loss
    if loss is None and step.output is not None:
        loss = projected(step.output)
    if not weights or loss is None or not loss.requires_grad:
        return (), "no parameter is trainable" if not weights else "the loss has no gradient"
    loss = loss.mean() if loss.ndim else loss
    try:
        gradients = torch.autograd.grad(loss.real if loss.is_complex() else loss, weights, allow_unused=True)
    except RuntimeError as error:
        return (), f"the backward pass fails: {str(error).split('. ')[0]}"
    by_weight = {id(weight): gradient for weight, gradient in zip(weights, gradients, strict=True)}
    found = suspects(model)
    if not found:
        return (), ""
    largest = max((float(gradient.abs().max()) for gradient in gradients if gradient is not None), default=0.0)
    return judged(found, [by_weight[id(suspect.weight)] for suspect in found], ROUNDING * largest), ""


def _more(bench: Bench, count: int) -> Iterator[Any]:
    assert bench.train_loader is not None
    try:
        loader = batches.read(bench.train_loader, bench.name("train_loader"))
        for index, batch in enumerate(loader):
            if index > count:
                return
            if index:  # the first one is most often the bench's own batch
                yield batch
    except BadInput:
        return


def is_fresh(bench: Bench) -> bool:
    """Whether nothing says that this model has been trained: no cell, no optimizer step, no pretrained weights."""
    return not bench.trained and bench.pretrained is None and not getattr(bench.optimizer, "state", None)
