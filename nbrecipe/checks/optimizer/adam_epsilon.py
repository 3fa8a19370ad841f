"""Adam's epsilon is small beside the gradients.

Adam divides each gradient by its usual size plus epsilon. Where epsilon is the larger of the two, it divides by a
constant: what runs is SGD with momentum, at a rate many times smaller than the one that was set.
"""

from __future__ import annotations

import ast
import math
import statistics
from typing import Any

import torch

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...trace import Trace
from ...trace.record.data import OptimizerSeen

check = Check(__name__, tip="adam is safe")

#: torch's epsilon is 1e-8; up to `USUAL` are in use with small gradients, and from `LARGE` on it is a slip or a choice
USUAL, LARGE = 1e-5, 1e-3
#: epsilon over the usual size of a gradient, where it takes half of the step, and four fifths
HALF, MOST = 1.0, 4.0
#: looks at the start of the run, where gradients are what they are while there is something to learn
FIRST = 8


@check.run
def run(bench: Bench, trace: Trace | None = None) -> Finding:
    if trace is not None:
        seen = [o for o in trace.optimizers if o.updates and _adam(o.groups)]
        if not seen:
            return skipped("no Adam stepped in this cell")
        sizes = _shapes(trace)
        found = [(o.name, _epsilon(o.groups), _usual(o, sizes), str(o.place)) for o in seen]
    else:
        optimizer = bench.get("optimizer")
        groups = getattr(optimizer, "param_groups", [])
        if not _adam(groups):
            return skipped(f"`{bench.name('optimizer')}` is no Adam")
        found = [(bench.name("optimizer"), _epsilon(groups), _kept(optimizer), "")]
    return _judged(*max(found, key=lambda one: one[1] / (one[2] or 1.0)))


def _judged(name: str, epsilon: float, usual: float | None, where: str) -> Finding:
    if usual is None or usual <= 0:
        if epsilon < LARGE:
            return ok(f"`eps` of `{name}` is {number(epsilon)}", epsilon=epsilon)
        ratio: float | None = None
        told = f"`eps` of `{name}` is **{number(epsilon)}**, where gradients are seldom as large"
    else:
        ratio = epsilon / usual
        told = f"`eps` of `{name}` is **{number(epsilon)}**, {number(ratio, 2)} times the usual gradient of a weight"
        if epsilon <= USUAL or ratio < HALF:
            return ok(told, epsilon=epsilon, ratio=ratio)
    claim = bad if ratio is not None and ratio >= MOST and epsilon >= LARGE else hint
    return claim(
        f"{told}: its steps grow and shrink with the gradient, as those of SGD do",
        fix="Leave `eps` at 1e-8.",
        code=f'for group in {name}.param_groups:\n    group["eps"] = 1e-8',
        where=where,
        epsilon=epsilon,
        ratio=ratio,
    )


def _adam(groups: list[dict[str, Any]]) -> bool:
    return any("betas" in group and "eps" in group for group in groups)


def _epsilon(groups: list[dict[str, Any]]) -> float:
    values = [group["eps"] for group in groups if "betas" in group and "eps" in group]
    return max(float(value[-1] if isinstance(value, (tuple, list)) else value) for value in values)


def _shapes(trace: Trace) -> dict[str, tuple[int, ...]]:
    return {f"{model.name}.{p.name}": p.shape for model in trace.models for p in model.parameters}


def _usual(optimizer: OptimizerSeen, shapes: dict[str, tuple[int, ...]]) -> float | None:
    """Root mean square of a weight's gradient, which Adam divides by, beside epsilon: that of the median weight."""
    found = []
    for update in optimizer.updates[:FIRST]:
        layers = []
        for layer, gradient in zip(update.layers, update.gradients, strict=True):
            if gradient and math.isfinite(gradient):
                count = math.prod(shapes.get(layer) or (ast.literal_eval(layer) if layer.startswith("(") else ()))
                layers.append((gradient / math.sqrt(count), count))
        if layers:
            found.append(_median(layers))
    return statistics.median(found) if found else None


def _median(layers: list[tuple[float, int]]) -> float:
    """The size in the layer of the median weight, of (size, weights) by layer."""
    half = sum(count for _, count in layers) / 2
    for size, count in sorted(layers):
        half -= count
        if half <= 0:
            return size
    return 0.0


def _kept(optimizer: Any) -> float | None:
    """The same from the second moments that an optimizer has gathered; None before its first step."""
    layers = []
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            state = optimizer.state.get(parameter, {})
            moment, step = state.get("exp_avg_sq"), float(state.get("step", 0))
            if moment is not None and step > 0:
                mean = float(moment.mean()) / (1 - group["betas"][1] ** step)
                layers.append((math.sqrt(mean), moment.numel()))
    return _median(layers) if layers else None


def _train(epsilon: float, rate: float = 1e-3) -> Bench:
    given = toys.classify()
    net, loss_fn, _ = toys.parts(given)
    opt = torch.optim.Adam(net.parameters(), rate, eps=epsilon)

    def program() -> None:
        for x, y in toys.batches(given, 2):
            opt.zero_grad()
            loss_fn(net(x), y).backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt)


@check.breaks
def one() -> Bench:
    """An epsilon of 1."""
    return _train(1.0)


@check.breaks
def a_hundredth_unseen() -> Bench:
    """An optimizer that has not stepped: a hint, since nothing is known of the gradients."""
    given = toys.classify()
    assert given.model is not None
    return given.replace(optimizer=torch.optim.Adam(given.model.parameters(), eps=1e-2))


@check.holds
def usual() -> Bench:
    """Torch's own 1e-8."""
    return _train(1e-8)


@check.holds
def of_policy_gradients() -> Bench:
    """1e-5, as reinforcement learning has it."""
    return _train(1e-5)


@check.holds
def usual_unseen() -> Bench:
    """Adam as it comes."""
    return toys.classify()
