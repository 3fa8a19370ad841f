"""A threshold of one half is applied to probabilities.

Logits are centred on 0: "logit > 0.5" asks for a probability above 0.62, so that positives are missed while the loss
looks fine.
"""

from __future__ import annotations

import torch

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, number, ok, skipped
from ...trace import Trace
from ...trace.data import OpSeen

check = Check(__name__, tip="right metric")

HALF = 0.5
#: further out than rounding takes a probability
MARGIN = 1e-3


@check.run
def run(trace: Trace) -> Finding:
    compared = [op for op in trace.ops if op.name in ("gt", "ge", "lt", "le") and op.from_model and op.right == HALF]
    if not compared:
        return skipped("no output of a model was compared with 0.5")
    wrong = [op for op in compared if _logits(op)]
    if not wrong:
        low, high = min(op.low for op in compared), max(op.high for op in compared)
        return ok(f"what is compared with 0.5 lies in [{number(low, 3)}, {number(high, 3)}]")
    op = wrong[0]
    return bad(
        f"values from **{number(op.low, 3)}** to **{number(op.high, 3)}** are compared with 0.5: these are logits, "
        "whose middle is 0",
        fix="Compare logits with 0, or take the sigmoid first.",
        code="predicted = logits > 0",
        where=str(op.place),
        low=op.low,
        high=op.high,
    )


def _logits(op: OpSeen) -> bool:
    """Outside of [0, 1] on both sides: a regression's values may leave it on one, a distance never goes below 0."""
    return op.low < -MARGIN and op.high > 1 + MARGIN


def _evaluate(sigmoid: bool, threshold: float, scale: float = 1.0) -> Bench:
    given = toys.trained(toys.binary(), steps=60)
    net = given.model
    assert net is not None

    def program() -> None:
        with torch.no_grad():
            for x, y in toys.batches(given):
                out = scale * net(x)
                predicted = (torch.sigmoid(out) if sigmoid else out) > threshold
                (predicted == (y > 0.5)).float().mean()

    return toys.watched(program, net=net)


@check.breaks
def logits_above_one_half() -> Bench:
    """The net gives logits, and 0.5 is taken for the middle."""
    return _evaluate(sigmoid=False, threshold=0.5)


@check.holds
def probabilities_above_one_half() -> Bench:
    """The sigmoid comes first."""
    return _evaluate(sigmoid=True, threshold=0.5)


@check.holds
def logits_above_zero() -> Bench:
    """Zero is the middle of logits."""
    return _evaluate(sigmoid=False, threshold=0.0)
