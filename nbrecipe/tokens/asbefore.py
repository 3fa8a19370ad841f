"""The library's own object is used uncut and unpadded, and left as it was."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

#: how the tokenizers library is told whether to use threads
THREADS = "TOKENIZERS_PARALLELISM"
_hooked = False


@contextmanager
def uncut(library: Any) -> Iterator[None]:
    """A `tokenizers.Tokenizer` without its truncation and padding, which it has again afterwards."""
    no_warning_of_forks()
    cut, filled, apart = library.truncation, library.padding, getattr(library, "encode_special_tokens", None)
    try:
        if cut is not None:
            library.no_truncation()
        if filled is not None:
            library.no_padding()
        yield
    finally:
        try:
            _put_back(cut, library.truncation, library.enable_truncation, library.no_truncation)
        finally:
            try:
                _put_back(filled, library.padding, library.enable_padding, library.no_padding)
            finally:
                if apart is not None and library.encode_special_tokens != apart:
                    library.encode_special_tokens = apart


def _put_back(before: dict[str, Any] | None, now: dict[str, Any] | None, enable: Any, leave: Any) -> None:
    if now == before:
        return
    if before is None:
        leave()
    else:
        enable(**before)


def no_warning_of_forks() -> None:
    """A process forked later, such as a worker of a loader, does not warn that the library was used before.

    It does without threads there, as it would after the warning; a user who set the variable is left alone.
    """
    global _hooked
    if _hooked or THREADS in os.environ or not hasattr(os, "register_at_fork"):
        return
    _hooked = True
    given: list[bool] = []

    def before() -> None:
        if THREADS not in os.environ:
            os.environ[THREADS] = "false"
            given.append(True)

    def after() -> None:
        if given:
            given.clear()
            os.environ.pop(THREADS, None)

    os.register_at_fork(before=before, after_in_parent=after)
