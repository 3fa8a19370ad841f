"""Pages written to a folder, once all are made: a bad notebook leaves no half gallery."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..batches import BadInput
from . import page as pages
from .cells import body
from .places import Places
from .reading import INDEX, Source


@dataclass(frozen=True)
class Written:
    """One page: where it lies, how large it is, what it holds, and what it had to leave out."""

    path: Path
    bytes: int
    told: str
    unrun: bool
    dropped: int


def export(
    sources: Sequence[Source], folder: Path, *, trust: bool = False, told: Callable[[Written], None] = lambda _: None
) -> list[Written]:
    """Write a page for each notebook and the index. Raises BadInput where the folder cannot take them."""
    if not sources:
        raise BadInput("there is no notebook to make a page of")
    writable(folder, [source.page for source in sources])
    where = {source.path: source.page for source in sources}
    bodies = [body(source.notebook, Places(source.path, folder, where), trust=trust) for source in sources]
    cards = [pages.card(each, source.page, source.path.stem) for each, source in zip(bodies, sources, strict=True)]
    out = []
    for at, (source, each) in enumerate(zip(sources, bodies, strict=True)):
        document = pages.page(each, cards, at, source.path.name, unrun=source.unrun, trust=trust)
        size = _write(folder / source.page, document)
        out.append(Written(folder / source.page, size, cards[at].told, source.unrun, each.shown.dropped))
        told(out[-1])
    _write(folder / INDEX, pages.index(cards))
    return out


def writable(folder: Path, names: Sequence[str]) -> None:
    """Make the folder; BadInput unless an index and pages of these names may be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise BadInput(f"{str(folder)!r} is a file: --to takes a folder") from None
    except OSError as error:
        raise BadInput(f"the folder {str(folder)!r} cannot be made: {error.strerror}") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadInput(f"the folder {str(folder)!r} may not be written to")
    for name in (*names, INDEX):
        if (folder / name).exists() and not _ours(folder / name):
            raise BadInput(f"{str(folder / name)!r} is no page of a gallery and stays as it is: choose another folder")


def _ours(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8") as file:
            return pages.GENERATOR in file.read(8192)
    except (OSError, UnicodeDecodeError):
        return False


def _write(path: Path, document: str) -> int:
    data = document.encode("utf-8", "backslashreplace")
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        raise BadInput(f"{str(path)!r} cannot be written: {error.strerror}") from None
    return len(data)
