"""Questions to the user's text that need no counting: what a statement binds, calls, leaves and hands on."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

from .values import Fields, Function, Mark, Space, worth

#: calls that do nothing to a scheduler that they are given
HARMLESS = frozenset({"print", "len", "type", "id", "repr", "str", "isinstance", "display"})
#: how deep functions that call one another are followed
DEEPEST = 8
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_LOOPS = (ast.For, ast.While, ast.AsyncFor)
_LITERALS = (ast.List, ast.Tuple, ast.Set, ast.Dict)


def stored(node: ast.AST) -> Iterator[str]:
    """The names that a statement binds."""
    if isinstance(node, _SCOPES):
        if not isinstance(node, ast.Lambda):
            yield node.name
        return
    if isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
        yield node.id
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
    for child in ast.iter_child_nodes(node):
        yield from stored(child)


def forget(node: ast.AST, space: Space, mark: Mark) -> None:
    """What a statement binds is not known any more."""
    for name in stored(node):
        space[name] = mark


def calls(node: ast.AST | None) -> Iterator[ast.Call]:
    """The calls that a statement makes itself."""
    if node is None or isinstance(node, _SCOPES):
        return
    for child in ast.iter_child_nodes(node):
        yield from calls(child)
    if isinstance(node, ast.Call):
        yield node


def leaving(node: ast.AST, *, looped: bool = False) -> Iterator[ast.stmt]:
    """What leaves the loop or the function around a statement."""
    if isinstance(node, _SCOPES):
        return
    if isinstance(node, ast.Return) or (isinstance(node, (ast.Break, ast.Continue)) and not looped):
        yield node
    for child in ast.iter_child_nodes(node):
        yield from leaving(child, looped=looped or isinstance(node, _LOOPS))


def counts(node: ast.AST, space: Space) -> bool:
    """Whether a statement, or a function that it calls, may step or run backward, or has the scheduler in it."""
    return _anywhere(node, space, lambda inner, here: _steps(inner) or _is_scheduler(inner, here))


def reaches(node: ast.AST, space: Space) -> bool:
    """Whether a statement, or a function that it calls, has the scheduler in it."""
    return _anywhere(node, space, _is_scheduler)


def _steps(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in ("step", "backward")


def _is_scheduler(node: ast.AST, space: Space) -> bool:
    return isinstance(node, ast.Name) and space.get(node.id) is Mark.SCHEDULER


def _anywhere(node: ast.AST, space: Space, holds: Callable[[ast.AST, Space], bool], depth: int = 0) -> bool:
    """Whether this is so of any part of a statement, or of a function that it calls."""
    for inner in ast.walk(node):
        if holds(inner, space):
            return True
        if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and depth < DEEPEST:
            called = space.get(inner.func.id)
            if not isinstance(called, Function) or called.node is node:
                continue
            if _anywhere(called.node, called.space, holds, depth + 1):
                return True
    return False


def hands_on(node: ast.AST, space: Space) -> bool:
    """Whether the scheduler itself, and not something asked of it, is in an expression."""
    if isinstance(node, ast.Name):
        return isinstance(node.ctx, ast.Load) and space.get(node.id) is Mark.SCHEDULER
    if isinstance(node, ast.Attribute):
        return node.attr == "step" and worth(node.value, space) is Mark.SCHEDULER
    inner = [child for child in ast.iter_child_nodes(node) if not isinstance(node, ast.Call) or child is not node.func]
    return any(hands_on(child, space) for child in inner)


def keeps(node: ast.AST, space: Space) -> bool:
    """Whether a statement puts the scheduler, or its `step`, where the text loses sight of it."""
    parts = list(ast.walk(node))
    if any(isinstance(part, _LITERALS) and hands_on(part, space) for part in parts):
        return True
    return any(isinstance(part, ast.Assign) and isinstance(part.value, ast.Attribute) and hands_on(part.value, space)
               for part in parts)  # fmt: skip


def arguments(function: Function, call: ast.Call, space: Space) -> dict[str, Any]:
    """The values of a function's parameters in a call."""
    spec = function.node.args
    names = [parameter.arg for parameter in (*spec.posonlyargs, *spec.args)]
    known: dict[str, Any] = dict.fromkeys([*names, *(p.arg for p in spec.kwonlyargs)], Mark.UNKNOWN)
    for name, default in zip(reversed(names), reversed(spec.defaults), strict=False):
        known[name] = worth(default, function.space)
    for parameter, given in zip(spec.kwonlyargs, spec.kw_defaults, strict=True):
        known[parameter.arg] = worth(given, function.space)
    if any(isinstance(argument, ast.Starred) for argument in call.args) or any(k.arg is None for k in call.keywords):
        return dict.fromkeys(known, Mark.UNKNOWN)
    known.update(zip(names, (worth(argument, space) for argument in call.args), strict=False))
    known.update({k.arg: worth(k.value, space) for k in call.keywords if k.arg in known})
    return known


def settings(body: list[ast.stmt], space: Space) -> Any:
    """The values that a class of settings holds."""
    held: dict[str, Any] = {}
    for part in body:
        match part:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                held[name] = worth(value, space)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                held[name] = worth(value, space)
    return Fields(held) if held else Mark.UNKNOWN


def is_forever(node: ast.While) -> bool:
    """`while True`."""
    return isinstance(node.test, ast.Constant)
