"""Whether weights are still exactly as torch draws them: then nothing was ever learned there, and nothing loaded."""

from __future__ import annotations

import math

from torch import nn

#: values that a weight must have for its largest one to tell its bound: 0.9 ** 200 is below 1e-9
ENOUGH = 200
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
