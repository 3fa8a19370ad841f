"""A target or averaged network has weights of its own.

A target network, a moving average or an old policy lags behind the network that is trained. `target = net`,
`copy.copy(net)` and `load_state_dict(..., assign=True)` copy nothing: every step moves both, and the target runs away
with what it is to hold still. Only `copy.deepcopy` and a plain `load_state_dict` copy values. Such a network is looked
for by its name, inside the model and among what the loss function uses.
"""

from __future__ import annotations

import copy
import re
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ... import toys
from ...batches.models import plain
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, ok, spelled
from ...probes.graph.hidden import held_by

check = Check(__name__, tip="training dynamics")

#: words for a network that lags behind another one
_LAGGING = frozenset({"target", "ema", "averaged", "polyak", "shadow", "old", "swa", "momentum"})
#: words for one that may be the very network, asked in another way, as the teacher of a Pi-model
_ASKED = frozenset({"teacher", "slow"})
#: a network for the source and one for the target of a translation, an item or a query: two inputs, one meaning
_OTHER_INPUT = frozenset({"source", "src", "query", "user", "item", "anchor", "input", "left", "right"})
_TABLES = (nn.Embedding, nn.EmbeddingBag)


@dataclass(frozen=True)
class _Named:
    """A network, as the user would write it, the words of its last name, and whether the model holds it."""

    name: str
    module: nn.Module
    words: frozenset[str]
    inside: bool


@check.run
def run(model: nn.Module, bench: Bench, loss_fn: Any = None, optimizer: Any = None) -> Finding:
    inner, name = plain(model), bench.name("model")
    own = list(_inside(inner, name))
    named = [*own, *_used_by(loss_fn, bench.name("loss_fn"))]
    lagging = [each for each in named if each.words & (_LAGGING | _ASKED) and _is_network(each.module)]
    if not lagging:
        return ok("no network is named as the copy of another", lagging=0)
    online = [each for each in own if not each.words & (_LAGGING | _ASKED | _OTHER_INPUT)]
    places = {id(each.module): _places(each.module) for each in (*lagging, *online)}
    for target in lagging:
        for trained in online:
            shared = places[id(target.module)] == places[id(trained.module)]
            if shared and not _nested(target, trained):
                return _told(bench, target, trained, optimizer)
    names = ", ".join(f"`{each.name}`" for each in lagging[:3])
    return ok(f"{names} shares no weights with a network that is trained", lagging=len(lagging))


def _told(bench: Bench, target: _Named, trained: _Named, optimizer: Any) -> Finding:
    weights = list(trained.module.parameters())
    held = held_by(optimizer)
    moved = any(p.requires_grad and (optimizer is None or id(p) in held) for p in weights)
    same = target.module is trained.module
    # an attribute may be a second name on purpose, and one layer's weight tied to another's; a copy is meant to be one
    meant = bool(target.words & _LAGGING) and not target.inside if same else _is_copy(target.module, trained.module)
    what = "is" if same else "lies in the memory of"
    effect = "each step moves both" if moved else "what is done to one is done to both"
    return (bad if moved and meant else hint)(
        f"`{target.name}` {what} `{trained.name}`: they share **{len(weights)}** of {len(weights)} parameters, and "
        f"{effect}; a network that lags behind shares none",
        fix="Copy the values, before the optimizer is made.",
        code=f"{target.name} = copy.deepcopy({trained.name})",
        why="an assignment, `copy.copy` and `assign=True` copy references, not values",
        where=target.name,
        shared=len(weights),
        same=same,
    )


def _inside(model: nn.Module, name: str) -> Iterator[_Named]:
    """The modules of a model under each of their names, and those in plain attributes."""
    for path, module in model.named_modules(remove_duplicate=False):
        last = path.rpartition(".")[2] or name
        yield _Named(spelled(name, path), plain(module), _words(last), inside=True)
        if isinstance(module, torch.jit.ScriptModule):
            continue
        for key, value in vars(module).items():
            items = value if isinstance(value, (list, tuple)) and len(value) == 1 else [value]
            if isinstance(items[0], nn.Module):
                spelt = f"{spelled(name, path)}.{key}" + ("" if items[0] is value else "[0]")
                yield _Named(spelt, plain(items[0]), _words(key), inside=True)


def _used_by(function: Any, name: str) -> Iterator[_Named]:
    """The networks that a loss function names: variables of the notebook, or of the function around it."""
    if isinstance(function, nn.Module):
        yield from _inside(function, name)
    if not isinstance(function, types.FunctionType):
        return
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    for key in _names(function.__code__):
        value = _content(cells[key]) if key in cells else function.__globals__.get(key)
        if isinstance(value, nn.Module):
            yield _Named(key, plain(value), _words(key), inside=False)


def _names(code: types.CodeType) -> set[str]:
    """The outer variables that a function and the functions in it use."""
    inner = [names for const in code.co_consts if isinstance(const, types.CodeType) for names in _names(const)]
    return {*code.co_names, *code.co_freevars, *inner}


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return None


def _words(name: str) -> frozenset[str]:
    """The words of a name in either style: q_target, targetNet."""
    return frozenset(word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name))


def _is_network(module: nn.Module) -> bool:
    """Whether it has weights beside tables of embeddings, which source and target may have in common."""
    return any(
        p.ndim > 1 and not isinstance(part, _TABLES)
        for part in module.modules()
        for p in part.parameters(recurse=False)
    )


def _nested(one: _Named, other: _Named) -> bool:
    """Whether one is a part of the other, under the names at hand."""
    return any(a.name.startswith((f"{b.name}.", f"{b.name}[")) for a, b in ((one, other), (other, one)))


def _places(module: nn.Module) -> list[tuple[Any, ...]]:
    """Where each parameter lies; a list that two networks have in common says that they are one."""
    places: list[tuple[Any, ...]] = []
    for key, p in module.named_parameters():
        try:
            places.append((key, p.data_ptr() or id(p), tuple(p.shape)))
        except (RuntimeError, ValueError):  # a lazy layer, a tensor without memory of its own
            places.append((key, id(p)))
    return places


def _is_copy(target: nn.Module, trained: nn.Module) -> bool:
    """Whether somebody made a second network: parameters or whole layers of its own, around the same memory."""
    pairs = list(zip(target.parameters(), trained.parameters(), strict=True))
    shallow = target._modules is trained._modules or target._parameters is trained._parameters
    return shallow or any(a is not b for a, b in pairs) or sum(a.ndim > 1 for a, _ in pairs) > 1


class _Bootstrapped(nn.Module):
    """An online network and a target that it is compared with, made by `made`."""

    def __init__(self, made: Callable[[nn.Module], nn.Module]) -> None:
        super().__init__()
        self.online = toys.mlp()
        self.target = made(self.online)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            aim = self.target(x)
        out: Tensor = self.online(x) + 0.1 * aim
        return out


def _assigned(net: nn.Module) -> nn.Module:
    target = toys.mlp(seed=1)
    target.load_state_dict(net.state_dict(), assign=True)
    return target


def _loaded(net: nn.Module) -> nn.Module:
    target = toys.mlp(seed=1)
    target.load_state_dict(net.state_dict())
    return target


@check.breaks
def shallow_copy() -> Bench:
    """`copy.copy` makes a module around the same weights."""
    return toys.classify(_Bootstrapped(copy.copy))


@check.breaks
def loaded_by_assignment() -> Bench:
    """`load_state_dict(..., assign=True)` takes the tensors, not their values."""
    return toys.classify(_Bootstrapped(_assigned))


@check.breaks
def second_name() -> Bench:
    """`target_net = net`, and a loss that uses it as a target."""
    net = toys.mlp()
    target_net = net

    def criterion(out: Tensor, y: Tensor) -> Tensor:
        with torch.no_grad():
            aim = target_net(torch.zeros(1, 20)).softmax(1)
        loss: Tensor = nn.functional.cross_entropy(out, y) + (out.softmax(1) - aim).square().mean()
        return loss

    return toys.classify(net, criterion)


@check.holds
def deep_copy() -> Bench:
    """`copy.deepcopy` makes weights of its own."""
    return toys.classify(_Bootstrapped(copy.deepcopy))


@check.holds
def loaded_values() -> Bench:
    """`load_state_dict` copies the values."""
    return toys.classify(_Bootstrapped(_loaded))


@check.holds
def one_network() -> Bench:
    """A network without a copy."""
    return toys.classify()


class _Siamese(nn.Module):
    """One encoder for the source and for the target of a pair."""

    def __init__(self) -> None:
        super().__init__()
        self.source_encoder = toys.mlp((10, 16, 8))
        self.target_encoder = self.source_encoder
        self.head = toys.mlp((16, 5))

    def forward(self, x: Tensor) -> Tensor:
        one, two = self.source_encoder(x[:, :10]), self.target_encoder(x[:, 10:])
        out: Tensor = self.head(torch.cat([one, two], 1))
        return out


@check.holds
def source_and_target_of_a_pair() -> Bench:
    """Two inputs of one kind, and one encoder under two names."""
    return toys.classify(_Siamese())
