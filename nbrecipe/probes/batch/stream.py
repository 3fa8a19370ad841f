"""The batches of a bench, each read when it is asked for, long after the first too."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from ...batches import BadInput, read
from ...bench import Bench
from ...decoding.normalisation import Scale
from ...guard import Untouched
from ...pictures.batch import Page
from .decoded import page
from .entry import Entry
from .fed import fed, take

#: what a stream gives after its last batch
END = object()


class Stream:
    """Batches by number, from 0; a number that lies behind is reached by reading from the start, with the same draws.

    Run `read` inside an `Untouched` of the same things. What reading does to them, and to random numbers, is kept here
    until the next read, so that nobody else's draws come into it: two copies of what a guard keeps of a loader.
    """

    def __init__(self, begin: Callable[[], Iterator[Any]], things: Sequence[Any] = ()) -> None:
        self._begin, self._things = begin, things
        self._start = self._here = self._kept()
        self._batches: Iterator[Any] | None = None
        self._at = 0
        #: how many there are, once that is known
        self.length: int | None = None

    def read(self, number: int) -> Any:
        """The batch, or END after the last; what the loader raises is raised, and the next read begins anew."""
        if self.length is not None and number >= self.length:
            return END
        if self._batches is None or number < self._at:
            self._here, self._at = self._start, 0
        self._here.restore()
        try:
            batch = self._reached(number)
        except BaseException:
            self._batches = None  # a generator that raised is at its end
            raise
        self._here = self._kept()
        return batch

    def _reached(self, number: int) -> Any:
        if not self._at or self._batches is None:
            self._batches = self._begin()
        batch = END
        while self._at <= number:
            batch = next(self._batches, END)
            if batch is END:
                self.length = self._at
                break
            self._at += 1
        return batch

    def _kept(self) -> Untouched:
        return Untouched(self._things).__enter__()  # never left, only restored


class Leafing:
    """The batches of a bench as pages. The model is held weakly, so that a page in a notebook keeps none alive."""

    def __init__(self, bench: Bench, scale: Scale | None) -> None:
        model = bench.get("model")
        self._model: weakref.ref[nn.Module] = weakref.ref(model)
        self._rest = bench.replace(model=None, batch=None, optimizer=None, scheduler=None, trace=None)
        self._scale = scale
        self._entries: tuple[Entry, ...] = ()
        loader, name = bench.train_loader, bench.name("train_loader")
        if bench.batch is not None or loader is None:
            batch = bench.get("batch")
            self._stream = Stream(lambda: iter([batch]))
        else:
            self._stream = Stream(lambda: read(loader, name), [loader])

    def first(self, bench: Bench) -> tuple[Bench, Page]:
        """The bench with the first batch, which remembers what went in, and the page; inside `bench.untouched()`."""
        judged = bench.replace(batch=self._stream.read(0))
        given = judged.once(fed)
        self._entries = given.entries
        return judged, page(judged, given, self._scale)

    def page(self, number: int) -> Page | None:
        """A later batch, read as the first is; None after the last. Run it inside `bench.untouched()`."""
        bench, batch = self._whole(), self._stream.read(number)
        if batch is END:
            return None
        given = take(bench, batch, whole=False)
        return page(bench, replace(given, entries=self._entries), self._scale)

    def further(self, number: int) -> Page | None:
        """The same at any time, with everything of the user's afterwards as it was.

        Raises BadInput where the model is no more, and what the loader raises.
        """
        with self._whole().untouched():
            return self.page(number)

    @property
    def length(self) -> int | None:
        """How many batches there are; None until the last has been read."""
        return self._stream.length

    def _whole(self) -> Bench:
        model = self._model()
        if model is None:
            raise BadInput("the model that these batches go into is no more; run the cell again")
        return self._rest.replace(model=model)
