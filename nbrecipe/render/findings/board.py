"""The board: every stage and tip of the recipe, where you stand, what stops you and what to run next."""

from __future__ import annotations

import textwrap
from html import escape

from ...finding import plain
from ...recipe import STAGES, Stage, Tip
from ...report import Report, State, checks_of, tips_of
from ..pieces.fragment import code, fragment, heading, mark, rich
from ..pieces.words import MARKS, WORDS, counted, sentence
from . import text as _text

TITLE = "The recipe"
BEFORE = "nothing of a later stage is worth doing before it holds"


def text(report: Report) -> str:
    """The board as plain text: the rail, what stops you, and the tips of the stage where you stand."""
    here = report.here
    rail = [_rail_line(report, i, stage) for i, stage in enumerate(report.stages, 1)]
    ahead = [
        _text.wrap(f"{MARKS[state]} {plain(told)}", "  ") + (f"\n      {line}" if line else "")
        for state, told, line in _ahead(report)
    ]
    tips = [_tip_lines(report, tip) for tip in tips_of(here)]
    aim = f"{STAGES.index(here) + 1} {here.title}: {here.aim}"
    rail += [_text.wrap(f"– {line}", "  ") for line in _notes(report)]
    return "\n\n".join([f"{TITLE}: {plain(_told(report))}", "\n".join(rail), "\n".join(ahead), "\n".join([aim, *tips])])


def html(report: Report) -> str:
    """The board as an HTML fragment; the stage where you stand is open, the others fold."""
    return fragment(body(report))


def body(report: Report) -> str:
    """The same, to stand inside a fragment."""
    rail = "".join(_station(report, i, stage) for i, stage in enumerate(report.stages, 1))
    ahead = "".join(
        f'<div class="nbr-row nbr-line nbr-ahead">{mark(state)}<div>{rich(told)}</div>{code(line)}</div>'
        for state, told, line in _ahead(report)
    )
    notes = "".join(f'<div class="nbr-place">{rich(line)}</div>' for line in _notes(report))
    stages = "".join(_stage(report, i, stage) for i, stage in enumerate(report.stages, 1))
    return f'{heading(TITLE, _told(report))}<div class="nbr-rail">{rail}</div>{notes}{ahead}{stages}'


def _told(report: Report) -> str:
    counts = [part for part in counted(report) if "skipped" not in part]
    here = f"you are at **{report.here.title}**"
    return " · ".join([here, *counts]) if report.results else f"nothing has run yet; {here}"


def _notes(report: Report) -> list[str]:
    """What the reader should know of the board: what is locked, silenced, interrupted."""
    first, last = report.lock + 1, len(STAGES)
    held = f"Stage {last} is" if first == last else f"Stages {first} to {last} are"
    locked = f"{held} locked; `%recipe --lock {last}` opens all" if 0 < report.lock < last else ""
    return [line for line in (locked, sentence(report.note)) if line]


def _ahead(report: Report) -> list[tuple[State, str, str]]:
    """What stops you and what comes next: states, sentences, lines to run."""
    rows: list[tuple[State, str, str]] = []
    gate, tip = report.gate, report.next
    if gate is not None:
        state = report.state(gate)
        fails = {"bad": "fails", "hint": "is not proven", "crashed": "crashed", "skipped": "could not run"}.get(
            state, "has not run yet"
        )
        rows.append((state, f"The gate, **{gate.name}**, {fails}: {BEFORE}", gate.line))
    if tip is not None and tip != gate:
        state = report.state(tip)
        told = f"First, **{tip.name}**: {_evidence(report, tip)[0]}"
        rows.insert(0 if state == "bad" else len(rows), (state, told, _next(report, tip)))
    return rows or [("ok", "Everything that checks can tell holds" + (" so far" if report.lock else ""), "")]


def _next(report: Report, tip: Tip) -> str:
    """The line to run next for a tip, if there is one."""
    told, state = report.telling(tip), report.state(tip)
    if told is None:
        return tip.line or "".join(f"%recipe {name}" for name in checks_of(tip)[:1])
    if state == "skipped":
        return told.finding.code or tip.line
    return "" if state in ("ok", "idle") else f"%recipe explain {told.id}"


def _evidence(report: Report, tip: Tip) -> tuple[str, str]:
    """What was seen for a tip, or its advice; and what to do about a fault."""
    told = report.telling(tip)
    if told is None:
        return tip.advice, ""
    return sentence(told.finding.message), "" if told.verdict.value in ("ok", "skipped") else told.finding.fix


def _stage_state(report: Report, stage: Stage) -> State:
    known = {report.state(tip) for tip in tips_of(stage)}
    tips = [tip for tip in tips_of(stage) if report.state(tip) not in ("advice", "idle")]
    if not tips:
        return "idle" if "idle" in known else "advice"
    if all(map(report.holds, tips)):
        return "ok"
    telling: tuple[State, ...] = ("bad", "crashed", "hint", "todo")
    states = {report.state(tip) for tip in tips}
    return next((state for state in telling if state in states), "skipped")


def _count(report: Report, stage: Stage) -> str:
    held, total = report.progress(stage)
    return f"{held}/{total}" if total else ""


def _station(report: Report, number: int, stage: Stage) -> str:
    here = stage == report.here
    name = f"nbr-station nbr-{_stage_state(report, stage)}" + (" nbr-here" if here else "")
    count = f' <span title="tips that hold, of those that checks carry out">{_count(report, stage)}</span>'
    return f'<div class="{name}"><strong>{number} {escape(stage.title)}</strong>{count}{HERE if here else ""}</div>'


HERE = " <em>you are here</em>"


def _stage(report: Report, number: int, stage: Stage) -> str:
    state, count = _stage_state(report, stage), _count(report, stage)
    aim = f'<div><strong>{number} {escape(stage.title)}</strong> <span class="nbr-aim">{escape(stage.aim)}</span></div>'
    top = f'<summary class="nbr-row nbr-line">{mark(state)}{aim}<span class="nbr-aim">{count}</span></summary>'
    tips = "".join(_tip(report, tip) for tip in tips_of(stage))
    return f"<details{' open' if stage == report.here else ''}>{top}{tips}</details>"


def _tip(report: Report, tip: Tip) -> str:
    state, (seen, fix) = report.state(tip), _evidence(report, tip)
    source = escape(f"{tip.source}: {tip.advice}")
    todo = f"<div>{rich(fix)}</div>" if fix else ""
    name = f'<div class="nbr-name" title="{source}">{escape(tip.name)}</div>'
    cells = f'{mark(state)}{name}<div class="nbr-seen">{rich(seen)}{todo}</div>{code(_next(report, tip))}'
    return f'<div class="nbr-row nbr-tip nbr-is-{state}">{cells}</div>'


def _rail_line(report: Report, number: int, stage: Stage) -> str:
    here = "  ← you are here" if stage == report.here else ""
    state = _stage_state(report, stage)
    return f"{MARKS[state]} {number} {stage.title:<11}{_count(report, stage):<6}{WORDS[state]}{here}".rstrip()


def _tip_lines(report: Report, tip: Tip) -> str:
    (seen, fix), line = _evidence(report, tip), _next(report, tip)
    room = _text.WIDTH - 36
    told = textwrap.wrap(plain(seen), room) + (textwrap.wrap(plain(fix), room) if fix else [])
    told += [line] if line else []
    first = f"  {MARKS[report.state(tip)]} {tip.name:<32}{told[0]}"
    return "\n".join([first, *(" " * 36 + rest for rest in told[1:])])
