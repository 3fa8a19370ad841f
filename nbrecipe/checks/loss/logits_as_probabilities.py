"""A loss that takes probabilities, or their logarithms, is given these.

`NLLLoss` is minus the value that it finds at the target's place. Given raw scores it falls below 0 and on without end:
the net makes all scores larger and learns nothing about which is right.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...probes.graph.between import as_called
from ...probes.passes.one_step import OneStep
from ...trace import Trace
from ...trace.record.data import LossCall, LossSeen
from ...trace.single import single_step

check = Check(__name__, tip="what the loss is given")

#: a logarithm of a probability is at most 0; rounding takes it no further
ABOVE = 1e-2
#: how exactly a loss is what backward is called on
SAME = 1e-3
#: nodes whose values are scores as a layer gives them, or what a plain activation makes of them
SCORES = (
    "Addmm", "Mm", "Bmm", "Convolution", "Add", "Relu", "LeakyRelu", "Tanh", "Gelu", "Sigmoid", "Softmax", "Einsum",
    "Mv", "NativeDropout", "NativeLayerNorm", "NativeBatchNorm", "Baddbmm", "Elu", "Silu", "Mean", "AvgPool", "MaxPool",
)  # fmt: skip
CUT = ("Clamp", "Hardtanh", "Relu")


@check.run
def run(bench: Bench, trace: Trace | None = None) -> Finding:
    """Judge what was seen of a loop; without one, the bench's batch."""
    if trace is not None:
        return _judged(trace)
    return as_called(bench, _judged(bench.once(OneStep(single_step))))


def _judged(trace: Trace) -> Finding:
    logs = [(loss, _calls(loss)) for loss in trace.losses if loss.name in ("nll_loss", "kl_div")]
    plain = [(loss, _calls(loss)) for loss in trace.losses if loss.name == "binary_cross_entropy"]
    found = [(loss, calls) for loss, calls in logs + plain if calls]
    if not found:
        return skipped("no model's output is given to a loss that takes probabilities or their logarithms")
    for loss, calls in found:
        if loss.name == "binary_cross_entropy":
            finding = _outside(loss, calls) or _cut(trace, loss, calls)
        else:
            finding = _log(trace, loss, calls)
        if finding is not None:
            return finding
    loss, calls = found[0]
    high = max(call.output.high for call in calls)
    return ok(f"`{loss.name}` is given values up to {number(high, 3)}, as it expects")


def _calls(loss: LossSeen) -> list[LossCall]:
    return [call for call in loss.calls if call.from_model and call.output.nonfinite == 0 and call.output.shape]


def _log(trace: Trace, loss: LossSeen, calls: list[LossCall]) -> Finding | None:
    """What a loss that takes logarithms of probabilities is given."""
    positive = [call for call in calls if call.output.high > ABOVE]
    high = max(call.output.high for call in calls)
    seen: dict[str, Any] = {"high": high, "calls": len(calls), "loss": calls[-1].value}
    axis = 1 if loss.name == "nll_loss" and len(calls[0].output.shape) > 1 else -1
    if all(call.output.sums_to_one for call in calls):
        return bad(
            f"`{loss.name}` takes logarithms of probabilities and is given the probabilities: rows that sum to 1, with "
            f"values up to **{number(high, 3)}**",
            fix="Take the logarithm: a log-softmax in place of the softmax.",
            code=f"out = out.log_softmax({axis})",
            where=str(loss.place),
            **seen,
        )
    if positive:
        graded = [call for call in calls if call.grad]
        scores = all(call.output.origin.startswith(SCORES) for call in graded)
        never = not any(call.output.exps_sum_to_one for call in calls)
        sure = graded and scores and never and (loss.name == "kl_div" or _alone(trace))
        claim = bad if sure else hint
        return claim(
            f"`{loss.name}` takes logarithms of probabilities, which are at most 0, and is given values up to "
            f"**{number(high, 3)}**: these are raw scores",
            fix="Take the log-softmax first, or use `F.cross_entropy`, which does.",
            code=f"out = out.log_softmax({axis})",
            where=str(loss.place),
            **seen,
        )
    exact = all(call.output.dtype in ("float32", "float64") for call in calls)
    if loss.name == "nll_loss" and exact and not any(call.output.exps_sum_to_one for call in calls):
        return hint(
            "`nll_loss` is given values whose exponentials do not sum to 1: these are no logarithms of probabilities",
            fix="Take the log-softmax first, or use `F.cross_entropy`, which does.",
            code=f"out = out.log_softmax({axis})",
            where=str(loss.place),
            **seen,
        )
    return None


def _alone(trace: Trace) -> bool:
    """Whether backward is called on the loss itself, or on a part of it when gradients accumulate: `nll_loss` may also
    pick scores for something else."""
    scales = [scale for seen in trace.backward for scale in seen.scales if scale > 0]
    return any(abs(scale * round(1 / scale) - 1) < SAME for scale in scales)


def _outside(loss: LossSeen, calls: list[LossCall]) -> Finding | None:
    """Values that are no probabilities, which the loss refuses."""
    out = [call.output for call in calls if call.output.low < 0 or call.output.high > 1]
    if not out:
        return None
    low, high = min(seen.low for seen in out), max(seen.high for seen in out)
    near = low > -ABOVE and high < 1 + ABOVE
    return bad(
        f"`{loss.name}` takes probabilities and is given values from **{number(low, 3)}** to **{number(high, 3)}**; "
        "it raises an error, and on a GPU it ends the process",
        fix="Keep the probabilities from leaving 0 and 1."
        if near
        else "Give the outputs to `F.binary_cross_entropy_with_logits`, which takes the sigmoid itself.",
        code="out = out.clamp(0, 1)" if near else "criterion = torch.nn.BCEWithLogitsLoss()",
        where=str(loss.place),
        low=low,
        high=high,
    )


def _cut(trace: Trace, loss: LossSeen, calls: list[LossCall]) -> Finding | None:
    """Scores cut off at 0 and 1, where no gradient passes."""
    if not all(call.output.origin.startswith(CUT) for call in calls if call.grad) or not any(c.grad for c in calls):
        return None
    clamps = [op for op in trace.ops if op.name in ("clamp", "clip", "hardtanh", "clamp_max") and op.grad]
    wide = [op for op in clamps if op.left.low < -ABOVE or op.left.high > 1 + ABOVE]
    if not wide:
        return None
    op = wide[0]
    return hint(
        f"scores from **{number(op.left.low, 3)}** to **{number(op.left.high, 3)}** are cut off at 0 and 1 and taken "
        "for probabilities; beyond the edges no gradient passes",
        fix="Take the sigmoid in place of the cut, or give the scores to `F.binary_cross_entropy_with_logits`.",
        where=str(op.place),
        low=op.left.low,
        high=op.left.high,
    )


def _loop(given: Bench, net: nn.Module) -> Bench:
    loss_fn = given.loss_fn
    assert loss_fn is not None
    opt = torch.optim.Adam(net.parameters(), 1e-3)

    def program() -> None:
        for x, y in toys.batches(given, 2):
            opt.zero_grad()
            loss_fn(net(x), y).backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt)


def _divergence(out: Tensor, y: Tensor) -> Tensor:
    return functional.kl_div(out, functional.one_hot(y, 5) * 0.9 + 0.02, reduction="batchmean")


@check.breaks
def scores_for_nll() -> Bench:
    """The model ends in a linear layer, and `NLLLoss` expects a log-softmax."""
    return _loop(toys.classify(loss_fn=nn.NLLLoss()), toys.mlp())


@check.breaks
def probabilities_for_nll() -> Bench:
    """The model ends in a softmax, and `NLLLoss` expects its logarithm."""
    return _loop(toys.classify(loss_fn=nn.NLLLoss()), nn.Sequential(toys.mlp(), nn.Softmax(dim=1)))


@check.breaks
def scores_for_a_divergence() -> Bench:
    """A student's scores go into `kl_div` as they are."""
    return _loop(toys.classify(loss_fn=_divergence), toys.mlp())


@check.breaks
def cut_scores_as_probabilities() -> Bench:
    """A clamp makes scores fit for `BCELoss`."""
    given = toys.binary(loss_fn=lambda out, y: functional.binary_cross_entropy(out.clamp(0, 1), y))
    return _loop(given, toys.mlp((10, 32, 16, 1)))


@check.breaks
def scores_for_nll_without_a_loop() -> Bench:
    """One batch of a model not yet trained tells as much."""
    return toys.classify(loss_fn=nn.NLLLoss())


@check.breaks
def scores_for_bce() -> Bench:
    """`BCELoss` takes probabilities and refuses the outputs of a linear layer."""
    return toys.binary(loss_fn=nn.BCELoss())


@check.holds
def log_softmax_for_nll() -> Bench:
    """The pair that belongs together."""
    return _loop(toys.classify(loss_fn=nn.NLLLoss()), nn.Sequential(toys.mlp(), nn.LogSoftmax(dim=1)))


@check.holds
def log_of_a_softmax_kept_from_zero() -> Bench:
    """log(p + 1e-8) is as good."""
    given = toys.classify(loss_fn=lambda out, y: functional.nll_loss((out.softmax(1) + 1e-8).log(), y))
    return _loop(given, toys.mlp())


@check.holds
def distillation() -> Bench:
    """Log-probabilities of the student against probabilities of the teacher."""
    given = toys.classify(loss_fn=lambda out, y: _divergence((out / 2).log_softmax(1), y))
    return _loop(given, toys.mlp())


@check.holds
def probabilities_kept_from_the_edges() -> Bench:
    """A clamp at 1e-7 behind the sigmoid touches nothing."""
    given = toys.binary(loss_fn=lambda out, y: functional.binary_cross_entropy(out.sigmoid().clamp(1e-7, 1 - 1e-7), y))
    return _loop(given, toys.mlp((10, 32, 16, 1)))
