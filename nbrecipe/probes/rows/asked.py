"""What the output at each place is asked for, beside the token that the model reads there.

The target is the one that reaches the loss function, so that a shift which the model or the loss makes counts in.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from ... import batches
from ...batches import Feed
from ...batches.models import plain
from ...bench import Bench
from ...task import Task
from ...task.refusal import failed_forward
from ..passes.signal import evaluating
from .arguments import arguments
from .padded import are_tokens, padded

#: places that a target is compared with, from the one of its own output on
LAGS = (-1, 0, 1, 2)
#: rows that are run to see what an output hears of
ROWS = 4


@dataclass(frozen=True)
class Asked:
    """Targets of one batch beside its ids, both (rows, places)."""

    ids: Tensor = field(default_factory=lambda: torch.zeros(0, 0))
    targets: Tensor = field(default_factory=lambda: torch.zeros(0, 0))
    counted: Tensor = field(default_factory=lambda: torch.zeros(0, 0))
    #: the place of the output that the first target is for
    first: int = 0
    #: share of the targets that are the token so many places after their output's own
    lags: dict[int, float] = field(default_factory=dict)
    ignored: int = -100
    why: str = ""

    @property
    def length(self) -> int:
        """Tokens of a row."""
        return int(self.ids.shape[1])


@dataclass(frozen=True)
class Heard:
    """Which outputs hear of a token in mid-row: the one at its own place, and later ones."""

    own: bool = False
    later: bool = False
    why: str = ""


def asked(bench: Bench) -> Asked:
    """What the loss asks of each place; run it inside `bench.untouched()`. Raises BadInput as the task does."""
    if bench.loss_fn is not None and len(list(batches.leaves(bench.get("batch")))) < 2:
        return Asked(why="the batch holds inputs alone: what the loop makes their targets is not seen")
    task = bench.get("task")
    model, fed, call = plain(bench.get("model")), task.feed, task.call
    if call is None or call.name not in ("cross_entropy", "nll_loss") or call.target.is_floating_point():
        return Asked(why="the loss is no single cross-entropy with a class for each token")
    ids = [one.item for one in arguments(model, fed, fed.size) if are_tokens(one)]
    weight, ignored = call.options.get("weight"), int(call.options.get("ignore_index", -100))
    target = call.target.detach()
    counted = (target != ignored) & (target >= 0)
    if isinstance(weight, Tensor):
        counted &= weight[target.clamp(0, len(weight) - 1)] > 0
    found = [seen for item in ids if (seen := _beside(item, target, counted, task, ignored)) is not None]
    if not found:
        return Asked(why="there is not one target for each token id of an input")
    return max(found, key=lambda seen: max(seen.lags.values(), default=0.0))


def _beside(ids: Tensor, target: Tensor, counted: Tensor, task: Task, ignored: int) -> Asked | None:
    rows, length = ids.shape
    width = next((w for w in (length, length - 1) if target.numel() == rows * w and w > 1), None)
    if width is None or (target.ndim > 1 and tuple(target.shape) != (rows, width)):
        return None
    table, counts = target.reshape(rows, width), counted.reshape(rows, width)
    first = _first(task, width) if width < length else 0
    lags: dict[int, float] = {}
    for lag in LAGS:
        ahead = first + lag
        start, stop = max(0, -ahead), min(width, length - ahead)
        kept = counts[:, start:stop]
        if stop - start >= 2 and bool(kept.any()):
            same = ids[:, start + ahead : stop + ahead] == table[:, start:stop]
            lags[lag] = float(same[kept].float().mean())
    return Asked(ids, table, counts, first, lags, ignored)


def _first(task: Task, width: int) -> int:
    """Whether outputs were cut at their start or at their end to fit the targets."""
    assert task.call is not None
    output, given = task.output, task.call.input
    if output is None or output.ndim != 3 or output.shape[1] != width + 1 or given.ndim != 2:
        return 0
    late = output[:, 1:].reshape(-1, output.shape[-1])
    early = output[:, :-1].reshape(-1, output.shape[-1])
    same = late.shape == given.shape
    return int(same and torch.equal(late.to(given), given) and not torch.equal(early.to(given), given))


def heard(bench: Bench) -> Heard:
    """Change one token in mid-row, and see which outputs move; run it inside `bench.untouched()`."""
    seen = bench.once(asked)
    model, whole = plain(bench.get("model")), bench.get("batch")
    size = min(batches.batch_size(whole), ROWS)
    fed = batches.feed(model, batches.take(whole, size), bench.loss_fn)
    at = seen.length // 2
    others = torch.unique(seen.ids[:, at])

    def changed(item: Any) -> Any:
        if not isinstance(item, Tensor) or item.shape != (size, seen.length) or not torch.equal(item, seen.ids[:size]):
            return item
        item = item.clone()
        place = torch.searchsorted(others, item[:, at].contiguous())
        item[:, at] = others[(place + 1) % len(others)]
        return item

    inputs = {key: value for key, value in fed.kwargs.items() if key not in batches.TARGET_KEYS}
    other = replace(fed, args=batches.apply(fed.args, changed), kwargs=fed.kwargs | batches.apply(inputs, changed))
    with evaluating(model), torch.no_grad():
        before, after = (_output(model, one) for one in (fed, other))
    if len(others) < 2 or before is None or after is None or before.shape[:2] != (size, seen.length):
        return Heard(why="inputs and outputs have no axis of places in common")
    moved = (before != after).flatten(2).any(2).any(0)
    return Heard(bool(moved[at]), bool(moved[at + 1 :].any()))


def _output(model: nn.Module, fed: Feed) -> Tensor | None:
    torch.manual_seed(0)  # what a model draws must be the same both times; the bench puts the generator back
    try:
        return batches.output_of(model(*fed.args, **fed.kwargs))
    except Exception as error:
        raise failed_forward(model, fed, error) from error


def padding_counted(bench: Bench) -> tuple[float, str] | str:
    """Share of the targets that count at places where the input is padding, and who says which id that is.

    A reason where it cannot be told; run it inside `bench.untouched()`.
    """
    seen = bench.once(asked)
    if seen.why:
        return seen.why
    task: Any = bench.get("task")
    found = padded(bench, plain(bench.get("model")), task.feed, task.feed.size)
    if found is None or found.ids.shape != seen.ids.shape or not torch.equal(found.ids, seen.ids):
        return "no row of tokens ends in padding, so far as mask, lengths, tokenizer and model tell"
    places = torch.arange(seen.targets.shape[1], device=seen.ids.device) + seen.first
    sizes = torch.tensor(found.lengths, device=seen.ids.device)[:, None]
    # from the last padding on the left the first token is predicted
    outside = places < seen.length - sizes - 1 if found.left else places >= sizes
    counted = outside & seen.counted
    values = seen.targets[counted]
    if not bool(outside.any()):
        return "no place of the targets is padding"
    if len(values) and not bool((values == values[0]).all()):
        return 0.0, found.source  # what is told apart there is no padding to the loss
    return len(values) / max(int(seen.counted.sum()), 1), found.source
