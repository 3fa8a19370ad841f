"""What a model makes of each example of a batch: its loss, what it predicts, whether that is another class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ... import batches
from ...batches import BadInput, Feed
from ...task.call import LossCall, catch_loss
from ...task.kind import Kind, kind_of
from ...task.refusal import failed_forward

Array = np.ndarray[Any, Any]
LossFn = Callable[..., Any]


@dataclass(frozen=True)
class Judged:
    """One number for each example; NaN where it cannot be told, None where it cannot be told of any."""

    loss: Array | None = None
    #: a class, or for a regression the number itself
    prediction: Array | None = None
    classes: bool = False
    #: 1 where another class is predicted than the label says, or any of several labels is
    wrong: Array | None = None


def judged(model: nn.Module, batch: Any, loss_fn: LossFn | None) -> Judged:
    """Run one batch as it is, without gradients; the model's modes are the caller's matter.

    Losses are those of the user's own loss, example by example. Raises BadInput where the forward pass fails.
    """
    fed = batches.feed(model, batch, loss_fn)
    with torch.no_grad():
        try:
            step, calls = catch_loss(lambda: batches.forward(model, fed, loss_fn))
        except BadInput:
            raise
        except Exception as error:
            raise failed_forward(model, fed, error) from error
        call = calls[-1] if calls else None
        output = step.output if step.output is not None else call.input if call is not None else None
        kind, _ = kind_of(call, fed, output)
        loss = _by_call(call, fed.size) if call is not None else _by_row(loss_fn, step.raw, fed)
        prediction, classes = _predicted(kind, call, output, fed.size)
        wrong = _wrong(kind, call, output, fed, prediction)
    return Judged(loss, prediction, classes, wrong)


def _by_call(call: LossCall, size: int) -> Array | None:
    """The mean over what belongs to each example, without what the loss ignores."""
    each = call.again(call.input, reduction="none").detach().float()
    if each.numel() % size:
        return None
    table = each.reshape(size, -1)
    ignored = call.options.get("ignore_index")
    if call.name in ("cross_entropy", "nll_loss") and ignored is not None and call.target.numel() == each.numel():
        counted = (call.target != ignored).reshape(size, -1)
        return _array((table * counted).sum(1) / counted.sum(1))
    return _array(table.mean(1))


def _by_row(loss_fn: LossFn | None, raw: Any, fed: Feed) -> Array | None:
    """The loss of one example after the other, where it is a function of the output and the target."""
    if loss_fn is None or raw is None or batches.takes_model(loss_fn):
        return None
    found = []
    for row in range(fed.size):
        try:
            one = batches.first_tensor(loss_fn(batches.take(raw, 1, row), batches.take(fed.target, 1, row)))
        except Exception:
            return None
        if one is None:
            return None
        found.append(float(one.float().mean()))
    return np.array(found, dtype=np.float32)


def _predicted(kind: Kind, call: LossCall | None, output: Tensor | None, size: int) -> tuple[Array | None, bool]:
    if output is None or len(output) != size:
        return None, False
    if kind is Kind.CLASSES and output.ndim == 2:
        return _array(output.argmax(1)), True
    if kind is Kind.BINARY:
        return _array(_yes(call, output).reshape(size)), True
    if kind is Kind.REGRESSION and output.numel() == size:
        return _array(output.reshape(size)), False
    return None, False


def _wrong(kind: Kind, call: LossCall | None, output: Tensor | None, fed: Feed, told: Array | None) -> Array | None:
    target = call.target if call is not None else fed.target
    if not isinstance(target, Tensor) or output is None or len(target) != fed.size:
        return None
    if kind is Kind.CLASSES and told is not None:
        wanted = target.argmax(1) if target.ndim == 2 and target.shape[1] > 1 else target.reshape(fed.size)
        known = _array(wanted)
        return np.where(known < 0, np.nan, known != told).astype(np.float32)
    if kind in (Kind.BINARY, Kind.MULTILABEL) and target.numel() == output.numel():
        apart = _yes(call, output).reshape(fed.size, -1) != (target.reshape(fed.size, -1) >= 0.5)
        return _array(apart.any(1))
    return None


def _yes(call: LossCall | None, output: Tensor) -> Tensor:
    """Scores that a sigmoid is still to come upon say yes above 0, probabilities above a half."""
    return output > (0.5 if call is not None and call.name == "binary_cross_entropy" else 0.0)


def _array(values: Tensor) -> Array:
    found: Array = values.detach().float().cpu().numpy()
    return found
