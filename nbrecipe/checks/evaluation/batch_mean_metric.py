"""A metric is taken over all rows, each with the same weight.

The mean of batch means gives the rows of a short last batch a larger weight: with 130 rows in batches of 64 the last
two count as much as 64 others. The number is off by the share of the last batch times how much it differs, and digits
that people compare runs by mean nothing.
"""

from __future__ import annotations

import ast
import inspect
import math
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from ... import toys
from ...bench import Bench, Cell
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...trace import Trace
from ...trace.record.data import LoaderSeen
from ...trace.record.source import called, parsed

check = Check(__name__, tip="significant digits")

#: digits that people show of a metric
DIGITS = 3
#: means of a list
MEANS = ("mean", "fmean", "average", "nanmean")
Batch = tuple[int, float]


@dataclass(frozen=True)
class Mean:
    """A mean of batch means: its variable, and whether right answers are counted; else losses are."""

    name: str
    answers: bool
    line: str


@check.run
def run(trace: Trace, cells: tuple[Cell, ...] = ()) -> Finding:
    read = [loader for loader in trace.loaders if loader.passes and not loader.trained]
    loaders = read or [loader for loader in trace.loaders if loader.passes]
    if not loaders:
        return skipped("no loader was read")
    ragged = [loader for loader in loaders if _left(loader)]
    if not ragged:
        return ok(f"all batches of `{loaders[0].name}` have the same size")
    means = [mean for tree in _trees(trace.source, cells) for mean in _means(tree)]
    batches = {mean: _batches(trace, mean, ragged) for mean in means}
    means = [mean for mean in means if batches[mean]]  # what did not run in this cell is of no concern here
    if not means:
        return ok(f"no mean of batch means was taken over `{ragged[0].name}`, whose last batch is short")
    return min((_judged(mean, batches[mean], ragged[0]) for mean in means), key=lambda f: f.verdict.value)


def _left(loader: LoaderSeen) -> int:
    """Rows in a last batch that is short; 0 where all are equal, or where it is left out."""
    if not loader.rows or not loader.batch_size or loader.length != -(-loader.rows // loader.batch_size):
        return 0
    return loader.rows % loader.batch_size if loader.rows > loader.batch_size else 0


def _batches(trace: Trace, mean: Mean, ragged: list[LoaderSeen]) -> list[Batch]:
    """(rows, value) of the batches of the last evaluation that were looked at."""
    names = {loader.name for loader in ragged}
    if mean.answers:
        found = [a for a in trace.answers if not a.grad and a.loader in names and a.batches]
        return [(rows, right / rows) for rows, right in found[-1].batches] if found else []
    losses = [loss for loss in trace.losses if not loss.grad and loss.calls]
    for loss in losses:
        last = [c for c in loss.calls if c.step == loss.calls[-1].step and c.value is not None and c.target is not None]
        if all(call.options.get("reduction", "mean") == "mean" for call in last):
            return [(c.target.shape[0], c.value) for c in last if c.target and c.value is not None and c.target.shape]
    return []


def _judged(mean: Mean, batches: list[Batch], loader: LoaderSeen) -> Finding:
    left, count = _left(loader), loader.length or 1
    seen: dict[str, Any] = {"rows": loader.rows, "batch_size": loader.batch_size, "left": left}
    fix = "Add up sums over rows, and divide by the number of rows."
    what = "(predicted == y).sum().item()" if mean.answers else "loss.item() * len(x)"
    code = f"{mean.name} += {what}  # then {mean.name} / len({loader.name}.dataset)"
    short = f"the last batch of `{loader.name}` has {left} rows of {loader.batch_size}"
    if len(batches) == count and sum(rows for rows, _ in batches) == loader.rows:
        naive = statistics.fmean(value for _, value in batches)
        whole = sum(rows * value for rows, value in batches) / sum(rows for rows, _ in batches)
        unit = 10.0 ** (math.floor(math.log10(abs(whole))) - DIGITS + 1) if whole else 0.0
        if abs(naive - whole) >= unit / 2:
            return bad(
                f"the mean of batch means is **{number(naive)}**, over all rows it is **{number(whole)}**: {short}",
                fix=fix, code=code, where=mean.line, naive=naive, whole=whole, **seen,
            )  # fmt: skip
        return hint(
            f"a mean of batch means, {number(naive)}, stands for that over all rows, {number(whole)}; {short}",
            fix=fix, code=code, where=mean.line, naive=naive, whole=whole, **seen,
        )  # fmt: skip
    spread = statistics.stdev(value for _, value in batches) if len(batches) > 1 else 0.0
    off = (1 / count - left / (loader.rows or 1)) * spread * math.sqrt((loader.batch_size or 1) / left)
    return hint(
        f"a mean of batch means is off by about {number(off, 2)} here: {short}, and count as much as a full one",
        fix=fix, code=code, where=mean.line, expected_error=off, **seen,
    )  # fmt: skip


def _trees(source: str, cells: tuple[Cell, ...]) -> Iterator[ast.AST]:
    """The cell, and the functions of other cells that it calls."""
    tree = parsed(source)
    if tree is None:
        return
    yield tree
    names = {called(node) for node in ast.walk(tree)}
    others = [other for cell in cells if cell.source != source and (other := parsed(cell.source)) is not None]
    for node in [node for other in others for node in ast.walk(other)]:
        if isinstance(node, ast.FunctionDef) and node.name in names:
            yield node


def _means(tree: ast.AST) -> Iterator[Mean]:
    """Means of batch means: what a loop adds up or collects, divided by the number of batches."""
    for scope in ast.walk(tree):
        body = getattr(scope, "body", None)
        loops = [n for n in body if isinstance(n, (ast.For, ast.With))] if isinstance(body, list) else []
        for loop in [inner for n in loops for inner in ast.walk(n) if isinstance(inner, ast.For)]:
            if any(called(node) == "backward" for node in ast.walk(loop)):
                continue
            values = {t.id: n.value for n in ast.walk(loop) if isinstance(n, ast.Assign) for t in _names(n.targets)}
            for name, value in _collected(loop):
                full = _full(value, values)
                if not _weighted(full) and (line := _divided(scope, name, _length(scope, loop))):
                    yield Mean(name, any(isinstance(n, ast.Compare) for n in ast.walk(full)), line)


def _names(nodes: list[ast.expr]) -> list[ast.Name]:
    return [node for node in nodes if isinstance(node, ast.Name)]


def _collected(loop: ast.For) -> Iterator[tuple[str, ast.expr]]:
    """`total += value`, `total = total + value` and `values.append(value)` in a loop."""
    for node in ast.walk(loop):
        if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add) and isinstance(node.target, ast.Name):
            yield node.target.id, node.value
        elif called(node) == "append" and isinstance(node, ast.Call) and len(node.args) == 1:
            held = node.func.value if isinstance(node.func, ast.Attribute) else None
            if isinstance(held, ast.Name):
                yield held.id, node.args[0]


def _full(value: ast.expr, values: dict[str, ast.expr]) -> ast.expr:
    """The expression with a variable of the loop replaced by what was assigned to it, once."""

    class Fill(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.AST:
            return values.get(node.id, node)

    copied = ast.parse(ast.unparse(value), mode="eval").body
    filled: ast.expr = Fill().visit(copied)
    return filled


def _weighted(value: ast.expr) -> bool:
    """Whether this is no plain mean of a batch: a sum, a product with a size, or nothing that is known to be a mean."""
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Div):  # right answers over rows
        return not (_sized(value.right) and not _sized(value.left))
    nodes = list(ast.walk(value))
    products = [n for n in nodes if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Mult)]
    sized = any(not any(isinstance(side, ast.Constant) for side in (n.left, n.right)) for n in products)
    calls = {called(n) for n in nodes}
    summed = bool(calls & {"sum", "size", "len", "numel"}) or any(
        isinstance(n, ast.keyword) and n.arg == "reduction" for n in nodes
    )
    scalar = bool(calls & {"item", "float", "detach"}) or "mean" in calls
    loss = any("loss" in name or "criterion" in name or "cross_entropy" in name for name in calls)
    return sized or summed or not scalar or not ("mean" in calls or loss)


def _sized(value: ast.expr) -> bool:
    """Whether this is a number of rows."""
    return any(called(node) in ("len", "size", "numel") for node in ast.walk(value)) or "shape" in ast.unparse(value)


def _length(scope: ast.AST, loop: ast.For) -> set[str]:
    """Texts that stand for the number of batches: `len(loader)`, and variables that hold it."""
    over = loop.iter
    while isinstance(over, ast.Call) and over.args:  # enumerate(loader), tqdm(loader)
        over = over.args[0]
    text = f"len({ast.unparse(over)})"
    held = [n for n in ast.walk(scope) if isinstance(n, ast.Assign) and ast.unparse(n.value) == text]
    return {text, *(name.id for node in held for name in _names(node.targets))}


def _divided(scope: ast.AST, name: str, lengths: set[str]) -> str:
    """The line that divides by the number of batches or takes the mean of a list; empty where there is none."""
    for node in ast.walk(scope):
        by = node.right if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) else None
        of = node.left if by is not None and isinstance(node, ast.BinOp) else None
        if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Div):
            by, of = node.value, node.target
        added = by is not None and of is not None and ast.unparse(of) in (name, f"sum({name})")
        if added and by is not None and ast.unparse(by) in lengths | {f"len({name})"}:
            return ast.unparse(node)
        if called(node) in MEANS and isinstance(node, ast.Call):
            inside = [*node.args, node.func]
            if any(isinstance(n, ast.Name) and n.id == name for part in inside for n in ast.walk(part)):
                return ast.unparse(node)
    return ""


def _bench(rows: int, program: Callable[[Any, Any, int], None]) -> Bench:
    given = toys.trained(toys.classify(rows=512, classes=3), steps=8)
    net = given.get("model")
    x_all, y_all = (part[:rows].clone() for part in given.train_data.tensors)
    y_all[-2:] = (y_all[-2:] + 1) % 3
    val_dl = DataLoader(TensorDataset(x_all, y_all), batch_size=64)
    made = toys.watched(lambda: program(net, val_dl, rows), net=net, val_dl=val_dl)
    made.trace.source = inspect.getsource(program)
    return made


def _by_batches(net: Any, val_dl: Any, rows: int) -> None:
    total, criterion = 0.0, nn.CrossEntropyLoss()
    with torch.no_grad():
        for x, y in val_dl:
            total += criterion(net(x), y).item()
    _ = total / len(val_dl)


def _by_rows(net: Any, val_dl: Any, rows: int) -> None:
    total, criterion = 0.0, nn.CrossEntropyLoss()
    with torch.no_grad():
        for x, y in val_dl:
            total += criterion(net(x), y).item() * len(x)
    _ = total / rows


def _shares(net: Any, val_dl: Any, rows: int) -> None:
    acc = 0.0
    n_batches = len(val_dl)
    with torch.no_grad():
        for x, y in val_dl:
            acc += (net(x).argmax(1) == y).sum().item() / len(y)
    acc /= n_batches


def _right_answers(net: Any, val_dl: Any, rows: int) -> None:
    right = 0.0
    with torch.no_grad():
        for x, y in val_dl:
            right += (net(x).argmax(1) == y).sum().item()
    _ = right / rows


@check.breaks
def two_rows_as_much_as_sixty_four() -> Bench:
    """Losses of 64, 64 and 2 rows are averaged as if they were equal."""
    return _bench(130, _by_batches)


@check.breaks
def shares_of_batches() -> Bench:
    """Right answers over the rows of the batch are added up and divided by the number of batches."""
    return _bench(130, _shares)


@check.holds
def weighted_by_rows() -> Bench:
    """Each loss counts as often as it has rows."""
    return _bench(130, _by_rows)


@check.holds
def right_answers_counted() -> Bench:
    """Right answers are added up and divided by the rows."""
    return _bench(130, _right_answers)


@check.holds
def equal_batches() -> Bench:
    """128 rows make two full batches, whose mean of means is the mean."""
    return _bench(128, _by_batches)
