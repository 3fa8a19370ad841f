"""The results so far, in the recipe's order: what the board shows, what goes into a file, what CI asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from .check import Draw
from .finding import Result, Verdict
from .recipe import STAGES, Stage, Tip, stage_of
from .registry import all_checks


@dataclass
class Report:
    """Results by check; a later result of the same check replaces the earlier one."""

    title: str = "nbrecipe"
    results: dict[str, Result] = field(default_factory=dict)

    def add(self, results: Iterable[Result]) -> Report:
        """Take in results; what was skipped does not replace what was seen."""
        for result in results:
            if result.verdict is Verdict.SKIPPED and result.id in self.results:
                continue
            self.results[result.id] = result
        return self

    def __iter__(self) -> Iterator[Result]:
        order = {name: i for i, name in enumerate(all_checks())}
        return iter(sorted(self.results.values(), key=lambda r: order.get(r.id, len(order))))

    def __len__(self) -> int:
        return len(self.results)

    def of(self, *verdicts: Verdict) -> list[Result]:
        """The results with one of these verdicts."""
        return [result for result in self if result.verdict in verdicts]

    @property
    def ok(self) -> bool:
        """Whether no check found a fault."""
        return not self.of(Verdict.BAD)

    @property
    def exit_code(self) -> int:
        """1 when a check found a fault, else 0."""
        return int(not self.ok)

    def under(self, tip: Tip) -> list[Result]:
        """The results of the checks that carry out a tip."""
        known = all_checks()
        return [result for result in self if result.id in known and known[result.id].tip == tip]

    @property
    def here(self) -> Stage:
        """The stage where the user stands: that of the first fault, else of the first tip not yet held."""
        for stage in STAGES:
            if any(r.verdict is Verdict.BAD for tip in stage.tips for r in self.under(tip)):
                return stage
        reached = [stage_of(tip) for stage in STAGES for tip in stage.tips if self.under(tip)]
        return reached[-1] if reached else STAGES[0]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-ready data: {"findings": [...]}."""
        return {"findings": [result.to_dict() for result in self]}


def drawing_of(result: Result) -> Draw | None:
    """How the check behind a result draws what it saw, if it draws at all and there is something to draw."""
    check = all_checks().get(result.id)
    return check.drawing if check is not None and result.finding.seen else None
