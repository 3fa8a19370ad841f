"""What a language model writes by itself while it trains: on from the middle of a few given texts."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ...batches.structure import apply
from ...film import Written
from ...tokens import Tokenizer
from ..measures.facts import tensors

#: texts that are written on, and the most tokens of each
TEXTS, LONGEST = 3, 32
#: moments of a run that are kept
MOMENTS = 16
#: share of targets that must be the next token of the input: then the model is one that writes
NEXT = 0.99
#: share of the running time that writing may take, beside some seconds once
SHARE, ONCE = 0.02, 0.5
#: how far scores may move, of their own spread, when later tokens change: kernels round differently
STILL = 1e-3

Answer = Callable[[tuple[Any, ...], dict[str, Any]], Any]


class Writing:
    """Writes on from the middle of the first texts of a batch; `answer` calls the model without gradients."""

    def __init__(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], ids: Tensor, counted: Tensor, tokenizer: Tokenizer | None
    ) -> None:
        self._ids = ids
        rows, width = ids.shape
        few = min(TEXTS, rows)
        #: a mask of (T, T) looks like a batch where there are as many rows as places: all rows are kept then
        self._few = few if rows != width else rows
        self._args, self._kwargs = args, kwargs
        self._end = tokenizer.specials.end if tokenizer is not None else None
        self._said = _speller(tokenizer)
        first, last = _ends(counted[:few])
        self._from = torch.minimum(first + (last - first + 1) // 2, last)
        self._to = torch.minimum(self._from + LONGEST, last + 1)
        self.written = Written(
            [self._text(ids[r, a:b]) for r, (a, b) in enumerate(zip(first.tolist(), self._from.tolist(), strict=True))],
            [self._text(ids[r, a:b]) for r, (a, b) in enumerate(self._spans())],
        )
        self._spent = 0.0

    def affordable(self, elapsed: float) -> bool:
        """Whether there is time for it now, that many seconds after the beginning."""
        return self._spent < SHARE * elapsed + ONCE

    def write(self, step: int, answer: Answer) -> float:
        """Add what the model writes at this step; returns the seconds that it took."""
        start = time.perf_counter()
        ids = self._ids[: self._few].clone()
        few = len(self._from)
        for place in range(int(self._from.min()), int(self._to.max())):
            guess = self._scores(answer, ids)[:few, place - 1].argmax(-1)
            open_ = (place >= self._from) & (place < self._to)
            ids[:few, place] = torch.where(open_.to(ids.device), guess.to(ids.dtype), ids[:few, place])
        written = self.written
        written.steps.append(step)
        written.texts.append([self._text(ids[r, a:b]) for r, (a, b) in enumerate(self._spans())])
        if len(written.steps) > MOMENTS:
            del written.steps[1:-1:2], written.texts[1:-1:2]
        took = time.perf_counter() - start
        self._spent += took
        return took

    def sees_ahead(self, answer: Answer) -> bool:
        """Whether scores move when later tokens change: such a model cannot write on."""
        ids = self._ids[: self._few]
        middle = int(self._from.min())
        other = ids.clone()
        other[:, middle:] = other[:, middle:].flip(1)
        one, two = (self._scores(answer, tokens)[:, :middle].float() for tokens in (ids, other))
        return bool((one - two).abs().max() > STILL * one.std())

    def _scores(self, answer: Answer, ids: Tensor) -> Tensor:
        """(rows, T, V) scores for these ids, which stand in for the batch's; LookupError where there are none."""
        rows, width = ids.shape
        count = len(self._ids)

        def swapped(leaf: Any) -> Any:
            if leaf is self._ids:
                return ids
            whole = isinstance(leaf, Tensor) and leaf.ndim > 0 and len(leaf) == count != rows
            return leaf[:rows] if whole else leaf

        made = answer(apply(self._args, swapped), apply(self._kwargs, swapped))
        for tensor in tensors(made):
            if tensor.is_floating_point() and tensor.ndim == 3 and tensor.shape[:2] == ids.shape:
                return tensor
            if tensor.is_floating_point() and tensor.ndim == 2 and len(tensor) == ids.numel():
                return tensor.reshape(rows, width, -1)
        raise LookupError("no scores for every token of the input")

    def _spans(self) -> list[tuple[int, int]]:
        return list(zip(self._from.tolist(), self._to.tolist(), strict=True))

    def _text(self, ids: Tensor) -> str:
        row = ids.tolist()
        return self._said(row[: row.index(self._end) + 1] if self._end in row else row)


def writes(ids: Tensor | None, target: Tensor, ignored: int) -> Tensor | None:
    """(N, T) whether each of the ids is one of the text, where the target is the next token; None where it is not."""
    if ids is None or ids.ndim != 2 or ids.shape[1] < 4 or target.numel() % len(ids):
        return None
    wanted = target.reshape(len(ids), -1).to(ids.device)
    columns = min(wanted.shape[1], ids.shape[1] - 1)
    if wanted.shape[1] not in (ids.shape[1], ids.shape[1] - 1):
        return None
    counts = wanted[:, :columns] != ignored
    right = wanted[:, :columns] == ids[:, 1 : columns + 1]
    if not bool(counts.any()) or float(right[counts].double().mean()) < NEXT or bool((counts.sum(1) < 2).any()):
        return None
    text = torch.zeros(ids.shape, dtype=torch.bool, device=ids.device)
    text[:, 1 : columns + 1] = counts
    text[:, :-1] |= text[:, 1:].clone()
    return text.cpu()


def _ends(counted: Tensor) -> tuple[Tensor, Tensor]:
    """The first and the last place of each row that counts."""
    places = torch.arange(counted.shape[1]).expand_as(counted)
    first = places.masked_fill(~counted, counted.shape[1]).amin(1)
    return first, places.masked_fill(~counted, -1).amax(1)


def _speller(tokenizer: Tokenizer | None) -> Callable[[Sequence[int]], str]:
    if tokenizer is None:
        return lambda ids: " ".join(map(str, ids))

    def said(ids: Sequence[int]) -> str:
        try:
            return tokenizer.decode(ids)
        except Exception:  # an id that the tokenizer does not have
            return " ".join(map(str, ids))

    return said
