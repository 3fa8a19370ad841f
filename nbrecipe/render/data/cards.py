"""Cards of examples: as data for a page that draws them, as HTML that needs no script, as lines of text."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from ...pictures.browse import Card, Fact, Whole
from ..batches.samples import brief
from ..pieces.raster import encoded_image, seen, thumbnail, with_boxes

#: pixels a side of a card's image, and of one by itself; width and height of the drawing of a sequence
SIDE, WHOLE, WIDTH, HEIGHT = 72, 512, 160, 56
#: letters of a text in a terminal
LETTERS = 120
#: deviations from the mean from which on a number is set off
FAR = 3.0
#: kinds that are tiles beside each other; the others are lines beneath each other
TILES = ("image", "sequence")
#: what stands for a text without a letter
EMPTY, BLANK = "empty", "white space alone"


def sent(card: Card) -> dict[str, Any]:
    """A card as a page draws it; what is empty is left out."""
    out: dict[str, Any] = {"row": card.row, "label": card.label, "text": card.text}
    out |= {
        "predicted": card.predicted,
        "loss": card.loss,
        "broken": card.broken,
        "wrong": card.wrong,
        "tags": list(card.tags),
        "cells": list(map(list, card.cells)),
    }
    if card.pixels is not None:
        out["image"], out["width"], out["height"] = thumbnail(card.pixels, card.mask, SIDE, card.boxes)
    if picture := pictured(card):
        out["seen"] = picture
    if card.line is not None:
        out["paths"] = paths(card.line)
    return {key: value for key, value in out.items() if value or key == "row"}


def html_of(card: Card, kind: str) -> str:
    """The same as HTML, in the shape in which `browse.js` draws it."""
    tile = "nbr-tile" if kind in TILES else "nbr-strip-card"
    parts = [f'<span class="nbr-rownumber">{card.row}</span>', _body(card), _label(card), _guess(card)]
    if card.tags:
        parts.append(f'<span class="nbr-tagged">{escape(", ".join(card.tags))}</span>')
    return f'<div class="nbr-card {tile}">{"".join(parts)}</div>'


def _body(card: Card) -> str:
    if card.broken:
        return f'<span class="nbr-broken">cannot be read: {escape(card.broken)}</span>'
    if card.pixels is not None:
        data, width, height = thumbnail(card.pixels, card.mask, SIDE, card.boxes)
        return f'<img src="{data}" width="{width}" height="{height}" alt="{escape(spoken(card))}">'
    if card.line is not None:
        drawn = "".join(f'<path class="nbr-line{k}" d="{path}"/>' for k, path in enumerate(paths(card.line)))
        return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(spoken(card))}">{drawn}</svg>'
    if card.cells:
        cells = (f"<span><i>{escape(name)}</i> {escape(value)}</span>" for name, value in card.cells)
        return f'<span class="nbr-cells">{"".join(cells)}</span>'
    if not card.text.strip():
        return f'<span class="nbr-words nbr-soft">{BLANK if card.text else EMPTY}</span>'
    return f'<span class="nbr-words">{escape(card.text)}</span>'


def spoken(card: Card) -> str:
    """A card in a few words, with what its picture shows."""
    picture = pictured(card)
    return f"row {card.row}" + (f": {card.label}" if card.label else "") + (f"; {picture}" if picture else "")


def pictured(card: Card) -> str:
    """The picture of a card in words, "" where it has none."""
    if card.pixels is not None:
        return seen(card.pixels)
    if card.line is None:
        return ""
    known = card.line[np.isfinite(card.line)]
    return f"a curve from {known.min():.3g} to {known.max():.3g}" if known.size else "a curve without a finite value"


def text_of(card: Card) -> str:
    """A card as a line of text."""
    told = [f"row {card.row}", card.label, card.predicted and f"predicted {card.predicted}"]
    told += [card.loss and f"loss {card.loss}"]
    told += [f"cannot be read: {card.broken}"] if card.broken else []
    told += [_cut(card.text), ", ".join(f"{name} {value}" for name, value in card.cells), ", ".join(card.tags)]
    if card.pixels is not None:
        told.append(" × ".join(map(str, card.pixels.shape[:2])) + " pixels")
    return " · ".join(filter(None, told))


def _cut(words: str) -> str:
    plain = " ".join(words.split())
    return plain if len(plain) <= LETTERS else f"{plain[:LETTERS]}…"


def whole(shown: Whole) -> str:
    """One example by itself: as it is, in numbers, beside those that are nearest to it."""
    card = shown.card
    facts = "".join(map(_fact, shown.facts))
    table = f'<table class="nbr-facts">{facts}</table>' if facts else ""
    return f'<div class="nbr-example">{_whole_body(card)}{_verdict(card)}{_near(shown)}{_cells(card)}{table}</div>'


def _whole_body(card: Card) -> str:
    if card.pixels is not None:
        drawn = with_boxes(card.pixels, card.boxes)
        data, width, height = encoded_image(drawn, card.mask, WHOLE)
        small = max(card.pixels.shape[:2]) <= 128
        wide = min(320, max(width, 200)) if small else width
        return (
            f'<img class="nbr-large{" nbr-dots" if small else ""}" src="{data}" style="width:{wide}px;'
            f'aspect-ratio:{width}/{height}" alt="{escape(spoken(card))}">'
        )
    if card.text and not card.broken:
        return f'<div class="nbr-whole-text" tabindex="0" role="group" aria-label="text">{escape(card.text)}</div>'
    return _body(card) if card.broken or card.line is not None else ""


def _verdict(card: Card) -> str:
    told = _label(card) + _guess(card)
    return f"<div>{told}</div>" if told else ""


def _label(card: Card) -> str:
    return f'<span class="nbr-label">{escape(card.label)}</span>' if card.label else ""


def _guess(card: Card) -> str:
    if not card.predicted and not card.loss:
        return ""
    off, mark = (" nbr-off", "✗ ") if card.wrong else ("", "→ " if card.predicted else "")
    loss = f'<span class="nbr-loss"><i>loss</i> {escape(card.loss)}</span>' if card.loss else ""
    return f'<span class="nbr-guess{off}"><span>{mark}{escape(card.predicted)}</span> {loss}</span>'


def _near(shown: Whole) -> str:
    if shown.near is None:
        return ""
    kind = "image" if shown.card.pixels is not None else "sequence" if shown.card.line is not None else "text"
    cards = "".join(html_of(card, kind) for card in shown.near.cards)
    return f'<div class="nbr-place">{escape(shown.near.told)}</div><div class="nbr-still">{cards}</div>'


def _cells(card: Card) -> str:
    if not card.cells:
        return ""
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in card.cells)
    return f'<table class="nbr-facts">{rows}</table>'


def _fact(fact: Fact) -> str:
    out = ""
    if fact.out is not None:
        told = f"{brief(abs(fact.out))} std {'above' if fact.out >= 0 else 'below'} the mean"
        out = f"<strong>{told}</strong>" if abs(fact.out) >= FAR else told
    name = ' class="nbr-answer"' if fact.is_label else ""
    return f'<tr{name}><th>{escape(fact.name)}</th><td>{escape(fact.told)}</td><td class="nbr-soft">{out}</td></tr>'


def paths(lines: np.ndarray) -> list[str]:
    """(lines, stretches, 2) as paths, each example over the whole height; bands where a stretch has many values."""
    finite = lines[np.isfinite(lines)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    scale = (HEIGHT - 4) / ((high - low) or 1.0)
    found = []
    for line in lines:
        kept = np.isfinite(line).all(1)
        across = WIDTH * (np.arange(len(line)) + 0.5) / len(line)
        ends = [_points(across[kept], HEIGHT - 2 - (line[kept, k] - low) * scale) for k in (0, 1)]
        same = bool((line[kept, 0] == line[kept, 1]).all())
        back = "" if same else "L" + "L".join(ends[1][::-1]) + "Z"
        found.append("M" + "L".join(ends[0]) + back if kept.any() else "")
    return found


def _points(across: np.ndarray, down: np.ndarray) -> Sequence[str]:
    return [f"{x:.0f} {y:.1f}" for x, y in zip(across.tolist(), down.tolist(), strict=True)]
