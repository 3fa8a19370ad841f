"""Whether any code of the user's speaks of an attribute: read off the compiled methods, without running them."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from types import CodeType
from typing import Any

from torch import nn

from ...bench import Bench

#: methods that make, fill and show a layer, and do not use it
SETTING_UP = re.compile(r"__init__|__repr__|extra_repr|_*build|_*(init|reset|freeze)(_\w+)?")
#: ways to come by a layer without its name
BY_ANY_NAME = frozenset(
    {
        "children", "named_children", "modules", "named_modules", "_modules", "getattr", "__getattr__", "__dict__",
        "vars", "get_submodule", "get_parameter", "_parameters", "apply",
    }
)  # fmt: skip


def speaks_of(bench: Bench, owners: list[nn.Module], attribute: str) -> bool:
    """Whether a method of these modules, the loss function or a cell may use an attribute of this name.

    Says yes where the code cannot be read, and where it reaches for layers without naming them.
    """
    words = {word for owner in owners for word in _words_of(owner)}
    code = getattr(bench.loss_fn, "__code__", None)
    words |= set(_words(code)) if code is not None else set()
    elsewhere = re.compile(rf"(?<!self)\.{re.escape(attribute)}\b")
    return attribute in words or bool(words & BY_ANY_NAME) or any(elsewhere.search(c.source) for c in bench.cells)


def is_foreign(module: nn.Module) -> bool:
    """Whether the class comes from an installed package, so that its author knows what it is for."""
    home = sys.modules.get(type(module).__module__)
    place = getattr(home, "__file__", None) or ""
    return type(module).__module__.split(".")[0] == "torch" or "site-packages" in place or "dist-packages" in place


def names_of(module: nn.Module) -> set[str]:
    """Names by which its author says what a module is for: of its class, and in its forward; none for one of torch."""
    kind = type(module)
    if kind.__module__.split(".")[0] == "torch":
        return set()
    code = getattr(inspect.unwrap(kind.forward), "__code__", None)
    return {kind.__name__, *(code.co_names + code.co_varnames if code is not None else ())}


def _words_of(owner: nn.Module) -> Iterator[str]:
    for kind in type(owner).__mro__:
        if kind.__module__.split(".")[0] in ("torch", "builtins"):
            continue
        for name, value in vars(kind).items():
            if not SETTING_UP.fullmatch(name):
                yield from _words_in(value)
    for value in vars(owner).values():  # a forward, or another function, that was put on the object itself
        if callable(value) and not isinstance(value, (nn.Module, type)):
            yield from _words_in(value)


def _words_in(value: Any) -> Iterator[str]:
    for function in (getattr(value, "fget", None), getattr(value, "__func__", None), value):
        code = getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None
        if code is not None:
            yield from _words(code)


def _words(code: CodeType) -> Iterator[str]:
    """Every name and every string in a function and in those inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, CodeType):
            yield from _words(constant)
