"""Memory that was freed, and pages of files that were read, given back to the system."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
from typing import Any

import numpy as np


def give_back() -> None:
    """Hand back what the C library keeps of freed memory, between the blocks in use: hundreds of MB after large rows.

    Does nothing where the C library is not glibc.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def let_go(values: Any) -> None:
    """Forget the pages of a mapped file, which lies on the disk still; anything else stays as it is."""
    base = values
    while isinstance(base, np.ndarray) and not (isinstance(base, np.memmap) and isinstance(base.base, mmap.mmap)):
        base = base.base
    if not isinstance(base, np.memmap) or base.mode not in ("r", "r+"):  # changes to a private copy are nowhere else
        return
    with contextlib.suppress(OSError, ValueError, AttributeError):
        pages = base.base
        if isinstance(pages, mmap.mmap):
            pages.madvise(mmap.MADV_DONTNEED)
