"""A data set read by way of ray://, by the workers of a Ray cluster, of which one is killed: the numbers of one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import clustered
import numpy as np
import pytest
from clustered import PART, ROWS, Slow, same_numbers

import nbrecipe
from nbrecipe.batches import BadInput
from nbrecipe.scan import cluster, reading
from nbrecipe.scan.cluster import connected, scan_on
from nbrecipe.scan.reading import scan
from nbrecipe.scan.sources.opening import open_source

ray = pytest.importorskip("ray", reason='Ray is not installed: `pip install "nbrecipe[ray]"` brings it')
cloudpickle = pytest.importorskip("cloudpickle")
cloudpickle.register_pickle_by_value(clustered)

#: seconds in which a head has to answer, and what lets it take its time on a busy machine
STARTS = 180
SLOW = {
    "RAY_raylet_start_wait_time_s": str(STARTS), "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled",
    "GRPC_ENABLE_FORK_SUPPORT": "0",  # with it a process that the head begins for a client may die at once
}  # fmt: skip


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """ray://HOST:PORT of a head of its own, with three processes that read, which ends with the tests."""
    port, home = free_port(), tmp_path_factory.mktemp("ray")
    here = os.pathsep.join([str(Path(nbrecipe.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", f"--port={free_port()}",
               f"--ray-client-server-port={port}", "--num-cpus=3", "--include-dashboard=false",
               "--object-store-memory=100000000"]  # fmt: skip
    with (home / "log").open("w") as log, pytest.MonkeyPatch.context() as patched:
        for name, value in SLOW.items():
            patched.setenv(name, value)
        head = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True,
                                env={**os.environ, "PYTHONPATH": here})  # fmt: skip
        try:
            _wait_for(port, head, home / "log")
            yield f"ray://127.0.0.1:{port}"
        finally:
            ray.shutdown()
            head.terminate()  # takes all that it has started with it
            try:
                head.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(head.pid, signal.SIGKILL)


def _wait_for(port, head, log):
    end = time.monotonic() + STARTS
    while time.monotonic() < end and head.poll() is None:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.5)
    pytest.skip(f"no Ray cluster can be started here: {log.read_text()[-300:]}")


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
    there = scan_on(connected(address), open_source(Slow(pause=0.2, log=tmp_path), "x"))
    killer.join(60)
    assert killed
    assert there.whole
    assert not ray.is_initialized(), "the connection was made for this, and is let go"
    same_numbers(there.part, scan(open_source(Slow(), "x")).part)
    assert len(list(tmp_path.iterdir())) == ROWS // PART
    assert len(set(others(tmp_path))) > 1
    assert len(others(tmp_path)) <= ROWS // PART + 1  # what was lost was read again, once


@pytest.mark.timeout(600)
def test_a_connection_that_is_there_is_used_and_stays(address):
    data = {"x": np.random.default_rng(0).random((3 * PART, 4))}
    ray.init(address, log_to_driver=False)
    there = nbrecipe.inspect_data(data, on=address)
    assert ray.is_initialized()
    same_numbers(there.scans[0].part, nbrecipe.inspect_data(data).scans[0].part)
    told = r"Ray is connected with 127\.0\.0\.1:\d+ already: `ray.shutdown\(\)` lets go of it"
    with pytest.raises(BadInput, match=told):
        nbrecipe.inspect_data(data, on="ray://elsewhere:1")
    assert ray.is_initialized()
    ray.shutdown()


def test_where_nothing_answers_it_is_said(monkeypatch):
    asked = []

    def refused(address, **named):
        asked.append(address)
        raise ConnectionError("ray client connection timeout")

    monkeypatch.setattr(ray, "init", refused)
    with pytest.raises(BadInput, match="no Ray cluster answers at ray://nowhere:1: ConnectionError: ray client"):
        connected("ray://nowhere:1")(b"")
    assert asked == ["ray://nowhere:1"]


def test_a_head_whose_process_dies_as_it_begins_is_asked_again(monkeypatch):
    asked = []

    def dies(address, **named):
        asked.append(address)
        raise ConnectionAbortedError("Initialization failure from server:")

    monkeypatch.setattr(ray, "init", dies)
    with pytest.raises(BadInput, match="no Ray cluster answers at ray://here:1: ConnectionAbortedError: Init"):
        connected("ray://here:1")(b"")
    assert asked == ["ray://here:1"] * cluster.TRIES
