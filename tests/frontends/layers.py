"""Environments with other versions of Jupyter than this one: theirs lie before everything that is installed here."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from packaging.requirements import Requirement

#: what the tests may be unable to reach, told as a reason to skip
NO_INDEX = "no package index is reachable from here"
BASE = Path(__file__).with_name("binder_base.txt")
#: what Colab runs: its kernel, its shell, its widgets, and what these need that newer ones do not
COLAB = [
    "ipython==7.34.0", "ipykernel==6.17.1", "ipywidgets==7.7.1", "traitlets==5.7.1", "jupyter-client==7.4.9",
    "decorator==4.4.2", "backcall==0.2.0", "pickleshare==0.7.5", "nest-asyncio==1.6.0", "entrypoints==0.4",
    "ipython-genutils==0.2.0",
]  # fmt: skip
#: of Binder's own versions, those that a kernel imports
KERNEL = {
    "ipython", "ipykernel", "ipywidgets", "traitlets", "comm", "jupyter-client", "jupyter-core", "matplotlib-inline",
    "tornado", "pyzmq", "jedi", "prompt-toolkit", "nest-asyncio", "jupyterlab-widgets", "widgetsnbextension",
    "decorator", "pygments", "stack-data", "pure-eval", "executing", "asttokens", "psutil", "packaging",
    "python-dateutil",
}  # fmt: skip


class NoIndex(Exception):
    """Nothing could be installed; the reason, as the installer tells it."""


def binder_base() -> dict[str, str]:
    """The version of every Python package that Binder's image has before it is given any, by its name."""
    lines = [line for line in BASE.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return {(pin := Requirement(line)).name: next(iter(pin.specifier)).version for line in lines}


def binder() -> list[str]:
    """Those of Binder's own versions that a kernel imports."""
    return [f"{name}=={version}" for name, version in binder_base().items() if name in KERNEL]


def environment(folder: Path, pins: list[str], *, alone: bool = False) -> Path:
    """A new environment with these packages and, unless `alone`, all that is installed here behind them; its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    home = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    _install(python, home, pins)
    if not alone:  # with what is installed here for development, which lies elsewhere and is named in .pth files
        here = sysconfig.get_path("purelib")
        (home / "zz_behind.pth").write_text(f"import site; site.addsitedir({here!r})\n", encoding="utf-8")
    return python


def _install(python: Path, home: Path, pins: list[str]) -> None:
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    command = (
        [uv, "pip", "install", "--quiet", "--no-deps", "--python", str(python), *pins]
        if uv
        else [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(home), *pins]
    )
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoIndex(f"{NO_INDEX}: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else command[0]}")
