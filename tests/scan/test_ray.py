"""A data set read by the workers of a Ray cluster, of which one is killed: the same numbers as by one process."""

from __future__ import annotations

import os
import signal
import threading
import time

import clustered
import pytest
from clustered import PART, ROWS, Slow, same_numbers

from nbrecipe.batches import BadInput
from nbrecipe.scan import cluster, reading
from nbrecipe.scan.cluster import scan_on
from nbrecipe.scan.reading import scan
from nbrecipe.scan.sources.opening import open_source

ray = pytest.importorskip("ray", reason='Ray is not installed: `pip install "nbrecipe[ray]"` brings it')
cloudpickle = pytest.importorskip("cloudpickle")
cloudpickle.register_pickle_by_value(clustered)


@pytest.fixture(scope="module")
def address():
    """That of a cluster of one machine with three processes that read."""
    slow = {"RAY_raylet_start_wait_time_s": "60", "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
    with pytest.MonkeyPatch.context() as patched:
        for name, value in slow.items():
            patched.setenv(name, value)
        try:
            ray.init(num_cpus=3, include_dashboard=False, object_store_memory=100 << 20)
        except Exception as error:  # a busy machine may take longer than Ray waits
            pytest.skip(f"no Ray cluster can be started here: {error}")
        ray.cloudpickle.register_pickle_by_value(clustered)
        yield ray.get_runtime_context().gcs_address
        ray.shutdown()


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(reading, "PART", PART)


def others(folder):
    """The processes that have read a part to its end, part by part, this one left out, which reads the first rows."""
    pids = [int(pid) for file in folder.iterdir() for pid in file.read_text().split()]
    return [pid for pid in pids if pid != os.getpid()]


@pytest.mark.timeout(600)
def test_workers_of_ray_find_the_numbers_of_one_process_though_one_is_killed(address, tmp_path):
    killed = []

    def kill():
        while not others(tmp_path):
            time.sleep(0.2)
        killed.append(others(tmp_path)[0])
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    there = scan_on(lambda plain: cluster.Ray(address, plain), open_source(Slow(pause=0.2, log=tmp_path), "x"))
    killer.join(60)
    assert killed
    assert there.whole
    same_numbers(there.part, scan(open_source(Slow(), "x")).part)
    assert len(list(tmp_path.iterdir())) == ROWS // PART
    assert len(set(others(tmp_path))) > 1
    assert len(others(tmp_path)) <= ROWS // PART + 1  # what was lost was read again, once


def test_where_nothing_answers_it_is_said(monkeypatch):
    def refused(*given, **named):
        raise ConnectionError("ray client connection timeout")

    monkeypatch.setattr(ray, "init", refused)
    with pytest.raises(BadInput, match="no Ray cluster answers at ray://nowhere:1: ConnectionError: ray client"):
        cluster.Ray("ray://nowhere:1", b"")
