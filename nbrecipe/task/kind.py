"""What is being learned: classes, a number, tokens, an image; read off targets, outputs and the loss's own call."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ..batches import Feed
from .call import LossCall


class Kind(str, enum.Enum):
    """What a model learns to give for an example."""

    CLASSES = "classes"  # one of C classes: output (N, C), target (N,) or soft (N, C)
    BINARY = "binary"  # yes or no: output (N,) or (N, 1)
    MULTILABEL = "multi-label"  # several yes or no: output and target (N, K)
    REGRESSION = "regression"  # numbers: output and target (N, ...) of few values an example
    NEXT_TOKEN = "next token"  # a class at every position of a sequence: ids in, (N, T, V) out
    SEGMENTATION = "segmentation"  # a class or a yes/no at every pixel
    RECONSTRUCTION = "reconstruction"  # an image or a signal out
    OWN = "own"  # only a loss is known: the model's own, or a function not understood

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Task:
    """What is learned from one batch, before any training.

    `call` is the understood call that reached the loss; None for a loss written by hand or computed in the model.
    `output` and `loss` are those of the batch at hand, detached.
    """

    kind: Kind
    feed: Feed
    output: Tensor | None
    target: Any
    loss: Tensor | None
    call: LossCall | None
    #: number of classes, labels or values per example; None where unknown
    classes: int | None
    #: the loss of these targets for any output of the model's shape
    loss_of: Callable[[Tensor], Tensor] | None


def read_task(model: nn.Module, fed: Feed, loss_fn: Callable[..., Any] | None) -> Task:
    """Run one batch and read off what is learned.

    Raises BadInput, in one sentence, when the forward pass or the loss fails on this batch, when inputs hold NaN, when
    a class index lies outside the outputs, or when the targets' dtype is not what the loss takes.
    """
    raise NotImplementedError
