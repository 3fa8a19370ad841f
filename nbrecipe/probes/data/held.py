"""What a data set holds and reaches: its attributes, transforms, arrays and generators, each as one would write it.

Follows attributes, containers, closures, and the globals that the user's own functions and methods name. Nothing is
called.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from ...task.users import is_users

#: items of a container that are followed, objects in all, and steps from the data set
LONG, MOST, DEEP = 64, 3000, 8
_PLAIN = (str, bytes, int, float, complex, bool, type(None), np.generic, types.ModuleType, Tensor, np.ndarray)


@dataclass(frozen=True)
class Held:
    """Something that a data set holds: `val_set.dataset.transform`."""

    path: str
    value: Any


def held(root: Any, name: str) -> list[Held]:
    """Everything within reach, the nearest first; each thing once."""
    found, seen = [Held(name, root)], {id(root)}
    layer, deep = list(found), 0
    while layer and deep < DEEP and len(found) < MOST:
        following: list[Held] = []
        for thing in layer:
            for path, value in _inside(thing):
                if id(value) not in seen and not isinstance(value, (str, bytes, int, float, type(None))):
                    seen.add(id(value))
                    following.append(Held(path, value))
        found += following
        layer, deep = following, deep + 1
    return found[:MOST]


def _inside(thing: Held) -> Iterator[tuple[str, Any]]:
    value, path = thing.value, thing.path
    if isinstance(value, _PLAIN):
        return
    if isinstance(value, type):
        for code in codes_of(value):
            yield from _globals(code, value)
    elif isinstance(value, Mapping):
        if len(value) <= LONG:
            yield from ((f"{path}[{key!r}]", item) for key, item in value.items())
    elif isinstance(value, (list, tuple)):
        if len(value) <= LONG:
            yield from ((f"{path}[{i}]", item) for i, item in enumerate(value))
    elif isinstance(value, (types.FunctionType, types.MethodType, functools.partial)):
        yield from _of_function(path, value)
    else:
        yield from _of_object(path, value)


def _of_object(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    attributes = getattr(value, "__dict__", None)
    if isinstance(attributes, dict):
        yield from ((f"{path}.{key}", item) for key, item in list(attributes.items()) if key != "_modules")
    if isinstance(value, nn.Module):
        yield from ((f"{path}.{key}", child) for key, child in value.named_children())
    for kind in type(value).__mro__:
        for function in _functions(kind):
            yield from _globals(function.__code__, function)
        yield from ((f"{path}.{key}", item) for key, item in _class_attributes(kind))


def _class_attributes(kind: type) -> Iterator[tuple[str, Any]]:
    if not _is_own(kind):
        return
    for key, item in vars(kind).items():
        if not key.startswith("__") and not callable(item) and not isinstance(item, (property, *_DESCRIPTORS)):
            yield key, item


_DESCRIPTORS = (staticmethod, classmethod, functools.cached_property, types.MemberDescriptorType)


def _of_function(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, functools.partial):
        yield f"{path}.func", value.func
        yield from ((f"{path}.args[{i}]", item) for i, item in enumerate(value.args))
        yield from ((f"{path}.keywords[{key!r}]", item) for key, item in value.keywords.items())
    elif isinstance(value, types.MethodType):
        yield f"{path}.__self__", value.__self__
        yield f"{path}.__func__", value.__func__
    elif is_users(value.__code__.co_filename):
        for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=False):
            try:
                yield name, cell.cell_contents
            except ValueError:  # not assigned yet
                continue
        yield from _globals(value.__code__, value)


def _globals(code: types.CodeType, function: Any) -> Iterator[tuple[str, Any]]:
    """The globals of the user's that a function names, under their own names."""
    known = getattr(function, "__globals__", {})
    if is_users(code.co_filename):
        yield from ((name, known[name]) for name in words_in(code, strings=False) if name in known)


def words_in(code: types.CodeType, *, strings: bool = True) -> Iterator[str]:
    """Every name, and every string, in a function and in those inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from words_in(constant, strings=strings)
        elif strings and isinstance(constant, str):
            yield constant


def codes_of(value: Any) -> list[types.CodeType]:
    """The code of a function, or of every method that the user's own classes of an object define."""
    if isinstance(value, types.MethodType):
        value = value.__func__
    if isinstance(value, functools.partial):
        return codes_of(value.func)
    if isinstance(value, types.FunctionType):
        return [value.__code__]
    kind = value if isinstance(value, type) else type(value)
    return [function.__code__ for base in kind.__mro__ for function in _functions(base)]


def _functions(kind: type) -> Iterator[types.FunctionType]:
    if not _is_own(kind):
        return
    for item in vars(kind).values():
        for candidate in (item, getattr(item, "__func__", None), getattr(item, "fget", None)):
            function = inspect.unwrap(candidate) if callable(candidate) else None
            if isinstance(function, types.FunctionType) and is_users(function.__code__.co_filename):
                yield function


@functools.lru_cache(1024)
def _is_own(kind: type) -> bool:
    """Whether a class is the user's, told by where its methods stand."""
    codes = [getattr(item, "__code__", None) for item in vars(kind).values()]
    return any(code is not None and is_users(code.co_filename) for code in codes)
