"""Notebooks as static pages: each opens from disk, offline, with its scrubbers alive, and an index leads to them.

A page runs no script of the notebook: it brings ours, once, and what outputs carry for them is data. Everything else is
reduced to tags and attributes that show, and the page forbids the browser any other script and any request. `trust`
keeps other people's scripts, for notebooks of one's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..libraries import library

if TYPE_CHECKING:
    from .reading import Source
    from .writing import Written

__all__ = ["export", "sources", "writable"]

#: what is imported, and what it is called where it is installed
NEEDED = {"nbformat": "nbformat", "nbconvert": "nbconvert", "bleach": "bleach"}


def sources(paths: Sequence[Path]) -> list[Source]:
    """The notebooks of these files and folders, read, each with a page of its own name; BadInput for what is none."""
    _needed()
    from . import reading

    return reading.sources(paths)


def writable(sources: Sequence[Source], folder: Path) -> None:
    """Make the folder; BadInput unless the pages of these notebooks may be written there."""
    _needed()
    from . import writing

    writing.writable(folder, [source.page for source in sources])


def export(
    sources: Sequence[Source], folder: Path, *, trust: bool = False, told: Callable[[Written], None] = lambda _: None
) -> list[Written]:
    """Write a page for each notebook and the index; `told` hears of each page. BadInput where that cannot be."""
    _needed()
    from . import writing

    return writing.export(sources, folder, trust=trust, told=told)


def _needed() -> None:
    for module, package in NEEDED.items():
        library(module, package, "lab")
