"""Where the first value that is not finite is born: model and loss on one batch, module by module, in both modes."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from ... import batches
from ...batches import BadInput, Feed, Step
from ...batches.models import plain
from ...bench import Bench
from ...task.refusal import refuse_lazy, refuse_loss_fn, refuse_nonfinite
from .signal import evaluating, forward, training


@dataclass(frozen=True)
class Born:
    """A module whose output is not finite although what entered it was."""

    path: str
    #: values of its output that are not finite, of how many
    count: int
    total: int
    #: NaN or plus infinity; minus infinity is what a mask is made of
    loud: bool
    #: minus infinity was among its inputs
    masked: bool
    #: the first module inside or behind it that was given such values; "" where none was
    before: str = ""
    #: whether what the model returns may hold such values too
    reaches: bool = True


@dataclass(frozen=True)
class Birth:
    """One pass in one mode."""

    mode: str
    modules: int
    born: Born | None
    #: whether an output holds NaN or plus infinity
    reached: bool
    #: None where there is none
    loss: float | None

    @property
    def lost(self) -> bool:
        """Whether the loss is not finite."""
        return self.loss is not None and not math.isfinite(self.loss)


@dataclass(frozen=True)
class Births:
    """Passes in train and eval mode, the first weight that is not finite, and a sentence about such inputs."""

    passes: tuple[Birth, ...]
    weight: str = ""
    given: str = ""


def births(bench: Bench) -> Births:
    """Run model and loss in eval mode, which moves no statistics, and in train mode without dropout.

    The pass in eval mode is left out where a batch norm has no statistics yet, and where it fails. Run it inside
    `bench.untouched()`. Raises BadInput for lazy layers and for a training step that fails.
    """
    model, fed = plain(bench.get("model")), bench.get("feed")
    refuse_lazy(model)
    if bench.loss_fn is not None:
        refuse_loss_fn(bench.loss_fn)
    named = [*model.named_parameters(), *model.named_buffers()]
    weight = next((name for name, value in named if wrong(value) and "mask" not in name), "")
    given = ""
    try:
        refuse_nonfinite(model, fed)
    except BadInput as found:
        given = str(found).partition(";")[0]
    passes: list[Birth] = []
    if not _blank(model):
        with suppress(BadInput), evaluating(model), torch.no_grad():
            passes.append(_pass(bench, model, fed, "eval"))
    with training(model, fed.size):
        passes.insert(0, _pass(bench, model, fed, "train"))
    return Births(tuple(passes), weight, given)


def _pass(bench: Bench, model: nn.Module, fed: Feed, mode: str) -> Birth:
    watch = _Watch()
    handles: list[Any] = []
    # a scripted module takes no hooks
    parts = [(path, m) for path, m in model.named_modules() if not isinstance(m, torch.jit.ScriptModule)]
    try:
        for path, module in parts:
            handles.append(module.register_forward_pre_hook(watch.before(path), with_kwargs=True))
            handles.append(module.register_forward_hook(watch.after(path)))
        step = forward(bench, model, fed)
    finally:
        for handle in handles:
            handle.remove()
    seen = _told(mode, watch, step)
    if seen.lost:  # some layers compute in another way while they are watched
        seen = replace(seen, loss=_told(mode, watch, forward(bench, model, fed)).loss)
    return seen


def _told(mode: str, watch: _Watch, step: Step) -> Birth:
    # a loss that runs the model itself shows no output
    outputs = [*batches.leaves(step.raw)] if step.raw is not None else []
    reached = any(wrong(tensor, loud=True) for tensor in outputs)
    loss = None if step.loss is None else _value(step.loss.detach())
    born = watch.loud or watch.quiet
    if born is not None:
        reaches = not outputs or any(wrong(tensor) for tensor in outputs)
        born = replace(born, before=watch.given, reaches=reaches)
    return Birth(mode, watch.modules, born, reached, loss)


def _value(loss: Tensor) -> float:
    """The loss; of one for each row or token the mean of those that are finite: a mask may leave out the others."""
    values = (loss.real if loss.is_complex() else loss).float().flatten()
    finite = values[values.isfinite()]
    return float((finite if loss.ndim and finite.numel() else values).mean())


class _Watch:
    """Hooks that look at what enters and leaves each module, in the order in which they end."""

    def __init__(self) -> None:
        self.modules = 0
        self.given = ""
        self.loud: Born | None = None
        self.quiet: Born | None = None
        self._entered: list[tuple[bool, bool]] = []

    def before(self, path: str) -> Any:
        def look(module: nn.Module, args: Any, kwargs: Any) -> None:
            given = [*batches.leaves([list(args), kwargs])]
            loud = any(wrong(value, loud=True) for value in given)
            self._entered.append((loud, loud or any(wrong(value) for value in given)))
            self.given = self.given or (path if loud else "")

        return look

    def after(self, path: str) -> Any:
        def look(module: nn.Module, args: Any, out: Any) -> None:
            self.modules += 1
            given_loud, given_any = self._entered.pop()
            made = [value for value in batches.leaves(out) if isinstance(value, Tensor)]
            total = sum(value.numel() for value in made)
            loud = sum(wrong(value, loud=True) for value in made)
            if self.loud is None and loud and not given_loud:
                self.loud = Born(path, loud, total, loud=True, masked=given_any)
            quiet = sum(wrong(value) for value in made)
            if self.quiet is None and quiet and not given_any:
                self.quiet = Born(path, quiet, total, loud=False, masked=False)

        return look


def _blank(model: nn.Module) -> bool:
    """Whether a batch norm has seen no batch: in eval mode it would not normalise at all."""
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    return any(m.num_batches_tracked is not None and int(m.num_batches_tracked) == 0 for m in norms)


def wrong(value: Any, *, loud: bool = False) -> int:
    """How many values are not finite; with `loud`, how many are NaN or plus infinity."""
    if not isinstance(value, Tensor) or value.layout is not torch.strided or value.is_meta or value.is_quantized:
        return 0
    if not (value.is_floating_point() or value.is_complex()):
        return 0
    plain_value = value.detach()
    if bool(plain_value.isfinite().all()):
        return 0
    if loud and not plain_value.is_complex():
        return int((plain_value.isnan() | plain_value.isposinf()).sum())
    return int((~plain_value.isfinite()).sum())
