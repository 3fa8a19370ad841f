"""Optimizer steps: rates at every step, gradients and changes of the weights at the steps looked at closely."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from threading import get_ident
from time import perf_counter
from typing import TYPE_CHECKING, Any

from torch import Tensor
from torch.optim.optimizer import (
    Optimizer,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from ..looks.grip import Grip
from ..looks.reach import reachable
from ..looks.strides import Stride
from ..record.data import OptimizerSeen
from ..record.series import thin
from .patches import Patches

if TYPE_CHECKING:
    from ..watcher import Watcher

#: measured steps kept of an optimizer
MAX_UPDATES = 256
#: options of a group that are plain numbers
OPTIONS = (
    "lr", "initial_lr", "weight_decay", "momentum", "dampening", "nesterov", "betas", "eps", "amsgrad", "maximize",
    "alpha", "rho", "decoupled_weight_decay",
)  # fmt: skip
#: what carries a parameter on where its gradient is zero
MOMENTA = ("exp_avg", "momentum_buffer")
#: optimizers beside torch's, by module and class
FOREIGN = (("fastai.optimizer", "Optimizer"),)
#: a rate this many times the last one is a change worth a close look
JUMP = 2.0


def foreign() -> list[Any]:
    """Classes of optimizers that are loaded and are not torch's; they have `param_groups` and `state` as its own."""
    found = (getattr(sys.modules.get(module), name, None) for module, name in FOREIGN)
    return [kind for kind in found if kind is not None]


class Known:
    """An optimizer, as an object and as data."""

    def __init__(self, watcher: Watcher, optimizer: Optimizer, seen: OptimizerSeen) -> None:
        self.watcher = watcher
        self.optimizer = optimizer
        self.seen = seen
        #: how its steps and clearings are told in the order of calls
        self.told, self.told_cleared = f"step:{seen.name}", f"zero:{seen.name}"
        self.grip = Grip(self)
        self.last_rate = -1.0
        #: the step under way, where it is measured
        self.stride: Stride | None = None
        #: gradients of parameters that need none, as they were at the last close look
        self.frozen: dict[int, tuple[int, int]] = {}

    def parameters(self) -> Iterator[Any]:
        """The tensors it holds now."""
        return (parameter for group in self.optimizer.param_groups for parameter in group["params"])


class Optimizers:
    """Every optimizer met so far."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._known: dict[int, Known] = {}
        self._handles: list[Any] = []
        self._begins: Any = None
        #: whether one optimizer has stepped inside the step of another
        self._nested = False
        #: those whose gradients are followed
        self.followed: list[Known] = []
        #: the optimizer whose step is under way: closures call backward inside it
        self.stepping: Optimizer | None = None
        self._thread, self._looking = get_ident(), watcher.looking

    def __iter__(self) -> Iterator[Known]:
        return iter(self._known.values())

    def install(self, patches: Patches) -> None:
        """Add the hooks; torch calls them for every optimizer of its own."""
        self._handles = [register_optimizer_step_post_hook(self._after)]
        self.listen(True)
        for kind in foreign():
            patches.put(kind, "step", self._around_step(kind.step))

    def _around_step(self, old: Any) -> Any:
        """A step of an optimizer that calls no hooks."""
        optimizers = self

        def step(self: Any, *args: Any, **kwargs: Any) -> Any:
            if optimizers._begins is not None:
                optimizers._before(self, (self, *args), kwargs)
            out = old(self, *args, **kwargs)
            optimizers._after(self, (self, *args), kwargs)
            return out

        step.__doc__ = old.__doc__
        return step

    def remove(self) -> None:
        """Take the hooks away."""
        self.listen(False)
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def listen(self, before: bool) -> None:
        """Whether the beginning of a step is listened to as well as its end."""
        if before and self._begins is None:
            self._begins = register_optimizer_step_pre_hook(self._before)
        elif not before and self._begins is not None:
            self._begins.remove()
            self._begins = None

    def of(self, optimizer: Any) -> Known | None:
        """What is known of an optimizer; None where it was not met yet."""
        return self._known.get(id(optimizer))

    def know(self, optimizer: Optimizer) -> Known:
        """The optimizer, taken in at first sight."""
        known = self._known.get(id(optimizer))
        if known is None:
            watcher = self._watcher
            name = watcher.names.of(optimizer, watcher.places.frame(3))
            known = Known(watcher, optimizer, OptimizerSeen(name, type(optimizer).__name__))
            self._known[id(optimizer)] = known
            self.followed.append(known)
            watcher.trace.optimizers.append(known.seen)
            watcher.changed()
        return known

    def _before(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if get_ident() != self._thread:
            return
        if self.stepping not in (None, optimizer):
            self._nested = True
            return
        self.stepping = optimizer
        if self._looking.fine:
            self._watcher.guarded(self._prepare, optimizer, bool(args[1:] or kwargs))

    def _after(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        looking, known = self._looking, self._known.get(id(optimizer))
        if get_ident() != self._thread or (self._begins is not None and self.stepping is not optimizer):
            return
        self.stepping = None
        watcher = self._watcher
        if known is None or looking.fine:
            watcher.guarded(self._finish, optimizer, bool(args[1:] or kwargs))
            return
        trace, seen = watcher.trace, known.seen
        rate = optimizer.param_groups[0].get("lr")
        if rate.__class__ is float and rate == known.last_rate != 0:
            seen.rate.push((trace.steps, rate))
        else:
            watcher.guarded(self._rate, known)
        seen.steps += 1
        trace.steps += 1
        if trace.steps >= looking.wake:
            watcher.guarded(watcher.stepped, known, perf_counter())

    def _prepare(self, optimizer: Optimizer, closure: bool) -> None:
        known = self.know(optimizer)
        self._rate(known)
        if self._looking.fine and not closure:
            self._judge(known)
        if self._looking.due:
            known.stride = Stride(list(known.parameters()))
            self._watcher.schedules.meet()

    def _finish(self, optimizer: Optimizer, closure: bool) -> None:
        known, watcher = self.know(optimizer), self._watcher
        if not known.seen.rate.count:  # met in between two looks
            self._rate(known)
        if closure:
            self._judge(known)
        if known.stride is not None:
            self._measured(known, known.stride)
            known.stride = None
            self._hold(known.optimizer, known.seen)
        known.grip.after_step()
        known.seen.steps += 1
        watcher.trace.steps += 1
        if not known.seen.place:
            known.seen.place = watcher.places.here(4)
        watcher.happened(known.told)
        watcher.stepped(known, perf_counter())

    def _measured(self, known: Known, stride: Stride) -> None:
        rates = [float(group["lr"]) for group in known.optimizer.param_groups if "lr" in group]
        update = stride.update(self._watcher.trace.steps, rates, self._watcher.models)
        self._frozen(known, stride.parameters, update.gradients, update.changes)
        known.seen.updates.append(update)
        thin(known.seen.updates, MAX_UPDATES)

    def _judge(self, known: Known) -> None:
        """What became of the gradients since the last step."""
        leftover, gone = known.grip.before_step()
        known.seen.followed += known.grip.sure
        known.seen.leftover += leftover
        known.seen.emptied += gone and known.grip.sure
        known.seen.idle += known.grip.sure and not known.grip.made

    def follow(self, fine: bool) -> None:
        """Begin to follow the gradients of every optimizer, or cease to: the end of a step is then enough."""
        self.listen(fine or self._nested)
        for known in self.followed if fine else ():
            known.grip.begin()

    def fold(self) -> None:
        """Thin the curves."""
        for known in self.followed:
            known.seen.rate.fold()

    def _rate(self, known: Known) -> None:
        seen, groups = known.seen, known.optimizer.param_groups
        rate = groups[0].get("lr")
        if rate is None:
            return
        rate = float(rate)
        seen.rate.add(self._watcher.trace.steps, rate)
        if rate == 0 and not any(float(group["lr"]) for group in groups):
            seen.zero_rate += 1
            seen.zero_at_start += seen.zero_rate == seen.steps + 1
        last, known.last_rate = known.last_rate, rate
        if last > 0 and not last / JUMP <= rate <= last * JUMP:
            self._watcher.changed()

    def _frozen(self, known: Known, held: Sequence[Any], gradients: list[float | None], changes: list[float]) -> None:
        """Parameters declared frozen that momentum, decay or a gradient of old still move."""
        for parameter, gradient, change in zip(held, gradients, changes, strict=True):
            if parameter.requires_grad or parameter.grad is None or not change:
                continue
            mark = (parameter.grad.data_ptr(), parameter.grad._version)
            old = known.frozen.get(id(parameter)) == mark
            known.frozen[id(parameter)] = mark
            found = self._watcher.models.parameter(parameter)
            if found is not None and (old or gradient == 0):
                found[0].driven += 1

    def _left_zero(self, known: Known) -> None:
        """Parameters frozen in this cell whose gradient was zeroed since, and not taken away: each step moves them."""
        for parameter in known.parameters() if known.grip.alive() else ():
            found = self._watcher.models.parameter(parameter)
            if parameter.requires_grad or parameter.grad is None or found is None or not found[0].trainable:
                continue
            state = known.optimizer.state.get(parameter, {})
            moves = any(group.get("weight_decay") for group in known.optimizer.param_groups)
            moves |= any(bool(state[key].any()) for key in MOMENTA if isinstance(state.get(key), Tensor))
            if moves and not parameter.grad.is_sparse and not bool(parameter.grad.any()):
                found[0].driven = max(found[0].driven, 2)

    def _hold(self, optimizer: Optimizer, seen: OptimizerSeen) -> None:
        """What an optimizer holds, against the models that were called."""
        held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
        seen.groups = [_options(group) for group in optimizer.param_groups]
        seen.parameters = len(held)
        seen.strangers = len(held) - len(self._watcher.models.held(held, seen.name))

    def end(self) -> None:
        """What each optimizer holds, also those in reach that never stepped; and what two of them share."""
        for known in self._known.values():
            self._hold(known.optimizer, known.seen)
            others = {id(p) for other in self._known.values() if other is not known for p in other.parameters()}
            known.seen.shared = [self._watcher.models.called(p) for p in known.parameters() if id(p) in others]
            self._left_zero(known)
        for thing in reachable(self._watcher.namespace):
            if isinstance(thing, Optimizer) and id(thing) not in self._known:
                name = self._watcher.names.of(thing)
                self._hold(thing, OptimizerSeen(name, type(thing).__name__))


def _options(group: dict[str, Any]) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        return float(value) if isinstance(value, Tensor) else list(value) if isinstance(value, tuple) else value

    return {key: plain(group[key]) for key in OPTIONS if key in group} | {"tensors": len(group["params"])}
