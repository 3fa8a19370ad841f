"""Tables of checks and of magics, in Markdown, and the marked places of a page that they fill."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ..check import Check
from ..recipe import STAGES, stage_of
from ..registry import shipped_checks
from .magics import Magic

#: what a check sees, and so what it costs, in words
COST = {"instant": "one batch", "scan": "reads the data", "trains": "trains, seconds"}
#: the same for checks that need one of these
SEES = {"trace": "your loop", "cells": "your cells"}
BEGIN, END = "<!-- {}: written by python -m nbrecipe.catalogue -->", "<!-- end of {} -->"


def checks() -> str:
    """Every check as a row, in the recipe's order."""
    rows = [(f"`{c.id}`", c.title, c.tip.name, sees(c)) for c in shipped_checks().values()]
    return table(("check", "what holds", "tip", "looks at"), rows)


def stages() -> str:
    """Every stage of the recipe as a row: its aim, how many checks it has and what these are about."""
    found = {stage.title: [c for c in shipped_checks().values() if stage_of(c.tip) == stage] for stage in STAGES}
    rows = [
        (f"{number} {stage.title}", stage.aim, str(len(found[stage.title]) or "–"), _about(found[stage.title]))
        for number, stage in enumerate(STAGES, 1)
    ]
    return table(("stage", "aim", "checks", "among them"), rows)


def magics(found: Iterable[Magic], groups: Mapping[str, str], folder: str) -> str:
    """Every magic as a row that links to its page, in the order of their groups."""
    order = list(dict.fromkeys(groups.values()))
    listed = sorted(found, key=lambda magic: (order.index(groups[magic.name]), magic.name))
    rows, before = [], ""
    for magic in listed:
        group = groups[magic.name]
        rows.append((group if group != before else "", f"[`{magic.call}`]({folder}/{magic.name}.md)", magic.title))
        before = group
    return table(("", "magic", "what it does"), rows)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table; a bar in a cell does not split it."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


def sees(check: Check) -> str:
    """What a check looks at."""
    return next((words for need, words in SEES.items() if need in check.needs), COST[check.cost])


def filled(page: str, name: str, content: str) -> str:
    """The page with the content between the markers of that name; ValueError where they are missing."""
    begin, end = BEGIN.format(name), END.format(name)
    before, found, rest = page.partition(f"{begin}\n")
    _, closed, after = rest.partition(f"{end}")
    if not (found and closed):
        raise ValueError(f"the page has no place for {name}: put {begin} and {end} on lines of their own")
    return f"{before}{begin}\n{content}\n{end}{after}"


def _about(found: list[Check]) -> str:
    """Three checks that are about different things, by their ids."""
    first = list({check.tip: check for check in reversed(found)}.values())[::-1]
    return ", ".join(f"`{check.id}`" for check in first[:3])


def masked(text: str) -> str:
    """The text without its line breaks and without its numbers, which differ a little from machine to machine."""
    told = re.sub(r"\bunder (?=\d)", "", " ".join(text.split()))  # seconds, where there are hardly any
    return re.sub(r"-?\d+(\.\d+)?(e-?\d+)?", "#", told)
