"""Cells run one after the other in a shell of their own, in an empty folder: what each printed and answered."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

from .. import verbs
from ..session import Session


@dataclass(frozen=True)
class Heard:
    """What one cell put out as text, and the answer that it ended with, if any."""

    text: str
    answer: Any


def rehearse(cells: Sequence[str]) -> list[Heard]:
    """Run the cells with the extension loaded; nothing that ran before in this process is known to them.

    Raises RuntimeError with the cell that failed.
    """
    with _own_shell() as shell:
        return [_heard(shell, cell) for cell in cells]


def _heard(shell: Any, cell: str) -> Heard:
    with capture_output(display=False) as said:
        result = shell.run_cell(cell, store_history=True)
    error = result.error_before_exec or result.error_in_exec
    if error is not None:
        raise RuntimeError(f"{type(error).__name__}: {error}, in this cell:\n{cell}") from error
    if "Traceback (most recent call last)" in said.stdout:  # of what shows the answer
        raise RuntimeError(f"{said.stdout}in this cell:\n{cell}")
    return Heard(said.stdout, result.result)


@contextlib.contextmanager
def _own_shell() -> Iterator[Any]:
    """A shell, a session and a working folder that end with the block."""
    config = Config()
    config.HistoryManager.enabled = False  # no file
    config.InteractiveShell.colors = "nocolor"
    before, session = Path.cwd(), verbs.SESSION
    InteractiveShell.clear_instance()
    verbs.SESSION = Session()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield InteractiveShell.instance(config=config)
        finally:
            os.chdir(before)
            verbs.SESSION = session
            InteractiveShell.clear_instance()
