"""Why a text could not be encoded, in one line."""

from __future__ import annotations

import re
from typing import Any

from ..batches import BadInput

#: half of a pair that UTF-16 writes one character with; alone it is none
SURROGATE = re.compile("[\ud800-\udfff]")
#: characters of a library's message that are told
MOST = 200


def no_text(value: Any) -> str:
    """What is told of something that is no string."""
    return f"no text but {type(value).__name__}"


def reason(error: BaseException, text: str = "") -> str:
    """What is told of an error; empty for one that is none of the text's, such as an interrupt."""
    panic = type(error).__name__ == "PanicException"  # a library written in Rust broke off
    if not isinstance(error, Exception) and not panic:
        return ""
    half = SURROGATE.search(text)
    if half is not None:
        return f"half of a surrogate pair, U+{ord(half.group()):04X}, at character {half.start()}: it is no character"
    said = (str(error).splitlines() or [""])[0][:MOST]
    if isinstance(error, BadInput):
        return said
    if isinstance(error, KeyError):
        return f"no entry for {said}"
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
