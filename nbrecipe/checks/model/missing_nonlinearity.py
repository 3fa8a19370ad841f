"""Between two linear layers stands something that bends the signal.

Two linear layers in a row compute what a single one can: the second adds parameters and no power. What runs between
them is tested with numbers, so that an activation by hand counts and a dropout does not. A narrow layer between wide
ones limits the rank on purpose, and the projections of an attention belong together; both are fine.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ... import toys
from ...batches.models import plain
from ...bench import Bench
from ...check import Check
from ...finding import Finding, Seen, bad, hint, ok, spelled
from ...probes.graph.chains import Pair, pairs
from ...probes.graph.mentions import is_foreign

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="generalize a special case")

#: names of what is linear on purpose
ON_PURPOSE = re.compile(r"linear|lora|adapter|low_?rank|factor|svd|pca|koopman|probe", re.IGNORECASE)
#: pairs in the picture
SHOWN = 4


@check.run
def run(model: nn.Module, batch: Any, bench: Bench) -> Finding:
    inner = plain(model)
    found = [pair for pair in bench.once(pairs) if _gains_nothing(pair)]
    if not found:
        return ok("no two layers act as one", pairs=[], widths=[])
    surest = min(found, key=lambda pair: not _is_fault(pair, inner))
    sure = _is_fault(surest, inner)
    name = bench.name("model")
    first, second = spelled(name, surest.first), spelled(name, surest.second)
    entry, _, out = surest.widths
    one = f"one linear layer of {entry} to {out}" if sure else "a single one"
    more = f", and so do {len(found) - 1} more pairs" if len(found) > 1 else ""
    claim = bad if sure else hint
    return claim(
        f"`{first}` and `{second}` act as {one}: nothing bends the signal between them{more}",
        fix=f"Put an activation between `{first}` and `{second}`, or leave one of them out.",
        code=f"nn.ReLU(),  # between {first} and {second}" if sure else "",
        why="a linear function of a linear function is linear",
        where=second,
        pairs=[f"{spelled(name, p.first)} and {spelled(name, p.second)}" for p in found[:SHOWN]],
        widths=[list(p.widths) for p in found[:SHOWN]],
    )


def _gains_nothing(pair: Pair) -> bool:
    """Whether one layer could do the same: no rank is limited, and nothing of theirs is shared or put together."""
    entry, between, out = pair.widths
    special = pair.grouped or pair.attends or pair.zero or any("transpose" in kind for kind in pair.kinds)
    return between >= min(entry, out) and not special


def _is_fault(pair: Pair, model: nn.Module) -> bool:
    """Whether it is not what anybody wants: two trainable linear layers of the user's own, in the main path."""
    if pair.kinds != ("linear", "linear") or pair.frozen or pair.normed or pair.branch or pair.taken or not pair.biased:
        return False
    modules = dict(model.named_modules())
    owners = [modules[end] for path in (pair.first, pair.second) for end in _above(path) if end in modules]
    kinds = {type(owner) for owner in owners if type(owner) is not nn.Linear}
    own = [o for o in owners if not type(o).__module__.startswith("torch.nn")]
    named = " ".join([pair.first, pair.second, *(kind.__name__ for kind in kinds)])
    return not ON_PURPOSE.search(named) and not any(is_foreign(owner) for owner in own)


def _above(path: str) -> list[str]:
    """A module's path and those of all modules around it."""
    parts = path.split(".")
    return [".".join(parts[:end]) for end in range(len(parts) + 1)]


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """The widths along each pair: in, between, out."""
    if not seen["pairs"]:
        ax.text(0.5, 0.5, "no two layers in a row", ha="center", fontsize=7)
        ax.set_xticks([])
        ax.set_yticks([])
        return
    for row, widths in enumerate(seen["widths"]):
        ax.plot(range(3), [row] * 3, color="C1")
        for at, width in enumerate(widths):
            ax.text(at, row, f"{width}", ha="center", va="bottom", fontsize=7)
    ax.set_yticks(range(len(seen["pairs"])), seen["pairs"])
    ax.set_xticks(range(3), ["in", "between", "out"])
    ax.margins(y=0.5)
    ax.invert_yaxis()


def _net(*between: nn.Module, width: int = 32) -> nn.Sequential:
    """Two layers, and what is given between them."""
    return nn.Sequential(toys.mlp((20, width))[0], *between, toys.mlp((width, 5))[0])


class _ByHand(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * (x > 0)


class _Residual(nn.Module):
    """Linear layers whose outputs are added to what went in, and an attention between them."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = toys.mlp((5, 16))[0], toys.mlp((16, 5))[0]
        self.query, self.value, self.out = (toys.mlp((16, 16), seed=i)[0] for i in range(3))

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x.reshape(-1, 4, 5))
        weights = (self.query(x) @ x.transpose(1, 2)).softmax(-1)
        x = x + self.out(weights @ self.value(x))
        out: Tensor = self.head(x.mean(1))
        return out


@check.breaks
def no_activation() -> Bench:
    """Two linear layers with dropout between them."""
    return toys.classify(_net(nn.Dropout(0.2)))


@check.breaks
def one_left_out() -> Bench:
    """Three layers, of which the first two have nothing between them."""
    return toys.regress(nn.Sequential(*[layer for i, layer in enumerate(toys.mlp((10, 32, 16, 1))) if i != 1]))


@check.holds
def activations() -> Bench:
    """A rectifier between every two layers."""
    return toys.classify()


@check.holds
def activation_by_hand() -> Bench:
    """A rectifier written by hand."""
    return toys.classify(_net(_ByHand()))


@check.holds
def one_layer() -> Bench:
    """Logistic regression has one layer and needs no activation."""
    return toys.classify(toys.mlp((20, 5)))


@check.holds
def narrow_on_purpose() -> Bench:
    """A layer of two between twenty and five limits the rank."""
    return toys.classify(_net(width=2))


@check.holds
def attention_projections() -> Bench:
    """Value and output projections, and a residual stream."""
    return toys.classify(_Residual())


@check.holds
def convolutions_in_a_row() -> Bench:
    """Two convolutions in a row: worth a look, and no fault."""
    body = nn.Sequential(nn.Conv2d(1, 8, 3), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(128, 5))
    for layer in body:
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.normal_(layer.weight, std=0.1, generator=toys.seeded())
            torch.nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return toys.images(body)
