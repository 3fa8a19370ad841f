"""The loss of a guess that ignores the inputs: in closed form for the losses of torch, by search for any other.

For class losses the best constant gives every class its share of the label mass, weights and smoothing counted; for
yes/no losses it gives the weighted rate; for squared errors the mean, for absolute errors the median, for Huber's loss
the point between. All sums are in float64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .call import LossCall
from .kind import Kind, Task
from .search import best_constant

#: log of the smallest share that still counts, so that a class without any label keeps a finite logit
_LEAST = math.log(1e-9)
_CLASS_LOSSES = ("cross_entropy", "nll_loss", "kl_div")


@dataclass(frozen=True)
class Expected:
    """What the best constant answer would lose, in the units of the user's loss on the batch at hand."""

    best: float
    #: the best constant, one number per class, label or value: logits or log-probabilities (log shares), probabilities
    #: for binary_cross_entropy, values for regression
    constant: Tensor
    #: loss of the same answer for every class, or of one half for every yes/no; None for values
    uniform: float | None
    #: where the numbers come from, for a sentence
    source: str


def expected(task: Task, labels: Tensor | None = None, *, axis: int | None = None) -> Expected | None:
    """The loss of the best constant answer; None where no constant is best or the loss cannot be asked.

    `labels` are more targets of the same kind as the batch's, for a better idea of their frequencies or their spread;
    they are used where the loss takes the targets as they are. `axis` is the axis of the output that holds classes,
    labels or values, where it is not the usual one (see `channel_axis`).
    """
    if task.call is None:
        return _searched(task, axis)
    target = as_taken(task, labels)
    if task.call.name in _CLASS_LOSSES:
        return _of_classes(task.call, target)
    axis = channel_axis(task.call.input.shape) if axis is None else axis
    matrix = columns(task.call.input, target, axis)
    if matrix is None:
        return _searched(task, axis)
    if task.call.name.startswith("binary"):
        return _of_yes_no(task.call, matrix, axis)
    return _of_values(task.call, matrix)


def channel_axis(shape: torch.Size) -> int:
    """The axis that holds one number per unit of the last layer: the second, the last for sequences (N, T, D)."""
    return 1 if len(shape) >= 4 else len(shape) - 1


def columns(given: Tensor, target: Tensor, axis: int) -> Tensor | None:
    """Targets of an element-by-element loss as (rows, channels), in float64; None where they broadcast strangely."""
    if given.ndim < 2:
        return target.detach().cpu().double().reshape(-1, 1)
    width = given.shape[axis]
    if width == 1:
        return target.detach().cpu().double().reshape(-1, 1)
    if target.shape[1:] != given.shape[1:]:
        if target.numel() % given[0].numel():
            return None
        target = target.reshape(-1, *given.shape[1:])
    return target.detach().cpu().double().movedim(axis, -1).reshape(-1, width)


def as_taken(task: Task, labels: Tensor | None) -> Tensor:
    """The labels, where the loss was given the batch's targets unchanged, else the batch's."""
    assert task.call is not None
    taken, own = task.call.target, task.target
    if labels is None or not isinstance(own, Tensor) or own.numel() != taken.numel() or labels.ndim != own.ndim:
        return taken
    if _weighs_entries(task.call) or not torch.equal(own.flatten().double(), taken.flatten().double()):
        return taken
    return labels if labels.numel() >= own.numel() else taken


def _weighs_entries(call: LossCall) -> bool:
    """Whether the loss weighs single rows or pixels, so that its weights fit this batch alone."""
    if call.name in _CLASS_LOSSES:
        return False
    weights = [w for w in (call.options.get("weight"), call.options.get("pos_weight")) if isinstance(w, Tensor)]
    return any(w.numel() > 1 and (w.ndim > 1 or call.input.ndim != 2) for w in weights)


def class_masses(call: LossCall, target: Tensor) -> tuple[Tensor, float]:
    """The weight of -log p of each class in the summed loss, and what the mean divides by."""
    classes = call.input.shape[1] if call.input.ndim > 1 else call.input.shape[0]
    weight = call.options.get("weight")
    weight = torch.ones(classes).double() if weight is None else weight.detach().double().cpu()
    smooth = float(call.options.get("label_smoothing", 0.0) or 0.0)
    target = target.detach().cpu()
    if target.is_floating_point():
        share = target.double() if not call.options.get("log_target") else target.double().exp()
        axis = 1 if share.ndim > 1 else 0
        totals = share.movedim(axis, -1).reshape(-1, classes).sum(0)
        rows = share.numel() // classes
        masses = weight * ((1 - smooth) * totals + smooth / classes * rows)
        return masses, float(share.numel() if call.name == "kl_div" else rows)
    counted = target[target != int(call.options.get("ignore_index", -100))].flatten().long()
    counts = torch.bincount(counted, minlength=classes).double()[:classes]
    masses = weight * ((1 - smooth) * counts + smooth / classes * counts.sum())
    return masses, float((weight * counts).sum())


def _of_classes(call: LossCall, target: Tensor) -> Expected | None:
    masses, denominator = class_masses(call, target)
    if masses.sum() <= 0 or denominator <= 0:
        return None
    logs = (masses / masses.sum()).log().clamp_min(_LEAST)
    entropy = _target_entropy(call, target) if call.name == "kl_div" else 0.0
    best = (float(-(masses * logs).sum()) + entropy) / denominator
    uniform = (float(masses.sum()) * math.log(len(masses)) + entropy) / denominator
    factor = _factor(call)
    return Expected(best * factor, logs, uniform * factor, "the labels' frequencies")


def _target_entropy(call: LossCall, target: Tensor) -> float:
    """The part of the Kullback-Leibler divergence that no prediction changes: the sum of t log t."""
    share = target.double().exp() if call.options.get("log_target") else target.double()
    return float(torch.xlogy(share, share).sum())


def yes_no_masses(call: LossCall, matrix: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """The weight of -log p and of -log (1 - p) of each label in the summed loss."""
    yes = torch.ones_like(matrix)
    both = call.options.get("weight")
    if isinstance(both, Tensor):
        yes = yes * _spread(both, call, matrix, axis)
    no = yes
    heavier = call.options.get("pos_weight")
    if isinstance(heavier, Tensor):
        yes = yes * _spread(heavier, call, matrix, axis)
    return (yes * matrix).sum(0), (no * (1 - matrix)).sum(0)


def _of_yes_no(call: LossCall, matrix: Tensor, axis: int) -> Expected:
    yes, no = yes_no_masses(call, matrix, axis)
    rate = yes / (yes + no).clamp_min(1e-300)
    count = matrix.numel()
    best = float((torch.special.entr(rate) + torch.special.entr(1 - rate)).mul(yes + no).sum()) / count
    uniform = float((yes + no).sum()) * math.log(2) / count
    constant = rate if call.name == "binary_cross_entropy" else rate.logit().clamp(_LEAST, -_LEAST)
    factor = _factor(call)
    return Expected(best * factor, constant, uniform * factor, "the rate of yes")


def _spread(weight: Tensor, call: LossCall, matrix: Tensor, axis: int) -> Tensor:
    """A weight of any broadcast shape as one number for each entry of the matrix of targets."""
    weight = weight.detach().double().cpu()
    if weight.numel() == 1:
        return weight.reshape(1, 1)
    full = torch.broadcast_to(weight, call.input.shape)
    return (
        full.movedim(channel_axis(full.shape), -1).reshape(-1, matrix.shape[1])
        if full.ndim > 1
        else full.reshape(-1, 1)
    )


def _of_values(call: LossCall, matrix: Tensor) -> Expected | None:
    if call.options.get("weight") is not None:
        return None
    width = _corner(call)
    if width is None:
        constant = matrix.mean(0)
    elif width == 0:
        constant = matrix.quantile(0.5, 0) if len(matrix) <= 2**23 else matrix.median(0).values
    else:
        constant = huber_centre(matrix, width)
    best = float(call.again(constant.expand_as(matrix), target=matrix, reduction="mean"))
    source = "the median of the targets" if width == 0 else "the mean of the targets"
    return Expected(best * _factor(call), constant, None, source if width in (None, 0) else "the targets")


def _corner(call: LossCall) -> float | None:
    """Where an error stops to count by its square: None for never, 0 for nowhere."""
    if call.name == "mse_loss":
        return None
    if call.name == "l1_loss":
        return 0.0
    return float(call.options.get("delta" if call.name == "huber_loss" else "beta", 1.0))


def huber_centre(matrix: Tensor, width: float) -> Tensor:
    """The constant of least Huber loss in each column, by bisection on its derivative, which never falls."""
    low, high = matrix.min(0).values, matrix.max(0).values
    for _ in range(64):
        middle = (low + high) / 2
        rises = (middle - matrix).clamp(-width, width).sum(0) > 0
        low, high = torch.where(rises, low, middle), torch.where(rises, middle, high)
    return (low + high) / 2


def _factor(call: LossCall) -> float:
    """From the mean over what counts to the user's reduction on this batch."""
    if call.reduction == "mean" or (call.reduction == "none" and call.name not in _CLASS_LOSSES):
        return 1.0
    if call.name in _CLASS_LOSSES:
        rows = class_masses(call, call.target)[1]
    else:
        rows = float(call.again(call.input, reduction="none").numel())
    if call.reduction == "none":  # its plain mean counts ignored and weighted targets in
        return rows / call.again(call.input).numel()
    return rows if call.reduction == "sum" else rows / len(call.input)


def _searched(task: Task, axis: int | None) -> Expected | None:
    if task.loss_of is None or task.output is None:
        return None
    found = best_constant(task.loss_of, task.output, task.target, class_axis(task) if axis is None else axis)
    if found is None:
        return None
    with torch.no_grad():
        guess = float(task.loss_of(torch.zeros_like(task.output)))
    yes_no_or_classes = task.kind not in (Kind.REGRESSION, Kind.RECONSTRUCTION, Kind.OWN)
    return Expected(found[0], found[1], guess if yes_no_or_classes else None, "the best constant answer")


def class_axis(task: Task) -> int:
    """The axis of the output that holds classes, or else channels."""
    assert task.output is not None
    shape = task.output.shape
    if isinstance(task.target, Tensor) and len(shape) > 2 and task.target.shape == shape[:1] + shape[2:]:
        return 1
    return channel_axis(shape)


def to_logits(call: LossCall, given: Tensor) -> Tensor:
    """What a loss was given, in the space where a last layer without activation works."""
    return given.clamp(1e-7, 1 - 1e-7).logit() if call.name == "binary_cross_entropy" else given


def from_logits(call: LossCall, logits: Tensor) -> Tensor:
    """Logits, or plain values, as the loss wants them."""
    if call.name in ("nll_loss", "kl_div"):
        return F.log_softmax(logits, 1 if logits.ndim > 1 else 0)
    return logits.sigmoid() if call.name == "binary_cross_entropy" else logits
