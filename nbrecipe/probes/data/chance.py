"""The random generators that reading a data set may draw from: those of python, numpy and torch, and those it holds."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from .held import Held

KINDS = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)


@dataclass(frozen=True)
class State:
    """Where every generator stands."""

    everyone: tuple[Any, Any, Any]
    own: tuple[Any, ...]


class Chance:
    """The generators within reach: `own` are those that the data set holds; the rest are the global ones."""

    def __init__(self, things: Iterable[Held]) -> None:
        known = (random._inst, np.random.mtrand._rand, torch.default_generator)
        self.own = [h for h in things if isinstance(h.value, KINDS) and not any(h.value is g for g in known)]
        self.own = [h for h in self.own if not isinstance(h.value, random.SystemRandom)]

    def state(self) -> State:
        """Where they all stand now."""
        return State(_everyone(), tuple(_state(h.value) for h in self.own))

    def put(self, state: State) -> None:
        """Put them all where they stood."""
        _put_everyone(state.everyone)
        for thing, kept in zip(self.own, state.own, strict=True):
            _put(thing.value, kept)

    def seed(self, seed: int, *, own: bool = True) -> None:
        """Start the global ones from a seed; with `own` the data set's as well."""
        random.seed(seed)
        np.random.seed(seed)
        torch.default_generator.manual_seed(seed)  # `torch.manual_seed` would seed devices that nobody has begun to use
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            torch.cuda.manual_seed_all(seed)
        for thing in self.own if own else ():
            _seed(thing.value, seed)

    def seed_one(self, place: int, seed: int) -> None:
        """Start one of the data set's own from a seed."""
        _seed(self.own[place].value, seed)


def same_state(one: Any, other: Any) -> bool:
    """Whether two states of one generator are the same."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return bool(np.array_equal(one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same_state(one[key], other[key]) for key in one)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(same_state(a, b) for a, b in zip(one, other, strict=True))
    return bool(one == other)


def _everyone() -> tuple[Any, Any, Any]:
    return random.getstate(), np.random.get_state(), torch.get_rng_state()


def _put_everyone(state: tuple[Any, Any, Any]) -> None:
    random.setstate(state[0])
    np.random.set_state(state[1])
    torch.set_rng_state(state[2])


def _state(generator: Any) -> Any:
    if isinstance(generator, torch.Generator):
        return generator.get_state()
    if isinstance(generator, np.random.Generator):
        return copy.deepcopy(generator.bit_generator.state)
    return generator.get_state() if isinstance(generator, np.random.RandomState) else generator.getstate()


def _put(generator: Any, state: Any) -> None:
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    elif isinstance(generator, (torch.Generator, np.random.RandomState)):
        generator.set_state(state)
    else:
        generator.setstate(state)


def _seed(generator: Any, seed: int) -> None:
    if isinstance(generator, torch.Generator):
        generator.manual_seed(seed)
    elif isinstance(generator, np.random.Generator):
        generator.bit_generator.state = type(generator.bit_generator)(seed).state
    else:
        generator.seed(seed)
