"""Texts and their tokens as one packet of bytes: a million of them take a few megabytes, and a script draws a few."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...pictures.tokens import Line, Reading, Tokens, Voice
from .signs import signs
from .spans import direction

#: bytes from which on they are packed less tightly, and faster
LARGE = 1 << 20
#: bytes that a page carries, before they are packed again as letters
MOST = 6 << 20
#: ids up to which four bytes hold them; those beyond, as hashes may be, stand by themselves
FAR = (1 << 31) - 1


def packed(shown: Tokens) -> tuple[bytes, int]:
    """The first lines that have room, and how many they are; `tokens.js` reads it."""
    count = len(shown.lines)
    while True:
        made = _packed(shown, shown.lines[:count])
        if len(made) <= MOST or count <= 1:
            return made, count
        count = max(1, count * MOST // (2 * len(made)))


def _packed(shown: Tokens, lines: tuple[Line, ...]) -> bytes:
    readings = [reading for line in lines for reading in line.readings]
    head = {
        "kind": shown.kind, "total": shown.total, "limit": shown.limit, "lines": [_line(line) for line in lines],
        "signs": signs(_seen(readings)),
        "voices": [_voice(voice, list(_ids(lines, k))) for k, voice in enumerate(shown.voices)],
    }  # fmt: skip
    wide = [part for reading in readings for part in _wide(reading)]
    narrow = [part for reading in readings for part in _narrow(reading)]
    body = b"\n".join([json.dumps(head, separators=(",", ":")).encode(), b"".join(wide + narrow)])
    return zlib.compress(body, 6 if len(body) > LARGE else 9)


def _seen(readings: list[Reading]) -> Iterator[str]:
    for reading in readings:
        yield reading.text
        yield from (text for _, text in reading.back)


def _line(line: Line) -> dict[str, Any]:
    told = {
        "name": line.name, "failed": line.failed, "given": line.given, "lost": line.lost, "caption": line.caption,
        "readings": [_reading(reading) for reading in line.readings],
    }  # fmt: skip
    return {key: value for key, value in told.items() if value}


def _reading(reading: Reading) -> dict[str, Any]:
    told = {
        "units": len(_units(reading.text)) // 2, "spans": len(reading.ends), "tokens": len(reading.ids),
        "length": reading.length, "labels": reading.labels is not None, "places": reading.places is not None,
        "change": reading.change, "failed": reading.failed, "back": [list(piece) for piece in reading.back],
        "far": {str(k): int(reading.ids[k]) for k in np.flatnonzero(abs(reading.ids) > FAR).tolist()},
        "rtl": direction(reading.text) == "rtl",
    }  # fmt: skip
    return {key: value for key, value in told.items() if value}


def _voice(voice: Voice, ids: list[int]) -> dict[str, Any]:
    pieces = {str(i): voice.pieces[i] for i in ids if i in voice.pieces}
    roles = {str(i): voice.roles[i] for i in ids if i in voice.roles}
    return {"name": voice.name, "told": voice.told, "pieces": pieces, "roles": roles}


def _ids(lines: tuple[Line, ...], k: int) -> Iterator[int]:
    """The ids that occur in the readings of one voice, targets too."""
    own = [line.readings[k] for line in lines if k < len(line.readings)]
    parts = [*(reading.ids for reading in own), *(reading.labels for reading in own if reading.labels is not None)]
    yield from np.unique(np.concatenate(parts)).tolist() if parts else ()


def _wide(reading: Reading) -> Iterator[bytes]:
    """Numbers of four bytes: units of each span, tokens of each span, ids, targets, places."""
    yield np.diff(_ends_in_units(reading), prepend=0).astype("<i4").tobytes()
    yield np.diff(reading.last, prepend=0).astype("<i4").tobytes()
    for part in (reading.ids, reading.labels, reading.places):
        if part is not None:
            yield np.clip(part, -FAR, FAR).astype("<i4").tobytes()


def _narrow(reading: Reading) -> Iterator[bytes]:
    yield reading.marks.astype("<u2").tobytes()
    yield _units(reading.text)


def _units(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


def _ends_in_units(reading: Reading) -> np.ndarray:
    """Where spans end as scripts count: characters beyond the first 65,536 are two."""
    codes = np.frombuffer(reading.text.encode("utf-32-le", "surrogatepass"), "<u4")
    far = np.concatenate([[0], np.cumsum(codes > 0xFFFF)])
    ends: np.ndarray = reading.ends + far[reading.ends]
    return ends
