"""The filters of the first layers: a sheet to look through, a still picture, and a line of text for each layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...finding import number, spelled
from ...pictures.filters import Filters, Layer
from ...report import Report
from ..findings import html, text
from ..pieces.fragment import fragment, image, replayed, rich, script, static
from ..pieces.packing import deflated
from ..pieces.tiles import pooled, signed
from ..pieces.words import sentence
from .still_filters import png

__all__ = ["html_of", "module", "png", "style", "summary", "text_of", "told"]

#: bytes of all filters before they are deflated
BYTES = 110_000
#: channels of a filter that are shown one by one
CHANNELS = 16


def module() -> str:
    """The module that draws the sheet."""
    return script("filters.js")


def style() -> str:
    """The style sheets of the sheet."""
    return static("nbr.css") + static("inside.css")


def told(name: str, layer: Layer) -> str:
    """A layer in one sentence."""
    said = f"`{spelled(name, layer.path)}`: {layer.shape}"
    if layer.form == "map":
        shares = " and ".join(f"{share:.0%}" for share in layer.shares)
        return f"{said} in the plane of the two largest principal components, which keep {shares} of their variance"
    if layer.norms.size:
        said += f", norms {number(float(layer.norms.min()), 3)} to {number(float(layer.norms.max()), 3)}"
    if layer.scores is None:
        return said
    score = layer.scores
    mean, shown = number(float(score.moran.mean()), 2), len(score.moran)
    return f"{said}; {score.count} of {shown} have more structure than chance, Moran's I is {mean} on average"


def summary(shown: Filters) -> str:
    """The layers in a few words."""
    count = len(shown.layers)
    return "1 layer reads the input" if count == 1 else f"{count} layers read the input"


def text_of(report: Report, shown: Filters) -> str:
    """The whole as plain text that stands alone: header, a line for each layer, findings."""
    lines = []
    for layer in shown.layers:
        lines.append(text.wrap(f"  {told(shown.name, layer).replace('`', '')}", "    "))
        lines += [text.wrap(f"    {note}", "    ") for note in layer.notes]
    return "\n\n".join(filter(None, (text.header(report), "\n".join(lines), *text.rows(report))))


def html_of(report: Report, shown: Filters, drawn: bytes) -> str:
    """Header, still picture or, where scripts run, the sheet, and findings; `drawn` is what `png` makes."""
    words = ". ".join(sentence(told(shown.name, layer)) for layer in shown.layers)
    still = image(drawn, words)
    notes = ["; ".join([told(shown.name, layer), *layer.notes]) for layer in shown.layers]
    below = "".join(f'<div class="nbr-place">{rich(note)}</div>' for note in notes)
    sheet = replayed(module(), still + below, sheet_of(shown))
    return fragment(f"<style>{static('inside.css')}</style>{html.header(report)}{sheet}{html.rows(report)}")


def sheet_of(shown: Filters) -> bytes:
    """Everything the script draws, deflated."""
    data: list[bytes] = []
    room = BYTES // max(1, len(shown.layers))
    layers = [_packed(shown, layer, room, data) for layer in shown.layers]
    return deflated({"name": shown.name, "before": shown.before, "layers": layers}, data)


def _packed(shown: Filters, layer: Layer, room: int, data: list[bytes]) -> dict[str, Any]:
    head: dict[str, Any] = {
        "name": spelled(shown.name, layer.path), "form": layer.form, "shape": layer.shape, "notes": list(layer.notes),
        "start": sum(map(len, data)),
    }  # fmt: skip
    if layer.form == "map":
        return head | _points(layer, data)
    parts, kept = faces(layer)
    each = max(1, parts[0][0].nbytes + (0 if kept is None else parts[1][0].nbytes))
    count = max(1, min(len(layer.weights), room // (each * (1 if layer.before is None else 2))))
    for part in parts:
        data.append(part[:count].tobytes())
    head |= {"tile": list(parts[0].shape[1:]), "channels": list(parts[1].shape[1:]) if kept is not None else None}
    if layer.before is not None:
        data += [part[:count].tobytes() for part in faces(layer, before=True)[0]]
    if count < layer.total:
        head["notes"] = [f"the {count} largest of {layer.total} are shown"]
    score = layer.scores
    return head | {
        "count": count, "before": layer.before is not None, "scale": layer.scale, "total": layer.total,
        "rows": layer.rows[:count], "norms": [_short(v) for v in layer.norms[:count]], "share": kept,
        "moran": None if score is None else [_short(v) for v in score.moran[:count]],
        "p": None if score is None else [_short(v) for v in score.p[:count]],
        "structured": None if score is None else score.structured[:count],
        "noise": None if score is None else score.noise,
    }  # fmt: skip


def faces(layer: Layer, *, before: bool = False) -> tuple[list[np.ndarray], float | None]:
    """How each filter looks, (filters, height, width, 1 or 3) in bytes; of other numbers of channels these beside it.

    One or three channels are grey or colours. Of more, the best product of one picture and one weight a channel stands
    for the filter (its first singular vectors), and the number is the share of all energy that those keep.
    """
    weights = layer.before if before and layer.before is not None else layer.weights
    small = pooled(weights)
    channels = small.shape[1]
    if channels in (1, 3) or (layer.form == "curve" and channels <= 4):
        return [np.moveaxis(signed(small, layer.scale), 1, -1)], None
    flat = small.reshape(len(small), channels, -1)
    pictures, sizes, mixes = np.linalg.svd(flat.transpose(0, 2, 1), full_matrices=False)
    sign = np.sign(mixes[:, 0].sum(1) + 1e-30)
    main = (pictures[:, :, 0] * (sizes[:, 0] * sign)[:, None]).reshape(len(small), *small.shape[2:], 1)
    share = float((sizes[:, 0] ** 2).sum() / max(float((sizes**2).sum()), 1e-30))
    own = float(np.abs(main).max()) or 1.0
    return [signed(main, own), signed(small[:, :CHANNELS], layer.scale)], share


def _points(layer: Layer, data: list[bytes]) -> dict[str, Any]:
    points = layer.weights.astype("<f4")
    data.append(points.tobytes())
    return {
        "count": len(points), "rows": layer.rows, "norms": [_short(v) for v in layer.norms],
        "names": list(layer.names), "seen": layer.seen, "shares": list(layer.shares), "total": layer.total,
    }  # fmt: skip


def _short(value: float) -> float:
    return float(f"{float(value):.4g}")
