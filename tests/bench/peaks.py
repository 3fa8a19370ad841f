"""The most memory that a whole `inspect_data` holds, with its checks, in a process of its own.

Counted is memory that is the process's own (RssAnon): pages of a file that is mapped are the system's, which takes
them back when it needs them.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from . import made

ROWS, MORE, PHOTOS = 1_000_000, 5_000_000, 2000


def above(kind: str) -> float:
    """Megabytes above those of the data, which lie in memory."""
    return _asked(f"above_here({kind!r})")


def on_disk() -> float:
    """Megabytes of the whole process, for 5 M x 50 floats in a file."""
    return _asked("on_disk_here()")


def streamed() -> float:
    """Megabytes of the whole process, for photographs of 224 x 224 in three colours, as floats, from a loader."""
    return _asked("streamed_here()")


def _asked(what: str) -> float:
    code = f"from tests.bench import peaks; print(peaks.{what})"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def above_here(kind: str) -> float:
    data = getattr(made, kind)(ROWS)
    most, before = _peak(data)
    return most - before


def on_disk_here() -> float:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.npy"
        written = np.lib.format.open_memmap(path, "w+", np.float32, (MORE, 50))
        for low in range(0, MORE, ROWS):
            written[low : low + ROWS] = np.random.default_rng(low).standard_normal((ROWS, 50), np.float32)
        del written
        return _peak(str(path), labels=np.random.default_rng(0).integers(0, 10, MORE))[0]


def streamed_here() -> float:
    from torch.utils.data import DataLoader, IterableDataset

    class Photos(IterableDataset[Any]):
        def __iter__(self) -> Iterator[Any]:
            generator = np.random.default_rng(0)
            for row in range(PHOTOS):
                yield generator.random((3, 224, 224), np.float32), row % 10

    return _peak(DataLoader(Photos(), batch_size=64))[0]


def _peak(data: Any, **given: Any) -> tuple[float, float]:
    """Megabytes at the most and before, with everything imported."""
    import nbrecipe

    nbrecipe.inspect_data(made.images(1000))
    gc.collect()
    before = most = anonymous()
    done = threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(0.005):
            most = max(most, anonymous())

    watching = threading.Thread(target=watch)
    watching.start()
    nbrecipe.inspect_data(data, **given)
    done.set()
    watching.join()
    return max(most, anonymous()), before


def anonymous() -> float:
    """Megabytes that are this process's own."""
    with open("/proc/self/status") as status:  # noqa: PTH123
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("RssAnon"))
