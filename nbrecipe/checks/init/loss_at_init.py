"""The loss at init is that of a guess.

An untrained model knows nothing yet, so its loss has a value that can be computed beforehand: for classes the entropy
of the label frequencies, at most the log of their number; for squared errors the variance of the targets. A larger loss
says that the last layer starts out confident and wrong, or far from the targets, and the first epochs go to unlearning
that. A smaller one says that the labels leak into the answer, or that the loss is not what it seems.

The healthy interval is sampled from your own loss on your own targets: answers that vary around a guess as a layer's do
that keeps the variance of its inputs, shared by the examples as much as your model's answers are.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, Seen, bad, hint, number, ok, skipped
from ...probes.batch.scaling import LOOK, largest
from ...probes.init.fresh import fresh_losses
from ...probes.init.last_layer import LastLayer, has_head, last_layer
from ...probes.init.prior import Prior, prior
from ...probes.init.start import Start, answers_spread, healthy_losses, is_far_off, loss_of, scored, start
from ...probes.passes.signal import is_fresh
from ...task import Kind

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="verify loss @ init")

#: a layer that keeps the variance of inputs of variance 1 spreads its outputs by 1 (Xavier) to 1.41 (He); from 2 on,
#: four times the variance, it is too large by any convention. What arrives at the end of a narrow net of He's varies
#: eightfold from one draw to the next, so a layer whose own weights are not too large has to be further out
HEALTHY, TOO_WIDE, FAR_TOO_WIDE = 1.0, 2.0, 6.0
#: fan in times the weights' mean square: 2 for He's init, twice that is too large by any convention
TOO_LARGE = 4.0
#: deviations of a random healthy start; five of them happen in none of ten thousand
SURE, LIKELY = 5.0, 2.0
#: what a mean loss is the loss of
_EACH = {Kind.CLASSES: "an example", Kind.BINARY: "an example", Kind.NEXT_TOKEN: "a token"}
#: share of the expected loss that a start below it must differ by, and standard errors; random features help a little
LOW, ERRORS = 0.1, 4.0


@check.run
def run(model: nn.Module, batch: Any, bench: Bench) -> Finding:
    """Compare the first loss with a guess's, upwards by sampled healthy starts, downwards by fresh draws."""
    begun = bench.once(start)
    if begun is None:
        return skipped(
            "the loss cannot be asked for other outputs, so no expected value is known",
            fix="Hand over the loss as a function of (output, target).",
            code="%bind loss=criterion",
        )
    if not math.isfinite(begun.loss):
        return bad(
            f"loss at init is **{begun.loss}**, not a number to learn from",
            fix="Find the first layer whose output is not finite.",
            code="%recipe nonfinite-forward",
            **_seen(begun, begun.guess.best, begun.guess.best),
        )
    if begun.too_few:
        return skipped("one target tells nothing of the others; give a larger batch, or a loader")
    # a loss written by hand may take logits or values, and both are healthy up to a spread of 1
    mean, deviation = healthy_losses(begun, HEALTHY, least=float(begun.tasks[0].call is None))
    low = max(begun.best_here - _slack(begun), 0.0 if begun.guess.best >= 0 else -math.inf)
    seen = _seen(begun, low, mean + LIKELY * deviation)
    if not is_fresh(bench):
        return ok(f"{_told(begun)}; the model is trained already, so this says nothing of its init", **seen)
    if is_far_off(begun):
        return _offset(bench, begun, seen)
    if begun.loss > mean + LIKELY * deviation:
        return _high(bench, begun, seen)
    if begun.loss < low:
        return _low(bench, begun, seen)
    return ok(_told(begun), **seen)


def _high(bench: Bench, begun: Start, seen: dict[str, Any]) -> Finding:
    found = bench.once(last_layer)
    layer = found if found is not None and found.axis is not None else None
    scale = begun.scale.clamp_min(1.0).square().mean().sqrt().item()
    wide = answers_spread(begun) if layer is None else math.sqrt(layer.variance) / scale
    # a fresh layer knows nothing of the targets' unit: what it gives for targets of small spread is no fault of its own
    mean, deviation = healthy_losses(begun, HEALTHY, least=1.0)
    large = layer is not None and layer.gain > TOO_LARGE
    far = begun.loss > mean + SURE * deviation and wide > (TOO_WIDE if large else FAR_TOO_WIDE)
    # a sum of several losses, or one written by hand, may have a unit of its own
    sure = far and begun.tasks[0].call is not None and has_head(bench)
    one = begun.tasks[0].kind in (Kind.REGRESSION, Kind.RECONSTRUCTION, Kind.BINARY)
    fix, code = _narrower(bench, layer, wide)
    why = f"the outputs spread by **{number(wide, 3)}**, where a layer that keeps the variance gives 1"
    return (bad if sure else hint)(
        _told(begun), why=_apart(begun) if wide <= HEALTHY and one else why, fix=fix, code=code,
        where="" if layer is None else layer.name, spread=wide, **seen,
    )  # fmt: skip


def _narrower(bench: Bench, layer: LastLayer | None, wide: float) -> tuple[str, str]:
    """What to do, and the line for it."""
    if wide <= HEALTHY:
        return "Start the last bias at the prior, or standardise the targets.", "%recipe final-bias"
    if layer is None or layer.gain > TOO_LARGE or layer.arriving <= 1:
        code = "" if layer is None else f"torch.nn.init.xavier_uniform_({layer.name}.weight)"
        return "Start the last layer with smaller weights.", code
    size, given = number(math.sqrt(layer.arriving), 3), bench.once(largest)
    if given > LOOK:
        return f"Scale the inputs of the model: they have size {number(given, 3)}, not 1.", "%recipe unscaled-input"
    return f"Normalise what reaches `{layer.name}`: its inputs have size {size}, not 1.", "%recipe exploding-signal"


def _offset(bench: Bench, begun: Start, seen: dict[str, Any]) -> Finding:
    found = bench.once(prior)
    code, where = (found.code, f"{found.layer.name}.bias") if isinstance(found, Prior) else ("", "")
    fix = "Start the last bias at the targets' mean, or standardise the targets."
    return bad(_told(begun), why=_apart(begun), fix=fix, code=code, where=where, **seen)


def _apart(begun: Start) -> str:
    centre, outputs = float(begun.guess.constant.mean()), float(scored(begun.tasks[0]).float().mean())
    return f"the outputs lie around **{number(outputs, 3)}**, the best constant is {number(centre)}"


def _low(bench: Bench, begun: Start, seen: dict[str, Any]) -> Finding:
    task = begun.tasks[0]
    if task.call is not None and task.call.name in ("nll_loss", "kl_div"):
        total = float(scored(task).detach().float().exp().sum(min(1, scored(task).ndim - 1)).mean())
        if not 0.99 < total < 1.01:
            return bad(
                f"{_told(begun)}: it is taken of outputs that are no log-probabilities", **seen,
                why=f"their exponentials add up to **{number(total)}** for an example, not 1",
                fix="Give the loss log-probabilities, or use cross-entropy, which takes the outputs as they are.",
            )  # fmt: skip
    fresh = fresh_losses(bench)
    if fresh is None:
        return hint(
            f"{_told(begun)}, and lower than any guess", **seen,
            why="weights that the model made itself cannot be drawn anew, so training and leaking labels look alike",
            fix="See that the inputs hold no part of the labels, unless the model has been trained.",
        )  # fmt: skip
    seen["fresh"] = list(fresh)
    here = loss_of(task, scored(task))
    if max(fresh) >= begun.best_here - _slack(begun):
        reason = "it is trained already" if here < min(fresh) else "random features can be as lucky"
        return ok(f"{_told(begun)}; fresh weights give {number(min(fresh))} to {number(max(fresh))}: {reason}", **seen)
    # a head drawn anew cannot prefer the right class; what compares examples with each other can, and so can a forecast
    # that adds to the last value seen
    sure = task.kind in (Kind.CLASSES, Kind.BINARY, Kind.MULTILABEL) and has_head(bench)
    leak = "Find where the inputs, or a path around the layers, hold the labels."
    return (bad if sure else hint)(
        f"{_told(begun)}, and any fresh weights give **{number(max(fresh))}** at most", **seen,
        why="without training nothing but the labels themselves, or a path around the weights, tells the answer",
        fix=leak if sure else "See that the inputs are meant to give most of the answer away.",
    )  # fmt: skip


def _slack(begun: Start) -> float:
    """How far below a guess a start may lie by chance."""
    error = begun.paired if begun.paired is not None else abs(begun.best_here) / math.sqrt(begun.examples)
    return max(LOW * abs(begun.best_here), ERRORS * error)


def _told(begun: Start) -> str:
    guess = begun.guess
    summed = (
        "" if begun.summed is None else f" {_EACH.get(begun.tasks[0].kind, 'a value')} ({number(begun.summed)} summed)"
    )
    error = "" if begun.error is None else f" ± {begun.error:.2g}" if begun.error < 10 else f" ± {begun.error:.0f}"
    found = f"loss at init is **{number(begun.loss)}**{error}{summed}"
    if guess.uniform is None:
        return f"{found}; the best constant answer gives **{number(guess.best)}**"
    known = f", and {number(guess.best)} by {guess.source}" if guess.best < 0.99 * guess.uniform else ""
    return f"{found}; a guess gives **{number(guess.uniform)}**{known}"


def _seen(begun: Start, low: float, high: float) -> dict[str, Any]:
    return {
        "loss": begun.loss, "error": begun.error, "best": begun.guess.best, "uniform": begun.guess.uniform,
        "low": low, "high": high, "kind": str(begun.tasks[0].kind), "examples": begun.examples,
    }  # fmt: skip


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """The loss beside a guess's; the healthy interval in grey behind."""
    guess = min((seen["best"], seen["uniform"] or seen["best"]), key=lambda value: abs(value - seen["loss"]))
    wrong = not seen["low"] <= seen["loss"] <= seen["high"]
    ax.axvspan(seen["low"], seen["high"], color="C2", alpha=0.2, lw=0)
    ax.barh(["a guess", "yours"], [guess, seen["loss"]], color=["C2", "C1" if wrong else "C0"], height=0.5)
    for row, value in enumerate((guess, seen["loss"])):
        ax.text(value, row, f" {number(value)}", va="center", fontsize="small")
    ax.set_xlabel("loss at init")


def _scaled(net: nn.Sequential, factor: float) -> nn.Sequential:
    """The same net with the last layer's weights multiplied."""
    with torch.no_grad():
        net.get_parameter(f"{len(net) - 1}.weight").mul_(factor)
    return net


@check.breaks
def hot_last_layer() -> Bench:
    """The last layer starts 30 times too large."""
    return toys.classify(_scaled(toys.mlp(), 30))


@check.breaks
def unit_normal_weights() -> Bench:
    """Weights from a normal distribution with standard deviation 1, whatever the fan-in."""
    net = toys.mlp((10, 64, 32, 1), act=nn.Tanh)
    with torch.no_grad():
        for weight in net.parameters():
            weight.copy_(torch.randn(weight.shape, generator=toys.seeded(1)))
    return toys.binary(net)


@check.breaks
def far_from_the_targets() -> Bench:
    """The targets lie around 150 and the outputs around 0."""
    return toys.regress(mean=150, scale=70)


@check.breaks
def likelihood_of_raw_outputs() -> Bench:
    """NLLLoss takes log-probabilities and is given the outputs of a linear layer."""
    return toys.classify(loss_fn=nn.NLLLoss())


class _Shortcut(nn.Module):
    """Adds the last columns of its input to its outputs."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.body, self.columns = toys.mlp((20 + columns, 32, columns)), columns

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.body(x) + x[:, -self.columns :]
        return out


@check.breaks
def labels_in_a_shortcut() -> Bench:
    """The inputs hold the label, and a path around the layers carries it to the outputs."""
    given = toys.classify(rows=256)
    x, y = given.train_data.tensors
    return toys.bench(_Shortcut(5), torch.cat([x, 4 * nn.functional.one_hot(y, 5)], 1), y, nn.CrossEntropyLoss())


@check.holds
def imbalanced_with_zero_bias() -> Bench:
    """One in twenty: the loss is that of a guess without knowledge of the rate. The bias is another check's matter."""
    return toys.binary(rate=0.05)


@check.holds
def imbalanced_with_prior_bias() -> Bench:
    """The same with the bias at the rate: the loss is far below log 2, as it should be."""
    given = toys.binary(rate=0.05)
    assert given.model is not None
    nn.init.constant_(given.model.get_parameter("4.bias"), -2.944)
    return given


@check.holds
def zero_head() -> Bench:
    """A last layer of zeros starts exactly at a guess."""
    return toys.classify(_scaled(toys.mlp(), 0))


@check.holds
def summed_over_tokens() -> Bench:
    """A language model whose loss is summed over all tokens: it is compared per token."""
    return toys.next_token(loss_fn=lambda p, t: nn.functional.cross_entropy(p.mT, t, reduction="sum"))


@check.holds
def weighted_and_smoothed() -> Bench:
    """Class weights and label smoothing change what a guess loses."""
    weight = torch.tensor([0.2, 1.0, 2.0, 4.0, 8.0])
    loss_fn = nn.CrossEntropyLoss(weight, label_smoothing=0.2)
    return toys.classify(loss_fn=loss_fn, weights=(0.6, 0.2, 0.1, 0.06, 0.04))


@check.holds
def trained() -> Bench:
    """A trained classifier has a low loss by right: the same model with fresh weights has not."""
    return toys.trained(toys.classify())


@check.holds
def targets_between_0_and_1() -> Bench:
    """The outputs of a fresh layer vary by more than such targets do: worth a look, and no fault of the layer."""
    return toys.regress(mean=0.5, scale=0.1)
