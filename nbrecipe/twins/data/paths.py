"""What lies at a path, row by row: the pictures of a folder, the rows of a file."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from ...batches import BadInput
from ...probes.augment.source import Source
from ...scan.sources.folders import Images, folder_of
from ...scan.sources.opening import open_source

#: rows of a file that are kept once they were read: most files can be read only from their start
KEPT = 64


def read_at(path: str | Path) -> Source:
    """What is read at a path, each row as a transform is used to take it.

    A folder of images gives (PIL image, class), or the image alone where no sub-folder tells a class; a file gives its
    rows by column, an array of numbers its rows. Raises BadInput, in one sentence, where nothing can be read.
    """
    where = Path(path).expanduser()
    name = where.name or str(path)
    if where.is_dir() and not any(where.rglob("*.parquet")):
        folder_of(where, name)  # says what is wrong with it
        pictures = Pictures(Images(where))
        return Source(name, pictures.__getitem__, len(pictures), (), pictures, "a PIL image")
    rows = Rows(where, name)
    given = "an array" if where.suffix.lower() == ".npy" else "a row as a dict by column"
    return Source(name, rows.__getitem__, rows.length, (), rows, given)


class Pictures:
    """The images of a folder as Pillow opens them, with their class where a sub-folder tells it."""

    def __init__(self, images: Images) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> Any:
        try:
            picture = self.images.picture(row)
        except OSError as error:
            raise BadInput(f"row {row} cannot be read: {error}") from error
        return (picture, self.images.class_of(row)) if self.images.labelled else picture


class Rows:
    """The rows of a file by number, each a dict by column; those that were read are kept."""

    def __init__(self, path: Path, name: str) -> None:
        self._source, self._kept = open_source(str(path), name), dict[int, Any]()
        self.length = self._source.length

    def __getitem__(self, row: int) -> Any:
        if row < 0:
            raise BadInput(f"`{self._source.name}` is read from its start, and how many rows it has is not known "
                           f"before its end; row {row} cannot be counted from there")  # fmt: skip
        if row not in self._kept:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[row] = self._read(row)
        return copy.deepcopy(self._kept[row])

    def _read(self, row: int) -> Any:
        block = next((block for block in self._source.blocks(row, row + 1) if len(block) or block.unread), None)
        if block is None:
            raise BadInput(f"`{self._source.name}` has no row {row}")
        if block.unread:
            raise BadInput(f"row {row} of `{self._source.name}` cannot be read: {block.unread[0].told}")
        example = {name: values[0] for name, values in block.columns.items()}
        return next(iter(example.values())) if list(example) == ["input"] else example
