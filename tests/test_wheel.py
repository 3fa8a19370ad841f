"""What is shipped: the wheel holds every file of the package and works away from the repository."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "nbrecipe"
LOAD = """
import nbrecipe
print(nbrecipe.__file__)
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell()
shell.run_line_magic("load_ext", "nbrecipe")
print("check_init" in shell.magics_manager.magics["line"])
from nbrecipe.registry import all_checks
print(len(all_checks()))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_the_package_whole_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    shipped = {name for name in names if not name.partition("/")[0].endswith(".dist-info")}
    source = {path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert shipped == {path.relative_to(ROOT).as_posix() for path in source}
    assert {Path(name).suffix for name in shipped} >= {".py", ".js", ".css", ".typed"}


def test_the_wheel_names_its_licence_and_its_command(wheel):
    archive = zipfile.ZipFile(wheel)
    told = {name.rpartition("/")[2]: archive.read(name).decode() for name in archive.namelist() if "dist-info" in name}
    assert "License-Expression: BSD-3-Clause" in told["METADATA"]
    assert "nbrecipe contributors" in told["LICENSE"]
    assert "nbrecipe = nbrecipe.cli:main" in told["entry_points.txt"]


def test_the_extension_loads_from_the_wheel_alone(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    environment = {"PYTHONPATH": str(tmp_path / "site"), "PATH": "", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", LOAD], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    place, _, loaded, checks = done.stdout.split("\n")[:4]
    assert Path(place).is_relative_to(tmp_path / "site"), "not from the repository"
    assert loaded == "True"
    assert int(checks) > 0
