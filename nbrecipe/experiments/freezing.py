"""What freezing a part saves: steps of a copy, in turn whole and with the part frozen, in the same noise.

Source: Sanh 2021, on freezing pretrained embeddings.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from .. import batches
from ..batches import BadInput
from ..batches.scalar import scalar_of
from ..bench import Bench
from ..pictures.freezing import Saved, Side
from ..task.refusal import refuse_lazy, told

#: pairs of steps that are enough, and those before that are not counted; more where all of them take no second
ROUNDS, WARM, MOST, QUICK = 40, 2, 400, 1.0


def saved_by(bench: Bench, frozen: Collection[str], norms: Collection[str] = (), *, budget: float = 5.0) -> Saved:
    """Time and memory of a step with the parameters of these names frozen, and with these modules in eval mode.

    The bench is as before. Raises BadInput where a step cannot be made on a copy.
    """
    refuse_lazy(bench.get("model"))
    bench.get("batch")
    with bench.untouched(), torch.enable_grad():
        try:
            own = _own_optimizer(bench)
            net, optimizer, loss_fn = copy.deepcopy(
                (bench.get("model"), own, bench.loss_fn if isinstance(bench.loss_fn, nn.Module) else None)
            )
        except Exception as error:
            raise BadInput(f"the model cannot be copied: {told(error)}") from error
        copied = _Copy(bench, net, optimizer, loss_fn if loss_fn is not None else bench.loss_fn)
        try:
            return copied.measured(frozenset(frozen), frozenset(norms), budget)
        except BadInput:
            raise
        except Exception as error:
            raise BadInput(f"a training step fails on this batch: {told(error)}") from error


def _own_optimizer(bench: Bench) -> Any:
    """The optimizer, where it trains this model."""
    own = {id(p) for p in bench.get("model").parameters()}
    groups = getattr(bench.optimizer, "param_groups", [])
    return bench.optimizer if any(id(p) in own for group in groups for p in group["params"]) else None


class _Copy:
    """A copy of the model with its optimizer, trained on one batch."""

    def __init__(self, bench: Bench, net: nn.Module, optimizer: Any, loss_fn: Any) -> None:
        self.net, self.optimizer, self.loss_fn = net, optimizer, loss_fn
        self.feed = batches.feed(net, bench.get("batch"), loss_fn)
        self.trained = {name: p for name, p in net.named_parameters() if p.requires_grad}
        self.device = next((p.device.type for p in net.parameters()), "cpu")

    def measured(self, frozen: frozenset[str], norms: frozenset[str], budget: float) -> Saved:
        sides: dict[bool, list[float]] = {False: [], True: []}
        net = self.net.train()
        kept = [net.get_submodule(path) for path in norms]
        start = time.monotonic()
        gradients, activations = {}, {}
        for number in range(MOST + WARM):
            for part in (False, True) if number % 2 else (True, False):
                self._freeze(frozen if part else frozenset(), kept, part)
                taken = self._step()
                if number >= WARM:
                    sides[part].append(taken)
                elif number == 0:
                    gradients[part] = sum(_bytes(p.grad) for p in self.trained.values() if p.grad is not None)
                    activations[part] = self._kept_for_backward()
            took = time.monotonic() - start
            if number >= WARM and (took > budget or (number >= ROUNDS + WARM - 1 and took > QUICK)):
                break
        return Saved(
            Side(tuple(sides[False]), gradients[False], self._state(self.trained), activations[False]),
            Side(tuple(sides[True]), gradients[True], self._state(self.trained.keys() - frozen), activations[True]),
            type(self.optimizer).__name__ if self.optimizer is not None else "",
            self.device,
        )

    def _freeze(self, frozen: frozenset[str], norms: list[nn.Module], part: bool) -> None:
        for name, parameter in self.trained.items():
            parameter.requires_grad_(name not in frozen)
            parameter.grad = None
        for module in norms:
            module.train(not part)

    def _step(self) -> float:
        wait: Callable[[], None] = torch.cuda.synchronize if self.device == "cuda" else _nothing
        wait()
        start = time.perf_counter()
        self._loss().backward()  # type: ignore[no-untyped-call]
        if self.optimizer is not None:
            self.optimizer.step()
        wait()
        return time.perf_counter() - start

    def _loss(self) -> Tensor:
        return scalar_of(batches.forward(self.net, self.feed, self.loss_fn))

    def _kept_for_backward(self) -> int:
        """Bytes of tensors that forward keeps, each piece of memory once, without the weights themselves."""
        weights = {t.untyped_storage().data_ptr() for t in (*self.net.parameters(), *self.net.buffers())}
        seen: dict[int, int] = {}

        def keep(tensor: Tensor) -> Tensor:
            if tensor.layout is torch.strided:
                memory = tensor.untyped_storage()
                if memory.data_ptr() not in weights:
                    seen[memory.data_ptr()] = memory.nbytes()
            return tensor

        hooks: AbstractContextManager[None] = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
        with hooks:
            loss = self._loss()  # held, so that no memory is freed and met again
        del loss
        return sum(seen.values())

    def _state(self, names: Iterable[str]) -> int:
        if self.optimizer is None:
            return 0
        states = (self.optimizer.state.get(self.trained[name], {}) for name in names)
        return sum(_bytes(value) for state in states for value in state.values() if isinstance(value, Tensor))


def _bytes(tensor: Tensor) -> int:
    dense = tensor if tensor.layout is torch.strided else tensor._values()
    return dense.numel() * dense.element_size()


def _nothing() -> None:
    """A CPU has done its work when a call returns."""
