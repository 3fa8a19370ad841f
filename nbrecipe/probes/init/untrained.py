"""Whether weights are still exactly as torch draws them: then nothing was ever learned there, and nothing loaded."""

from __future__ import annotations

import math

from torch import Tensor, nn

#: values that a weight must have for its largest one to tell its bound: 0.9 ** 200 is below 1e-9
ENOUGH = 200
#: values of a weight that tell a uniform draw from nothing but its largest; rows of a table that are looked at
FEW, ROWS = 16, 1000
#: standard errors of a sample's deviation
ERRORS = 5.0


def is_as_drawn(module: nn.Module) -> bool | None:
    """Whether the weights of a linear layer or convolution are uniform within torch's own bound; None for others.

    torch draws from the uniform distribution within 1 / sqrt(fan in). Its largest value lies close below the bound, and
    its standard deviation is the bound / sqrt(3), with a standard error of sqrt((9/5 - 1) / 4n) of that. Those that
    were trained are heavier in the tails, and fill another range.
    """
    if not isinstance(module, (nn.Linear, nn.modules.conv._ConvNd)) or type(module).__name__.startswith("Lazy"):
        return None
    values = module.weight.detach().float()
    if values.numel() < ENOUGH or getattr(module, "transposed", False):
        return None
    bound = 1 / math.sqrt(values[0].numel())
    largest, deviation = float(values.abs().max()), float(values.std(correction=0))
    off = abs(deviation * math.sqrt(3) / bound - 1)
    return 0.9 * bound < largest <= bound * (1 + 1e-5) and off < ERRORS * math.sqrt(0.2 / values.numel())


def as_drawn(members: tuple[nn.Module | Tensor, ...]) -> bool:
    """Whether all layers of these modules still have the weights that torch draws by default.

    Linear, convolution and recurrent layers are uniform up to an end: no value lies outside, and of 16 values all lie
    in the inner half once in 65 000 times. Embeddings are standard normal: their mean square is one within five
    standard errors. Training, a pretrained state and most other inits break that. False where nothing tells it.
    """
    modules = [module for member in members if isinstance(member, nn.Module) for module in member.modules()]
    ends = [
        float(weight.detach().abs().max()) * math.sqrt(fan)
        for module in modules
        for weight, fan in _uniform(module)
        if weight.numel() >= FEW
    ]
    squares = [float(row) for module in modules if isinstance(module, nn.Embedding) for row in _squares(module)]
    spread = 5 * math.sqrt(2 / len(squares)) if squares else math.inf
    normal = spread > 0.5 or abs(sum(squares) / len(squares) - 1) < spread
    return bool(ends or spread <= 0.5) and normal and all(0.5 < end <= 1 + 1e-3 for end in ends)


def _uniform(module: nn.Module) -> list[tuple[Tensor, int]]:
    """Weights that are drawn within one over the root of a number, and that number."""
    if isinstance(module, (nn.Linear, nn.modules.conv._ConvNd)) and module.weight.numel():
        return [(module.weight, module.weight[0].numel())]
    return [(p, module.hidden_size) for p in module.parameters()] if isinstance(module, nn.RNNBase) else []


def _squares(table: nn.Embedding) -> Tensor:
    """The squares of some values, without the row of padding, which is zero."""
    rows = [i for i in range(min(len(table.weight), ROWS)) if i != table.padding_idx]
    return table.weight.detach()[rows].float().square().flatten()[: ROWS * 4]
