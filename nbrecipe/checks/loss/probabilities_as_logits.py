"""A loss that takes logits is given logits.

Cross-entropy takes the softmax itself. Given probabilities it takes it twice: no class can be told apart from the
others by more than a factor of e, so that the loss cannot reach 0 and gradients are small. The net still learns, which
is why nobody sees it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...probes.passes.one_step import OneStep
from ...trace import Trace
from ...trace.record.data import LossCall, LossSeen
from ...trace.single import single_step

check = Check(__name__, tip="what the loss is given")

#: the losses that take the softmax or the sigmoid themselves
SOFTMAX = ("cross_entropy",)
SIGMOID = ("binary_cross_entropy_with_logits", "multilabel_soft_margin_loss")
#: rows that sum to 1: within 1e-3, one row of scores does so by chance less than once in a thousand times
ROWS = 3
#: values of a loss that lie in [0, 1] before that says something of what made them
MANY = 256
SQUASHED = ("SigmoidBackward", "SoftmaxBackward")
LINEAR = ("Addmm", "Convolution")


@check.run
def run(bench: Bench, trace: Trace | None = None) -> Finding:
    """Judge what was seen of a loop; without one, the bench's batch."""
    return _judged(bench.once(OneStep(single_step)) if trace is None else trace)


def _judged(trace: Trace) -> Finding:
    losses = [(loss, _calls(loss)) for loss in trace.losses if loss.name in SOFTMAX + SIGMOID]
    losses = [(loss, calls) for loss, calls in losses if calls]
    if not losses:
        return skipped("no model's output is given to a loss that takes logits")
    for loss, calls in losses:
        if loss.name in SOFTMAX and all(_probabilities(call) for call in calls) and _rows(calls) >= ROWS:
            return _softmax(loss, calls)
        if all(_squashed(call) for call in calls if call.grad) and any(call.grad for call in calls):
            return _sigmoid(loss, calls)
    for loss, calls in losses:
        if loss.name in SIGMOID and _inside(calls):
            low, high = _range(calls)
            return hint(
                f"all that `{loss.name}` is given lies in [{number(low, 3)}, {number(high, 3)}], as probabilities do; "
                "it expects logits",
                fix="See whether the model ends in a sigmoid; this loss takes it itself.",
                where=str(loss.place),
                low=low,
                high=high,
            )
    low, high = _range(losses[0][1])
    return ok(f"`{losses[0][0].name}` is given values from {number(low, 3)} to {number(high, 3)}, no probabilities")


def _calls(loss: LossSeen) -> list[LossCall]:
    return [call for call in loss.calls if call.from_model and call.output.nonfinite == 0 and call.output.shape]


def _softmax(loss: LossSeen, calls: list[LossCall]) -> Finding:
    classes = _classes(calls[0])
    lowest = math.log(math.e + classes - 1) - 1
    return bad(
        f"`{loss.name}` is given probabilities: all **{_rows(calls)}** rows are at least 0 and sum to 1. It takes the "
        f"softmax itself: with {classes} classes no example's loss can fall below **{number(lowest)}**",
        fix="Give the loss the logits: leave out the softmax before it.",
        where=str(loss.place),
        classes=classes,
        lowest=lowest,
        rows=_rows(calls),
        loss=calls[-1].value,
    )


def _sigmoid(loss: LossSeen, calls: list[LossCall]) -> Finding:
    low, high = _range(calls)
    made = "softmax" if all(call.output.origin.startswith("Softmax") for call in calls if call.grad) else "sigmoid"
    takes = "softmax" if loss.name in SOFTMAX else "sigmoid"
    return bad(
        f"`{loss.name}` is given the output of a {made}, values from **{number(low, 3)}** to **{number(high, 3)}**; "
        f"it takes the {takes} itself, so that no answer can be surer than {_surest(loss, calls[0])}",
        fix=f"Give the loss the logits: leave out the {made} before it.",
        where=str(loss.place),
        low=low,
        high=high,
        loss=calls[-1].value,
    )


def _surest(loss: LossSeen, call: LossCall) -> str:
    if loss.name in SOFTMAX:
        return number(math.e / (math.e + _classes(call) - 1), 3)
    return f"{number(1 / (1 + math.exp(-1)), 3)} for yes and 0.5 for no"


def _probabilities(call: LossCall) -> bool:
    """Rows that sum to 1; a linear layer can begin so, its weights 0 and its bias the frequencies, and stay so."""
    return call.output.sums_to_one and not call.output.origin.startswith(LINEAR)


def _squashed(call: LossCall) -> bool:
    """Made by a sigmoid or a softmax, and not moved since."""
    return call.output.origin.startswith(SQUASHED) and call.output.low >= 0 and call.output.high <= 1


def _inside(calls: list[LossCall]) -> bool:
    """Whether everything lies in [0, 1] and fills it: logits of a net that has not learned do not."""
    low, high = _range(calls)
    values = sum(math.prod(call.output.shape) for call in calls)
    trained = any(call.step > 0 for call in calls) or not any(call.grad for call in calls)
    return low >= 0 and high <= 1 and low < 0.25 and high > 0.75 and values >= MANY and trained


def _range(calls: list[LossCall]) -> tuple[float, float]:
    return min(call.output.low for call in calls), max(call.output.high for call in calls)


def _classes(call: LossCall) -> int:
    return call.output.shape[1 if len(call.output.shape) > 1 else 0]


def _rows(calls: list[LossCall]) -> int:
    return sum(math.prod(call.output.shape) // max(_classes(call), 1) for call in calls)


def _loop(given: Bench, net: nn.Module, evaluates: bool = False) -> Bench:
    loss_fn = given.loss_fn
    assert loss_fn is not None
    opt = torch.optim.Adam(net.parameters(), 1e-3)

    def train() -> None:
        for x, y in toys.batches(given, 2):
            opt.zero_grad()
            loss_fn(net(x), y).backward()
            opt.step()

    def evaluate() -> None:
        with torch.no_grad():
            for x, y in toys.batches(given):
                loss_fn(net(x), y)

    return toys.watched(evaluate if evaluates else train, net=net, opt=opt)


@check.breaks
def softmax_before_cross_entropy() -> Bench:
    """The model ends in a softmax, and the loss takes another one."""
    return _loop(toys.classify(), nn.Sequential(toys.mlp(), nn.Softmax(dim=1)))


@check.breaks
def softmax_in_an_evaluation() -> Bench:
    """A validation loss is computed of probabilities."""
    return _loop(toys.classify(), nn.Sequential(toys.mlp(), nn.Softmax(dim=1)), evaluates=True)


@check.breaks
def sigmoid_before_the_loss_with_logits() -> Bench:
    """The model ends in a sigmoid, and `BCEWithLogitsLoss` takes another one."""
    return _loop(toys.binary(), nn.Sequential(toys.mlp((10, 32, 16, 1)), nn.Sigmoid()))


@check.breaks
def sigmoid_before_cross_entropy() -> Bench:
    """Each class has a sigmoid of its own, and the loss takes the softmax of these."""
    return _loop(toys.classify(), nn.Sequential(toys.mlp(), nn.Sigmoid()))


@check.breaks
def softmax_of_a_model_not_yet_trained() -> Bench:
    """The same without a loop: one batch of the model tells it."""
    return toys.classify(nn.Sequential(toys.mlp(), nn.Softmax(dim=1)))


@check.holds
def softmax_beside_the_loss() -> Bench:
    """A loss of one's own takes the softmax for a bonus on entropy, and gives cross-entropy the logits."""

    def bonus(out: Tensor, y: Tensor) -> Tensor:
        return functional.cross_entropy(out, y) + 0.01 * (out.softmax(1) * out.log_softmax(1)).sum(1).mean()

    return toys.classify(loss_fn=bonus)


@check.holds
def logits() -> Bench:
    """Cross-entropy of plain scores."""
    return _loop(toys.classify(), toys.mlp())


@check.holds
def log_probabilities() -> Bench:
    """The softmax of log-probabilities is the probabilities: taking it twice changes nothing."""
    return _loop(toys.classify(), nn.Sequential(toys.mlp(), nn.LogSoftmax(dim=1)))


@check.holds
def soft_targets() -> Bench:
    """The targets are probabilities, as with mixup or a teacher; the outputs are logits."""
    given = toys.classify(loss_fn=lambda out, y: functional.cross_entropy(out, functional.one_hot(y, 5).float()))
    return _loop(given, toys.mlp())


@check.holds
def binary_logits() -> Bench:
    """The logit of one yes or no, at its start close to 0 all of them."""
    return _loop(toys.binary(), toys.mlp((10, 32, 16, 1)))


@check.holds
def head_of_zeros() -> Bench:
    """The last layer begins at 0 and its bias at the prior: all logits are one number between 0 and 1."""
    given = toys.binary(rate=0.6)
    net = toys.mlp((10, 32, 16, 1))
    head = net[-1]
    assert isinstance(head, nn.Linear)
    nn.init.zeros_(head.weight)
    nn.init.constant_(head.bias, math.log(0.6 / 0.4))
    return _loop(given, net)
