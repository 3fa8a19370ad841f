"""A model answers in eval mode as well as it was trained to.

Batch norm answers by the batch in training and by running statistics in evaluation. Where these are not those of the
data, the same weights answer the same rows worse: a momentum that hardly lets them move, a checkpoint without buffers,
data on another scale. Running statistics are held against those of the training rows, taken in the same way, and the
same rows are answered with both. What only their beginning explains is a fault; other differences are a hint, since a
loop may prepare what the loader gives. Batch norms that are frozen are left out.
"""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from ... import toys
from ...batches import leaves
from ...bench import Bench
from ...check import Check
from ...evaluation.restated import Cost, Norm, Restated, restated
from ...finding import Finding, bad, hint, number, ok, percent, skipped
from ...statistics.digits import chance

check = Check(__name__, tip="train and eval mode", cost="scan")

#: chance of such a difference between the same weights: of accuracy, and of a loss, whose signs are flipped ten
#: thousand times; on validation rows beside them; and the difference that is worth telling
CHANCE, FLIPPED, BESIDE, WORTH = 1e-6, 2e-4, 0.01, 0.05
#: batches until which running statistics are on their way; share of their beginning that is left, and that explains
EARLY, LEFT, EXPLAINED = 100, 0.05, 0.5
#: mean and deviation of inputs that nobody has to standardise any more
MEAN, SCALE = 0.5, 2.0
#: code that keeps batch norms in eval mode
RESTS = re.compile(r"(batch_?norm|\bbn\b)[\s\S]{0,200}\.eval\(|freeze_bn|bn_eval", re.I)
ANEW = (
    "for m in {net}.modules():\n    if isinstance(m, nn.modules.batchnorm._BatchNorm): m.reset_running_stats(); "
    "m.momentum = None\n{net}.train()\nwith torch.no_grad():\n    for x, *_ in {train}: {net}(x)"
)


@check.run
def run(model: nn.Module, bench: Bench) -> Finding:
    seen = bench.once(restated)
    name = bench.name("model")
    if seen is None:
        return skipped(f"no batch norm of `{name}` learns running statistics")
    far = [norm for norm in seen.norms if norm.far]
    numbers: dict[str, Any] = {
        "rows": seen.rows,
        "layers": len(seen.norms),
        "far": [norm.path for norm in far],
        "costs": {cost.split: [cost.running, cost.anew] for cost in seen.costs},
    }
    if not far:
        return ok(
            f"running statistics of {len(seen.norms)} batch norms are those of {seen.rows} training rows", **numbers
        )
    worst = max(far, key=lambda norm: max(norm.away, norm.factor))
    told = f"{len(far)} of {len(seen.norms)} batch norms have other running statistics than {seen.rows} training rows: "
    told += f"`{name}.{worst.path}` is off by {number(worst.away, 2)} deviations in its mean and a factor of "
    told += f"{number(worst.factor, 2)} in its variance"
    if not seen.costs or not all(_costs(cost) for cost in seen.costs):
        return ok(told, why="the answers are no worse for it", **numbers)
    return _worse(bench, seen, far, told, numbers)


def _worse(bench: Bench, seen: Restated, far: list[Norm], told: str, numbers: dict[str, Any]) -> Finding:
    cost = seen.costs[0]
    said = f"{cost.metric} of {cost.rows} training rows in eval mode is **{number(cost.running, 3)}**, and "
    said += f"**{number(cost.anew, 3)}** with statistics taken anew ({chance(cost.paired.p)}): {told}"
    begun = [norm for norm in far if norm.begun >= LEFT and norm.explained >= EXPLAINED]
    why = ""
    if begun and begun[0].batches:
        left = percent(begun[0].begun, 0)
        why = f"after {begun[0].batches} batches {left} of them is still the 0 and 1 they began with"
    elif begun:
        why = "no batch ever reached them in train mode: they are still 0 and 1"
    settled = all(norm.batches >= EARLY for norm in begun) or all(_moved(bench, norm) for norm in begun)
    certain = len(begun) == len(far) and settled and _ready(bench) and not _rests(bench)
    return (bad if certain else hint)(
        said,
        fix="Take the running statistics anew over the training data, and let momentum be 0.1 or None.",
        code=ANEW.format(net=bench.name("model"), train=bench.name("train_loader")),
        why=why or "or the loop prepares inputs that the loader gives as they are",
        **numbers,
    )


def _costs(cost: Cost) -> bool:
    """Whether the answers are worse with running statistics, by more than chance and by enough to be told.

    Validation rows only confirm it: those of another kind may be answered better by statistics of their own.
    """
    right = cost.metric == "accuracy"
    gain = cost.anew - cost.running if right else (cost.running - cost.anew) / abs(cost.running or 1)
    better = cost.paired.difference > 0 if right else cost.paired.difference < 0
    if cost.split != "training":
        return better and cost.paired.p < BESIDE
    return better and gain > WORTH and cost.paired.p < (CHANCE if right else FLIPPED)


def _moved(bench: Bench, norm: Norm) -> bool:
    """Whether no batch was counted, and scale and shift are trained all the same: a checkpoint without buffers."""
    module: Any = dict(bench.get("model").named_modules()).get(norm.path)
    weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
    if norm.batches or not isinstance(weight, Tensor) or not isinstance(bias, Tensor):
        return False
    return bool((weight.detach() != 1).all()) and bool((bias.detach() != 0).all())


def _ready(bench: Bench) -> bool:
    """Whether nothing is left to be done with the inputs of a batch: they are ids, or standardised already."""
    fed = bench.get("feed")
    given = [item for item in leaves((fed.args, fed.kwargs)) if isinstance(item, Tensor) and item.is_floating_point()]
    for item in given:
        values = item.detach().float()
        spread = float(values.std()) if values.numel() > 1 else 0.0
        if not (1 / SCALE < spread < SCALE and abs(float(values.mean())) < MEAN):
            return False
    return True


def _rests(bench: Bench) -> bool:
    """Whether batch norms may be kept in eval mode on purpose: by the model's own `train`, or by a cell."""
    own = any(type(module).train is not nn.Module.train for module in bench.get("model").modules())
    return own or any(RESTS.search(cell.source) for cell in bench.cells)


def _normed(momentum: float | None = 0.1) -> nn.Sequential:
    net = toys.mlp((20, 32, 5))
    return nn.Sequential(net[0], nn.BatchNorm1d(32, momentum=momentum), net[1], net[2])


def _trained(net: nn.Module, epochs: int = 12, shift: float = 0.0) -> Bench:
    """A net that is trained in batches of 32; every other answer of its first layer lies off by `shift`, up or down."""
    given = toys.classify(net, rows=512)
    with torch.no_grad():
        first: Any = next(m for m in net.modules() if isinstance(m, nn.Linear))
        first.bias.add_(shift * (-1.0) ** torch.arange(32))
    x, y = given.train_data.tensors
    train, val = TensorDataset(x[:384], y[:384]), TensorDataset(x[384:], y[384:])
    loader: Any = DataLoader(train, 32, shuffle=True, generator=toys.seeded())
    opt = torch.optim.Adam(net.parameters(), 3e-3)
    net.train()
    for _ in range(epochs):
        for a, b in loader:
            opt.zero_grad()
            nn.functional.cross_entropy(net(a), b).backward()  # type: ignore[no-untyped-call]
            opt.step()
    opt.zero_grad()
    return given.replace(train_data=train, train_loader=loader, val_loader=DataLoader(val, 64), batch=None)


@check.breaks
def momentum_the_wrong_way() -> Bench:
    """A momentum of 0.001, meant as 0.999 elsewhere: most of the running statistics is where it began."""
    return _trained(_normed(0.001), shift=8.0)


@check.breaks
def a_checkpoint_without_buffers() -> Bench:
    """Weights were saved by `named_parameters`, so that the running statistics are lost."""
    given = _trained(_normed(), shift=8.0)
    given.get("model")[1].reset_running_stats()
    return given


@check.holds
def running_statistics_of_the_data() -> Bench:
    """The momentum that torch has."""
    return _trained(_normed(), shift=8.0)


@check.holds
def plain_averages() -> Bench:
    """Statistics are plain means over all batches."""
    return _trained(_normed(None), epochs=20)


@check.holds
def on_their_way() -> Bench:
    """A dozen batches are few, and the statistics on their way: a hint at most."""
    return _trained(_normed(), epochs=1, shift=8.0)


@check.holds
def adapted_to_validation() -> Bench:
    """Statistics were taken from validation data of another place, on purpose: there they are right."""
    given = _trained(_normed(None))
    net, x = given.get("model"), torch.cat([a for a, _ in given.val_loader]) + 6.0  # type: ignore[union-attr]
    y = torch.cat([b for _, b in given.val_loader])  # type: ignore[union-attr]
    net[1].reset_running_stats()
    net.train()
    with torch.no_grad():
        net(x)
    return given.replace(val_loader=DataLoader(TensorDataset(x, y), 64))
