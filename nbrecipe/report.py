"""The results so far, in the recipe's order: what the board shows, what goes into a file, what CI asks."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from .check import Check, Draw
from .check import Example as MakeBench
from .finding import Result, Verdict
from .recipe import SAME, STAGES, Stage, Tip, stage_of
from .registry import all_checks

#: where a tip stands: a verdict, or idle where what ran found nothing of its kind to judge, or not yet run, or advice
#: that no check carries out
State = Literal["ok", "bad", "hint", "skipped", "crashed", "idle", "todo", "advice"]
#: the worst comes first: it is what a tip with several checks says
WORST: tuple[Verdict, ...] = (Verdict.BAD, Verdict.CRASHED, Verdict.HINT, Verdict.OK, Verdict.SKIPPED)


@dataclass
class Report:
    """Results by check and occasion; a later result of the same check on the same occasion replaces the earlier one."""

    title: str = "nbrecipe"
    results: dict[str, Result] = field(default_factory=dict)
    #: what the reader should know beside the findings, in one line
    note: str = ""
    seconds: float = 0.0
    #: how many stages are shown, the first ones; 0 for all
    lock: int = 0

    def up_to(self, lock: int) -> Report:
        """The same with the first `lock` stages alone, and what belongs to them; 0 for all."""
        if not lock:
            return self
        later = {stage.name for stage in STAGES[lock:]}
        hidden = [id for id, check in all_checks().items() if stage_of(check.tip).name in later]
        shown = replace(self, results=dict(self.results), lock=lock)
        shown.drop(hidden)
        return shown

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages that are shown."""
        return STAGES[: self.lock or None]

    @property
    def tips(self) -> list[Tip]:
        """The tips of the stages that are shown."""
        return [tip for stage in self.stages for tip in tips_of(stage)]

    def add(self, results: Iterable[Result]) -> Report:
        """Take in results; what was skipped does not replace what was seen, on any occasion, and gives way to it."""
        for result in results:
            others = [other for other in self.results.values() if other.id == result.id]
            if result.verdict is Verdict.SKIPPED and others:
                continue
            for other in others:
                if other.verdict is Verdict.SKIPPED:
                    del self.results[other.key]
            self.results[result.key] = result
        return self

    def drop(self, ids: Iterable[str]) -> None:
        """Forget what these checks said."""
        gone = set(ids)
        self.results = {key: result for key, result in self.results.items() if result.id not in gone}

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
        """The results of the checks that carry out a tip, or the same advice of the other essay."""
        wanted = checks_of(tip)
        return [result for result in self if result.id in wanted]

    def telling(self, tip: Tip) -> Result | None:
        """The result that speaks for a tip: the worst of its checks, the first of these in the recipe's order."""
        found = self.under(tip)
        return min(found, key=lambda result: WORST.index(result.verdict)) if found else None

    def state(self, tip: Tip) -> State:
        """Where a tip stands; `todo` where checks exist and none ran, `advice` where no check carries it out."""
        told = self.telling(tip)
        if told is None:
            return "todo" if checks_of(tip) else "advice"
        lacks_nothing = told.verdict is Verdict.SKIPPED and not told.finding.code
        return "idle" if lacks_nothing else told.verdict.value

    def progress(self, stage: Stage) -> tuple[int, int]:
        """How many tips of a stage hold, of how many that checks carry out."""
        tips = tips_of(stage)
        return sum(map(self.holds, tips)), sum(self.state(tip) not in ("advice", "idle") for tip in tips)

    def holds(self, tip: Tip) -> bool:
        """Whether a tip lets the reader go on: a hint claims no fault, but does not open a gate either."""
        state = self.state(tip)
        return state == "ok" or (state == "hint" and not tip.gate)

    @property
    def here(self) -> Stage:
        """The stage of the first fault, else of the first tip that has not run or shut gate, else the last one seen."""
        if not self.results:
            return STAGES[0]
        seen = STAGES[0]
        for stage in self.stages:
            if any(self.state(tip) == "bad" for tip in tips_of(stage)):
                return stage
        for stage in self.stages:
            states = [self.state(tip) for tip in tips_of(stage)]
            if "todo" in states or "crashed" in states or self.gate in stage.tips:
                return stage
            if set(states) & {"ok", "hint"}:
                seen = stage
        return seen

    @property
    def gate(self) -> Tip | None:
        """The first gate of the recipe that does not hold, seen or not; None once all hold."""
        return next((tip for tip in self.tips if tip.gate and not self.holds(tip)), None)

    @property
    def next(self) -> Tip | None:
        """The tip to turn to: the first fault, else the first that has not run; None when there is neither."""
        for state in ("bad", "todo"):
            for tip in self.tips:
                if self.state(tip) == state:
                    return tip
        return None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-ready data: {"findings": [...]}."""
        return {"findings": [result.to_dict() for result in self]}


@dataclass(frozen=True)
class Example:
    """An example of a check: what it breaks or why it holds, its source, and what the check really says of it."""

    kind: Literal["breaks", "holds"]
    name: str
    doc: str
    source: str
    result: Result

    @classmethod
    def of(cls, kind: Literal["breaks", "holds"], make: MakeBench, result: Result) -> Example:
        """From the function that makes the example's bench."""
        doc = inspect.getdoc(make) or ""
        try:
            source = inspect.getsource(make)
        except OSError:  # typed where nobody kept it
            source = ""
        return cls(kind, make.__name__, doc, source, result)


@dataclass(frozen=True)
class ExplainPage:
    """A check's page: what holds, why it matters, where the advice comes from, and its examples, run."""

    id: str
    title: str
    why: str
    tip: Tip
    needs: tuple[str, ...]
    cost: str
    examples: tuple[Example, ...]
    #: where a check comes from that is not ours
    source: str = ""

    @classmethod
    def of(cls, check: Check, examples: Iterable[Example]) -> ExplainPage:
        """From a check and its examples."""
        return cls(check.id, check.title, check.why, check.tip, check.needs, check.cost, tuple(examples), check.source)


def drawing_of(result: Result) -> Draw | None:
    """How the check behind a result draws what it saw, if it draws at all and there is something to draw."""
    check = all_checks().get(result.id)
    return check.drawing if check is not None and result.finding.seen else None


def tips_of(stage: Stage) -> tuple[Tip, ...]:
    """The tips of a stage, and behind them those of checks that carry out none of the essays'."""
    own = dict.fromkeys(check.tip for check in all_checks().values() if check.tip.stage == stage.name)
    return (*stage.tips, *own)


def checks_of(tip: Tip) -> list[str]:
    """The ids of the checks that carry out a tip."""
    name = SAME.get(tip.name, tip.name)
    return [check.id for check in all_checks().values() if check.tip.name == name]
