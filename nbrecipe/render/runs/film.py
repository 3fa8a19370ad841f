"""A film of a run as data for the panel, as a still picture, and as a snapshot that scrubs without a kernel."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...film import Film, Kind
from ...finding import json_ready
from ..pieces.fragment import image, replayed, script
from ..pieces.packing import deflated
from .still import outcome, png

if TYPE_CHECKING:
    import numpy as np

__all__ = ["buffers", "frame_buffers", "html", "module", "outcome", "png", "state"]

#: images are shown no larger than this many pixels a side, and no more than this many of them
SIDE, PICTURES = 48, 12
#: bytes that the frames of a snapshot may take once packed; picture and script come on top
BUDGET = 120_000


def module() -> str:
    """The module that draws the panel, live and saved."""
    return script("film.js")


def state(film: Film, *, total: int | None = None) -> dict[str, Any]:
    """All but the frames, JSON-ready: what the panel's trait `film` holds; `total` is the number of steps planned."""
    shown = _small(film)
    last = max([0, *shown.steps, *(step for step, _ in shown.losses)])
    return {
        "kind": str(shown.kind),
        "labels": list(shown.labels),
        "targets": [_finite(value) for value in shown.targets.ravel().tolist()],
        "shape": list(shown.targets.shape),
        "names": {str(key): name for key, name in shown.names.items()},
        "expected": _finite(shown.expected),
        "floor": _finite(shown.floor),
        "ignored": shown.ignored,
        "limits": None if shown.limits is None else [_finite(end) for end in shown.limits],
        "steps": list(shown.steps) if shown.frames else [],
        "losses": [[step, _finite(loss)] for step, loss in shown.losses],
        "aligned": shown.aligned,
        "refused": list(shown.refused),
        "total": total or shown.notes.get("total") or last,
        "notes": json_ready(shown.notes),
    }


def buffers(film: Film) -> dict[str, bytes]:
    """The frames as little-endian float32 and the guesses as int32, one after the other, in the shape of `state`."""
    shown = _small(film)
    return {
        "frames": b"".join(_bytes(frame, "<f4") for frame in shown.frames),
        "guesses": b"".join(_bytes(guess, "<i4") for guess in shown.guesses),
    }


def frame_buffers(film: Film, frame: np.ndarray, guess: np.ndarray | None = None) -> list[bytes]:
    """One frame, and its guess where there is one, as the buffers of a message during a run."""
    told = [_bytes(_pooled(film, frame), "<f4")]
    return told if guess is None else [*told, _bytes(guess, "<i4")]


def html(film: Film) -> str:
    """A snapshot: the still picture, which a script, where scripts run, replaces by the panel."""
    return replayed(module(), image(png(film), outcome(film)), packed(film))


def packed(film: Film, *, budget: int = BUDGET, more: Mapping[str, Any] | None = None, points: bytes = b"") -> bytes:
    """State, frames and guesses as `recording.js` reads them, deflated; frames are thinned until they fit the budget.

    `more` goes beside the film's state, `points` after everything else.
    """
    import numpy as np

    shown = _small(film)
    while True:
        frames = np.stack(shown.frames).astype("f8") if shown.frames else np.zeros((0, *shown.targets.shape))
        finite = frames[np.isfinite(frames)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        levels = 65535 if shown.kind is Kind.REGRESSION else 255
        scaled = (np.nan_to_num(frames, nan=low, posinf=high, neginf=low) - low) * (levels / ((high - low) or 1.0))
        whole = _bytes(np.rint(scaled), "<u2" if levels > 255 else "u1")
        head = {"film": state(shown), "low": low, "high": high, "levels": levels, "split": len(whole), **(more or {})}
        head |= {"points": len(points)} if points else {}
        guesses = b"".join(_bytes(guess, "<i4") for guess in shown.guesses)
        data = deflated(head, [whole, guesses, points])
        if len(data) <= budget or len(shown.frames) <= 8:
            return data
        shown = _thinned(shown)


def _small(film: Film) -> Film:
    """The film as it is shown: few and small images; anything else as it is."""
    if film.kind is not Kind.IMAGES or (len(film.targets) <= PICTURES and max(film.targets.shape[-2:]) <= SIDE):
        return film
    return replace(
        film,
        labels=film.labels[:PICTURES],
        targets=_pooled(film, film.targets),
        frames=[_pooled(film, frame) for frame in film.frames],
        refused=[row for row in film.refused if row < PICTURES],
    )


def _thinned(film: Film) -> Film:
    """Every second frame, and always the last."""
    kept = sorted({*range(0, len(film.frames), 2), len(film.frames) - 1})
    guesses = [film.guesses[i] for i in kept] if film.guesses else []
    return replace(film, frames=[film.frames[i] for i in kept], guesses=guesses, steps=[film.steps[i] for i in kept])


def _pooled(film: Film, images: np.ndarray) -> np.ndarray:
    if film.kind is not Kind.IMAGES:
        return images
    step = math.ceil(max(images.shape[-2:]) / SIDE)
    return images[:PICTURES, ..., ::step, ::step]


def _finite(value: float | None) -> float | None:
    """The number to six digits, or None where JSON has none for it."""
    if value is None or not math.isfinite(value):
        return None
    return value if isinstance(value, int) else float(f"{value:.6g}")


def _bytes(values: np.ndarray, kind: str) -> bytes:
    import numpy as np

    return np.ascontiguousarray(values, kind).tobytes()
