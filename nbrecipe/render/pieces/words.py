"""The words and marks that every view shares: one language for a terminal, a notebook and a page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from ...finding import Result, Verdict
from ...report import Report, State

Style = Literal["", "strong", "code"]

#: marks differ in shape, so that no verdict hangs on colour alone
MARKS: dict[State, str] = {
    "ok": "✓",
    "bad": "✗",
    "hint": "△",
    "skipped": "–",
    "crashed": "!",
    "idle": "∅",
    "todo": "○",
    "advice": "·",
}
#: what a screen reader says for the mark
WORDS: dict[State, str] = {
    "ok": "holds",
    "bad": "fault",
    "hint": "hint",
    "skipped": "skipped",
    "crashed": "crashed",
    "idle": "nothing to judge",
    "todo": "not yet run",
    "advice": "advice",
}
#: one and many, in the order of a summary
COUNTED = {
    Verdict.BAD: ("fault", "faults"),
    Verdict.HINT: ("hint", "hints"),
    Verdict.CRASHED: ("crashed", "crashed"),
    Verdict.OK: ("check holds", "hold"),
    Verdict.SKIPPED: ("skipped", "skipped"),
}
#: the order in which findings are read
READING = (Verdict.BAD, Verdict.HINT, Verdict.CRASHED)


def spans(message: str) -> list[tuple[tuple[Style, ...], str]]:
    """The pieces of a message with their styles: **stressed** and `code`, the one inside the other or not."""
    pieces: list[tuple[tuple[Style, ...], str]] = []
    for i, part in enumerate(re.split(r"\*\*(.+?)\*\*", message, flags=re.DOTALL)):
        outer: tuple[Style, ...] = ("strong",) if i % 2 else ()
        for j, piece in enumerate(re.split(r"`([^`]+)`", part)):
            if piece:
                pieces.append(((*outer, "code") if j % 2 else outer, piece))
    return pieces


def sentence(message: str) -> str:
    """The message with a capital at its start, unless it starts with a name of the user's."""
    at = 2 if message.startswith("**") else 0
    first = message[at : at + 1]
    return message[:at] + first.upper() + message[at + 1 :] if first.isalpha() else message


def readable(text: str) -> str:
    """The text with halves of letters that stand alone spelled out: no file can hold them."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def counted(report: Report) -> list[str]:
    """How many findings of each verdict there are: ["1 fault", "2 hints", "6 hold"]."""
    counts = ((len(report.of(verdict)), *names) for verdict, names in COUNTED.items())
    return [f"{count} {one if count == 1 else many}" for count, one, many in counts if count]


def seconds(value: float) -> str:
    """A duration with two digits, empty where nothing was measured."""
    if value <= 0:
        return ""
    if value < 0.01:
        return "under 0.01 s"
    return f"{value:.2f} s" if value < 1 else f"{value:.1f} s" if value < 10 else f"{value:.0f} s"


def silence(*results: Result) -> str:
    """The comment that, in any cell, silences these findings."""
    return f"# nbrecipe: ignore {', '.join(result.id for result in results)}"


def telling(held: list[Result]) -> list[Result]:
    """What held, those first that give a number."""
    return sorted(held, key=lambda result: "**" not in result.finding.message)


def lacking(skipped: Iterable[Result]) -> list[tuple[str, str, list[str]]]:
    """What was skipped, by what is missing: (message, the line that gives it, ids)."""
    groups: dict[tuple[str, str], list[str]] = {}
    for result in skipped:
        groups.setdefault((result.finding.message, result.finding.code), []).append(result.id)
    return [(message, line, ids) for (message, line), ids in groups.items()]
