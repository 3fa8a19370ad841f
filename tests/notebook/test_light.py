"""Importing and loading cost next to nothing: no torch, no matplotlib, no widgets, at most 60 ms on top of IPython."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "matplotlib", "anywidget", "ipywidgets", "numpy")
#: milliseconds on top of IPython
LIMIT = 60
PROGRAM = """
import sys, time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
start = time.perf_counter()
{action}
cost = 1000 * (time.perf_counter() - start)
print("ANSWER", cost, *(name for name in {heavy} if name in sys.modules))
"""
LOAD = 'import nbrecipe; shell.run_line_magic("load_ext", "nbrecipe")'


def measure(action: str) -> tuple[float, list[str]]:
    """The fastest of three fresh processes, in ms, and the heavy modules loaded."""
    answers = []
    for _ in range(3):
        program = PROGRAM.format(action=action, heavy=HEAVY)
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        answers.append(done.stdout.split("ANSWER")[1].split())
    return min(float(answer[0]) for answer in answers), answers[0][1:]


def judge(action: str) -> None:
    cost, heavy = measure(action)
    assert not heavy, f"loads {heavy}"
    assert cost <= LIMIT, f"costs {cost:.0f} ms"


def test_import_and_load_are_light():
    judge(LOAD)


@pytest.mark.parametrize(
    ("action", "complaint"), [(LOAD + "; import numpy", "loads"), (LOAD + "; time.sleep(0.1)", "costs")]
)
def test_a_heavy_or_slow_load_would_be_noticed(action, complaint):
    with pytest.raises(AssertionError, match=complaint):
        judge(action)
