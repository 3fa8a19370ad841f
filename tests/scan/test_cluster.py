"""A data set read by several processes: the same numbers as by one, also where a worker is killed."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time

import clustered
import pytest
from clustered import PART, ROWS, Slow, same_numbers

import nbrecipe
from nbrecipe.batches import BadInput
from nbrecipe.scan import reading
from nbrecipe.scan.cluster import connected, packed_source, scan_on
from nbrecipe.scan.reading import scan
from nbrecipe.scan.sources.opening import open_source

distributed = pytest.importorskip("distributed")
cloudpickle = pytest.importorskip("cloudpickle")
cloudpickle.register_pickle_by_value(clustered)


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


def test_workers_of_a_cluster_find_the_numbers_of_one_process(cluster):
    source = open_source(Slow(), "x")
    told = []
    there = scan_on(connected(address(cluster)), source, seen=told.append)
    assert there.whole
    assert told[-1] == there.rows == ROWS - 4
    same_numbers(there.part, scan(source).part)


@pytest.mark.parametrize("kept", [8 << 20, 0])
def test_a_worker_that_is_killed_loses_nothing(cluster, tmp_path, kept, monkeypatch):
    monkeypatch.setattr("nbrecipe.scan.cluster.KEPT", kept)  # nothing is small: the source goes to the workers
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
    read = [len(file.read_text().split()) for file in tmp_path.iterdir()]
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
