"""Vocabularies that are numbered in the order of a set, which is another one each time Python starts."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...bench import Cell

#: calls that write weights, and calls that write anything
WEIGHTS = ("save", "save_pretrained", "save_file", "save_model")
WRITES = (*WEIGHTS, "dump", "dumps", "write_text", "write", "savez", "to_json")


@dataclass(frozen=True)
class Unordered:
    """A line that numbers what stands in a set."""

    cell: int
    line: str
    #: the vocabulary's name
    name: str


def unordered(cells: Sequence[Cell]) -> Unordered | None:
    """The first vocabulary numbered in the order of a set, where weights are written and the vocabulary is not."""
    trees = [(cell, tree) for cell in cells if (tree := _parsed(cell.source)) is not None]
    sets: set[str] = set()
    found: list[Unordered] = []
    for cell, tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
                if _of_set(node.value, sets):
                    sets.add(name)
                elif any(_numbers(part, sets) for part in ast.walk(node.value)):
                    found.append(Unordered(cell.number, ast.unparse(node)[:120], name))
    calls = [(node, _called(node)) for _, tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    if not any(called in WEIGHTS for _, called in calls):
        return None
    written = {name for node, called in calls if called in WRITES for name in _names(node)}
    kept = {one for one in found if one.name not in written and not sets & written}
    return next((one for one in found if one in kept), None)


def _parsed(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except SyntaxError:  # a cell with a magic in it
        return None


def _of_set(node: ast.expr, sets: set[str]) -> bool:
    """Whether a value has the order of a set: a set, a list of one, a name of either."""
    if isinstance(node, (ast.Set, ast.SetComp)):
        return True
    if isinstance(node, ast.Name):
        return node.id in sets
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
        return node.func.id in ("set", "frozenset") or (
            node.func.id in ("list", "tuple") and _of_set(node.args[0], sets)
        )
    return False


def _numbers(node: ast.AST, sets: set[str]) -> bool:
    """Whether this counts through a set: `enumerate(set(words))`."""
    counts = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "enumerate"
    return counts and isinstance(node, ast.Call) and bool(node.args) and _of_set(node.args[0], sets)


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _names(node: ast.AST) -> Iterator[str]:
    return (part.id for part in ast.walk(node) if isinstance(part, ast.Name))
