"""Reading a data set once, against one hash over its bytes, pandas, cleanlab and ydata-profiling on the same rows.

Libraries that cannot read a million rows in minutes are given fewer, and their seconds are multiplied by the rows that
are left out, which favours them: none is faster than linear. What was given is told.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import sys
from collections.abc import Callable, Iterator

import numpy as np
import xxhash

from nbrecipe.scan.counts.copies import Copies
from nbrecipe.scan.reading import Scan, scan
from nbrecipe.scan.seen import inspection
from nbrecipe.scan.sources.opening import open_source
from tests import bench

from . import made, peaks, profiled
from .made import Data
from .paired import keep_freed_memory, seconds

ROWS, PART, FEW = 1_000_000, 200_000, 20_000


def rows() -> Iterator[tuple[str, str, str]]:
    keep_freed_memory()
    for name, make in (("28 x 28 uint8", made.images), ("50 floats", made.table), ("texts", made.texts)):
        yield from _of(name, make)
    yield "memory of the process, 5 M x 50 floats in a .npy file", f"{peaks.on_disk():.0f} MB", "1000 MB"
    told = f"memory of the process, {peaks.PHOTOS} images of 3 x 224 x 224 floats from a loader"
    yield told, f"{peaks.streamed():.0f} MB", "1000 MB"
    yield _exponent()


def read(data: Data, seen: Callable[[int], None] = lambda rows: None) -> Scan:
    """What is timed: the whole reading, and what is shown of it."""
    done = scan(open_source(data, "x"), seen=seen)
    assert done.whole
    inspection([done])
    return done


def hashed(data: Data) -> int:
    """Exact copies, by one hash over the bytes of each row."""
    values = data["x"]
    plain = values.reshape(len(values), -1) if isinstance(values, np.ndarray) else map(str.encode, values)
    keys = np.fromiter(map(xxhash.xxh3_64_intdigest, plain), np.uint64, count=len(values))
    keys.sort()
    return int((keys[1:] == keys[:-1]).sum())


def copied(data: Data) -> int:
    """The same, as the reading does it: block by block, with the rows and the labels."""
    found = Copies()
    for block in open_source(data, "x").blocks():
        found.add(block, "label")
    return sum(len(group) - 1 for group in found.groups())


def _of(name: str, make: Callable[[int], Data]) -> Iterator[tuple[str, str, str]]:
    data = make(ROWS)
    read(make(10_000))  # what is imported and compiled once
    ours, plain = (
        min(seconds(lambda: read(data)) for _ in range(2)),
        min(seconds(lambda: hashed(data)) for _ in range(2)),
    )
    what = f"1 M x {name}"
    yield f"%inspect_data reads {what}", f"{ours:.1f} s", ""
    copies = min(seconds(lambda: copied(data)) for _ in range(2))
    yield f"  against one hash over the bytes ({plain:.1f} s)", f"{ours / plain:.1f} x", ""
    yield "  exact copies alone against that hash", f"{copies / plain:.1f} x", "3 x"
    yield "  memory on top of the data, with all checks", f"{peaks.above(make.__name__):.0f} MB", "1000 MB"
    yield from _profiles(make, ours)
    for library, limit, work, count in _others(make, data):
        if work is None:
            yield f"  {library}: not installed", "", ""
            continue
        with _quiet():
            theirs = seconds(work) * ROWS / count
        given = "" if count == ROWS else f", {count} rows given"
        yield f"  {library} ({theirs:.0f} s{given})", f"{theirs / ours:.1f} x our time", limit


def _others(make: Callable[[int], Data], data: Data) -> Iterator[tuple[str, str, Callable[[], object] | None, int]]:
    count = ROWS if make is not made.images else PART  # copies of 784 columns take gigabytes
    part = {name: values[:count] for name, values in data.items()}
    yield "pandas describe and duplicated", "", lambda: _pandas(part), count
    if isinstance(data["x"], np.ndarray):
        yield "cleanlab Datalab", "at least 10 x", _datalab(make(FEW)), FEW


def _profiles(make: Callable[[int], Data], ours: float) -> Iterator[tuple[str, str, str]]:
    """ydata-profiling on as many rows as it reads in a minute or two, against our time for as many."""
    python = bench.YDATA or sys.executable
    if not profiled.has(python):
        yield "  ydata-profiling: not installed; `--ydata PYTHON` names an interpreter that has it", "", ""
        return
    for (kind, mode), count in profiled.COUNTS.items():
        if kind != make.__name__:
            continue
        theirs, ended = profiled.seconds(python, kind, count, mode)
        if not ended:
            told = f"  ydata-profiling, {mode}, {count} rows: given up after {theirs:.0f} s"
            yield told, f"{theirs / ours:.1f} x our time for 1 M rows", "at least 10 x"
            continue
        few = make(count) if count < ROWS else None
        own = min(seconds(lambda given=few: read(given)) for _ in range(3)) if few is not None else ours
        told = f"  ydata-profiling, {mode}, {count} rows ({theirs:.0f} s)"
        yield told, f"{theirs / own:.1f} x our time for them ({own:.2f} s)", "at least 10 x"


def _pandas(data: Data) -> None:
    frame = made.frame(data)
    frame.describe(include="all")
    frame.duplicated()
    frame["label"].value_counts()


def _datalab(data: Data) -> Callable[[], object] | None:
    if importlib.util.find_spec("cleanlab") is None:
        return None
    from cleanlab import Datalab

    features = data["x"].reshape(len(data["x"]), -1).astype(np.float32)

    def work() -> None:
        Datalab({"x": features, "label": data["label"]}, label_name="label", verbosity=0).find_issues(features=features)

    return work


def _exponent() -> tuple[str, str, str]:
    """How seconds grow with rows."""
    counts = [10**4, 10**5, 10**6, 10**7]
    times = []
    for count in counts:
        generator = np.random.default_rng(0)
        data = {"x": generator.standard_normal((count, 10), np.float32), "label": generator.integers(0, 10, count)}
        times.append(min(seconds(lambda given=data: read(given)) for _ in range(3 if count < 10**7 else 1)))
    slope = float(np.polyfit(np.log(counts), np.log(times), 1)[0])
    told = ", ".join(f"{time:.2f} s" for time in times)
    return f"exponent over 1e4 to 1e7 rows of 10 floats ({told})", f"{slope:.2f}", "1.05"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)
