"""Runs one batch and reads off what is learned from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from .. import batches
from ..batches import BadInput, Feed
from ..batches.models import eagerly
from .call import LossCall, catch_loss
from .kind import Task, kind_of
from .refusal import failed_forward, failed_loss, no_loss, refuse_lazy, refuse_loss_fn, refuse_nonfinite

LossFn = Callable[..., Any]
LossOf = Callable[[Tensor], Tensor]


def read_task(model: nn.Module, fed: Feed, loss_fn: LossFn | None, *, as_is: bool = False) -> Task:
    """Run one batch without gradients, as the training loop would (see `as_in_training`), and read off what is learned.

    With `as_is` the modules stay in the modes that they are in. Runs inside `bench.untouched()`: batch norm counts this
    batch in. Raises BadInput, in one sentence, when NaN in the inputs reaches the loss, when the forward pass or the
    loss fails on this batch, when a class index lies outside the outputs, when the targets' dtype is not what the loss
    takes, or when there is no loss.
    """
    refuse_lazy(model)
    if loss_fn is not None:
        refuse_loss_fn(loss_fn)
    with torch.no_grad(), nullcontext() if as_is else as_in_training(model), eagerly():
        if loss_fn is None:
            task = _own(model, fed)
        elif batches.takes_model(loss_fn):
            task = _of_model(model, fed, loss_fn)
        else:
            task = _of_output(model, fed, loss_fn, watched=not as_is)
    if task.loss is not None and not task.loss.isfinite():
        refuse_nonfinite(model, fed)  # models and losses that deal with gaps in the data give a finite loss
    return task


@contextmanager
def as_in_training(model: nn.Module) -> Iterator[None]:
    """The modes of the modules as they are, but without dropout's noise.

    Batch norm that never saw a batch has no statistics yet and takes the batch's, whatever its mode; it stays blank.
    """
    noisy = [module for module in model.modules() if isinstance(module, nn.modules.dropout._DropoutNd)]
    blank = [module for module in model.modules() if _is_blank(module)]
    modes = [(module, module.training) for module in (*noisy, *blank)]
    kept = [(buffer, buffer.clone()) for module in blank for buffer in module.buffers()]
    try:
        for module, _ in modes:
            module.training = module in blank
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        for buffer, value in kept:
            buffer.copy_(value)


def _is_blank(module: nn.Module) -> bool:
    if not isinstance(module, nn.modules.batchnorm._BatchNorm) or module.running_var is None:
        return False
    seen, spread = module.num_batches_tracked, module.running_var
    return (seen is None or int(seen) == 0) and bool((spread == 1).all())  # old checkpoints count no batches


def _of_output(model: nn.Module, fed: Feed, loss_fn: LossFn, *, watched: bool) -> Task:
    """The common case: loss_fn(model(x), y); some layers run otherwise where calls inside the model are watched."""
    raw, _ = _forward(model, fed, watched=watched)
    error: Exception = RuntimeError("the model returns nothing that the loss could take")
    given: Any = raw
    for given in batches.offered(loss_fn, raw):
        try:
            answer, calls = catch_loss(lambda given=given: loss_fn(given, fed.target))  # type: ignore[misc]
            break
        except BadInput:
            raise
        except Exception as failure:
            error = failure
    else:
        raise failed_loss(given, fed.target, error) from error
    loss = _tensor(loss_fn, answer)
    output = batches.output_of(raw) if not isinstance(raw, Tensor) else raw
    call = _the_one(calls, loss)
    kind, classes = kind_of(call or (calls[-1] if calls else None), fed, output)

    def loss_of(other: Tensor) -> Tensor:
        swapped = batches.apply(given, lambda item: other if item is output else item)
        return _tensor(loss_fn, loss_fn(swapped, fed.target))

    ask = None if output is None else loss_of
    return Task(kind, fed, output, fed.target, loss.detach(), call, classes, ask)


def _own(model: nn.Module, fed: Feed) -> Task:
    """The model returns its own loss."""
    raw, calls = _forward(model, fed)
    loss = batches.own_loss(raw)
    if loss is None:
        raise no_loss(None, raw)
    return _inside(fed, batches.output_of(raw), loss, calls)


def _of_model(model: nn.Module, fed: Feed, loss_fn: LossFn) -> Task:
    """The user's function takes the model and runs it itself."""
    answers: list[Any] = []
    handle = model.register_forward_hook(lambda module, args, answer: answers.append(answer))
    try:
        answer, calls = catch_loss(lambda: batches.ask(loss_fn, model, fed))
    except BadInput:
        raise
    except Exception as error:
        raise (
            failed_forward(model, fed, error) if not answers else failed_loss(answers[-1], fed.target, error)
        ) from error
    finally:
        handle.remove()
    loss = _tensor(loss_fn, answer)
    return _inside(fed, batches.output_of(answers[0]) if len(answers) == 1 else None, loss, calls)


def _inside(fed: Feed, output: Tensor | None, loss: Tensor, calls: list[LossCall]) -> Task:
    """A loss computed where only its call can be asked again."""
    call = _the_one(calls, loss)
    kind, classes = kind_of(call or (calls[-1] if calls else None), fed, output)
    if call is None:
        return Task(kind, fed, output, fed.target, loss.detach(), None, classes, None)
    view = _view(output, call.input)
    if view is None:
        return Task(kind, fed, call.input.detach(), fed.target, loss.detach(), call, classes, call.again)
    return Task(kind, fed, output, fed.target, loss.detach(), call, classes, lambda other: call.again(view(other)))


def _view(output: Tensor | None, given: Tensor) -> LossOf | None:
    """How the loss's input is cut out of the model's output, where that can be told from the numbers."""
    if output is None:
        return None
    ways: list[LossOf] = [
        lambda x: x,
        lambda x: x[:, :-1],
        lambda x: x.transpose(1, 2),
        lambda x: x[:, :-1].transpose(1, 2),
    ]
    for way in ways[: 4 if output.ndim == 3 else 1]:
        seen = way(output)
        if seen.numel() == given.numel() and torch.equal(seen.reshape(given.shape).to(given.dtype), given):
            return lambda x, way=way: way(x).reshape(given.shape).to(given.dtype)  # type: ignore[misc]
    return None


def _the_one(calls: list[LossCall], loss: Tensor) -> LossCall | None:
    """The single call that gave this loss; a mean or sum that the user took of an unreduced call counts too."""
    for call in reversed(calls):
        for reduction in dict.fromkeys((call.reduction, "mean", "sum")):
            value = call.again(call.input, reduction=reduction).mean()
            if torch.allclose(value.float(), loss.float(), rtol=1e-4, equal_nan=True):
                return LossCall(call.name, call.input.detach(), call.target, {**call.options, "reduction": reduction})
    return None


def _forward(model: nn.Module, fed: Feed, *, watched: bool = True) -> tuple[Any, list[LossCall]]:
    try:
        if not watched:
            return model(*fed.args, **fed.kwargs), []
        return catch_loss(lambda: model(*fed.args, **fed.kwargs))
    except BadInput:
        raise
    except Exception as error:
        if "does not require grad" not in str(error):
            raise failed_forward(model, fed, error) from error
    with torch.enable_grad():  # a model that differentiates inside its forward pass
        return catch_loss(lambda: model(*fed.args, **fed.kwargs))


def _tensor(loss_fn: LossFn, answer: Any) -> Tensor:
    loss = batches.first_tensor(answer)
    if loss is None:
        raise no_loss(loss_fn, answer)
    return loss if loss.ndim == 0 else loss.mean()
