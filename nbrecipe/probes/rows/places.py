"""A batch of one example many times over: whether its place in the batch changes what the model makes of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ... import batches
from ...batches import Feed
from ...batches.models import eagerly, plain
from ...bench import Bench
from ...task.refusal import failed_forward, refuse_lazy
from ..passes.signal import evaluating
from .dependency import unlike
from .mixing import Place, calls

#: copies of the example
ROWS = 16


@dataclass(frozen=True)
class Copies:
    """How far the outputs for copies of one example are apart."""

    size: int
    #: the largest difference from the first copy, and the spread of outputs over different examples
    apart: float = 0.0
    spread: float = 0.0
    #: the first row that differs, and the module that tells it from the first
    row: int = 0
    place: Place | None = None
    #: why nothing can be said, "" where it can
    why: str = ""


def copies(bench: Bench) -> Copies:
    """Feed the first example `ROWS` times over, in eval mode; run it inside `bench.untouched()`."""
    model = plain(bench.get("model"))
    refuse_lazy(model)
    whole = bench.get("batch")
    most = batches.batch_size(whole)
    size = unlike(model, whole, min(most, ROWS))
    if size < 2:
        return Copies(size, why="the batch holds a single row")
    fed = batches.feed(model, batches.take(whole, size), bench.loss_fn)
    if sum(not isinstance(item, Tensor) for item in batches.leaves([fed.args, list(fed.kwargs.values())])) >= size:
        return Copies(size, why="the batch holds more than tensors")
    args, kwargs = (batches.apply(part, lambda item: _repeated(item, size)) for part in (fed.args, fed.kwargs))
    same = Feed(args, kwargs, fed.target, fed.batch)
    with evaluating(model), torch.no_grad():
        usual, made, again = (_output(model, one, seed) for one, seed in ((fed, 0), (same, 0), (same, 1)))
        if usual is None or made is None or again is None or made.ndim == 0 or made.shape[0] != size:
            return Copies(size, why="the model gives no row of numbers for each example")
        if not torch.equal(made, again):
            return Copies(size, why="the model draws random numbers in eval mode")
        apart = (made - made[:1]).abs().reshape(size, -1).amax(1)
        row = int(apart.argmax())
        place = first_apart(model, same, size) if float(apart[row]) > 0 else None
    return Copies(size, float(apart[row]), float((usual - usual[:1]).abs().max()), row, place)


def _repeated(item: object, size: int) -> object:
    if not isinstance(item, Tensor) or not item.ndim or item.shape[0] != size:
        return item
    return item[:1].expand_as(item).clone()


def _output(model: nn.Module, fed: Feed, seed: int) -> Tensor | None:
    torch.manual_seed(seed)  # the bench puts the generator back
    try:
        with eagerly():
            output = batches.output_of(model(*fed.args, **fed.kwargs))
    except Exception as error:
        raise failed_forward(model, fed, error) from error
    return output.double() if output is not None and output.is_floating_point() else None


def first_apart(model: nn.Module, same: Feed, size: int) -> Place | None:
    """The first module whose output differs from copy to copy by more than rounding."""
    for call in calls(model, same):
        for made in call.made:
            if made.ndim and made.shape[0] == size and not torch.allclose(made, made[:1].expand_as(made), 1e-3, 1e-5):
                return Place(call.path, type(call.module).__name__, around=call.path.rpartition(".")[0])
    return None
