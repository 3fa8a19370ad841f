"""The bias of the last layer that says what the labels say before any input is seen, and the loss it saves."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ...bench import Bench
from ...finding import number
from ...task import Expected, Kind, Task, expected, read_task
from ...task.expected import from_logits, to_logits
from ...task.search import spread_out
from .last_layer import LastLayer, last_layer, with_bias
from .start import Start, known_labels, loss_of, scored, start

#: as many numbers are still written out in the line to paste
_WRITTEN_OUT = 10
_CLASSES = (Kind.CLASSES, Kind.NEXT_TOKEN, Kind.SEGMENTATION)


@dataclass(frozen=True)
class Prior:
    """The bias that fits the labels; losses are means over the batches that `start` measured."""

    layer: LastLayer
    bias: Tensor
    guess: Expected
    before: float
    #: worked out from the answers: the bias is added to them
    after: float
    #: what a bias fitted to so few labels seems to save by chance
    chance: float
    code: str

    @property
    def saves(self) -> float:
        """How much lower the loss is with this bias."""
        return self.before - self.after


@dataclass(frozen=True)
class Applied:
    """What setting the bias did, measured by running the model before and after."""

    name: str
    before: float
    after: float
    best: float


def prior(bench: Bench) -> Prior | str:
    """The prior as a bias, or the reason why there is none, as the rest of a sentence."""
    begun = bench.once(start)
    if begun is None:
        return "this loss cannot be asked for other outputs"
    if not math.isfinite(begun.loss):
        return f"the loss at init is {begun.loss}"
    if begun.too_few:
        return "one target tells nothing of the others; give a larger batch, or a loader"
    layer = bench.once(last_layer)
    if layer is None:
        return "no last layer was found whose outputs are the model's"
    if layer.bias is None:
        return f"`{layer.name}` has no bias; `bias=True` would let it start at the prior"
    if layer.axis is None:
        return f"the outputs of `{layer.name}` are changed before they reach the loss"
    guess = expected(begun.tasks[0], known_labels(bench), axis=layer.axis)
    bias = None if guess is None else _bias(begun, guess, layer.width)
    if guess is None or bias is None:
        return "the labels tell no prior: there is only one answer among them"
    added = bias - layer.bias.detach().cpu().float()
    after = _mean(begun, [_shifted(task, added, layer.axis) for task in begun.tasks])
    code = _code(bench, begun.tasks[0], layer, bias)
    return Prior(layer, bias, guess, begun.loss, after, _chance(begun, guess, layer.width), code)


def proved(bench: Bench, found: Prior) -> float:
    """The loss with this bias really in its place, by running the model; the user's own bias is set aside meanwhile."""
    begun = bench.once(start)
    assert begun is not None
    with with_bias(found.layer.module, found.bias):
        tasks = [read_task(bench.get("model"), task.feed, bench.loss_fn) for task in begun.tasks]
    mean_of = [old.call.reduction if old.call is not None else "" for old in begun.tasks]
    losses = [
        float(new.call.again(new.call.input, reduction=how).mean()) if new.call is not None else float(new.loss)  # type: ignore[arg-type]
        for new, how in zip(tasks, mean_of, strict=True)
    ]
    return _mean(begun, losses)


def apply_prior(bench: Bench) -> Applied | str:
    """Set the bias of the user's model, in place and for good, and say what it did; or the reason why not.

    Everything else stays as it was.
    """
    with bench.untouched():
        found = prior(bench)
        if isinstance(found, str):
            return found
        after = proved(bench, found)
    assert found.layer.bias is not None
    with torch.no_grad():
        found.layer.bias.copy_(found.bias.to(found.layer.bias))
    return Applied(found.layer.name, found.before, after, found.guess.best)


def _bias(begun: Start, guess: Expected, width: int) -> Tensor | None:
    task = begun.tasks[0]
    values = guess.constant.detach().cpu().float()
    if task.call is not None and task.call.name == "binary_cross_entropy":
        values = values.clamp(1e-9, 1 - 1e-9).logit()
    if values.numel() == 1:
        values = values.expand(width).clone()
    if values.numel() != width:
        return None
    floor = math.log(begun.labels + width)  # a label not seen among n is not impossible: one more might be it
    if task.kind in _CLASSES:
        shares = (values - values.logsumexp(0)).clamp_min(-floor).exp()
        single = bool(values.softmax(0).max() > 1 - 1e-6)
        return None if single else (shares / shares.sum()).log()
    if task.kind in (Kind.BINARY, Kind.MULTILABEL):
        return None if width == 1 and abs(float(values)) > 15 else values.clamp(-floor, floor)
    return values


def _shifted(task: Task, added: Tensor, axis: int) -> float:
    answer = scored(task)
    logits = (answer if task.call is None else to_logits(task.call, answer)) + spread_out(
        added.to(answer), answer, axis
    )
    return loss_of(task, logits if task.call is None else from_logits(task.call, logits))


def _chance(begun: Start, guess: Expected, width: int) -> float:
    """The saving that labels seem to allow by chance: 2 n times it is chi-squared, here its mean and 4 deviations.

    For squared errors it is the same in units of the variance, one degree of freedom for each value.
    """
    values = begun.tasks[0].kind in (Kind.REGRESSION, Kind.RECONSTRUCTION)
    free, unit = (1, 2 * guess.best) if values else (max(1, width - 1), 1.0)
    rows = begun.labels / (1 if begun.tasks[0].kind in _CLASSES else max(1, width))
    return unit * (free + 4 * math.sqrt(2 * free)) / (2 * max(1.0, rows))


def _mean(begun: Start, losses: list[float]) -> float:
    rows = [task.feed.size for task in begun.tasks]
    return sum(loss * count for loss, count in zip(losses, rows, strict=True)) / sum(rows)


def _code(bench: Bench, task: Task, layer: LastLayer, bias: Tensor) -> str:
    """Lines that set the bias: the numbers themselves where they are few, else how to work them out."""
    place = f"{layer.name}.bias"
    if bool((bias == bias[0]).all()):
        return f"torch.nn.init.constant_({place}, {number(float(bias[0]))})"
    if len(bias) <= _WRITTEN_OUT:
        values = ", ".join(number(float(value)) for value in bias)
        return f"with torch.no_grad():\n    {place}.copy_(torch.tensor([{values}]))"
    worked_out = _worked_out(bench, task, layer.width)
    return f"{worked_out}\nwith torch.no_grad():\n    {place}.copy_(bias)" if worked_out else "%check_init --fix"


def _worked_out(bench: Bench, task: Task, width: int) -> str:
    """The bias from the user's own loader, where a batch is (x, y) and the loss weighs nothing."""
    options = task.call.options if task.call is not None else {}
    weighed = any(isinstance(options.get(name), Tensor) for name in ("weight", "pos_weight"))
    pair = isinstance(task.feed.batch, (tuple, list)) and len(task.feed.batch) == 2
    target = task.target
    if bench.train_loader is None or weighed or not pair or not isinstance(target, Tensor):
        return ""
    loader = bench.name("train_loader")
    if task.kind in _CLASSES and not target.is_floating_point():
        ignored = options.get("ignore_index", -100)
        kept = f"y[y != {ignored}]" if bool((target == ignored).any()) else "y.flatten()"
        counts = f"sum(torch.bincount({kept}, minlength={width}) for _, y in {loader}) + 1"
        return f"counts = {counts}\nbias = (counts / counts.sum()).log()"
    if target.ndim != 2 or target.shape[1] != width:
        return ""
    mean = f"torch.cat([y for _, y in {loader}]).mean(0)"
    if task.kind is Kind.MULTILABEL:
        return f"bias = {mean}.clamp(1e-3, 1 - 1e-3).logit()"
    return f"bias = {mean}" if task.kind is Kind.REGRESSION else ""
