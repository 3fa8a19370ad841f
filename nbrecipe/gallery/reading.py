"""Notebooks read from files and folders, each with the name of its page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from ..batches import BadInput

INDEX = "index.html"
#: at most this much of a notebook is read, so that a file that is none is not
MAX_BYTES = 256 * 1024**2


@dataclass
class Source:
    """A notebook and where it comes from; `page` is the name of its page in the gallery."""

    path: Path
    notebook: Any
    page: str

    @property
    def unrun(self) -> bool:
        """There is code, and nothing of it was ever run."""
        code = [cell for cell in self.notebook.cells if cell.cell_type == "code" and cell.source.strip()]
        return bool(code) and not any(cell.get("execution_count") or cell.get("outputs") for cell in code)


def sources(paths: Sequence[Path]) -> list[Source]:
    """The notebooks of these files and folders. Raises BadInput for what is none."""
    found = list(dict.fromkeys(path.resolve() for path in _files(paths)))
    return [Source(path, _read(path), page) for path, page in zip(found, _pages(found), strict=True)]


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        within = sorted(each for each in path.glob("*.ipynb") if each.is_file())
        if not within:
            raise BadInput(f"there is no notebook in the folder {str(path)!r}")
        yield from within


def _read(path: Path) -> Any:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadInput(f"{str(path)!r} is larger than {MAX_BYTES // 1024**2} MB: clear its outputs first")
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except BadInput:
        raise
    except FileNotFoundError:
        raise BadInput(f"there is no notebook {str(path)!r}") from None
    except Exception as error:  # a file that only looks like a notebook fails in many ways
        said = str(error).strip().partition("\n")[0][:160]
        raise BadInput(f"{str(path)!r} is not a notebook: {said or type(error).__name__}") from None
    return notebook


def _pages(paths: Sequence[Path]) -> list[str]:
    """A name for each page: that of the notebook; with its folder, or a number, where two share one."""
    stems = Counter(path.stem.casefold() for path in paths)
    taken, pages = {INDEX}, []
    for path in paths:
        stem = path.stem if stems[path.stem.casefold()] == 1 else f"{path.parent.name}-{path.stem}"
        names = (f"{stem}{f'-{number}' if number > 1 else ''}.html" for number in range(1, len(paths) + 3))
        page = next(name for name in names if name.casefold() not in taken)
        taken.add(page.casefold())
        pages.append(page)
    return pages
