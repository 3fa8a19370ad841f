"""What a batch does inside a net: layers to walk through, a still picture, and a table as text."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...finding import number, spelled
from ...pictures.activations import Activations, Layer
from ...report import Report
from ..findings import html, text
from ..pieces.figure import few_colours
from ..pieces.fragment import fragment, image, replayed, rich, script, static
from ..pieces.packing import deflated
from ..pieces.tiles import pooled
from .still_activations import png

__all__ = ["html_of", "module", "png", "style", "text_of", "told"]

#: bytes of all pictures before they are deflated, layers, and bytes of the still picture
BYTES, LAYERS, PICTURE = 130_000, 120, 60_000
#: a picture's longer side, from the first that fits; and how many a layer has then
SIZES = ((24, 12), (24, 8), (16, 12), (16, 8), (12, 8), (12, 6), (8, 6), (8, 4))
#: characters of a name in the table
NAME = 34
#: a share that is worth a word
WORTH = 0.005
#: what an odd channel is called
ODD = {"constant": "constant", "checkerboard": "checkerboard", "border": "border"}


def module() -> str:
    """The module that draws the layers."""
    return script("activations.js")


def style() -> str:
    """The style sheets of the layers."""
    return static("nbr.css") + static("inside.css")


def told(name: str, layer: Layer) -> str:
    """A layer in one sentence."""
    shape = " × ".join(str(n) for n in layer.shape)
    said = f"`{spelled(name, layer.path)}`, {layer.kind}, {shape}: {number(layer.mean, 3)} ± {number(layer.std, 3)}"
    return ", ".join([said, *remarks(layer)])


def remarks(layer: Layer) -> list[str]:
    """What is worth saying of a layer beside its mean and spread."""
    said = []
    if layer.off:
        said.append(f"{layer.off} of {layer.units} units always off")
    if layer.saturated is not None and layer.saturated >= WORTH:
        said.append(f"{layer.saturated:.0%} saturated")
    said += [f"{len(which)} of {layer.units} channels {ODD[kind]}" for kind, which in layer.artifacts.items()]
    said += [f"{layer.broken:.1%} not finite"] if layer.broken else []
    said += [f"called {layer.calls} times"] if layer.calls > 1 else []
    return said


def text_of(report: Report, seen: Activations) -> str:
    """The whole as plain text that stands alone: header, a line for each layer, findings."""
    layers, left = thinned(seen)
    rows = []
    for layer in layers:
        name = spelled(seen.name, layer.path)
        name = name if len(name) <= NAME else f"…{name[1 - NAME :]}"
        shape = "×".join(str(n) for n in layer.shape)
        rows.append(f"  {name:<{NAME}} {shape:>12}  {number(layer.mean, 3):>8} ± {number(layer.std, 3):<7} "
                    f"{', '.join(remarks(layer))}".rstrip())  # fmt: skip
    rows += [f"  {note}" for note in (*seen.notes, *left)]
    return "\n\n".join(filter(None, (text.header(report), "\n".join(rows), *text.rows(report))))


def html_of(report: Report, seen: Activations, drawn: bytes) -> str:
    """Header, still picture or, where scripts run, the layers, and findings; `drawn` is what `png` makes."""
    words = ". ".join(told(seen.name, layer) for layer in seen.layers[:12])
    still = image(drawn if len(drawn) <= PICTURE else few_colours(drawn), words)
    odd = [layer for layer in seen.layers if remarks(layer)][:12]
    below = "".join(f'<div class="nbr-place">{rich(told(seen.name, layer))}</div>' for layer in odd)
    sheet = replayed(module(), still + below, sheet_of(seen))
    return fragment(f"<style>{static('inside.css')}</style>{html.header(report)}{sheet}{html.rows(report)}")


def thinned(seen: Activations) -> tuple[list[Layer], list[str]]:
    """The layers that are shown, spread evenly where there are too many, and what is said of that."""
    step = -(-len(seen.layers) // LAYERS)
    layers = list(seen.layers[:: max(1, step)])
    return layers, [f"{len(layers)} of {len(seen.layers)} layers are shown"] if step > 1 else []


def sheet_of(seen: Activations) -> bytes:
    """Everything the script draws, deflated."""
    layers, left = thinned(seen)
    data: list[bytes] = []
    inputs = None
    if seen.inputs is not None:
        data.append(seen.inputs.tobytes())
        inputs = list(seen.inputs.shape[1:])
    room = max(200, (BYTES - sum(map(len, data))) // max(1, len(layers)))
    head = {
        "name": seen.name, "examples": list(seen.examples), "size": seen.size, "inputs": inputs,
        "notes": [*seen.notes, *left], "layers": [_packed(seen, layer, room, data) for layer in layers],
    }  # fmt: skip
    return deflated(head, data)


def _packed(seen: Activations, layer: Layer, room: int, data: list[bytes]) -> dict[str, Any]:
    head: dict[str, Any] = {
        "name": spelled(seen.name, layer.path), "kind": layer.kind, "shape": list(layer.shape), "mean": layer.mean,
        "std": layer.std, "low": layer.low, "high": layer.high, "edges": list(layer.edges), "zeros": layer.zeros,
        "off": layer.off, "units": layer.units, "saturated": layer.saturated, "broken": layer.broken,
        "calls": layer.calls, "odd": {ODD[kind]: list(which) for kind, which in layer.artifacts.items()},
        "counts": [round(float(n), 3) for n in layer.counts / max(1.0, float(layer.counts.max()))],
        "start": sum(map(len, data)), "maps": None,
    }  # fmt: skip
    if layer.maps is None:
        return head
    maps = np.nan_to_num(fitted(layer.maps.astype("f4"), room))
    low, high = (float(v) for v in np.percentile(maps, (0.5, 99.5)))
    scaled = np.clip((maps - low) / ((high - low) or 1.0), 0, 1) * 255
    data.append(np.rint(scaled).astype("u1").tobytes())
    return head | {
        "maps": list(maps.shape), "channels": list(layer.channels[: maps.shape[1]]), "axes": list(layer.axes),
        "range": [low, high],
    }  # fmt: skip


def fitted(maps: np.ndarray, room: int) -> np.ndarray:
    """(examples, pictures, height, width) smaller and fewer until they fit."""
    for side, count in SIZES:
        small = pooled(maps[:, :count], 2 * side if maps.shape[1] == 1 else side)
        if small.size <= room:
            return small
    return small[:1]
