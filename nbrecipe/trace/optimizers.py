"""Optimizer steps: rates at every step, gradients and changes of the weights at the steps looked at closely."""

from __future__ import annotations

import math
from collections.abc import Iterator
from threading import get_ident
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.optim.optimizer import (
    Optimizer,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from .data import OptimizerSeen, Update
from .facts import sample
from .grip import Grip
from .reach import reachable
from .series import thin

if TYPE_CHECKING:
    from .watcher import Watcher

#: measured steps kept of an optimizer, and values of a weight looked at in each: its norm is then right to 3 %, one
#: standard error of 1 / sqrt(2 x 512), and few enough cache lines are touched
MAX_UPDATES, VALUES = 256, 512
#: rows of a table, and columns of each, that are looked at for a gradient
ROWS, COLUMNS = 4096, 8
#: options of a group that are plain numbers
OPTIONS = (
    "lr", "initial_lr", "weight_decay", "momentum", "dampening", "nesterov", "betas", "eps", "amsgrad", "maximize",
    "alpha", "rho", "decoupled_weight_decay",
)  # fmt: skip
#: what carries a parameter on where its gradient is zero
MOMENTA = ("exp_avg", "momentum_buffer")
#: a rate this many times the last one is a change worth a close look
JUMP = 2.0


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
        self.before: list[tuple[Any, Tensor]] = []
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
        #: those whose gradients are followed
        self.followed: list[Known] = []
        #: the optimizer whose step is under way: closures call backward inside it
        self.stepping: Optimizer | None = None
        self._thread, self._looking = get_ident(), watcher.looking

    def __iter__(self) -> Iterator[Known]:
        return iter(self._known.values())

    def install(self) -> None:
        """Add the hooks; torch calls them for every optimizer."""
        self._handles = [
            register_optimizer_step_pre_hook(self._before),
            register_optimizer_step_post_hook(self._after),
        ]

    def remove(self) -> None:
        """Take the hooks away."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

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
        if get_ident() != self._thread or self.stepping not in (None, optimizer):
            return
        self.stepping = optimizer
        known = self._known.get(id(optimizer))
        if known is not None and not self._looking.fine:
            rate = optimizer.param_groups[0].get("lr")
            if rate.__class__ is float and rate == known.last_rate != 0:
                known.seen.rate.push((self._watcher.trace.steps, rate))
                return
        self._watcher.guarded(self._prepare, optimizer, bool(args[1:] or kwargs))

    def _after(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if self.stepping is not optimizer or get_ident() != self._thread:
            return
        self.stepping = None
        looking, watcher, known = self._looking, self._watcher, self._known.get(id(optimizer))
        if known is None or looking.fine:
            watcher.guarded(self._finish, optimizer, bool(args[1:] or kwargs))
            return
        now = perf_counter()
        known.seen.steps += 1
        watcher.trace.steps += 1
        looking.plain.append(now - looking.stretch)
        looking.stretch = now
        if watcher.trace.steps >= looking.wake or looking.changed or now >= watcher.tick_at:
            watcher.guarded(watcher.stepped, known, now)

    def _prepare(self, optimizer: Optimizer, closure: bool) -> None:
        known = self.know(optimizer)
        self._rate(known)
        if self._looking.fine and not closure:
            self._judge(known)
        if self._looking.due:
            known.before = [(parameter, sample(parameter, VALUES).clone()) for parameter in known.parameters()]
            self._watcher.schedules.meet()

    def _finish(self, optimizer: Optimizer, closure: bool) -> None:
        known, watcher = self.know(optimizer), self._watcher
        if closure:
            self._judge(known)
        if known.before:
            known.seen.updates.append(self._update(known))
            thin(known.seen.updates, MAX_UPDATES)
            known.before = []
            self._hold(known.optimizer, known.seen)
        known.grip.after_step()
        known.seen.steps += 1
        watcher.trace.steps += 1
        if not known.seen.place:
            known.seen.place = watcher.places.here(4)
        watcher.happened(known.told)
        watcher.stepped(known, perf_counter())

    def _judge(self, known: Known) -> None:
        """What became of the gradients since the last step."""
        leftover, gone = known.grip.before_step()
        known.seen.followed += known.grip.sure
        known.seen.leftover += leftover
        known.seen.emptied += gone and known.grip.sure
        known.seen.idle += known.grip.sure and not known.grip.made

    def follow(self) -> None:
        """Begin to follow the gradients of every optimizer."""
        for known in self.followed:
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

    def _update(self, known: Known) -> Update:
        """Norms of gradient, weight and change by layer, and the share that the step left as it was."""
        parameters, before = [p for p, _ in known.before], [old for _, old in known.before]
        after = [sample(parameter, VALUES) for parameter in parameters]
        grads = [None if p.grad is None or p.grad.is_sparse else sample(p.grad, VALUES) for p in parameters]
        scales = [(p.numel() / max(len(old), 1)) ** 0.5 for p, old in zip(parameters, before, strict=True)]
        still = [
            (new == old)[grad != 0] if grad is not None else new[:0]
            for new, old, grad in zip(after, before, grads, strict=True)
        ]
        weights = _norms(before)
        changes = _norms([new.float() - old.float() for new, old in zip(after, before, strict=True)])
        graded = iter(_norms([grad for grad in grads if grad is not None]))
        gradients = [None if grad is None else next(graded) for grad in grads]
        self._frozen(known, parameters, gradients, changes)
        return Update(
            step=self._watcher.trace.steps,
            layers=[self._watcher.models.called(parameter) for parameter in parameters],
            gradients=[None if g is None else g * s for g, s in zip(gradients, scales, strict=True)],
            weights=[w * s for w, s in zip(weights, scales, strict=True)],
            changes=[c * s for c, s in zip(changes, scales, strict=True)],
            unchanged=[float(equal.float().mean()) if len(equal) else 0.0 for equal in still],
            rates=[float(group["lr"]) for group in known.optimizer.param_groups if "lr" in group],
            rows=[self._rows(parameter) for parameter in parameters],
            along=_along(before, grads, scales),
        )

    def _rows(self, parameter: Any) -> float | None:
        """The share of a table's rows that have a gradient."""
        found = self._watcher.models.parameter(parameter)
        grad = parameter.grad
        if found is None or not found[0].table or grad is None or grad.is_sparse or grad.ndim != 2:
            return None
        picked = grad.detach()[:: max(1, len(grad) // ROWS), :COLUMNS]
        return float((picked != 0).any(1).float().mean())

    def _frozen(self, known: Known, held: list[Any], gradients: list[float | None], changes: list[float]) -> None:
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


def _along(weights: list[Tensor], grads: list[Tensor | None], scales: list[float]) -> float | None:
    """The cosine between all gradients and all weights."""
    both = [(w.float(), g.float(), s * s) for w, g, s in zip(weights, grads, scales, strict=True) if g is not None]
    if not both:
        return None
    sums = torch.stack([torch.stack([w @ g, w @ w, g @ g]).cpu() * s for w, g, s in both]).sum(0).tolist()
    length = math.sqrt(sums[1] * sums[2])
    return sums[0] / length if length > 0 else None


def _norms(values: list[Tensor]) -> list[float]:
    """The norms of many tensors, read back at once."""
    if not values:
        return []
    plain = [value.detach().float() for value in values]
    norms = torch._foreach_norm(plain)
    return [float(x) for x in torch.stack([norm.to(norms[0].device) for norm in norms]).tolist()]


def _options(group: dict[str, Any]) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        return float(value) if isinstance(value, Tensor) else list(value) if isinstance(value, tuple) else value

    return {key: plain(group[key]) for key in OPTIONS if key in group} | {"tensors": len(group["params"])}
