"""The layer whose bias is the answer of a model that ignores its inputs; moving the bias proves that it is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ... import batches
from ...batches import BadInput, Feed
from ...batches.models import plain
from ...bench import Bench
from ...finding import spelled
from ...task import Kind, Task, read_task
from ...task.expected import to_logits
from .start import axis_of, scored, width_along

#: examples that the layer is looked for with; its inputs' mean square needs no more
_EXAMPLES = 4
_LAYERS = (nn.Linear, nn.Bilinear, nn.modules.conv._ConvNd)
#: how far answers may be off from the bias that was added, in its units: half precision rounds
_TOLERANCE = 0.05


@dataclass(frozen=True)
class LastLayer:
    """The last layer with weights that ran and has as many outputs as the answer has classes, labels or values."""

    path: str
    #: as the user would write it: `net.head`, `net[-1]`
    name: str
    module: nn.Module
    width: int
    #: the expected variance of its outputs from its weights' and inputs' mean squares, without the bias
    variance: float
    #: mean square of what arrives
    arriving: float
    #: fan in times the weights' mean square: the factor by which the layer changes the mean square; 2 is He's
    gain: float
    #: the axis of the answer that its outputs are on; None where they do not reach the loss unchanged
    axis: int | None

    @property
    def bias(self) -> nn.Parameter | None:
        """Its bias, where it has one."""
        found = getattr(self.module, "bias", None)
        return found if isinstance(found, nn.Parameter) else None


@dataclass(frozen=True)
class _Call:
    path: str
    module: nn.Module
    arriving: float
    answer: Tensor


def last_layer(bench: Bench) -> LastLayer | None:
    """The last layer of the model, by running some examples through it; None where there is none to be found."""
    try:
        return _found(bench, _few(bench))
    except BadInput:  # a model that compares the examples of a batch may need all of them
        return _found(bench, bench.get("feed"))


def _found(bench: Bench, fed: Feed) -> LastLayer | None:
    model = plain(bench.get("model"))
    calls: list[_Call] = []
    handles = [
        module.register_forward_hook(_note(path, calls))
        for path, module in model.named_modules()
        if isinstance(module, _LAYERS)
    ]
    try:
        task = _read(bench, fed)
    finally:
        for handle in handles:
            handle.remove()
    if task.output is None or task.loss_of is None:
        return None
    widths = {width_along(scored(task), axis) for axis in _axes(task)}
    found = next((call for call in reversed(calls) if _fan_out(call.module) in widths), None)
    if found is None:
        return None
    path, module, arriving, width = found.path, found.module, found.arriving, _fan_out(found.module)
    gain = _fan_in(module) * float(module.weight.detach().float().square().mean())  # type: ignore[operator]
    axis = _same(found, task) if module._parameters.get("bias") is None else _axis(bench, fed, task, module, width)
    name = _spelled(bench.name("model"), model, path)
    return LastLayer(path, name, module, width, gain * arriving, arriving, gain, axis)


def _read(bench: Bench, fed: Feed) -> Task:
    """One pass with the same random numbers each time: attention's own dropout, a sampled code."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return read_task(bench.get("model"), fed, bench.loss_fn)


def has_head(bench: Bench) -> bool:
    """Whether the answers come from weights of their own, one row a class or value.

    They do not where examples are compared with each other, as in a contrastive or few-shot loss, whose scale is free.
    """
    task: Task = bench.get("task")
    answer, axis = scored(task), axis_of(task)
    width = width_along(answer, axis)
    target = task.target if task.call is None else task.call.target
    square = answer.shape[0] == width > 1 and isinstance(target, Tensor)
    by_example = square and len(set(target.flatten().tolist())) == width
    layer = bench.once(last_layer)
    linked = layer is not None and layer.axis is not None
    tables = (p.shape for p in bench.get("model").parameters() if p.ndim == 2)
    return not by_example and (linked or any(width in shape for shape in tables))


@contextmanager
def with_bias(module: nn.Module, values: Tensor) -> Iterator[None]:
    """The layer with another bias; the user's own tensor is set aside and not written to."""
    kept = module._parameters["bias"]
    assert kept is not None
    try:
        module._parameters["bias"] = nn.Parameter(values.to(kept).expand_as(kept).clone(), requires_grad=False)
        yield
    finally:
        module._parameters["bias"] = kept


def channels(task: Task, answer: Tensor, axis: int) -> Tensor:
    """An answer as (rows, channels) in logits or values; classes less their mean, which no softmax sees."""
    logits = answer if task.call is None else to_logits(task.call, answer)
    rows = (logits.movedim(axis, -1).flatten(0, -2) if logits.ndim > 1 else logits[:, None]).detach().float()
    over_classes = task.kind in (Kind.CLASSES, Kind.NEXT_TOKEN, Kind.SEGMENTATION) and rows.shape[1] > 1
    return rows - rows.mean(1, keepdim=True) if over_classes else rows


def _axis(bench: Bench, fed: Feed, before: Task, module: nn.Module, width: int) -> int | None:
    """Add a number to each unit's bias and see on which axis of the answer the very same numbers turn up."""
    bias = module._parameters["bias"]
    assert bias is not None
    added = torch.linspace(-1, 1, width) if width > 1 else torch.ones(1)
    with with_bias(module, bias.detach() + added.to(bias)):
        after = _read(bench, fed)
    if scored(after).shape != scored(before).shape:
        return None
    for axis in _axes(before):
        rows = channels(after, scored(after), axis) - channels(before, scored(before), axis)
        if rows.shape[1] != width:
            continue
        wanted = added.to(rows) - (added.to(rows).mean() if _centred(before, width) else 0.0)
        if torch.allclose(rows, wanted.expand_as(rows), rtol=0, atol=_TOLERANCE):
            return axis
    return None


def _same(call: _Call, task: Task) -> int | None:
    """The axis of the answer that holds the outputs of a layer without bias, where they reach the loss unchanged."""
    for axis in _axes(task):
        rows = channels(task, scored(task), axis)
        own = call.answer.movedim(_channel(call.module, call.answer), -1).flatten(0, -2).float()
        own = own - own.mean(1, keepdim=True) if _centred(task, own.shape[1]) else own
        if rows.shape == own.shape and torch.allclose(rows, own, rtol=0.01, atol=_TOLERANCE * float(own.std())):
            return axis
    return None


def _channel(module: nn.Module, answer: Tensor) -> int:
    return 1 if isinstance(module, nn.modules.conv._ConvNd) else answer.ndim - 1


def _centred(task: Task, width: int) -> bool:
    return task.kind in (Kind.CLASSES, Kind.NEXT_TOKEN, Kind.SEGMENTATION) and width > 1


def _axes(task: Task) -> list[int]:
    """The axes of the answer that may hold the layer's outputs, likeliest first."""
    answer = scored(task)
    if answer.ndim < 2:
        return [0]
    return list(dict.fromkeys([axis_of(task), answer.ndim - 1, 1]))


def _few(bench: Bench) -> Feed:
    fed: Feed = bench.get("feed")
    if fed.size <= _EXAMPLES:
        return fed
    return batches.feed(bench.get("model"), batches.take(fed.batch, _EXAMPLES), bench.loss_fn)


def _note(path: str, calls: list[_Call]) -> Any:
    def hook(module: nn.Module, args: tuple[Any, ...], answer: Any) -> None:
        if args and isinstance(args[0], Tensor) and isinstance(answer, Tensor):
            calls.append(_Call(path, module, float(args[0].detach().float().square().mean()), answer.detach()))

    return hook


def _fan_out(module: nn.Module) -> int:
    return int(module.out_channels if isinstance(module, nn.modules.conv._ConvNd) else module.out_features)  # type: ignore[arg-type]


def _fan_in(module: nn.Module) -> int:
    weight = module.weight
    assert isinstance(weight, Tensor)
    transposed = isinstance(module, nn.modules.conv._ConvTransposeNd)
    # a transposed convolution of stride s adds up kernel / s**d of its products for each output
    stride = math.prod(module.stride) if isinstance(module, nn.modules.conv._ConvNd) else 1
    return max(1, int(weight[:, 0].numel() / stride)) if transposed else int(weight[0].numel())


def _spelled(name: str, model: nn.Module, path: str) -> str:
    """`net[-1]` for the last module of a Sequential, else `net.body.head`."""
    parent, _, last = path.rpartition(".")
    holder = model.get_submodule(parent)
    if isinstance(holder, nn.Sequential) and last == str(len(holder) - 1):
        return spelled(name, parent) + "[-1]"
    return spelled(name, path)
