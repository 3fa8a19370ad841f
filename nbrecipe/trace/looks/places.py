"""Where in the user's code something happens, and what the user calls the things that it happens to."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from torch import nn

from ...task.users import is_users
from ..record.data import NOWHERE, Place


class Places:
    """Finds the innermost frame of the user's own code."""

    def __init__(self, label: Callable[[str], str]) -> None:
        self._label = label
        self._kept: dict[tuple[str, int], Place] = {}

    def frame(self, depth: int = 1) -> FrameType | None:
        """The innermost frame of the user's code above the caller."""
        frame: FrameType | None = sys._getframe(depth)
        while frame is not None and not is_users(frame.f_code.co_filename):
            frame = frame.f_back
        return frame

    def here(self, depth: int = 2) -> Place:
        """The line of the user's code that is running."""
        frame = self.frame(depth)
        if frame is None:
            return NOWHERE
        key = (frame.f_code.co_filename, frame.f_lineno)
        if key not in self._kept:
            text = linecache.getline(*key).strip()
            self._kept[key] = Place(self._label(key[0]), key[1], text)
        return self._kept[key]

    def by_user(self, depth: int) -> bool:
        """Whether the user's own code made the call at this depth, or called a function that a decorator wraps."""
        frame: FrameType | None = sys._getframe(depth)
        if frame is not None and frame.f_code.co_name == "decorate_context":
            frame = frame.f_back
        return frame is not None and is_users(frame.f_code.co_filename)


class Names:
    """What the user calls an object: a variable, an attribute of one, a local of the running function; or its class."""

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        self._namespace = namespace
        self._kept: dict[int, tuple[Any, str]] = {}  # with the object, so that its id stays its own
        self._taken: set[str] = set()

    def of(self, thing: Any, frame: FrameType | None = None) -> str:
        """A name for this object, the same every time."""
        if id(thing) not in self._kept:
            name = self._found(thing, frame) or self._made(thing)
            self._taken.add(name)
            self._kept[id(thing)] = (thing, name)
        return self._kept[id(thing)][1]

    def _found(self, thing: Any, frame: FrameType | None) -> str:
        spaces: list[Mapping[str, Any]] = [self._namespace]
        depth = 0
        while frame is not None and depth < 4:
            spaces.append(frame.f_locals)
            frame, depth = frame.f_back, depth + 1
        for space in spaces:
            for name, value in list(space.items()):
                if value is thing and not name.startswith("_") and name not in self._taken:
                    return name
        for space in spaces:
            for name, value in list(space.items()):
                if not name.startswith("_") and (path := _inside(value, thing)):
                    return f"{name}.{path}"
        return ""

    def _made(self, thing: Any) -> str:
        kind, number = type(thing).__name__, 2
        name = kind
        while name in self._taken:
            name, number = f"{kind}#{number}", number + 1
        return name


def _inside(whole: Any, part: Any) -> str:
    """The path of a module within another, or the attribute of a plain object that holds a thing."""
    if isinstance(whole, nn.Module):
        if isinstance(part, nn.Module):
            return next((path for path, module in whole.named_modules() if module is part), "")
    elif isinstance(whole, type) or not hasattr(whole, "__dict__"):
        return ""
    return next((key for key, value in list(vars(whole).items()) if value is part), "")
