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

ROWS, MORE, PHOTOS, LARGE = 1_000_000, 5_000_000, 2000, 200


def above(kind: str) -> float:
    """Megabytes above those of the data, which lie in memory."""
    return _asked(f"above_here({kind!r})")


def on_disk() -> float:
    """Megabytes of the whole process, for 5 M x 50 floats in a file."""
    return _asked("on_disk_here()")


def splits() -> float:
    """Megabytes of the whole process, for two splits of 5 M x 10 floats, each in a file."""
    return _asked("splits_here()")


def large(kind: str) -> float:
    """Megabytes of the whole process, for two splits of images of 1024 x 1024 in three colours, of this type."""
    return _asked(f"large_here({kind!r})")


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
        path = _written(Path(folder) / "x.npy", 50)
        return _peak(path, labels=np.random.default_rng(0).integers(0, 10, MORE))[0]


def splits_here() -> float:
    with tempfile.TemporaryDirectory() as folder:
        return _peak(_written(Path(folder) / "train.npy", 10), val=_written(Path(folder) / "val.npy", 10, seed=1))[0]


def _written(path: Path, columns: int, seed: int = 0) -> str:
    written = np.lib.format.open_memmap(path, "w+", np.float32, (MORE, columns))
    for low in range(0, MORE, ROWS):
        written[low : low + ROWS] = np.random.default_rng([seed, low]).standard_normal((ROWS, columns), np.float32)
    return str(path)


def large_here(kind: str) -> float:
    from torch.utils.data import Dataset

    class Scans(Dataset[Any]):
        def __init__(self, rows: int, seed: int) -> None:
            self.rows, self.seed = rows, seed

        def __len__(self) -> int:
            return self.rows

        def __getitem__(self, row: int) -> Any:
            generator, shape = np.random.default_rng([self.seed, row]), (3, 1024, 1024)
            drawn = (
                generator.random(shape, np.float32) if kind == "float32" else generator.integers(0, 256, shape, "u1")
            )
            return drawn, row % 10

    return _peak(Scans(LARGE, 0), val=Scans(LARGE // 4, 1))[0]


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
