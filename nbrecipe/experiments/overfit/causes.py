"""Names why a loss cannot come down, where that is certain."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ...batches import BadInput
from ...bench import Bench
from ...finding import number, spelled
from ...task import Kind
from .floor import normalised
from .outcome import Attempt, Cause
from .passes import Passes
from .reach import Bounds, best_within, bounds_of
from .reading import Aim

#: outputs closer than this part of their size are equal: float32 carries seven digits
SAME = 1e-6
_VALUES = ("mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss")


def before_training(bench: Bench, first: Passes, aim: Aim) -> Cause | None:
    """What the first pass and its gradients already settle; `first` still has its graph."""
    name = bench.name("model")
    if not math.isfinite(float(first.loss.detach())):
        return Cause(
            f"the loss is {float(first.loss.detach())} before the first step",
            "Look for a division by zero or the logarithm of a zero in model and loss.",
            trains=False,
        )
    return _graph(bench, first, aim, name) or _pairs(bench, first) or _range(first, aim, name)


def after_training(bench: Bench, first: Passes, aim: Aim, attempts: list[Attempt]) -> Cause | None:
    """What the runs showed; the model stands where the last of them left it."""
    if all(attempt.stopped == "nan" for attempt in attempts):
        last = attempts[-1]
        return Cause(
            f"the loss leaves the numbers with every optimizer tried, with {last.optimizer} at step {last.steps}",
            "Look for a logarithm, a root or a division whose argument can come to zero.",
        )
    if any(attempt.stopped == "user" for attempt in attempts):
        return None
    endless = _endless(first, attempts)
    if endless is not None:
        return endless
    with torch.no_grad():
        scores, _ = first.watched()
    if scores is not None and _is_constant(scores, first):
        return Cause(
            f"the outputs of `{bench.name('model')}` are the same for every example",
            "Look for units that are all dead, a signal that vanishes with depth, or an input that is not used.",
            waits=True,
        )
    return _symmetry(bench, first)


def _graph(bench: Bench, first: Passes, aim: Aim, name: str) -> Cause | None:
    fix = "Return the loss as it was computed: no `.item()`, `.detach()`, `.data`, numpy or `no_grad` on its way."
    if not first.loss.requires_grad:
        return Cause("the loss carries no gradient: it is cut off from every parameter", fix, trains=False)
    parameters = [p for p in bench.get("model").parameters() if p.requires_grad]
    for parameter in parameters:
        parameter.grad = None
    try:
        first.loss.backward()  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        raise BadInput(f"the backward pass fails: {' '.join(str(error).split())[:160].rstrip('.')}") from error
    grads = [p.grad for p in parameters if p.grad is not None]
    for parameter in parameters:
        parameter.grad = None
    if not grads:
        return Cause(f"no parameter of `{name}` gets a gradient from the loss", fix, trains=False)
    still = not any(bool(g.count_nonzero()) for g in (g.coalesce().values() if g.is_sparse else g for g in grads))
    if still and not float(first.loss.detach()) <= aim.reach:
        return Cause(
            f"every gradient of `{name}` is exactly zero",
            "Look for a softmax over one output, a ReLU whose units are all off, or a clamp that holds everything.",
            trains=False,
        )
    return None


def _pairs(bench: Bench, first: Passes) -> Cause | None:
    """Outputs (N, 1) against targets (N,): every output is compared with every target."""
    output, target = (first.call.input, first.call.target) if first.call else (first.output, first.task.target)
    if output is None or not isinstance(target, Tensor) or (first.call and first.call.name not in _VALUES):
        return None
    if sorted((tuple(output.shape), tuple(target.shape)), key=len) != [(len(target),), (len(target), 1)]:
        return None
    if len(target) < 2 or (target == target.flatten()[0]).all() or not (first.call or _ignores_order(first)):
        return None
    count = len(target)
    return Cause(
        f"outputs {tuple(output.shape)} and targets {tuple(target.shape)} are compared in all {count * count} pairs",
        "Give outputs and targets the same shape.",
        f"{bench.name('loss_fn')}(output.flatten(), target.flatten())" if bench.loss_fn else "",
    )


def _ignores_order(first: Passes) -> bool:
    """Whether a loss written by hand stays the same when the examples swap their predictions."""
    task, output = first.task, first.output
    if task.kind not in (Kind.REGRESSION, Kind.BINARY) or task.loss_of is None or output is None:
        return False
    with torch.no_grad():
        now, swapped = (float(task.loss_of(o)) for o in (output.detach(), output.detach().roll(1, 0)))
    distinct = bool((output.detach() != output.detach().roll(1, 0)).any())
    return distinct and math.isclose(now, swapped, rel_tol=SAME)


def _range(first: Passes, aim: Aim, name: str) -> Cause | None:
    if first.call is None or aim.floor is None:
        return None
    bounds = bounds_of(first.call.input)
    if bounds is None:
        return None
    lowest = best_within(first.call, bounds)
    if lowest is None or lowest <= aim.reach:
        return None
    if first.call.name in _VALUES:
        return _clipped(first.call.target, bounds, lowest, name)
    if bounds.high == 1 and bounds.low == 0:
        loss = "cross-entropy" if first.call.name == "cross_entropy" else "this loss"
        return Cause(
            f"the outputs of `{name}` are probabilities, the loss expects logits; "
            f"it cannot fall below {number(lowest)}",
            f"Remove the {bounds.by} at the end of `{name}`; {loss} applies its own.",
        )
    return Cause(
        f"a {bounds.by} keeps the outputs of `{name}` within {bounds}; the loss cannot fall below {number(lowest)}",
        f"Remove the {bounds.by} at the end of `{name}`.",
    )


def _clipped(target: Tensor, bounds: Bounds, lowest: float, name: str) -> Cause:
    low, high = number(float(target.min()), 3), number(float(target.max()), 3)
    return Cause(
        f"clipped output: targets run from {low} to {high}, but a {bounds.by} keeps the outputs within {bounds}; "
        f"the loss cannot fall below {number(lowest)}",
        f"Remove the {bounds.by} at the end of `{name}`, or scale the targets into its range.",
    )


def _endless(first: Passes, attempts: list[Attempt]) -> Cause | None:
    """NLL of scores that are no log-probabilities falls for ever."""
    call = first.call
    if call is None or call.name != "nll_loss" or normalised(call) or min(a.end for a in attempts) >= 0:
        return None
    return Cause(
        f"the loss fell to {number(min(a.end for a in attempts))} and has no lowest value: "
        "NLL takes log-probabilities, and the outputs are none",
        "End the model in `log_softmax`, or use cross-entropy, which applies it.",
    )


def _is_constant(scores: Tensor, first: Passes) -> bool:
    """Whether examples of different inputs and targets get one output."""
    count, target = first.task.feed.size, first.task.target
    if count < 2 or len(scores) % count or not isinstance(target, Tensor) or len(target) != count:
        return False
    rows, labels = scores.float().reshape(count, -1), target.reshape(count, -1)
    if bool((labels == labels[:1]).all()) or not _inputs_differ(first):
        return False
    return bool(((rows - rows[:1]).abs() <= SAME * rows.abs().max().clamp_min(1e-12)).all())


def _inputs_differ(first: Passes) -> bool:
    inputs = [x for x in (*first.task.feed.args, *first.task.feed.kwargs.values()) if isinstance(x, Tensor) and x.ndim]
    return any(bool((x != x[:1]).any()) for x in inputs)


def _symmetry(bench: Bench, first: Passes) -> Cause | None:
    """A hidden layer that is trained and whose units started equal and still are."""
    layers = [
        (path, module)
        for path, module in bench.get("model").named_modules()
        if isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)) and module.weight.requires_grad
    ]
    equal = [(path, module) for path, module in layers[:-1] if _are_equal(module.weight.detach().flatten(1))]
    if equal:
        first.run()[1].backward()  # type: ignore[no-untyped-call]
    for path, module in equal:
        rows, grad = module.weight, module.weight.grad
        if grad is not None and bool(grad.any()):
            name = spelled(bench.name("model"), path)
            return Cause(
                f"all {len(rows)} units of `{name}` started equal and stay equal",
                "Draw the weights at random, as PyTorch does by default.",
                f"nn.init.kaiming_normal_({name}.weight)",
            )
    return None


def _are_equal(rows: Tensor) -> bool:
    return len(rows) > 1 and bool((rows == rows[:1]).all())
