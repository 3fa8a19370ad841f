"""The user's cells: run one as it stands, and read off their sources what they assign and silence."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from ..bench import Cell

#: cell magics whose body is Python
PYTHON_BODIES = ("overfit_batch", "watch", "same_as", "time", "timeit", "capture", "prun", "memit", "mprun", "scalene")
SILENCE = re.compile(r"#\s*nbrecipe:\s*ignore\s+([\w-]+(?:\s*,\s*[\w-]+)*)")
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def run(shell: Any, body: str) -> None:
    """Run a cell magic's body as the cell itself would run: names, last expression, errors at the user's own lines."""
    __tracebackhide__ = True
    blank = len(body) - len(body.lstrip())
    # one line for the magic's own, so that a traceback counts as the user does
    source = "\n" * (1 + body[:blank].count("\n")) + shell.transform_cell(body)
    name = shell.compile.cache(source, number(shell, body))
    tree = shell.transform_ast(shell.compile.ast_parse(source, filename=name))
    shown = []
    if tree.body and isinstance(tree.body[-1], ast.Expr) and not body.rstrip().endswith(";"):
        shown = [tree.body.pop()]
    exec(shell.compile(tree, name, "exec"), shell.user_ns)
    for expression in shown:
        exec(shell.compile(ast.Interactive([expression]), name, "single"), shell.user_ns)


def history(shell: Any) -> tuple[Cell, ...]:
    """The cells that ran, in order, as Python that parses line for line."""
    sources = shell.history_manager.input_hist_raw
    return tuple(Cell(number, python(shell, sources[number])) for number in range(1, len(sources)))


def python(shell: Any, source: str) -> str:
    """A cell's source as plain Python: a cell magic's line becomes a comment, line magics become calls."""
    first, _, rest = source.partition("\n")
    if first.startswith("%%") and first[2:].split(" ")[0] in PYTHON_BODIES:
        return f"# {first}\n{shell.transform_cell(rest)}"
    code: str = shell.transform_cell(source)
    return code


def silenced(cells: tuple[Cell, ...]) -> frozenset[str]:
    """The ids that a comment `# nbrecipe: ignore ID, ID` in any cell that ran silences."""
    found = [name for cell in cells for ids in SILENCE.findall(cell.source) for name in re.split(r"\s*,\s*", ids)]
    return frozenset(found)


def assigned(code: ast.AST) -> tuple[str, ...]:
    """The names that a cell or a statement binds at its top level, in order."""
    return tuple(dict.fromkeys(_bound(code)))


def tree(source: str) -> ast.Module:
    """A cell's source parsed; empty where it is no Python."""
    try:
        return ast.parse(source)
    except SyntaxError:  # a cell that never ran whole
        return ast.Module([], [])


def _bound(node: ast.AST, inner: bool = False) -> Iterator[str]:
    if isinstance(node, SCOPES):
        if not inner and not isinstance(node, ast.Lambda):
            yield node.name
        return
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and not inner:
        yield node.id
    elif isinstance(node, ast.NamedExpr):
        yield node.target.id  # binds outside of a comprehension too
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
    elif isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name:
        yield node.name
    for child in ast.iter_child_nodes(node):
        yield from _bound(child, inner or isinstance(node, COMPREHENSIONS))


def number(shell: Any, body: str) -> int:
    """The number of the running cell; `execution_count` is one ahead of it in some versions of IPython."""
    sources = shell.history_manager.input_hist_raw
    return len(sources) - 1 if body.strip() in sources[-1] else 0
