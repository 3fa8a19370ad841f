"""One forward pass, layer by layer: what each layer puts out, reduced at once so that no activation is kept.

A row is a layer with weights and the normalisation and activation that directly follow it, as it leaves the last of
them. Calls are seen where they reach torch's functions, so that modules and functionals look the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ... import batches
from ...batches import BadInput
from ...batches.models import eagerly, plain
from ...bench import Bench
from ...pictures.activations import Activations, Layer
from ...task.refusal import failed_forward, refuse_lazy
from ..weights.first_layer import examples
from .artifacts import Odd, odd
from .maps import images_of, pictured
from .passage import CONVOLUTIONS, END, NORMS, PRODUCTS, TABLES, WEIGHTED, WHOLE, watched
from .signal import Signal, evaluating, training
from .statistics import off_units, thinned

#: what directly follows a layer and belongs to it
ACTIVATIONS = frozenset({
    "relu", "relu6", "gelu", "silu", "tanh", "sigmoid", "leaky_relu", "elu", "selu", "celu", "mish", "softplus",
    "prelu", "rrelu", "hardtanh", "hardswish", "hardsigmoid", "softmax", "log_softmax", "glu", "softsign", "logsigmoid",
})  # fmt: skip
#: what may stand between a layer and what follows it
MOVES = frozenset({"dropout", "dropout2d", "view", "reshape", "flatten", "contiguous", "permute", "transpose", "to"})
#: calls that may follow a layer directly
FOLLOWING = NORMS | ACTIVATIONS | MOVES | {"size", "dim", "numel", "__get__"}
#: values that a unit has at its flat ends
ENDS = {"tanh": (-END, END), "sigmoid": (1 - END, END), "hardtanh": (-1.0, 1.0), "hardsigmoid": (1 - END, END)}
#: units that switch off, with a slope of nothing where they are
SWITCHES = frozenset({"relu", "relu6"})
#: values that a distribution is told from
VALUES = 1 << 16
#: steps of a histogram
STEPS = 48
#: layers beyond which only some are kept, spread evenly
LAYERS = 400
#: examples shown where none are chosen
SHOWN = (0, 1, 2)


@dataclass(frozen=True)
class Activity:
    """What a batch does inside the model, for the examples chosen; `activity` is the measurement of the first ones."""

    chosen: tuple[int, ...] = SHOWN

    def __call__(self, bench: Bench) -> tuple[Activations, Signal]:
        """What is shown, and layers and units as checks of them ask for, without gradients.

        Run it inside `bench.untouched()`. Raises BadInput for lazy layers and a forward pass that fails.
        """
        some, whole = examples(bench), bench.get("batch")
        try:
            return self._seen(bench, some)
        except BadInput:
            if some is whole:
                raise
            return self._seen(bench, whole)  # a graph, an episode: a part cannot be fed

    def _seen(self, bench: Bench, batch: Any) -> tuple[Activations, Signal]:
        model = plain(bench.get("model"))
        refuse_lazy(model)
        fed = batches.feed(model, batch, bench.loss_fn)
        rows = tuple(row for row in self.chosen if row < fed.size) or (0,)
        images, own = images_of(fed.args, fed.kwargs, fed.size, rows)
        watch = Watch(model, fed.size, rows, own)
        told = () if _learned(model) else ("batch norm has seen no batch yet: it takes the statistics of this one",)
        try:
            calm = _mode(model, fed.size)
            with calm, torch.no_grad(), eagerly(), watched(model, fed.size) as passage, watch.hooked(model), watch:
                model(*fed.args, **fed.kwargs)
        except Exception as error:
            raise failed_forward(model, fed, error) from error
        shown = Activations(bench.name("model"), tuple(watch.layers()), rows, fed.size, images, told)
        return shown, Signal(tuple(passage.layers), tuple(passage.units.values()), fed.size, (), "none was asked for")


def activity(bench: Bench) -> Activations:
    """The same for the first examples."""
    return Activity()(bench)[0]


def _learned(model: nn.Module) -> bool:
    """Whether every batch norm has statistics of its own."""
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]
    return all(m.num_batches_tracked is None or bool(m.num_batches_tracked > 0) for m in norms)


@contextmanager
def _mode(model: nn.Module, size: int) -> Iterator[None]:
    """Eval mode; train mode without dropout where batch norm has seen no batch yet."""
    with evaluating(model) if _learned(model) or size < 2 else training(model, size):
        yield


@dataclass
class _Row:
    path: str
    kinds: list[str]
    #: channels come first
    convolved: bool
    layer: Layer | None = None
    calls: int = 1


class Watch(TorchFunctionMode):
    """Reduces outputs while it is active."""

    def __init__(self, model: nn.Module, size: int, rows: tuple[int, ...], inputs: Odd | None) -> None:
        super().__init__()
        self._size, self._chosen, self._inputs = size, rows, inputs
        self._names = {id(p): name for name, p in reversed([*model.named_parameters(remove_duplicate=False)])}
        self._stack = [""]
        self._rows: dict[str, _Row] = {}
        #: the layer that ran last and what came out of it, while something may still follow directly
        self._row: _Row | None = None
        self._out: Tensor | None = None
        #: the same before it was laid out anew, as units are counted there
        self._laid: Tensor | None = None

    @contextmanager
    def hooked(self, model: nn.Module) -> Iterator[None]:
        """Tells which module runs; the hooks are gone afterwards."""
        handles: list[Any] = []
        try:
            for path, module in model.named_modules():
                if not isinstance(module, torch.jit.ScriptModule):
                    handles.append(module.register_forward_pre_hook(lambda m, a, p=path: self._stack.append(p)))
                    handles.append(module.register_forward_hook(lambda m, a, o: self._left()))
            yield
            self._close()
        finally:
            for handle in handles:
                handle.remove()

    def _left(self) -> None:
        if len(self._stack) > 1:
            self._stack.pop()

    def layers(self) -> list[Layer]:
        """What was seen, in execution order."""
        found = [(row, row.layer) for row in self._rows.values() if row.layer is not None]
        step = -(-len(found) // LAYERS)
        return [replace(layer, kind=" → ".join(row.kinds), calls=row.calls) for row, layer in found[:: max(1, step)]]

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, name = kwargs or {}, getattr(func, "__name__", "")
        kind = name.rstrip("_")
        if self._out is not None and kind not in FOLLOWING and any(item is self._out for item in args):
            self._close()  # before it may be changed in place, as by `x += skip`
        out = func(*args, **kwargs)
        with suppress(RuntimeError):  # inside vmap and the like, values cannot be read
            self._note(name, args, kwargs, out)
        return out

    def _close(self) -> None:
        """What came out of the last layer and what followed it is reduced, and let go."""
        row, out = self._row, self._out if self._laid is None else self._laid
        self._row = self._out = self._laid = None
        if row is not None and out is not None:
            with suppress(RuntimeError), torch._C.DisableTorchFunction():  # nobody watches what is made of it here
                row.layer = self._reduced(row, row.kinds[-1].rstrip("_"), out)

    def _note(self, name: str, args: Any, kwargs: Any, out: Any) -> None:
        out = out[0] if isinstance(out, tuple) and out else out
        if not isinstance(out, Tensor) or out.ndim == 0 or not (out.is_floating_point() or out.is_complex()):
            return
        given = [item for item in (*args, *kwargs.values()) if isinstance(item, Tensor)]
        weight = next((t for t in given if id(t) in self._names and t.ndim >= 2), None)
        kind, follows = name.rstrip("_"), self._row is not None and any(t is self._out for t in given)
        if name in WEIGHTED or name in WHOLE or name in TABLES or (name in PRODUCTS and weight is not None):
            self._begin(self._path_of(weight), name, out)
        elif follows and self._row is not None and (name in NORMS or kind in ACTIVATIONS):
            self._row.kinds.append(kind)
            self._out, self._laid = out, None
        elif follows and kind in MOVES:
            self._out, self._laid = out, self._out if self._laid is None else self._laid
        elif kind in ACTIVATIONS - {"softmax", "log_softmax"}:  # of a sum, as at the end of a residual block
            self._begin(self._stack[-1], kind, out)

    def _path_of(self, weight: Tensor | None) -> str:
        known = self._names.get(id(weight), "") if weight is not None else ""
        return known.rpartition(".")[0] if known.endswith("weight") else known or self._stack[-1]

    def _begin(self, path: str, name: str, out: Tensor) -> None:
        """A layer runs, for the first time or again."""
        self._close()
        key = path if name not in ACTIVATIONS else f"{path} {name}"
        if key in self._rows:
            self._rows[key].calls += 1
            return
        convolved = name in CONVOLUTIONS or (name in ACTIVATIONS and out.ndim == 4)
        self._rows[key] = self._row = _Row(path, [name], convolved)
        self._out = out

    def _reduced(self, row: _Row, kind: str, out: Tensor) -> Layer:
        values = torch.view_as_real(out.detach())[..., 0] if out.is_complex() else out.detach()
        if values.ndim > 2 and values.shape[0] != self._size and values.shape[1] == self._size:
            values = values.movedim(1, 0)
        elif values.shape[0] % self._size:
            values = values[None]  # no examples: a table of positions
        convolved = row.convolved
        found = _numbers(row.path, values)
        if kind in SWITCHES and values.numel():
            off = off_units(values, convolved)
            found = replace(found, off=int(off.sum()), units=len(off))
        if kind in ENDS and values.numel():
            low, high = ENDS[kind]
            few = thinned(values, 0)
            found = replace(found, saturated=float(((few <= low) | (few >= high)).float().mean()))
        if convolved and values.ndim == 4 and (judged := odd(values, self._inputs)) is not None:
            kinds = {"constant": judged.constant, "checkerboard": judged.checkerboard, "border": judged.border}
            odds = {name: tuple(which.nonzero().flatten().tolist()) for name, which in kinds.items()}
            found = replace(found, artifacts={name: which for name, which in odds.items() if which})
        units = found.units or (values.shape[1] if convolved and values.ndim > 2 else values.shape[-1])
        return pictured(replace(found, units=int(units)), values, self._chosen, convolved)


def _numbers(path: str, values: Tensor) -> Layer:
    """The distribution of evenly thinned values."""
    few = thinned(values, 0).flatten()
    few = few[:: max(1, len(few) // VALUES)].float()
    good = few[few.isfinite()]
    broken = 1 - len(good) / max(1, len(few))
    shape = tuple(values.shape[1:])
    if not len(good):
        none = float("nan")
        return Layer(path, "", shape, none, none, none, none, np.zeros(STEPS), (0.0, 1.0), broken=broken)
    low, high = (float(end) for end in good.aminmax())
    edges = (low, high) if high > low else (low - 0.5, high + 0.5)
    counts = torch.histc(good, STEPS, *edges).cpu().numpy()
    zeros = float((good == 0).float().mean())
    mean, std = float(good.mean()), float(good.std(correction=0))
    mean = 0.0 if abs(mean) < 1e-6 * std else mean  # rounding
    return Layer(path, "", shape, mean, std, low, high, counts, edges, zeros, broken=broken)
