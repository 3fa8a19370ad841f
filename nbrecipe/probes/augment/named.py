"""Random transforms that a data set holds, told by the names of their classes and functions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

#: how libraries and people call transforms that draw random numbers
RANDOM = re.compile(r"rand(om|_?aug)|augment|jitter|cut_?mix|mix_?up|cut_?out|erasing|elastic", re.IGNORECASE)
#: things looked at, and steps from the data set
_THINGS, _DEPTH = 400, 6


def random_transforms(data: Any, name: str) -> list[str]:
    """Their names, those nearest to the data set first."""
    found, seen, queue = list[str](), set[int](), [(data, 0)]
    while queue and len(seen) < _THINGS:
        thing, depth = queue.pop(0)
        if id(thing) in seen or isinstance(thing, (str, bytes, int, float, type)) or thing is None:
            continue
        seen.add(id(thing))
        called = getattr(thing, "__name__", type(thing).__name__)
        if depth and callable(thing) and RANDOM.search(called) and called not in found:
            found.append(called)
        if depth < _DEPTH:
            queue += [(part, depth + 1) for part in _inside(thing)]
    return found


def _inside(thing: Any) -> Iterator[Any]:
    if isinstance(thing, dict):
        yield from list(thing.values())[:64]
    elif isinstance(thing, (list, tuple)):
        yield from thing[:64]
    elif not hasattr(thing, "__array__"):
        attributes = getattr(thing, "__dict__", None)
        yield from attributes.values() if isinstance(attributes, dict) else ()
