"""One step of training on one batch as a trace: what reaches the loss, and which operations stretch a side on the way.

For checks that judge a watched loop as well as a batch that they run themselves.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from ..batches import BadInput, Step
from ..task import LossCall as Caught
from ..task import catch_loss
from ..task.users import is_users
from .hooks.calls import CLAMP, PAIR, limits, pairs, plain_name
from .looks.places import Places
from .measures.facts import facts, tensors
from .record.data import BackwardSeen, Facts, LossCall, LossSeen, ModelSeen, OpSeen, Place, Trace

#: files that stand between a user's line and an operation: those of torch, and the one that catches losses
BETWEEN = (str(Path(torch.__file__).parent), inspect.getfile(catch_loss))


class OutOfRange(BadInput):
    """Binary cross-entropy was given what is no probability; on a GPU it would end the process."""


def single_step(compute: Callable[[], Step], model: nn.Module, names: tuple[str, str]) -> Trace:
    """Run one forward pass and its loss with gradients on, and put down what the loss is given.

    `names` are what the user calls the model and the loss. Nothing is sent backward. Raises what `compute` raises, but
    for a binary cross-entropy that refuses its input: that call is in the trace, without a value.
    """
    name, loss_name = names
    place = Place(where=loss_name)
    seen = _Seen(loss_name)
    trace = Trace(models=[ModelSeen(name, type(model).__name__)], ops=seen.ops)
    try:
        with torch.enable_grad(), warnings.catch_warnings(), seen.around(model), seen:
            warnings.simplefilter("ignore")  # the user has been told once, by their own call
            step, calls = catch_loss(compute)
    except Exception:
        if seen.refused is None:
            raise
        trace.losses.append(_loss("binary_cross_entropy", place, seen.refused, None))
        return trace
    for call in calls:
        trace.losses.append(_called(call, place, seen.outputs))
    trace.backward.append(_backward(step, trace.losses, place))
    return trace


def _called(call: Caught, place: Place, outputs: list[Tensor]) -> LossSeen:
    with torch.no_grad():
        value = float(call.again(call.input).mean())
    axis = 1 if call.name in ("cross_entropy", "nll_loss") and call.input.ndim > 1 else call.input.ndim - 1
    target = facts(call.target) if isinstance(call.target, Tensor) else None
    made = call.input.grad_fn is not None or any(call.input is output for output in outputs)
    plain = {key: option for key, option in call.options.items() if isinstance(option, (str, int, float, bool))}
    return _loss(call.name, place, facts(call.input, axis), value, target=target, made=made, options=plain)


def _loss(
    name: str,
    place: Place,
    output: Facts,
    value: float | None,
    *,
    target: Facts | None = None,
    made: bool = True,
    options: dict[str, Any] | None = None,
) -> LossSeen:
    grad = output.requires_grad
    call = LossCall(0, place, output, target, value, grad, made, options or {})
    return LossSeen(name, place, grad, 1, [call])


def _backward(step: Step, losses: list[LossSeen], place: Place) -> BackwardSeen:
    """What backward would be called on, as so many times the value of each loss function."""
    seen = BackwardSeen("loss", place, looked=1)
    if step.loss is not None and step.loss.numel():
        root = float(step.loss.detach().real.mean())
        values = [loss.calls[0].value for loss in losses]
        seen.scales = [root / value for value in values if value]
    return seen


class _Seen(TorchFunctionMode):
    """Operations that pair rows with rows, clamps, and what binary cross-entropy cannot take."""

    def __init__(self, loss_name: str) -> None:
        super().__init__()
        self.ops: list[OpSeen] = []
        self.outputs: list[Tensor] = []
        self.refused: Facts | None = None
        self._places = Places(lambda file: loss_name)
        self._depth = 0

    @contextmanager
    def around(self, model: nn.Module) -> Iterator[None]:
        """Tell what happens inside the model from what happens to its outputs."""

        def before(module: nn.Module, args: Any) -> None:
            self._depth += 1

        def after(module: nn.Module, args: Any, out: Any) -> None:
            self._depth -= 1
            if not self._depth:
                self.outputs.extend(tensors(out))

        # a scripted module takes no hooks, and its operations are not seen from outside either
        watched = not isinstance(model, torch.jit.ScriptModule)
        handles = [model.register_forward_pre_hook(before), model.register_forward_hook(after)] if watched else []
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = plain_name(func)
        if func is functional.binary_cross_entropy:
            self._refuse(args[0] if args else kwargs.get("input"))
        out = func(*args, **kwargs)
        if name in PAIR or name in CLAMP:
            self._operation(name, args, kwargs, out)
        return out

    def _refuse(self, given: Any) -> None:
        if isinstance(given, Tensor) and given.numel() and not bool(((given >= 0) & (given <= 1)).all()):
            exact = given.detach().float().aminmax()
            self.refused = dataclasses.replace(facts(given), low=float(exact.min), high=float(exact.max))
            raise OutOfRange("binary cross-entropy takes values from 0 to 1")

    def _operation(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        operands = [*args, *kwargs.values()]
        left, right = operands[0], operands[1] if len(operands) > 1 else None
        if not isinstance(left, Tensor) or not isinstance(out, Tensor) or not out.requires_grad:
            return
        if name in PAIR and not (isinstance(right, Tensor) and pairs(left, right, out)):
            return
        place = self._place()
        if place is None:
            return
        other = facts(right) if isinstance(right, Tensor) else right if isinstance(right, (int, float)) else None
        both = [x for x in (left, right) if isinstance(x, Tensor)]
        seen = OpSeen(name, place, facts(left), other, tuple(out.shape), grad=True)
        seen.from_model = any(x.grad_fn is not None for x in both)
        seen.inside = self._depth > 0
        seen.direct = any(x is output for x in both for output in self.outputs)
        seen.limits = limits(name, args, kwargs) if name in CLAMP else seen.limits
        self.ops.append(seen)

    def _place(self) -> Place | None:
        """The user's own line; None for one in a library, which pairs rows with rows on purpose."""
        frame = sys._getframe(3)
        while frame.f_code.co_filename.startswith(BETWEEN) and frame.f_back is not None:
            frame = frame.f_back
        return self._places.here(3) if is_users(frame.f_code.co_filename) else None
