"""Whether an output at a position hears of inputs behind it, by backpropagation, many cuts in one pass.

Rows of a batch are independent, so each row of one backward pass can try a cut of its own: the outputs up to the cut
are summed with random weights, and no input behind it may get a gradient. N rows try N cuts at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import torch
from torch import Tensor

from ... import batches
from ...batches import Feed
from ...batches.models import plain
from ...bench import Bench
from ...task.refusal import refuse_lazy
from ..passes.signal import evaluating
from .dependency import inputs_and_output, rows, unlike
from .lines import Line, first_ahead_line
from .mixing import Place, first_ahead

#: rows that try cuts in one pass, and cuts tried in all, spread evenly, unless every one is asked for
ROWS, CUTS = 32, 256
#: seconds that trying every cut may take
SECONDS = 20.0


@dataclass(frozen=True)
class Ahead:
    """The output at position `at` depends on the input at position `source`, behind it."""

    at: int
    source: int
    #: largest gradient there, against the largest at or before the cut
    strength: float
    #: how many positions ahead the output at the middle looks, nearest and farthest
    lags: tuple[int, int]
    place: Place | None = None
    line: Line | None = None


@dataclass(frozen=True)
class Order:
    """What was seen along the axis of time."""

    length: int
    cuts: int
    passes: int
    ahead: Ahead | None = None
    why: str = ""


def order(bench: Bench) -> Order:
    """Try every cut of the positions in eval mode; run it inside `bench.untouched()`."""
    apart = bench.once(rows)
    if apart.why or apart.leak is not None:
        return Order(0, 0, 0, why=apart.why or "rows of the batch depend on one another, which comes first")
    model = plain(bench.get("model"))
    refuse_lazy(model)
    whole = bench.get("batch")
    size = unlike(model, whole, min(batches.batch_size(whole), ROWS, apart.size))
    fed = batches.feed(model, batches.take(whole, size), bench.loss_fn)
    with evaluating(model), torch.enable_grad():
        inputs, output = inputs_and_output(model, fed, size)
        timed = [item for item in inputs if item.ndim > 1]
        length = timed[0].shape[1] if timed else 0
        if output is None or length < 2 or output.ndim < 2 or output.shape[:2] != (size, length):
            return Order(length, 0, 0, why="inputs and outputs have no axis of positions in common")
        looked = Looked([item for item in timed if item.shape[1] == length], output, _counted(fed, size, length))
        found = looked.ahead(every="whole" in bench.declared)
        if found is not None:
            place = first_ahead(model, fed, size, length, found.at)
            line = first_ahead_line(model, fed, size, length, found.at)
            found = Ahead(found.at, found.source, found.strength, looked.lags(), place, line)
    return Order(length, looked.cuts, looked.passes, found)


def _counted(fed: Feed, size: int, length: int) -> Tensor:
    """(rows, positions) whose output counts in the loss: a prompt is read in both directions, and predicts nothing."""
    own = fed.kwargs.get("labels")  # of a model that shifts them itself
    target = own if isinstance(own, Tensor) else fed.target
    if not isinstance(target, Tensor) or target.shape != (size, length):
        return torch.ones(size, length, dtype=torch.bool)
    known = target.detach().cpu() >= 0
    return known if own is None else torch.cat([known[:, 1:], torch.zeros(size, 1, dtype=torch.bool)], 1)


class Looked:
    """Backward passes from positions of the output that count to positions of the inputs."""

    def __init__(self, inputs: list[Tensor], output: Tensor, counted: Tensor) -> None:
        self._inputs, self._output, self._counted = inputs, output, counted
        self.size, self.length = output.shape[:2]
        generator = torch.Generator().manual_seed(0)
        self._weights = torch.randn(output.shape, generator=generator).to(output)
        self.passes = self.cuts = 0

    def sent(self, chosen: Tensor) -> Tensor:
        """(rows, positions) the largest gradient of each input for the outputs chosen, (rows, positions)."""
        self.passes += 1
        mask = (chosen & self._counted).to(self._output.device).reshape(*chosen.shape, *[1] * (self._output.ndim - 2))
        grads = torch.autograd.grad(
            self._output, self._inputs, self._weights * mask, retain_graph=True, allow_unused=True
        )
        largest = [grad.detach().abs().flatten(2).amax(2).float().cpu() for grad in grads if grad is not None]
        return torch.stack(largest).amax(0) if largest else torch.zeros(chosen.shape)

    def ahead(self, *, every: bool = False) -> Ahead | None:
        """The strongest gradient behind a cut; None where there is none.

        Cuts spread evenly come first; with `every` the others follow, as long as `SECONDS` last.
        """
        begun, step = perf_counter(), -(-(self.length - 1) // CUTS)
        spread = list(range(0, self.length - 1, step))
        rest = sorted(set(range(self.length - 1)) - set(spread)) if every else []
        for cuts in (*_parts(spread, self.size), *_parts(rest, self.size)):
            if self.cuts >= len(spread) and perf_counter() - begun > SECONDS:
                break
            found = self._behind(torch.tensor(cuts))
            if found is not None:
                return found
        return None

    def _behind(self, cuts: Tensor) -> Ahead | None:
        """The strongest gradient behind one of these cuts, of which each row tries one."""
        self.cuts += len(cuts)
        tried = torch.full((self.size,), -1)
        tried[: len(cuts)] = cuts
        before = torch.arange(self.length) <= tried[:, None]
        got = self.sent(before)
        behind = torch.where(before | (tried[:, None] < 0), 0.0, got)
        if behind.max() == 0:
            return None
        row, source = divmod(int(behind.argmax()), self.length)
        own = float(torch.where(before, got, 0.0).max()) or 1.0
        return Ahead(int(tried[row]), source, float(behind.max()) / own, (0, 0))

    def lags(self) -> tuple[int, int]:
        """How far ahead the output at the middle looks; (0, 0) where it does not."""
        middle = (self.length - 1) // 2
        chosen = torch.zeros(self.size, self.length, dtype=torch.bool)
        chosen[:, middle] = True
        heard = (self.sent(chosen)[:, middle + 1 :] > 0).any(0).nonzero().flatten() + 1
        return (int(heard[0]), int(heard[-1])) if len(heard) else (0, 0)


def _parts(cuts: list[int], size: int) -> list[list[int]]:
    return [cuts[i : i + size] for i in range(0, len(cuts), size)]
