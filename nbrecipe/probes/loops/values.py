"""What an expression of the user's is worth, as far as the text tells; nothing of theirs is called."""

from __future__ import annotations

import ast
import enum
import math
import operator
from collections import ChainMap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Space = ChainMap[str, Any]


class Mark(enum.Enum):
    """What stands for a value that is no plain number or word."""

    UNKNOWN = "unknown"
    #: another one at each turn of a loop that is being read once for all of its turns
    TURNS = "turns"
    SCHEDULER = "scheduler"
    OPTIMIZER = "optimizer"


@dataclass(frozen=True)
class Turned:
    """Something to loop over: its turns, the number before each item, and whether it is the training loader."""

    count: int
    values: range | list[Any] | None = None
    numbered: int | None = None
    loader: bool = False


@dataclass(frozen=True)
class Function:
    """A function of the user's, with the variables around it."""

    node: ast.FunctionDef
    space: Space


@dataclass(frozen=True)
class Fields:
    """Named values: of a dict, a namespace, or a class of settings."""

    held: dict[str, Any]


#: calls that hand on what they are given to loop over
WRAPS = frozenset({"tqdm", "trange", "track", "progress_bar", "notebook_tqdm", "tqdm_notebook", "list", "iter"})
_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Eq: operator.eq, ast.NotEq: operator.ne,
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Is: operator.is_,
    ast.IsNot: operator.is_not, ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: operator.not_,
    ast.In: lambda a, b: a in b, ast.NotIn: lambda a, b: a not in b,
}  # fmt: skip
_CALLS: dict[str, Callable[..., Any]] = {
    "int": int, "float": float, "round": round, "max": max, "min": min, "abs": abs, "bool": bool,
    "ceil": math.ceil, "floor": math.floor,
}  # fmt: skip
_PLAIN = (int, float, str, bool, type(None))


def worth(node: ast.AST | None, space: Space) -> Any:
    """The value of an expression: a number, a word, something to loop over, a function; else a mark."""
    match node:
        case ast.Constant(value=value):
            return value if isinstance(value, _PLAIN) else Mark.UNKNOWN
        case ast.Name(id=name):
            return space.get(name, Mark.UNKNOWN)
        case ast.BinOp(left=a, op=op, right=b):
            return _applied(type(op), worth(a, space), worth(b, space))
        case ast.UnaryOp(op=op, operand=a):
            value = worth(a, space)
            return False if isinstance(op, ast.Not) and _is_thing(value) else _applied(type(op), value)
        case ast.Compare(left=a, ops=[op], comparators=[b]):
            return _compared(type(op), worth(a, space), worth(b, space))
        case ast.BoolOp(op=op, values=parts):
            return _either(isinstance(op, ast.Or), [worth(part, space) for part in parts])
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return [worth(part, space) for part in parts]
        case ast.Attribute() | ast.Subscript() | ast.Dict():
            return _entry(node, space)
        case ast.Call():
            return _call(node, space)
    return Mark.UNKNOWN


def turns(value: Any) -> Turned | None:
    """What a loop over a value makes; None where that cannot be told."""
    if isinstance(value, Turned):
        return value
    return Turned(len(value), value) if isinstance(value, (range, list)) else None


def decided(value: Any) -> Any:
    """Whether a test with this value holds; a mark where that cannot be told."""
    if value in (Mark.UNKNOWN, Mark.TURNS) or isinstance(value, Function):
        return value if isinstance(value, Mark) else True
    return True if _is_thing(value) else bool(value)


def name_of(node: ast.AST) -> str:
    """The last part of what is called: `tqdm.notebook.tqdm` → "tqdm"."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _is_thing(value: Any) -> bool:
    return value in (Mark.SCHEDULER, Mark.OPTIMIZER) or isinstance(value, (Turned, Fields))


def _applied(op: type[ast.AST], *values: Any) -> Any:
    if Mark.TURNS in values:
        return Mark.TURNS
    if op not in _OPERATORS or not all(isinstance(value, _PLAIN) for value in values):
        return Mark.UNKNOWN
    try:
        return _OPERATORS[op](*values)
    except (TypeError, ZeroDivisionError, OverflowError, ValueError):
        return Mark.UNKNOWN


def _compared(op: type[ast.AST], a: Any, b: Any) -> Any:
    if op in (ast.Is, ast.IsNot) and None in (a, b) and any(_is_thing(value) for value in (a, b)):
        return op is ast.IsNot
    if op in (ast.In, ast.NotIn) and isinstance(b, list) and all(isinstance(one, _PLAIN) for one in [a, *b]):
        return (a in b) is (op is ast.In)
    return _applied(op, a, b)


def _either(wanted: bool, values: list[Any]) -> Any:
    """`or` where `wanted` is True, else `and`."""
    known = [decided(value) for value in values]
    if wanted in known:
        return wanted
    return next((mark for mark in (Mark.TURNS, Mark.UNKNOWN) if mark in known), not wanted)


def _entry(node: ast.AST, space: Space) -> Any:
    match node:
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return Fields({str(k.value): worth(v, space) for k, v in pairs if isinstance(k, ast.Constant)})
        case ast.Attribute(value=inner, attr=key):
            held = worth(inner, space)
            return held.held.get(key, Mark.UNKNOWN) if isinstance(held, Fields) else Mark.UNKNOWN
        case ast.Subscript(value=inner, slice=ast.Constant(value=key)):
            held = worth(inner, space)
            return held.held.get(str(key), Mark.UNKNOWN) if isinstance(held, Fields) else Mark.UNKNOWN
    return Mark.UNKNOWN


def _call(node: ast.Call, space: Space) -> Any:
    name, given = name_of(node.func), [worth(argument, space) for argument in node.args]
    if any(isinstance(argument, ast.Starred) for argument in node.args):
        return Mark.UNKNOWN
    first = given[0] if given else None
    if name == "len" and given:
        return first.count if isinstance(first, Turned) else len(first) if isinstance(first, list) else Mark.UNKNOWN
    if name in ("range", "trange") and given:
        if Mark.TURNS in given:
            return Mark.TURNS
        whole = all(type(value) is int for value in given) and (len(given) < 3 or given[2])
        return range(*given) if whole else Mark.UNKNOWN
    if name == "enumerate" and given:
        over = turns(first)
        start = next((worth(k.value, space) for k in node.keywords if k.arg == "start"), given[-1])
        begin = start if type(start) is int and (len(given) > 1 or node.keywords) else 0
        return Turned(over.count, over.values, begin, over.loader) if over is not None else Mark.UNKNOWN
    if name == "islice" and len(given) == 2 and type(given[1]) is int and (over := turns(first)):
        return Turned(min(over.count, given[1]), None, None, over.loader)
    if name in WRAPS and given:
        return first
    if name in ("dict", "SimpleNamespace", "Namespace"):
        return Fields({k.arg: worth(k.value, space) for k in node.keywords if k.arg})
    if name in _CALLS and given and all(isinstance(value, (int, float)) for value in given):
        try:
            return _CALLS[name](*given)
        except (ValueError, OverflowError):
            return Mark.UNKNOWN
    made = worth(node.func, space)
    return made if isinstance(made, Fields) and not given and not node.keywords else Mark.UNKNOWN
