"""The layers that read a model's inputs, followed from the batch to the first weights that multiply it.

Beside each input runs a map of places: where a view, a transpose or a cut moves values, it moves them too, so that the
columns of a linear layer can be laid out as the pixels they multiply.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

from ... import batches
from ...batches import BadInput
from ...batches.models import eagerly, plain
from ...bench import Bench
from ...task.refusal import failed_forward, refuse_lazy
from ..passes.passage import PRODUCTS, TABLES, WEIGHTED, WHOLE
from ..passes.signal import evaluating

#: numbers of the input, and examples, that one look through the whole net reads at most
NUMBERS, EXAMPLES = 1 << 18, 32
#: examples that are read even where each is large; and that tell where the first layers are
FEWEST, FINDING = 4, 2
#: patches kept to tell what the inputs look like
PATCHES = 512
#: channels last are these many at most
COLOURS = 4
RECURRENT = frozenset({"lstm", "gru", "rnn_tanh", "rnn_relu"})
LAYERS = WEIGHTED | TABLES | WHOLE


@dataclass(frozen=True)
class FirstLayer:
    """A layer that reads an input: its weights as (filters, channels, height, width), a table's as (rows, columns)."""

    path: str
    #: name of the parameter, "" for a weight that is computed
    name: str
    #: "conv2d", "linear", "embedding", …
    kind: str
    #: the weights as the layer used them
    weight: Tensor
    #: the order of a linear layer's columns as (channels, height, width); None where they lie nowhere
    columns: Tensor | None = None
    #: (patches, channels, height, width) of what one filter multiplies
    patches: Tensor | None = None
    #: how often the batch has each row of a table
    counts: Tensor | None = None
    frozen: bool = False
    module: nn.Module | None = None


def examples(bench: Bench) -> Any:
    """As much of the bench's batch as one look needs: 4 to 32 examples, within a quarter of a million numbers."""
    whole = bench.get("batch")
    size = batches.batch_size(whole)
    fed = batches.feed(bench.get("model"), whole, bench.loss_fn)
    numbers = sum(t.numel() for t in batches.leaves([fed.args, fed.kwargs]) if isinstance(t, Tensor))
    most = max(FEWEST, min(EXAMPLES, NUMBERS * size // max(1, numbers)))
    return whole if size <= most else batches.take(whole, most)


def first_layers(bench: Bench) -> tuple[FirstLayer, ...]:
    """The layers that read the bench's batch, in execution order; run it inside `bench.untouched()`.

    Costs a forward pass of two examples in eval mode; more of them run no further than through these layers. Raises
    BadInput for lazy layers and a forward pass that fails.
    """
    return first_layers_as(bench, ())


def first_layers_as(bench: Bench, shape: tuple[int, ...]) -> tuple[FirstLayer, ...]:
    """The same, where flat examples of as many numbers are images of this shape."""
    model, whole = plain(bench.get("model")), bench.get("batch")
    refuse_lazy(model)
    size = batches.batch_size(whole)
    try:
        found = _read(bench, model, batches.take(whole, min(size, FINDING)), shape, None)
    except BadInput:
        if size <= FINDING:
            raise
        return _read(bench, model, whole, shape, None)  # a graph, an episode: a part cannot be fed
    if size <= FINDING or not found:
        return found
    return _read(bench, model, batches.take(whole, min(size, EXAMPLES)), shape, len(found))


class _Enough(Exception):
    """All first layers have been seen; nothing more has to run."""


def _read(
    bench: Bench, model: nn.Module, batch: Any, shape: tuple[int, ...], enough: int | None
) -> tuple[FirstLayer, ...]:
    fed = batches.feed(model, batch, bench.loss_fn)
    inputs = [t for t in batches.leaves([fed.args, list(fed.kwargs.values())]) if isinstance(t, Tensor) and t.ndim]
    if bench.loss_fn is None:  # the target is among what the model is given
        inputs = [t for t in inputs if t is not fed.target] or inputs
    reading = Reading(model, inputs, shape, enough)
    try:
        with evaluating(model), torch.no_grad(), eagerly(), reading, suppress(_Enough):
            model(*fed.args, **fed.kwargs)
    except Exception as error:
        raise failed_forward(model, fed, error) from error
    return tuple(reading.layers)


class Reading(TorchFunctionMode):
    """Follows inputs while it is active; `layers` are those whose weights multiply them first."""

    def __init__(
        self, model: nn.Module, inputs: list[Tensor], shape: tuple[int, ...] = (), enough: int | None = None
    ) -> None:
        super().__init__()
        self._enough = enough
        self.layers: list[FirstLayer] = []
        self._modules = dict(model.named_modules())
        self._names = {id(p): name for name, p in reversed([*model.named_parameters(remove_duplicate=False)])}
        #: tensors made of inputs by id, kept alive so that no other takes it, with their places and an example's shape
        self._raw: dict[int, tuple[Tensor, Tensor | None, torch.Size]] = {}
        #: what layers gave, and what was made of it; ids of inputs in whole numbers, and of what was made of these
        #: alone: where they join what is hidden, as a mask does, they are not read
        self._hidden, self._told = WeakTensorKeyDictionary(), {id(t) for t in inputs if not t.is_floating_point()}
        for tensor in inputs:
            one = tensor.shape[1:]
            places = torch.arange(math.prod(one)).reshape(1, *one).expand(tensor.shape)
            flat = shape and tensor.ndim == 2 and math.prod(shape) == math.prod(one)
            self._raw[id(tensor)] = (tensor, places, torch.Size(shape) if flat else one)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        with suppress(RuntimeError):  # inside vmap and the like, values cannot be read
            self._note(func, args, kwargs, out)
        if self._enough is not None and len(self.layers) >= self._enough:
            raise _Enough
        return out

    def _note(self, func: Any, args: Any, kwargs: Any, out: Any) -> None:
        given = [t for t in batches.leaves([args, list(kwargs.values())]) if isinstance(t, Tensor)]
        read, name = [t for t in given if id(t) in self._raw], getattr(func, "__name__", "")
        made = [t for t in batches.leaves([out]) if isinstance(t, Tensor) and t.ndim]
        joins = any(t in self._hidden for t in given)
        if not read or (joins and all(id(t) in self._told for t in read)):
            return self._hide(made if joins or name in LAYERS else [])
        raw = read[0]
        if name in WEIGHTED or name in TABLES or name in PRODUCTS or name in RECURRENT:
            weight = next((t for t in given if t is not raw and t.ndim >= 2 and self._is_weight(t, name)), None)
            if weight is not None:
                self._hide(made)
                return self._add(name, raw, weight)
        if name in ("multi_head_attention_forward", "bilinear"):
            return self._hide(made)
        for tensor in made:
            if id(tensor) not in self._raw:
                self._raw[id(tensor)] = (tensor, self._moved(func, raw, tensor, args, kwargs), self._raw[id(raw)][2])
                self._told |= {id(tensor)} if all(id(t) in self._told for t in read) else set()
        return None

    def _hide(self, made: list[Tensor]) -> None:
        for tensor in made:
            self._hidden[tensor] = True

    def _is_weight(self, tensor: Tensor, name: str) -> bool:
        return id(tensor) in self._names or name in WEIGHTED or name in TABLES

    def _moved(self, func: Any, raw: Tensor, out: Tensor, args: Any, kwargs: Any) -> Tensor | None:
        """The places of what a call made: those of what it was given, moved alike; None where it did more than move."""
        places = self._raw[id(raw)][1]
        if places is None:
            return None
        if out.shape == raw.shape and func.__name__ not in ("transpose", "permute", "flip", "roll", "sort"):
            return places
        swap = lambda item: places if item is raw else item  # noqa: E731
        with suppress(Exception):
            told = func(*batches.apply(list(args), swap), **batches.apply(dict(kwargs), swap))
            found = told if isinstance(told, Tensor) else next((t for t in told if t.shape == out.shape), None)
            if found is not None and found.shape == out.shape and not found.is_floating_point():
                return found
        return None

    def _add(self, kind: str, raw: Tensor, weight: Tensor) -> None:
        name = self._names.get(id(weight), "")
        if any(layer.weight is weight or (name and layer.name == name) for layer in self.layers):
            return
        path = name.rpartition(".")[0] if name else self._parametrized(weight)
        found = FirstLayer(path, name, kind, weight.detach(), frozen=not weight.requires_grad)
        values, places, shape = self._raw[id(raw)][0], self._raw[id(raw)][1], self._raw[id(raw)][2]
        module = self._modules.get(path)
        self.layers.append(replace(laid_out(found, values.detach(), places, shape), module=module))

    def _parametrized(self, weight: Tensor) -> str:
        """The path of the first module that computes a weight of this shape."""
        for path, module in self._modules.items():
            shape = getattr(getattr(module, "parametrizations", None), "weight", [None])
            original = getattr(module, "weight_v", None) if shape == [None] else getattr(module, "weight", None)
            if isinstance(original, Tensor) and original.shape == weight.shape:
                return str(path)
        return ""


def laid_out(layer: FirstLayer, values: Tensor, places: Tensor | None, shape: torch.Size) -> FirstLayer:
    """The layer with its weights, and what they multiply, in the shape of the input."""
    weight, kind = layer.weight, layer.kind
    if kind in TABLES:
        counts = torch.bincount(values.flatten().long().clamp(min=0), minlength=len(weight))[: len(weight)]
        return _with(layer, weight, counts=counts)
    if kind.startswith("conv") and "transpose" not in kind:
        flat = weight.reshape(len(weight), -1, *([1] * (4 - weight.ndim)), *weight.shape[-min(2, weight.ndim - 2) :])
        return _with(layer, flat, patches=_patches(values, weight))
    if kind in PRODUCTS:  # (inputs, units), as `x @ w` has it
        weight = weight.mT if weight.ndim == 2 and weight.shape[0] == values.shape[-1] else weight
    if weight.ndim != 2 or weight.shape[1] != values.shape[-1]:
        return _with(layer, weight.reshape(len(weight), 1, 1, -1))
    columns = folded(places, shape, weight.shape[1]) if kind not in RECURRENT else None
    if columns is None:
        return _with(layer, weight.reshape(len(weight), 1, 1, -1))
    rows = values.reshape(-1, values.shape[-1])[:: max(1, values[..., 0].numel() // PATCHES)]
    order = columns.flatten()
    shaped = weight[:, order].reshape(len(weight), *columns.shape)
    return _with(layer, shaped, columns=columns, patches=rows[:, order].float().reshape(-1, *columns.shape))


def _with(layer: FirstLayer, weight: Tensor, **more: Tensor | None) -> FirstLayer:
    own = weight.detach().float().cpu().clone()
    parts: dict[str, Any] = {key: None if value is None else value.cpu() for key, value in more.items()}
    return replace(layer, weight=own, **parts)


def folded(places: Tensor | None, shape: torch.Size, count: int) -> Tensor | None:
    """(channels, height, width) of column numbers where the columns are the pixels of a box; else None."""
    layout = pixels(shape)
    if places is None or layout is None or places.shape[-1] != count:
        return None
    at = torch.stack([axis.flatten()[places[0].reshape(-1, count)[0].cpu()] for axis in layout])
    at = at - at.amin(1, keepdim=True)
    box = [int(n) + 1 for n in at.amax(1)]
    if math.prod(box) != count or box[2] < 2:
        return None
    columns = torch.full(box, -1)
    columns[at[0], at[1], at[2]] = torch.arange(count)
    return None if bool((columns < 0).any()) else columns


def pixels(shape: torch.Size) -> tuple[Tensor, Tensor, Tensor] | None:
    """Channel, row and column of each number of an example that is an image; None for any other shape."""
    if len(shape) == 2 and min(shape) > COLOURS:
        size, order = (1, *shape), (0, 1, 2)
    elif len(shape) == 2 and shape[0] <= COLOURS < shape[1]:  # channels of a signal
        size, order = (shape[0], 1, shape[1]), (0, 1, 2)
    elif len(shape) == 3 and shape[2] <= COLOURS < min(shape[:2]):
        size, order = (shape[2], shape[0], shape[1]), (1, 2, 0)
    elif len(shape) == 3 and min(shape[1:]) > 1:
        size, order = (shape[0], shape[1], shape[2]), (0, 1, 2)
    else:
        return None
    grid = torch.meshgrid(*(torch.arange(n) for n in size), indexing="ij")
    return tuple(axis.permute(order).reshape(-1) for axis in grid)  # type: ignore[return-value]


def _patches(values: Tensor, weight: Tensor) -> Tensor | None:
    """Patches of the input as a convolution without padding cuts them, drawn from all examples and places."""
    window = weight.shape[2:]
    if values.ndim != weight.ndim or any(n < k for n, k in zip(values.shape[2:], window, strict=True)):
        return None
    cut = values
    for axis, length in enumerate(window, 2):
        cut = cut.unfold(axis, length, 1)
    spatial, generator = len(window), torch.Generator().manual_seed(0)
    cut = cut.movedim(1, spatial + 1)  # a view: examples and places first, then channels and the window
    at = [torch.randint(n, (PATCHES,), generator=generator) for n in cut.shape[: spatial + 1]]
    some = cut[tuple(at)].float()
    channels = weight.shape[1]
    first = torch.randint(some.shape[1] // channels, (PATCHES,), generator=generator) * channels
    some = torch.stack([row[start : start + channels] for row, start in zip(some, first.tolist(), strict=True)])
    return some.reshape(PATCHES, -1, *([1] * (2 - spatial)), *window[-min(2, spatial) :])
