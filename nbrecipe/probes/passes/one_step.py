"""One training step on the bench's batch, run for somebody who watches it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import nn

from ...batches import BadInput, Step
from ...batches.models import plain
from ...bench import Bench
from ...task.refusal import refuse_lazy, refuse_loss_fn
from .signal import forward, training

Seen = TypeVar("Seen")


@dataclass(frozen=True)
class OneStep(Generic[Seen]):
    """A measurement for `bench.once`: forward pass and loss in train mode without dropout, run inside `record`.

    `record` is given the step to run, the model, and what the user calls the model and the loss. A model left in eval
    mode may answer in probabilities there and in logits in training. Raises BadInput for a step that fails.
    """

    record: Callable[[Callable[[], Step], nn.Module, tuple[str, str]], Seen]

    def __call__(self, bench: Bench) -> Seen:
        model = plain(bench.get("model"))
        fed = dataclasses.replace(bench.get("feed"))
        refuse_lazy(model)
        if bench.loss_fn is not None:
            refuse_loss_fn(bench.loss_fn)
        names = (bench.name("model"), bench.name("loss_fn") if bench.loss_fn is not None else bench.name("model"))
        try:
            with training(model, fed.size):
                return self.record(lambda: forward(bench, model, fed), model, names)
        except BadInput:
            bench.get("task")  # raises the sentence that fits, where there is one
            raise
