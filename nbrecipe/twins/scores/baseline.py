"""`baseline`, the Python twin of `%baseline`: how well simple ways to answer do, and the model among them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader

from ... import verbs
from ...batches import BadInput
from ...bench import Bench
from ...experiments.ladder.climb import Ladder, Trying, climb
from ...experiments.ladder.reading import Progress
from ...experiments.ladder.rules import Rule
from ...pictures.ladder import LadderShown
from ...pictures.scores import Standings
from ...render.scores import ladder as drawn
from ...verbs import Shown
from .judged import of_ladder
from .others import people_in
from .rungs import shown_of

UNCHANGED = "your data are as they were"


@dataclass
class Baseline(Shown):
    """Simple ways to answer, each with what it is worth; `ladder` holds the answers themselves."""

    shown: LadderShown = field(default_factory=lambda: LadderShown("", Standings("", ()), ()), repr=False)
    ladder: Ladder | None = field(default=None, repr=False, compare=False)
    #: by rung: value of the metric, the least first; rungs without one are left out
    scores: Mapping[str, float] = field(default_factory=dict)
    losses: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        return drawn.text_of(self, self.shown)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return drawn.html_of(self, self.shown)


def baseline(
    train: Any = None,
    val: Any = None,
    *,
    metric: Any = None,
    rule: Rule | None = None,
    labels: Any = None,
    seconds: float | None = None,
    names: Mapping[str, str] | None = None,
    **given: Any,
) -> Baseline:
    """Fit simple ways to answer on the training data, and see what they are worth on the validation data.

    `train` and `val` are data sets, loaders, arrays, frames or paths; without them, what is bound. Without validation
    data every row of the training data is answered by what has not seen it. `metric` is a name ("macro F1",
    "f1_macro"), a function f(y_true, y_pred) or a metric of torchmetrics. `rule` is a function of one example, or of
    a batch, that gives answers or probabilities. `labels` is the name of the column with the label, or the training
    labels row by row. After `seconds` no further rung is tried. With model= (and loss=) the model stands among them.
    Takes what `bind` takes for the rest. Raises BadInput, in one sentence.
    """
    bench = verbs.bench_of(**given)
    bench = bench.replace(names={**bench.names, **(names or {})})
    return baseline_of(bench, train, val, metric=metric, rule=rule, labels=labels, seconds=seconds)


def baseline_of(
    bench: Bench,
    train: Any = None,
    val: Any = None,
    *,
    metric: Any = None,
    rule: Rule | None = None,
    labels: Any = None,
    seconds: float | None = None,
    progress: Progress = lambda name, rows, total: None,
    trying: Trying = lambda rung, number, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Baseline:
    """The same for a bench; what is given stands in for what it holds."""
    start = time.perf_counter()
    if rule is not None and not callable(rule):
        raise BadInput(f"`rule` is a function of an example; a {type(rule).__name__} was given")
    bench = _with(bench, train, val)
    named = metric if isinstance(metric, str) else getattr(metric, "__name__", "") if metric is not None else None
    ladder = climb(bench, rule=rule, metric=named, labels=labels, seconds=seconds, progress=progress,
                   trying=trying, should_stop=should_stop)  # fmt: skip
    ladder = replace(ladder, rungs=(*ladder.rungs, *people_in(bench, ladder, Path.cwd())))
    with bench.untouched():
        shown, scores, losses = shown_of(bench, ladder, [] if metric is None else [metric])
    results = of_ladder(bench, ladder)
    note = "; ".join(filter(None, [ladder.stopped, UNCHANGED]))
    return Baseline(f"Baselines of `{ladder.train.name}`", results, note=note, seconds=time.perf_counter() - start,
                    shown=shown, ladder=ladder, scores=scores, losses=losses)  # fmt: skip


def _with(bench: Bench, train: Any, val: Any) -> Bench:
    """The bench with what was given as its data; BadInput where there are none."""
    changes: dict[str, Any] = {}
    for split, data in (("train", train), ("val", val)):
        if data is not None:
            loads = isinstance(data, DataLoader)
            changes |= {f"{split}_loader": data if loads else None, f"{split}_data": None if loads else data}
            name = bench.names.get(f"{split}_data")
            if loads and name:
                changes["names"] = {**changes.get("names", bench.names), f"{split}_loader": name}
    if train is not None:
        changes |= {"batch": None}
        changes |= {"val_loader": None, "val_data": None} if val is None else {}
    bench = bench.replace(**changes)
    if bench.train_loader is None and bench.train_data is None:
        raise BadInput(
            "no data here: name them (`%baseline train_set val_set`), or bind a loader (`%bind train=loader`)"
        )
    return bench
