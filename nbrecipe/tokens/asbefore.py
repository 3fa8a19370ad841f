"""The library's own object is used uncut and unpadded, and left as it was."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

#: how the tokenizers library is told whether to use threads
THREADS = "TOKENIZERS_PARALLELISM"
_hooked = False


@dataclass
class _Before:
    """What a library's object was set to, and how many threads use it uncut."""

    cut: dict[str, Any] | None
    filled: dict[str, Any] | None
    apart: bool | None
    users: int = 0


#: by the identity of the object, while it is used
_inside: dict[int, _Before] = {}
_lock = threading.Lock()


@contextmanager
def uncut(library: Any) -> Iterator[None]:
    """A `tokenizers.Tokenizer` without its truncation and padding, which it has again when the last thread is done."""
    no_warning_of_forks()
    with _lock:
        apart = getattr(library, "encode_special_tokens", None)
        before = _inside.setdefault(id(library), _Before(library.truncation, library.padding, apart))
        before.users += 1
    try:
        if library.truncation is not None:
            library.no_truncation()
        if library.padding is not None:
            library.no_padding()
        yield
    finally:
        with _lock:
            before.users -= 1
            if not before.users:
                del _inside[id(library)]
                _restore(library, before)


def _restore(library: Any, before: _Before) -> None:
    try:
        _put_back(before.cut, library.truncation, library.enable_truncation, library.no_truncation)
    finally:
        try:
            _put_back(before.filled, library.padding, library.enable_padding, library.no_padding)
        finally:
            if before.apart is not None and library.encode_special_tokens != before.apart:
                library.encode_special_tokens = before.apart


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
