"""What is read from torch's loaders: passes, the order of batches, the labels in them."""

from __future__ import annotations

import math
import weakref
from dataclasses import dataclass
from threading import get_ident
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import BatchSampler, DataLoader, IterableDataset, RandomSampler, SequentialSampler
from torch.utils.data.dataloader import _BaseDataLoaderIter

from ..measures.facts import fingerprint, tensors
from ..record.data import LoaderSeen
from ..record.series import thin
from .patches import Patches

if TYPE_CHECKING:
    from ..watcher import Watcher

#: passes whose order is kept, and batches of each
PASSES, BATCHES = 6, 8
#: batches of a pass whose labels are counted, later ones where one looks closely, and different labels told apart
LABELLED, LABELS = 64, 1000


@dataclass
class Reading:
    """One pass over a loader."""

    seen: LoaderSeen
    iterator: weakref.ref[Any]
    drawn: int = 0


class Loaders:
    """Stands around the iteration of loaders."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._known: dict[int, tuple[Any, LoaderSeen]] = {}
        self._reading: dict[int, Reading] = {}
        #: the loader that gave the last batch
        self.last: LoaderSeen | None = None
        self._thread, self._looking = get_ident(), watcher.looking
        self._fresh = False

    def install(self, patches: Patches) -> None:
        """Replace what is called; `patches` puts it back."""
        loaders = self
        begin, after = DataLoader.__iter__, _BaseDataLoaderIter.__next__

        def __iter__(self: Any) -> Any:
            iterator = begin(self)
            if loaders._watcher.at_home():
                loaders._watcher.guarded(loaders._begun, self, iterator)
            return iterator

        def __next__(self: Any) -> Any:
            reading = loaders._reading.get(id(self))
            try:
                batch = after(self)
            except StopIteration:  # what was collected in the loop is judged after it
                watcher, read = loaders._watcher, reading is not None and not reading.seen.trained
                if read and not watcher.close and get_ident() == loaders._thread:
                    watcher.guarded(watcher.look_for_a_while)
                raise
            if reading is None or get_ident() != loaders._thread or reading.iterator() is not self:
                return batch
            seen = reading.seen
            seen.batches += 1
            reading.drawn += 1
            loaders.last, loaders._fresh = seen, True
            if loaders._looking.fine or loaders._watcher.close or reading.drawn <= BATCHES or not seen.trained:
                loaders._watcher.guarded(loaders._drew, reading, batch)
            return batch

        patches.put(DataLoader, "__iter__", __iter__)
        patches.put(_BaseDataLoaderIter, "__next__", __next__)

    def _begun(self, loader: Any, iterator: Any) -> None:
        known = self._known.get(id(loader))
        if known is None:
            if len(self._known) >= 64:
                return
            watcher = self._watcher
            seen = _seen(loader, watcher.names.of(loader, watcher.places.frame(4)))
            known = self._known[id(loader)] = (loader, seen)
            watcher.trace.loaders.append(seen)
            watcher.changed()
        seen = known[1]
        seen.passes += 1
        if not seen.place:
            seen.place = self._watcher.places.here(4)
        if seen.passes <= PASSES:
            seen.orders.append([])
            seen.leading.append([])
        self._reading = {key: reading for key, reading in self._reading.items() if reading.iterator() is not None}
        self._reading[id(iterator)] = Reading(seen, weakref.ref(iterator))

    def _drew(self, reading: Reading, batch: Any) -> None:
        seen, drawn = reading.seen, reading.drawn
        if drawn <= BATCHES and seen.passes <= PASSES:
            seen.orders[-1].append(fingerprint(batch))
        if seen.passes <= PASSES and (drawn <= LABELLED or seen.trained):
            self._labels(seen, batch)
        self._watcher.drew(seen)

    def _labels(self, seen: LoaderSeen, batch: Any) -> None:
        """Entropy of the labels of a batch, where its last tensor holds one whole number for each row."""
        held = list(tensors(batch))
        labels = held[-1] if held else None
        if labels is None or labels.ndim != 1 or labels.is_floating_point() or len(labels) < 2 or len(held) < 2:
            return
        values, number = torch.unique(labels, return_counts=True)
        share = number / number.sum()
        seen.label_entropy.add(seen.batches, max(0.0, float(-(share * share.log()).sum())))
        seen.leading[-1].append(int(values[number.argmax()]))
        thin(seen.leading[-1], 2 * LABELLED)
        for value, count in zip(values.tolist(), number.tolist(), strict=True):
            if value in seen.labels or len(seen.labels) < LABELS:
                seen.labels[value] = seen.labels.get(value, 0) + count

    def stale(self) -> None:
        """The last batch may have been taken by a call that was not looked at."""
        self._fresh = False

    def trained(self) -> None:
        """A backward was called: the batch before it was trained on."""
        self._fresh = False
        if self.last is not None:
            self.last.trained += 1

    def fresh(self) -> str:
        """The name of the loader that has just given a batch, asked once a batch."""
        fresh, self._fresh = self._fresh, False
        return self.last.name if fresh and self.last is not None else ""


def _seen(loader: Any, name: str) -> LoaderSeen:
    streams = isinstance(loader.dataset, IterableDataset)
    try:
        length = None if streams else len(loader)
        rows = None if streams else len(loader.dataset)
    except TypeError:
        length = rows = None
    sampler = getattr(loader, "sampler", None)
    plain = type(getattr(loader, "batch_sampler", None)) in (BatchSampler, type(None))
    in_order = isinstance(sampler, SequentialSampler) and plain
    shuffles = True if isinstance(sampler, RandomSampler) else False if in_order else None
    return LoaderSeen(name, type(loader).__name__, length, rows, loader.batch_size, None if streams else shuffles)


def entropy(labels: dict[int, int]) -> float:
    """Entropy in nats of labels with these counts."""
    whole = sum(labels.values())
    return -sum(n / whole * math.log(n / whole) for n in labels.values() if n) if whole else 0.0
