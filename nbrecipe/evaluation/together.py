"""Small batches wait and are judged together: a loss of torch says of a row the same in whatever batch it stands."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..guard import interrupts_wait
from ..task import LossCall
from .answers import Array
from .reader import Reader, Seen
from .tally import Tally
from .terms import INDEXED

#: batches that are judged at once, and bytes of outputs of one from which on it is judged by itself
BATCHES, BYTES = 64, 128 << 10
#: losses whose terms depend bit for bit on where in the batch they stand
_PLACED = ("binary_cross_entropy",)


class Together:
    """Hands the batches of one pass to a tally."""

    def __init__(self, reader: Reader, begun: Callable[[], Tally]) -> None:
        self._reader, self._begun = reader, begun
        self.tally: Tally | None = None
        self.done = 0
        self._held: list[tuple[Array, Tensor, Tensor]] = []
        #: examples of a batch that may wait, and the shapes of its rows
        self._most, self._shape, self._label = 0, torch.Size(), torch.Size()

    def add(self, rows: Array, batch: object) -> None:
        """Let one batch be answered. Raises BadInput, in one sentence, where model or loss fail."""
        pair = self._reader.pair(batch, self._most) if self._most else None
        if pair is None:
            self._alone(rows, self._reader(batch))
            return
        output, target = pair
        if output.shape != (len(rows), *self._shape) or target.shape != (len(rows), *self._label):
            self._alone(rows, self._reader.judged(output, target))
            return
        # the model may write its next answer to the same place, and the loader its next batch
        self._held.append((rows, output.clone(), target.clone()))
        self.done += len(rows)
        if len(self._held) == BATCHES:
            self.settle()

    def settle(self) -> None:
        """Judge what has waited; an interrupt cannot halve it."""
        if not self._held or self.tally is None:
            return
        with interrupts_wait():
            held, self._held = self._held, []
            outputs, targets = [output for _, output, _ in held], [target for _, _, target in held]
            try:
                seen = self._reader.judged(torch.cat(outputs), torch.cat(targets))
            except Exception:
                for output, target in zip(outputs, targets, strict=True):  # the batch that fails says why
                    self._reader.judged(output, target)
                raise
            self.tally.add([rows for rows, _, _ in held], seen)

    def _alone(self, rows: Array, seen: Seen) -> None:
        self.settle()
        if self.tally is None:
            self.tally = self._begun()
            self._learn(seen)
        self.tally.add([rows], seen)
        self.done += len(rows)

    def _learn(self, seen: Seen) -> None:
        """Whether batches like the first may wait."""
        call, task = seen.call, self._reader.task
        if call is None or task is None or not self._reader.plain or not _by_row(call, seen.size):
            return
        output, target = call.input, call.target
        self._shape, self._label = output.shape[1:], target.shape[1:]
        self._most = BYTES // max(1, output[:1].nbytes)


def _by_row(call: LossCall, size: int) -> bool:
    """Whether the loss takes row by row, each by itself."""
    output, target = call.input, call.target
    if len(output) != size or target.ndim < 1 or len(target) != size or call.name in _PLACED:
        return False
    if call.name in INDEXED and not target.is_floating_point():
        fits = output.ndim == 2 and target.ndim == 1
    else:
        fits = output.shape == target.shape and (output.ndim == 2 or call.name not in (*INDEXED, "kl_div"))
    weights = [value for value in call.options.values() if isinstance(value, Tensor)]
    return fits and all(weight.numel() == 1 or weight.ndim < output.ndim for weight in weights)
