"""One batch after the other through model and loss; how the loss is called is understood once, on the first batch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import loss as losses
from torch.overrides import TorchFunctionMode

from .. import batches
from ..batches import BadInput, Feed
from ..task import LossCall, Task, read_task
from ..task.call import KNOWN, call_of
from ..task.refusal import failed_forward, failed_loss, refuse_targets
from .terms import Terms, terms

LossFn = Callable[..., Any]
#: the modules of torch that hand output and target to a function as they are
_PLAIN = (losses.CrossEntropyLoss, losses.NLLLoss, losses.BCEWithLogitsLoss, losses.BCELoss, losses.MSELoss,
          losses.L1Loss, losses.HuberLoss, losses.SmoothL1Loss, losses.KLDivLoss)  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """What one batch came to."""

    size: int
    #: what the loss was really given; None for one written by hand
    call: LossCall | None
    terms: Terms | None
    output: Tensor | None
    target: Any
    #: the user's loss of the whole batch; None where its terms say it
    loss: Tensor | None = None


class Reader:
    """Runs batches without gradients; modes of the model are the caller's matter."""

    def __init__(self, model: nn.Module, loss_fn: LossFn | None) -> None:
        self._model, self._loss_fn = model, loss_fn
        #: whether model and loss cannot be run one after the other
        self._joint = loss_fn is None or batches.takes_model(loss_fn)
        self.task: Task | None = None
        self._next: Callable[[Feed], Seen] = self._anew
        self._pair: torch.device | None = None
        self._paired = False
        #: whether a loss of torch is given the model's answer and the target, and nothing else happens
        self.plain = False

    @property
    def read(self) -> Task:
        """The task that the first batch showed."""
        assert self.task is not None
        return self.task

    def __call__(self, batch: Any) -> Seen:
        """One batch. Raises BadInput, in one sentence, where model or loss fail."""
        if self.task is None:
            return self._first(batch)
        fed = self._fed(batch)
        try:
            return self._next(fed)
        except BadInput:
            raise
        except Exception as error:
            raise self._failed(fed, error) from error

    def _first(self, batch: Any) -> Seen:
        fed = batches.feed(self._model, batch, self._loss_fn)
        task = read_task(self._model, fed, self._loss_fn, as_is=True)
        self.task = task
        self._remember(batch, fed)
        if task.call is not None:
            self.plain = self._given_as_it_is(task)
            self._next = self._direct if self.plain else self._intercepted
            return Seen(fed.size, task.call, terms(task.call, fed.size), task.output, task.target)
        return Seen(fed.size, None, self._by_row(task.output, fed), task.output, task.target, task.loss)

    def _given_as_it_is(self, task: Task) -> bool:
        loss_fn, call = self._loss_fn, task.call
        known = type(loss_fn) in _PLAIN or any(loss_fn is function for function in KNOWN)
        hooked = isinstance(loss_fn, nn.Module) and (loss_fn._forward_hooks or loss_fn._forward_pre_hooks)
        return known and not hooked and call is not None and call.target is task.target

    def _remember(self, batch: Any, fed: Feed) -> None:
        """The common batch, a pair of tensors, is taken apart without asking the model again how it takes it."""
        pair = isinstance(batch, (tuple, list)) and len(batch) == 2 and all(isinstance(x, Tensor) for x in batch)
        if pair and not fed.kwargs and len(fed.args) == 1 and isinstance(fed.target, Tensor):
            given = fed.args[0]
            self._paired = isinstance(given, Tensor) and given.shape == batch[0].shape
            self._pair = given.device if isinstance(given, Tensor) else None

    def _fed(self, batch: Any) -> Feed:
        if self._paired and isinstance(batch, (tuple, list)) and len(batch) == 2 and len(batch[0]):
            x, y = batch[0].to(self._pair), batch[1].to(self._pair)
            return Feed((x,), {}, y, (x, y))
        return batches.feed(self._model, batch, self._loss_fn)

    def pair(self, batch: Any, most: int) -> tuple[Tensor, Tensor] | None:
        """The model's answer to a pair of at most so many examples, and their targets; None for any other batch."""
        if not self._paired or not isinstance(batch, (tuple, list)) or len(batch) != 2:
            return None
        x, y = batch
        if type(x) is not Tensor or type(y) is not Tensor or not 0 < len(x) <= most:
            return None
        x = x.to(self._pair)
        try:
            raw = self._model(x)
            output = raw if isinstance(raw, Tensor) else batches.output_of(raw)
            assert output is not None
        except Exception as error:
            y = y.to(self._pair)
            raise self._failed(Feed((x,), {}, y, (x, y)), error) from error
        return output, y

    def judged(self, output: Tensor, target: Tensor) -> Seen:
        """What the loss of torch says of answers, row by row. Raises BadInput, in one sentence, where it fails."""
        target = target.to(self._pair)
        try:
            return self._of(output, target)
        except BadInput:
            raise
        except Exception as error:
            raise self._failed_loss(output, target, error) from error

    def _direct(self, fed: Feed) -> Seen:
        raw = self._model(*fed.args, **fed.kwargs)
        output = raw if isinstance(raw, Tensor) else batches.output_of(raw)
        assert output is not None
        return self._of(output, fed.target)

    def _of(self, output: Tensor, target: Any) -> Seen:
        assert self.task is not None
        assert self.task.call is not None
        call = LossCall(self.task.call.name, output, target, self.task.call.options)
        if not output.ndim and isinstance(target, Tensor) and target.shape == (1,):
            raise BadInput(
                "the model gives a single number, without an axis, for a batch of one row: name the axis that "
                "`squeeze` takes away, such as `.squeeze(1)`"
            )
        if output.device.type != "cpu":  # there a wrong index ends the process; here it raises by itself
            refuse_targets(call.name, output, target, call.options)
        return Seen(len(output), call, terms(call, len(output)), output, target)

    def _intercepted(self, fed: Feed) -> Seen:
        """The user's own function runs; the one call in it is asked for its single terms."""
        assert self.task is not None
        assert self.task.call is not None
        size, asked = fed.size, _Asked(self.task.call, fed.size)
        output = self._run(fed, asked)
        if len(asked.calls) != 1:
            self._next = self._anew
            return self._anew(fed)
        call, found = asked.calls[0]
        return Seen(size, call, found, output if output is not None else call.input, fed.target)

    def _run(self, fed: Feed, asked: TorchFunctionMode) -> Tensor | None:
        """Model and loss; the model by itself where it can be: some layers run otherwise under a watch."""
        loss_fn = self._loss_fn
        if loss_fn is None or self._joint:
            with asked:
                return batches.forward(self._model, fed, loss_fn).output
        raw = self._model(*fed.args, **fed.kwargs)
        *first, last = batches.offered(loss_fn, raw)
        with asked:
            for given in first:
                with contextlib.suppress(Exception):
                    loss_fn(given, fed.target)
                    return batches.output_of(raw)
            loss_fn(last, fed.target)
        return batches.output_of(raw)

    def _anew(self, fed: Feed) -> Seen:
        """Each batch is understood by itself, as the first was."""
        task = read_task(self._model, fed, self._loss_fn, as_is=True)
        if task.call is not None:
            return Seen(fed.size, task.call, terms(task.call, fed.size), task.output, task.target)
        return Seen(fed.size, None, self._by_row(task.output, fed), task.output, task.target, task.loss)

    def _by_row(self, output: Tensor | None, fed: Feed) -> Terms | None:
        """The loss of one example after the other, where it is a function of the output and the target."""
        task, size = self.task, fed.size
        if output is None or len(output) != size or self._loss_fn is None or self._joint:
            return None
        assert task is not None
        found = []
        for row in range(size):
            try:
                one = self._loss_fn(output[row : row + 1], batches.take(fed.target, 1, row))
            except Exception:
                return None
            value = batches.first_tensor(one)
            if value is None:
                return None
            found.append(value.detach().float().mean())
        each = torch.stack(found)
        return Terms(each, torch.ones_like(each))

    def _failed(self, fed: Feed, error: Exception) -> BadInput:
        """Which of the two failed is told by asking the loss alone."""
        try:
            raw = self._model(*fed.args, **fed.kwargs)
        except Exception as failure:
            return failed_forward(self._model, fed, failure)
        return self._failed_loss(batches.output_of(raw), fed.target, error)

    def _failed_loss(self, output: Any, target: Any, error: Exception) -> BadInput:
        call = None if self.task is None or self._loss_fn is None else self.task.call
        if call is not None and isinstance(output, Tensor) and isinstance(target, Tensor):
            refuse_targets(call.name, output, target, call.options)
        return failed_loss(output, target, error)


class _Asked(TorchFunctionMode):
    """Asks every call of one loss for its single terms, and hands the user's code the mean or sum that it expects."""

    def __init__(self, like: LossCall, rows: int) -> None:
        super().__init__()
        self._name, self._rows = like.name, rows
        self._reduction = like.reduction
        self.calls: list[tuple[LossCall, Terms | None]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if KNOWN.get(func) != self._name:
            return func(*args, **(kwargs or {}))
        call = call_of(func, args, kwargs or {})
        # what the user's own code does with single terms was found out on the first batch
        meant = LossCall(call.name, call.input, call.target, {**call.options, "reduction": self._reduction})
        if call.input.device.type != "cpu":
            refuse_targets(call.name, call.input, call.target, call.options)
        found = terms(meant, self._rows)
        self.calls.append((meant, found))
        if call.reduction == "none" or found is None:
            return func(*args, **(kwargs or {}))
        sums, weights, _ = found
        return sums.sum() if call.reduction == "sum" else sums.sum() / weights.sum()
