"""Importing and loading cost little beside IPython itself: no torch, no matplotlib, no widgets.

Both are measured in one process, as time of the processor: what else the machine does then changes neither.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "matplotlib", "anywidget", "ipywidgets", "numpy")
#: share of what IPython's own start costs; measured: 0.30 to 0.38
LIMIT = 0.6
PROGRAM = """
import sys, time
begun = time.process_time()
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
start = time.process_time()
{action}
cost = (time.process_time() - start) / (start - begun)
print("ANSWER", cost, *(name for name in {heavy} if name in sys.modules))
"""
LOAD = 'import nbrecipe; shell.run_line_magic("load_ext", "nbrecipe")'


def measure(action: str) -> tuple[float, list[str]]:
    """The least share of three fresh processes, and the heavy modules loaded."""
    answers = []
    for _ in range(3):
        program = PROGRAM.format(action=action, heavy=HEAVY)
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        answers.append(done.stdout.split("ANSWER")[1].split())
    return min(float(answer[0]) for answer in answers), answers[0][1:]


def judge(action: str) -> None:
    cost, heavy = measure(action)
    assert not heavy, f"loads {heavy}"
    assert cost <= LIMIT, f"costs {cost:.2f} of IPython's start"


def test_import_and_load_are_light():
    judge(LOAD)


@pytest.mark.parametrize(
    ("action", "complaint"), [(LOAD + "; import numpy", "loads"), (LOAD + "; sum(range(10_000_000))", "costs")]
)
def test_a_heavy_or_slow_load_would_be_noticed(action, complaint):
    with pytest.raises(AssertionError, match=complaint):
        judge(action)
