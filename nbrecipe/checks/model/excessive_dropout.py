"""Dropout leaves enough for the next layer to work with.

`p` is the share that is dropped; older libraries took the share that is kept, and 0.9 means the opposite there. What is
left is scaled up by 1 / (1 - p), so that every value gets noise of variance p / (1 - p) times its square: as much as
the value itself at 0.5, nine times as much at 0.9. At p = 1 nothing passes, and no gradient reaches what comes before.
High rates are used on purpose too, so that all below 1 is a hint.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from ... import toys
from ...batches import BadInput
from ...batches.models import plain
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, ok, spelled
from ...probes.graph.reached import reached

check = Check(__name__, tip="drop")

#: Srivastava et al. (2014) drop 0.2 to 0.5; above 0.7 the noise is more than twice the square of the value
MOST = 0.7


@dataclass(frozen=True)
class _Rate:
    path: str
    #: the attribute that holds it, and the module that has it
    attribute: str
    module: nn.Module
    p: float


@check.run
def run(model: nn.Module, bench: Bench) -> Finding:
    rates = list(_rates(plain(model)))
    if not rates:
        return ok("there is no dropout", layers=0)
    highest = max(rates, key=lambda rate: rate.p)
    high = [rate for rate in rates if rate.p > MOST]
    if not high:
        return ok(f"the highest of {len(rates)} dropout rates is {highest.p:g}", highest=highest.p)
    name = bench.name("model")
    spelt = spelled(name, highest.path)
    seen: dict[str, Any] = {"highest": highest.p, "high": len(high), "layers": len(rates)}
    kept = round(1 - highest.p, 6)
    fix = f"Give the share to drop, not the share to keep: {kept:g}."
    if highest.p < 1:
        more = f", as {len(high) - 1} more do" if len(high) > 1 else ""
        return hint(
            f"`{spelt}` drops **{100 * highest.p:.4g} %** of what it is given{more}; rates from 10 to 50 % are usual",
            fix=fix,
            code=f"{spelt}.{highest.attribute} = {kept:g}",
            why=f"noise of {highest.p / (1 - highest.p):.3g} times the square of the value is added to each",
            where=spelt,
            **seen,
        )
    erased = _cut_off(bench, model, [rate for rate in rates if rate.p == 1])
    claim = bad if erased else hint
    lost = f", and **{erased}** parameters that it cuts off get no gradient" if erased else ""
    return claim(
        f"`{spelt}` drops everything: nothing passes in training{lost}; rates from 10 to 50 % are usual",
        fix="Lower the rate, or take the layer out.",
        code=f"{spelt}.{highest.attribute} = 0.1",
        why="at p = 1 the output is zero for every input, and so is the gradient",
        where=spelt,
        erased=erased,
        **seen,
    )


def _rates(model: nn.Module) -> Iterator[_Rate]:
    """Every dropout rate above zero of torch's layers, but those that somebody switched off one by one."""
    for path, module in model.named_modules():
        attribute = "p" if isinstance(module, _DropoutNd) else "dropout"
        between = isinstance(module, nn.RNNBase) and module.num_layers > 1
        if not (attribute == "p" or between or isinstance(module, nn.MultiheadAttention)):
            continue
        p = getattr(module, attribute)
        if isinstance(p, (int, float)) and 0 < p <= 1 and (module.training or not model.training):
            yield _Rate(path, attribute, module, float(p))


def _cut_off(bench: Bench, model: nn.Module, rates: list[_Rate]) -> int:
    """How many trainable parameters get a gradient without these layers, and none with them."""
    weights = [p for p in plain(model).parameters() if p.requires_grad]
    layers = [rate.module for rate in rates if isinstance(rate.module, _DropoutNd)]
    if not weights or not layers or bench.find("batch") is None:
        return 0
    handles = []
    try:
        free = reached(bench, weights)  # with every dropout off
        handles = [layer.register_forward_hook(_erase) for layer in layers]
        erased = reached(bench, weights)
    except BadInput:
        return 0
    finally:
        for handle in handles:
            handle.remove()
    return sum(_moves(a) and not _moves(b) for a, b in zip(free, erased, strict=True))


def _erase(layer: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
    """What the layer gives in training at p = 1."""
    return output * 0


def _moves(gradient: Tensor | None) -> bool:
    return gradient is not None and bool((gradient.coalesce().values() if gradient.is_sparse else gradient).any())


def _dropping(p: float, *more: nn.Module) -> nn.Sequential:
    net = toys.mlp((20, 32, 5))
    return nn.Sequential(net[0], net[1], nn.Dropout(p), *more, net[2])


@check.breaks
def everything_is_dropped() -> Bench:
    """p = 1: the keep probability of a library that keeps."""
    return toys.classify(_dropping(1.0))


@check.breaks
def nine_of_ten_are_dropped() -> Bench:
    """p = 0.9 where a tenth was to be dropped."""
    return toys.classify(_dropping(0.9))


@check.holds
def half_is_dropped() -> Bench:
    """p = 0.5, the rate of the paper."""
    return toys.classify(_dropping(0.5))


@check.holds
def switched_off() -> Bench:
    """p = 0 leaves everything."""
    return toys.classify(_dropping(0.0))


@check.holds
def kept_out_of_training() -> Bench:
    """A layer that is held in eval mode while the rest trains drops nothing, whatever its rate."""
    net = _dropping(0.9)
    net[2].eval()
    return toys.classify(net)
