"""The pretrained weights fit the model by name and shape.

`load_state_dict(..., strict=False)` says nothing when no key matches, as after a wrapper that puts `module.` before
each of them: the model then starts from scratch, and only a disappointing score tells.
"""

from __future__ import annotations

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

#: share of matching tensors, of the model's or of the state dict's, whichever is fewer: below a tenth they match by
#: chance (a bias of the same length), below a half more is new than old
NONE, FEW = 0.1, 0.5


@check.run
def run(model: nn.Module, pretrained: Mapping[str, Any], bench: Bench) -> Finding:
    found = bench.once(loaded)
    numbers: dict[str, Any] = {
        "matched": 0 if found.renamed else len(found.pairs),
        "model": found.model,
        "state": found.state,
    }
    name, state = bench.name("model"), bench.name("pretrained")
    source = f'{state}["{found.inside}"]' if found.inside else state
    if found.renamed and not _there(model, found):
        return bad(
            f"**none** of the {found.state} tensors of `{source}` has a name that `{name}` knows; "
            f"**{len(found.pairs)}** would, {_rename(found)}",
            fix="Rename the keys while loading.",
            code=f"{name}.load_state_dict({{{_renamed(found)}: v for k, v in {source}.items()}}{_strict(found)})",
            **numbers,
        )
    if found.renamed or found.share >= FEW:
        inside = f', which stand under "{found.inside}",' if found.inside else ""
        head = f"; {len(found.misshapen)} differ in shape" if found.misshapen else ""
        numbers["matched"] = len(found.pairs)
        return ok(
            f"{len(found.pairs)} of the {found.state} pretrained tensors{inside} fit `{name}`, which has {found.model}"
            f"{head}",
            **numbers,
        )
    claim = bad if found.share < NONE else hint
    count = str(len(found.pairs)) if found.pairs else "none"
    return claim(
        f"**{count}** of the {found.state} tensors of `{source}` fits `{name}`, which has {found.model}",
        fix="Load with `strict=True` and read which keys and shapes do not fit.",
        code=f"{name}.load_state_dict({source})",
        why=_shapes(found),
        **numbers,
    )


def _there(model: nn.Module, found: Loaded) -> bool:
    """Whether the values are in the model already: then somebody renamed the keys and loaded them."""
    own = model.state_dict()
    answers = [related(own[mine], found.tensors[theirs]) for mine, theirs in found.pairs.items() if own[mine].ndim > 1]
    return bool(answers) and sum(answer is True for answer in answers) >= len(answers) / 2


def _rename(found: Loaded) -> str:
    if found.strip and found.add:
        return f'with "{found.add}" in place of "{found.strip}"'
    return f'without "{found.strip}"' if found.strip else f'with "{found.add}" before them'


def _renamed(found: Loaded) -> str:
    bare = f'k.removeprefix("{found.strip}")' if found.strip else "k"
    return f'"{found.add}" + {bare}' if found.add else bare


def _strict(found: Loaded) -> str:
    return "" if len(found.pairs) == found.model == found.state else ", strict=False"


def _shapes(found: Loaded) -> str:
    if not found.misshapen:
        return ""
    key, (mine, theirs) = next(iter(found.misshapen.items()))
    return f"{len(found.misshapen)} names fit but not their shapes: `{key}` is {mine} here and {theirs} there"


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """Tensors in the model, in the state dict, and in both."""
    few = seen["matched"] < FEW * min(seen["model"], seen["state"])
    counts = [seen["model"], seen["state"], seen["matched"]]
    ax.barh(["model", "state dict", "fit"], counts, color=["C2", "C2", "C1" if few else "C0"])
    for place, count in enumerate(counts):
        ax.text(count, place, f" {count}", va="center", fontsize=7)
    ax.set_xlim(0, 1.25 * max(counts))
    ax.set_xticks([])
    ax.invert_yaxis()


def _trained() -> dict[str, Tensor]:
    """Weights as if trained elsewhere."""
    return {key: value.clone() for key, value in toys.mlp(seed=7).state_dict().items()}


def _start(state: Mapping[str, Tensor], classes: int = 5) -> nn.Sequential:
    """A net that took what fits."""
    net = toys.mlp((20, 32, 32, classes))
    own = net.state_dict()
    net.load_state_dict({k: v for k, v in state.items() if k in own and v.shape == own[k].shape}, strict=False)
    return net


@check.breaks
def saved_from_a_wrapper() -> Bench:
    """Saved from DataParallel: every key begins with "module."."""
    state = {f"module.{key}": value for key, value in _trained().items()}
    return toys.classify(_start(state), pretrained=state)


@check.breaks
def a_whole_checkpoint() -> Bench:
    """Weights of another architecture, inside a checkpoint."""
    other = {f"encoder.{i}.weight": torch.ones(7, 9) for i in range(8)}
    return toys.classify(pretrained={"state_dict": other, "epoch": 3})


@check.holds
def new_head() -> Bench:
    """A new last layer for another number of classes; the rest fits."""
    state = _trained()
    return toys.classify(_start(state, classes=3), classes=3, pretrained=state)


@check.holds
def pretrained_part() -> Bench:
    """Only the first layer was pretrained, and all of it fits."""
    state = {key: value for key, value in _trained().items() if key.startswith("0.")}
    return toys.classify(_start(state), pretrained=state)


@check.holds
def renamed_while_loading() -> Bench:
    """The keys begin with "module.", and were renamed when they were loaded."""
    state = _trained()
    return toys.classify(_start(state), pretrained={f"module.{key}": value for key, value in state.items()})
