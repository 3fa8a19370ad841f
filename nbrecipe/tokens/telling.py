"""Whether something is a tokenizer: told by its type, so that nothing of the user's runs.

It is asked on three occasions: of every variable (`is_tokenizer`), of one that is named as it (`could_be_tokenizer`),
and of one that stands where texts may stand too (`is_no_text`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from .kinds.functions import Functions
from .kinds.table import Table

#: methods of which one is enough for a tokenizer that is named
METHODS = ("encode", "convert_ids_to_tokens", "lookup_indices")


def is_tokenizer(value: Any) -> bool:
    """Something that encodes and decodes, whatever it is called; autoencoders and arrays of text do so too."""
    both = all(hasattr(type(value), name) for name in ("encode", "decode"))
    return both and not _of(value, type, nn.Module, np.ndarray)


def could_be_tokenizer(value: Any) -> bool:
    """The same, what does a part of it, a table of pieces, a pair of functions, or one function."""
    return _works(value) or _of(value, Mapping, list, tuple) or (callable(value) and not _of(value, type, nn.Module))


def is_no_text(value: Any) -> bool:
    """Of a tokenizer and its texts, whether this is the tokenizer: texts stand in lists, frames and data sets."""
    if _of(value, Mapping):
        return Table.takes(value)
    if _of(value, tuple):
        return Functions.takes(value)
    if _of(value, list) or hasattr(type(value), "columns"):
        return False
    called = callable(value) and not _of(value, type, nn.Module) and not hasattr(type(value), "__getitem__")
    return _works(value) or called


def _works(value: Any) -> bool:
    if _of(value, type, str, bytes, Path, np.ndarray):
        return False
    return any(hasattr(type(value), name) for name in METHODS)


def _of(value: Any, *types: type) -> bool:
    """By the real type alone: a proxy may compute what it says to be."""
    return issubclass(type(value), types)
