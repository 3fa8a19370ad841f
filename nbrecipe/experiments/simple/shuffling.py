"""What the notebook's cells do to the order of labels: permuted by themselves, or drawn at random on purpose."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ...bench import Cell

#: names that labels go by
LABELS = re.compile(r"^(y|ys|t|gt)(_?(train|val|valid|test|all|tr|te))?\d*$|label|target|class(es)?$|_y$", re.I)
#: words in the name of labels that are meant to be wrong
MEANT = re.compile(r"rand|shuf|perm|scrambl|nois|fake|wrong|corrupt|unlabel", re.I)
#: calls that give an order, that give what they are given in another order, and that change the order in place
ORDERS, COPIES, PLACES = {"randperm"}, {"permutation", "permuted", "sample", "shuffle"}, {"shuffle"}
DRAWS = {"randint", "integers", "choice", "randn", "rand", "normal", "bernoulli", "choices", "random", "multinomial"}


@dataclass(frozen=True)
class Event:
    """Something put in another order: what, by which draw, and where."""

    name: str
    draw: int
    cell: int
    line: int


def alone(cells: tuple[Cell, ...]) -> Event | None:
    """Labels that are put in an order which nothing else is put in."""
    reader = _Reader()
    events = [event for cell in cells for event in reader.read(cell)]
    for event in events:
        others = [e for e in events if e.draw == event.draw and e.name != event.name]
        if LABELS.search(event.name) and not MEANT.search(event.name) and not others:
            return event
    return None


def meant(cells: tuple[Cell, ...]) -> str:
    """The name of labels that are drawn at random, or called so; empty where none are."""
    for cell in cells:
        for node in ast.walk(_tree(cell.source)):
            if not isinstance(node, ast.Assign):
                continue
            names = [name for target in node.targets for name in _names(target)]
            drawn = isinstance(node.value, ast.Call) and _draws(node.value)
            for name in names:
                if LABELS.search(name) and (drawn or MEANT.search(name)):
                    return name
                if MEANT.search(name) and re.search(r"(^|_)(y|labels?|targets?)(_|$)", name, re.I):
                    return name
    return ""


class _Reader:
    """Follows which names hold an order, from cell to cell."""

    def __init__(self) -> None:
        self.orders: dict[str, int] = {}
        self.draws = 0

    def read(self, cell: Cell) -> Iterator[Event]:
        for node in sorted(ast.walk(_tree(cell.source)), key=_done):
            for name, draw in self._put(node):
                yield Event(name, draw, cell.number, getattr(node, "lineno", 1))
            if isinstance(node, ast.Assign):
                self._bind(node)

    def _bind(self, statement: ast.Assign) -> None:
        """Names that hold an order from here on, and names that no longer do."""
        call = statement.value
        orders = isinstance(call, ast.Call) and _called(call) in ORDERS | COPIES
        for name in [name for target in statement.targets for name in _names(target)]:
            self.orders.pop(name, None)
            if orders:
                self.orders[name] = self._fresh()

    def _put(self, node: ast.AST) -> Iterator[tuple[str, int]]:
        if isinstance(node, ast.Subscript):
            name, index = _root(node.value), node.slice
            if name and isinstance(index, ast.Name) and index.id in self.orders:
                yield name, self.orders[index.id]
            elif name and isinstance(index, ast.Call) and (_called(index) in ORDERS | COPIES):
                yield name, self._fresh()
        elif isinstance(node, ast.Call) and _called(node) in COPIES | PLACES and not _is_part(node):
            names = [name for name in map(_root, node.args) if name]
            own = _root(node.func.value) if isinstance(node.func, ast.Attribute) and _called(node) == "sample" else ""
            draw = self._fresh()
            for name in [*names, *([own] if own and not names else [])]:
                self.orders[name] = draw
                yield name, draw

    def _fresh(self) -> int:
        self.draws += 1
        return self.draws


def _root(node: ast.AST) -> str:
    """`data.target` → target, `y` → y, `digits["label"]` → label; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
        return node.slice.value
    return ""


def _done(node: ast.AST) -> tuple[int, int]:
    """Where a node ends: what is assigned is assigned after it was read."""
    return getattr(node, "end_lineno", 0) or 0, getattr(node, "end_col_offset", 0) or 0


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _is_part(call: ast.Call) -> bool:
    """`random.sample(labels, 5)`, `frame.sample(100)`: a few of them, and no order of all."""
    return _called(call) == "sample" and not any(keyword.arg == "frac" for keyword in call.keywords)


def _draws(call: ast.Call) -> bool:
    """`torch.randint(...)`, `rng.integers(...).astype(int)`, `torch.rand(n) < 0.5` is none."""
    if _called(call) in DRAWS:
        return True
    return isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Call) and _draws(call.func.value)


def _names(target: ast.AST) -> list[str]:
    return [node.id for node in ast.walk(target) if isinstance(node, ast.Name)]


def _tree(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.Module([], [])
