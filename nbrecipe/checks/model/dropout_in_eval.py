"""Dropout is off in eval mode.

`functional.dropout` drops unless it is told `training=False`, and a layer that the model does not know, as one made
inside `forward`, hears nothing of `eval()`. Every prediction is then that of a random part of the net: worse than the
model is, and another one each time. Other random numbers, as a VAE draws, are a hint at most.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, Seen, bad, hint, number, ok, spelled
from ...probes.passes.sampling import ATTENTION, Draw, Sampling, sampling

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="train and eval mode")

#: a kernel that adds up in another order each time differs in the last digits; dropout differs in the first
APART = 100.0
#: names of what keeps dropout on to see how sure the net is
ON_PURPOSE = re.compile(r"mc_?drop|monte|bayes|uncertain|stochastic", re.IGNORECASE)


@check.run
def run(model: nn.Module, batch: Any, bench: Bench) -> Finding:
    seen = bench.once(sampling)
    numbers: dict[str, Any] = {"all": seen.all, "dropout": seen.dropout, "other": seen.other, "spread": seen.spread}
    if seen.all == 0:
        return ok("two passes of the same batch in eval mode agree to the last bit", **numbers)
    if seen.all <= APART * seen.same:
        return ok("passes in eval mode differ with the same random numbers too, so it is not dropout", **numbers)
    if not seen.draws and max(seen.dropout, seen.other) <= APART * seen.same:
        return ok("passes in eval mode differ by what each leaves behind in the model, so it is not dropout", **numbers)
    dropped = [draw for draw in seen.draws if draw.drops]
    if seen.dropout > APART * seen.same and dropped:
        surest = min(dropped, key=lambda draw: not _is_fault(draw, model))
        claim = bad if _is_fault(surest, model) else hint
        return claim(**_dropout(seen, surest, bench.name("model")), **numbers)
    drawn = next((draw for draw in seen.draws if not draw.drops), None)
    source = f"`{drawn.function}`{_inside(drawn)}" if drawn else "code that cannot be watched"
    return hint(
        f"two passes of the same batch in eval mode differ by **{number(seen.all)}** on average, as {source} draws "
        "random numbers; a model that is to predict gives the same answer twice",
        fix="Take the mean in eval mode instead, unless the sampling is wanted.",
        where=spelled(bench.name("model"), drawn.path) if drawn else "",
        **numbers,
    )


def _is_fault(draw: Draw, model: nn.Module) -> bool:
    """Whether nobody can have meant it: a flag left out, or a layer out of reach of `eval()`."""
    around = type(model.get_submodule(draw.path)).__name__ if _has(model, draw.path) else ""
    if ON_PURPOSE.search(f"{type(model).__name__} {around} {draw.caller} {draw.layer}"):
        return False
    if draw.layer:
        return not draw.registered
    if draw.function in ATTENTION:
        return draw.evaluating and draw.given != "literal"
    return draw.given == "omitted"


def _has(model: nn.Module, path: str) -> bool:
    return path in dict(model.named_modules())


def _dropout(seen: Sampling, draw: Draw, name: str) -> dict[str, Any]:
    """The sentence, the way out and the line for it."""
    p = f"{draw.p:g}"
    if draw.layer and not draw.registered:
        what = f"`nn.{draw.layer}({p})`{_inside(draw)} is no part of the model, so that `eval()` does not reach it"
        fix = "Make the layer in `__init__` and assign it to `self`."
        code = f"self.dropout = nn.{draw.layer}({p})"
    elif draw.layer:
        what = f"`nn.{draw.layer}({p})`{_inside(draw)} stays in train mode after `eval()`"
        fix, code = "Let `eval()` reach the layer, unless it is to sample.", ""
    elif draw.function in ATTENTION:
        what = f"`{draw.function}`{_inside(draw)} drops with probability {p} in eval mode too"
        fix, code = "Drop only while training.", f"dropout_p={p} if self.training else 0.0"
    else:
        what = f"`{draw.function}`{_inside(draw)} drops with probability {p} in eval mode too"
        fix, code = "Tell it the mode.", f"F.{draw.function}(x, {p}, training=self.training)"
    return {
        "message": f"two passes of the same batch in eval mode differ by **{number(seen.dropout)}** on average: {what}",
        "fix": fix,
        "code": code,
        "why": f"the outputs' standard deviation is {number(seen.spread)}; in eval mode they should be the same twice",
        "where": spelled(name, draw.path),
    }


def _inside(draw: Draw) -> str:
    return f" in `{draw.caller}`" if draw.caller else ""


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """What differs between two passes, by the random numbers behind it."""
    values = [seen["other"], seen["dropout"]]
    ax.barh(["other draws", "dropout"], values, color=["C0", "C1"], height=0.5)
    for row, value in enumerate(values):
        ax.text(value, row, f" {number(value)}", va="center", fontsize="small")
    ax.set_xlabel("difference in eval mode")


class _Net(nn.Module):
    """Two layers and dropout between them, given as a function."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = toys.mlp((20, 32)), toys.mlp((32, 5))

    def drop(self, x: Tensor) -> Tensor:
        return functional.dropout(x, 0.3, training=self.training)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.drop(torch.relu(self.body(x))))
        return out


class _Untold(_Net):
    def drop(self, x: Tensor) -> Tensor:
        return functional.dropout(x, 0.3)


class _MadeInForward(_Net):
    def drop(self, x: Tensor) -> Tensor:
        out: Tensor = nn.Dropout(0.3)(x)
        return out


class _Attention(_Net):
    def drop(self, x: Tensor) -> Tensor:
        heads = x.reshape(len(x), 4, 8)
        return functional.scaled_dot_product_attention(heads, heads, heads, dropout_p=0.2).flatten(1)


class _MCDropout(_Net):
    def drop(self, x: Tensor) -> Tensor:
        return functional.dropout(x, 0.3, training=True)


class _Variational(_Net):
    def drop(self, x: Tensor) -> Tensor:
        return x + 0.1 * torch.randn_like(x)


@check.breaks
def flag_left_out() -> Bench:
    """`F.dropout(x, 0.3)` without `training=`."""
    return toys.classify(_Untold())


@check.breaks
def layer_made_in_forward() -> Bench:
    """`nn.Dropout(0.3)(x)` inside forward is a new layer each time, always in train mode."""
    return toys.classify(_MadeInForward())


@check.breaks
def attention_that_always_drops() -> Bench:
    """`dropout_p` of attention knows no mode."""
    return toys.classify(_Attention())


@check.holds
def flag_given() -> Bench:
    """The function is told the mode."""
    return toys.classify(_Net())


@check.holds
def layer() -> Bench:
    """A layer of dropout, which `eval()` switches off."""
    return toys.images(toys.convnet(dropout=0.5))


@check.holds
def monte_carlo() -> Bench:
    """Dropout that is told to stay on, as for Monte Carlo estimates: worth a look, and no fault."""
    return toys.classify(_MCDropout())


@check.holds
def variational() -> Bench:
    """Noise that is no dropout: worth a look, and no fault."""
    return toys.classify(_Variational())
