"""Where the links and pictures of a notebook lead from its page."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urlsplit

#: what files of pictures begin with
SIGNS = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}
MAX_PICTURE = 8 * 1024**2


@dataclass
class Places:
    """Addresses as the notebook at `path` has them → as its page in `folder` has them."""

    path: Path
    folder: Path
    pages: Mapping[Path, str]
    attachments: Mapping[str, Any] = field(default_factory=dict)

    def link(self, address: str) -> str:
        """Another notebook's page where there is one, the file where it lies, anything else as it is."""
        parts = _split(address)
        if parts is None:
            return address
        there = self._file(parts.path)
        mark = f"#{parts.fragment}" if parts.fragment else ""
        if there in self.pages:
            return quote(self.pages[there]) + mark
        if not there.exists():
            return address
        return quote(Path(os.path.relpath(there, self.folder.resolve())).as_posix()) + mark

    def picture(self, address: str) -> str:
        """The picture itself, as a data address; "" where it is on the network, or no picture of this project."""
        if address.startswith("attachment:"):
            return self._attached(unquote(address.removeprefix("attachment:")))
        parts = _split(address)
        if parts is None:
            return ""
        file = self._file(parts.path)
        within = any(file.is_relative_to(root) for root in (self.path.parent, Path.cwd()))
        if not within or not file.is_file() or file.stat().st_size > MAX_PICTURE:
            return ""
        data = file.read_bytes()
        kind = _kind(data)
        return f"data:{kind};base64,{base64.b64encode(data).decode()}" if kind else ""

    def _file(self, path: str) -> Path:
        return (self.path.parent / unquote(path)).resolve()

    def _attached(self, name: str) -> str:
        kinds = self.attachments.get(name) or {}
        kind = next((kind for kind in kinds if kind.startswith("image/")), "")
        data = kinds.get(kind, "")
        return f"data:{kind};base64,{''.join(data) if isinstance(data, list) else data}" if kind else ""


def _split(address: str) -> SplitResult | None:
    """The address of a file, None for any other."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return None if parts.scheme or parts.netloc or not parts.path or "\0" in unquote(parts.path) else parts


def _kind(data: bytes) -> str:
    for sign, kind in SIGNS.items():
        if data.startswith(sign):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return "image/svg+xml" if b"<svg" in data[:1024].lower() else ""
