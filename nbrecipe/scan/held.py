"""The training and validation data of a bench, each read once however many checks ask."""

from __future__ import annotations

from typing import Any

from torch.utils.data import DataLoader

from ..bench import Bench, Missing
from .reading import Scan, scan
from .sources.opening import open_source

#: rows and seconds that a check may spend on reading a split; `%inspect_data` reads it whole
ROWS, SECONDS = 1_000_000, 20.0


def train_scan(bench: Bench) -> Scan:
    """What stands in the training data. Raises Missing where there are none, and BadInput where none can be read."""
    return _scan(bench, "train")


def val_scan(bench: Bench) -> Scan:
    """What stands in the validation data; raises the same."""
    return _scan(bench, "val")


def both_scans(bench: Bench) -> tuple[Scan, Scan]:
    """Both; raises the same."""
    return bench.once(train_scan), bench.once(val_scan)


def given_data(bench: Bench, split: str) -> tuple[Any, str]:
    """The data of a split and what the user calls them: a loader's where there is one, as training reads them."""
    loader, data = f"{split}_loader", f"{split}_data"
    for field in (loader, data):
        given = getattr(bench, field)
        kept = field == loader and not isinstance(given, DataLoader) and getattr(bench, data) is not None
        if given is not None and not kept:
            return given, bench.name(field)
    raise Missing(loader)


def _scan(bench: Bench, split: str) -> Scan:
    data, name = given_data(bench, split)
    with bench.untouched():
        return scan(open_source(data, name), most=ROWS, seconds=SECONDS)
