"""A film of a run as data for the panel, as a still picture, and as a snapshot that scrubs without a kernel."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..film import Film, Kind
from ..finding import json_ready

if TYPE_CHECKING:
    import numpy as np

SCRIPT = Path(__file__).parent / "static" / "film.js"
#: images are shown no larger than this many pixels a side, and no more than this many of them
SIDE, PICTURES = 48, 12
#: what the frames of a snapshot may take once compressed; the picture and the script come on top
BUDGET = 120_000


def state(film: Film, *, total: int | None = None) -> dict[str, Any]:
    """All but the frames, JSON-ready: what the panel's trait `film` holds; `total` is the number of steps planned."""
    shown = small(film)
    last = max([0, *shown.steps, *(step for step, _ in shown.losses)])
    return {
        "kind": str(shown.kind),
        "labels": list(shown.labels),
        "targets": [finite(value) for value in shown.targets.ravel().tolist()],
        "shape": list(shown.targets.shape),
        "names": {str(key): name for key, name in shown.names.items()},
        "expected": finite(shown.expected),
        "floor": finite(shown.floor),
        "ignored": shown.ignored,
        "limits": None if shown.limits is None else [finite(end) for end in shown.limits],
        "steps": list(shown.steps),
        "losses": [[step, finite(loss)] for step, loss in shown.losses],
        "aligned": shown.aligned,
        "refused": list(shown.refused),
        "total": total or shown.notes.get("total") or last,
        "notes": json_ready(shown.notes),
    }


def buffers(film: Film) -> dict[str, bytes]:
    """The frames as little-endian float32 and the guesses as int32, one after the other, in the shape of `state`."""
    shown = small(film)
    return {
        "frames": b"".join(_bytes(frame, "<f4") for frame in shown.frames),
        "guesses": b"".join(_bytes(guess, "<i4") for guess in shown.guesses),
    }


def frame_buffers(film: Film, frame: np.ndarray, guess: np.ndarray | None = None) -> list[bytes]:
    """One frame, and its guess where there is one, as the buffers of a message during a run."""
    told = [_bytes(_pooled(film, frame), "<f4")]
    return told if guess is None else [*told, _bytes(guess, "<i4")]


def small(film: Film) -> Film:
    """The film as it is shown: few and small images; anything else as it is."""
    if film.kind is not Kind.IMAGES:
        return film
    return replace(
        film,
        labels=film.labels[:PICTURES],
        targets=_pooled(film, film.targets),
        frames=[_pooled(film, frame) for frame in film.frames],
        refused=[row for row in film.refused if row < PICTURES],
    )


def finite(value: float | None) -> float | None:
    """The number to six digits, or None where JSON has none for it."""
    if value is None or not math.isfinite(value):
        return None
    return value if isinstance(value, int) else float(f"{value:.6g}")


def html(film: Film) -> str:
    """A snapshot: the still picture, which a script, where scripts run, replaces by the panel."""
    return ""


def png(film: Film) -> bytes:
    """Loss and last predictions as a still picture."""
    return b""


def _pooled(film: Film, images: np.ndarray) -> np.ndarray:
    if film.kind is not Kind.IMAGES:
        return images
    images = images[:PICTURES]
    step = math.ceil(max(images.shape[-2:]) / SIDE)
    return images[..., ::step, ::step]


def _bytes(values: np.ndarray, kind: str) -> bytes:
    import numpy as np

    return np.ascontiguousarray(values, kind).tobytes()
