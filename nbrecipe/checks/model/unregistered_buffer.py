"""Tensors that the forward pass uses are parameters or buffers.

A table of positions or a mask kept as a plain attribute stays on the CPU when the model moves, keeps its type when the
model is cast, and is missing from the checkpoint. It is a hint: a constant that is built anew with the model loses
nothing as long as model and data stay where they are.
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ... import batches, toys
from ...batches.models import eagerly, plain
from ...bench import Bench
from ...check import Check
from ...finding import Finding, hint, ok, spelled
from ...probes.passes.signal import evaluating
from ...task.refusal import failed_forward, refuse_lazy

check = Check(__name__, tip="unused parameters")

#: places named one by one
NAMED = 3
#: methods that make a module; what another one assigns is state of the run or a cache
MAKERS = ("__init__", "reset_parameters", "setup", "build", "_build", "_init_weights", "init_weights")


@check.run
def run(model: nn.Module, batch: Any, bench: Bench) -> Finding:
    name = bench.name("model")
    net = plain(model)
    refuse_lazy(net)
    kept = list(_kept(net, name))
    if not kept:
        return ok("every tensor that its modules keep is a parameter or a buffer", kept=0)
    with bench.untouched():
        used = _used(bench, net)
        still = {id(tensor) for _, tensor in _kept(net, name)}
    found = [(place, tensor) for place, tensor in kept if id(tensor) in used and id(tensor) in still]
    if not found:
        return ok(f"{len(kept)} tensors are kept as plain attributes, and forward uses none as it lies", kept=len(kept))
    told = ", ".join(f"`{place}` {tuple(tensor.shape)}" for place, tensor in found[:NAMED])
    told += f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    place, verb = found[0][0], "is" if len(found) == 1 else "are"
    attribute = place.rpartition(".")[2].partition("[")[0]
    return hint(
        f"{told} {verb} used by forward, and {verb} neither parameter nor buffer: `.to(device)` leaves it behind, and "
        "the checkpoint does not have it",
        fix=f"Register {'it' if len(found) == 1 else 'them'} where the module is made.",
        code=f'self.register_buffer("{attribute}", {attribute})  # persistent=False keeps it out of checkpoints',
        where=f"`{place.rpartition('.')[0]}`",
        kept=len(kept),
        found=[place for place, _ in found],
    )


def _kept(net: nn.Module, name: str) -> Iterator[tuple[str, Tensor]]:
    """Constant tensors in plain attributes and in lists and dicts there, but for other names of registered ones."""
    registered = {id(t) for t in (*net.parameters(), *net.buffers())}
    memory = {t.data_ptr() for t in (*net.parameters(), *net.buffers()) if t.layout is torch.strided}
    for path, module in net.named_modules():
        kind: Any = type(module)
        if isinstance(module, torch.jit.ScriptModule):
            continue
        for key, value in vars(module).items():
            if key in ("_parameters", "_buffers", "_modules"):
                continue
            for place, tensor in _tensors(f"{spelled(name, path)}.{key}", value):
                constant = tensor.ndim > 0 and tensor.is_leaf and not tensor.requires_grad
                known = id(tensor) in registered or (tensor.layout is torch.strided and tensor.data_ptr() in memory)
                if constant and not known and tensor.numel() and key not in _assigned_later(kind):
                    yield place, tensor


def _tensors(place: str, value: Any) -> Iterable[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        return [(place, value)]
    if type(value) in (list, tuple):
        return [(f"{place}[{at}]", item) for at, item in enumerate(value) if isinstance(item, Tensor)]
    if type(value) is dict:
        return [(f"{place}[{key!r}]", item) for key, item in value.items() if isinstance(item, Tensor)]
    return []


@functools.cache
def _assigned_later(kind: type) -> set[str]:
    """Attributes that methods other than the makers assign or fill."""
    try:
        code = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    except (OSError, TypeError, SyntaxError):
        return set()
    methods = [n for n in ast.walk(code) if isinstance(n, ast.FunctionDef) and n.name not in MAKERS]
    nodes = [node for method in methods for node in ast.walk(method)]
    return {
        inner.attr
        for node in nodes
        if isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name) and inner.value.id == "self"
    }


class _Uses(TorchFunctionMode):
    """Which tensors go into a call as they are; what is moved to a device or type first is taken care of."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[int] = set()
        self.moved: set[int] = set()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = [item for item in batches.leaves([*args, *(kwargs or {}).values()]) if isinstance(item, Tensor)]
        ids = {id(item) for item in given}
        name = getattr(func, "__name__", "")
        if name in ("to", "type_as", "cuda", "cpu", "new_tensor"):
            self.moved |= {id(item) for item in given[:1]}
        elif name != "__get__":  # `table.shape`, `table.device`
            self.seen |= ids
        return func(*args, **(kwargs or {}))


def _used(bench: Bench, net: nn.Module) -> set[int]:
    fed = batches.feed(net, bench.get("batch"), bench.loss_fn)
    uses = _Uses()
    try:
        with evaluating(net), torch.no_grad(), eagerly(), uses:
            net(*fed.args, **fed.kwargs)
    except Exception as error:
        raise failed_forward(net, fed, error) from error
    return uses.seen - uses.moved


class _Placed(nn.Module):
    """Rows plus a table of one row, kept in one way or another."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.body, self.how = toys.mlp(), how
        table = torch.linspace(-0.1, 0.1, 20)
        if how == "buffer":
            self.register_buffer("table", table)
        else:
            self.table = table

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.body(x + (self.table.to(x.device) if self.how == "moved" else self.table))
        return out


class _Cached(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = toys.mlp()
        self.last = torch.zeros(5)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.body(x) + 0 * self.last
        self.last = out.detach().mean(0)
        return out


@check.breaks
def plain_attribute() -> Bench:
    """A table of positions assigned in `__init__`."""
    return toys.classify(_Placed("plain"))


@check.holds
def registered() -> Bench:
    """The same table as a buffer."""
    return toys.classify(_Placed("buffer"))


@check.holds
def moved_at_each_use() -> Bench:
    """Forward brings it to the device of its input."""
    return toys.classify(_Placed("moved"))


@check.holds
def state_of_the_run() -> Bench:
    """An attribute that forward assigns anew."""
    return toys.classify(_Cached())
