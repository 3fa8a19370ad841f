"""Run by the image's own Python: a server as `start` starts it, each notebook in a kernel of that server, as JSON.

Without a network, where the system lets us take it away.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import psutil
from jupyter_client import BlockingKernelClient
from jupyter_core.paths import jupyter_runtime_dir

CELL = 600  # seconds that a cell may take: a loaded machine is not what is measured


def loopback_up() -> None:
    """In a network of its own a process does not even reach itself."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        up = struct.pack("16sh", b"lo", 1 | 64)  # IFF_UP and IFF_RUNNING
        fcntl.ioctl(probe, 0x8914, up)  # SIOCSIFFLAGS


class Server:
    """JupyterLab, as a container starts it."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url, self.token = f"http://127.0.0.1:{port}", secrets.token_hex(8)
        options = ["--no-browser", "--ip=127.0.0.1", f"--port={port}", "--allow-root", "--ServerApp.port_retries=0",
                   f"--IdentityProvider.token={self.token}"]  # fmt: skip
        begun = time.monotonic()
        self.process = psutil.Popen(
            ["binder/start", "jupyter", "lab", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while True:
            try:
                self.ask("GET", "status")
                break
            except OSError:
                if self.process.poll() is not None or time.monotonic() - begun > 120:
                    raise SystemExit("the server does not start") from None
                time.sleep(0.2)
        self.seconds = time.monotonic() - begun

    def ask(self, method: str, path: str, body: object = None) -> dict:
        """One call of the server's API."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"token {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/api/{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"{}")

    def peak(self) -> float:
        return peak_of(self.process)


def peak_of(process: psutil.Process) -> float:
    """The most that a process held, in MB."""
    status = Path(f"/proc/{process.pid}/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


def run(server: Server, path: str) -> dict:
    """Every cell of a notebook; what it took and, where one failed, its error."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    before = {child.pid for child in server.process.children(recursive=True)}
    asked = {"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}}
    session = server.ask("POST", "sessions", asked)
    client = BlockingKernelClient(
        connection_file=str(Path(jupyter_runtime_dir(), f"kernel-{session['kernel']['id']}.json"))
    )
    client.load_connection_file()
    client.start_channels()
    begun, error = time.monotonic(), ""
    client.kernel_info(reply=True, timeout=120)
    for number, cell in enumerate(cells, 1):
        may_fail = "raises-exception" in cell.metadata.get("tags", ())
        reply = client.execute_interactive(
            cell.source, output_hook=lambda message: None, allow_stdin=False, timeout=CELL, stop_on_error=False
        )
        if reply["content"]["status"] == "error" and not may_fail:
            error = f"cell {number}: {reply['content']['ename']}: {reply['content']['evalue']}"
            break
    seconds = time.monotonic() - begun
    mine = [child for child in server.process.children(recursive=True) if child.pid not in before]
    took = {
        "seconds": seconds,
        "processor": sum(sum(child.cpu_times()[:4]) for child in mine),
        "kernel": sum(peak_of(child) for child in mine),
        "server": server.peak(),
        "error": error,
        "cells": len(cells),
    }
    client.stop_channels()
    server.ask("DELETE", f"sessions/{session['id']}")
    return took


def main() -> None:
    if os.environ.get("NO_NETWORK"):
        loopback_up()
    server = Server()
    try:
        found = {path: run(server, path) for path in sys.argv[1:]}
        print(json.dumps({"start": server.seconds, "notebooks": found}))
    finally:
        server.process.send_signal(signal.SIGINT)
        server.process.terminate()
        server.process.wait(30)


if __name__ == "__main__":
    main()
