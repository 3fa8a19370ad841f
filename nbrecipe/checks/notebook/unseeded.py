"""A seed is set before the model is built.

Weights are drawn when a model is made. Without a seed before that line every run of the notebook starts elsewhere,
and a change of the code cannot be told from a change of luck. It is a hint and claims no fault: the order of the cells
shows whether a seed was set, not whether it is wanted.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

from torch import nn

from ... import toys
from ...bench import Bench, Cell
from ...check import Check
from ...finding import Finding, hint, ok, skipped

check = Check(__name__, tip="fix random seed")

#: they seed nothing before they are called
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@check.run
def run(model: nn.Module, cells: tuple[Cell, ...], bench: Bench) -> Finding:
    if not cells:
        return skipped("needs the cells of a notebook", fix="Run it in a notebook: `%recipe unseeded`.")
    name = bench.name("model")
    told = [(cell.number, statement) for cell in cells for statement in _tree(cell.source).body]
    run_now = [(number, s) for number, s in told if not isinstance(s, DEFINITIONS)]
    own = {s.name for _, s in told if isinstance(s, DEFINITIONS) and any(_seeds(call) for call in _calls(s))}
    built = [(number, s.lineno) for number, s in run_now if name in _assigned(s)]
    seeds = [(number, call.lineno) for number, s in run_now for call in _calls(s) if _seeds(call, own)]
    fix = "Set a seed in a cell above the model, then run from there."
    if not seeds:
        return hint(f"no cell sets a seed, so each run draws `{name}` anew", fix=fix, code="%seed 0", seeded=None)
    if built and min(seeds) > built[-1]:
        late = f"the seed is set in cell {min(seeds)[0]}, after `{name}` was built in cell {built[-1][0]}"
        return hint(late, fix=fix, code="%seed 0", seeded=min(seeds)[0])
    before = f", before `{name}` is built in cell {built[-1][0]}" if built else ""
    return ok(f"a seed is set in cell {min(seeds)[0]}{before}", seeded=min(seeds)[0])


def _tree(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.Module([], [])


def _assigned(statement: ast.stmt) -> set[str]:
    stored = (node for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    return {node.id for node in stored}


def _calls(statement: ast.stmt) -> Iterator[ast.Call]:
    return (node for node in ast.walk(statement) if isinstance(node, ast.Call))


def _seeds(call: ast.Call, own: Collection[str] = ()) -> bool:
    """`torch.manual_seed(0)`, `set_seed(0)`, what `%seed 0` becomes, and the user's own functions that call such."""
    called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if called in own:
        return True
    if called == "run_line_magic":
        return isinstance(call.args[0], ast.Constant) and call.args[0].value == "seed"
    return "seed" in called.lower() and bool(call.args or call.keywords)


def _notebook(*sources: str) -> Bench:
    return toys.classify(cells=tuple(Cell(number, source) for number, source in enumerate(sources, start=1)))


@check.breaks
def no_seed() -> Bench:
    """The model is built and nothing was seeded."""
    return _notebook("import torch", "net = Net()")


@check.breaks
def seeded_too_late() -> Bench:
    """The seed stands below the model."""
    return _notebook("net = Net()", "torch.manual_seed(0)")


@check.holds
def seeded_first() -> Bench:
    """A seed, then the model."""
    return _notebook("torch.manual_seed(0)\nnp.random.seed(0)", "net = Net()")


@check.holds
def seeded_by_the_magic() -> Bench:
    """`%seed 0` in the cell of the model, above it."""
    return _notebook("get_ipython().run_line_magic('seed', '0')\nnet = Net()")


@check.holds
def seeded_by_a_library() -> Bench:
    """A library's own function sets all seeds."""
    return _notebook("L.seed_everything(42, workers=True)", "net = Net()", "net = Net()")
