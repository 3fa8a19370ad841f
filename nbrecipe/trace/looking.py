"""When to look, and how closely: at the first steps, ever fewer later on, and again when something changes.

Three levels. A *close* look sees every call of torch and every module, and measures the step's gradients and weights:
milliseconds. A *fine* one follows the order of calls and whether gradients are cleared: tens of microseconds. In
between only losses, rates and counts are taken down.
"""

from __future__ import annotations

import statistics
import time
from collections import deque

#: steps at the start that are looked at closely, and those that are followed finely
FIRST, FINE = 4, 48
#: steps in a row that are followed finely later on: whether gradients outlive a step shows in the one after it
WINDOW = 3
#: steps no shorter than this are all followed finely: it takes less than 2 % of them
LONG = 0.004
#: share of the running time that close looks may take later on, beside some seconds once
SHARE, ONCE = 0.01, 0.04
#: evaluations that are looked at whatever it costs; and later ones, each time so much of the steps is added
EVALUATIONS, SPARSE = 6, 6
#: steps between two decisions at most
NAP = 256


class Looking:
    """Decides after each step how closely to look at the next."""

    def __init__(self, every: int | None) -> None:
        self._every = every
        #: whether the order of calls is followed, and whether the next step is measured
        self.fine = self.due = True
        #: something is new: look at the next step closely
        self.changed = False
        #: step at which to decide again
        self.wake = 0
        #: seconds of the last steps that were not looked at closely
        self.plain: deque[float] = deque(maxlen=15)
        self.begun = self.stretch = time.perf_counter()
        #: steps for which the fine look goes on
        self._left = FINE
        self._next, self._spent, self._evaluations = FIRST, 0.0, 0
        #: step from which on the next evaluation is looked at in any case
        self._again = 1

    def decide(self, steps: int, now: float, close: bool) -> bool:
        """After a step: whether to look closely at the next one; `fine` is set beside."""
        self._account(now, close)
        due = steps < FIRST or self.changed or bool(self._every and steps % self._every == 0)
        if not due and steps >= self._next and self.affordable(now):
            due, self._next = True, steps + max(1, steps // 16)
        self.changed, self.due = False, due
        self._left = max(self._left - 1, WINDOW if due else 0)
        self.fine = self._left > 0 or self._long()
        waits = [self._next if self.affordable(now) else steps + NAP, steps + NAP]
        if self._every:
            waits.append(steps - steps % self._every + self._every)
        self.wake = 0 if self.fine else max(min(waits), steps + 1)
        return due

    def _account(self, now: float, close: bool) -> None:
        took, self.stretch = now - self.stretch, now
        if close or self.due:
            self._spent += max(0.0, took - statistics.median(self.plain or [0.0]))
        else:
            self.plain.append(took)

    def _long(self) -> bool:
        return bool(self.plain) and statistics.median(self.plain) > LONG

    def affordable(self, now: float) -> bool:
        """Whether close looks have taken less than their share so far."""
        return self._spent < SHARE * (now - self.begun) + ONCE

    def evaluation(self, steps: int) -> bool:
        """An evaluation may begin: whether to look at it closely; some are, however short the time, to the end."""
        more = self._evaluations < EVALUATIONS or steps >= self._again
        if more or self.affordable(time.perf_counter()):
            self._evaluations += 1
            self._again = steps + max(1, steps // SPARSE)
            self.wake = 0
            return True
        return False
