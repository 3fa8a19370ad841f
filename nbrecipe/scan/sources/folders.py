"""A folder of images, a sub-folder for each class; decoded by Pillow, one at a time."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ...batches import BadInput
from ..columns.block import told_of
from .datasets import Examples

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"}
#: sub-folders that are parts of the data rather than classes
SPLITS = {"train", "training", "val", "valid", "validation", "test", "testing", "dev"}
#: ways of Pillow to hold pixels that are taken as they are
_MODES = ("L", "RGB", "RGBA", "I;16", "F", "I")


class Images:
    """Pictures by number; (pixels, class), or the pixels alone where no sub-folder tells a class."""

    def __init__(self, root: Path) -> None:
        self.root = root
        found = (path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
        self.paths = sorted(path for path in found if not path.name.startswith("."))
        self.labelled = bool(self.paths) and all(path.parent != root for path in self.paths)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int) -> Any:
        pixels = np.asarray(self.picture(row))
        return {"image": pixels, "label": self.class_of(row)} if self.labelled else {"image": pixels}

    def picture(self, row: int) -> Any:
        """One of them as Pillow holds it. Raises OSError, which names the file."""
        path = self.paths[row].relative_to(self.root)
        try:
            return _picture(self.paths[row])
        except Exception as error:
            told = told_of(error).replace(str(self.paths[row]), path.name)
            raise OSError(f"{path.as_posix()}: {told}") from error

    def class_of(self, row: int) -> str:
        """The sub-folder in which one of them lies, "" where it lies in none."""
        return self.paths[row].relative_to(self.root).parts[0] if self.labelled else ""


def folder_of(path: Path, name: str) -> Examples:
    """The images of a folder. Raises BadInput where there are none, or where it holds splits rather than classes."""
    data = Images(path)
    if not len(data):
        raise BadInput(f"`{name}` is a folder without images; what can be read there is {', '.join(sorted(SUFFIXES))}")
    parts = {one.relative_to(path).parts[0] for one in data.paths}
    if data.labelled and len(parts) > 1 and {part.lower() for part in parts} <= SPLITS:
        told = ", ".join(f"`{part}`" for part in sorted(parts))
        raise BadInput(f"`{name}` is a folder of splits, {told}: give the path of one of them")
    return Examples(name, data)


def _picture(path: Path) -> Any:
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of metadata; pictures of too many pixels raise
        with Image.open(path) as image:
            return image.copy() if image.mode in _MODES else image.convert("RGB")
