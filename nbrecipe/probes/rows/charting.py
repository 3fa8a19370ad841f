"""Charts of what depends on what: over the rows of a batch, over time, over features and over space.

Each is a table of gradients, as many outputs and inputs as a person can see. Rows of a batch that do not depend on one
another try an output each in one backward pass, so a chart of N outputs takes N / rows passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ... import batches
from ...batches import BadInput
from ...batches.models import plain
from ...bench import Bench
from ...pictures.dependencies import Chart, Over
from ..passes.signal import evaluating
from .causality import Order, order
from .dependency import ROWS, Rows, inputs_and_output, rows, train_mode, unlike
from .inputs import Input, named_inputs

#: rows and columns of a chart that a person can see
SEEN = 48
#: outputs of a dense prediction whose receptive field is drawn, a side
PLACES = 5


@dataclass(frozen=True)
class Ground:
    """One forward pass with a graph, and what is known of its rows."""

    inputs: list[Input]
    output: Tensor
    size: int
    #: whether rows are independent, so that each can try an output of its own
    apart: bool
    #: whether no output may hear of later inputs
    causal: bool

    def sent(self, chosen: Tensor, inputs: list[Tensor]) -> list[Tensor | None]:
        """Gradients of the inputs for the outputs chosen, (…) broadcast to the output."""
        weights = (torch.rand(self.output.shape, generator=torch.Generator().manual_seed(0)) + 0.5).to(self.output)
        mask = weights * chosen.to(self.output.device)
        return list(torch.autograd.grad(self.output, inputs, mask, retain_graph=True, allow_unused=True))


def charts(bench: Bench, over: tuple[Over, ...] = (), *, causal: bool = False) -> tuple[Chart, ...]:
    """A chart over each of these axes that the model has; without any, over all that it has.

    With `causal` no output may hear of later inputs.

    Run it inside `bench.untouched()`. Raises BadInput where the forward pass fails, and for an axis that it has not.
    """
    seen, model = bench.once(rows), plain(bench.get("model"))
    if seen.why:
        raise BadInput(f"no chart can be drawn: {seen.why}")
    whole = bench.get("batch")
    size = _size(model, whole, seen)
    fed = batches.feed(model, batches.take(whole, size), bench.loss_fn)
    training = seen.leak is not None and seen.training
    with _mode(model, training), torch.enable_grad():
        tensors, output = inputs_and_output(model, fed, size)
        if output is None or not output.requires_grad:
            raise BadInput("no chart can be drawn: no gradient runs from the output to the inputs")
        named = named_inputs(model, fed, tensors, size)
        ground = Ground(named, output, size, seen.leak is None, causal)
        drawn = {axis: chart for axis in over or CHARTS if (chart := CHARTS[axis](bench, ground, seen)) is not None}
    missing = [axis for axis in over if axis not in drawn]
    if missing:
        raise BadInput(f"there is nothing to chart over {missing[0]} here: {LACKS[missing[0]]}")
    return tuple(replace(chart, training=training) for chart in drawn.values())


def _size(model: nn.Module, whole: object, seen: Rows) -> int:
    """Rows of the pass: as many as can be seen, or all where a leak shows only with more."""
    most = batches.batch_size(whole)
    size = unlike(model, whole, min(most, ROWS))
    return seen.size if seen.leak is not None and seen.size > size else min(size, seen.size)


def _mode(model: nn.Module, training: bool) -> AbstractContextManager[None]:
    return train_mode(model) if training else evaluating(model)


def _batch(bench: Bench, ground: Ground, seen: Rows) -> Chart | None:
    shown = torch.arange(ground.size)
    if ground.size > SEEN:  # around the leak that was found
        leak = seen.leak
        ends = [leak.source, leak.to] if leak is not None else []
        kept = dict.fromkeys([*ends, *range(min(ends, default=0), ground.size), *range(ground.size)])
        shown = torch.tensor(sorted(list(kept)[:SEEN]))
    tensors = [given.tensor for given in ground.inputs]
    table = np.zeros((len(shown), len(shown)), np.float32)
    for at, row in enumerate(shown):
        chosen = torch.zeros(ground.size, *[1] * (ground.output.ndim - 1))
        chosen[row] = 1
        for grad in ground.sent(chosen, tensors):
            if grad is not None:
                table[at] = np.maximum(table[at], _amax(grad, 1)[shown].numpy())
    names = tuple(f"row {row}" for row in shown.tolist())
    meant = "any" if "mixing" in bench.declared else "own"
    left = f"{len(shown)} of {ground.size} rows" if len(shown) < ground.size else ""
    return Chart("batch", table, names, names, meant, note=left)  # type: ignore[arg-type]


def _time(bench: Bench, ground: Ground, seen: Rows) -> Chart | None:
    timed = [one.tensor for one in ground.inputs if one.tensor.ndim > 1 and not one.is_image]
    length = timed[0].shape[1] if timed else 0
    if length < 2 or ground.output.ndim < 2 or ground.output.shape[1] != length:
        return None
    timed = [tensor for tensor in timed if tensor.shape[1] == length]
    looked = bench.once(order) if ground.apart else Order(length, 0, 0)
    start, groups = _window(length, looked)
    table = np.zeros((len(groups), len(groups)), np.float32)
    for chosen, tried in _tries(ground, groups, 1):
        for grad in ground.sent(chosen, timed):
            if grad is None:
                continue
            heard = grad.detach().abs().flatten(2).amax(2).float().cpu() if grad.ndim > 2 else grad.detach().abs().cpu()
            for row, at in tried:
                mine = heard[row] if ground.apart else heard.amax(0)
                table[at] = np.maximum(table[at], [float(mine[group].max()) for group in groups])
    each = len(groups[0])
    names = tuple(f"t = {g[0]}" if each == 1 else f"t = {g[0]} … {g[-1]}" for g in groups)
    left = f"positions {start} to {groups[-1][-1]} of {length}" if len(groups) * each < length else ""
    return Chart("time", table, names, names, "past" if ground.causal else "any", note=left)


def _window(length: int, looked: Order) -> tuple[int, list[list[int]]]:
    """The first position drawn, and the positions of each cell: all of them, those about a leak, or groups."""
    if length <= SEEN:
        return 0, [[t] for t in range(length)]
    if looked.ahead is not None:
        start = max(0, min(looked.ahead.at - SEEN // 2, length - SEEN))
        return start, [[t] for t in range(start, start + SEEN)]
    each = -(-length // SEEN)
    return 0, [list(range(t, min(t + each, length))) for t in range(0, length, each)]


def _tries(ground: Ground, groups: list[list[int]], axis: int) -> Iterator[tuple[Tensor, list[tuple[int, int]]]]:
    """Masks of the output, and which row tries which group: a row each where rows are apart, else one at a time."""
    rows = ground.size if ground.apart else 1
    for first in range(0, len(groups), rows):
        part = groups[first : first + rows]
        shape = [1] * ground.output.ndim
        shape[0], shape[axis] = ground.size, ground.output.shape[axis]
        chosen = torch.zeros(shape)
        for row, group in enumerate(part):
            index: list[Any] = [0] * ground.output.ndim
            index[0], index[axis] = row if ground.apart else slice(None), torch.tensor(group)
            chosen[tuple(index)] = 1
        yield chosen, [(row, first + row) for row in range(len(part))]


def _features(bench: Bench, ground: Ground, seen: Rows) -> Chart | None:
    output, given = ground.output, [one for one in ground.inputs if one.tensor.ndim > 1]
    if not given or (len(given) == 1 and not given[0].has_columns):
        return None
    last = output.ndim - 1
    count = output.shape[last] if output.ndim > 1 else 1
    groups = _groups(count)
    columns = [(one, _groups(one.tensor.shape[-1]) if one.has_columns else [[]]) for one in given]
    table: list[np.ndarray] = []
    for group in groups:
        chosen = torch.zeros(*[1] * last, count) if output.ndim > 1 else torch.ones(1)
        if output.ndim > 1:
            chosen[..., group] = 1
        row: list[float] = []
        for (_, parts), grad in zip(columns, ground.sent(chosen, [one.tensor for one in given]), strict=True):
            heard = torch.zeros(1) if grad is None else grad.detach().abs().flatten(0, -2).amax(0).float().cpu()
            row += [float(heard[part].max()) if part and grad is not None else float(heard.max()) for part in parts]
        table.append(np.array(row, np.float32))
    names = [_spelled(one.name, part, one.has_columns) for one, parts in columns for part in parts]
    outs = tuple(_spelled("output", group, True) for group in groups)
    return Chart("features", np.stack(table), outs, tuple(names))


def _groups(count: int) -> list[list[int]]:
    each = -(-count // SEEN)
    return [list(range(i, min(i + each, count))) for i in range(0, count, each)]


def _spelled(name: str, part: list[int], split: bool) -> str:
    if not split:
        return name
    return f"{name}[{part[0]}]" if len(part) == 1 else f"{name}[{part[0]}:{part[-1] + 1}]"


def _space(bench: Bench, ground: Ground, seen: Rows) -> Chart | None:
    images = [one.tensor for one in ground.inputs if one.is_image]
    if not images or not ground.apart:
        return None
    image, output = images[0], ground.output
    high, wide = image.shape[-2:]
    pool = max(1, -(-max(high, wide) // SEEN))
    shape = -(-high // pool), -(-wide // pool)
    places = _places(output)
    table, fields = np.zeros((len(places), shape[0] * shape[1]), np.float32), []
    for first in range(0, len(places), ground.size):
        part = places[first : first + ground.size]
        chosen = torch.zeros(ground.size, *[1] * (output.ndim - 1)).expand(output.shape).clone()
        for row, (_, index) in enumerate(part):
            chosen[row][index] = 1
        (grad,) = ground.sent(chosen, [image])
        if grad is None:
            return None
        heard = grad.detach().abs().flatten(1, -3).amax(1) if grad.ndim > 3 else grad.detach().abs()
        fields += [_box(one > 0) for one in heard[: len(part)]]
        pooled = nn.functional.max_pool2d(heard[:, None].float().cpu(), pool, ceil_mode=True)[:, 0]
        table[first : first + len(part)] = pooled[: len(part)].flatten(1).numpy()
    names = tuple(name for name, _ in places)
    return Chart("space", table, names, (), shape=shape, fields=tuple(fields), note=f"{high} × {wide} pixels")


def _box(heard: Tensor) -> tuple[int, int]:
    """(height, width) of the smallest box around what is true; (0, 0) for nothing."""
    spans = [heard.any(axis).nonzero() for axis in (1, 0)]
    high, wide = (int(span[-1] - span[0] + 1) if len(span) else 0 for span in spans)
    return high, wide


def _places(output: Tensor) -> list[tuple[str, tuple[Any, ...]]]:
    """Outputs whose field is drawn, and where they stand in a row of the output: places of a map, or classes."""
    every = slice(None)
    if output.ndim < 4:
        count = output.shape[-1] if output.ndim > 1 else 1
        if output.ndim < 2:
            return [("output", ())]
        return [(f"output {i}", (*[every] * (output.ndim - 2), i)) for i in range(min(count, 10))]
    rows, columns = (_spread(side) for side in output.shape[-2:])
    return [(f"output at {y}, {x}", (*[every] * (output.ndim - 3), y, x)) for y in rows for x in columns]


def _spread(side: int) -> list[int]:
    count = min(side, PLACES)
    return sorted({round(i * (side - 1) / max(count - 1, 1)) for i in range(count)})


def _amax(grad: Tensor, start: int) -> Tensor:
    return grad.detach().abs().reshape(len(grad), -1).amax(start).float().cpu()


CHARTS: dict[Over, Callable[[Bench, Ground, Rows], Chart | None]] = {
    "batch": _batch, "time": _time, "features": _features, "space": _space,
}  # fmt: skip
#: what a model lacks that has no such axis
LACKS: dict[Over, str] = {
    "batch": "there is one row",
    "time": "inputs and outputs have no axis of positions in common",
    "features": "no input holds columns of numbers, and there is one argument",
    "space": "no input is an image, (N, C, H, W)",
}
