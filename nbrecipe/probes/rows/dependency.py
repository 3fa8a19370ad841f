"""Which rows of a batch each output depends on, by backpropagation: a certificate that takes about log2 N passes.

The outputs of some rows are summed with random weights and sent back: the other rows must get a gradient of exactly
zero. Each row takes part in a set of passes of its own, all of one size, so that none holds another (Sperner, 1928): a
leak from one row to another then shows in the pass that the one has and the other has not.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ... import batches
from ...batches import BadInput, Feed
from ...batches.models import eagerly, plain
from ...bench import Bench
from ...task.refusal import failed_forward, refuse_lazy
from ..passes.signal import evaluating
from .lines import Line, first_mixing_line
from .mixing import Place, first_mixing
from .room import SHARE, free_bytes, gigabytes, saved_bytes

#: rows that are looked at; a leak that so many do not have is one of a single row
ROWS = 32
#: seconds that looking at a whole batch may take
SECONDS = 20.0
#: functions that look rows of a table up
LOOKUPS = ("embedding", "embedding_bag")
#: what differs between rows or mixes them by design while training
NORMS = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)


@dataclass(frozen=True)
class Leak:
    """Output row `to` depends on input row `source`."""

    source: int
    to: int
    #: largest gradient there, against the largest that the rows summed get of their own outputs
    strength: float
    #: where the rows meet first; None where that could not be told
    place: Place | None = None
    #: the line of the user's code; None where none shows it
    line: Line | None = None


@dataclass(frozen=True)
class Rows:
    """What the certificate says of a batch."""

    size: int
    #: backward passes taken
    passes: int
    leak: Leak | None = None
    #: whether it shows in train mode alone; batch norm and dropout are in eval mode there too
    training: bool = False
    #: names of batch norms, whose mixing in train mode is by design
    norms: tuple[str, ...] = ()
    #: why nothing can be said, "" where it can
    why: str = ""
    #: the shape of the output
    shape: tuple[int, ...] = ()
    #: why fewer rows were looked at than were asked for, "" where none were left out
    left: str = ""


def rows(bench: Bench) -> Rows:
    """The certificate in eval mode, then in train mode without batch norm and dropout.

    The first `ROWS` rows are looked at, and where `bench.declared` says "whole", as many as `SECONDS` allow. Run it
    inside `bench.untouched()`. Raises BadInput where the forward pass fails.
    """
    model = plain(bench.get("model"))
    refuse_lazy(model)
    whole = bench.get("batch")
    most = batches.batch_size(whole)
    if most < 2:
        return Rows(most, 0, why="the batch holds a single row")
    fits, left = _room(bench, model, whole)
    size, start = unlike(model, whole, min(most, ROWS, fits)), perf_counter()
    try:
        found = _both_modes(bench, model, batches.take(whole, size), size)
    except BadInput:
        if size == most:
            raise
        return _both_modes(bench, model, whole, most)  # a model of one size of batch
    if found.leak is None and not found.why and "whole" in bench.declared:
        each = (perf_counter() - start) / (size * found.passes)
        found = _rest(bench, model, whole, min(most, fits), each) or found
    asked = most if "whole" in bench.declared else min(most, ROWS)
    return replace(found, left=left if fits < asked else "")


def _rest(bench: Bench, model: nn.Module, whole: Any, most: int, each: float) -> Rows | None:
    """The certificate for up to `most` rows, at `each` seconds a row and pass; None where there is no time for more."""
    while most > ROWS and each * most * 3 * most.bit_length() > SECONDS:
        most //= 2
    size = unlike(model, whole, most) if most > ROWS else 0
    return _both_modes(bench, model, batches.take(whole, size), size) if size > ROWS else None


def _room(bench: Bench, model: nn.Module, whole: Any) -> tuple[int, str]:
    """How many rows fit into memory, by a pass of two; and what all of them would take."""
    most, few = batches.batch_size(whole), 2
    fed = batches.feed(model, batches.take(whole, few), bench.loss_fn)
    with suppress(BadInput), evaluating(model), torch.enable_grad():
        each = saved_bytes(model, lambda: inputs_and_output(model, fed, few)) / few
        fits = int(SHARE * free_bytes(model) / max(each, 1.0))
        return max(few, fits), f"all {most} rows would take {gigabytes(each * most)} of memory"
    return most, ""  # a model of one size of batch


def _both_modes(bench: Bench, model: nn.Module, batch: Any, size: int) -> Rows:
    fed = batches.feed(model, batch, bench.loss_fn)
    norms = tuple(name for name, part in model.named_modules() if isinstance(part, NORMS[0]))
    taken = 0
    for training in (False, True):
        try:
            with train_mode(model) if training else evaluating(model):
                found = _certified(model, fed, size)
        except BadInput:
            if not training:
                raise
            break  # what a model does with its inputs while it trains may not go with gradients of them
        if training and found.why:
            break
        taken += found.passes
        if found.why or found.leak is not None:
            return Rows(size, taken, found.leak, training, norms, found.why, found.shape)
    return Rows(size, taken, None, False, norms, "", found.shape)


def unlike(model: nn.Module, whole: Any, most: int) -> int:
    """The most rows whose number is no other size around here: the axis of the rows is then known by its length."""
    held = [item for item in batches.leaves(whole) if isinstance(item, Tensor)]
    rows = batches.batch_size(whole)
    sizes = {size for item in held for size in item.shape[1:] if item.ndim} | {len(i) for i in held if i.ndim} - {rows}
    sizes |= {size for item in (*model.parameters(), *model.buffers()) for size in item.shape}
    return next((size for size in range(most, 1, -1) if size not in sizes), most)


def _certified(model: nn.Module, fed: Feed, size: int) -> Rows:
    with torch.enable_grad():
        inputs, output = inputs_and_output(model, fed, size)
        shape = tuple(output.shape) if output is not None else ()
        why = _unfit(inputs, output, size)
        if output is None or why:
            return Rows(size, 0, why=why, shape=shape)
        back = Back(inputs, output)
        for chosen in splits(size):
            got = back.sent(chosen)
            if not got.isfinite().all():
                return Rows(size, back.passes, why="gradients of the inputs are not finite", shape=shape)
            leak = back.leak(chosen, got)
            if leak is not None:
                place = first_mixing(model, fed, size, leak[0])
                line = first_mixing_line(model, fed, size, leak[0])
                return Rows(size, back.passes, Leak(*leak, place, line), shape=shape)
    return Rows(size, back.passes, shape=shape)


def splits(size: int) -> Iterator[Tensor]:
    """The rows that are sent back in each pass: of any two, each is in a pass that the other is not in."""
    passes = next(count for count in itertools.count(1) if math.comb(count, count // 2) >= size)
    codes = itertools.islice(itertools.combinations(range(passes), passes // 2), size)
    taking = torch.zeros(passes, size, dtype=torch.bool)
    for row, code in enumerate(codes):
        taking[list(code), row] = True
    yield from taking


class Back:
    """Backward passes from chosen rows of one output to the rows of the inputs."""

    def __init__(self, inputs: Sequence[Tensor], output: Tensor) -> None:
        self._inputs, self._output = inputs, output
        generator = torch.Generator().manual_seed(0)
        self._weights = torch.randn(output.shape, generator=generator).to(output)
        self.passes = 0

    def sent(self, chosen: Tensor) -> Tensor:
        """(rows,) the largest gradient of each input row when the outputs of the chosen rows are summed."""
        self.passes += 1
        mask = chosen.to(self._output.device).reshape(-1, *[1] * (self._output.ndim - 1))
        grads = torch.autograd.grad(
            self._output, self._inputs, self._weights * mask, retain_graph=True, allow_unused=True
        )
        largest = [
            grad.detach().abs().reshape(len(grad), -1).amax(1).float().cpu() for grad in grads if grad is not None
        ]
        return torch.stack(largest).amax(0) if largest else torch.zeros(len(chosen))

    def leak(self, chosen: Tensor, got: Tensor) -> tuple[int, int, float] | None:
        """(source, to, strength) of the strongest leak into the chosen rows, which sent `got`; None where is none."""
        source = int(torch.where(chosen, 0.0, got).argmax())
        if chosen[source] or got[source] == 0:
            return None
        own = float(got[chosen].max()) or 1.0
        among = chosen.nonzero().flatten()
        while len(among) > 1:  # halve the rows until the one is left that hears of the source
            half = torch.zeros_like(chosen)
            half[among[: len(among) // 2]] = True
            first = self.sent(half)[source] > 0
            among = among[: len(among) // 2] if first else among[len(among) // 2 :]
        return source, int(among[0]), float(got[source]) / own


class Tables(TorchFunctionMode):
    """Cuts the graph behind every look-up of a row's tokens, so that gradients end there as they would at inputs."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size
        self.found: list[Tensor] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if getattr(func, "__name__", "") not in LOOKUPS or out.ndim < 2 or out.shape[0] != self._size:
            return out
        self.found.append(out.detach().requires_grad_())
        return self.found[-1]


def inputs_and_output(model: nn.Module, fed: Feed, size: int) -> tuple[list[Tensor], Tensor | None]:
    """Inputs that gradients can reach, one row an example, and the output."""
    inputs: list[Tensor] = []

    def leaf(item: Any) -> Any:
        if not isinstance(item, Tensor):
            return item
        item = item.detach().clone()
        if item.is_floating_point() and item.ndim and item.shape[0] == size:
            inputs.append(item.requires_grad_())
        return item

    args, kwargs = batches.apply(fed.args, leaf), batches.apply(fed.kwargs, leaf)
    tables = Tables(size)
    try:
        # a table of places has as many rows as there are places; where that is the size of the batch it looks the same
        looked_up = tables if unlike(model, fed.batch, size) == size else nullcontext()
        # cuDNN sends nothing back through a recurrent layer in eval mode
        with eagerly(), torch.backends.cudnn.flags(enabled=False), looked_up:
            raw = model(*args, **kwargs)
    except Exception as error:
        raise failed_forward(model, fed, error) from error
    return inputs + tables.found, batches.output_of(raw)


def _unfit(inputs: list[Tensor], output: Tensor | None, size: int) -> str:
    if output is None or not output.is_floating_point():
        return "the model gives no tensor of numbers"
    if not inputs:
        return "no input holds one row of numbers or tokens for each example"
    if output.ndim == 0 or output.shape[0] != size:
        return f"the output has the shape {tuple(output.shape)}, whose first axis does not run over {size} examples"
    if not output.requires_grad:
        return "no gradient runs from the output to the inputs"
    return ""


@contextmanager
def train_mode(model: nn.Module) -> Iterator[None]:
    """Train mode of all but what mixes rows or differs between them by design."""
    before = [(part, part.training) for part in model.modules()]
    try:
        for part in model.modules():
            part.training = not isinstance(part, NORMS)
        yield
    finally:
        for part, mode in before:
            part.training = mode
