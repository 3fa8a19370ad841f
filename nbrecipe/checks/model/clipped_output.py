"""The outputs can reach the targets.

A ReLU at the end never goes below 0, a sigmoid stays between 0 and 1, a tanh between -1 and 1. Targets outside that
range cannot be met however long the net trains, and where a ReLU is at its end there is no gradient either. Targets a
little outside, as noise and resampling make them, are a hint at most.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ... import toys
from ...batches.models import plain
from ...bench import Bench
from ...check import Check
from ...finding import Finding, Seen, bad, hint, number, ok, skipped
from ...probes.passes.signal import forward, training
from ...task import Task

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="generalize a special case")

#: what the last operation can give: name of its node in the graph → range, and what one writes for it
RANGES = {
    "Relu": (0.0, math.inf, "ReLU"),
    "Softplus": (0.0, math.inf, "softplus"),
    "Sigmoid": (0.0, 1.0, "sigmoid"),
    "Softmax": (0.0, 1.0, "softmax"),
    "Tanh": (-1.0, 1.0, "tanh"),
    "LogSoftmax": (-math.inf, 0.0, "log-softmax"),
}
#: losses that compare an output with its target number by number
COMPARED = ("mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss")
#: operations that move numbers and leave them as they are
MOVED = ("View", "UnsafeView", "Squeeze", "Unsqueeze", "Permute", "Transpose", "T", "Clone", "Select", "Slice", "Alias")
#: share of the targets out of reach, and share of their variance that is lost with them, from which on it is no noise
MANY, MUCH = 0.1, 0.05


@check.run
def run(model: nn.Module, batch: Any, task: Task, bench: Bench) -> Finding:
    call, target = task.call, task.target
    if (
        call is None
        or not isinstance(target, Tensor)
        or call.name not in (*COMPARED, "binary_cross_entropy_with_logits")
    ):
        return skipped("the loss does not compare outputs and targets number by number, so no range can be too small")
    if not _is_compared(task, call.input):
        return skipped("the loss is given something other than the model's output, whose range is not known")
    last = _last(bench)
    if last is None:
        return ok("no unit with an end makes the outputs", low="-inf", high="inf", outside=0, targets=0)
    low, high, unit = RANGES[last]
    if call.name not in COMPARED:
        return _logits(call.target, low, high, unit)
    wanted = call.target.detach().double().flatten()
    wanted = wanted[wanted.isfinite()]
    missed = (wanted - wanted.clamp(low, high)).abs()
    outside = int((missed > 0).sum())
    numbers: dict[str, Any] = {
        "low": str(low), "high": str(high), "outside": outside, "targets": wanted.numel(),
        "lowest": float(wanted.min()), "highest": float(wanted.max()),
    }  # fmt: skip
    span = f"between {number(numbers['lowest'])} and {number(numbers['highest'])}"
    if not outside:
        return ok(f"the targets lie {span}, where a {unit} reaches all of them", **numbers)
    lost = float(missed.square().mean()) / max(float(wanted.var(correction=0)), 1e-30)
    claim = bad if outside >= MANY * wanted.numel() and lost >= MUCH else hint
    return claim(
        f"**{outside} of {wanted.numel()}** targets are out of reach: they lie {span}, and the {unit} at the end gives "
        f"{_range(low, high)}",
        fix=f"Leave the {unit} at the end out, or scale the targets into its range.",
        why=f"what cannot be reached costs {number(lost, 2)} of the targets' variance",
        **numbers,
    )


def _is_compared(task: Task, given: Tensor) -> bool:
    """Whether the loss was given the numbers that the model gave, and not scaled or shifted ones."""
    output = task.output
    same = output is not None and output.numel() == given.numel()
    return same and torch.equal(output.flatten().to(given.dtype), given.flatten())  # type: ignore[union-attr]


def _logits(target: Tensor, low: float, high: float, unit: str) -> Finding:
    """Logits of one sign say yes, or no, to everything."""
    numbers: dict[str, Any] = {"low": str(low), "high": str(high)}
    wrong = int((target < 0.5).sum()) if low >= 0 else int((target > 0.5).sum()) if high <= 0 else 0
    numbers |= {"outside": wrong, "targets": target.numel()}
    if not wrong or unit in ("sigmoid", "softmax", "log-softmax"):  # probabilities as logits have a check of their own
        return ok(f"a {unit} at the end reaches logits {_range(low, high)}", **numbers)
    return bad(
        f"**{wrong} of {target.numel()}** targets are out of reach: the {unit} at the end gives logits "
        f"{_range(low, high)}, which never say less than 0.5",
        fix=f"Leave the {unit} at the end out.",
        why="a logit below 0 says no",
        **numbers,
    )


def _range(low: float, high: float) -> str:
    if math.isinf(high):
        return f"{number(low, 1)} and more"
    return f"{number(high, 1)} and less" if math.isinf(low) else f"{number(low, 1)} to {number(high, 1)}"


def _last(bench: Bench) -> str | None:
    """The unit that makes the outputs, read off the graph; None where there is none with an end."""
    model, fed = plain(bench.get("model")), bench.get("feed")
    with training(model, fed.size), torch.enable_grad():
        output = forward(bench, model, fed).output
    node = output.grad_fn if output is not None else None
    while node is not None:
        name = node.name().rpartition("Backward")[0].lstrip("_")
        if name in RANGES:
            return name
        before = [n for n, _ in node.next_functions if n is not None]
        node = before[0] if name in MOVED and len(before) == 1 else None
    return None


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """How many targets the outputs can reach."""
    values = [seen["outside"], seen["targets"] - seen["outside"]]
    ax.barh(["out of reach", "in reach"], values, color=["C1", "C0"], height=0.5)
    for row, value in enumerate(values):
        ax.text(value, row, f" {value}", va="center", fontsize="small")
    ax.set_xlabel("targets")


def _ending(unit: nn.Module) -> nn.Sequential:
    return nn.Sequential(*toys.mlp((10, 32, 16, 1)), unit)


@check.breaks
def rectified_regression() -> Bench:
    """A ReLU at the end, and targets of either sign."""
    return toys.regress(_ending(nn.ReLU()))


@check.breaks
def sigmoid_for_large_targets() -> Bench:
    """A sigmoid at the end, and targets around 20."""
    return toys.regress(_ending(nn.Sigmoid()), mean=20.0, scale=5.0)


@check.breaks
def rectified_logits() -> Bench:
    """A ReLU on the logit: no answer is ever no."""
    return toys.binary(_ending(nn.ReLU()))


@check.holds
def no_unit_at_the_end() -> Bench:
    """The last layer is linear."""
    return toys.regress()


@check.holds
def counts() -> Bench:
    """A ReLU at the end, and targets that are never negative."""
    given = toys.regress(_ending(nn.Softplus()))
    x, y = given.train_data.tensors
    return toys.bench(_ending(nn.Softplus()), x, y.square(), nn.MSELoss())


@check.holds
def pixels() -> Bench:
    """A sigmoid at the end of an autoencoder of pixels between 0 and 1."""
    x = torch.rand(128, 64, generator=toys.seeded())
    return toys.bench(nn.Sequential(*toys.mlp((64, 16, 64)), nn.Sigmoid()), x, x, nn.MSELoss())


@check.holds
def noise_around_zero() -> Bench:
    """Amounts measured with a little noise, some of them just below 0: worth a look, and no fault."""
    g = toys.seeded()
    x = torch.randn(256, 10, generator=g)
    y = x[:, :1].relu() * 5 + 0.05 * torch.randn(256, 1, generator=g)
    net = _ending(nn.ReLU())
    nn.init.constant_(net.get_parameter("4.bias"), 2.0)
    return toys.bench(net, x, y, nn.MSELoss())
