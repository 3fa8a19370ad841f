"""Numbers that lie on a device, read back in batches: asking for each one alone would make the loop wait for it."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ..record.series import Series

#: told of the step of a number that is not finite
Lost = Callable[[int], None]
#: numbers waiting at most
WAITING = 64


class Readings:
    """Puts single numbers into series; those of the CPU at once, others when `flush` is called or many wait."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Series, int, Tensor, int, Lost | None]] = []

    def add(self, series: Series, step: int, value: Tensor | float, lost: Lost | None = None) -> None:
        """Take in a number; what is not a single number is passed over; `lost` is told where it is not finite."""
        if not isinstance(value, Tensor):
            series.add(step, float(value))
        elif value.numel() == 1 and not value.is_complex():
            if value.device.type == "cpu":  # nothing to wait for
                series.add(step, value.item())
            else:
                self._waiting.append((series, step, value.detach(), value._version, lost))
                if len(self._waiting) >= WAITING:
                    self.flush()

    def flush(self) -> None:
        """Read everything that waits, one transfer for each device."""
        waiting, self._waiting = self._waiting, []
        groups: dict[torch.device, list[Tensor]] = {}
        for _, _, value, _, _ in waiting:
            groups.setdefault(value.device, []).append(value.reshape(()).float())
        read = {device: iter(torch.stack(values).tolist()) for device, values in groups.items()}
        for series, step, value, version, lost in waiting:
            number = next(read[value.device])
            if lost is not None and not math.isfinite(number):
                lost(step)
            series.add(step, number if value._version == version else math.nan)  # changed in place meanwhile
