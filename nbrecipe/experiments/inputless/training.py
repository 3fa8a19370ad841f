"""A fresh start of the user's model and some steps of their own optimizer, over the same batches each time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ... import batches
from ...batches import BadInput
from ...batches.scalar import scalar_of
from ...bench import Bench
from ...task.refusal import told
from ..overfit.optimizers import choices
from .blanking import Blank

#: steps at least and at most, and passes over the batches at most
LEAST, MOST, EPOCHS = 20, 5000, 30
Keep = Callable[[], bool]


@dataclass(frozen=True)
class Start:
    """The weights that every run starts from, and which of them could not be drawn anew."""

    state: dict[str, Tensor]
    drawn: bool
    #: modules of the user's own that keep the weights they have
    kept: tuple[str, ...] = ()


def fresh_start(bench: Bench, seed: int = 0) -> Start:
    """Draw every trainable weight anew, as its module does by itself; pretrained ones stay. Changes the model."""
    model: nn.Module = bench.get("model")
    if bench.pretrained is not None or "from_pretrained" in bench.trained:
        return Start(_copied(model), drawn=False)
    torch.manual_seed(seed)
    kept = []
    for path, module in model.named_modules():
        own = list(module.parameters(recurse=False))
        if own and not any(parameter.requires_grad for parameter in own):
            continue  # what is frozen is meant to be as it is
        reset: Any = getattr(module, "reset_parameters", getattr(module, "_reset_parameters", None))
        if callable(reset):
            reset()
        elif own:
            kept.append(path or type(module).__name__)
    return Start(_copied(model), drawn=True, kept=tuple(kept))


def train(
    bench: Bench, start: Start, given: Sequence[Any], blank: Blank | None, *, deadline: float | None, steps: int | None
) -> int:
    """Train the bench's model from a start, and return the steps: `steps` of them, or until the deadline.

    Leaves the model trained. Raises BadInput where a step cannot be made.
    """
    model: nn.Module = bench.get("model")
    model.load_state_dict(start.state)
    model.train()
    torch.manual_seed(1)
    choice = choices(model, bench.optimizer, None)[0][0]
    optimizer = choice.make()
    last = min(MOST, EPOCHS * len(given)) if steps is None else steps
    done = 0
    with torch.enable_grad():
        for batch in _cycled(given, max(last, LEAST)):
            if steps is None and done >= LEAST and (done >= last or _over(deadline)):
                break
            if steps is not None and done >= steps:
                break
            _step(bench, model, optimizer, batch, blank)
            done += 1
    return done


def _step(bench: Bench, model: nn.Module, optimizer: Any, batch: Any, blank: Blank | None) -> None:
    fed = batches.feed(model, batch, bench.loss_fn)
    try:
        if blank is not None:
            fed = batches.feed(model, blank(fed.batch, fed), bench.loss_fn)
        loss = scalar_of(batches.forward(model, fed, bench.loss_fn))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    except BadInput:
        raise
    except Exception as error:
        what = "without its inputs" if blank is not None else "on a copy"
        raise BadInput(f"a training step fails {what}: {told(error)}") from error


def _cycled(given: Sequence[Any], most: int) -> Iterator[Any]:
    for step in range(most):
        yield given[step % len(given)]


def _over(deadline: float | None) -> bool:
    return deadline is not None and time.perf_counter() >= deadline


def _copied(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() if isinstance(value, Tensor) else value for name, value in model.state_dict().items()}
