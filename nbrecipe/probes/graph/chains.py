"""Layers in a row with nothing between them that bends the signal, proven on what really runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ... import batches
from ...batches import BadInput
from ...batches.models import plain
from ...bench import Bench
from ...task.refusal import refuse_lazy
from ..passes.passage import CONVOLUTIONS
from ..passes.signal import forward, training

LAYERS = CONVOLUTIONS | {"linear"}
#: operations that may be affine; the numbers decide
AFFINE = (
    "View", "UnsafeView", "Reshape", "T", "Transpose", "Permute", "Expand", "Unsqueeze", "Squeeze", "Clone", "Select",
    "Slice", "Mean", "AvgPool", "AdaptiveAvgPool", "Add", "Sub", "Mul", "Div", "NativeBatchNorm", "CudnnBatchNorm",
    "MiopenBatchNorm", "ConstantPad", "Upsample", "Index", "Alias", "ToCopy", "Neg",
)  # fmt: skip
ATTENTION = ("Bmm", "Baddbmm", "ScaledDotProduct", "Softmax")
#: how a value is taken without its gradient
CUTS = (Tensor.detach, torch.detach, Tensor.data.__get__)  # type: ignore[attr-defined]
#: pairs that are tested with numbers; each costs two passes
MOST = 6
#: how far from affine rounding takes a sum, in steps of the number format at the largest value
ROUNDING = 1000.0


@dataclass(frozen=True)
class Pair:
    """Two layers of which the second is an affine function of the first, whose output goes nowhere else."""

    first: str
    second: str
    #: "linear" or the name of a convolution
    kinds: tuple[str, str]
    #: inputs of the first, its outputs, outputs of the second
    widths: tuple[int, int, int]
    grouped: bool
    frozen: bool
    biased: bool
    #: a weight that is zero throughout, as a low-rank update has
    zero: bool
    #: batch norm stands between them
    normed: bool
    #: the second one's output is added to something else: a branch
    branch: bool
    #: one of them belongs to an attention: its value, output, query or key projection
    attends: bool
    #: what runs between them is taken elsewhere too, without a gradient
    taken: bool


@dataclass(frozen=True)
class _Call:
    kind: str
    weight: Tensor
    bias: bool
    grouped: bool
    source: Any
    out: Any


def pairs(bench: Bench) -> tuple[Pair, ...]:
    """Layers in a row that act as one while training: read off the graph, then tested with other values in between.

    Raises BadInput for lazy layers and for a step that fails.
    """
    model = plain(bench.get("model"))
    refuse_lazy(model)
    record, fed = _Record(), bench.get("feed")
    with _still(model, fed.size), torch.enable_grad(), record, torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        step = forward(bench, model, fed)
    ends = [t for t in (*batches.leaves(step.raw), step.loss) if isinstance(t, Tensor)]
    roots = [t.grad_fn for t in ends if t.grad_fn is not None]
    users = _users(roots)
    names = {id(p): name for name, p in model.named_parameters()}
    outs = {call.out: i for i, call in enumerate(record.calls) if call.out is not None}
    found: list[Pair] = []
    for second, call in enumerate(record.calls):
        nodes = _row(call.source, users, set(roots), set(outs))
        first = outs[nodes[-1]] if nodes else None
        if first is None or len(found) >= MOST or record.calls[first].weight is call.weight:
            continue
        if _is_affine(bench, model, first, second):
            found.append(_pair(record.calls[first], call, nodes, users, names, record.cut))
    return tuple(pair for pair in found if pair.first and pair.second)


@contextmanager
def _still(model: nn.Module, size: int) -> Iterator[None]:
    """Train mode without what is drawn or taken from the batch: dropout off, batch norm by its running statistics."""
    with training(model, size):
        for module in model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.training = False
        yield


def _pair(
    a: _Call, b: _Call, nodes: list[Any], users: dict[Any, list[Any]], names: dict[int, str], cut: set[Any]
) -> Pair:
    before, after = _back(a.source), _onward(b.out, users)
    return Pair(
        names.get(id(a.weight), "").removesuffix(".weight"),
        names.get(id(b.weight), "").removesuffix(".weight"),
        (a.kind, b.kind),
        (a.weight[0].numel(), a.weight.shape[0], b.weight.shape[0]),
        a.grouped or b.grouped or (a.kind == b.kind == "linear" and a.weight.shape[0] != b.weight.shape[1]),
        not (a.weight.requires_grad and b.weight.requires_grad),
        a.bias or b.bias,
        not (bool(a.weight.any()) and bool(b.weight.any())),
        any("BatchNorm" in node.name() for node in nodes),
        any(len(_data(node)) > 1 for node in after),
        any(node.name().startswith(ATTENTION) for node in [*before, *after]),
        not cut.isdisjoint(nodes),
    )


class _Record(TorchFunctionMode):
    """Notes layers as they are called; may put other values in the place of one's output and keep another's input."""

    def __init__(self, instead: tuple[int, float] | None = None, wanted: int = -1) -> None:
        super().__init__()
        self.calls: list[_Call] = []
        #: nodes of the graph from whose values a copy without gradient was taken
        self.cut: set[Any] = set()
        self.count = 0
        self.instead, self.wanted = instead, wanted
        self.kept: Tensor | None = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in CUTS and args and args[0].grad_fn is not None:
            self.cut.add(args[0].grad_fn)
        if getattr(func, "__name__", "") not in LAYERS or len(args) < 2:
            return func(*args, **kwargs)
        out = func(*args, **kwargs)
        at, self.count = self.count, self.count + 1
        if self.wanted < 0:
            bias = kwargs.get("bias", args[2] if len(args) > 2 else None) is not None
            grouped = (kwargs.get("groups", args[6] if len(args) > 6 else 1) or 1) != 1
            self.calls.append(_Call(func.__name__, args[1], bias, grouped, args[0].grad_fn, out.grad_fn))
        elif at == self.wanted:
            self.kept = args[0].detach().double()
        if self.instead is not None and at == self.instead[0]:
            noise = torch.randn(out.shape, generator=torch.Generator().manual_seed(0)).to(out)
            other = out.std(correction=0) * noise - 2 * out
            return out + self.instead[1] * (other - out)
        return out


def _is_affine(bench: Bench, model: nn.Module, first: int, second: int) -> bool:
    """Whether halfway between two outputs of the first layer the second is given what lies halfway."""
    kept, fed = [], bench.get("feed")
    for share in (0.0, 0.5, 1.0):
        record = _Record((first, share), second)
        try:
            with _still(model, fed.size), torch.no_grad(), record, torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                forward(bench, model, fed)
        except BadInput:
            return False
        if record.kept is None:
            return False
        kept.append(record.kept)
    low, middle, high = kept
    if not low.shape == middle.shape == high.shape or not all(bool(t.isfinite().all()) for t in kept):
        return False
    scale = max(float(low.abs().max()), float(high.abs().max()))
    eps = torch.finfo(next(model.parameters()).dtype).eps
    moved = float((high - low).abs().max())
    return moved > 0 and float((middle - (low + high) / 2).abs().max()) <= ROUNDING * eps * scale


def _data(node: Any) -> list[Any]:
    """What a node is computed from, without parameters."""
    return [n for n, _ in node.next_functions if n is not None and not hasattr(n, "variable")]


def _users(roots: list[Any]) -> dict[Any, list[Any]]:
    """For each node of the graph the nodes that take its values."""
    users: dict[Any, list[Any]] = {}
    stack, seen = list(roots), set(roots)
    while stack:
        node = stack.pop()
        for before in _data(node):
            users.setdefault(before, []).append(node)
            if before not in seen:
                seen.add(before)
                stack.append(before)
    return users


def _row(node: Any, users: dict[Any, list[Any]], roots: set[Any], outs: set[Any]) -> list[Any]:
    """The nodes from a layer's input back to the output of the one before, where each has one source and one user."""
    nodes: list[Any] = []
    while node is not None and len(users.get(node, ())) == 1 and node not in roots:
        nodes.append(node)
        if node in outs:
            return nodes
        before = _data(node)
        node = before[0] if node.name().startswith(AFFINE) and len(before) == 1 else None
    return []


def _back(node: Any) -> list[Any]:
    nodes: list[Any] = []
    while node is not None and len(nodes) < 16:
        nodes.append(node)
        node = next(iter(_data(node)), None) if node.name().startswith(AFFINE) else None
    return nodes


def _onward(node: Any, users: dict[Any, list[Any]]) -> list[Any]:
    nodes: list[Any] = []
    while node is not None and len(nodes) < 16:
        taken = users.get(node, [])
        node = taken[0] if taken else None
        if node is not None:
            nodes.append(node)
            node = node if node.name().startswith(AFFINE) else None
    return nodes
