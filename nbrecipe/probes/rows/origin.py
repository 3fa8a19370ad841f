"""Which line of the user's own code is running: a line of a cell, or of a module beside the notebook."""

from __future__ import annotations

import linecache
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from torch import nn

from ...bench import Bench
from ...task.users import PACKAGE, is_users

#: where probes lie, which run the model
PROBES = f"{PACKAGE / 'probes'}{os.sep}"
#: the files of cells, as kernels and terminals name them
CELL = re.compile(r"<ipython-input-(\d+)-|[/\\](?:ipykernel|xpython)_\d+[/\\]")


@dataclass(frozen=True)
class Line:
    """A line of the user's code, and the function of torch that ran there."""

    filename: str
    number: int
    text: str
    function: str


def running(function: str) -> Line | None:
    """The line of the user's that is running in the model; None where the model is nobody's own code."""
    frame = _user_frame()
    if frame is None:
        return None
    name, number = frame.f_code.co_filename, frame.f_lineno
    return Line(name, number, linecache.getline(name, number).strip(), function)


def running_module(paths: dict[int, str]) -> str:
    """The path of the innermost module that is running, of those whose ids are given; "" for none."""
    frame = _outside()
    while frame is not None and not frame.f_code.co_filename.startswith(PROBES):
        owner = frame.f_locals.get("self")
        if isinstance(owner, nn.Module) and id(owner) in paths:
            return paths[id(owner)]
        frame = frame.f_back
    return ""


def said(bench: Bench, line: Line) -> str:
    """The line as its author knows it: "cell 3, line 14" or "model.py:14"."""
    cell = CELL.search(line.filename)
    source = _body("".join(linecache.getlines(line.filename)))
    number = next((cell.number for cell in reversed(bench.cells) if source and _body(cell.source) == source), None)
    if number is None and cell is not None:
        if cell[1] is None:
            return f"line {line.number} of a cell"
        number = int(cell[1])
    return f"{Path(line.filename).name}:{line.number}" if number is None else f"cell {number}, line {line.number}"


def _body(source: str) -> str:
    """A cell without the line of its magic, which is a comment or blank in what was compiled."""
    return re.sub(r"\A\s*# %%.*\n", "", source).strip()


def _user_frame() -> FrameType | None:
    frame = _outside()
    while frame is not None and not is_users(frame.f_code.co_filename):
        if frame.f_code.co_filename.startswith(PROBES):
            return None  # the probe that runs the model: what called it is not the model
        frame = frame.f_back
    return frame


def _outside() -> FrameType | None:
    """The innermost frame above the probe that listens."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(PROBES):
        frame = frame.f_back
    return frame
