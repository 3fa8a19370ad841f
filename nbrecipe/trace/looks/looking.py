"""When to look, and how closely: at the first steps, ever fewer later on, and again when something changes.

Four levels. A *close* look sees every call of torch and every module: milliseconds. A *measured* step has the norms of
its gradients and of what it changes: about a millisecond for a hundred tensors. A *fine* look follows the order of
calls and whether gradients are cleared: tens of microseconds. In between only losses, rates and counts are taken down.
"""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Iterator

#: steps at the start that are looked at closely, and those that are followed finely
FIRST, FINE = 4, 48
#: steps in a row that are followed finely later on: whether gradients outlive a step shows in the one after it
WINDOW = 3
#: steps no shorter than this are all followed finely: it takes less than 2 % of them
LONG = 0.004
#: share of the running time that close looks may take later on, and measured steps, each beside some seconds once
SHARE, ONCE = 0.002, 0.015
#: between two of either lies this share of the steps so far
CLOSE, MEASURED = 16, 32
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
        #: seconds of a step, lately
        self.plain: deque[float] = deque(maxlen=15)
        self.begun = self.stretch = time.perf_counter()
        #: seconds that close looks and measured steps have taken
        self.spent = self.measured = 0.0
        #: the step decided at last
        self._decided = 0
        #: steps for which the fine look goes on
        self._left = FINE
        self._next = self._measure = FIRST
        self._evaluations = 0
        #: step from which on the next evaluation is looked at in any case
        self._again = 1

    def decide(self, steps: int, now: float) -> bool:
        """After a step: whether to look closely at the next one; `due` and `fine` are set beside."""
        self.plain.append(max(now - self.stretch, 1e-9) / max(steps - self._decided, 1))
        self.stretch, self._decided = now, steps
        close = steps < FIRST or self.changed or bool(self._every and steps % self._every == 0)
        if not close and steps >= self._next and self.affordable(now):
            close, self._next = True, steps + max(1, steps // CLOSE)
        self.changed, self.due = False, close
        if close or (steps >= self._measure and self._measurable(now)):
            self.due, self._measure = True, steps + max(1, steps // MEASURED)
        self._left = max(self._left - 1, WINDOW if close else 0)
        self.fine = self._left > 0 or self.due or self._long()
        self.wake = 0 if self.fine else max(min(self._waits(steps, now)), steps + 1)
        return close

    def nap(self, steps: int, seconds: float) -> None:
        """Decide again after so many seconds at the latest, should steps take as long as they did."""
        if not self.fine and seconds < NAP * self.plain[-1]:
            self.wake = min(self.wake, steps + max(1, int(seconds / self.plain[-1])))

    def pay(self, seconds: float, close: bool) -> None:
        """Looking took so long."""
        if close:
            self.spent += seconds
        else:
            self.measured += seconds

    def _waits(self, steps: int, now: float) -> Iterator[int]:
        """Steps at which something may be due."""
        yield steps + NAP
        if self.affordable(now):
            yield self._next
        if self._measurable(now):
            yield self._measure
        if self._every:
            yield steps - steps % self._every + self._every

    def _measurable(self, now: float) -> bool:
        return self.measured < SHARE * (now - self.begun) + ONCE

    def _long(self) -> bool:
        return bool(self.plain) and statistics.median(self.plain) > LONG

    def affordable(self, now: float) -> bool:
        """Whether close looks have taken less than their share so far."""
        return self.spent < SHARE * (now - self.begun) + ONCE

    def evaluation(self, steps: int) -> bool:
        """An evaluation may begin: whether to look at it closely; some are, however short the time, to the end."""
        more = self._evaluations < EVALUATIONS or steps >= self._again
        if more or self.affordable(time.perf_counter()):
            self._evaluations += 1
            self._again = steps + max(1, steps // SPARSE)
            self.wake = 0
            return True
        return False
