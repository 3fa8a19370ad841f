"""Different inputs get different outputs.

A softmax over a single output is 1 whatever goes in, and a layer whose units are all off passes nothing on: the model
answers every example alike, and no gradient changes that. A head that starts at zero does so for one step only; this
check takes a few steps on a copy before it calls it a fault.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...probes.passes.constancy import STEPS, Constancy, constancy
from ...probes.passes.signal import is_fresh

check = Check(__name__, tip="chart dependencies")


@check.run
def run(model: nn.Module, batch: Any, bench: Bench) -> Finding:
    seen = bench.once(constancy)
    if seen is None:
        return skipped("the model's answer has no row for each of two examples or more, so none can be compared")
    if not seen.told_apart:
        return skipped("all examples of this batch are the same, so their outputs say nothing")
    numbers: dict[str, Any] = {"spread": seen.spread, "later": seen.later, "examples": seen.size}
    if seen.spread > 0:
        return ok(f"the outputs of {seen.size} examples differ by up to {number(seen.spread)}", **numbers)
    if seen.later > 0:
        return ok(
            f"all outputs start equal, and differ by up to {number(seen.later)} after {STEPS} steps on a copy",
            **numbers,
        )
    what = f"are {number(seen.constant)}" if seen.constant is not None else "are the same"
    fix, code, why = _way_out(seen)
    certain = seen.stuck and _should_differ(bench) and any(p.requires_grad and p.ndim > 1 for p in model.parameters())
    claim = bad if certain else hint
    return claim(
        f"the outputs of all **{seen.size}** examples {what}, and still all equal after {STEPS} steps on a copy; "
        "different inputs should get different outputs",
        fix=fix,
        code=code,
        why=why,
        **numbers,
    )


def _should_differ(bench: Bench) -> bool:
    """Whether the targets differ; a trained net may be equally sure of every example of one class."""
    target = bench.get("feed").target
    return _varies(target) if isinstance(target, Tensor) else is_fresh(bench)


def _varies(target: Tensor) -> bool:
    return target.ndim > 0 and len(target) > 1 and not bool((target == target[0]).all())


def _way_out(seen: Constancy) -> tuple[str, str, str]:
    """What to do, the line for it, and the cause."""
    if "Softmax" in seen.last and seen.values == 1:
        return (
            "Take the softmax away and use a loss on logits.",
            "criterion = nn.BCEWithLogitsLoss()",
            "the softmax of a single number is 1, its logarithm 0, whatever the number is",
        )
    if seen.stuck:
        return "Find the layer whose units are all off.", "%check_init", "no gradient reaches a weight, so it stays so"
    return "See where the input gets lost.", "%check_init", "the outputs depend on the parameters alone"


@check.breaks
def softmax_over_one_output() -> Bench:
    """A softmax over a single output, with binary cross-entropy."""
    return toys.binary(nn.Sequential(toys.mlp((10, 16, 1)), nn.Softmax(1)), nn.BCELoss())


@check.breaks
def all_units_off() -> Bench:
    """The hidden layer's biases are so low that no unit is ever on."""
    net = toys.mlp((20, 32, 5))
    nn.init.constant_(net.get_parameter("0.bias"), -100.0)
    return toys.classify(net)


@check.holds
def outputs_that_differ() -> Bench:
    """Each example gets its own answer."""
    return toys.classify()


@check.holds
def head_from_zero() -> Bench:
    """The last layer starts at zero: all outputs are 0, until the first step."""
    net = toys.mlp()
    nn.init.zeros_(net.get_parameter("4.weight"))
    nn.init.zeros_(net.get_parameter("4.bias"))
    return toys.classify(net)


class _Intercept(nn.Module):
    """The best constant, as a baseline."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = nn.Parameter(torch.zeros(5))

    def forward(self, x: Tensor) -> Tensor:
        return self.answer.expand(len(x), 5)


@check.holds
def constant_baseline() -> Bench:
    """A baseline that looks at no input on purpose: worth a look, and no fault."""
    return toys.classify(_Intercept())
