"""A loop and the function that a cell puts in its place, and an example call of both, found in the notebook."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from .front import Locals

if TYPE_CHECKING:
    from ..experiments.rewrite import Rewrite
    from .names import Variables

#: roots of calls that an example may make to get its arguments: they run anew, and what they draw is put back
FACTORIES = ("torch", "np", "numpy", "range", "list", "tuple", "len", "int", "float", "dict")
NO_EXAMPLE = (
    "no example call of `{old}` or `{new}` is to be found: end the cell with one, `{new}(x, y)`, "
    "or give its arguments: %%same_as {old} --example (x, y)"
)


class Pair:
    """A loop and the function that a cell puts in its place; the loop is the one of before the cell runs.

    Raises UsageError, in one sentence, before the cell runs, for a loop that is nowhere defined.
    """

    def __init__(self, shell: Any, loop: str, new: str | None, cell: str, local_ns: Locals) -> None:
        from . import cells
        from .names import Variables

        self._shell, self._loop, self._new = shell, loop, new
        self._tree = cells.tree(cells.python(shell, cell))
        self._variables: Variables = Variables.of_shell(shell, local_ns)
        self.where = f"cell {number}" if (number := cells.number(shell, cell)) else ""
        self._before: Any = None
        if loop.partition(".")[0] in cells.assigned(self._tree) and not self._known():
            return
        self._before = self._variables.value(loop)
        _refuse_uncallable(loop, self._before)

    def _known(self) -> bool:
        return any(self._loop.partition(".")[0] in space for space in self._variables.visible())

    def rewrite(self, example: str | None) -> Rewrite:
        """Both functions and an example, once the cell has run."""
        from ..experiments.rewrite import Rewrite

        old = self._before if self._before is not None else self._variables.value(self._loop)
        name = self._new or self._last_defined()
        new = self._variables.value(name)
        _refuse_uncallable(self._loop, old)
        _refuse_uncallable(name, new)
        if new is old:
            raise UsageError(f"`{name}` is `{self._loop}` itself; name the function to compare it with: --new NAME")
        args, kwargs = self._given(example) if example else self._found(name)
        return Rewrite(old, new, args, kwargs, old_name=self._loop, new_name=name)

    def _given(self, example: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        value = self._quietly(example)
        return (value if isinstance(value, tuple) else (value,)), {}

    def _last_defined(self) -> str:
        from . import cells

        names = [name for name in cells.assigned(self._tree) if self._is_function(name)]
        defined = [
            n.name for n in self._tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef)) and n.name in names
        ]
        for candidates in (defined, names):
            others = [name for name in candidates if name != self._loop]
            if others or (candidates and self._before is not None):
                return (others or candidates)[-1]
        raise UsageError(f"the cell defines no function to compare with `{self._loop}`; name one: --new NAME")

    def _is_function(self, name: str) -> bool:
        from torch import Tensor

        value = next((space[name] for space in self._variables.visible() if name in space), None)
        return callable(value) and not isinstance(value, (type, Tensor))

    def _found(self, name: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of the last call whose arguments can still be told without running code of the user's."""
        from . import cells

        trees = [self._tree, *(cells.tree(cell.source) for cell in reversed(cells.history(self._shell)))]
        for tree in trees:
            for call in reversed(list(_calls(tree, {name, self._loop}))):
                if not all(_tame(part) for part in [*call.args, *(k.value for k in call.keywords)]):
                    continue
                try:
                    return self._arguments(call)
                except UsageError:
                    continue
        raise UsageError(NO_EXAMPLE.format(old=self._loop, new=name))

    def _arguments(self, call: ast.Call) -> tuple[tuple[Any, ...], dict[str, Any]]:
        args: list[Any] = []
        for part in call.args:
            if isinstance(part, ast.Starred):
                args += list(self._quietly(ast.unparse(part.value)))
            else:
                args.append(self._quietly(ast.unparse(part)))
        return tuple(args), {key.arg: self._quietly(ast.unparse(key.value)) for key in call.keywords if key.arg}

    def _quietly(self, expression: str) -> Any:
        """The value of an expression; random numbers that it draws are put back."""
        from .. import guard

        with guard.Untouched([]):
            return self._variables.value(expression)

    def silence(self) -> None:
        """Heed the comments that silence checks."""
        from .. import verbs
        from . import cells

        verbs.SESSION.silence(cells.silenced(cells.history(self._shell)))


def _calls(tree: ast.AST, names: set[str]) -> Iterator[ast.Call]:
    """The calls of these functions that a cell makes itself, not inside of functions and comprehensions."""
    inner = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.comprehension, ast.ListComp)
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, inner):
            continue
        yield from _calls(child, names)
        if isinstance(child, ast.Call) and ast.unparse(child.func) in names:
            yield child


def _tame(expression: ast.expr) -> bool:
    """Whether evaluating it once more does nothing but make a value: names, entries, arithmetic, calls of torch."""
    for node in ast.walk(expression):
        if isinstance(node, (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)):
            return False
        if isinstance(node, ast.Call) and not _makes_a_value(node):
            return False
    return True


def _makes_a_value(call: ast.Call) -> bool:
    """`torch.randn(3)`, `x.float()`; neither `next(rows)` nor `rows.pop()`, nor what changes in place."""
    root, names = call.func, []
    while isinstance(root, (ast.Attribute, ast.Call, ast.Subscript)):
        if isinstance(root, ast.Attribute):
            names.append(root.attr)
        root = root.func if isinstance(root, ast.Call) else root.value
    told = root.id if isinstance(root, ast.Name) else ""
    if any(name.endswith("_") or name in ("pop", "popitem", "read", "readline", "send", "append") for name in names):
        return False
    return told in FACTORIES or bool(names)


def _refuse_uncallable(name: str, value: Any) -> None:
    if not callable(value):
        told = f"`{name}` is of type {type(value).__name__}; %%same_as compares two functions"
        called = re.match(r"[\w.]+(?=\()", name)
        raise UsageError(told + (f": %%same_as {called[0]}" if called else ""))
