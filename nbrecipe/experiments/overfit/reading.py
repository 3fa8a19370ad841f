"""Settles from the first pass how predictions are read and how low the loss can go."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ... import film
from ...task import Kind, LossCall, Task
from ...task.predictions import Classes, Predictions, Values, YesNo
from .floor import best_values, entries, lowest
from .groups import groups_of
from .passes import Passes
from .trial import perfect_loss

#: how far above its floor a loss counts as reached, as a share of what a guess costs above it: with ten classes every
#: label then has a probability of 0.97 or more, and a regression explains 99 % of the variance
REACHED = 0.01
#: where training stops, if it gets there soon: a tenth of that
SETTLED = 0.1

_FILMS = {
    Kind.NEXT_TOKEN: film.Kind.TOKENS,
    Kind.SEGMENTATION: film.Kind.IMAGES,
    Kind.RECONSTRUCTION: film.Kind.IMAGES,
    Kind.MULTILABEL: film.Kind.MULTILABEL,
    Kind.REGRESSION: film.Kind.REGRESSION,
}


@dataclass(frozen=True)
class Aim:
    """Where the run has to come: loss and predictions."""

    floor: float | None
    #: the loss of the best guess that does not look at the input; for classes, of equal probabilities
    guess: float | None
    tolerance: float | None
    predictions: Predictions | None
    #: examples whose input equals another's although the label differs, where this raises the floor
    conflicts: list[int]

    @property
    def reach(self) -> float:
        """The loss from which on the floor counts as reached; below any loss where it is unknown."""
        return -float("inf") if self.floor is None or self.tolerance is None else self.floor + self.tolerance


def aim_of(passes: Passes) -> Aim:
    """The floor, the tolerance and the reader of predictions for this batch."""
    task, call = passes.task, passes.call
    if call is None:
        return _untold(passes)
    target = entries(call)
    if call.input.shape != call.target.shape and not _by_class(call):
        if call.input.numel() != call.target.numel():
            return Aim(None, None, None, None, [])
        call = LossCall(call.name, call.input.flatten(), call.target.flatten(), _unweighted(call))
    skip = int(call.options.get("ignore_index", -100)) if call.name in ("cross_entropy", "nll_loss") else None
    groups = groups_of(task.feed, target, ignored=skip)
    floor = lowest(call, groups)
    guess = _guess(call, task, groups)
    predictions = _predictions(call, task, groups, skip)
    conflicts = _conflicts(entries(call), groups, task, skip) if floor else []
    return Aim(floor, guess, _tolerance(call, floor, guess, float(passes.loss.detach())), predictions, conflicts)


def _by_class(call: LossCall) -> bool:
    return call.name in ("cross_entropy", "nll_loss")


def _unweighted(call: LossCall) -> dict[str, object]:
    return {key: value for key, value in call.options.items() if key not in ("weight", "pos_weight")}


def _guess(call: LossCall, task: Task, groups: Tensor) -> float | None:
    """What knowing only the labels of this batch would cost."""
    columns = task.kind in (Kind.MULTILABEL, Kind.REGRESSION, Kind.RECONSTRUCTION)
    per = len(groups) // max(task.feed.size, 1)
    if columns and per and len(groups) == per * task.feed.size:
        return lowest(call, torch.arange(len(groups)) % per)
    return lowest(call, torch.zeros_like(groups))


def _tolerance(call: LossCall, floor: float | None, guess: float | None, start: float) -> float | None:
    if floor is None or guess is None:
        return None
    with torch.no_grad():
        blank = float(call.again(torch.zeros_like(call.input.detach())).mean())
    # one class alone, or one value: a guess is right already, so the scale is what knowing nothing costs
    spans = (guess - floor, blank - floor, start - floor, abs(floor))
    span = next((s for s in spans if s > 1e-6 * max(abs(blank), abs(guess))), 1.0)
    return REACHED * span


def _predictions(call: LossCall, task: Task, groups: Tensor, skip: int | None) -> Predictions:
    place, target = call.input.device, entries(call)
    count = task.feed.size if target.numel() % max(task.feed.size, 1) == 0 else target.numel()
    per = target.numel() // count
    kind = _FILMS.get(task.kind, film.Kind.CLASSES)
    if kind is film.Kind.CLASSES and per > 1:
        kind = film.Kind.MULTILABEL if call.name.startswith("binary") else film.Kind.TOKENS
    shape = _shape(kind, count, per, task, call)
    if _by_class(call) or call.name == "kl_div":
        flat = target.flatten().long()
        counted = _favoured(flat.cpu(), groups, skip).to(place)
        logarithms = call.name != "cross_entropy"
        classes = call.input.shape[1] if call.input.ndim > 1 else call.input.shape[0]
        seen = skip if skip is not None and bool((flat == skip).any()) else None
        return Classes(kind, shape, flat, counted, logarithms, 1, seen, (0.0, float(classes - 1)))
    if call.name.startswith("binary"):
        flat = target.detach().flatten().float()
        counted = _favoured((flat >= 0.5).long().cpu(), groups, None).to(place)
        return YesNo(kind, shape, flat, counted, probable=call.name == "binary_cross_entropy")
    kind = kind if kind in (film.Kind.IMAGES, film.Kind.REGRESSION) else film.Kind.REGRESSION
    return Values(kind, shape, best_values(call, groups).to(place, torch.float32))


def _shape(kind: film.Kind, count: int, per: int, task: Task, call: LossCall) -> tuple[int, ...]:
    """Of an image whatever axes are known, of anything else (examples, entries of each)."""
    if kind is film.Kind.IMAGES:
        known = [t.shape for t in (entries(call), task.target, task.output) if isinstance(t, Tensor)]
        full = [tuple(s) for s in known if s.numel() == count * per and len(s) > 2 and s[0] == count]
        if full:
            return full[0]
    return count, per


def _favoured(target: Tensor, groups: Tensor, skip: int | None) -> Tensor:
    """The entries whose label is the most frequent in their group of equal inputs: others cannot be learned."""
    counted = torch.ones(len(target), dtype=torch.bool) if skip is None else target != skip
    if len(torch.unique(groups)) == len(groups):
        return counted
    pairs, place, often = torch.unique(
        torch.stack([groups, target])[:, counted], dim=1, return_inverse=True, return_counts=True
    )
    best = torch.zeros(int(groups.max()) + 1, dtype=often.dtype).scatter_reduce(0, pairs[0], often, "amax")
    first = often == best[pairs[0]]
    ties = torch.zeros_like(best).index_add_(0, pairs[0], first.long())
    wins = first & (ties[pairs[0]] == 1)
    counted[counted.clone()] = wins[place]
    return counted


def _conflicts(target: Tensor, groups: Tensor, task: Task, skip: int | None) -> list[int]:
    """Examples that share their input with one of another label."""
    flat = target.detach().cpu().flatten().double()
    kept = torch.ones(len(flat), dtype=torch.bool) if skip is None else flat != skip
    size = int(groups.max()) + 1
    low = torch.full((size,), float("inf"), dtype=flat.dtype).scatter_reduce(0, groups[kept], flat[kept], "amin")
    high = torch.full((size,), -float("inf"), dtype=flat.dtype).scatter_reduce(0, groups[kept], flat[kept], "amax")
    torn = kept & (low < high)[groups]
    per = max(len(flat) // max(task.feed.size, 1), 1)
    return sorted({i // per for i in torn.nonzero().flatten().tolist()})


def _untold(passes: Passes) -> Aim:
    """A loss that is not understood: its floor is what a perfect prediction is seen to cost, where that is nothing."""
    task, output = passes.task, passes.output
    if output is None or task.loss_of is None or not isinstance(task.target, Tensor):
        return Aim(None, None, None, None, [])
    call, axis = _stand_in(task, output.detach())
    if call is None:
        return Aim(None, None, None, None, [])
    groups = groups_of(task.feed, entries(call))
    predictions = _predictions(call, task, groups, None)
    if isinstance(predictions, Classes):
        predictions.axis = axis
    if isinstance(predictions, YesNo):
        predictions.probable = bool(((output >= 0) & (output <= 1)).all())
    start = float(passes.loss.detach())
    floor = None if lowest(call, groups) else perfect_loss(call, output, axis, task.loss_of, start)
    span = None if floor is None else start - floor
    return Aim(floor, None, None if span is None else REACHED * span, predictions, [])


def _stand_in(task: Task, output: Tensor) -> tuple[LossCall | None, int]:
    """The usual loss of such targets, to read predictions with, and the axis of the classes."""
    target = task.target
    if task.kind in (Kind.CLASSES, Kind.NEXT_TOKEN, Kind.SEGMENTATION) and not target.is_floating_point():
        if output.shape[:-1] == target.shape:
            return LossCall("cross_entropy", output.movedim(-1, 1) if output.ndim > 1 else output, target), -1
        if output.shape[:1] + output.shape[2:] == target.shape:
            return LossCall("cross_entropy", output, target), 1
    if target.numel() != output.numel() or task.kind is Kind.OWN:
        return None, 1
    yes_no = task.kind in (Kind.BINARY, Kind.MULTILABEL, Kind.SEGMENTATION)
    name = "binary_cross_entropy_with_logits" if yes_no else "mse_loss"
    return LossCall(name, output, target.reshape(output.shape).float()), 1
