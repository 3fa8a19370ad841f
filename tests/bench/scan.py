"""Reading a data set once, against one hash over its bytes, pandas, cleanlab and ydata-profiling on the same rows.

Libraries that cannot read a million rows in minutes are given fewer, and their seconds are multiplied by the rows that
are left out, which favours them: none is faster than linear. What was given is told.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import io
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import xxhash

from nbrecipe.scan.counts.copies import Copies
from nbrecipe.scan.reading import Scan, scan
from nbrecipe.scan.seen import inspection
from nbrecipe.scan.sources.opening import open_source

from .paired import keep_freed_memory, seconds

ROWS, FEW, FEWER = 1_000_000, 100_000, 5_000
Data = dict[str, Any]


def rows() -> Iterator[tuple[str, str, str]]:
    keep_freed_memory()
    for name, make in (("28 x 28 uint8", images), ("50 floats", table), ("texts", texts)):
        yield from _of(name, make)
    yield _exponent()


def images(rows: int) -> Data:
    generator = np.random.default_rng(0)
    return {"x": generator.integers(0, 256, (rows, 28, 28), np.uint8), "label": generator.integers(0, 10, rows)}


def table(rows: int) -> Data:
    generator = np.random.default_rng(0)
    return {"x": generator.standard_normal((rows, 50), np.float32), "label": generator.integers(0, 10, rows)}


def texts(rows: int) -> Data:
    """Eight words each, as often as words are."""
    generator = np.random.default_rng(0)
    words = np.array([f"word{i}" for i in range(20_000)], object)
    drawn = words[np.minimum(generator.zipf(1.3, (rows, 8)), 20_000) - 1]
    return {"x": [" ".join(row) for row in drawn], "label": generator.integers(0, 2, rows)}


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
    yield "  memory on top of the data", f"{_memory(make.__name__):.0f} MB", "1000 MB"
    for library, limit, work, count in _others(make):
        if work is None:
            yield f"  {library}: not installed", "", ""
            continue
        with _quiet():
            theirs = seconds(work) * ROWS / count
        given = "" if count == ROWS else f", {count} rows given"
        yield f"  {library} ({theirs:.0f} s{given})", f"{theirs / ours:.1f} x our time", limit


def _others(make: Callable[[int], Data]) -> Iterator[tuple[str, str, Callable[[], object] | None, int]]:
    few = make(FEW)
    yield "pandas describe and duplicated", "", lambda: _pandas(few), FEW
    fewer = make(FEWER)
    if isinstance(fewer["x"], np.ndarray):
        yield "cleanlab Datalab", "at least 10 x", _datalab(fewer), FEWER
    there = importlib.util.find_spec("ydata_profiling") is not None
    yield "ydata-profiling", "at least 10 x", (lambda: _profile(fewer)) if there else None, FEWER


def _frame(data: Data) -> Any:
    import pandas as pd

    values = data["x"]
    frame = pd.DataFrame(values.reshape(len(values), -1) if isinstance(values, np.ndarray) else {"x": values})
    return frame.assign(label=data["label"])


def _pandas(data: Data) -> None:
    frame = _frame(data)
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


def _profile(data: Data) -> None:
    from ydata_profiling import ProfileReport

    ProfileReport(_frame(data), minimal=True, progress_bar=False).to_html()


def _memory(name: str) -> float:
    """Megabytes that a process of its own has at the most, while it reads, above what it had before."""
    code = f"from tests.bench import scan; print(scan.growth(scan.{name}(scan.ROWS)))"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def growth(data: Data) -> float:
    """What `_memory` asks for, in this process."""
    read({"x": data["x"][:5000], "label": data["label"][:5000]})  # what is imported
    gc.collect()
    before, most = _anonymous(), 0.0

    def seen(rows: int) -> None:
        nonlocal most
        most = max(most, _anonymous())

    done = read(data, seen)
    most = max(most, _anonymous())
    del done
    return most - before


def _anonymous() -> float:
    with open("/proc/self/status") as status:  # noqa: PTH123
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("RssAnon"))


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
