"""One forward pass over the batch, with every choice made once, before the loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ... import batches
from ...batches import BadInput, Feed
from ...task import LossCall, Task, catch_loss

Pass = Callable[[], tuple[Tensor | None, Tensor]]


@dataclass(frozen=True)
class Passes:
    """How a pass is run, and how the scores that the loss judges are read off it."""

    run: Pass
    task: Task
    #: the call that gave the loss, at the first pass, with its graph
    call: LossCall | None
    #: which of the loss calls in a pass it is; None where the scores are the model's output itself
    place: int | None
    #: the shape that the loss is given, where it differs from the output's
    shape: torch.Size | None
    #: loss and output of the first pass, with their graph
    loss: Tensor
    output: Tensor | None

    @property
    def direct(self) -> bool:
        """Whether any pass shows the scores; else only one that is watched does."""
        return self.place is None

    def watched(self) -> tuple[Tensor | None, Tensor]:
        """A pass, and its scores in the shape in which the loss is given them."""
        if self.place is None:
            output, loss = self.run()
            return self.scores(output), loss
        (_, loss), calls = catch_loss(self.run)
        return (calls[self.place].input if self.place < len(calls) else None), loss

    def scores(self, output: Tensor | None) -> Tensor | None:
        """The same of the output of an unwatched pass."""
        if output is None or self.place is not None:
            return None
        return output if self.shape is None else output.reshape(self.shape)


def passes(model: nn.Module, task: Task, loss_fn: Callable[..., Any] | None) -> Passes:
    """Run the first pass, with gradients, and settle how the next ones are run."""
    run = one_pass(model, task.feed, loss_fn)
    (output, loss), calls = catch_loss(run)
    known = task.call
    same = [i for i, c in enumerate(calls) if known and c.name == known.name and c.input.shape == known.input.shape]
    if known is None or not same:
        return Passes(run, task, None, None, None, loss, output)
    mine = calls[same[-1]]
    call = LossCall(mine.name, mine.input, mine.target, known.options)
    direct = (
        output is not None
        and output.numel() == call.input.numel()
        and torch.equal(output.detach().reshape(call.input.shape), call.input.detach())
    )
    shape = None if output is None or output.shape == call.input.shape else call.input.shape
    return Passes(run, task, call, None if direct else same[-1], shape, loss, output)


def one_pass(model: nn.Module, fed: Feed, loss_fn: Callable[..., Any] | None) -> Pass:
    """The output and the scalar loss of one pass, as the user's loop would compute them."""
    args, kwargs, target = fed.args, fed.kwargs, fed.target
    if loss_fn is None:

        def own() -> tuple[Tensor | None, Tensor]:
            raw = model(*args, **kwargs)
            return batches.output_of(raw), scalar(batches.own_loss(raw))

        return own
    if batches.takes_model(loss_fn):
        return lambda: (None, scalar(batches.first_tensor(batches.ask(loss_fn, model, fed))))
    whole: bool | None = None

    def usual() -> tuple[Tensor | None, Tensor]:
        nonlocal whole
        raw = model(*args, **kwargs)
        whole = _takes_whole(loss_fn, raw, target) if whole is None else whole
        output = raw if type(raw) is Tensor else batches.output_of(raw)
        loss = loss_fn(raw if whole else output, target)
        return output, loss if type(loss) is Tensor and not loss.ndim else scalar(batches.first_tensor(loss))

    return usual


def scalar(loss: Tensor | None) -> Tensor:
    """The loss, or its mean where the user does not reduce it."""
    if loss is None:
        raise BadInput("neither the model nor the loss function gives a loss that is a tensor")
    return loss if loss.ndim == 0 else loss.mean()


def _takes_whole(loss_fn: Callable[..., Any], raw: Any, target: Any) -> bool:
    """Whether the loss takes all that the model answers, rather than its main tensor."""
    if isinstance(raw, Tensor):
        return True
    first = batches.offered(loss_fn, raw)[0]
    if first is not raw:
        return False
    try:
        loss_fn(raw, target)
    except Exception:
        return batches.output_of(raw) is None
    return True
