"""Predicted classes against their targets: a small table for each place where they meet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..record.data import MAX_KINDS, Answers

if TYPE_CHECKING:
    from ..watcher import Watcher
    from .uses import Made

#: classes told apart, rows of a batch looked at, batches whose rows and right answers are kept
CLASSES, ROWS, BATCHES = 64, 4096, 64
#: steps of training that say nothing yet of what is learned
EARLY = 8
#: losses whose highest score is the answer, and those whose sign is: the score that divides no from yes
HIGHEST = ("cross_entropy", "nll_loss")
SIGN = {"binary_cross_entropy_with_logits": 0.0, "binary_cross_entropy": 0.5}


class Tables:
    """Counts what was answered, in evaluations and in training apart."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._known: dict[tuple[Any, ...], Answers] = {}
        #: batches counted already: the same rows, sampled again, say nothing new
        self._met: dict[int, set[str]] = {}

    def scores(self, name: str, output: Tensor, target: Any, grad: bool) -> None:
        """A loss of classes was computed: (N, C) scores or (N,) and (N, 1) scores of yes."""
        made = self._watcher.passes.uses.find(output)
        if made is None or not isinstance(target, Tensor):
            return
        plain = output.detach()
        if name in HIGHEST and plain.ndim == 2 and target.ndim == 1 and not target.is_floating_point():
            self._add(plain.argmax(1), target, made, grad)
        elif name in SIGN and plain.shape == target.shape and plain.numel() == len(plain):
            self._add((plain > SIGN[name]).reshape(-1), target.reshape(-1), made, grad)

    def compared(self, left: Tensor, right: Tensor) -> None:
        """Two tensors were compared for equality; one may be predictions and the other targets."""
        uses = self._watcher.passes.uses
        first, second = uses.find(left), uses.find(right)
        made = first or second
        if made is None or (first is not None and second is not None) or left.shape != right.shape:
            return
        predicted, target = (left, right) if first is not None else (right, left)
        if predicted.requires_grad or predicted.numel() != (len(predicted) if predicted.ndim else 0):
            return
        self._add(predicted.reshape(-1), target.detach().reshape(-1), made, made.seen.grad)

    def _add(self, predicted: Tensor, target: Tensor, made: Made, grad: bool) -> None:
        if len(predicted) != len(target) or not len(target):
            return
        pairs = _pairs(predicted[:ROWS], target[:ROWS])
        seen = self._place(made, grad) if pairs is not None else None
        if seen is None or pairs is None:
            return
        batch = f"{made.seen.batch} {made.seen.step}" if grad else made.seen.batch
        met = self._met.setdefault(id(seen), set())
        if batch in met:
            return
        if len(met) < 4 * BATCHES:
            met.add(batch)
        rows = right = 0
        for (said, meant), number in pairs.items():
            row = seen.table.setdefault(meant, {})
            row[said] = row.get(said, 0) + number
            rows, right = rows + number, right + number * (said == meant)
        if len(seen.batches) < BATCHES:
            seen.batches.append((rows, right))

    def _place(self, made: Made, grad: bool) -> Answers | None:
        watcher, step = self._watcher, self._watcher.trace.steps
        place = watcher.places.here(6)
        key = (place, grad, made.model, made.seen.loader)
        seen = self._known.get(key)
        if seen is None:
            if len(self._known) >= MAX_KINDS:
                return None
            seen = self._known[key] = Answers(place, grad, made.model, made.seen.loader, step)
            watcher.trace.answers.append(seen)
        # a new evaluation counts anew; of training, the later half counts
        if seen.step != step and (not grad or step > 2 * seen.step + EARLY):
            seen.step, seen.table, seen.batches = step, {}, []
            self._met.pop(id(seen), None)
        return seen


def _pairs(predicted: Tensor, target: Tensor) -> dict[tuple[int, int], int] | None:
    """{(predicted, target): count}; None where these are no classes. Targets below 0 do not count."""
    said, meant = predicted.float().cpu(), target.float().cpu()
    counted = meant >= 0
    said, meant = said[counted], meant[counted]
    if not len(said) or bool((said != said.round()).any() | (meant != meant.round()).any()):
        return None
    if float(said.min()) < 0 or max(float(said.max()), float(meant.max())) >= CLASSES:
        return None
    codes, number = torch.unique((meant * CLASSES + said).long(), return_counts=True)
    pairs = zip(codes.tolist(), number.tolist(), strict=True)
    return {(code % CLASSES, code // CLASSES): count for code, count in pairs}
