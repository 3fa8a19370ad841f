"""What the user's calls of torch mean: losses, comparisons, differences, clamps; nothing here changes them."""

from __future__ import annotations

import inspect
import os
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from ..looks.answers import Tables
from ..looks.tokens import Tokens
from ..measures.facts import facts, fingerprint, sample
from ..measures.reading import accuracy, counts
from ..record.data import MAX_KINDS, LossCall, LossSeen, OpSeen, Place
from ..record.series import thin

if TYPE_CHECKING:
    from ..watcher import Watcher

#: the attribute that is looked up for a gradient, and where torch's own code lies
GRAD, TORCH = Tensor.grad, f"{Path(torch.__file__).parent}{os.sep}"
#: loss calls kept of one place
MAX_CALLS = 48
LOSSES = (
    "cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits", "mse_loss", "l1_loss",
    "smooth_l1_loss", "huber_loss", "kl_div", "gaussian_nll_loss", "poisson_nll_loss", "soft_margin_loss",
    "multilabel_soft_margin_loss", "hinge_embedding_loss", "cosine_embedding_loss", "margin_ranking_loss",
    "triplet_margin_loss", "multi_margin_loss", "multilabel_margin_loss", "ctc_loss", "linear_cross_entropy",
)  # fmt: skip
COMPARE = ("eq", "ne", "gt", "ge", "lt", "le")
#: what may pair every row with every other row by mistake
PAIR = ("sub", "mul", "add", "div")
CLAMP = ("clamp", "clamp_min", "clamp_max", "clip", "minimum", "maximum", "hardtanh")
#: names under which the same operation comes: `a - b`, `a.sub(b)`, `torch.sub(a, b)`, `b.__rsub__(a)`
PLAIN = {"true_divide": "div", "truediv": "div", "subtract": "sub", "multiply": "mul", "divide": "div", "rsub": "sub"}
ALIASES = {"less": "lt", "less_equal": "le", "greater": "gt", "greater_equal": "ge", "not_equal": "ne"}


#: attributes that are a tensor's own values
VALUES = (Tensor.data, Tensor.T)


def plain_name(func: Any) -> str:
    """`Tensor.__rsub__` → "sub", `torch.greater` → "gt", `F.cross_entropy` → "cross_entropy"."""
    name: str = getattr(func, "__name__", "")
    name = name.strip("_")
    if name[:1] in "ri" and name[1:] in ("sub", "mul", "add", "truediv"):
        name = name[1:]
    name = PLAIN.get(name, name)
    return ALIASES.get(name, name)


class Calls:
    """Keeps what is worth keeping of the calls seen, by place."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._losses: dict[tuple[str, Place, bool], LossSeen] = {}
        self._ops: dict[tuple[str, Place, bool], OpSeen] = {}
        #: the last result of each running sum, and the steps and backward calls made by then
        self._sums: dict[Place, tuple[weakref.ref[Tensor], int, int]] = {}
        #: values of loss functions since the last step, by the tensor that they returned
        self.values: list[tuple[weakref.ref[Tensor], float]] = []
        self.tables = Tables(watcher)
        self.tokens = Tokens(watcher)
        self._handlers: dict[str, Callable[..., None]] = dict.fromkeys(LOSSES, self._loss)
        self._handlers |= dict.fromkeys(("embedding", "embedding_bag"), self.tokens.looked_up)
        self._handlers |= dict.fromkeys((*COMPARE, *PAIR, *CLAMP), self._operation)

    def see(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        """Look at one call that was made."""
        name = plain_name(func)
        if name == "get":  # an attribute such as .shape
            if getattr(func, "__self__", None) is GRAD and not sys._getframe(2).f_code.co_filename.startswith(TORCH):
                self._watcher.trace.reads += 1
            if getattr(func, "__self__", None) not in VALUES:
                return
        try:
            handler = self._handlers.get(name)
            if handler is not None and isinstance(out, Tensor):
                handler(name, func, args, kwargs, out)
            elif name in ("register_hook", "retain_grad"):
                self.tokens.heard = True
            if not self._watcher.passes.running:
                self._watcher.passes.uses.call(name, [*args, *kwargs.values()], out)
        except Exception as error:
            self._watcher.failed(error)

    def _loss(self, name: str, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Tensor) -> None:
        given = _arguments(func, args, kwargs)
        output, target = given.pop("input", None), given.pop("target", None)
        if not isinstance(output, Tensor):
            return
        watcher, grad = self._watcher, torch.is_grad_enabled() and out.requires_grad
        place = watcher.places.here(4)
        key = (name, place, grad)
        if key not in self._losses:
            if len(self._losses) >= MAX_KINDS:
                return
            self._losses[key] = LossSeen(name, place, grad)
            watcher.trace.losses.append(self._losses[key])
        seen = self._losses[key]
        seen.count += 1
        value = float(out.detach().mean()) if out.numel() else None
        if value is not None and out.numel() == 1:
            self.values.append((weakref.ref(out), value))
            del self.values[:-16]
            if not grad:
                watcher.passes.validated(value)
                watcher.passes.uses.scored(output, target, "loss")
        seen.source = seen.source or watcher.passes.uses.source(output)
        self.tables.scores(name, output, target, grad)
        if grad:
            watcher.rehearsal.prepare(name, output, target, given)
        seen.calls.append(self._call(name, output, target, given, value, grad))
        thin(seen.calls, MAX_CALLS)

    def _call(
        self, name: str, output: Tensor, target: Any, given: dict[str, Any], value: float | None, grad: bool
    ) -> LossCall:
        watcher = self._watcher
        place = watcher.places.here(5)
        axis = 1 if name in ("cross_entropy", "nll_loss") and output.ndim > 1 else -1 + output.ndim
        classes = (
            name in ("cross_entropy", "nll_loss") and isinstance(target, Tensor) and not target.is_floating_point()
        )
        options = {key: _plain(option) for key, option in given.items()}
        return LossCall(
            step=watcher.trace.steps,
            place=place,
            output=facts(output, axis),
            target=facts(target) if isinstance(target, Tensor) else None,
            value=value,
            grad=grad,
            from_model=watcher.passes.made(output),
            options={key: option for key, option in options.items() if option is not None},
            counts=counts(target, given.get("ignore_index", -100)) if classes else {},
            accuracy=accuracy(output, target, axis) if classes else None,
            batch=fingerprint(target),
            **(self.tokens.read(output, target, given, place) if classes else {}),
        )

    def _operation(self, name: str, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Tensor) -> None:
        operands = [*args, *kwargs.values()]
        if not operands or not isinstance(operands[0], Tensor):
            return
        left, right = operands[0], operands[1] if len(operands) > 1 else None
        if name == "add":
            self._sum(left, right, out)
        elif name in ("eq", "ne", "sub") and isinstance(right, Tensor):
            self._watcher.passes.uses.scored(left, right, "difference" if name == "sub" else "match")
            if name == "eq":
                self.tables.compared(left, right)
        if name in PAIR and not (isinstance(right, Tensor) and pairs(left, right, out)):
            return
        if name in CLAMP and not out.requires_grad:
            return
        watcher = self._watcher
        key = (name, watcher.places.here(4), torch.is_grad_enabled())
        seen = self._ops.get(key)
        if seen is None:
            if len(self._ops) >= MAX_KINDS:
                return
            other = facts(right) if isinstance(right, Tensor) else right if isinstance(right, (int, float)) else None
            seen = self._ops[key] = OpSeen(name, key[1], facts(left), other, tuple(out.shape), key[2], 0)
            seen.low, seen.high = seen.left.low, seen.left.high
            if name in CLAMP:
                seen.limits = limits(name, args, kwargs)
            watcher.trace.ops.append(seen)
        seen.count += 1
        if seen.count > 1 and name in COMPARE and left.numel():
            values = sample(left).float()
            seen.low, seen.high = min(seen.low, float(values.min())), max(seen.high, float(values.max()))
        made = [watcher.passes.made(x) for x in (left, right) if isinstance(x, Tensor)]
        seen.from_model |= any(made)
        seen.both |= all(made)
        seen.inside |= watcher.passes.running
        seen.direct |= any(watcher.passes.uses.whole(x) for x in (left, right))
        seen.source = seen.source or watcher.passes.uses.source(left)

    def _sum(self, left: Tensor, right: Any, out: Tensor) -> None:
        """A running sum: its left operand is its own result of before."""
        if out.numel() != 1 or not out.requires_grad or not torch.is_grad_enabled():
            return
        watcher = self._watcher
        place, steps, backwards = watcher.places.here(5), watcher.trace.steps, watcher.trace.backwards
        last, stepped, before = self._sums.get(place, (None, 0, 0))
        whole = last() if last is not None else None
        if whole is not None and (whole is left or _made_of(left, whole)):
            key = ("add", place, True)
            if key not in self._ops and len(self._ops) < MAX_KINDS:
                self._ops[key] = OpSeen("add", place, facts(left), None, tuple(out.shape), True, 0)
                watcher.trace.ops.append(self._ops[key])
            if key in self._ops:
                self._ops[key].count += 1
                self._ops[key].carried += backwards > before and (steps > stepped or not steps)
        if len(self._sums) < MAX_KINDS or place in self._sums:
            self._sums[place] = (weakref.ref(out), steps, backwards)


def _made_of(one: Tensor, other: Tensor) -> bool:
    """Whether a tensor was computed from another in a single operation: `0.9 * total`."""
    return one.grad_fn is not None and any(node is other.grad_fn for node, _ in one.grad_fn.next_functions if node)


def pairs(left: Tensor, right: Tensor, out: Tensor) -> bool:
    """Whether as many values on either side met all of the others: (N, 1) and (N,) make (N, N), and so for rows."""
    if left.numel() != right.numel() or out.numel() <= left.numel():
        return False
    whole = out.numel() == left.numel() * right.numel()
    return whole or [n for n in left.shape if n != 1] == [n for n in right.shape if n != 1]


def _arguments(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a loss by name; `input` and `target` whatever the function calls them."""
    try:
        bound = inspect.signature(getattr(functional, func.__name__, func)).bind(*args, **kwargs)
    except (TypeError, ValueError):
        return {"input": args[0] if args else None, "target": args[1] if len(args) > 1 else None, **kwargs}
    bound.apply_defaults()
    return {{"self": "input"}.get(name, name): value for name, value in bound.arguments.items()}


def _plain(option: Any) -> Any:
    if isinstance(option, Tensor):
        return option.detach().reshape(-1)[:1024].tolist()
    return option if isinstance(option, (str, int, float, bool)) else None


def limits(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[float | None, float | None]:
    """(lowest, highest) of a clamp, where they are numbers."""

    def value(at: int, *names: str) -> float | None:
        found = next((kwargs[n] for n in names if n in kwargs), args[at] if len(args) > at else None)
        if isinstance(found, Tensor) and found.numel() == 1:
            return float(found.detach())
        return float(found) if isinstance(found, (int, float)) else None

    if name in ("clamp_max", "minimum"):
        return None, value(1, "max", "other")
    if name in ("clamp_min", "maximum"):
        return value(1, "min", "other"), None
    return value(1, "min", "min_val"), value(2, "max", "max_val")
