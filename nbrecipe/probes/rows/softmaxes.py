"""Every softmax of one forward pass: the axis it runs over, where it stands, and what comes of it.

An axis belongs to the rows of the batch where its length follows their number from one pass to another. Whether rows
really meet in such a softmax is proven by backpropagation from outputs to what it is given: rows must hear of others
there, and must not hear of others' weights behind it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ... import batches
from ...batches import Feed
from ...batches.models import eagerly, plain
from ...bench import Bench
from ...task.refusal import failed_forward, refuse_lazy
from ..passes.signal import evaluating
from .dependency import ROWS, Back, splits, unlike
from .origin import Line, running, running_module
from .scores import Scores

#: rows that tell one axis from another, where a batch holds fewer
FEW = 8
#: the functions, by the names that torch gives them, and how many arguments stand before the axis
AXIS_AT = {
    "softmax": 1, "log_softmax": 1, "softmin": 1, "special_softmax": 1, "special_log_softmax": 1, "gumbel_softmax": 4,
}  # fmt: skip
#: losses that take a distribution over classes
LOSSES = ("nll_loss", "cross_entropy", "kl_div", "ctc_loss")


@dataclass(frozen=True)
class Softmax:
    """One call of a softmax."""

    name: str
    axis: int
    shape: tuple[int, ...]
    #: the module that ran it, "" for the model itself and for the loss
    path: str
    line: Line | None
    #: whether it runs in the loss
    in_loss: bool
    #: the axis that a product with values sums over, where it is another one; None where not seen
    summed: int | None = None
    #: whether it is given the one number that a layer made for each place
    single: bool = False
    #: "" where the axis is no axis of rows, or the whole batch has one answer; "several" where others are axes of rows
    #: too; else what backpropagation says: rows "meet" here and nowhere behind it, are "summed" over behind it, stay
    #: "apart", or "unknown"
    rows: str = ""


@dataclass(frozen=True)
class Judged:
    """What a loss was given, and the loss."""

    name: str
    input: Tensor
    target: Tensor


@dataclass(frozen=True)
class Softmaxes:
    """What was seen in one pass of model and loss."""

    #: rows of the batch
    size: int
    calls: tuple[Softmax, ...]
    losses: tuple[Judged, ...]
    output: Tensor | None


def softmaxes(bench: Bench) -> Softmaxes:
    """Every softmax of the model, in eval mode, and of the loss; run it inside `bench.untouched()`.

    Raises BadInput where the forward pass fails.
    """
    model = plain(bench.get("model"))
    refuse_lazy(model)
    whole = bench.get("batch")
    rows = batches.batch_size(whole)
    sizes = (unlike(model, whole, min(max(rows, most), ROWS)) for most in (FEW, 2 * FEW, ROWS))
    size = next((size for size in sizes if size > 4), FEW) if rows > 1 else 1
    with evaluating(model), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a softmax without `dim` warns; the user's own call has told already
        try:
            seen, watch = _passed(bench, model, size)
        except batches.BadInput:
            size = batches.batch_size(whole)  # a model of one size of batch
            seen, watch = _passed(bench, model, size)
        if not any(size in call.shape for call in watch.calls) or size < 3:
            return seen
        return _with_rows(bench, model, seen, watch)


def _passed(bench: Bench, model: nn.Module, size: int) -> tuple[Softmaxes, Watch]:
    fed = _fed(bench, model, size)
    with torch.no_grad():
        raw, watch = _run(model, fed)
        with watch, eagerly():
            _lose(bench, raw, fed, watch)
    return Softmaxes(size, tuple(watch.calls), tuple(watch.losses), batches.output_of(raw)), watch


def _fed(bench: Bench, model: nn.Module, count: int) -> Feed:
    """The first rows of the batch, over again where it holds fewer."""
    whole = bench.get("batch")
    rows = batches.batch_size(whole)
    if count <= rows:
        return batches.feed(model, batches.take(whole, count), bench.loss_fn)

    def again(item: Any) -> Any:
        mine = isinstance(item, Tensor) and item.ndim and item.shape[0] == rows
        return item[torch.arange(count, device=item.device) % rows] if mine else item

    return batches.feed(model, batches.apply(whole, again), bench.loss_fn)


def _run(model: nn.Module, fed: Feed, cut: int = -1, axis: int = 0) -> tuple[Any, Watch]:
    watch = Watch(model, cut, axis)
    torch.manual_seed(0)  # what a model draws must be the same each time; the bench puts the generator back
    args, kwargs = (batches.apply(part, _copy) for part in (fed.args, fed.kwargs))
    try:
        with watch, eagerly():
            return model(*args, **kwargs), watch
    except Exception as error:
        raise failed_forward(model, fed, error) from error


def _copy(item: Any) -> Any:
    return item.detach().clone() if isinstance(item, Tensor) else item


def _lose(bench: Bench, raw: Any, fed: Feed, watch: Watch) -> None:
    """Let the loss take the answer, as far as it can."""
    loss_fn = bench.loss_fn
    if loss_fn is None or batches.takes_model(loss_fn):
        return
    watch.in_loss = True
    for given in batches.offered(loss_fn, raw):
        kept = len(watch.calls), len(watch.losses)
        try:
            loss_fn(given, fed.target)
            return
        except Exception:  # the loss is other checks' business
            del watch.calls[kept[0] :], watch.losses[kept[1] :]


def _with_rows(bench: Bench, model: nn.Module, seen: Softmaxes, watch: Watch) -> Softmaxes:
    """The same, with what is known of the axes that belong to rows."""
    whole = bench.get("batch")
    fewer = unlike(model, whole, seen.size - 1)
    try:
        other, others = _passed(bench, model, fewer)
    except batches.BadInput:
        return _by_length(seen)
    if [call.name for call in watch.calls] != [call.name for call in others.calls] or fewer == seen.size:
        return _by_length(seen)
    fed = _fed(bench, model, seen.size)
    home = _following(seen.output, other.output, seen.size, fewer)
    calls = []
    for index, (call, less) in enumerate(zip(watch.calls, others.calls, strict=True)):
        axes = _axes(call.shape, less.shape, seen.size, fewer)
        state = ""
        if axes == [call.axis] and call.in_loss:
            state = "unknown"
        elif axes == [call.axis]:
            state = _proven(model, fed, index, call.axis, home, seen.size)
        elif call.axis in axes:
            state = "several"
        calls.append(replace(call, rows=state))
    return Softmaxes(seen.size, tuple(calls), seen.losses, seen.output)


def _by_length(seen: Softmaxes) -> Softmaxes:
    """The same where a second pass is not to be had: axes that are as long as the batch may belong to rows."""
    alone = [call.shape.count(seen.size) == 1 and call.shape[call.axis] == seen.size for call in seen.calls]
    calls = [replace(c, rows="unknown") if one else c for c, one in zip(seen.calls, alone, strict=True)]
    return replace(seen, calls=tuple(calls))


def _following(one: Tensor | None, other: Tensor | None, size: int, fewer: int) -> list[int]:
    return [] if one is None or other is None else _axes(tuple(one.shape), tuple(other.shape), size, fewer)


def _axes(shape: tuple[int, ...], other: tuple[int, ...], size: int, fewer: int) -> list[int]:
    """The axes whose length follows the number of rows."""
    if len(shape) != len(other):
        return []
    return [axis for axis, pair in enumerate(zip(shape, other, strict=True)) if pair == (size, fewer)]


def _proven(model: nn.Module, fed: Feed, index: int, axis: int, home: list[int], size: int) -> str:
    """What backpropagation from the rows of the output says of the rows of one softmax."""
    if len(home) != 1:
        return "several" if home else ""  # one answer for the whole batch
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        raw, watch = _run(model, fed, index, axis)
        output = batches.output_of(raw)
        if output is None or watch.given is None or watch.made is None or not output.is_floating_point():
            return "unknown"
        if not output.requires_grad:
            return "apart"
        output = output.movedim(home[0], 0)
        behind, before = (Back([rows], output) for rows in (watch.made, watch.given))
        try:
            if not _leaks(before, size):
                return "apart"
            return "summed" if _leaks(behind, size) else "meet"
        except RuntimeError:  # what is changed in place for inference has no backward pass
            return "unknown"


def _leaks(back: Back, size: int) -> bool:
    return any(back.leak(chosen, back.sent(chosen)) is not None for chosen in splits(size))


class Watch(TorchFunctionMode):
    """Notes every softmax and what losses are given; cuts the graph in front of one of them, with its rows first."""

    def __init__(self, model: nn.Module, cut: int = -1, axis: int = 0) -> None:
        super().__init__()
        self._paths = {id(module): path for path, module in model.named_modules()}
        self._cut, self._axis = cut, axis
        self._scores = Scores()
        self.calls: list[Softmax] = []
        self.losses: list[Judged] = []
        self.in_loss = False
        #: what the cut softmax is given and what it makes, rows first
        self.given: Tensor | None = None
        self.made: Tensor | None = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in LOSSES:
            given = args[0] if args else kwargs.get("input", kwargs.get("log_probs"))
            target = args[1] if len(args) > 1 else kwargs.get("target", kwargs.get("targets"))
            if isinstance(given, Tensor) and isinstance(target, Tensor):
                self.losses.append(Judged(name, given.detach(), target.detach()))
        if name in AXIS_AT and (args or kwargs):
            return self._softmax(func, name, args, kwargs)
        out = func(*args, **kwargs)
        self._scores.note(name, args, kwargs, out, self.calls)
        return out

    def _softmax(self, func: Any, name: str, args: Any, kwargs: dict[str, Any]) -> Any:
        given = args[0] if args else kwargs.get("input", kwargs.get("logits"))
        if not isinstance(given, Tensor) or not given.ndim:
            return func(*args, **kwargs)
        axis = _axis(name, given, args, kwargs)
        if self._cut == len(self.calls):
            self.given = given.detach().movedim(self._axis, 0).clone().requires_grad_()
            cut = self.given.movedim(0, self._axis)
            key = next((key for key, item in kwargs.items() if item is given), "")
            out = func(cut, *args[1:], **kwargs) if args else func(**{**kwargs, key: cut})
            self.made = out.movedim(self._axis, 0)
            out = self.made.movedim(0, self._axis)
        else:
            out = func(*args, **kwargs)
        path, line = running_module(self._paths), running(name)
        single = self._scores.single(given) and given.shape[axis] == 1
        self._scores.weigh(given, out, axis, len(self.calls))
        self.calls.append(Softmax(name, axis, tuple(given.shape), path, line, self.in_loss, None, single))
        return out


def _axis(name: str, given: Tensor, args: Any, kwargs: dict[str, Any]) -> int:
    at = AXIS_AT[name]
    axis = kwargs.get("dim", args[at] if len(args) > at else -1 if name == "gumbel_softmax" else None)
    if axis is None:  # as torch chooses it
        axis = 0 if given.ndim in (0, 1, 3) else 1
    return int(axis) % given.ndim
