"""What is asked of the rows, as a Python expression over columns: worked out by its syntax, nothing of it is run.

Numbers, texts in quotes, names of columns, + - * / // % **, comparisons, `in`, and, or, not, abs(), log() and
missing(); `label == "cat"`, `"film" in text`, `tag == "bad label"`, `tagged`. Names that are no names of Python stand
in backquotes, or with _ for what is no letter.
"""

from __future__ import annotations

import ast
import difflib
import operator
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...batches import BadInput
from ...pictures.dates import year_of
from .columns import Array, Column, Table, plain

#: letters of an expression
LONGEST = 1000
#: names that say which tag a row has, and whether it has one
TAG, TAGGED = "tag", "tagged"

_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.divide, ast.FloorDiv: np.floor_divide,
    ast.Mod: np.mod, ast.Pow: np.power,
}  # fmt: skip
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}  # fmt: skip
_BOTH: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.And: np.logical_and, ast.BitAnd: np.logical_and, ast.Or: np.logical_or, ast.BitOr: np.logical_or,
}  # fmt: skip


@dataclass(frozen=True)
class _Texts:
    """A column of texts."""

    name: str
    texts: list[str]


@dataclass(frozen=True)
class _Tags:
    """The tags of every row."""


def matching(table: Table, expression: str) -> Array:
    """(rows,) whether an expression holds. Raises BadInput, in one sentence, for what is no filter."""
    found = _Working(table).out(_parsed(expression))
    if isinstance(found, Column) and found.yes_no:
        found = found.values == 1
    if not isinstance(found, np.ndarray) or found.dtype != np.bool_:
        raise BadInput(f"`{expression}` is no yes or no for each row; a filter compares, as in `{_example(table)}`")
    return np.broadcast_to(found, len(table))


def numbers(table: Table, expression: str) -> Array:
    """(rows,) the value of an expression. Raises BadInput, in one sentence, for what is no number in each row."""
    found = _Working(table).out(_parsed(expression))
    if isinstance(found, Column):
        return _sortable(found)
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "bf" or found.shape != (len(table),):
        raise BadInput(f"`{expression}` is not a number for each row")
    return found.astype(np.float64)


def uses_tags(expression: str) -> bool:
    """Whether what an expression gives hangs on the tags."""
    return TAG in expression


def _sortable(column: Column) -> Array:
    """The values, or where they stand for words their places in the alphabet."""
    if not column.words:
        return column.values
    order = sorted(column.words, key=lambda value: column.words[value].casefold())
    rank = {float(value): i for i, value in enumerate(order)}
    levels = np.unique(column.values[np.isfinite(column.values)])
    places = np.array([rank.get(float(level), len(order)) for level in levels], dtype=np.float64)
    out = np.full(len(column.values), np.nan)
    there = np.isfinite(column.values)
    out[there] = places[np.searchsorted(levels, column.values[there])]
    return out


def _parsed(expression: str) -> ast.expr:
    if len(expression) > LONGEST:
        raise BadInput(f"an expression has at most {LONGEST} letters; this one has {len(expression)}")
    plainly = re.sub(r"`([^`]*)`", lambda name: plain(name[1]) or "_", expression.strip())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(plainly, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        single = re.search(r"(?<![=!<>])=(?!=)", expression)
        more = ": `==` compares" if single else ""
        raise BadInput(f"`{expression}` is no expression{more}") from None


def _example(table: Table) -> str:
    name = next((name for name, column in table.columns.items() if not column.named and name != "row"), "row")
    return f"{plain(name)} > 1"


class _Working:
    """Works out one expression, node by node."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._known = {plain(name): column for name, column in table.columns.items()}

    def out(self, node: ast.expr) -> Any:
        """A column, an array, a number, a string, a tuple of these, or texts."""
        match node:
            case ast.Constant(value=bool() | int() | float() as value):
                return np.float64(min(max(value, -1e300), 1e300))
            case ast.Constant(value=str() as value):
                return value
            case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
                return tuple(self.out(part) for part in parts)
            case ast.Name() | ast.Attribute() | ast.Subscript():
                return self._named(ast.unparse(node))
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                return np.logical_not(self._yes_no(inner))
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=inner):
                return self._number(inner) * (-1 if isinstance(sign, ast.USub) else 1)
            case ast.BoolOp(op=both, values=parts):
                found = [self._yes_no(part) for part in parts]
                for one in found[1:]:
                    found[0] = _BOTH[type(both)](found[0], one)
                return found[0]
            case ast.BinOp(left=left, op=ast.BitAnd() | ast.BitOr() as both, right=right):
                return _BOTH[type(both)](self._yes_no(left), self._yes_no(right))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                with np.errstate(all="ignore"):
                    return _ARITHMETIC[type(op)](self._number(left), self._number(right))
            case ast.Compare():
                return self._compared(node)
            case ast.Call(func=ast.Name(id=name), args=[inner], keywords=[]) if name in ("abs", "log", "missing"):
                return self._called(name, inner)
        raise BadInput(f"`{ast.unparse(node)}` is not understood; an expression has columns, numbers and comparisons")

    def _named(self, name: str) -> Any:
        key = plain(name)
        if key == TAG:
            return _Tags()
        if key == TAGGED:
            return np.isin(self._table.rows, np.fromiter(self._table.tags, np.int64, len(self._table.tags)))
        if key in self._known:
            return self._known[key]
        texts = {plain(text): _Texts(text, self._table.texts[text]) for text in self._table.texts}
        if key in texts or (key == "text" and len(texts) == 1):
            return texts.get(key) or next(iter(texts.values()))
        label = self._table.plan.label
        if key == "label" and label is not None and plain(label) in self._known:
            return self._known[plain(label)]
        raise BadInput(self._unknown(name, [*self._known, *texts, TAG, TAGGED]))

    def _unknown(self, name: str, known: list[str]) -> str:
        near = difflib.get_close_matches(plain(name), known, n=1)
        shown = known if len(known) <= 12 else [*known[:10], "…", TAG]
        advice = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(shown)}"
        return f"there is no column `{name}`; {advice}"

    def _number(self, node: ast.expr) -> Any:
        found = self.out(node)
        if isinstance(found, Column):
            return found.values.astype(np.float64)
        if isinstance(found, np.float64) or (isinstance(found, np.ndarray) and found.dtype.kind in "fb"):
            return found
        raise BadInput(f"`{ast.unparse(node)}` is no number to calculate with")

    def _yes_no(self, node: ast.expr) -> Array:
        found = self.out(node)
        if isinstance(found, Column) and found.yes_no:
            return np.asarray(found.values == 1)
        if isinstance(found, np.ndarray) and found.dtype == np.bool_:
            return found
        hint = "; put brackets round both sides of & and |" if isinstance(node, (ast.Name, ast.Constant)) else ""
        raise BadInput(f"`{ast.unparse(node)}` is neither yes nor no{hint}")

    def _called(self, name: str, inner: ast.expr) -> Any:
        found = self._number(inner)
        with np.errstate(all="ignore"):
            return np.isnan(found) if name == "missing" else np.abs(found) if name == "abs" else np.log(found)

    def _compared(self, node: ast.Compare) -> Any:
        sides = [node.left, *node.comparators]
        found = [self.out(side) for side in sides]
        whole: Any = None
        for i, op in enumerate(node.ops):
            one = self._pair(found[i], op, found[i + 1], ast.unparse(sides[i]), ast.unparse(sides[i + 1]))
            whole = one if whole is None else np.logical_and(whole, one)
        return whole

    def _pair(self, left: Any, op: ast.cmpop, right: Any, *told: str) -> Any:
        if isinstance(op, (ast.In, ast.NotIn)):
            found = self._within(left, right, *told)
            return np.logical_not(found) if isinstance(op, ast.NotIn) else found
        if type(op) not in _COMPARISONS:
            raise BadInput("`is` compares nothing here; write `==`")
        equal = isinstance(op, (ast.Eq, ast.NotEq))
        left, right = _moments(left, right), _moments(right, left)
        for one, other in ((left, right), (right, left)):
            if isinstance(one, (_Tags, _Texts)) or isinstance(other, str):
                if not equal or not isinstance(other, str):
                    raise BadInput(f"`{told[0]}` and `{told[1]}` can be compared by == and != alone")
                found = self._is(one, other)
                return np.logical_not(found) if isinstance(op, ast.NotEq) else found
        with np.errstate(all="ignore"):
            return _COMPARISONS[type(op)](self._bare(left, told[0]), self._bare(right, told[1]))

    def _bare(self, value: Any, told: str) -> Any:
        if isinstance(value, Column):
            return value.values
        if isinstance(value, (np.ndarray, np.float64)):
            return value if not isinstance(value, np.float64) else float(value)
        raise BadInput(f"`{told}` is no number to compare with")

    def _within(self, left: Any, right: Any, *told: str) -> Array:
        """`"film" in text`, `label in ("cat", 3)`, `"bad label" in tag`."""
        if isinstance(left, str) and isinstance(right, _Texts):
            return _padded([left.casefold() in text.casefold() for text in right.texts], len(self._table))
        if isinstance(left, str) and isinstance(right, _Tags):
            return self._is(right, left)
        if isinstance(right, tuple):
            found = np.zeros(len(self._table), np.bool_)
            for one in right:
                one = _moments(one, left)
                found |= self._is(left, one) if isinstance(one, str) else self._bare(left, told[0]) == one
            return found
        raise BadInput(f"`{told[0]} in {told[1]}` is not understood: `in` takes a text column, or values in brackets")

    def _is(self, value: Any, word: str) -> Array:
        """Where a column stands for a word, a text is one, a row has a tag."""
        if isinstance(value, _Texts):
            return _padded([text == word for text in value.texts], len(self._table))
        if isinstance(value, _Tags):
            rows = [row for row, tags in self._table.tags.items() if word in tags]
            return np.isin(self._table.rows, np.array(rows, np.int64))
        if not isinstance(value, Column) or not value.words:
            told = f"`{value.name}` holds numbers and" if isinstance(value, Column) else "numbers"
            raise BadInput(f"{told} cannot be compared with the text {word!r}")
        wanted = [key for key, name in value.words.items() if name == word]
        if not wanted:
            near = difflib.get_close_matches(word, list(value.words.values()), n=1)
            more = f"; did you mean {near[0]!r}?" if near else ""
            raise BadInput(f"no row has {word!r} in `{value.name}`{more}")
        return np.isin(value.values, wanted)


def _moments(value: Any, beside: Any) -> Any:
    """A text such as "2024-03-05" as the year it is compared as, beside a column of points in time."""
    if not (isinstance(value, str) and isinstance(beside, Column) and beside.dated):
        return value
    year = year_of(value)
    if year is None:
        raise BadInput(f'`{beside.name}` holds dates, and {value!r} is none: write "2024-03-05" or "2024-03-05 12:30"')
    return np.float64(year)


def _padded(found: list[bool], rows: int) -> Array:
    out = np.zeros(rows, np.bool_)
    out[: len(found)] = found
    return out
