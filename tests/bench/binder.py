"""Binder's image without Docker: its own versions of Jupyter, then `binder/` as it is run there, then the notebooks.

The parts of the image that are no Python packages cannot be had here: they are estimated, and told beside what was
measured.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.frontends import layers

ROOT = Path(__file__).parents[2]
#: MB of buildpack-deps:24.04 (as docker-library/repo-info lists it); of Python, Node and their libraries, by the sizes
#: of like packages; and of conda, mamba and a second Python that install the rest
BENEATH, LIBRARIES, CONDA = 801, 330, 310
MOST_IMAGE, MOST_MEMORY, MOST_SECONDS = 3000, 900, 60


@dataclass(frozen=True)
class Image:
    """An environment as the image has it, the repository in it, and what building took."""

    python: Path
    repository: Path
    home: Path
    base: float
    size: float
    seconds: float

    @property
    def whole(self) -> float:
        """MB of the whole image, most of it measured."""
        return BENEATH + LIBRARIES + CONDA + self.size

    def environment(self) -> dict[str, str]:
        """What a process in the image sees."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "JUPYTER", "OMP_"))}
        path = f"{self.python.parent}{os.pathsep}{os.environ['PATH']}"
        return {**kept, "HOME": str(self.home), "PATH": path, "PIP_RETRIES": "0", "PIP_NO_CACHE_DIR": "1"}


def build(folder: Path) -> Image:
    """What `repo2docker` does for this repository; raises NoIndex, or CalledProcessError with what was printed."""
    repository, home = folder / "repository", folder / "home"
    home.mkdir()
    _copied(repository)
    pins = [f"{name}=={version}" for name, version in layers.binder_base().items()]
    python = layers.environment(folder / "image", pins, alone=True)
    image = Image(python, repository, home, _size(folder / "image"), 0, 0)
    begun = time.monotonic()
    for command in (
        [str(python), "-m", "pip", "install", "--no-cache-dir", "-r", "binder/requirements.txt"],
        ["binder/postBuild"],
    ):
        done = subprocess.run(
            command, cwd=repository, env=image.environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{command[-1]} fails: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    size = _size(folder / "image") + _size(home) + _size(repository)
    return Image(python, repository, home, image.base, size, time.monotonic() - begun)


def _copied(place: Path) -> None:
    """What git knows or would add, as a clone has it."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in names:
        if name and (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)


def _size(folder: Path) -> float:
    """MB of every file, links not followed."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir()) / 1e6


def run(image: Image) -> dict[str, Any]:
    """Every notebook in the image, without a network where the system can take it away; what each took."""
    alone = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode == 0
    names = sorted(str(path.relative_to(image.repository)) for path in image.repository.glob("notebooks/*.ipynb"))
    inside = [str(image.python), str(ROOT / "tests/frontends/inside_image.py"), *names]
    environment = {**image.environment(), **({"NO_NETWORK": "1"} if alone else {})}
    command = [*(["unshare", "--net"] if alone else []), *inside]
    done = subprocess.run(command, cwd=image.repository, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the notebooks do not run: {done.stderr[-2000:]}")
    return {"network": not alone, **json.loads(done.stdout.splitlines()[-1])}


def rows() -> Iterator[tuple[str, str, str]]:
    """(what, figure, limit): the size of the image, and what each notebook takes in it."""
    if sys.version_info[:2] != (3, 11):
        yield "Binder's image", f"not built: it has Python 3.11, here is {sys.version.split()[0]}", ""
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            image = build(Path(folder))
        except layers.NoIndex as reason:
            yield "Binder's image", f"not built: {reason}", ""
            return
        yield from figures(image, run(image))


def figures(image: Image, found: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The rows of one replay."""
    added = image.size - image.base
    yield "image: what is added", f"{added:.0f} MB in {image.seconds:.0f} s, to {image.base:.0f} MB of packages", ""
    told = f"{image.whole:.0f} MB, of which {image.whole - image.size:.0f} are estimated"
    yield "image: all of it", told, f"{MOST_IMAGE}"
    yield "server: start", f"{found['start']:.1f} s", ""
    network = "with a network" if found["network"] else "without a network"
    for name, took in found["notebooks"].items():
        memory = f"{took['kernel'] + took['server']:.0f} MB (kernel {took['kernel']:.0f}, server {took['server']:.0f})"
        time_told = f"{took['seconds']:.0f} s, {took['processor']:.0f} of the processor"
        yield (
            Path(name).stem,
            f"{memory}, {time_told}, {network}{took['error'] and '; ' + took['error']}",
            f"{MOST_MEMORY}",
        )
