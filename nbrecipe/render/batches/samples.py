"""What a batch looks like, as HTML: images with masks and boxes, texts token by token, sequences, tables."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np

from ...finding import number
from ...pictures.batch import Box, Images, Series, Table, Texts, Token, View
from ..pieces.fragment import rich
from ..pieces.raster import encoded_image, seen, tone
from ..pieces.table import SCROLLS

#: width and height of the drawing of a sequence, four to a pixel
_WIDTH, _HEIGHT = 640, 224
#: pixels of a letter and of a line in a box's label; colours that are told of
LETTER, LINE, LEGEND = 6, 13, 16
#: how spaces and line ends are shown, those of tokenizers too
_SEEN = str.maketrans({"Ġ": "·", "▁": "·", " ": "·", "Ċ": "⏎", "\n": "⏎", "\t": "⇥"})


@dataclass(frozen=True)
class Detail:
    """How much of a batch is shown: examples, pixels a side, pages."""

    examples: int
    side: int
    pages: int


def brief(value: float, digits: int = 3) -> str:
    """A number with so many digits, without zeros at its end."""
    told = number(value, digits)
    return told.rstrip("0").rstrip(".") if "." in told and "e" not in told else told


def view(shown: View, detail: Detail) -> str:
    """One view with its heading."""
    if isinstance(shown, Images):
        drawn, count = _images(shown, detail), min(len(shown.pixels), detail.examples)
    elif isinstance(shown, Texts):
        drawn, count = _texts(shown, detail), min(len(shown.rows), detail.examples)
    elif isinstance(shown, Series):
        drawn, count = _series(shown, detail), min(len(shown.values), detail.examples)
    else:
        drawn, count = _table(shown, detail), min(len(shown.rows), detail.examples)
    return f"<figure>{_caption(shown, count)}{drawn}</figure>"


def _caption(view: View, count: int) -> str:
    shown = f"{count} of {view.total}" if count < view.total else f"all {count}"
    beneath = "targets beneath" if isinstance(view, (Images, Series)) and any(view.captions) else ""
    told = " · ".join(rich(part) for part in (shown, view.told, beneath) if part)
    return f"<figcaption><strong><code>{escape(view.name)}</code></strong> {told}</figcaption>"


def _images(view: Images, detail: Detail) -> str:
    figures = []
    for i, pixels in enumerate(view.pixels[: detail.examples]):
        mask = view.masks[i] if i < len(view.masks) else None
        data, width, height = encoded_image(pixels, mask, detail.side)
        label = view.captions[i] if i < len(view.captions) else ""
        told = escape(_spoken_image(view, i, label))
        boxes = "".join(_box(box, width, height) for box in view.boxes[i]) if i < len(view.boxes) else ""
        image = f'<img src="{data}" width="{width}" height="{height}" alt="{told}" title="{told}">'
        said = f'<span class="nbr-label">{escape(label)}</span>' if label else ""
        figures.append(
            f'<span class="nbr-shown" style="max-width:{max(width, 72)}px">'
            f'<span class="nbr-over">{image}{boxes}</span>{said}</span>'
        )
    return f'<div class="nbr-gallery">{"".join(figures)}</div>{_legend(view, detail)}'


def _spoken_image(view: Images, i: int, label: str) -> str:
    """What is to be seen of an example, with what is drawn on it."""
    told = f"{view.name}, example {i}" + (f": {label}" if label else "") + f"; {seen(view.pixels[i])}"
    boxes = [box.label or "no label" for box in view.boxes[i]] if i < len(view.boxes) else []
    told += f"; {'a box' if len(boxes) == 1 else f'{len(boxes)} boxes'}: {', '.join(boxes)}" if boxes else ""
    mask = view.masks[i] if i < len(view.masks) else None
    if mask is None:
        return told
    parts = {name: float(np.mean(mask == number)) for number, name in view.classes.items()}
    covered = ", ".join(f"{name} {100 * share:.0f} %" for name, share in parts.items() if share > 0)
    return f"{told}; a mask: {covered}" if covered else f"{told}; a mask that is empty"


def _spoken_series(view: Series, i: int, label: str) -> str:
    """How many lines, and between which values they run."""
    lines = view.values[i]
    known = lines[np.isfinite(lines)]
    told = f"{view.name}, example {i}" + (f": {label}" if label else "")
    count = "1 line" if len(lines) == 1 else f"{len(lines)} lines"
    return f"{told}; {count}, from {known.min():.3g} to {known.max():.3g}" if known.size else f"{told}; no finite value"


def _legend(view: Images, detail: Detail) -> str:
    """What the colours of masks and boxes stand for."""
    boxes = (box.label for some in view.boxes[: detail.examples] for box in some if box.label)
    named = {label: _colour(label) for label in sorted(set(boxes))}
    named |= {name: tone(k) for k, name in view.classes.items()}
    chips = "".join(
        f'<span class="nbr-chip"><i style="background:{colour}"></i>{escape(name)}</span>'
        for name, colour in list(named.items())[:LEGEND]
    )
    return f'<div class="nbr-legend">{chips}</div>' if chips else ""


def _colour(label: str) -> str:
    return tone(sum(label.encode()))


def _box(box: Box, across: int, down: int) -> str:
    """A box on an image of so many pixels; its label where it does not hide what is in the box."""
    left, top, right, bottom = (min(1.0, max(0.0, x)) for x in (box.left, box.top, box.right, box.bottom))
    place = {"left": left, "top": top, "width": right - left, "height": bottom - top}
    colour = _colour(box.label)
    room = across * (right - left) >= LETTER * len(box.label) + LETTER and down * (bottom - top) >= 2 * LINE
    style = "".join(f"{side}:{100 * share:.2f}%;" for side, share in place.items()) + f"border-color:{colour}"
    told = f'<b style="border-color:{colour}">{escape(box.label)}</b>' if room else ""
    return f'<span class="nbr-box" style="{style}" title="{escape(box.label)}">{told}</span>'


def _texts(view: Texts, detail: Detail) -> str:
    rows = []
    for i, row in enumerate(view.rows[: detail.examples]):
        label = view.captions[i] if i < len(view.captions) else ""
        said = f'<span class="nbr-label">→ {escape(label)}</span>' if label else ""
        tokens = f'<div class="nbr-tokens">{_tokens(row)}{said}</div>'
        if i < len(view.targets):
            goal = f'<span class="nbr-label">target</span>{_tokens(view.targets[i])}'
            tokens += f'<div class="nbr-tokens nbr-goal">{goal}</div>'
        rows.append(f'<div class="nbr-line-of-text">{tokens}</div>')
    return "".join(rows)


def _tokens(row: tuple[Token, ...]) -> str:
    out = []
    for i, token in enumerate(row):
        times = f" ×{token.count}" if token.count > 1 else ""
        odd = " nbr-odd" if i % 2 and token.kind == "word" else ""
        told = token.text if token.kind in ("more", "text") else spelled(token.text)
        out.append(f'<span class="nbr-tok nbr-{token.kind}{odd}">{escape(told)}{times}</span>')
    return "".join(out)


def spelled(text: str) -> str:
    """A token with its spaces and line ends to be seen."""
    return text.translate(_SEEN) or "∅"


def spoken(row: tuple[Token, ...]) -> str:
    """A row of tokens as one line; letters stand close together."""
    told = []
    for token in row:
        word = token.text if token.kind in ("more", "text") else spelled(token.text)
        told.append(f"{word} ×{token.count}" if token.count > 1 else word)
    letters = sum(len(word) == 1 for word in told) > 0.8 * len(told)
    return "".join(f" {word}" if len(word) > 1 else word for word in told).strip() if letters else " ".join(told)


def _series(view: Series, detail: Detail) -> str:
    low, high = _ends(view)
    plots = []
    for i, lines in enumerate(view.values[: detail.examples]):
        label = view.captions[i] if i < len(view.captions) else ""
        drawn = "".join(f'<path class="nbr-line{k}" d="{_path(line, low, high)}"/>' for k, line in enumerate(lines))
        told = escape(_spoken_series(view, i, label))
        box = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none"'
        plot = f'<svg {box} role="img" aria-label="{told}"><title>{told}</title>{drawn}</svg>'
        said = f'<span class="nbr-label">{escape(label)}</span>' if label else ""
        plots.append(f'<span class="nbr-shown nbr-wave">{plot}{said}</span>')
    scale = f'<div class="nbr-place">{brief(low)} at the bottom, {brief(high)} at the top, in all of them</div>'
    return f'<div class="nbr-gallery nbr-waves">{"".join(plots)}</div>{scale}'


def _ends(view: Series) -> tuple[float, float]:
    finite = [float(v) for v in view.values.ravel() if abs(float(v)) < float("inf")]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _path(line: np.ndarray, low: float, high: float) -> str:
    """A line where each stretch of time has one value, else the band between its ends; gaps are left out."""
    scaled = (_HEIGHT - 8) - (_HEIGHT - 16) * (np.clip(line, low, high) - low) / (high - low)
    across = _WIDTH * (np.arange(len(line)) + 0.5) / len(line)
    kept = np.isfinite(line).all(1)
    if not kept.any():
        return ""
    below, above = ([f"{x:.0f} {y:.0f}" for x, y in zip(across[kept], scaled[kept, k], strict=True)] for k in (0, 1))
    same = bool((np.abs(scaled[kept, 0] - scaled[kept, 1]) < 0.5).all())
    return "M" + "L".join(above) + ("" if same else "L" + "L".join(reversed(below)) + "Z")


def _table(view: Table, detail: Detail) -> str:
    targets = bool(view.captions)
    head = ("<th>target</th>" if targets else "") + "".join(f"<th>{escape(name)}</th>" for name in view.columns)
    body = []
    for i, row in enumerate(view.rows[: detail.examples]):
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in row)
        label = escape(view.captions[i]) if i < len(view.captions) else ""
        first = f'<td class="nbr-goal">{label}</td>' if targets else ""
        body.append(f"<tr>{first}{cells}</tr>")
    return f'<div class="nbr-wide" {SCROLLS}><table class="nbr-rows"><tr>{head}</tr>{"".join(body)}</table></div>'
