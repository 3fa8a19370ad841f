"""What all tests share: one thread each, a fresh IPython shell, a browser, a JupyterLab server.

No browser test skips where a browser is required.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

#: switches for a machine without display, GPU or network, and for running as root in a container
CHROMIUM_ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


# one process a core runs the tests; more threads than that only wait for each other
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """With NBRECIPE_REQUIRE_BROWSER=1 a browser test that skips has failed."""
    report = yield
    required = os.environ.get("NBRECIPE_REQUIRE_BROWSER") == "1"
    if required and report.skipped and item.get_closest_marker("browser") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and NBRECIPE_REQUIRE_BROWSER=1: {report.longrepr}"
    return report


@pytest.fixture
def ip():
    """An IPython shell of its own with the extension loaded; nothing of other tests reaches it, nor outlives it."""
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output
    from traitlets.config import Config

    _forget()
    config = Config()
    config.HistoryManager.enabled = False  # no file
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=config)
    with capture_output():
        shell.run_line_magic("load_ext", "nbrecipe")
    yield shell
    _forget()
    InteractiveShell.clear_instance()


def _forget():
    """A session of which nobody has run anything."""
    if "nbrecipe.verbs" in sys.modules:
        verbs = sys.modules["nbrecipe.verbs"]
        verbs.SESSION = type(verbs.SESSION)()
        sys.modules["nbrecipe.registry"].forget_written()


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium: that of the system, or the one `CHROMIUM` names."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no Chromium here: `apt-get install chromium`, or set CHROMIUM to its path")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        pytest.skip("no playwright here: `pip install playwright`")
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=path, headless=True, args=CHROMIUM_ARGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def lab(browser, tmp_path_factory):
    """A server of JupyterLab and Notebook 7 with a home of its own: (address, token, folder of notebooks)."""
    folder, home = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("home")
    settings = home / "config/lab/user-settings/@jupyterlab/apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews":"false","checkForUpdates":false}')
    dirs = {f"JUPYTER_{name.upper()}_DIR": str(home / name) for name in ("config", "data", "runtime")}
    env = {**os.environ, "HOME": str(home), "IPYTHONDIR": str(home / "ipython"), **dirs}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(8)
    command = [
        sys.executable, "-m", "jupyter", "lab", "--no-browser", "--ip=127.0.0.1", f"--port={port}", "--allow-root",
        "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}",
        "--LabApp.expose_app_in_browser=True", "--JupyterNotebookApp.expose_app_in_browser=True",
    ]  # fmt: skip
    log = home / "lab.log"
    with log.open("w") as out:
        server = subprocess.Popen(command, env=env, stdout=out, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            assert server.poll() is None, log.read_text()
            try:
                urllib.request.urlopen(f"{url}/api/status?token={token}", timeout=1).close()
                break
            except OSError:
                time.sleep(0.2)
        yield url, token, folder
    finally:
        server.terminate()
        server.wait(20)
