"""`evaluate`, the Python twin of `%evaluate`: a model over a whole data set, and what its answers are worth."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import nn
from torch.utils.data import DataLoader

from ... import verbs
from ...batches import BadInput
from ...bench import Bench
from ...evaluation.against import Against, against
from ...evaluation.answers import Answers
from ...evaluation.metric import Score
from ...evaluation.passing import Passed, Progress, passed
from ...evaluation.scores import metrics_for, score
from ...pictures.evaluation import Evaluation
from ...render.scores import evaluation as drawn
from ...verbs import Shown
from .evaluation import column_of, evaluation
from .judged import of_pass
from .noted import counted, noted

UNCHANGED = "your model and data are as they were"


@dataclass
class Evaluated(Shown):
    """What a model's answers are worth; `answers` holds them row by row, `scores` every metric."""

    shown: Evaluation = field(default_factory=lambda: Evaluation("", ()), repr=False)
    scores: tuple[Score, ...] = field(default=(), repr=False, compare=False)
    #: the answers of the model, and of the second one where there is one
    answers: Answers | None = field(default=None, repr=False, compare=False)
    other: Answers | None = field(default=None, repr=False, compare=False)
    compared: tuple[Against, ...] = field(default=(), repr=False, compare=False)
    _picture: bytes | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return drawn.text_of(self, self.shown)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return drawn.html_of(self, self.shown)

    def picture(self) -> bytes | None:
        """What the page draws, as one still picture for papers; None where there is nothing to draw."""
        if self._picture is None:
            self._picture = drawn.png(self.shown)
        return self._picture

    def score(self, name: str) -> Score:
        """A metric by its name; LookupError where there is none."""
        found = next((one for one in self.scores if one.name == name), None)
        if found is None:
            raise LookupError(f"no metric `{name}` here: there are {', '.join(one.name for one in self.scores)}")
        return found


def evaluate(
    model: nn.Module | None = None,
    val: Any = None,
    *,
    metrics: Any = (),
    by: Any = None,
    against: nn.Module | None = None,
    names: Mapping[str, str] | None = None,
    **given: Any,
) -> Evaluated:
    """Let the model answer every row once, in eval mode, without gradients, and say what the answers are worth.

    `val` is a loader, a data set or a tuple (inputs, targets); without it, what is bound. `metrics` are asked for
    beside the usual ones: names of scikit-learn's functions and scorers, functions f(y_true, y_pred), metrics of
    torchmetrics. `by` tells slices apart: values row by row, the name of a column of the data, or a mapping of several
    by name. `against` is a second model, compared by paired tests. Takes loss= and what `bind` takes for the rest.
    Raises BadInput, in one sentence.
    """
    bench = verbs.bench_of(model=model, **given)
    called = "the second model" if type(against) is type(bench.model) else type(against).__name__
    bench = bench.replace(names={"against": called, **bench.names, **(names or {})})
    return evaluate_of(bench, val, metrics=metrics, by=by, against=against)


def evaluate_of(
    bench: Bench,
    val: Any = None,
    *,
    metrics: Any = (),
    by: Any = None,
    against: nn.Module | None = None,
    journal: bool = True,
    seen: Progress = lambda rows, total: None,
) -> Evaluated:
    """The same for a bench; `seen` is told the rows that were answered and how many there are.

    With `journal` it is noted in the working directory's journal, which counts how often data were evaluated on.
    """
    start = time.perf_counter()
    bench = _with(bench, val)
    found = passed(bench, seen=seen)
    answers = found.answers
    asked = (metrics,) if isinstance(metrics, str) or not isinstance(metrics, Sequence) else tuple(metrics)
    scores = tuple(score(one, answers) for one in metrics_for(answers, asked, limits=found.limits))
    data = bench.val_loader if bench.val_loader is not None else bench.val_data
    slices = _slices(by, found, data)
    other, pairs = _second(bench, found, against, seen)
    name = bench.name("against") if against is not None else ""
    notes = [*noted(found, scores), *(counted(bench, found, scores, data) if journal else [])]
    with bench.untouched():
        shown = evaluation(bench, found, scores, slices, pairs, name, notes, data, other)
    results = of_pass(bench, found)
    note = "; ".join(filter(None, [f"{found.stopped}: {found.extent}" if found.stopped else "", UNCHANGED]))
    seconds = time.perf_counter() - start
    return Evaluated(f"Evaluate `{answers.name}`", results, note=note, seconds=seconds, shown=shown, scores=scores,
                     answers=answers, other=other, compared=pairs)  # fmt: skip


def _with(bench: Bench, val: Any) -> Bench:
    """The bench with what was given as its validation data; BadInput where model or data are missing."""
    if bench.model is None:
        raise BadInput("no model here: name it (`%evaluate net`), or bind it (`%bind model=net`)", "model")
    if val is not None:
        loads = isinstance(val, DataLoader) or (not hasattr(val, "__getitem__") and hasattr(val, "__iter__"))
        changes = {"val_loader": val, "val_data": None} if loads else {"val_loader": None, "val_data": val}
        names = dict(bench.names)
        name = names.get("val", names.get("val_loader", names.get("val_data", "val")))
        return bench.replace(**changes, names={**names, "val_loader": name, "val_data": name})
    if bench.val_loader is None and bench.val_data is None:
        told = "no validation data here: name them (`%evaluate net val_loader`), or `%bind val=val_loader`"
        raise BadInput(told, "val_loader")
    return bench


def _second(
    bench: Bench, found: Passed, other: nn.Module | None, seen: Progress
) -> tuple[Answers | None, tuple[Against, ...]]:
    """The answers of a second model to the same rows, and both compared."""
    if other is None:
        return None, ()
    if not isinstance(other, nn.Module):
        raise BadInput(f"a second model is an nn.Module; a {type(other).__name__} was given")
    names = {**bench.names, "model": bench.name("against")}
    theirs = passed(bench.replace(model=other, names=names), seen=seen).answers
    return theirs, against(found.answers, theirs)


def _slices(by: Any, found: Passed, data: Any) -> dict[str, Any]:
    """Values of each answer by name. Raises BadInput where they are not one for each row."""
    if by is None:
        return {}
    given = dict(by) if isinstance(by, Mapping) else {getattr(by, "name", None) or str(by if _named(by) else "by"): by}
    made = {}
    for name, values in given.items():
        array = np.asarray(column_of(data, found.name, values) if _named(values) else values)
        rows = found.answers.rows
        whole = found.length if found.length is not None else len(rows)
        if array.ndim != 1 or len(array) not in (whole, len(rows)):
            shape = " × ".join(map(str, array.shape)) or "a single value"
            raise BadInput(f"slices need one value for each of the {whole:,} rows; `{name}` is {shape}")
        made[str(name)] = array[rows] if found.numbered and len(array) == whole else array
    return made


def _named(by: Any) -> bool:
    return isinstance(by, str)
