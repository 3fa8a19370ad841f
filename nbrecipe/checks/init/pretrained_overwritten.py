"""The pretrained weights are still in the model when training starts.

An init that runs after loading, or a model built anew in a cell that was run again, replaces the loaded weights without
a word: training starts from scratch and looks merely slow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, Seen, bad, hint, ok
from ...probes.init.loaded import Loaded, loaded, related

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="pretrain")

#: share of the weights that must have been replaced for it to be no choice of some layers
MOST = 0.5


@check.run
def run(model: nn.Module, pretrained: Mapping[str, Any], bench: Bench) -> Finding:
    if getattr(bench.optimizer, "state", None):
        return ok(f"`{bench.name('optimizer')}` has taken steps: the pretrained weights are meant to have moved")
    found = bench.once(loaded)
    name, state = bench.name("model"), bench.name("pretrained")
    kept, replaced = _compared(model, found)
    if not kept and not replaced:
        return ok("no pretrained weight has the name and shape of one of the model's")
    numbers = _by_module(kept, replaced)
    total = len(kept) + len(replaced)
    if not replaced:
        return ok(f"all {total} pretrained weights that fit are in `{name}`", **numbers)
    modules = list(dict.fromkeys(key.rpartition(".")[0] for key in replaced))
    if modules == [_last_module(model)] and kept:
        return ok(f"{len(kept)} of {total} pretrained weights are in `{name}`; the last layer is new", **numbers)
    all_of = "none" if not kept else f"{len(kept)}"
    claim = bad if len(replaced) >= MOST * total else hint
    return claim(
        f"**{all_of}** of the {total} pretrained weights that fit `{name}` {'is' if len(kept) < 2 else 'are'} in it; "
        f"the others have nothing in common with those of `{state}`",
        fix="Load the weights after everything that initialises the model.",
        code=f"{name}.load_state_dict({_source(found, state)})" if not found.renamed else "",
        why=f"replaced: {', '.join(f'`{module}`' for module in modules[:4])}{' …' if len(modules) > 4 else ''}",
        where=modules[0],
        **numbers,
    )


def _compared(model: nn.Module, found: Loaded) -> tuple[list[str], list[str]]:
    """Keys of the matrices that are, and of those that are no longer, what was loaded; biases often start equal."""
    own = {key: weight for key, weight in model.named_parameters(remove_duplicate=False) if weight.ndim >= 2}
    answers = {mine: related(own[mine], found.tensors[theirs]) for mine, theirs in found.pairs.items() if mine in own}
    return [k for k, same in answers.items() if same], [k for k, same in answers.items() if same is False]


def _last_module(model: nn.Module) -> str:
    """The last module with a matrix of weights, as they are listed."""
    names = [name for name, weight in model.named_parameters() if weight.ndim >= 2]
    return names[-1].rpartition(".")[0] if names else ""


def _source(found: Loaded, state: str) -> str:
    return f'{state}["{found.inside}"]' if found.inside else state


def _by_module(kept: list[str], replaced: list[str]) -> dict[str, Any]:
    tops = [Counter(key.split(".")[0] for key in keys) for keys in (kept, replaced)]
    names = list(dict.fromkeys([*tops[0], *tops[1]]))[:8]
    return {"modules": names, "kept": [tops[0][n] for n in names], "replaced": [tops[1][n] for n in names]}


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """Weights kept and replaced, by module."""
    places = list(range(len(seen["modules"])))
    ax.barh(places, seen["kept"], color="C0")
    ax.barh(places, seen["replaced"], left=seen["kept"], color="C1")
    for place in places:
        kept, replaced = seen["kept"][place], seen["replaced"][place]
        ax.text(
            kept + replaced,
            place,
            f" {kept} kept" if not replaced else f" {replaced} replaced",
            va="center",
            fontsize=7,
        )
    ax.set_yticks(places, seen["modules"])
    ax.set_xticks([])
    ax.set_xlim(0, 2 * max(a + b for a, b in zip(seen["kept"], seen["replaced"], strict=True)))
    ax.invert_yaxis()


def _trained() -> dict[str, Tensor]:
    """Weights as if trained elsewhere."""
    return {key: value.clone() for key, value in toys.mlp(seed=7).state_dict().items()}


def _start(state: Mapping[str, Tensor]) -> nn.Sequential:
    net = toys.mlp()
    net.load_state_dict(dict(state))
    return net


@check.breaks
def never_loaded() -> Bench:
    """The state dict was read, and never loaded."""
    return toys.classify(pretrained=_trained())


@check.breaks
def initialised_afterwards() -> Bench:
    """The hidden layers were initialised once more after loading."""
    state = _trained()
    net = _start(state)
    for layer in (net[0], net[2]):
        assert isinstance(layer, nn.Linear)
        with torch.no_grad():
            layer.weight.copy_(torch.randn(layer.weight.shape, generator=toys.seeded()) * 0.1)
    return toys.classify(net, pretrained=state)


@check.holds
def in_place() -> Bench:
    """Loaded, and as loaded."""
    state = _trained()
    return toys.classify(_start(state), pretrained=state)


@check.holds
def new_head() -> Bench:
    """Only the last layer starts anew."""
    state = _trained()
    net = _start(state)
    net[4] = toys.mlp((32, 5), seed=3)[0]
    return toys.classify(net, pretrained=state)


@check.holds
def in_half_precision() -> Bench:
    """The state dict was saved in bfloat16: loading rounds."""
    state = {key: value.bfloat16() for key, value in _trained().items()}
    return toys.classify(_start(state), pretrained=state)


@check.holds
def trained_on() -> Bench:
    """Training has moved every weight a little; they still are what they grew from."""
    state = _trained()
    net = _start(state)
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(torch.randn(weight.shape, generator=toys.seeded()) * 0.03)
    return toys.classify(net, pretrained=state)
