"""What a person has done so far in one notebook or script: what is bound, what was seen, what is silenced."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from .batches import BadInput
from .bench import Bench, Cell, Missing
from .check import Check
from .finding import Result, Verdict, number, skipped
from .probes.init.prior import Applied, apply_prior
from .recipe import STAGES, stage_of
from .registry import all_checks, checks_named, complaints
from .report import Report
from .runner import run_each
from .trace import Trace

#: the chapter that `check_init` runs, whole
INIT = "init"
UNCHANGED = "your model is as it was"
NOTHING = "nothing to judge in this cell"


@dataclass
class Session:
    """Runs checks on benches and keeps the latest result of each, for each occasion."""

    bound: dict[str, Any] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    report: Report = field(default_factory=Report)
    #: ids that a comment in the notebook silences
    silenced: frozenset[str] = frozenset()
    #: how many stages the board shows, the first ones; 0 for all
    lock: int = 0

    def bench(self, given: dict[str, Any], names: dict[str, str] | None = None) -> Bench:
        """A bench of what is given now and, beneath it, what was bound before."""
        given = {name: value for name, value in given.items() if value is not None}
        return Bench(**(self.bound | given), names=self.names | (names or {}))

    def silence(self, ids: Iterable[str]) -> None:
        """Leave these checks out from now on, and what they said before; the notes say so."""
        self.silenced = frozenset(ids) & all_checks().keys()
        self.report.drop(self.silenced)
        self.report.note = self._noted("")

    def _noted(self, note: str) -> str:
        told = f"silenced in a cell: {', '.join(sorted(self.silenced))}" if self.silenced else ""
        return "; ".join(text for text in (note, told, *complaints()) if text)

    def lock_at(self, stage: int) -> None:
        """Show no stage of the board after this one from now on; the last one opens all. BadInput for none."""
        if isinstance(stage, bool) or not isinstance(stage, int) or not 1 <= stage <= len(STAGES):
            raise BadInput(f"a lock is the number of the last stage to show, 1 to {len(STAGES)}; {stage!r} was given")
        self.lock = stage % len(STAGES)

    def board(self) -> Report:
        """What was seen so far, of the stages that are shown."""
        self.report.note = self._noted("")
        return self.report.up_to(self.lock)

    def run(self, checks: Iterable[Check], bench: Bench, *, budget: float | None = None) -> list[Result]:
        """The results of these checks, but for the silenced ones; they are kept in the report."""
        start = time.monotonic()
        chosen = [check for check in checks if check.id not in self.silenced]
        enough: Callable[[], bool] = lambda: budget is not None and time.monotonic() - start > budget  # noqa: E731
        results, watching = [], reading_traces()
        for check, result in zip(chosen, run_each(chosen, bench, enough=enough), strict=True):
            if check in watching and bench.trace is not None:
                result = replace(result, occasion="training" if bench.trace.trained else "evaluation")
            self.report.add([result])  # kept one by one, so that an interrupt loses nothing
            results.append(result)
        return results

    def check_init(self, bench: Bench, *, fix: bool = False) -> Report:
        """Every check of the initialisation; with `fix` the prior is set first, and the note says what it saved.

        Raises BadInput when there is no model, or when the batch cannot be fed to it.
        """
        start = time.monotonic()
        require(bench, "model")
        note = UNCHANGED
        if fix:
            note = _told(apply_prior(bench))
            bench = bench.replace()
        with bench.untouched():
            require(bench, "batch", "task")
        results = self.run([c for c in all_checks().values() if c.chapter == INIT], bench)
        title = f"Initialisation of `{bench.name('model')}`"
        return Report(title, {r.id: r for r in results}, note=self._noted(note), seconds=time.monotonic() - start)

    def run_named(self, ids: Iterable[str], bench: Bench) -> Report:
        """The checks with these ids or of these chapters; LookupError names the nearest for an unknown one."""
        chosen = {check.id: check for name in ids for check in checks_named(name)}
        results = self.run(list(chosen.values()), bench)
        note = self._noted(UNCHANGED)
        return Report("Checks", {r.id: r for r in results}, note=note, seconds=sum(r.seconds for r in results))

    def read_cells(self, bench: Bench) -> None:
        """The checks that only read the notebook's cells: the board knows their outcome without being asked."""
        if bench.cells:
            self.run([check for check in all_checks().values() if "cells" in check.needs], bench)

    def judge_trace(self, trace: Trace, bench: Callable[[], Bench], cells: tuple[Cell, ...] = ()) -> list[Result]:
        """Every check of a watched loop; the bench is only asked for where one of them needs more than the trace.

        Of a cell in which nothing happened, nothing is kept, and each check says so.
        """
        checks = [check for check in reading_traces() if check.id not in self.silenced]
        if not happened(trace):
            return [Result(check.id, check.title, skipped(NOTHING)) for check in checks]
        more = any({*check.needs, *check.wants} - {"trace", "cells"} for check in checks)
        return self.run(checks, (bench() if more else Bench(cells=cells)).replace(trace=trace))

    def glance(self, trace: Trace) -> Report:
        """The faults and hints that the trace of a running loop shows already; none of them is kept."""
        quick = [c for c in reading_traces() if not {*c.needs, *c.wants} - {"trace", "bench"} and c.cost == "instant"]
        # a check of the user's may take long, and the loop waits
        ours = [c for c in quick if not c.source and c.id not in self.silenced]
        results = run_each(ours, Bench(trace=trace))
        return Report().add(r for r in results if r.verdict in (Verdict.BAD, Verdict.HINT))

    def run_all(self, bench: Bench, *, budget: float) -> None:
        """Everything that applies now, the instant ones first, experiments last, within `budget` seconds.

        What judges the data set where it has been read comes after those that read it.
        """
        places = {"instant": 0, "scan": 1, "trains": 3}
        open_ = {stage.name for stage in STAGES[: self.lock or None]}
        checks = [check for check in all_checks().values() if stage_of(check.tip).name in open_]
        self.run(sorted(checks, key=lambda c: 2 if c.rows else places[c.cost]), bench, budget=budget)


def reading_traces() -> list[Check]:
    """The checks that judge a watched loop."""
    return [check for check in all_checks().values() if "trace" in {*check.needs, *check.wants}]


def happened(trace: Trace) -> bool:
    """Whether a watched cell trained or called a model."""
    return trace.trained or any(model.count or model.passes for model in trace.models)


def _told(done: Applied | str) -> str:
    """What setting the bias did, or why it was not set."""
    if isinstance(done, str):
        return f"no bias was set: {done}"
    before, after = number(done.before), number(done.after)
    return f"`{done.name}.bias` is now the prior: the loss starts at {after} instead of {before}"


def require(bench: Bench, *names: str) -> None:
    """Raise BadInput, saying how to hand it over, where one of these is missing."""
    for name in names:
        try:
            bench.get(name)
        except Missing as lack:
            raise BadInput(LACKS.get(lack.needed, f"there is no {lack.needed} here: give one"), lack.needed) from None


LACKS = {
    "model": "no model here: assign one (`model = ...`) or name it",
    "batch": "no batch here: give a loader (`train=loader`) or a batch (`batch=(x, y)`)",
    "loss_fn": "no loss here: give one (`loss=criterion`), or a model that returns its own loss",
}


def seed_all(number: int) -> None:
    """Seed python, numpy and torch on every device.

    Raises BadInput for anything but a whole number from 0 to 2**32 - 1.
    """
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < 2**32:
        raise BadInput(f"a seed is a whole number from 0 to {2**32 - 1}; {number!r} was given")
    random.seed(number)
    np.random.seed(number)
    torch.manual_seed(number)
