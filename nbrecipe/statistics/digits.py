"""Numbers with as many digits as they deserve."""

from __future__ import annotations

import math

from .interval import Interval
from .paired import CHANCE, Paired

#: digits where no interval says how many
PLAIN = 3
#: digits more where rounding would call a value 0 or 1 that is not
MORE = 2


def worth(value: float, interval: Interval) -> str:
    """A value down to the digit that its interval leaves open: 0.9 ± 0.02 is "0.90", 1234 ± 250 "1200"."""
    return _spelled(value, _places(value, interval))


def told(value: float, interval: Interval) -> str:
    """A value and its interval, "0.91 (0.89 to 0.93)"."""
    places = _places(value, interval)
    if not (math.isfinite(interval.low) and math.isfinite(interval.high)):
        return f"{_spelled(value, places)} (no interval: {interval.method})"
    return f"{_spelled(value, places)} ({_spelled(interval.low, places)} to {_spelled(interval.high, places)})"


def chance(p: float) -> str:
    """A p-value: "p = 0.31", "p = 0.0042", "p < 0.0001"; as many digits as show on which side of 5 % it lies."""
    if p < 0.0001:
        return "p < 0.0001"
    said = f"{p:.2f}" if p >= 0.095 else f"{p:.2g}"
    digits = 3
    while p < CHANCE <= float(said) and digits < 17:
        said, digits = f"{p:.{digits}g}", digits + 1
    return f"p = {said}"


def against(first: float, second: float, paired: Paired) -> str:
    """Two values and whether they differ: "0.912 against 0.905: could be chance, p = 0.31"."""
    same = first == second and not paired.interval.high > paired.interval.low
    places = _places(first if same else first - second, paired.interval)
    places += first != second and _spelled(first, places) == _spelled(second, places)
    said = "could be chance" if paired.could_be_chance else "no chance"
    return f"{_spelled(first, places)} against {_spelled(second, places)}: {said}, {chance(paired.p)}"


def _places(value: float, interval: Interval) -> int:
    """Decimals up to the place of the first digit of the half-width; below 0 for tens, hundreds, …"""
    half = (interval.high - interval.low) / 2
    if not math.isfinite(half) or half <= 0:
        size = abs(value) if math.isfinite(value) and value else 1.0
        return PLAIN - 1 - math.floor(math.log10(size)) if value else 0
    places = -math.floor(math.log10(half) + 1e-9)
    more = 0
    while more < MORE and round(value, places + more) in (0.0, 1.0) and round(value, places + more) != value:
        more += 1
    return places + more


def _spelled(value: float, places: int) -> str:
    if not math.isfinite(value):
        return str(value)
    value = round(value, places) + 0.0
    size = abs(value)
    if size and (size < 1e-4 or size >= 1e7):
        first = math.floor(math.log10(size))
        return f"{value:.{max(0, places + first)}e}"
    return f"{value:.{max(0, places)}f}"
