"""Binder's image as far as it can be built without Docker: its size, every notebook in it, and the first click."""

from __future__ import annotations

import socket
import subprocess
import sys
import time

import pytest

from tests.bench import binder
from tests.frontends import layers
from tests.notebook.test_lab import FILM, READY, SCRUB, shot

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the image has Python 3.11"),
]


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    try:
        return binder.build(tmp_path_factory.mktemp("binder"))
    except layers.NoIndex as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def found(image):
    told = binder.run(image)
    print(*(" | ".join(row) for row in binder.figures(image, told)), sep="\n")
    return told


def test_the_image_is_smaller_than_three_gigabytes(image):
    assert image.whole < binder.MOST_IMAGE


def test_nothing_that_the_image_has_is_replaced_and_all_that_is_added_is_pinned(image):
    listed = [image.python, "-m", "pip", "list", "--format=freeze", "--exclude-editable"]
    lines = subprocess.run(listed, capture_output=True, text=True, check=True, env=image.environment()).stdout.split()
    has = {(pair := line.split("=="))[0].lower().replace("_", "-"): pair[1].split("+")[0] for line in lines}
    base = layers.binder_base()
    assert {name: has.get(name) for name in base} == base
    pins = dict(line.split("==") for name in ("requirements", "torch") for line in binder_lines(name))
    assert {name: version for name, version in has.items() if name not in base} == pins


def binder_lines(name):
    return [line for line in (binder.ROOT / "binder" / f"{name}.txt").read_text("utf-8").splitlines() if "==" in line]


def test_every_notebook_runs_within_its_memory_and_time_and_downloads_nothing(found):
    assert len(found["notebooks"]) >= 6
    for name, took in found["notebooks"].items():
        assert not took["error"], name
        assert took["kernel"] + took["server"] <= binder.MOST_MEMORY, name
        assert took["processor"] <= binder.MOST_SECONDS, name


@pytest.mark.browser
def test_the_first_click_opens_a_notebook_that_is_trusted_and_asks_nothing(image, browser):
    environment = {**image.environment(), "CPU_LIMIT": "1"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["binder/start", "jupyter", "lab", "--no-browser", "--ip=127.0.0.1", f"--port={port}", "--allow-root",
               "--IdentityProvider.token=t", "--LabApp.expose_app_in_browser=True"]  # fmt: skip
    server = subprocess.Popen(command, cwd=image.repository, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        url = f"http://127.0.0.1:{port}"
        assert any(url in line for line in server.stderr), "it serves"
        page = browser.new_page(viewport={"width": 1300, "height": 900})
        begun = time.monotonic()
        page.goto(f"{url}/lab/tree/notebooks/00_quickstart.ipynb?token=t")
        page.evaluate(READY)
        print(f"from the click to a kernel that answers: {time.monotonic() - begun:.1f} s")
        page.wait_for_selector(".nbr-shot .nbr-film", timeout=60_000, state="attached")  # its script ran: it is trusted
        page.evaluate(SCRUB, 0)
        assert page.evaluate(f"{FILM}.dataset.step") == "0"
        assert page.locator(".jp-Dialog, .Toastify__toast").count() == 0
        shot(page, "binder-first-click")
        page.close()
    finally:
        server.terminate()
        server.wait(30)
