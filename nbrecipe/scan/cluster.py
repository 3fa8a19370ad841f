"""The same reading on many machines: each part by whichever worker is free, merged in the order of the rows.

A worker that is lost takes its part with it and nothing else: the scheduler gives that part to another one, which
reads it again. Numbers are those of a reading by one process, because parts and the order of merging are the same.
"""

from __future__ import annotations

import pickle
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Any

from ..batches import BadInput
from ..guard import interrupts_wait
from ..libraries import library
from .columns.block import told_of
from .part import Part
from .plan import Plan, plan_of
from .reading import ERRORS, Scan, read_part, refuse_errors, spans
from .sources.source import Source

#: parts that wait for each worker, so that none is idle and the results fit into memory
AHEAD = 3
#: workers that may be lost over one part before it is given up
LOST = 3
#: how often a Ray head is asked for a process of ours: gRPC lets one in some die between fork and exec
TRIES = 3
#: bytes of a source up to which the scheduler of a cluster keeps it; a larger one goes to the workers themselves
KEPT = 8 << 20


class Workers(ABC):
    """Processes, here or elsewhere, that read parts of one source."""

    #: how many there are
    count: int

    @abstractmethod
    def start(self, plan: Plan, start: int, stop: int) -> Any:
        """Have a part read; gives what `result` takes."""

    @abstractmethod
    def result(self, started: Any) -> bytes:
        """The part, once it is read."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the cluster, which goes on."""


def scan_on(
    workers: Callable[[bytes], Workers],
    source: Source,
    *,
    most: int | None = None,
    max_errors: int = ERRORS,
    seen: Callable[[int], None] = lambda rows: None,
) -> Scan:
    """Read a source as `scan` does, by workers. Raises BadInput where it cannot be shared out, and as `scan` does."""
    if source.length is None:
        raise BadInput(f"`{source.name}` is a stream, which is read in its order by one process: leave `on` out")
    start = time.monotonic()
    done = Scan(source, Part(plan_of(source)))
    team = workers(packed_source(source))
    try:
        _read(done, team, most, max_errors, seen)
    except KeyboardInterrupt:
        done.stopped = "interrupted"
    finally:
        team.close()
    done.stopped = done.stopped or source.changed()
    done.whole = done.rows + done.part.unread >= source.length
    done.seconds = time.monotonic() - start
    return done


def _read(done: Scan, team: Workers, most: int | None, max_errors: int, seen: Callable[[int], None]) -> None:
    assert done.source.length is not None
    waiting: deque[Any] = deque()
    left = spans(done.source.length, most)
    for first, last in left:
        waiting.append(team.start(done.plan, first, last))
        if len(waiting) >= AHEAD * team.count:
            _merge(done, team.result(waiting.popleft()), max_errors, seen)
    while waiting:
        _merge(done, team.result(waiting.popleft()), max_errors, seen)


def _merge(done: Scan, plain: bytes, max_errors: int, seen: Callable[[int], None]) -> None:
    part = pickle.loads(plain)
    with interrupts_wait():
        done.part.merge(part)
    refuse_errors(done.source, max_errors, done.part)
    seen(done.rows)


def packed_source(source: Source) -> bytes:
    """A source as bytes that another process can read. Raises BadInput where it holds what cannot be sent."""
    try:
        plain: bytes = library("cloudpickle", "cloudpickle", "dask").dumps(source)
        return plain
    except BadInput:
        raise
    except Exception as error:
        raise BadInput(f"`{source.name}` cannot be sent to other processes: {told_of(error)}") from error


def part_of(plain: bytes, plan: Plan, start: int, stop: int) -> bytes:
    """What a worker does: one part, as bytes."""
    return pickle.dumps(read_part(_known(plain), plan, start, stop))


_LAST: dict[bytes, Source] = {}


def _known(plain: bytes) -> Source:
    """The source, unpacked once for all parts that a worker reads of it."""
    if plain not in _LAST:
        _LAST.clear()
        _LAST[plain] = pickle.loads(plain)
    return _LAST[plain]


def connected(address: str) -> Callable[[bytes], Workers]:
    """Workers at "dask://HOST:PORT" or "ray://HOST:PORT". Raises BadInput for any other address."""
    kind, _, place = address.partition("://")
    if kind == "dask" and place:
        return lambda plain: Dask(place, plain)
    if kind == "ray" and place:
        return lambda plain: Ray(address, plain)
    raise BadInput(f"a cluster is named as dask://HOST:PORT or ray://HOST:PORT; `{address}` was given")


class Dask(Workers):
    """A Dask cluster; its scheduler has a lost part read again.

    A small source stays with the scheduler, which can send it anew. One that holds its data in memory goes straight to
    a worker and from there to the others, once each, so that every worker that is lost leaves others that have it.
    """

    def __init__(self, place: str, plain: bytes) -> None:
        client = library("distributed", "distributed", "dask").Client
        try:
            self._client = client(f"tcp://{place}", timeout="20s", set_as_default=False)
            self.count = max(1, sum(self._client.nthreads().values()))
        except Exception as error:
            raise BadInput(f"no Dask scheduler answers at {place}: {told_of(error)}") from error
        self._source = self._sent(plain)

    def _sent(self, plain: bytes) -> Any:
        if len(plain) <= KEPT:
            return self._client.submit(_same, plain, pure=False)
        try:
            return self._client.scatter(plain, direct=True, broadcast=True, hash=False)
        except Exception:  # the workers cannot be reached from here: by the scheduler
            return self._client.scatter(plain, direct=False, broadcast=True, hash=False)

    def start(self, plan: Plan, start: int, stop: int) -> Any:
        return self._client.submit(part_of, self._source, plan, start, stop, pure=False)

    def result(self, started: Any) -> bytes:
        try:
            plain: bytes = started.result()
        except Exception as error:
            raise BadInput(f"the cluster could not read a part: {told_of(error)}") from error
        return plain

    def close(self) -> None:
        self._client.close()


class Ray(Workers):
    """A Ray cluster, by its client; a connection that is there already is used, and stays."""

    def __init__(self, address: str, plain: bytes) -> None:
        self._ray = library("ray", "ray", "ray")
        there = _place_of(self._ray)
        if there and there != address.removeprefix("ray://"):
            raise BadInput(f"Ray is connected with {there} already: `ray.shutdown()` lets go of it")
        self._own = not there
        try:
            if self._own:
                self._connect(address)
            self.count = max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        except Exception as error:
            raise BadInput(f"no Ray cluster answers at {address}: {told_of(error)}") from error
        self._source = self._ray.put(plain)
        self._part = self._ray.remote(part_of).options(max_retries=LOST)

    def _connect(self, address: str) -> None:
        """The head begins a process for each client; where that one dies as it begins, another is asked for."""
        for left in reversed(range(TRIES)):
            try:
                self._ray.init(address, log_to_driver=False)
                return
            except ConnectionAbortedError:
                if not left:
                    raise

    def start(self, plan: Plan, start: int, stop: int) -> Any:
        return self._part.remote(self._source, plan, start, stop)

    def result(self, started: Any) -> bytes:
        try:
            plain: bytes = self._ray.get(started)
        except Exception as error:
            raise BadInput(f"the cluster could not read a part: {told_of(error)}") from error
        return plain

    def close(self) -> None:
        if self._own:
            self._ray.shutdown()


def _place_of(ray: Any) -> str:
    """HOST:PORT of the cluster that this process is connected with, as it was named; "" where there is none."""
    if not ray.is_initialized():
        return ""
    client = ray.util.client.ray
    if client.is_connected():
        return str(client.get_context().client_worker._conn_str)  # nothing public tells it
    return str(ray.get_runtime_context().gcs_address)


def _same(plain: bytes) -> bytes:
    return plain
