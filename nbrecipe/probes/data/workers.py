"""What workers of a loader draw: a data set is read as each worker would begin, without starting any.

A worker is given a copy of the data set, with the generators it holds as they stand. Global generators are seeded there
by the epoch's seed and the worker's number; torch has done so for numpy's too since 1.9. A generator that stands at one
place after the first rows of each worker, and elsewhere than before, gives all of them the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch.utils.data._utils import worker

from ...bench import Bench
from .chance import same_state
from .held import Held, codes_of, held, words_in
from .reading import Parts, Reader, Reading, same
from .source import Source, is_plain, source

#: rows read as each worker
ROWS = 4
#: ways by which code tells one process, or one copy, from another; they cannot be shown to it here
_BY_PROCESS = frozenset({"getpid", "current_process", "register_at_fork"})
_BY_COPY = frozenset({"__setstate__", "__getstate__", "__reduce__", "__reduce_ex__", "__deepcopy__"})
_GLOBAL = ("random", "np.random", "torch")


@dataclass(frozen=True)
class Drawn:
    """The generators that a data set holds and draws from."""

    source: Source
    workers: int = 0
    lasting: bool = False
    #: rows read as each worker
    rows: int = 0
    #: generators that stand alike after the first rows of each worker, and that examples depend on
    repeated: tuple[Held, ...] = ()
    #: rows that are the same to the bit as another worker's, and in another epoch
    equal: int = 0
    #: what may seed them anew without being seen from here
    unseen: str = ""
    #: global generators that reading any row leaves at one place, wherever they stood
    reset: tuple[str, ...] = ()


def of_workers(bench: Bench) -> Drawn:
    """What workers of the training loader draw; Missing and BadInput as `source` and `Reader` raise them."""
    given = source(bench, "train")
    loader = given.loader
    workers, lasting = (loader.num_workers, loader.persistent_workers) if loader is not None else (0, False)
    reader = Reader(given)
    if is_plain(given.data) and reader.collate is None:
        return Drawn(given, workers, lasting)
    with reader:
        rows = reader.rows[:ROWS]
        reset = _reset(reader, rows)
        if not workers:
            return Drawn(given, workers, lasting, len(rows), reset=reset)
        repeated, equal = _repeated(reader, rows)
        unseen = _unseen(reader, repeated)
    return Drawn(given, workers, lasting, len(rows), tuple(repeated), equal, unseen, reset)


def _repeated(reader: Reader, rows: list[Any]) -> tuple[list[Held], int]:
    """The generators that repeat themselves, and the number of rows that do."""
    before = reader.chance.state().own
    #: two workers of one epoch, and one of them in the next
    turns = [_as_worker(reader, rows, number, seed) for number, seed in ((0, 1000), (1, 1000), (0, 2000))]
    found = []
    for place, thing in enumerate(reader.chance.own):
        states = [own[place] for _, own in turns]
        moved = not same_state(states[0], before[place])
        if moved and all(same_state(states[0], state) for state in states[1:]) and _matters(reader, rows, place):
            found.append(thing)
    readings = [reading.rows for reading, _ in turns]
    return found, sum(_equal(a, b) and _equal(a, c) for a, b, c in zip(*readings, strict=True))


def _equal(one: Parts, other: Parts) -> bool:
    return one.keys() == other.keys() and all(same(one[path], other[path]) for path in one)


def _as_worker(reader: Reader, rows: list[Any], number: int, seed: int) -> tuple[Reading, tuple[Any, ...]]:
    """The rows as the first that a worker reads, and where the generators held stand afterwards."""
    reader.chance.seed(seed + number, own=False)
    with _information(reader, number, seed + number):
        reading = reader.read(rows)
    own = reader.chance.state().own
    reader.restore()
    return reading, own


@contextmanager
def _information(reader: Reader, number: int, seed: int) -> Iterator[None]:
    """What `get_worker_info()` tells in a worker."""
    loader = reader.source.loader
    count = loader.num_workers if loader is not None else 1
    kept = worker._worker_info
    worker._worker_info = worker.WorkerInfo(id=number, num_workers=count, seed=seed, dataset=reader.source.data)
    try:
        yield
    finally:
        worker._worker_info = kept


def _matters(reader: Reader, rows: list[Any], place: int) -> bool:
    """Whether examples depend on where this generator stands."""
    readings = []
    for seed in (1, 2):
        reader.chance.seed(1)
        reader.chance.seed_one(place, seed)
        readings.append(reader.read(rows))
        reader.restore()
    one, other = readings
    differ = any(not _equal(a, b) for a, b in zip(one.rows, other.rows, strict=True))
    return differ or (one.batch is not None and other.batch is not None and not _equal(one.batch, other.batch))


def _unseen(reader: Reader, repeated: list[Held]) -> str:
    """What may seed these generators anew and is not run here; "" where nothing does."""
    if not repeated:
        return ""
    codes = [code for thing in reader.things for code in codes_of(thing.value)]
    if any(_BY_PROCESS & set(words_in(code)) for code in codes):
        return "the data set asks which process it is in"
    if any(code.co_name in _BY_COPY for code in codes):
        return "the data set says how it is copied"
    start = getattr(reader.source.loader, "worker_init_fn", None)
    if start is None:
        return ""
    reached = held(start, "worker_init_fn")
    said = {word for thing in reached for code in codes_of(thing.value) for word in words_in(code)}
    names = {thing.path.rpartition(".")[2].partition("[")[0] for thing in repeated}
    generators = {id(thing.value) for thing in repeated}
    by_name = said & (names | {"get_worker_info", "dataset", "setattr"})
    if not said or by_name or any(id(thing.value) in generators for thing in reached):
        return "`worker_init_fn` may seed it anew"
    return ""


def _reset(reader: Reader, rows: list[Any]) -> tuple[str, ...]:
    """The global generators that any row leaves at one place: reading gives them a seed that is always the same."""
    if len(rows) < 2:
        return ()
    before, after = [], []
    for seed, row in enumerate(rows, 11):
        reader.chance.seed(seed, own=False)
        before.append(reader.chance.state().everyone)
        reader.read([row])
        after.append(reader.chance.state().everyone)
        reader.restore()
    return tuple(
        name
        for kind, name in enumerate(_GLOBAL)
        if all(same_state(after[0][kind], state[kind]) for state in after)
        and not any(same_state(a[kind], b[kind]) for a, b in zip(before, after, strict=True))
    )
