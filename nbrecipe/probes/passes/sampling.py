"""What is random in eval mode: passes of one batch under chosen seeds, and the calls that drew the random numbers."""

from __future__ import annotations

import ast
import inspect
import random
import sys
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ... import batches
from ...batches.models import eagerly, plain
from ...bench import Bench
from ...task.refusal import failed_forward, refuse_lazy
from .signal import evaluating

#: functions that drop; their in-place twins end in _
DROPOUT = frozenset(
    {"dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout", "feature_dropout"}
)
#: attention that drops its weights
ATTENTION = frozenset({"scaled_dot_product_attention", "multi_head_attention_forward"})
#: functions that draw numbers for another purpose
DRAWS = frozenset(
    {
        "rand", "randn", "randint", "rand_like", "randn_like", "randint_like", "randperm", "normal", "normal_",
        "uniform_", "bernoulli", "bernoulli_", "exponential_", "multinomial", "gumbel_softmax", "poisson", "rrelu",
        "cauchy_", "log_normal_", "geometric_", "random_", "binomial",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Draw:
    """One place where random numbers are drawn in eval mode."""

    function: str
    drops: bool
    #: probability that a value is dropped; 0 for draws of another kind
    p: float
    #: path of the innermost module of the model around the call
    path: str
    #: the user's function that the call stands in
    caller: str
    #: the layer that dropped, where a layer did, and whether the model knows it
    layer: str = ""
    registered: bool = False
    #: how `training` was given in the call: "omitted", "literal", "expression"; "" where the source is out of reach
    given: str = ""
    #: whether the module around the call is in eval mode
    evaluating: bool = True


@dataclass(frozen=True)
class Sampling:
    """Mean absolute differences between passes of the same batch in eval mode."""

    draws: tuple[Draw, ...]
    #: standard deviation of the outputs
    spread: float
    #: between two passes with other random numbers for everything
    all: float
    #: with other random numbers for dropout alone, for all but dropout, and with the same ones
    dropout: float = 0.0
    other: float = 0.0
    same: float = 0.0


def sampling(bench: Bench) -> Sampling:
    """Run the batch two times in eval mode and, where the passes differ, find out which random numbers do it.

    Dropout draws from a generator of its own, so that either source can be changed alone. Costs two forward passes, and
    three more where they differ. Raises BadInput for lazy layers and for a forward pass that fails.
    """
    model = plain(bench.get("model"))
    refuse_lazy(model)
    first, calls = _outputs(bench, model, 0, 0)
    again, _ = _outputs(bench, model, 1, 1)
    spread = max((float(t.std(correction=0)) for t in first if t.numel() > 1), default=0.0)
    if _gap(first, again) == 0:
        return Sampling(tuple(calls), spread, 0.0)
    outputs = []
    with bench.untouched() as state:
        for seed, noise in ((0, 0), (0, 0), (0, 1), (1, 0)):
            outputs.append(_outputs(bench, model, seed, noise)[0])
            state.restore()
    base, same, dropped, drawn = outputs
    return Sampling(
        tuple(calls), spread, _gap(first, again), _gap(base, dropped), _gap(base, drawn), _gap(base, same)
    )  # fmt: skip


def _outputs(bench: Bench, model: nn.Module, seed: int, noise: int) -> tuple[list[Tensor], list[Draw]]:
    fed, loss_fn = bench.get("feed"), bench.loss_fn
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    watch = _Watch(model, noise)
    runs = loss_fn if loss_fn is not None and batches.takes_model(loss_fn) else None
    try:
        with evaluating(model), torch.no_grad(), eagerly(), watch:
            step = batches.forward(model, fed, runs)
    except Exception as error:
        raise failed_forward(model, fed, error) from error
    raw = step.loss if step.raw is None else step.raw
    tensors = [t.detach() for t in batches.leaves(raw) if isinstance(t, Tensor)]
    values = [torch.view_as_real(t) if t.is_complex() else t for t in tensors]
    return [t.to_dense().double().nan_to_num() if t.is_sparse else t.double().nan_to_num() for t in values], watch.draws


def _gap(one: list[Tensor], two: list[Tensor]) -> float:
    if [t.shape for t in one] != [t.shape for t in two]:
        return float("inf")
    return max((float((a - b).abs().mean()) for a, b in zip(one, two, strict=True) if a.numel()), default=0.0)


class _Watch(TorchFunctionMode):
    """Notes calls that draw random numbers; those of dropout come from a generator of their own."""

    def __init__(self, model: nn.Module, noise: int) -> None:
        super().__init__()
        self.draws: list[Draw] = []
        self._paths = {id(module): path for path, module in model.named_modules()}
        self._noise = 1000 * noise

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        p = _dropped(name, args, kwargs)
        if p > 0:
            self._note(name, p)
            return self._apart(func, args, kwargs)
        if name in DRAWS and (name != "rrelu" or kwargs.get("training")):
            self._note(name, 0.0)
        return func(*args, **kwargs)

    def _apart(self, func: Any, args: Any, kwargs: Any) -> Any:
        self._noise += 1
        devices = sorted({t.device.index or 0 for t in args if isinstance(t, Tensor) and t.is_cuda})
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(self._noise)
            return func(*args, **kwargs)

    def _note(self, name: str, p: float) -> None:
        if len(self.draws) < 1000:
            self.draws.append(_located(name, p, sys._getframe(2), self._paths))


def _dropped(name: str, args: Any, kwargs: Any) -> float:
    """The probability with which this call drops; 0 where it does not."""
    kind = name.rstrip("_")
    if kind in DROPOUT:
        at = 2 if len(args) > 2 else -1
        active = kwargs.get("training", kwargs.get("train", args[at] if at > 0 else kind != "alpha_dropout"))
        p = kwargs.get("p", args[1] if len(args) > 1 else 0.5)
    elif kind == "scaled_dot_product_attention":
        active, p = True, kwargs.get("dropout_p", args[4] if len(args) > 4 else 0.0)
    elif kind == "multi_head_attention_forward":
        active, p = kwargs.get("training", True), kwargs.get("dropout_p", args[10] if len(args) > 10 else 0.0)
    else:
        return 0.0
    return float(p) if active else 0.0


def _located(name: str, p: float, frame: FrameType | None, paths: dict[int, str]) -> Draw:
    """Where in the user's code the call stands, reading outwards from torch."""
    layer, known, user, around = "", False, None, None
    while frame is not None:
        owner = frame.f_locals.get("self")
        if isinstance(owner, nn.Module):
            if not layer and user is None and isinstance(owner, (nn.modules.dropout._DropoutNd, nn.MultiheadAttention)):
                layer, known = type(owner).__name__, id(owner) in paths
            if around is None and id(owner) in paths:
                around = owner
        if user is None and not str(frame.f_globals.get("__name__", "")).startswith(("torch.", "nbrecipe.probes.")):
            user = frame
        if user is not None and around is not None:
            break
        frame = frame.f_back
    path = paths[id(around)] if around is not None else ""
    evaluating = around is None or not around.training
    if user is None:
        return Draw(name, p > 0, p, path, "", layer, known, "", evaluating)
    code = user.f_code
    return Draw(name, p > 0, p, path, _caller(user), layer, known, _given(code, user.f_lineno), evaluating)


def _caller(frame: FrameType) -> str:
    """Class and function: `Net.forward`."""
    owner, name = frame.f_locals.get("self"), frame.f_code.co_name
    return name if owner is None else f"{type(owner).__name__}.{name}"


def _given(code: CodeType, line: int) -> str:
    """How the call of dropout on this line was told whether it is training."""
    try:
        tree = ast.parse("".join(inspect.findsource(code)[0]))  # all of the file: a lambda cannot be parsed alone
    except (OSError, TypeError, SyntaxError):
        return ""
    for node in ast.walk(tree):
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.Call) and "dropout" in called and node.lineno <= line <= (node.end_lineno or line):
            told = [k.value for k in node.keywords if k.arg in ("training", "train", None)] + node.args[2:3]
            if not told:
                return "omitted"
            return "literal" if isinstance(told[0], ast.Constant) else "expression"
    return ""
