"""One example read again and again: every reading is kept, random numbers move on between them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...bench import Bench
from ..data.held import held
from ..data.stored import Stored, places_of
from .parts import Part, parts_of
from .source import Source, source_in

#: states from which readings that all end in one other have started; what draws once and never again has two
STARTS = 3
#: draws of an example, examples that are judged, and seconds after which no further draw is made
DRAWS, EXAMPLES, PATIENCE = 8, 4, 4.0
#: bytes of draws from which on no further draw is kept
LARGEST = 1 << 29


@dataclass(frozen=True)
class Draws:
    """One example, drawn several times."""

    #: as the user would write it
    name: str
    index: int
    #: the parts of each draw, in copies
    drawn: tuple[tuple[Part, ...], ...]
    #: whether reading it takes numbers from a generator of python, numpy or torch that all share
    random: bool = False
    #: the generators ("torch") that each reading leaves in the same state, wherever they stood: it seeds them
    seeded: tuple[str, ...] = ()
    #: what was worked out of pairs of draws
    memo: dict[tuple[int, int], Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def distinct(self) -> int:
        """How many of the draws differ."""
        return len({tuple(part.digest for part in draw) for draw in self.drawn})

    def column(self, place: int) -> list[Part]:
        """One part in every draw that has it."""
        return [draw[place] for draw in self.drawn if len(draw) > place]


@dataclass(frozen=True)
class Drawing:
    """Some examples, each drawn several times."""

    name: str
    examples: tuple[Draws, ...]
    #: why fewer were drawn than asked for, "" where all were
    note: str = ""
    source: Source | None = field(default=None, repr=False)

    @property
    def count(self) -> int:
        """All draws."""
        return sum(len(example.drawn) for example in self.examples)

    @property
    def varies(self) -> bool:
        """Whether any example comes in more than one form."""
        return any(example.distinct > 1 for example in self.examples)


def drawing(bench: Bench) -> Drawing:
    """Examples of the bench's training set, drawn several times; run it inside `bench.untouched()`.

    Raises BadInput, in one sentence, where the same example cannot be drawn twice or where reading it fails.
    """
    source = source_in(bench)
    return drawn(source, source.spread(EXAMPLES), DRAWS)


def drawn(source: Source, places: Sequence[int], count: int, patience: float = PATIENCE) -> Drawing:
    """The same for any source; an interrupt, and time, end it with what was drawn, once the first example is there."""
    until, examples, note, held_bytes = time.monotonic() + patience, list[Draws](), "", 0
    stored = _stored(source, places)
    try:
        for place in places:
            made, kept, writes = list[_Draw](), stored.now(), False
            try:
                for one in _each(source, place, count):
                    made.append(one)
                    if len(made) == 1:
                        writes = stored.now() != kept
                    if writes:  # the next reading is to start from what this one did
                        stored.put_back()
                    held_bytes += sum(part.value.nbytes for part in one.parts if isinstance(part.value, Tensor))
                    if len(made) > 1 and (time.monotonic() > until or held_bytes > LARGEST):
                        break
            except KeyboardInterrupt:
                if len(made) < 2 and not examples:
                    raise
                note = "interrupted"
            stored.put_back()
            if len(made) > 1:
                examples.append(_example(source, place, made))
            if note or time.monotonic() > until or held_bytes > LARGEST:
                note = note or _fewer(examples, places, count, held_bytes > LARGEST)
                break
    finally:
        stored.put_back()
    return Drawing(source.name, tuple(examples), note, source)


def _stored(source: Source, places: Sequence[int]) -> Stored:
    """What the data set stores of these examples."""
    if source.data is None:
        return Stored([], [])
    return Stored(held(source.data, source.name), {at for place in places for at in places_of(source.data, place)})


def _fewer(examples: Sequence[Draws], places: Sequence[int], count: int, large: bool) -> str:
    made, asked = sum(len(example.drawn) for example in examples), count * len(places)
    return "" if made == asked else f"examples {'are large' if large else 'come slowly'}: {made} of {asked} draws"


@dataclass(frozen=True)
class _Draw:
    parts: tuple[Part, ...]
    before: dict[str, bytes]
    after: dict[str, bytes]


def _each(source: Source, place: int, count: int) -> Iterator[_Draw]:
    met: set[tuple[str, bytes]] = set()
    for k in range(count):
        before = _states()
        parts = tuple(parts_of(source.drawn(place)))
        after = _states()
        met |= set(before.items())
        yield _Draw(parts, before, after)
        _step([name for name, state in after.items() if (name, state) in met], k + 1)
        met |= set(after.items())


def _example(source: Source, place: int, made: Sequence[_Draw]) -> Draws:
    taken = [name for name in made[0].before if any(one.before[name] != one.after[name] for one in made)]
    seeded = tuple(
        name
        for name in taken
        if len({one.after[name] for one in made}) == 1 and len({one.before[name] for one in made}) >= STARTS
    )
    return Draws(source.label(place), place, tuple(one.parts for one in made), bool(taken), seeded)


def _states() -> dict[str, bytes]:
    """Where the generators that all share stand."""
    legacy: Any = np.random.get_state()
    return {
        "torch": torch.get_rng_state().numpy().tobytes(),
        "numpy": legacy[1].tobytes() + repr(legacy[2:]).encode(),
        "random": repr(random.getstate()).encode(),
    }


def _step(names: Sequence[str], count: int) -> None:
    """Move these on by so many numbers, as other code does between two readings; no seeding then stays unseen."""
    moves: dict[str, Callable[[], Any]] = {
        "torch": lambda: torch.rand(()),
        "numpy": np.random.random,
        "random": random.random,
    }
    for name in names:
        for _ in range(count):
            moves[name]()


def stacked(parts: Sequence[Part]) -> Tensor | None:
    """The values of one part in all draws as one tensor; None where they are no numbers of one shape."""
    tensors = [part.value for part in parts if isinstance(part.value, Tensor)]
    same = len(tensors) == len(parts) and len({(tuple(t.shape), t.dtype) for t in tensors}) == 1
    return torch.stack(tensors) if same else None
