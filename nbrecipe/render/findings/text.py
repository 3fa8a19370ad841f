"""Findings as plain text: what a terminal, a log and a screen reader get; it stands alone."""

from __future__ import annotations

import textwrap

from ...finding import Result, Verdict, plain
from ...report import Report
from ..pieces.words import MARKS, READING, counted, lacking, seconds, sentence, silence, telling

WIDTH = 88


def findings(report: Report) -> str:
    """A header with the counts, then faults, hints, what held and what could not run."""
    return "\n\n".join([header(report), *rows(report)])


def rows(report: Report, *, fold: bool = False) -> list[str]:
    """The same without the header, a piece for each thing said; with `fold`, idle checks by their ids alone."""
    parts = [finding(result) for verdict in READING for result in report.of(verdict)]
    held, lacks = report.of(Verdict.OK), lacking(report.of(Verdict.SKIPPED))
    if held:
        parts.append(_held(held) if parts or (fold and len(held) > 1) else _each(held))
    idle = [lack for lack in lacks if fold and not lack[1]]
    if len(idle) > 1:
        lacks = [lack for lack in lacks if lack not in idle]
        lacks.append(("nothing here to judge", "", list(dict.fromkeys(name for _, _, ids in idle for name in ids))))
    if lacks:
        parts.append("\n".join(_lack(*lack) for lack in lacks))
    if told := report.of(Verdict.BAD, Verdict.HINT):
        parts.append(wrap(f"To silence: {silence(*told)}", "  "))
    return parts


def header(report: Report) -> str:
    """Title, counts, seconds and note in one sentence."""
    counts = [*counted(report), *filter(None, [seconds(report.seconds)])] or ["nothing has run yet"]
    told = f"{report.title}: {', '.join(counts)}" + (f"; {report.note}" if report.note else "")
    return wrap(told)


def finding(result: Result) -> str:
    """One finding: the sentence, where, why, what to do, the line to paste."""
    found = result.finding
    lines = [wrap(f"{MARKS[found.verdict.value]} {sentence(plain(found.message))}", "  ")]
    lines.append(wrap("  " + " · ".join(filter(None, (result.id, found.where, plain(found.why)))), "  "))
    if found.fix:
        lines.append(wrap("  " + found.fix, "  "))
    if found.code:
        lines.append(textwrap.indent(found.code.strip("\n"), "      "))
    return "\n".join(lines)


def wrap(line: str, indent: str = "") -> str:
    """The line broken at words to `WIDTH` columns."""
    return textwrap.fill(
        line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    )


def _held(held: list[Result]) -> str:
    held = telling(held)
    told = wrap(f"{MARKS['ok']} {sentence(plain(held[0].finding.message))}", "  ")
    return told + "\n" + wrap(f"  held: {', '.join(dict.fromkeys(result.id for result in held))}", "  ")


def _each(held: list[Result]) -> str:
    """Nothing but what held: every sentence."""
    said = (f"{MARKS['ok']} {sentence(plain(result.finding.message))} · {result.id}" for result in telling(held))
    return "\n".join(wrap(line, "  ") for line in said)


def _lack(message: str, line: str, ids: list[str]) -> str:
    told = wrap(f"{MARKS['skipped']} {', '.join(ids)}: {plain(message)}", "  ")
    return told + (f"\n      {line}" if line else "")
