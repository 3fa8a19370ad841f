"""The user's own backward functions in a graph, and whether one of them is meant to differ from the derivative."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from typing import Any

from torch import Tensor

#: nodes of the graph that are looked at
MOST = 100_000
#: names of backward functions that are meant to differ
MEANT = re.compile(r"rev(?!iew)|grl|straight|ste(?![a-z])|surrogate|spike|clip|scale|stop", re.IGNORECASE)


def own_backwards(loss: Tensor) -> tuple[tuple[str, ...], str]:
    """The user's autograd functions in the graph, and why one of them may be meant to differ."""
    seen: set[Any] = set()
    left: list[Any] = [loss.grad_fn]
    found: dict[str, Any] = {}
    while left and len(seen) < MOST:
        node = left.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        left += [after for after, _ in node.next_functions]
        kind: Any = getattr(node, "_forward_cls", None)
        if kind is not None and not str(kind.__module__).startswith("torch."):
            found[kind.__name__] = kind
    odd = [name for name, kind in found.items() if MEANT.search(name) or _returns_its_input(kind)]
    return tuple(found), f"`{odd[0]}` looks as if it were to change gradients on purpose" if odd else ""


def _returns_its_input(kind: Any) -> bool:
    """Whether `forward` gives back what it takes: then only its backward can be the point of it."""
    try:
        code = ast.parse(textwrap.dedent(inspect.getsource(kind.forward)))
    except (OSError, TypeError, SyntaxError):
        return False
    names = {arg.arg for node in ast.walk(code) if isinstance(node, ast.FunctionDef) for arg in node.args.args}
    given = [node.value for node in ast.walk(code) if isinstance(node, ast.Return)]
    return bool(given) and all(_is_input(value, names) for value in given)


def _is_input(value: ast.expr | None, names: set[str]) -> bool:
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        return value.func.attr in ("view_as", "clone", "view", "contiguous") and _is_input(value.func.value, names)
    return isinstance(value, ast.Name) and value.id in names
