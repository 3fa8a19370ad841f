"""One forward pass, watched: every layer with weights, every normalisation and every unit that can saturate or die.

Calls are seen where they reach torch's functions, so that modules, functionals and raw parameters look the same.
Statistics are taken on the fly; no activation is kept.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .statistics import off_units, spread, thinned

CONVOLUTIONS = frozenset(f"conv{way}{d}d" for way in ("", "_transpose") for d in (1, 2, 3))
#: functions whose second argument is the weight
WEIGHTED = CONVOLUTIONS | {"linear"}
#: functions whose first or second argument is the table
TABLES = frozenset({"embedding", "embedding_bag"})
#: functions that may take a raw parameter as one factor
PRODUCTS = frozenset({"matmul", "mm", "addmm", "einsum"})
#: functions with weights of their own inside
WHOLE = frozenset({"lstm", "gru", "rnn_tanh", "rnn_relu", "multi_head_attention_forward", "bilinear"})
NORMS = frozenset({"batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm", "normalize"})
#: functions that make units with ends; in-place ones end in _
UNITS = frozenset({"relu", "relu6", "tanh", "sigmoid", "hardtanh", "clamp", "clamp_min"})
#: a unit is at its end where its slope is below 0.06 of the steepest: |tanh| > 0.97, sigmoid outside 0.03 to 0.97
END = 0.97


@dataclass
class Layer:
    """The first call of one layer: `variance` is across examples, averaged over units; gradients are of its output."""

    path: str
    kind: str
    #: name of the parameter, "" where it is computed or where there are several
    weight: str = ""
    fan_in: int = 0
    fan_out: int = 0
    weight_std: float = 0.0
    variance_in: float = float("nan")
    variance: float = float("nan")
    moment_in: float = float("nan")
    moment: float = float("nan")
    #: the step of the output's numbers at 1: what varies by less is rounding
    rounding: float = 0.0
    #: sum of squares of the gradient of the loss by this output; None where no gradient came
    gradient: float | None = None

    @property
    def is_norm(self) -> bool:
        """Whether this call normalises instead of multiplying by weights."""
        return self.kind == "norm"

    @property
    def is_rounding(self) -> bool:
        """Whether what varies across examples is no larger than the rounding of what all of them share."""
        return self.variance <= self.rounding**2 * self.moment

    @property
    def xavier_std(self) -> float:
        """Glorot and Bengio 2010: keeps variance forward and backward for linear units."""
        return float((2 / (self.fan_in + self.fan_out)) ** 0.5) if self.fan_in else float("nan")

    @property
    def he_std(self) -> float:
        """He et al. 2015: keeps the second moment through ReLU."""
        return float((2 / self.fan_in) ** 0.5) if self.fan_in else float("nan")


@dataclass
class Units:
    """All calls of one kind of unit at one place, right behind the layer `after`."""

    path: str
    kind: str
    after: str
    #: index of the last layer called before
    place: int
    #: share of values at their ends, by call; for units with two ends
    saturated: list[float] = field(default_factory=list)
    #: (units,) off on every example so far; for units that switch off
    off: Tensor | None = None
    #: multiplies something else, as gates do
    gates: bool = False
    #: no layer comes behind: these are the model's outputs
    final: bool = False

    @property
    def share_off(self) -> float:
        """Share of units off on every example; 0 for units that cannot be off."""
        return 0.0 if self.off is None else float(self.off.float().mean())

    @property
    def share_saturated(self) -> float:
        """Share of values at their ends, over all calls; 0 for units without two ends."""
        return sum(self.saturated) / len(self.saturated) if self.saturated else 0.0


class Passage(TorchFunctionMode):
    """Watches while it is active; `layers` in execution order, `units` by place.

    A layer called again (weights shared, a loop over time) is measured at its first call, its units at all of them.
    """

    def __init__(self, model: nn.Module, size: int) -> None:
        super().__init__()
        self.size = size
        self.layers: list[Layer] = []
        self.units: dict[tuple[str, str, str], Units] = {}
        self._names = {id(p): name for name, p in reversed([*model.named_parameters(remove_duplicate=False)])}
        self._stack: list[tuple[str, bool]] = [("", False)]
        self._seen: set[tuple[str, bool]] = set()
        self._gates: list[tuple[weakref.ref[Tensor], Units]] = []
        self._pending: list[tuple[Layer, str, Tensor]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        out = func(*args, **kwargs)
        with suppress(RuntimeError):  # inside vmap and the like, values cannot be read
            self._note(name, args, kwargs, out)
        return out

    def _note(self, name: str, args: Any, kwargs: Any, out: Any) -> None:
        kind = name.rstrip("_")
        if name in WEIGHTED or name in TABLES or name in PRODUCTS or name in WHOLE or name in NORMS:
            self._layer(name, args, kwargs, out)
        elif kind in UNITS:
            self._unit(kind, args, kwargs, out)
        elif name == "mul" and self._gates:
            self._gated(args)

    def enter(self, path: str, module: nn.Module) -> None:
        """A module begins."""
        self._stack.append((path, "norm" in type(module).__name__.lower() and not list(module.children())))

    def leave(self, path: str, out: Any) -> None:
        """A module ends; a norm written by hand is known by the name of its class."""
        if len(self._stack) > 1:
            _, norm = self._stack.pop()
            if norm and isinstance(out, Tensor) and (path, True) not in self._seen:
                self._add(Layer(path, "norm"), None, out)

    def close(self) -> None:
        """Mark what no layer came behind."""
        last = max((i for i, layer in enumerate(self.layers) if not layer.is_norm), default=-1)
        for units in self.units.values():
            units.final = units.place >= last

    def _layer(self, name: str, args: Any, kwargs: Any, out: Any) -> None:
        out = out[0] if isinstance(out, tuple) else out
        given = [*args, *kwargs.values()]
        weight = _weight(name, given, kwargs, self._names)
        if (name in PRODUCTS and weight is None) or (name in NORMS and not self._is_signal(given[0])):
            return
        known = self._names.get(id(weight), "") if weight is not None else ""
        path = known.rpartition(".")[0] if known.endswith("weight") else known or self._stack[-1][0]
        if (path, name in NORMS) in self._seen or not isinstance(out, Tensor):
            return
        layer = Layer(path, "norm" if name in NORMS else name, known)
        if weight is not None:
            layer.fan_in, layer.fan_out = _fans(name, weight)
            values = torch.view_as_real(weight.detach()) if weight.is_complex() else weight.detach()
            layer.weight_std = float(thinned(values, -1).float().std(correction=0))
        source = next((item for item in given if isinstance(item, Tensor) and item is not weight), None)
        self._add(layer, source, out)

    def _add(self, layer: Layer, source: Tensor | None, out: Tensor) -> None:
        self._seen.add((layer.path, layer.is_norm))
        self.layers.append(layer)
        if source is not None and (source.is_floating_point() or source.is_complex()):
            layer.variance_in, layer.moment_in = spread(source, self.size)
        layer.variance, layer.moment = spread(out, self.size)
        layer.rounding = torch.finfo(out.dtype).eps if out.is_floating_point() or out.is_complex() else 0.0
        if out.requires_grad:
            out.register_hook(_keep_gradient(layer))  # type: ignore[no-untyped-call]

    def _is_signal(self, values: Any) -> bool:
        """Whether examples lie along an axis; what normalises weights has none."""
        if not isinstance(values, Tensor) or isinstance(values, nn.Parameter) or values.ndim < 2:
            return False
        return values.shape[0] % self.size == 0 or values.shape[1] == self.size

    def _unit(self, kind: str, args: Any, kwargs: Any, out: Any) -> None:
        if out.is_complex() or (kind.startswith("clamp") and not _cuts_at_zero(args, kwargs)):
            return
        low, high = _ends(kind, args, kwargs)
        one_ended = low == 0  # ReLU, ReLU6
        after = next((layer for layer in reversed(self.layers) if not layer.is_norm), Layer("", ""))
        key = (self._stack[-1][0], "relu" if one_ended else kind, after.path)
        units = self.units.setdefault(key, Units(*key, place=len(self.layers) - 1))
        values = out.detach()
        if one_ended:
            off = off_units(values, after.kind in CONVOLUTIONS)
            units.off = off if units.off is None or units.off.shape != off.shape else units.off & off
            return
        few = thinned(values, 0)
        units.saturated.append(float(((few <= low) | (few >= high)).float().mean()))
        if kind == "sigmoid":
            self._gates = [*self._gates[-3:], (weakref.ref(out), units)]

    def _gated(self, factors: Any) -> None:
        for alive, units in self._gates:
            gate = alive()
            if any(factor is gate or factor._base is gate for factor in factors if isinstance(factor, Tensor)):
                units.gates = units.gates or gate is not None


@contextmanager
def watched(model: nn.Module, size: int) -> Iterator[Passage]:
    """A passage that is told which module runs; its hooks are gone afterwards."""
    passage = Passage(model, size)
    handles: list[Any] = []
    try:
        for path, module in model.named_modules():
            if isinstance(module, torch.jit.ScriptModule):
                continue  # takes no hooks; what runs inside cannot be watched
            handles.append(module.register_forward_pre_hook(_entering(passage, path)))
            handles.append(module.register_forward_hook(_leaving(passage, path)))
        with passage:
            yield passage
        passage.close()
    finally:
        for handle in handles:
            handle.remove()


def _entering(passage: Passage, path: str) -> Callable[..., None]:
    return lambda module, args: passage.enter(path, module)


def _leaving(passage: Passage, path: str) -> Callable[..., None]:
    return lambda module, args, out: passage.leave(path, out)


def _keep_gradient(layer: Layer) -> Callable[[Tensor], None]:
    def keep(gradient: Tensor) -> None:
        few = thinned(gradient.detach(), 1)
        few = torch.view_as_real(few) if few.is_complex() else few
        layer.gradient = float(few.float().square().mean()) * gradient.numel()

    return keep


def _weight(name: str, given: list[Any], kwargs: Any, names: dict[int, str]) -> Tensor | None:
    if name in WEIGHTED or name in TABLES:
        found = kwargs.get("weight", given[1] if len(given) > 1 else None)
        if name in TABLES and isinstance(found, Tensor) and not found.is_floating_point():
            found = given[0]  # functional embedding_bag may be given the table first
        return found if isinstance(found, Tensor) else None
    if name in PRODUCTS:
        return next((p for p in given if isinstance(p, nn.Parameter) and p.ndim >= 2 and id(p) in names), None)
    return None


def _fans(name: str, weight: Tensor) -> tuple[int, int]:
    if name in TABLES or weight.ndim < 2:
        return 0, 0
    if name in PRODUCTS:
        return int(weight.shape[-2]), int(weight.shape[-1])
    field_size = weight[0][0].numel() if weight.ndim > 2 else 1
    ways = (int(weight.shape[1]) * field_size, int(weight.shape[0]) * field_size)
    return (ways[1], ways[0]) if "transpose" in name else ways


def _cuts_at_zero(args: Any, kwargs: Any) -> bool:
    low = kwargs.get("min", args[1] if len(args) > 1 else None)
    high = kwargs.get("max", args[2] if len(args) > 2 else None)
    return isinstance(low, (int, float)) and low == 0 and high is None


def _ends(kind: str, args: Any, kwargs: Any) -> tuple[float, float]:
    if kind == "tanh":
        return -END, END
    if kind == "sigmoid":
        return 1 - END, END
    if kind != "hardtanh":
        return 0.0, float("inf")
    low = kwargs.get("min_val", args[1] if len(args) > 1 else -1.0)
    high = kwargs.get("max_val", args[2] if len(args) > 2 else 1.0)
    return float(low), float(high)
