"""Whether different inputs get the same output, now and after a few steps of training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ... import batches
from ...batches import BadInput, Feed, Step
from ...batches.models import plain
from ...batches.scalar import projected
from ...bench import Bench
from ...task.refusal import refuse_lazy
from .signal import forward, training

#: steps after which the gradient has passed every gate that starts at zero: head, gate, branch end, modulation
STEPS = 4
#: of a weight's size, or of 1 where it is zero
STEP_SIZE = 0.05


@dataclass(frozen=True)
class Constancy:
    """How the outputs of one batch vary."""

    #: examples, and values an example
    size: int
    values: int
    #: largest distance between two examples' outputs at one place, at the start and after the steps
    spread: float
    later: float
    #: the value where all outputs are one number; None where they are several
    constant: float | None
    #: the operation that made the outputs: "Softmax", "Relu", "Addmm"; "" where it cannot be told
    last: str
    #: whether the gradient of every weight is zero, now and after the steps
    stuck: bool
    #: whether different examples were given
    told_apart: bool


def constancy(bench: Bench) -> Constancy | None:
    """Compare the outputs of a batch's examples; None where the model gives no tensor with a row for each.

    Takes `STEPS` steps along the loss where all are equal. Raises BadInput for lazy layers and a step that fails.
    """
    model, fed = plain(bench.get("model")), bench.get("feed")
    refuse_lazy(model)
    with bench.untouched() as state:
        step, rows = _run(bench, model, fed)
        if rows is None:
            return None
        spread = _spread(rows)
        apart = any(_spread(t) > 0 for t in _inputs(fed))
        first = rows.flatten()[0]
        constant = float(first) if bool((rows == first).all()) else None
        last = step.output.grad_fn.name() if step.output is not None and step.output.grad_fn is not None else ""
        found = Constancy(fed.size, rows[0].numel(), spread, spread, constant, _plain_name(last), False, apart)
        if spread > 0 or not apart or not any(p.requires_grad for p in model.parameters()):
            return found
        later, stuck = _followed(bench, model, fed)
        state.restore()
    return Constancy(fed.size, found.values, spread, later, constant, found.last, stuck, apart)


def _run(bench: Bench, model: nn.Module, fed: Feed) -> tuple[Step, Tensor | None]:
    with training(model, fed.size), torch.enable_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        step = forward(bench, model, fed)
    output = step.output
    if output is None or output.ndim == 0 or output.shape[0] != fed.size or fed.size < 2 or output.is_sparse:
        return step, None
    rows = torch.view_as_real(output) if output.is_complex() else output
    return step, rows.detach().double()


def _spread(rows: Tensor) -> float:
    if not rows.numel() or len(rows) < 2:
        return 0.0
    values = rows.double().nan_to_num()
    return float((values.amax(0) - values.amin(0)).max())


def _inputs(fed: Feed) -> list[Tensor]:
    leaves: list[Any] = list(batches.leaves([list(fed.args), fed.kwargs]))
    return [t for t in leaves if isinstance(t, Tensor) and t.ndim and t.shape[0] == fed.size and not t.is_complex()]


def _followed(bench: Bench, model: nn.Module, fed: Feed) -> tuple[float, bool]:
    """The spread after some steps, and whether no weight was told to move at any of them."""
    stuck = True
    for _ in range(STEPS):
        step, _ = _run(bench, model, fed)
        stuck = _nudged(model, step) and stuck
    _, rows = _run(bench, model, fed)
    return (float("inf") if rows is None else _spread(rows)), stuck


def _nudged(model: nn.Module, step: Step) -> bool:
    """Step along the loss, the same share of each parameter; whether no weight had a gradient."""
    named = [(p, p.ndim > 1) for p in model.parameters() if p.requires_grad]
    loss = step.loss if step.loss is not None else projected(step.output) if step.output is not None else None
    if loss is None or not loss.requires_grad:
        return True
    try:
        gradients = torch.autograd.grad(loss.mean(), [p for p, _ in named], allow_unused=True)
    except RuntimeError as error:
        raise BadInput(f"the backward pass fails: {str(error).split('. ')[0]}") from error
    still = True
    with torch.no_grad():
        for (parameter, is_weight), gradient in zip(named, gradients, strict=True):
            dense = None if gradient is None else gradient.to_dense() if gradient.is_sparse else gradient
            size = 0.0 if dense is None else float(dense.abs().square().mean().sqrt())
            if dense is None or not size > 0:
                continue
            still = still and not is_weight
            own = float(parameter.abs().square().mean().sqrt()) or 1.0
            parameter.sub_(dense * (STEP_SIZE * own / size))
    return still


def _plain_name(node: str) -> str:
    return node.rpartition("Backward")[0].lstrip("_")
