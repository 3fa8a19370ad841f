"""Texts and their tokens as plain text: numbers, findings, the first texts with a stroke between tokens."""

from __future__ import annotations

from collections.abc import Iterator

from ...finding import plain
from ...pictures.tokens import Line, Reading, Tokens, Voice
from ...report import Report
from ..findings import text
from ..pieces.words import readable, sentence
from . import spans
from .html import GIVEN, tokens

#: texts that a terminal shows, and letters of each
LINES, LETTERS = 10, 240


def text_of(report: Report, shown: Tokens) -> str:
    """Everything as plain text that stands alone."""
    numbers = [text.wrap(f"  {plain(name)}: {plain(told)}", "    ") for name, told in shown.numbers]
    parts = [text.header(report), "\n".join(numbers), *text.rows(report, fold=True)]
    parts += ["\n".join(_line(line, shown.voices, shown.kind == "row")) for line in shown.lines[:LINES]]
    left = len(shown.lines) - LINES
    parts += [f"  … {left} more {shown.kind}s"] if left > 0 else []
    parts += ["\n".join(text.wrap(f"  {sentence(plain(note))}", "    ") for note in shown.notes)]
    return readable("\n\n".join(filter(None, parts)))


def _line(line: Line, voices: tuple[Voice, ...], row: bool) -> Iterator[str]:
    yield "  " + " · ".join(filter(None, [line.name, line.caption, line.lost]))
    if line.failed:
        given = f" {spans.plainly(line.given[:GIVEN])}" if line.given else ""
        yield text.wrap(f"    ✗ {line.failed}{given}", "      ")
    for reading, voice in zip(line.readings, voices, strict=False):
        name = f"{voice.name}: " if len(voices) > 1 else ""
        if len(reading.ends) or not reading.failed:
            told = "│".join(spans.words(reading, voice, LETTERS))
            yield text.wrap(f"    {name}{tokens(reading, row=row)}: {told}", "      ")
            name = ""
        if reading.failed:
            yield text.wrap(f"    {name}✗ {reading.failed}", "      ")
        if reading.back:
            yield text.wrap(f"      comes back as {_back(reading)}", "        ")


def _back(reading: Reading) -> str:
    marks = {"gone": "[-{}-]", "new": "{{+{}+}}"}
    return "".join(marks.get(kind, "{}").format(spans.plainly(told)) for kind, told in reading.back)
