"""The cell's own text, where what was seen while it ran leaves the intention open."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator

LOOPS = (ast.For, ast.While)


def parsed(source: str) -> ast.Module | None:
    """The cell as a tree, magics left out; None where it is not Python."""
    lines = ["" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines()]
    try:
        return ast.parse(textwrap.dedent("\n".join(lines)))
    except SyntaxError:
        return None


def within(node: ast.AST, kinds: tuple[type[ast.AST], ...]) -> Iterator[ast.AST]:
    """Every node that stands inside one of these kinds."""
    for outer in ast.walk(node):
        if isinstance(outer, kinds):
            for child in ast.iter_child_nodes(outer):
                yield from ast.walk(child)


def called(node: ast.AST) -> str:
    """The last part of the name that is called: `torch.manual_seed(0)` → "manual_seed"; empty for no call."""
    if not isinstance(node, ast.Call):
        return ""
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def steps_beneath(source: str) -> bool:
    """Whether some loop runs a backward and no step, and the step stands after it, outside of it."""
    tree = parsed(source)
    for loop in ast.walk(tree) if tree is not None else ():
        if not isinstance(loop, LOOPS):
            continue
        inside = [called(node) for part in loop.body for node in ast.walk(part)]
        last = loop.end_lineno or loop.lineno
        later = (called(n) == "step" and n.lineno > last for n in ast.walk(tree or loop) if isinstance(n, ast.Call))
        if "backward" in inside and "step" not in inside and any(later):
            return True
    return False
