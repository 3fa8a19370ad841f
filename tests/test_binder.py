"""The environment that Binder and the commands of the README share."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
BINDER = ROOT / "binder"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PYTHONS = ("3.10", "3.11", "3.12")


def pinned(python: str) -> dict[str, str]:
    """The version of every package that the constraints name for this Python."""
    pins: dict[str, str] = {}
    for line in (BINDER / "constraints.txt").read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        pin = Requirement(line)
        (exact,) = pin.specifier
        assert exact.operator == "==", f"{line}: exact versions only"
        if pin.marker is None or pin.marker.evaluate({"python_version": python}):
            assert pin.name not in pins, f"{pin.name} is pinned twice for Python {python}"
            pins[canonicalize_name(pin.name)] = exact.version
    return pins


@pytest.mark.parametrize("python", PYTHONS)
def test_every_dependency_has_an_exact_version_within_its_range(python):
    asked = [*PROJECT["dependencies"], *(line for extra in PROJECT["optional-dependencies"].values() for line in extra)]
    requirements = [Requirement(line) for line in asked]
    pins = pinned(python)
    for asked in requirements:
        if asked.name != "nbrecipe":
            assert asked.specifier.contains(pins[canonicalize_name(asked.name)]), asked


def test_the_package_itself_asks_for_ranges_that_start_at_a_version_and_never_end():
    for line in PROJECT["dependencies"]:
        assert [part.operator for part in Requirement(line).specifier] == [">="], line


def test_colab_keeps_its_own_ipython():
    asked = {r.name: r.specifier for r in map(Requirement, PROJECT["dependencies"])}
    assert asked["ipython"].contains("7.34.0")
    assert asked["ipywidgets"].contains("7.7.1")
    assert "ipykernel" not in asked


def test_binder_installs_this_package_with_the_exact_versions_and_torch_for_the_cpu():
    lines = (BINDER / "requirements.txt").read_text("utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        "--extra-index-url https://download.pytorch.org/whl/cpu",
        "-c constraints.txt",  # beside this file
        "-e .[lab,data]",  # from the root; it also makes Binder copy the repository before it installs
    ]


def test_binder_has_a_python_that_the_exact_versions_are_for():
    python = re.fullmatch(r"python-(3\.\d+)\n", (BINDER / "runtime.txt").read_text("utf-8"))
    assert python
    assert python[1] in PYTHONS


@pytest.mark.parametrize("name", ["postBuild", "start"])
def test_binders_scripts_can_be_run(name):
    script = BINDER / name
    assert script.read_text("utf-8").startswith("#!/bin/bash\n")
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", script], check=True)


def test_the_start_script_ends_in_what_it_was_asked_to_start():
    done = subprocess.run(
        [BINDER / "start", sys.executable, "-c", "import os; print(os.environ['OMP_NUM_THREADS'])"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1\n"
