"""What a saved page carries for its script."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from typing import Any

from ...finding import json_ready


def deflated(head: Any, data: Sequence[bytes] = ()) -> bytes:
    """One line of JSON and, after it, bytes, deflated; `packing.js` reads it."""
    line = json.dumps(json_ready(head), separators=(",", ":"))
    return zlib.compress(line.encode() + b"\n" + b"".join(data), 9)
