"""The gradients of a model or a function, audited on a copy in float64 against finite differences.

Source: Karpathy, CS231n, "Gradient checks": double precision, kinks set aside, regularisation off, few datapoints.
"""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ... import batches, guard
from ...batches import BadInput
from ...batches.models import eagerly, plain
from ...batches.scalar import projected, scalar_of
from ...bench import Bench
from ...finding import spelled
from ...pictures.gradients import Gradients, Tensors
from ...task.refusal import refuse_lazy, told
from ..overfit.regularisation import switch_off
from .backwards import own_backwards
from .cuts import Cuts, Narrowings
from .differences import Ruler, audit

#: examples that are enough, as fewer have fewer kinks; those where a pass takes longer than so many seconds
EXAMPLES, FEW, SLOW = 16, 2, 0.1
#: elements of a tensor that are looked at one by one, where time is enough
POINTS = 4
#: passes that one derivative takes
PASSES = 5
DOUBLE = torch.finfo(torch.float64).eps


def audit_model(bench: Bench, *, budget: float = 20.0, points: int = POINTS) -> Gradients:
    """The gradient of the loss for every trainable parameter, against finite differences.

    Works on a copy in float64, with dropout and label smoothing off; where the model cannot compute in float64, in its
    own precision. The bench is as before. Raises BadInput where the batch cannot be fed or the copy cannot be made.
    """
    model = plain(bench.get("model"))
    refuse_lazy(model)
    bench.get("batch")
    with bench.untouched():
        try:
            own = copy.deepcopy((model, bench.loss_fn if isinstance(bench.loss_fn, nn.Module) else None))
        except Exception as error:
            raise BadInput(f"the model cannot be copied: {told(error)}; its gradients are not checked") from error
        net, loss_fn = own[0], own[1] if own[1] is not None else bench.loss_fn
        for kind in (torch.float64, None):
            try:
                with _wide(kind):
                    return _Audit(bench, net, loss_fn, kind).run(budget, points)
            except _CannotCompute as error:
                if kind is None:
                    raise BadInput(f"a forward pass fails on this batch: {told(error.cause)}") from error.cause
                net, loss_fn = copy.deepcopy((model, own[1]))[0], loss_fn
    raise AssertionError("one of the two has returned or raised")


def audit_function(function: Callable[..., Any], inputs: Any, *, budget: float = 20.0, points: int = 64) -> Gradients:
    """The gradient of a random projection of a function's outputs, for its inputs of floats and parameters."""
    args = inputs if isinstance(inputs, tuple) else (inputs,)
    with guard.Untouched([function]), _wide(torch.float64):
        held = _widen(copy.deepcopy(function), torch.float64) if isinstance(function, nn.Module) else function
        leaves = batches.apply(args, lambda item: _leaf(item) if isinstance(item, Tensor) else item)
        named = [
            (f"input {number}" if len(args) > 1 else "the input", item)
            for number, item in enumerate(batches.leaves(leaves), 1)
            if isinstance(item, Tensor) and item.requires_grad
        ]
        if isinstance(held, nn.Module):
            named += list(held.named_parameters())
        if not named:
            raise BadInput("none of the inputs holds floats, so there is no gradient to check")

        def ask() -> Tensor:
            out = held(*batches.apply(leaves, lambda item: item.clone() if isinstance(item, Tensor) else item))
            tensors = [t for t in batches.leaves(out) if isinstance(t, Tensor) and t.is_floating_point()]
            if not tensors:
                raise BadInput("the function gives no tensor of floats, so there is no gradient to check")
            return torch.stack([projected(t) for t in tensors]).sum()

        try:
            return _measured(ask, named, lambda: None, budget, points)
        except _CannotCompute as error:
            more = "; tensors that it holds itself belong among the inputs" if "dtype" in str(error.cause) else ""
            raise BadInput(f"the function fails on these inputs in float64: {told(error.cause)}{more}") from error.cause


class _CannotCompute(Exception):
    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class _Audit:
    """One model, its copy, and a few examples of the batch."""

    def __init__(self, bench: Bench, net: nn.Module, loss_fn: Any, kind: torch.dtype | None) -> None:
        self.bench, self.net, self.loss_fn, self.kind = bench, net, loss_fn, kind
        for module in net.modules():
            module._backward_hooks.clear()
            module._backward_pre_hooks.clear()
        if kind is not None:
            for owner in (net, loss_fn):
                if isinstance(owner, nn.Module):
                    _widen(owner, kind)
        self.feed = self._fed(EXAMPLES)

    def run(self, budget: float, points: int) -> Gradients:
        name = self.bench.name("model")
        size = self.feed.size
        try:
            start = time.perf_counter()
            self._loss()
            if time.perf_counter() - start > SLOW and size > FEW:
                self.feed = self._fed(FEW)
                self._loss()
        except Exception:
            self.feed = self._fed(None)  # a graph, an episode: a part cannot be fed
        size = self.feed.size
        off = switch_off(self.net, self.loss_fn, name, lambda: self._step(), alone=size < 2)
        buffers = [(b, b.detach().clone()) for b in self.net.buffers()]

        def reset() -> None:
            with torch.no_grad():
                for buffer, kept in buffers:
                    buffer.copy_(kept)

        trained = [(path, p) for path, p in self.net.named_parameters() if p.requires_grad]
        real = [(spelled(name, path), p) for path, p in trained if p.is_floating_point()]
        if not real:
            raise BadInput(f"no parameter of `{name}` is trainable, so there is no gradient to check")
        found = _measured(self._loss, real, reset, budget, points)
        kind = found.precision if self.kind is not None else "float32"
        return replace(found, off=tuple(off), examples=size, left=found.left + len(trained) - len(real), precision=kind)

    def _fed(self, count: int | None) -> batches.Feed:
        batch = self.bench.get("batch")
        batch = batch if count is None or batches.batch_size(batch) <= count else batches.take(batch, count)
        kind = self.kind

        def own(item: Any) -> Any:
            if not isinstance(item, Tensor):
                return item
            item = item.detach().clone()
            return item if kind is None else _widened(item, kind)

        return batches.feed(self.net, batches.apply(batch, own), self.loss_fn)

    def _step(self) -> batches.Step:
        with eagerly():
            return batches.forward(self.net, self.feed, self.loss_fn)

    def _loss(self) -> Tensor:
        return scalar_of(self._step())


def _measured(
    ask: Callable[[], Tensor],
    named: Sequence[tuple[str, Tensor]],
    reset: Callable[[], None],
    budget: float,
    points: int,
) -> Gradients:
    cuts, narrow = Cuts(), Narrowings()

    def once(mode: Cuts | None) -> Tensor:
        reset()
        with _seeded(), torch.enable_grad():  # a loss may differentiate something itself
            if mode is None:
                return ask()
            with mode:
                return ask()

    loss, _ = _timed(lambda: once(cuts))
    if not loss.requires_grad:
        raise BadInput("the loss has no gradient: nothing trainable is on its way")
    own, meant = own_backwards(loss)
    slopes = _backward(loss, [tensor for _, tensor in named])
    with narrow:
        once(None)
    passes = [_timed(lambda: once(cuts.replay()).detach()) for _ in range(2)]
    replayed, took = [float(value) for value, _ in passes], min(seconds for _, seconds in passes)
    if replayed[0] != replayed[1]:
        raise BadInput("two passes on the same batch, seeded alike, give two losses: there is nothing to differentiate")
    mode = cuts if replayed[0] == float(loss.detach()) else None
    eps = max(narrow.eps if loss.dtype is torch.float64 else 0.0, torch.finfo(loss.dtype).eps)
    ruler = Ruler(lambda: float(once(cuts.replay() if mode is not None else None).detach()), eps)
    pairs = [(name, t, s) for (name, t), s in zip(named, slopes, strict=True) if s is not None and t.numel()]
    seen, stopped = _look(ruler, pairs, budget, took, points)
    if not meant and (cuts.hooks or mode is None):
        meant = "a hook changes gradients on their way" if cuts.hooks else "values are cut from the graph and changed"
    return Gradients(
        tuple(seen), left=len(named) - len(seen), precision="float64" if eps <= DOUBLE else "float32",
        held=len(cuts.values), own=own, meant=meant, stopped=stopped,
    )  # fmt: skip


def _backward(loss: Tensor, tensors: list[Tensor]) -> list[Tensor | None]:
    """The gradients of backward; BadInput where it fails."""
    try:
        return list(torch.autograd.grad(loss, tensors, allow_unused=True))
    except RuntimeError as error:
        if "use_reentrant" in str(error):
            why = "they pass through reentrant checkpointing, which hides its graph; use `use_reentrant=False`"
            raise BadInput(f"the gradients are not checked: {why}") from error
        raise BadInput(f"the backward pass fails: {told(error)}") from error


def _chosen(pairs: list[Any], budget: float, took: float) -> list[Any]:
    """All tensors, or a random part of them where not even one direction of each fits into the budget."""
    fits = max(1, int(budget / max(took, 1e-5) / (2 * PASSES)))
    if len(pairs) <= fits:
        return pairs
    return [pairs[at] for at in sorted(random.Random(0).sample(range(len(pairs)), fits))]


def _timed(once: Callable[[], Tensor]) -> tuple[Tensor, float]:
    """The first loss and the seconds it takes; what fails there cannot be computed so."""
    start = time.perf_counter()
    try:
        loss = once()
    except BadInput:
        raise
    except Exception as error:
        raise _CannotCompute(error) from error
    return loss, time.perf_counter() - start


def _look(ruler: Ruler, pairs: list[Any], budget: float, took: float, points: int) -> tuple[list[Tensors], str]:
    end = time.monotonic() + budget
    chosen = _chosen(pairs, budget, took)
    each = min(points, max(1, int(budget / max(took, 1e-5) / PASSES / max(len(chosen), 1)) - 1))
    seen: list[Tensors] = []
    try:
        for number, (name, tensor, slope) in enumerate(chosen):
            if seen and time.monotonic() > end:
                return seen, "budget"
            with torch.no_grad():
                seen.append(audit(ruler, name, tensor, slope, each, seed=number))
    except KeyboardInterrupt:
        return seen, "user"
    return seen, ""


def _widen(module: nn.Module, kind: torch.dtype) -> nn.Module:
    """Move a copy to another precision: `to` would cut complex weights to their real part."""
    module._apply(lambda tensor: _widened(tensor, kind))  # type: ignore[no-untyped-call]
    return module


def _widened(item: Tensor, kind: torch.dtype) -> Tensor:
    """The same numbers in another precision; complex ones stay complex."""
    if item.is_complex():
        return item.to(kind.to_complex())
    return item.to(kind) if item.is_floating_point() else item


def _leaf(item: Tensor) -> Tensor:
    if not item.is_floating_point():
        return item.detach().clone()
    return item.detach().double().clone().requires_grad_()


@contextmanager
def _seeded() -> Iterator[None]:
    """The same noise in every pass: a sample, a mask, a crop."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    yield


@contextmanager
def _wide(kind: torch.dtype | None) -> Iterator[None]:
    before = torch.get_default_dtype()
    if kind is not None:
        torch.set_default_dtype(kind)
    try:
        with torch.enable_grad():
            yield
    finally:
        torch.set_default_dtype(before)
