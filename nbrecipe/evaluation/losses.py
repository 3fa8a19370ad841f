"""The task's own loss of any answer: of a prior, of a rule's probabilities, of numbers; with the user's weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import batches
from ..batches import BadInput
from ..bench import Bench
from ..scan import held
from ..scan.columns.kinds import Kind as Held
from ..task import Kind, LossCall, Task
from .answers import Array
from .terms import INDEXED, terms

#: entries of probabilities that are asked at once
ENTRIES = 1 << 22
#: what stands for the logarithm of 0, so that 0 times it is 0; and losses from which on they are infinite
_NONE, _INFINITE = -1e30, 1e25
WORDS = {
    "cross_entropy": "cross-entropy", "nll_loss": "cross-entropy", "mse_loss": "squared error",
    "binary_cross_entropy_with_logits": "binary cross-entropy", "binary_cross_entropy": "binary cross-entropy",
    "l1_loss": "absolute error", "huber_loss": "Huber loss", "smooth_l1_loss": "smooth absolute error",
    "kl_div": "Kullback-Leibler divergence",
}  # fmt: skip
#: the loss that goes with the kind of what is learned, where the user has none
USUAL = {Kind.CLASSES: "cross_entropy", Kind.NEXT_TOKEN: "cross_entropy", Kind.SEGMENTATION: "cross_entropy",
         Kind.BINARY: "binary_cross_entropy_with_logits", Kind.MULTILABEL: "binary_cross_entropy_with_logits",
         Kind.REGRESSION: "mse_loss", Kind.RECONSTRUCTION: "mse_loss"}  # fmt: skip
_BY_LABEL = {Held.CLASS: Kind.CLASSES, Held.NUMBER: Kind.REGRESSION, Held.FLAGS: Kind.MULTILABEL,
             Held.TABLE: Kind.REGRESSION, Held.TOKENS: Kind.NEXT_TOKEN, Held.MASK: Kind.SEGMENTATION}  # fmt: skip


@dataclass(frozen=True)
class TaskLoss:
    """A loss that takes what is answered, rather than a model's raw scores."""

    #: "cross-entropy", "squared error"; for a loss written by hand its own name
    name: str
    kind: Kind
    #: number of classes, labels or values per example; None where unknown
    classes: int | None = None
    #: how it differs from the plain loss of this name: "classes weighted, labels smoothed by 0.1"
    told: str = ""
    #: the understood loss of torch, "" for one written by hand
    call: str = ""
    #: class weights, ignore_index, label_smoothing, … as the user's loss has them
    options: dict[str, Any] = field(default_factory=dict, repr=False)
    #: a loss written by hand, of scores and targets
    own: Callable[[Tensor, Tensor], Tensor] | None = field(default=None, repr=False)
    #: whether that one takes probabilities rather than logits
    plain: bool = False
    #: whether it takes the logarithm of what is answered
    logs: bool = False

    def of(self, given: Array, target: Array) -> tuple[Array, Array]:
        """(n,) sums of the loss over the entries of each example, and (n,) weights; the mean is sums over weights.

        `given` is (n, classes) or (n, entries, classes) probabilities, for yes/no p(yes) of the target's shape, or
        values. `target` is (n,) or (n, entries) places of classes, or (n,) or (n, k) numbers. An impossible answer
        that comes true costs infinitely much, as it does in the formula.
        """
        given, target = np.asarray(given), np.asarray(target)
        step = max(1, ENTRIES // max(1, given[:1].size))
        parts = [self._some(given[i : i + step], target[i : i + step]) for i in range(0, len(given), step)]
        if not parts:
            return np.zeros(0), np.zeros(0)
        return np.concatenate([sums for sums, _ in parts]), np.concatenate([weights for _, weights in parts])

    def mean(self, given: Array, target: Array) -> float:
        """The mean over all examples (or their entries, as the user's loss weighs them)."""
        sums, weights = self.of(given, target)
        return float(sums.sum() / weights.sum()) if weights.sum() else float("nan")

    def _some(self, given: Array, target: Array) -> tuple[Array, Array]:
        scores = self._scores(torch.as_tensor(given).double())
        wanted = torch.as_tensor(target)
        if self.own is not None:
            return self._by_hand(scores, wanted)
        call = LossCall(self.call, scores, self._target(scores, wanted), self.options)
        found = terms(call, len(given))
        assert found is not None  # the entries of one example stand in its own row
        sums, weights = (part.double().numpy() for part in found[:2])
        return np.where(sums > _INFINITE, np.inf, sums), weights

    def _scores(self, given: Tensor) -> Tensor:
        """What a model would have to put out for these probabilities: logits, or the values as they are."""
        if self.plain:
            return given
        if self.kind in (Kind.CLASSES, Kind.NEXT_TOKEN) or self.call in (*INDEXED, "kl_div"):
            return given.log().clamp_min(_NONE).movedim(-1, 1)
        if self.call == "binary_cross_entropy_with_logits" or (self.own is not None and self._is_yes_no):
            return (given.log() - (-given).log1p()).clamp(_NONE, -_NONE)
        return given.clamp_min(0).log().clamp_min(_NONE) if self.logs else given

    def _target(self, scores: Tensor, wanted: Tensor) -> Tensor:
        if self.call in INDEXED and wanted.shape != scores.shape:
            return wanted.long()
        if self.call == "kl_div" and wanted.shape != scores.shape:
            shares = torch.nn.functional.one_hot(wanted.long(), scores.shape[1]).double().movedim(-1, 1)
            return shares.log().clamp_min(_NONE) if self.options.get("log_target") else shares
        return wanted.to(scores.dtype).reshape(scores.shape)

    @property
    def _is_yes_no(self) -> bool:
        return self.kind in (Kind.BINARY, Kind.MULTILABEL)

    def _by_hand(self, scores: Tensor, wanted: Tensor) -> tuple[Array, Array]:
        """One example after the other: whatever the loss does over a batch, of one example it is that one's."""
        assert self.own is not None
        found = np.empty(len(scores))
        with torch.no_grad():
            for row in range(len(scores)):
                found[row] = float(self.own(scores[row : row + 1].float(), wanted[row : row + 1]).float().mean())
        return found, np.ones(len(scores))


def of_logarithms(loss_fn: Any) -> bool:
    """Whether a loss takes the logarithm of what is answered, as that of a rate."""
    logged = isinstance(loss_fn, torch.nn.PoissonNLLLoss) and loss_fn.log_input
    return bool(logged) or loss_fn is torch.nn.functional.poisson_nll_loss


def usual_loss(kind: Kind, classes: int | None = None) -> TaskLoss:
    """Cross-entropy for classes, squared error for numbers: the loss of a kind where the user has none of their own.

    Raises BadInput for a kind that has none.
    """
    if kind not in USUAL:
        raise BadInput("what is learned here is not known: give the loss with --loss")
    return TaskLoss(WORDS[USUAL[kind]], kind, classes, call=USUAL[kind], options={"reduction": "mean"})


def task_loss(bench: Bench) -> TaskLoss:
    """The loss of the bench's own task: the user's, as one batch shows it, or the usual one of the labels' kind.

    Raises BadInput, in one sentence, where the model cannot be run, and Missing where there are neither model nor data.
    """
    if bench.model is None:
        return usual_loss(*_of_labels(bench))
    try:
        with bench.untouched():
            return of_task(bench.once(_task), bench)
    except BadInput as error:
        if error.lacks != "loss_fn":
            raise
        return usual_loss(*_of_labels(bench))


def of_task(task: Task, bench: Bench) -> TaskLoss:
    """The same for a task that has been read."""
    call = task.call
    if call is not None:
        options = {key: _kept(value) for key, value in call.options.items()}
        return TaskLoss(WORDS[call.name], task.kind, task.classes, told(call), call.name, options)
    if bench.loss_fn is None or batches.takes_model(bench.loss_fn) or task.loss_of is None or task.kind is Kind.OWN:
        raise BadInput(
            f"the loss of {bench.name('model')} is not one that other answers can be given to: "
            "give one of torch, or a function of (output, target), with --loss"
        )
    plain = _are_shares(task)
    return TaskLoss(_name_of(bench.loss_fn), task.kind, task.classes, own=_asked(task, bench), plain=plain,
                    logs=of_logarithms(bench.loss_fn))  # fmt: skip


def told(call: LossCall) -> str:
    """How a call differs from the plain loss of its name."""
    options, parts = call.options, []
    if options.get("weight") is not None:
        parts.append("classes weighted" if call.name in INDEXED else "entries weighted")
    if options.get("pos_weight") is not None:
        parts.append("positives weighted")
    if options.get("label_smoothing"):
        parts.append(f"labels smoothed by {options['label_smoothing']:g}")
    return ", ".join(parts)


def _task(bench: Bench) -> Task:
    """The task of the training batch, or where there is none of the first batch of validation."""
    if bench.batch is None and bench.train_loader is None and bench.val_loader is not None:
        batch = batches.first_batch(bench.val_loader, bench.name("val_loader"))
        return bench.replace(batch=batch).get("task")  # type: ignore[no-any-return]
    return bench.get("task")  # type: ignore[no-any-return]


def _of_labels(bench: Bench) -> tuple[Kind, int | None]:
    """The kind of the labels that stand in the data, as `%inspect_data` tells it."""
    split = "train" if bench.train_loader is not None or bench.train_data is not None else "val"
    plan = bench.once(held.train_scan if split == "train" else held.val_scan).plan
    kind = None if plan.label is None else _BY_LABEL.get(plan.kinds[plan.label])
    if kind is None:
        raise BadInput("what is learned here is not known: the data have no label that tells; give model and loss")
    return kind, None


def _asked(task: Task, bench: Bench) -> Callable[[Tensor, Tensor], Tensor]:
    """The user's function of scores shaped as the model's own, on the model's device."""
    output, target, loss_fn = task.output, task.target, bench.loss_fn
    assert output is not None
    assert loss_fn is not None

    def ask(scores: Tensor, wanted: Tensor) -> Tensor:
        shaped = scores.reshape(len(scores), *output.shape[1:]).to(output)
        given = wanted.reshape(len(scores), *target.shape[1:]).to(target) if isinstance(target, Tensor) else wanted
        found = batches.first_tensor(loss_fn(shaped, given))
        if found is None:
            raise BadInput("the loss function gives no tensor")
        return found

    return ask


def _are_shares(task: Task) -> bool:
    """Whether the model's own outputs are probabilities: between 0 and 1, and of classes they add up to 1."""
    output = task.output
    if output is None or bool(((output < 0) | (output > 1)).any()):
        return False
    return task.kind is not Kind.CLASSES or bool(((output.sum(1) - 1).abs() < 1e-3).all())


def _kept(value: Any) -> Any:
    return value.detach().double().cpu() if isinstance(value, Tensor) else value


def _name_of(loss_fn: Any) -> str:
    name = getattr(loss_fn, "__name__", type(loss_fn).__name__)
    return "loss" if name == "<lambda>" else str(name)
