"""Reading a data set once, against one hash over its bytes, pandas, cleanlab and ydata-profiling on the same rows.

Libraries that cannot read a million rows in a minute are given fewer: a line through their seconds for a fourth of
these rows and for all of them, drawn on to a million, is the least that they would take, since none is faster than
linear. One that is not through with a few rows after a while is given up, and that while is the least. What was given
is told.
"""

from __future__ import annotations

import contextlib
import functools
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

ROWS, PART, FEW = 1_000_000, 200_000, 10_000
#: makes so many rows, and gives what is timed
Work = Callable[[int], Callable[[], object]]


def rows() -> Iterator[tuple[str, str, str]]:
    keep_freed_memory()
    for name, make in (("28 x 28 uint8", made.images), ("50 floats", made.table), ("texts", made.texts)):
        yield from _of(name, make)
    yield "memory of the process, 5 M x 50 floats in a .npy file", f"{peaks.on_disk():.0f} MB", "1000 MB"
    yield "memory of the process, two splits of 5 M x 10 floats in files", f"{peaks.splits():.0f} MB", "1000 MB"
    for kind in ("float32", "uint8"):
        told = f"memory of the process, {peaks.LARGE} and {peaks.LARGE // 4} images of 3 x 1024 x 1024 {kind}"
        yield told, f"{peaks.large(kind):.0f} MB", "1000 MB"
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
    ours, plain, copies = _ours(make)
    yield f"%inspect_data reads 1 M x {name}", f"{ours:.1f} s", ""
    yield f"  against one hash over the bytes ({plain:.1f} s)", f"{ours / plain:.1f} x", ""
    yield "  exact copies alone against that hash", f"{copies / plain:.1f} x", "3 x"
    yield "  memory on top of the data, with all checks", f"{peaks.above(make.__name__):.0f} MB", "1000 MB"
    yield from _profiles(make, ours)
    for library, limit, work, count in _others(make):
        if work is None:
            yield f"  {library}: not installed", "", ""
            continue
        yield _against(library, lambda rows, given=work: _of_work(given(rows)), count, ours, limit)


def _ours(make: Callable[[int], Data]) -> tuple[float, float, float]:
    """Seconds of the whole reading, of one hash over the bytes, and of exact copies as the reading finds them."""
    data = make(ROWS)
    read(make(10_000))  # what is imported and compiled once
    read_whole, hash_once, find = (functools.partial(work, data) for work in (read, hashed, copied))
    return (
        min(seconds(read_whole) for _ in range(2)),
        min(seconds(hash_once) for _ in range(4)),
        min(seconds(find) for _ in range(4)),
    )


def _others(make: Callable[[int], Data]) -> Iterator[tuple[str, str, Work | None, int]]:
    """What other libraries do with so many rows."""
    count = ROWS if make is not made.images else PART  # copies of 784 columns take gigabytes
    yield "pandas describe and duplicated", "", lambda rows: _pandas(make(rows)), count
    if make is not made.texts:
        there = importlib.util.find_spec("cleanlab") is not None
        yield "cleanlab Datalab", "at least 10 x", (lambda rows: _datalab(make(rows))) if there else None, FEW


def _profiles(make: Callable[[int], Data], ours: float) -> Iterator[tuple[str, str, str]]:
    """ydata-profiling, which need not be installed here."""
    python = bench.YDATA or sys.executable
    if not profiled.has(python):
        yield "  ydata-profiling: not installed; `--ydata PYTHON` names an interpreter that has it", "", ""
        return
    for (kind, mode), count in profiled.COUNTS.items():
        if kind == make.__name__:
            theirs = functools.partial(profiled.seconds, python, kind, mode=mode)
            yield _against(f"ydata-profiling, {mode}", theirs, count, ours, "at least 10 x")


def _against(
    library: str, theirs: Callable[[int], float | None], count: int, ours: float, limit: str
) -> tuple[str, str, str]:
    """How long another library takes for a million rows, at least, over what we do."""
    took = theirs(count)
    if took is None:
        least, told = float(profiled.PATIENCE), f"given up after {profiled.PATIENCE} s, {count} rows given"
    elif count == ROWS:
        return f"  {library} ({took:.1f} s)", f"{took / ours:.1f} x our time", limit
    else:
        less = theirs(count // 4)
        slope = max(took - less, 0) / (count - count // 4) if less is not None else 0.0
        least, told = took + slope * (ROWS - count), f"{took:.1f} s for {count} rows"
        told += f", {less:.1f} s for {count // 4}" if less is not None else ""
    return f"  {library} ({told})", f"{least / ours:.1f} x our time, at least", limit


def _of_work(work: Callable[[], object]) -> float:
    with _quiet():
        return seconds(work)


def _pandas(data: Data) -> Callable[[], object]:
    frame = made.frame(data)

    def work() -> None:
        frame.describe(include="all")
        frame.duplicated()
        frame["label"].value_counts()

    return work


def _datalab(data: Data) -> Callable[[], object]:
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
