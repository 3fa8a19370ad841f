"""What the cells that ran tell of a model's past: whether its weights were loaded or trained since it was made."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

from ..bench import Cell
from .cells import assigned, tree

#: calls and keywords that make a model with weights of another training
READY = ("from_pretrained", "load", "load_model", "load_learner", "load_from_checkpoint")
WEIGHTS = ("pretrained", "weights")
#: calls that give a model other weights without making it anew
RESETS = ("load_state_dict", "apply", "reset_parameters", "init")
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def loads(cells: tuple[Cell, ...]) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Every `X.load_state_dict(STATE)` in the cells, latest first, as the expressions X and STATE."""
    for cell in reversed(cells):
        for call in reversed(list(_calls(tree(cell.source)))):
            match call:
                case ast.Call(func=ast.Attribute(value=target, attr="load_state_dict"), args=[state, *_]):
                    yield target, state


def trained(cells: tuple[Cell, ...], names: Collection[str]) -> str:
    """The call that loaded or trained the model of these names since it was last made; empty where there is none."""
    statements = [(cell, statement) for cell in cells for statement in tree(cell.source).body]
    made = max((i for i, (_, one) in enumerate(statements) if set(assigned(one)) & set(names)), default=-1)
    trainers = _trainers(cells)
    for i, (cell, statement) in enumerate(statements[max(made, 0) :], max(made, 0)):
        for call in _executed(statement):
            if _trains(call, trainers, names) or (i == made and _comes_ready(call)):
                return f"`{ast.unparse(call.func)}` in cell {cell.number}"
    return ""


def repeated(cells: tuple[Cell, ...], name: str) -> str:
    """That the last cell ran before and this model was not made anew since, in a sentence; empty where it is not so."""
    *before, last = cells or (Cell(0, ""),)
    earlier = next((i for i in reversed(range(len(before))) if before[i].source.strip() == last.source.strip()), None)
    if earlier is None or not name.isidentifier():
        return ""
    since = [*before[earlier + 1 :], last]
    made = any(name in assigned(tree(cell.source)) for cell in since)
    reset = any(part in call for cell in since for call in map(_called, _calls(tree(cell.source))) for part in RESETS)
    if made or reset:
        return ""
    told = f"this cell ran before, as cell {before[earlier].number}, and `{name}` was not made anew in between"
    return f"{told}: it goes on from the weights that were left"


def _comes_ready(call: ast.Call) -> bool:
    """`from_pretrained(...)`, `resnet(weights="DEFAULT")`; but not `resnet(weights=None)`."""
    given = [k.value for k in call.keywords if k.arg in WEIGHTS]
    off = all(isinstance(value, ast.Constant) and not value.value for value in given)
    return _called(call) in READY or not off


def _trains(call: ast.Call, trainers: Collection[str], names: Collection[str]) -> bool:
    called = _called(call)
    if called == "load_state_dict" and isinstance(call.func, ast.Attribute):
        return ast.unparse(call.func.value) in names
    if called == "fit":  # of a trainer; a scaler's takes no model
        return any(ast.unparse(argument) in names for argument in call.args)
    return called in trainers


def _trainers(cells: tuple[Cell, ...]) -> set[str]:
    """`backward`, and the user's functions and methods that call it, themselves or through one another."""
    bodies = {
        node.name: {_called(call) for call in _calls(node)}
        for cell in cells
        for node in ast.walk(tree(cell.source))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    found = {"backward"}
    while more := {name for name, called in bodies.items() if called & found} - found:
        found |= more
    return found


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    return (inner for inner in ast.walk(node) if isinstance(inner, ast.Call))


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _executed(node: ast.AST) -> Iterator[ast.Call]:
    """The calls that are made when a statement runs: not those in the bodies of functions."""
    if isinstance(node, DEFINITIONS):
        return
    if isinstance(node, ast.Call):
        yield node
    for child in ast.iter_child_nodes(node):
        yield from _executed(child)
