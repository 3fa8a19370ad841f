"""Where a magic finds no batch or no loss: what stands there instead, and the line that hands it over."""

from __future__ import annotations

import ast
import builtins
import copy
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from torch import Tensor
from torch.nn.modules.loss import _Loss

from ..bench import Cell
from . import cells
from .kinds import KINDS, MODEL, PAIRS, is_loss, is_model, of
from .names import Variables, same_rows, spread_rows
from .saved import Saved

#: fields of the bench as people call them
CALLED = {
    "loss_fn": "loss function",
    "train_loader": "training loader",
    "val_loader": "validation data",
    "train_data": "training data",
}


@dataclass(frozen=True)
class Lacks:
    """What one call of a magic could have meant."""

    #: the call as it stands: "%check_init --train dl"
    call: str
    variables: Variables
    cells: tuple[Cell, ...]
    saved: Saved

    @classmethod
    def of_shell(cls, shell: Any, call: str, local_ns: Mapping[str, Any] | None) -> Lacks:
        """What is lacking in this shell."""
        return cls(call, Variables.of_shell(shell, local_ns), cells.history(shell), Saved.of_shell(shell))

    def told(self, lacking: str) -> str:
        """One sentence that says how to hand over this field of the bench; empty where another says it as well."""
        if lacking == "batch":
            told = "no batch here: give a loader (`--train loader`) or a batch (`--batch (x, y)`)"
            return self._arrays() or self._again("train_loader", "batch") or told
        if lacking == "loss_fn":
            return self._loss()
        return self._again(lacking)

    def _again(self, *fields: str) -> str:
        """Which cells of the notebook, run again, make what is lacking; empty where none is known to."""
        kinds = [kind for kind in KINDS if kind.field in fields]
        names = [name for kind in kinds for group in kind.usual for name in group]
        if "batch" in fields:
            names += [*(x for x, _ in PAIRS), *(y for _, y in PAIRS)]
        known = {name for space in self.variables.visible() for name in space}
        told = self.saved.again([name for name in dict.fromkeys(names) if name not in known], known)
        return f"no {CALLED.get(fields[-1], fields[-1])} here; {told}" if told else ""

    def _arrays(self) -> str:
        for (x, y), space in itertools.product(PAIRS, self.variables.visible()):
            inputs: Any = space.get(x)
            targets: Any = space.get(y)
            if of(inputs, np.ndarray) and of(targets, np.ndarray) and same_rows(inputs, targets):
                cut = spread_rows(len(inputs))
                batch = f"({_tensor(x + cut, inputs, 'float')}, {_tensor(y + cut, targets, 'long')})"
                return f"`{x}` and `{y}` are NumPy arrays; hand over a batch of tensors: {self.call} --batch {batch}"
        return ""

    def _loss(self) -> str:
        for cell in reversed(self.cells):
            for found in _losses(cells.tree(cell.source), self.variables):
                function = _as_function(found, cells.tree(cell.source), self.variables)
                named = ast.unparse(found.func) if isinstance(found, ast.Call) else ""
                if function == f"{named}(output, target)":
                    return f"no loss function here, but cell {cell.number} calls one: {self.call} --loss {named}"
                told = f"no loss function here; name the one of cell {cell.number}, then run this again:"
                return f"{told} criterion = lambda output, target: {function or '...'}"
        if told := self._again("loss_fn"):
            return told
        return f"no loss function here, and the model returns no loss: {self.call} --loss nn.CrossEntropyLoss(), say"


def _tensor(expression: str, values: Any, whole: str) -> str:
    """The line for a tensor of a type that models and losses take; `whole` is said of small whole numbers."""
    kind, told = values.dtype.kind, f"torch.tensor({expression})"
    if values.dtype in (np.float32, np.int64) or kind not in "fiub":
        return told
    cast = {"f": "float", "b": "float", "i": "long"}.get(kind, whole)
    return f"{told}.{cast}()"


def _losses(code: ast.AST, variables: Variables) -> Iterator[ast.expr]:
    """The losses that a cell computes in line: calls of torch's own, then what `backward` is called on."""
    calls = [node for node in ast.walk(code) if isinstance(node, ast.Call)]
    yield from (call for call in calls if len(call.args) > 1 and _is_torchs(call.func, variables))
    assigned = {
        target.id: node.value
        for node in ast.walk(code)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for call in calls:
        match call.func:
            case ast.Attribute(value=ast.Name(id=name), attr="backward") if name in assigned:
                yield assigned[name]
            case ast.Attribute(value=value, attr="backward") if not isinstance(value, ast.Name):
                yield value


def _is_torchs(function: ast.expr, variables: Variables) -> bool:
    """`F.cross_entropy`, `cross_entropy` imported, `nn.MSELoss()`; nothing of the user's runs to tell."""
    if isinstance(function, ast.Call):
        kind = _value(function.func, variables)
        return of(kind, type) and issubclass(kind, _Loss)
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return is_loss(name, _value(function, variables))


def _value(expression: ast.expr, variables: Variables) -> Any:
    """What a name, or a name in a module, stands for."""
    if isinstance(expression, ast.Name):
        return next((space[expression.id] for space in variables.visible() if expression.id in space), None)
    if isinstance(expression, ast.Attribute):
        inside = _value(expression.value, variables)
        return vars(inside).get(expression.attr) if of(inside, ModuleType) else None
    return None


def _as_function(loss: ast.expr, code: ast.AST, variables: Variables) -> str:
    """The loss in terms of `output` and `target`; empty where it is not plain which is which."""
    known = {name: value for space in reversed(variables.visible()) for name, value in space.items()}
    models = {name for name, value in known.items() if is_model(name, value)} | set(MODEL.usual[0])
    outputs = {
        node.targets[0].id
        for node in ast.walk(code)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and _calls(node.value, models)
    }
    taken = _Renamed(models, outputs).visit(copy.deepcopy(loss))
    judged = taken.args[1] if isinstance(taken, ast.Call) and len(taken.args) > 1 else taken
    names = {n for n in _names(judged) if n != "output" and (n not in known or of(known[n], Tensor))}
    if len(names) != 1 or "output" not in _names(taken):
        return ""
    written = _Renamed(set(), set(), *names).visit(taken)
    missing = _names(written) - known.keys() - vars(builtins).keys() - {"output", "target"}
    return "" if missing else ast.unparse(written)


class _Renamed(ast.NodeTransformer):
    """Calls of the model and names of its answer become `output`, the target's name becomes `target`."""

    def __init__(self, models: set[str], outputs: set[str], target: str = "") -> None:
        self.models, self.outputs, self.target = models, outputs, target

    def visit_Call(self, node: ast.Call) -> ast.AST:
        return ast.Name("output", ast.Load()) if _calls(node, self.models) else self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self.outputs:
            return ast.Name("output", ast.Load())
        return ast.Name("target", ast.Load()) if node.id == self.target else node


def _calls(node: ast.AST, names: set[str]) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names


def _names(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
