"""Layers that are counted as several have weights of their own.

`[Block()] * 6` makes one block and writes it down six times: six layers with the weights of one. Depth that shares its
weights is also a design (ALBERT, recurrent depth, heads of a detector), and the objects look the same, so this is a
hint at most. Tied embeddings, declared ties and two names for one encoder are not looked at.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ... import toys
from ...batches.models import plain
from ...bench import Bench
from ...check import Check
from ...finding import Finding, hint, ok, spelled

check = Check(__name__, tip="picking the model")

#: containers that number or name their entries; an attribute with a second name is an alias that somebody wrote down
_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


#: its name, the module where it is one, its weights
_Entry = tuple[str, nn.Module | None, tuple[nn.Parameter, ...]]


@dataclass(frozen=True)
class _Shared:
    """A container, the names in it that mean one set of weights, and how many entries with weights it has."""

    path: str
    container: nn.Module
    names: tuple[str, ...]
    entries: int
    #: values of the weights that are shared, and whether the entries are one object
    values: int
    single: bool


@check.run
def run(model: nn.Module, bench: Bench) -> Finding:
    inner = plain(model)
    found = [shared for shared in _shared(inner) if not _is_declared(inner, shared)]
    name = bench.name("model")
    if not found:
        return ok("no entry of a container has the weights of another", shared=0)
    worst = max(found, key=lambda shared: (len(shared.names), shared.values))
    spelt, kind = spelled(name, worst.path), type(worst.container).__name__
    entries = ", ".join(worst.names[:6]) + (", …" if len(worst.names) > 6 else "")
    whose = "are one and the same module" if worst.single else "have the same weights"
    more = f" (and in {len(found) - 1} more)" if len(found) > 1 else ""
    return hint(
        f"**{len(worst.names)}** of {worst.entries} entries of `{spelt}` ({entries}) {whose}{more}: "
        f"{worst.values} values are trained where separate layers have {worst.values * len(worst.names)}",
        fix="Make each of them anew, unless they are meant to share: a list times a number repeats one object.",
        code=_line(worst, spelt),
        why="a list times a number, `dict.fromkeys` and `copy.copy` repeat one set of weights",
        where=spelt,
        container=kind,
        shared=len(worst.names),
        entries=worst.entries,
        values=worst.values,
    )


def _shared(model: nn.Module) -> Iterator[_Shared]:
    """Containers two or more entries of which have the same trainable weights, all of them."""
    held: list[_Entry]
    for path, module in model.named_modules():
        if isinstance(module, nn.ParameterList):
            held = [(str(i), None, (value,)) for i, value in enumerate(module) if isinstance(value, nn.Parameter)]
        elif isinstance(module, _CONTAINERS):
            held = [
                (key, child, tuple(child.parameters())) for key, child in module._modules.items() if child is not None
            ]
        else:
            continue
        groups: dict[frozenset[int], list[_Entry]] = {}
        weighted = [entry for entry in held if any(p.requires_grad for p in entry[2])]
        for entry in weighted:
            groups.setdefault(frozenset(map(id, entry[2])), []).append(entry)
        for group in groups.values():
            if len(group) > 1:
                names = tuple(name for name, _, _ in group)
                values = sum(p.numel() for p in group[0][2])
                single = group[0][1] is not None and all(child is group[0][1] for _, child, _ in group)
                yield _Shared(path, module, names, len(weighted), values, single)


def _is_declared(model: nn.Module, shared: _Shared) -> bool:
    """Whether these are tables of embeddings, or the model lists them among its tied weights."""
    children = [shared.container._modules.get(name) for name in shared.names]
    if any(isinstance(child, (nn.Embedding, nn.EmbeddingBag)) for child in children):
        return True
    tied = [
        f"{path}.{pattern}" if path else pattern
        for path, module in model.named_modules()
        for pattern in _texts(getattr(module, "_tied_weights_keys", None))
    ]
    places = [f"{shared.path}.{name}." if shared.path else f"{name}." for name in shared.names]
    # patterns of names as `class_embed\.[1-9]\d*`, the name of the module first; one entry is the one tied to
    return sum(any(_matches(pattern, place) for pattern in tied) for place in places) >= len(places) - 1


def _texts(keys: Any) -> list[str]:
    return [key for key in keys if isinstance(key, str)] if isinstance(keys, (list, tuple, set, dict)) else []


def _matches(pattern: str, place: str) -> bool:
    try:
        return pattern.startswith(place) or re.match(pattern, place) is not None
    except re.error:
        return False


def _line(shared: _Shared, spelt: str) -> str:
    kind = type(shared.container)
    if not shared.single or not shared.path or len(shared.names) < shared.entries:
        return ""
    if kind in (nn.ModuleList, nn.Sequential) and shared.entries == len(shared.container._modules):
        made = f"copy.deepcopy({spelt}[0]) for _ in range({shared.entries})"
        return f"{spelt} = nn.ModuleList({made})" if kind is nn.ModuleList else f"{spelt} = nn.Sequential(*({made}))"
    return ""


class _Deep(nn.Module):
    """A stem, blocks one after the other, a head."""

    def __init__(self, blocks: nn.Module) -> None:
        super().__init__()
        self.stem, self.blocks, self.head = toys.mlp((20, 16)), blocks, toys.mlp((16, 5), seed=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks.children():
            x = x + torch.relu(block(x))
        out: Tensor = self.head(x)
        return out


@check.breaks
def one_block_six_times() -> Bench:
    """`nn.ModuleList([block] * 6)`: one block under six names."""
    return toys.classify(_Deep(nn.ModuleList([toys.mlp((16, 16))] * 6)))


@check.breaks
def shallow_copies() -> Bench:
    """`copy.copy` makes a module of its own around the same weights."""
    block = nn.Linear(16, 16)
    return toys.classify(_Deep(nn.Sequential(*(copy.copy(block) for _ in range(3)))))


@check.holds
def six_blocks() -> Bench:
    """Six blocks, made one by one."""
    return toys.classify(_Deep(nn.ModuleList(toys.mlp((16, 16), seed=seed) for seed in range(6))))


@check.holds
def one_activation() -> Bench:
    """One activation and one dropout in several places: they have no weights."""
    act, drop = nn.ReLU(), nn.Dropout(0.1)
    layers = [nn.Linear(20, 16), act, drop, nn.Linear(16, 16), act, drop, nn.Linear(16, 5)]
    return toys.classify(nn.Sequential(*layers))


class _Loop(nn.Module):
    """Recurrent depth, written as what it is: one block in a loop."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.block, self.head = toys.mlp((20, 16)), toys.mlp((16, 16)), toys.mlp((16, 5))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for _ in range(6):
            x = x + torch.relu(self.block(x))
        out: Tensor = self.head(x)
        return out


@check.holds
def recurrent_depth() -> Bench:
    """One block, asked six times in a loop."""
    return toys.classify(_Loop())


@check.holds
def tied_embedding() -> Bench:
    """The head of a language model has the weights of its embedding."""
    net = toys.lm()
    net.head.weight = net.tokens.weight
    return toys.next_token(net)
