"""The libraries of the extras, imported when they are used, with one sentence where they are missing."""

from __future__ import annotations

import importlib
from typing import Any

from .batches import BadInput


def library(name: str, package: str, extra: str = "data") -> Any:
    """A module. Raises BadInput, saying what to install, where it is missing."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise BadInput(f'{package} is missing: `pip install "nbrecipe[{extra}]"` brings it') from None


def sklearn(name: str) -> Any:
    """A module of scikit-learn."""
    return library(f"sklearn.{name}", "scikit-learn")


def made_by(value: Any) -> str:
    """The library that a value comes from, by the module of its type: "pandas", "polars", "pyarrow"."""
    return type(value).__module__.split(".")[0]
