"""People who answered rows of the same data before: their files, and their answers as those of a model are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...batches import BadInput
from ...scan.columns.kinds import Kind
from ...scan.plan import Plan
from ...scan.sources.source import Source
from ..answers import Answers
from .deck import Deck, plain
from .sheet import Sheet, read
from .standing import answers_of

#: what the files are called where nobody names them
FILES = "human_*.jsonl"


def people_on(source: Source, plan: Plan, known: str, folder: Path) -> Iterator[tuple[str, Answers]]:
    """Who answered rows of these data, by the files of a folder, and what; `known` is what the data are known by."""
    if plan.label is None or source.length is None:
        return
    for path in sorted(folder.glob(FILES)):
        try:
            sheet = read(path)
        except BadInput:
            continue
        if sheet.head.get("fingerprint") != known or sheet.head.get("kind") != str(plan.kinds[plan.label]):
            continue
        found = answers_of(_deck(source, plan, sheet), sheet, str(sheet.head.get("by") or "you"))
        if found is not None:
            yield found.name, found


def _deck(source: Source, plan: Plan, sheet: Sheet) -> Deck:
    """The rows that were answered, with their labels as they are now."""
    label, kind = plan.label or "", Kind(str(sheet.head["kind"]))
    truth = {}
    for row in sorted({one.question.row for one in sheet.given if one.question.turn == 0}):
        try:
            value = plain(source.example(row)[label], kind)
        except Exception:  # a row that cannot be read any more has no label
            continue
        if value is not None:
            truth[row] = value
    choices = tuple((value, str(name)) for value, name in sheet.head.get("choices", ()))
    return Deck(source.name, str(sheet.head["fingerprint"]), kind, (), truth, choices, int(sheet.head.get("seed", 0)))
