"""The environment that Binder and the commands of the README share."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.frontends.layers import binder_base

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


def lines_of(name: str) -> list[str]:
    return [line for line in (BINDER / name).read_text("utf-8").splitlines() if not line.startswith("#")]


def test_binder_adds_the_exact_versions_that_were_tested_and_leaves_its_own_jupyter_alone():
    python = (BINDER / "runtime.txt").read_text("utf-8").strip().removeprefix("python-")
    pins = pinned(python)
    added = dict(line.split("==") for line in lines_of("requirements.txt"))
    assert added == {name: pins[name] for name in added}
    assert set(added).isdisjoint(binder_base()), "one of Binder's own, tested with its server, would be replaced"
    asked = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
    assert asked <= {*added, *binder_base(), "torch"}, "a dependency is missing from the image"


def test_binders_own_versions_are_within_the_ranges_of_the_package():
    base = binder_base()
    for line in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["lab"]]:
        asked = Requirement(line)
        assert canonicalize_name(asked.name) not in base or asked.specifier.contains(base[asked.name]), line


def test_torch_comes_from_the_index_without_cuda_alone():
    assert lines_of("torch.txt") == [
        "--index-url https://download.pytorch.org/whl/cpu",
        f"torch=={pinned('3.11')['torch']}",
    ]


def test_nothing_in_the_first_layer_is_a_path_so_that_it_is_kept_from_commit_to_commit():
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines_of("requirements.txt"))
    assert "pip install --no-deps -e ." in (BINDER / "postBuild").read_text("utf-8")


def test_the_settings_are_those_that_jupyterlab_knows():
    """News are asked about at the first click, unless the setting of that name says otherwise."""
    import jupyterlab

    schemas = Path(sys.prefix) / "share/jupyter/lab/schemas"
    if not schemas.is_dir():  # an environment that is not its own prefix
        schemas = Path(jupyterlab.__file__).parent / "schemas"
    (plugin, settings), *others = json.loads((BINDER / "settings.json").read_text("utf-8")).items()
    assert others == []
    package, name = plugin.split(":")
    known = json.loads((schemas / package / f"{name}.json").read_text("utf-8"))["properties"]
    assert settings == {"fetchNews": "false", "checkForUpdates": False}
    assert "false" in [choice["const"] for choice in known["fetchNews"]["oneOf"]]
    assert known["checkForUpdates"]["type"] == "boolean"


def test_a_kernel_that_a_page_looks_at_is_never_ended():
    from jupyter_server.services.kernels.kernelmanager import MappingKernelManager

    (settings,) = json.loads((BINDER / "server.json").read_text("utf-8")).values()
    assert settings["cull_connected"] is False
    assert settings["cull_idle_timeout"] == 600  # as long as Binder lets a whole server idle
    assert {*settings} <= {*MappingKernelManager.class_trait_names(config=True)}


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_opens_with_the_kernel_that_is_there(path):
    """Another name would ask a student to choose one."""
    assert json.loads(path.read_text("utf-8"))["metadata"]["kernelspec"]["name"] == "python3"


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


@pytest.mark.parametrize(
    ("given", "threads"),
    [
        ({"CPU_LIMIT": "1"}, "1"),
        ({"CPU_LIMIT": "2.0"}, "2"),
        ({"CPU_LIMIT": "0.5"}, "1"),
        ({"CPU_LIMIT": ".5"}, "1"),
        ({"CPU_LIMIT": "8", "OMP_NUM_THREADS": "3"}, "3"),
    ],
)
def test_the_start_script_gives_a_thread_for_each_core_and_starts_what_it_was_asked_to(given, threads):
    bare = {name: value for name, value in os.environ.items() if name not in ("CPU_LIMIT", "OMP_NUM_THREADS")}
    command = [BINDER / "start", sys.executable, "-c", "import os; print(os.environ['OMP_NUM_THREADS'])"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**bare, **given})
    assert done.stdout == f"{threads}\n"


def test_repo2docker_builds_as_these_files_mean_it():
    """Packages first, then the repository, then what needs it; without Docker it writes what it would run."""
    options = ["--no-build", "--debug", "--user-id=1000", "--user-name=jovyan"]
    command = [sys.executable, "-m", "repo2docker", *options, str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    steps = [
        "environment-2epy-2d3-2e11-2dlinux",  # the lock for Python 3.11
        'pip install --no-cache-dir -r "binder/requirements.txt"',
        "COPY --chown=1000:1000 src/ ${REPO_DIR}/",
        "RUN ./binder/postBuild",
        'ENV R2D_ENTRYPOINT="${REPO_DIR}/binder/start"',
    ]
    written = done.stdout + done.stderr
    places = [written.find(step) for step in steps]
    assert -1 not in places, [step for step, place in zip(steps, places, strict=True) if place == -1]
    assert places == sorted(places)
