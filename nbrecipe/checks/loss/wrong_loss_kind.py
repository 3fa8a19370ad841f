"""The loss is one for the kind of targets that it is given.

Cross-entropy of one output is 0 whatever the net says; of targets that are no probabilities it falls without end. A
squared error on class indices says that class 3 lies between 2 and 4. All of these run, and some even seem to learn.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...probes.graph.between import as_called
from ...probes.init.start import known_labels
from ...probes.passes.one_step import OneStep
from ...task import Kind, LossCall, Task
from ...task.expected import as_taken
from ...trace.single import single_step

check = Check(__name__, tip="what the loss is given")

NUMBERS = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")
#: how far probabilities of half precision may be from adding up to 1
SUM = 1e-2
#: how far rounding takes a target beyond 0 and 1, and how far it may be meant to lie there: labels made sharper
#: instead of smoother, pixels that were interpolated
ROUNDED, SMOOTH = 1e-3, 0.5
#: classes that a number is hardly the index of; labels of each that tell equal shares from a distribution of counts;
#: standard deviations of chi-square that equal shares stay within, but for once in a thousand times
MOST, EACH, DEVIATIONS = 1000, 20, 3.3


@check.run
def run(task: Task, bench: Bench) -> Finding:
    """Hold the targets that reach the loss against what this loss can take."""
    call = task.call
    if call is None or not call.input.numel() or not call.target.numel():
        return skipped("the loss is no single loss of torch")
    if call.input.is_complex() or not bool(call.target.double().isfinite().all()):
        return skipped("the targets are no finite real numbers")
    found = _one_output(call, bench)
    if found is None and call.name.startswith("binary"):
        found = _beyond(call, bench)
    if found is None and call.name == "cross_entropy" and call.target.is_floating_point():
        found = _no_shares(task, call, bench)
    if found is None and call.name in NUMBERS:
        found = _all_to_one(task, call, bench) or _indices(task, call, bench)
    low, high = float(call.target.min()), float(call.target.max())
    what = f"targets from {number(low, 3)} to {number(high, 3)}"
    if found is not None:
        # what a loop may do to one output before it takes the softmax makes no sense of it
        return found if found.seen.get("outputs") == 1 else as_called(bench, found)
    return ok(f"`{call.name}` is given {what}, which it can take", low=low, high=high)


def _one_output(call: LossCall, bench: Bench) -> Finding | None:
    """The softmax of a single number is 1."""
    fix = "Use binary cross-entropy, which takes a single number as the logit of yes."
    if call.name == "cross_entropy" and call.input.ndim > 1 and call.input.shape[1] == 1:
        told = f"`cross_entropy` is given outputs `{tuple(call.input.shape)}`, **1** for each example"
        why = "the softmax of one number is 1, so that no gradient comes from it and nothing is learned"
        return bad(told, why=why, fix=fix, code=_line(bench, "BCEWithLogitsLoss"), outputs=1)
    values = call.input.detach()
    if values.ndim < 2 or len(values) < 2 or not bool((values == 1).all()):
        return None
    trace = bench.once(OneStep(single_step))
    origins = [seen.output.origin for loss in trace.losses for seen in loss.calls if loss.name == call.name]
    if not origins or not all(origin.startswith("Softmax") for origin in origins):
        return None
    told = f"all **{values.numel()}** outputs are exactly 1: each is the softmax of a single number"
    return bad(told, why="no gradient passes, and nothing is learned", fix="Take a sigmoid in place of the softmax.",
               code="out = out.sigmoid()", outputs=1)  # fmt: skip


def _beyond(call: LossCall, bench: Bench) -> Finding | None:
    """Targets of a yes or no beyond 0 and 1: the larger the logit, the smaller the loss, without end."""
    target, weight = call.target.detach(), call.options.get("weight")
    if isinstance(weight, Tensor):
        target = target[torch.broadcast_to(weight != 0, target.shape)]
    if not target.numel():
        return None
    low, high = float(target.min()), float(target.max())
    if low >= -ROUNDED and high <= 1 + ROUNDED:
        return None
    near = low >= -SMOOTH and high <= 1 + SMOOTH
    told = f"`{call.name}` is given targets from **{number(low, 3)}** to **{number(high, 3)}**, and takes 0 to 1"
    why = "beyond them the loss falls without end as the outputs grow"
    pixels = low >= 0 and float(target.frac().abs().max()) == 0
    fix = "Bring the targets to 0 and 1." if pixels else "Use a squared error for numbers, or targets of 0 and 1."
    code = "" if pixels or {low, high} == {-1.0, 1.0} else _line(bench, "MSELoss")
    return (hint if near else bad)(told, why=why, fix=fix, code=code, low=low, high=high)


def _no_shares(task: Task, call: LossCall, bench: Bench) -> Finding | None:
    """Targets of cross-entropy that are no shares of the classes."""
    axis = 1 if call.input.ndim > 1 else 0
    rows = call.target.detach().double().movedim(axis, -1).reshape(-1, call.target.shape[axis])
    low, high, sums = float(rows.min()), float(rows.max()), rows.sum(1)
    seen: dict[str, Any] = {"low": low, "high": high}
    span = f"targets from **{number(low, 3)}** to **{number(high, 3)}**"
    if low < 0:
        # an advantage at the place of the action that was taken makes a gradient of a policy
        dense = float(((rows != 0).sum(1) > 1).double().mean()) > 0.5
        sure = dense and _loaded(task, call) and low < -SMOOTH
        return (bad if sure else hint)(
            f"`cross_entropy` is given {span}: numbers, where it takes class indices or probabilities",
            why="where a target is below 0 the loss falls without end",
            fix="Use a squared error for numbers.", code=_line(bench, "MSELoss"), **seen,
        )  # fmt: skip
    if not _loaded(task, call) or bool(((sums - 1).abs() <= SUM).all()):
        return None
    if call.input.ndim == 1:
        return hint(
            f"`cross_entropy` is given outputs `{tuple(call.input.shape)}`, without an axis for classes: it takes the "
            f"softmax over the **{len(call.input)}** examples",
            why="a ranking of the whole batch may be meant",
            fix="Use binary cross-entropy for a yes or no of each example, a squared error for numbers.",
            code=_line(bench, "BCEWithLogitsLoss"), **seen,
        )  # fmt: skip
    yes_no = bool(((rows == 0) | (rows == 1)).all())
    several = float(sums.max())
    if yes_no and several <= 1:
        return None  # rows without any label count nothing
    told = f"up to **{number(several, 3)}** labels in a row" if yes_no else f"{span}, rows that do not add up to 1"
    return hint(
        f"`cross_entropy` is given {told}: it takes the classes to exclude each other",
        why="shares or counts of exclusive classes may be meant",
        fix="Use binary cross-entropy for labels that may be true together, a squared error for numbers.",
        code=_line(bench, "BCEWithLogitsLoss" if yes_no else "MSELoss"), **seen,
    )  # fmt: skip


def _all_to_one(task: Task, call: LossCall, bench: Bench) -> Finding | None:
    """An output for each class, and all of them drawn to the index of the right one."""
    given, target = call.input, call.target
    if given.ndim != 2 or given.shape[1] < 3 or target.shape != (len(given), 1) or not _is_index(task):
        return None
    classes = given.shape[1]
    if int(target.min()) != 0 or int(target.max()) != classes - 1:
        return None
    return bad(
        f"`{call.name}` draws all **{classes}** outputs of an example to the same number, its class index from 0 to "
        f"{classes - 1}",
        fix="Use cross-entropy, which takes an output for each class and the index of the right one.",
        code=_line(bench, "CrossEntropyLoss"), classes=classes,
    )  # fmt: skip


def _indices(task: Task, call: LossCall, bench: Bench) -> Finding | None:
    """One output, drawn to whole numbers that every class has about equally often: an index rather than a count."""
    one = call.input.numel() == call.target.numel() == len(call.input)
    if not one or task.kind is not Kind.REGRESSION or not _is_index(task):
        return None
    labels = as_taken(task, known_labels(bench)).detach().cpu().flatten().double()
    low, classes = float(labels.min()), int(labels.max()) + 1
    if low != 0 or not 3 <= classes <= MOST or len(labels) < EACH * classes or float(labels.frac().abs().max()):
        return None
    counts = torch.bincount(labels.long(), minlength=classes).double()
    fair = len(labels) / classes
    square = float(((counts - fair) ** 2 / fair).sum())
    if square > classes - 1 + DEVIATIONS * math.sqrt(2 * (classes - 1)):
        return None
    return hint(
        f"`{call.name}` is given whole numbers from 0 to **{classes - 1}**, each about as often: if they are indices "
        "of classes, it takes 0 for closer to 1 than to 2",
        why="steps of one scale, such as ratings, may be meant",
        fix="For classes, give the net an output for each, and use cross-entropy.",
        code=_line(bench, "CrossEntropyLoss"), classes=classes,
    )  # fmt: skip


def _line(bench: Bench, kind: str) -> str:
    return f"{bench.name('loss_fn')} = torch.nn.{kind}()"


def _is_index(task: Task) -> bool:
    """Whether the loader gives whole numbers by their type, which the loss has cast."""
    return isinstance(task.target, Tensor) and task.target.dtype in (torch.int64, torch.int32, torch.uint8)


def _loaded(task: Task, call: LossCall) -> bool:
    """Whether the loss is given the loader's own numbers, and nothing made of them."""
    own = task.target
    same = isinstance(own, Tensor) and own.numel() == call.target.numel()
    return same and torch.equal(own.detach().flatten().double(), call.target.detach().flatten().double())


def _three_numbers(loss_fn: Any) -> Bench:
    x = torch.randn(64, 10, generator=toys.seeded(0))
    return toys.bench(toys.mlp((10, 16, 3)), x, x[:, :3] @ torch.ones(3, 3) + x[:, 3:6], loss_fn)


def _squared(out: Tensor, y: Tensor) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return functional.mse_loss(out, y.float()[:, None])


@check.breaks
def softmax_over_one_output() -> Bench:
    """A yes or no has one output, and cross-entropy takes the softmax of it."""
    return toys.binary(loss_fn=nn.CrossEntropyLoss())


@check.breaks
def softmax_layer_over_one_output() -> Bench:
    """The model ends in a softmax over its single output, which makes 1 of anything."""
    return toys.binary(nn.Sequential(toys.mlp((10, 32, 16, 1)), nn.Softmax(dim=1)), nn.BCELoss())


@check.breaks
def cross_entropy_of_numbers() -> Bench:
    """Three numbers are to be forecast, and cross-entropy takes them for probabilities."""
    return _three_numbers(nn.CrossEntropyLoss())


@check.breaks
def labels_of_minus_one() -> Bench:
    """Labels of -1 and 1 suit a hinge, not binary cross-entropy."""
    return toys.binary(loss_fn=lambda out, y: functional.binary_cross_entropy_with_logits(out, 2 * y - 1))


@check.breaks
def squared_error_of_an_index() -> Bench:
    """An output for each class, and the class index for target of all."""
    return toys.classify(loss_fn=_squared)


@check.breaks
def one_output_for_five_classes() -> Bench:
    """One number is to be the class index; ratings would look the same, so this is a hint."""
    return toys.classify(toys.mlp((20, 32, 1)), _squared)


@check.holds
def squared_error_of_numbers() -> Bench:
    """Three numbers for three outputs."""
    return _three_numbers(nn.MSELoss())


@check.holds
def soft_labels() -> Bench:
    """Probabilities for targets, as with mixup or a teacher."""
    return toys.classify(loss_fn=lambda out, y: functional.cross_entropy(out, functional.one_hot(y, 5) * 0.9 + 0.02))


@check.holds
def brier_score() -> Bench:
    """A squared error of one-hot targets."""
    return toys.classify(loss_fn=lambda out, y: functional.mse_loss(out.softmax(1), functional.one_hot(y, 5).float()))


@check.holds
def yes_or_no() -> Bench:
    """One logit for a yes or no."""
    return toys.binary()
