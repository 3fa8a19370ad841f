"""What the user's variables lead to."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn


def reachable(namespace: Mapping[str, Any]) -> Iterator[Any]:
    """What the user can reach by a variable, in a list or as an attribute of one."""
    for name, value in list(namespace.items()):
        if name.startswith("_") or isinstance(value, type(sys)):
            continue
        yield value
        if isinstance(value, (list, tuple, dict)) and len(value) <= 64:
            yield from list(value.values() if isinstance(value, dict) else value)
        elif hasattr(value, "__dict__") and not isinstance(value, (type, nn.Module)):
            yield from list(vars(value).values())


def holders(namespace: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Lists, dicts and the like in the user's variables, in dicts of theirs and in attributes, by name."""
    for name, value in list(namespace.items()):
        if name.startswith("_"):
            continue
        inner: dict[str, Any] = {name: value}
        if isinstance(value, Mapping):
            inner |= {f"{name}[{key!r}]": item for key, item in list(value.items())[:64]}
        elif hasattr(value, "__dict__") and not isinstance(value, (type, type(sys), nn.Module)):
            inner |= {f"{name}.{key}": item for key, item in list(vars(value).items())}
        yield from ((key, item) for key, item in inner.items() if isinstance(item, (list, tuple, deque, Mapping)))
