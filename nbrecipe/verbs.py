"""The Python twins of the magics: the same names and arguments, for scripts, tests and other notebooks.

Each returns an `Answer`: a report that prints itself, shows itself in a notebook, and can be asked.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from torch import nn

from . import render
from .batches import BadInput
from .bench import Bench
from .experiments.overfit import Frame
from .finding import Result
from .registry import get_check
from .report import Example, ExplainPage, Report
from .runner import BINDINGS, run
from .session import UNCHANGED, Session, require, seed_all

View = Literal["findings", "board", "explain"]
#: the short names of flags and arguments, and the field of the bench each fills
ARGUMENTS = {"loss": "loss_fn", "train": "train_loader", "val": "val_loader"}
SESSION = Session()


@dataclass
class Answer(Report):
    """A report that prints itself, shows itself in a notebook and saves itself."""

    view: View = "findings"
    page: ExplainPage | None = field(default=None, repr=False)

    def __str__(self) -> str:
        if self.page is not None:
            return render.explain.text(self.page)
        return render.board.text(self) if self.view == "board" else render.text.findings(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        if self.page is not None:
            return render.explain.html(self.page)
        return render.board.html(self) if self.view == "board" else render.html.findings(self)

    def picture(self) -> bytes | None:
        """The still picture of its film, where it has one."""
        films = [result.finding.film for result in self if result.finding.film is not None]
        return render.film.png(films[0]) if films else None

    def save_html(self, path: str | Path) -> Path:
        """Write a self-contained page, readable without network; returns its path."""
        place = Path(path)
        explained = self.page is not None
        told = render.page.document(self.title, self._repr_html_()) if explained else render.page.page(self)
        place.write_text(told, encoding="utf-8")
        return place

    def save_json(self, path: str | Path) -> Path:
        """Write `to_dict()`; returns its path."""
        place = Path(path)
        place.write_text(json.dumps(self.to_dict(), indent=1), encoding="utf-8")
        return place


@dataclass
class Shown(Answer):
    """An answer that shows more than findings; what it saves is what it shows in a notebook."""

    def save_html(self, path: str | Path) -> Path:
        """Write a self-contained page, readable without network; returns its path."""
        place = Path(path)
        place.write_text(render.page.document(self.title, self._repr_html_()), encoding="utf-8")
        return place


def check_init(model: nn.Module | None = None, *, fix: bool = False, **given: Any) -> Answer:
    """Judge the initialisation: loss, last bias, symmetry, signal by layer, saturated and dead units.

    Takes loss=, batch=, train= (a loader), optimizer=, pretrained= (a state dict). With `fix` the last bias is set to
    the prior, in place; otherwise everything is afterwards as it was. Raises BadInput, in one sentence.
    """
    return check_init_of(bench_of(model=model, **given), fix=fix)


def check_init_of(bench: Bench, *, fix: bool = False) -> Answer:
    """The same for a bench."""
    return _answer(SESSION.check_init(bench, fix=fix))


def overfit_batch(
    model: nn.Module | None = None,
    *,
    n: int = 16,
    steps: int | None = None,
    budget: float = 60.0,
    lr: float | None = None,
    **given: Any,
) -> Answer:
    """Train the model on one batch of `n` examples to the lowest loss they allow, then put it back.

    Takes loss=, batch=, train= (a loader), optimizer=, tokenizer=. At most `steps` steps and `budget` seconds. Raises
    BadInput, in one sentence.
    """
    return overfit_batch_of(bench_of(model=model, **given), n=n, steps=steps, budget=budget, lr=lr)


def overfit_batch_of(
    bench: Bench,
    *,
    on_frame: Callable[[Frame], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    **limits: Any,
) -> Answer:
    """The same for a bench; `on_frame` is told of progress, `should_stop` may end it."""
    from .checks.evaluation import cannot_overfit
    from .experiments.overfit import overfit

    require(bench, "model", "batch")
    start = time.perf_counter()
    outcome = overfit(bench, on_frame=on_frame, should_stop=should_stop, **limits)
    seconds = time.perf_counter() - start
    check = cannot_overfit.check
    result = Result(check.id, check.title, cannot_overfit.judge(outcome, bench), seconds)
    SESSION.report.add([result])
    off = ", ".join(outcome.switched_off)
    note = f"off for this test: {off}; {UNCHANGED}" if off else UNCHANGED
    return Answer("Overfit one batch", {result.id: result}, note=note, seconds=seconds)


def recipe(
    *ids: str,
    full: bool = False,
    budget: float = 120.0,
    report: str | Path | None = None,
    lock: int | None = None,
    **given: Any,
) -> Answer:
    """The board of all stages and tips; with ids, run those checks; with `full`, run everything that applies.

    The name of a chapter ("model", "loss") stands for its checks of one batch. Takes what `bind` takes. `report` writes
    the board to a .html or .json file. `lock` hides every stage after that number from now on; the last one opens all.
    Raises LookupError for an unknown id.
    """
    return recipe_of(bench_of(**given), *ids, full=full, budget=budget, report=report, lock=lock)


def recipe_of(
    bench: Bench,
    *ids: str,
    full: bool = False,
    budget: float = 120.0,
    report: str | Path | None = None,
    lock: int | None = None,
) -> Answer:
    """The same for a bench."""
    if lock is not None:
        SESSION.lock_at(lock)
    if ids:
        answer = _answer(SESSION.run_named(ids, bench))
    else:
        if full:
            SESSION.run_all(bench, budget=budget)
        else:
            SESSION.read_cells(bench)
        answer = globals()["report"]()
    if report is not None:
        _save(answer, report)
    return answer


def explain(name: str) -> Answer:
    """A check's page, with its examples run. Raises LookupError for an unknown id."""
    check = get_check(name)
    examples = [Example.of("breaks", make, run(check, make())) for make in check.broken]
    examples += [Example.of("holds", make, run(check, make())) for make in check.healthy]
    page = ExplainPage.of(check, examples)
    return Answer(check.id, {}, view="explain", page=page)


def report() -> Answer:
    """Everything seen so far, as the board."""
    return _answer(SESSION.board(), view="board")


def bind(names: Mapping[str, str] | None = None, **given: Any) -> None:
    """Fix what the following calls work on: model=, loss=, train=, val=, batch=, optimizer=, scheduler=, tokenizer=, …

    Raises BadInput for an unknown name. `names` says how the user calls each of them.
    """
    fields = _fields(given)
    SESSION.bound.update(fields)
    SESSION.names.update(names or {})


def seed(number: int) -> None:
    """Seed python, numpy and torch on every device."""
    seed_all(number)


def bench_of(**given: Any) -> Bench:
    """The bench of what is given by name, with what is bound for the rest. Raises BadInput for an unknown name."""
    return SESSION.bench(_fields(given))


def _fields(given: Mapping[str, Any]) -> dict[str, Any]:
    fields = {ARGUMENTS.get(name, name): value for name, value in given.items()}
    unknown = [name for name, field in zip(given, fields, strict=True) if field not in BINDINGS]
    if unknown:
        short = {field: name for name, field in ARGUMENTS.items()}
        known = ", ".join(sorted(short.get(field, field) for field in BINDINGS))
        raise BadInput(f"there is nothing called {unknown[0]!r} to give; there are {known}")
    return fields


def _answer(found: Report, view: View = "findings") -> Answer:
    return Answer(found.title, found.results, found.note, found.seconds, found.lock, view)


def _save(answer: Answer, path: str | Path) -> None:
    ending = Path(path).suffix
    if ending not in (".html", ".json"):
        raise BadInput(f"a report is written to a .html or a .json file; {str(path)!r} is neither")
    (answer.save_html if ending == ".html" else answer.save_json)(path)
