"""The loss of the same model with weights drawn anew: tells luck and training from labels that leak."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ...bench import Bench
from ...task import read_task
from .start import loss_of, scored, start

#: draws; a fresh model is by luck below a guess in half of them at most: all of six happen in 1 of 64
DRAWS = 6


def fresh_losses(bench: Bench) -> tuple[float, ...] | None:
    """The losses of the first measured batch for six fresh draws of all weights; None where some cannot be drawn.

    Weights are drawn by `reset_parameters`; a module of the user's own without it keeps its weights, so that nothing
    could be concluded. Changes the model: run it inside `bench.untouched()`.
    """
    model, begun = bench.get("model"), bench.once(start)
    if begun is None or any(_holds_own(module) for module in model.modules()):
        return None
    losses = []
    for seed in range(DRAWS):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for module in model.modules():
                reset: Any = getattr(module, "reset_parameters", None)
                if callable(reset):
                    reset()
        task = read_task(model, begun.tasks[0].feed, bench.loss_fn)
        losses.append(loss_of(begun.tasks[0], scored(task)))
    return tuple(losses)


def _holds_own(module: nn.Module) -> bool:
    """Whether a module holds parameters that it cannot draw anew."""
    own = [*module.parameters(recurse=False)]
    return bool(own) and not callable(getattr(module, "reset_parameters", getattr(module, "_reset_parameters", None)))
