"""One small batch can be driven to its lowest loss.

A network that learns anything can learn sixteen examples by heart once regularisation is off. If the loss stays above
the lowest value that these labels allow, something stands between data, model, loss and optimizer, and no larger run
will get past it. The floor is computed: soft labels and equal inputs with different labels raise it. Without a named
cause this is a fault only for examples that any linear layer could tell apart (Cover 1965) and a network with ten times
as many numbers as labels, when Adam too is no better than a guess after 2000 steps; else a hint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...experiments.overfit import Attempt, Overfit, overfit
from ...finding import Finding, Seen, bad, hint, number, ok

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="overfit one batch", cost="trains")

#: seconds when run with all other checks; a healthy batch takes one or two
BUDGET = 10.0
#: share of a guess's loss that must be left for a fault without a named cause: nothing learned, not just too little
FAR = 0.9
#: points of the loss curve kept for the picture
POINTS = 200
_CAPACITY = "Give the model more capacity, or overfit fewer examples with `-n 2`."
_LOOK = "Look at the examples that refuse, then at what lies between model and loss: shapes, axes, what is detached."


@check.run
def run(bench: Bench) -> Finding:
    return judge(overfit(bench, budget=BUDGET), bench)


def judge(outcome: Overfit, bench: Bench) -> Finding:
    """The finding for what an overfitting run gave."""
    given: dict[str, Any] = {"film": outcome.film, "why": _why(outcome), **_seen(outcome)}
    if outcome.reached:
        return _held(outcome, given)
    if outcome.cause is not None:
        say = hint if outcome.cause.waits and not outcome.at_rest else bad
        return say(_missed(outcome), fix=outcome.cause.fix, code=outcome.cause.code, **given)
    if outcome.stopped == "user":
        return hint(f"stopped by you: {_missed(outcome)}", fix="Run it again and let it come to rest.", **given)
    if outcome.floor is None:
        return _unknown(outcome, given)
    if outcome.best.falling:
        more = f"Give it more steps: `--steps {10 * outcome.steps}`."
        return hint(f"not there yet: {_missed(outcome)}", fix=more, **given)
    if outcome.excuse:
        return hint(_missed(outcome), fix=_CAPACITY, **given)
    if (
        outcome.at_rest
        and outcome.guess is not None
        and outcome.end > outcome.floor + FAR * (outcome.guess - outcome.floor)
    ):
        return bad(f"{_missed(outcome)}, a guess has {number(outcome.guess)}", fix=_LOOK, **given)
    return hint(_missed(outcome), fix=_LOOK, **given)


def _held(outcome: Overfit, given: dict[str, Any]) -> Finding:
    message = (
        f"{_counted(outcome.best)} from step **{outcome.aligned}** on; "
        f"loss {number(outcome.end)}, lowest possible {number(outcome.floor or 0.0)}"
    )
    first = outcome.attempts[0]
    if first.own and not first.reached and first.stopped in ("flat", "nan"):
        came = "left the numbers" if first.stopped == "nan" else f"came to rest at **{number(first.end)}**"
        told = (
            f"{first.optimizer} {came} after {first.steps} steps; "
            f"{outcome.best.optimizer} comes to **{number(outcome.end)}** after {outcome.steps}"
        )
        return hint(told, fix="Try another learning rate; Adam at 3e-4 to 1e-3 forgives most.", **given)
    return ok(message, **given)


def _unknown(outcome: Overfit, given: dict[str, Any]) -> Finding:
    """A loss whose lowest value is not known is never called a fault."""
    best = outcome.best
    fell = f"the loss fell from **{number(best.start)}** to **{number(best.end)}** in {best.steps} steps"
    if best.end < best.start and best.aligned is not None:
        return ok(f"{_counted(best)} from step **{best.aligned}** on; {fell}", **given)
    if best.end < best.start and best.met is None:
        return ok(f"{fell}; its lowest possible value is not known", **given)
    return hint(
        f"{_counted(best)}; {fell}" if best.met is not None else f"{fell}, not below its start",
        fix="Compare the loss with what a perfect prediction would give.",
        **given,
    )


def _missed(outcome: Overfit) -> str:
    best = outcome.best
    loss = f"the loss stays at **{number(best.end)}**" if not best.falling else f"the loss is at **{number(best.end)}**"
    if best.stopped == "nan":
        loss = f"the loss is {number(best.end)}"
    floor = "" if outcome.floor is None else f", the lowest possible is **{number(outcome.floor)}**"
    aligned = "" if best.met is None else f"**{best.met} of {best.counted}** aligned "
    return f"{aligned}after {best.steps} steps; {loss}{floor}"


def _counted(best: Attempt) -> str:
    if best.met is None:
        return "the loss is at its floor"
    return f"**{best.met} of {best.counted}** predictions meet their labels"


def _why(outcome: Overfit) -> str:
    told = [outcome.cause.told] if outcome.cause else []
    told += [outcome.excuse] if outcome.excuse and outcome.floor is not None else []
    first = outcome.attempts[0]
    if outcome.reached and first is not outcome.best:
        told.append(
            f"with {outcome.best.optimizer}; {first.optimizer} was at {number(first.end)} after {first.steps} steps"
        )
    elif outcome.cause is None:
        told.append("with " + ", ".join(dict.fromkeys(a.optimizer for a in outcome.attempts)))
    return "; ".join([*told, *outcome.notes])


def _seen(outcome: Overfit) -> dict[str, Any]:
    points = outcome.film.losses
    stride = -(-len(points) // (POINTS - 1)) or 1
    kept = points[::stride] + ([points[-1]] if points and (len(points) - 1) % stride else [])
    return {
        "losses": [[step, float(loss)] for step, loss in kept],
        "floor": outcome.floor,
        "expected": outcome.guess,
        "loss": outcome.end,
        "start": outcome.start,
        "steps": outcome.steps,
        "aligned": outcome.aligned,
        "met": outcome.best.met,
        "counted": outcome.best.counted,
        "examples": outcome.examples,
        "refused": outcome.refused,
        "optimizer": outcome.best.optimizer,
        "switched_off": outcome.switched_off,
        "stopped": outcome.stopped,
    }


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """The loss by step, on a log axis where it is positive, with its floor and the loss of a guess."""
    points = [(step, loss) for step, loss in seen["losses"] if isinstance(loss, (int, float))]
    lows = [seen["floor"]] if seen["floor"] is not None else []
    if all(loss > 0 for _, loss in points):
        ax.set_yscale("log")
        lows = [low for low in lows if low > 0]
    ax.plot([step for step, _ in points], [loss for _, loss in points], color="C0")
    for value, word in [(low, "lowest") for low in lows] + [(seen["expected"], "guess")]:
        if value:
            ax.axhline(value, color="C2", linestyle="--", linewidth=1)
            ax.annotate(
                word, (1, value), xycoords=("axes fraction", "data"), ha="right", va="bottom", color="C2", fontsize=8
            )
    ax.set_xlabel("step")
    ax.set_ylabel("loss")


@check.breaks
def sigmoid_on_standardised_targets() -> Bench:
    """A sigmoid ends the model, and the targets have mean 0 and standard deviation 1."""
    return toys.regress(nn.Sequential(toys.mlp((10, 32, 16, 1)), nn.Sigmoid()))


@check.breaks
def softmax_before_cross_entropy() -> Bench:
    """The loss is given probabilities where it expects logits."""
    return toys.classify(nn.Sequential(toys.mlp(), nn.Softmax(dim=1)))


@check.breaks
def column_against_row() -> Bench:
    """Outputs (N, 1) meet targets (N,) in a loss written by hand, which compares all pairs."""
    bench = toys.regress()
    return toys.bench(
        bench.get("model"), bench.batch[0], bench.batch[1].flatten(), lambda out, y: ((out - y) ** 2).mean()
    )


@check.holds
def classes() -> Bench:
    """Five classes of vectors."""
    return toys.classify()


@check.holds
def dropout_and_batch_norm() -> Bench:
    """Images, batch norm and dropout: dropout is off for the test."""
    return toys.images(toys.convnet(dropout=0.5))


@check.holds
def rare_positives() -> Bench:
    """One yes in ten."""
    return toys.binary(rate=0.1)


@check.holds
def far_from_zero() -> Bench:
    """A target of mean 150 and standard deviation 77, with the mean in the last bias."""
    bench = toys.regress(mean=150.0, scale=77.0)
    nn.init.constant_(bench.get("model")[-1].bias, 150.0)
    return bench


@check.holds
def next_tokens() -> Bench:
    """A language model: rows that begin alike and go on differently put a floor under the loss."""
    return toys.next_token()


@check.holds
def smoothed_labels() -> Bench:
    """Label smoothing is off for the test."""
    return toys.classify(loss_fn=nn.CrossEntropyLoss(label_smoothing=0.1))


@check.holds
def equal_inputs_with_different_labels() -> Bench:
    """Two examples are one vector with two labels: no model can tell them apart, and the floor says so."""
    bench = toys.classify()
    x, y = bench.batch
    x[1], y[1] = x[0], (y[0] + 1) % 5
    return bench.replace(batch=(x, y))


@check.holds
def slow_and_steady() -> Bench:
    """SGD at 0.01 without momentum takes its time."""
    bench = toys.classify()
    return bench.replace(optimizer=torch.optim.SGD(bench.get("model").parameters(), 0.01))


@check.holds
def frozen_features_and_a_head() -> Bench:
    """Only the last layer is trained."""
    model = toys.mlp()
    model[:-1].requires_grad_(False)
    return toys.classify(model)


@check.holds
def two_examples() -> Bench:
    """A batch of two."""
    bench = toys.images()
    return bench.replace(batch=tuple(part[:2] for part in bench.batch))


class _OwnLoss(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = toys.mlp()

    def forward(self, inputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        logits = self.body(inputs)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


@check.holds
def a_model_with_its_own_loss() -> Bench:
    """A dict batch, and a model that returns loss and logits."""
    x, y = toys.classify().batch
    return toys.classify(_OwnLoss()).replace(batch={"inputs": x, "labels": y}, loss_fn=None)


@check.holds
def several_labels() -> Bench:
    """Six yes or no for each example, at random."""
    x = torch.randn(32, 20, generator=toys.seeded(1))
    y = (torch.rand(32, 6, generator=toys.seeded(2)) < 0.3).float()
    return toys.bench(toys.mlp((20, 64, 6)), x, y, nn.BCEWithLogitsLoss())


@check.holds
def masks() -> Bench:
    """A yes or no for every pixel."""
    y = (nn.functional.avg_pool2d(torch.randn(16, 1, 8, 8, generator=toys.seeded(1)), 3, 1, 1) > 0).float()
    x = y + 0.3 * torch.randn(16, 1, 8, 8, generator=toys.seeded(2))
    body, head = list(toys.convnet()), nn.Conv2d(16, 1, 1)
    nn.init.zeros_(head.weight)
    return toys.bench(nn.Sequential(*body[:3], *body[4:7], head), x, y, nn.BCEWithLogitsLoss())


@check.holds
def copies_behind_a_sigmoid() -> Bench:
    """An autoencoder of numbers from 0 to 1: the sigmoid at its end can reach them all."""
    x = torch.rand(64, 64, generator=toys.seeded(1))
    return toys.bench(nn.Sequential(toys.mlp((64, 64, 64)), nn.Sigmoid()), x, x, nn.MSELoss())
