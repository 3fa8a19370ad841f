"""A threshold of one half is applied to probabilities.

Logits are centred on 0: "logit > 0.5" asks for a probability above 0.62, so that positives are missed while the loss
looks fine. Outputs of a regression may well be compared with 0.5: what tells logits is the loss that they are given
to, or, where none was seen, their spread beside targets of 0 and 1: a least-squares fit of such targets varies no more
than they do, with a standard deviation of one half at most.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...trace import Trace
from ...trace.record.data import Facts, OpSeen

check = Check(__name__, tip="right metric")

HALF = 0.5
#: further out than rounding takes a probability
MARGIN = 1e-3
#: losses that are given logits, and losses of values in a unit of their own
LOGITS = {"binary_cross_entropy_with_logits", "cross_entropy", "soft_margin_loss", "multilabel_soft_margin_loss"}
VALUES = {"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "gaussian_nll_loss", "poisson_nll_loss"}
#: the same as modules
CLASSES = (nn.BCEWithLogitsLoss, nn.CrossEntropyLoss, nn.SoftMarginLoss, nn.MultiLabelSoftMarginLoss)
#: largest standard deviation of a least-squares fit of zeros and ones; twice that is beyond any doubt
SPREAD = 0.5


@check.run
def run(trace: Trace, loss_fn: Any | None = None) -> Finding:
    limits = [op for op in trace.ops if op.name in ("gt", "ge", "lt", "le") and op.from_model]
    if not limits:
        return skipped("no output of a model was compared with a limit")
    compared = [op for op in limits if op.right == HALF]
    if not compared:
        return ok("no output of a model was compared with 0.5")
    for op in compared:
        doubt = _doubt(trace, op, loss_fn)
        if doubt is not None:
            return (hint if doubt else bad)(
                f"values from **{number(op.low, 3)}** to **{number(op.high, 3)}** are compared with 0.5: "
                + ("are these logits? Their middle is 0" if doubt else "these are logits, whose middle is 0"),
                fix="Compare logits with 0, or take the sigmoid first.",
                code="predicted = logits > 0",
                where=str(op.place),
                low=op.low,
                high=op.high,
            )
    low, high = min(op.low for op in compared), max(op.high for op in compared)
    return ok(f"what is compared with 0.5 lies in [{number(low, 3)}, {number(high, 3)}]", low=low, high=high)


def _doubt(trace: Trace, op: OpSeen, loss_fn: Any) -> bool | None:
    """False where the values are logits, True where they look like logits, None where they need not be."""
    below, above = op.low < -MARGIN, op.high > 1 + MARGIN
    if not op.source or not (below or above):  # an error, a distance, an entropy: computed from the output
        return None
    losses = {loss.name for loss in trace.losses if loss.source == op.source}
    if not losses and isinstance(loss_fn, CLASSES):
        losses = LOGITS
    if losses & (VALUES | {"binary_cross_entropy"}):
        return None
    if losses & LOGITS:
        return False
    if not (below and above):
        return None
    return not (_yes_or_no(trace, op) and op.left.std > 2 * SPREAD) if op.left.std > SPREAD else None


def _yes_or_no(trace: Trace, op: OpSeen) -> bool:
    """Whether the comparison is in its turn compared with zeros and ones."""
    if any(set(a.table) <= {0, 1} and a.model == op.source for a in trace.answers):
        return True
    sides = [one.right for one in trace.ops if one.name == "eq" and one.from_model and not one.both]
    return any(isinstance(side, Facts) and side.integers and 0 <= side.low <= side.high <= 1 for side in sides)


def _evaluate(sigmoid: bool, threshold: float) -> Bench:
    given = toys.trained(toys.binary(), steps=60)
    net = given.get("model")

    def program() -> None:
        with torch.no_grad():
            for x, y in toys.batches(given):
                out = net(x)
                predicted = (torch.sigmoid(out) if sigmoid else out) > threshold
                (predicted == (y > 0.5)).float().mean()

    return toys.watched(program, net=net)


@check.breaks
def logits_above_one_half() -> Bench:
    """The net gives logits, and 0.5 is taken for the middle."""
    return _evaluate(sigmoid=False, threshold=0.5)


@check.breaks
def logits_above_one_half_while_training() -> Bench:
    """The loss takes logits, and the accuracy printed beside it compares them with 0.5."""
    return _train(nn.BCEWithLogitsLoss())


@check.holds
def probabilities_above_one_half() -> Bench:
    """The sigmoid comes first."""
    return _evaluate(sigmoid=True, threshold=0.5)


@check.holds
def logits_above_zero() -> Bench:
    """Zero is the middle of logits."""
    return _evaluate(sigmoid=False, threshold=0.0)


@check.holds
def linear_probability_model() -> Bench:
    """A net fitted to zeros and ones by least squares goes a bit beyond them, and 0.5 is its middle."""
    return _train(nn.MSELoss())


def _train(loss_fn: nn.Module) -> Bench:
    given = toys.binary()
    net, _, opt = toys.parts(given)

    def program() -> None:
        for x, y in toys.batches(given, 3):
            out = net(x)
            loss = loss_fn(out, y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            ((out.detach() > 0.5) == (y > 0.5)).float().mean()

    return toys.watched(program, net=net, opt=opt)
