"""A data set read by several processes: the same numbers as by one, also where a worker is killed."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time

import numpy as np
import pytest

import nbrecipe
from nbrecipe.batches import BadInput
from nbrecipe.scan import reading
from nbrecipe.scan.cluster import connected, packed_source, scan_on
from nbrecipe.scan.reading import scan
from nbrecipe.scan.sources.opening import open_source

distributed = pytest.importorskip("distributed")
cloudpickle = pytest.importorskip("cloudpickle")
cloudpickle.register_pickle_by_value(sys.modules[__name__])
ROWS, PART = 6000, 500


class Slow:
    """Texts, numbers and labels; some rows raise, and each takes its time."""

    def __init__(self, pause=0.0, log=None):
        self.pause, self.log = pause, log

    def __len__(self):
        return ROWS

    def __getitem__(self, row):
        if row % 50 == 0:
            time.sleep(self.pause)
        if self.log is not None and row % PART == PART - 1:
            with open(f"{self.log}/{row}", "a") as file:  # noqa: PTH123
                file.write("x")
        if row % 1777 == 5:
            raise OSError(f"cannot read {row}")
        text = f"word{row % 700} word{row % 13} http://x" if row % 9 else "  GONE  "
        return {"x": np.sin(np.arange(5.0) * (row % 997)), "text": text, "label": row % 3}


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(
        n_workers=3, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=None
    ) as made:
        yield made


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(reading, "PART", PART)


def address(cluster):
    return cluster.scheduler_address.replace("tcp://", "dask://")


def same_numbers(left, right):
    assert (left.rows, left.unread, left.named) == (right.rows, right.unread, right.named)
    assert left.spreads.keys() == right.spreads.keys()
    for name in left.spreads:
        for key, value in vars(left.spreads[name]).items():
            np.testing.assert_array_equal(value, getattr(right.spreads[name], key))
    assert left.words.keys() == right.words.keys()
    for name, words in left.words.items():
        other = right.words[name]
        assert (words.distinct, words.words, words.most(50)) == (other.distinct, other.words, other.most(50))
        assert (words.habits, words.named) == (other.habits, other.named)
    assert (left.labels and vars(left.labels)) == (right.labels and vars(right.labels))
    for mine, theirs in zip(left.copies.table(), right.copies.table(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    mine, theirs = left.sample.block(), right.sample.block()
    np.testing.assert_array_equal(mine.rows, theirs.rows)
    np.testing.assert_array_equal(mine.columns["x"], theirs.columns["x"])
    assert mine.columns.get("text") == theirs.columns.get("text")


def test_workers_of_a_cluster_find_the_numbers_of_one_process(cluster):
    source = open_source(Slow(), "x")
    told = []
    there = scan_on(connected(address(cluster)), source, seen=told.append)
    assert there.whole
    assert told[-1] == there.rows == ROWS - 4
    same_numbers(there.part, scan(source).part)


def test_a_worker_that_is_killed_loses_nothing(cluster, tmp_path):
    source = open_source(Slow(pause=0.05, log=tmp_path), "x")
    killed = []

    def kill():
        time.sleep(1.0)
        pid = next(iter(cluster.workers.values())).pid
        os.kill(pid, signal.SIGKILL)
        killed.append(pid)

    killer = threading.Thread(target=kill)
    killer.start()
    there = scan_on(connected(address(cluster)), source)
    killer.join()
    assert killed
    assert there.seconds > 1.0  # it was still being read
    assert there.whole
    same_numbers(there.part, scan(open_source(Slow(), "x")).part)
    read = [len(file.read_text()) for file in tmp_path.iterdir()]
    assert len(read) == ROWS // PART
    assert set(read) <= {1, 2}  # what was lost was read again, once


def test_what_cannot_be_shared_out_is_told_in_one_sentence(cluster):
    with pytest.raises(BadInput, match="`x` is a stream, which is read in its order by one process"):
        scan_on(connected(address(cluster)), open_source({1: 2}.keys(), "x"))
    broken = Slow()
    broken.lock = threading.Lock()
    with pytest.raises(BadInput, match="`x` cannot be sent to other processes: TypeError: cannot pickle"):
        packed_source(open_source(broken, "x"))
    with pytest.raises(BadInput, match=r"a cluster is named as dask://HOST:PORT or ray://HOST:PORT; `here` was given"):
        connected("here")
    with pytest.raises(BadInput, match="more than 1 examples of `x` cannot be read; row 5: OSError: cannot read 5"):
        scan_on(connected(address(cluster)), open_source(Slow(), "x"), max_errors=1)


def test_the_twin_takes_a_cluster(cluster):
    here = nbrecipe.inspect_data({"x": [[float(i), 1.0, i % 7] for i in range(2000)]})
    there = nbrecipe.inspect_data({"x": [[float(i), 1.0, i % 7] for i in range(2000)]}, on=address(cluster))
    same_numbers(here.scans[0].part, there.scans[0].part)


def test_a_missing_library_is_named_with_what_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "distributed", None)
    for kind in ("dask", "ray"):
        with pytest.raises(BadInput, match=rf'is missing: `pip install "nbrecipe\[{kind}\]"` brings it'):
            connected(f"{kind}://nowhere:1")(b"")


def test_a_part_can_be_sent():
    part = scan(open_source(Slow(), "x")).part
    same_numbers(pickle.loads(pickle.dumps(part)), part)
