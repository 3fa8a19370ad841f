"""The smallest input that shows a difference: fewer rows and columns of it, then plainer numbers.

By hypothesis where it is installed, which shrinks lengths, places and numbers together; else one after the other.
"""

from __future__ import annotations

import importlib.util
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from .draws import chosen, is_free
from .given import Given, Rewrite, arrays, free_lengths, like, mapped, plain
from .looking import Look, look

#: inputs that hypothesis tries, and the largest whole number that stands for a free float
EXAMPLES, LARGEST = 150, 3
#: which arrays hold floats that may be any, by their order
Free = tuple[bool, ...]
Numbers = np.ndarray[Any, Any]
Differs = Callable[[Given], bool]


def smallest(rewrite: Rewrite, found: Look, end: float) -> Look:
    """The same fault on as small an input as can be found until `end`."""
    inner = replace(rewrite, args=found.case.given[0], kwargs=found.case.given[1])
    best = [found]

    def differs(given: Given) -> bool:
        case = replace(found.case, given=given, words="the smallest input found")
        if time.monotonic() > end or not arrays(given):
            return False
        seen = look(rewrite, case)
        same = seen.what == found.what and seen.fault == found.fault
        if same and _size(given) <= _size(best[0].case.given):
            best[0] = seen
        return same

    free = tuple(is_free(item) for item in arrays(found.case.given))
    _greedily(inner, free, differs)
    if importlib.util.find_spec("hypothesis") is not None:
        inner = replace(inner, args=best[0].case.given[0], kwargs=best[0].case.given[1])
        _by_hypothesis(inner, free, differs)
    return best[0]


def _size(given: Given) -> int:
    return sum(int(np.prod(item.shape)) for item in arrays(given))


def _greedily(inner: Rewrite, free: Free, differs: Differs) -> None:
    given = inner.given
    for length in free_lengths(inner):
        for size in range(1, length):
            if differs(smaller := chosen(given, {length: list(range(size))})):
                given = smaller
                break
    for change in (_counted, np.round, _one_digit):
        if any(free) and differs(_put(given, free, change)):
            return


def _put(given: Given, free: Free, change: Callable[[Numbers], Numbers]) -> Given:
    """The same call with other numbers in its free floats."""
    at = iter(free)
    return mapped(given, lambda item: like(change(plain(item)), item) if next(at) else item)


def _one_digit(seen: Numbers) -> Numbers:
    return np.round(seen, 1)


def _counted(seen: Numbers) -> Numbers:
    """1, 2, 3, … in the place of numbers that go up to one and beyond; shares stay shares."""
    counted = np.arange(1, seen.size + 1, dtype=np.float64).reshape(seen.shape)
    finite = np.isfinite(seen)
    high = float(np.abs(seen[finite]).max()) if finite.any() else 1.0
    return np.where(finite, counted if high > 1 else counted / (seen.size + 1), seen)


def _by_hypothesis(inner: Rewrite, free: Free, differs: Differs) -> None:
    # optional, and not there where types are checked
    from hypothesis import (  # type: ignore[import-not-found,unused-ignore]
        HealthCheck,
        Phase,
        configuration,
        errors,
        find,
        settings,
        strategies,
    )

    axes = free_lengths(inner)
    lists = [strategies.lists(strategies.integers(0, n - 1), min_size=1, max_size=n, unique=True) for n in axes]
    number = strategies.integers(-LARGEST, LARGEST)

    def filled(places: tuple[list[int], ...]) -> Any:
        given = chosen(inner.given, {n: sorted(one) for n, one in zip(axes, places, strict=True)})
        count = sum(int(np.prod(item.shape)) for item, fits in zip(arrays(given), free, strict=True) if fits)
        drawn = strategies.lists(number, min_size=count, max_size=count).map(lambda left: _filled(given, free, left))
        return drawn | strategies.just(given)

    setting = settings(
        max_examples=EXAMPLES, database=None, derandomize=True, deadline=None,
        phases=(Phase.generate, Phase.shrink), suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    home = getattr(configuration, "__hypothesis_home_directory", None)
    with tempfile.TemporaryDirectory() as folder:  # else a folder of its own is left beside the notebook
        configuration.set_hypothesis_home_dir(folder)
        try:
            differs(find(strategies.tuples(*lists).flatmap(filled), differs, settings=setting))
        except errors.HypothesisException:  # nothing smaller, or not in time
            return
        finally:
            configuration.set_hypothesis_home_dir(home)


def _filled(given: Given, free: Free, numbers: list[int]) -> Given:
    """The call with these whole numbers, one after the other, in its free floats; sizes where the domain has them."""
    left = iter(numbers)

    def change(seen: Numbers) -> Numbers:
        put = np.array([next(left) for _ in range(seen.size)], dtype=np.float64).reshape(seen.shape)
        return np.array(np.abs(put) if seen.size and seen.min() >= 0 else put)

    return _put(given, free, change)
