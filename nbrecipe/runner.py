"""Runs checks on a bench: hands each what it asks for, keeps the user's state, times it, survives its bugs."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Iterator

from .batches import BadInput
from .bench import Bench, Missing
from .check import NOTEBOOK, Check
from .finding import Finding, Result, Verdict, skipped

#: the line that hands over what a check lacks
BINDINGS = {
    "model": "%bind model=net",
    "batch": "%bind train=train_loader",
    "loss_fn": "%bind loss=criterion",
    "optimizer": "%bind optimizer=opt",
    "scheduler": "%bind scheduler=sched",
    "train_loader": "%bind train=train_loader",
    "val_loader": "%bind val=val_loader",
    "train_data": "%bind train_data=train_set",
    "val_data": "%bind val_data=val_set",
    "tokenizer": "%bind tokenizer=tok",
    "pred_probs": "%bind pred_probs=probabilities",
    "pretrained": "%bind pretrained=state_dict",
    "trace": "%%watch",
    "rewrite": "%%same_as LOOP",
}


def run(check: Check, bench: Bench) -> Result:
    """The result of one check; the user's objects are afterwards as before, whatever happens."""
    return next(run_each([check], bench))


def run_each(checks: Iterable[Check], bench: Bench, *, enough: Callable[[], bool] = lambda: False) -> Iterator[Result]:
    """The results of several checks, one by one, with one copy of the state for all of them.

    `enough()` is asked before each check; once it is true the remaining ones are skipped.
    """
    with bench.untouched() as state:
        for check in checks:
            start = time.perf_counter()
            finding = skipped("there was no time left in the budget") if enough() else _judge(check, bench)
            state.restore()
            yield Result(check.id, check.title, finding, time.perf_counter() - start)


def _judge(check: Check, bench: Bench) -> Finding:
    try:
        given = {name: bench.get(name) for name in check.needs}
        given |= {name: value for name in check.wants if (value := bench.find(name)) is not None}
        return check.judge(given)
    except Missing as lack:
        line = BINDINGS.get(lack.needed, "")
        return skipped(f"needs `{lack.needed}`", fix="Hand over what is missing, then run it again.", code=line)
    except BadInput as error:
        return skipped(str(error))
    except Exception as error:  # a bug of ours, or of a check of the user's, must not end the user's notebook
        return _crashed(check, error)


def _crashed(check: Check, error: Exception) -> Finding:
    """The finding of a check that raised: the line where it did, and whose bug it is."""
    frames = traceback.extract_tb(error.__traceback__)
    told = f"{type(error).__name__}: {error}"
    if not check.source:
        fix = "This is a bug of nbrecipe; please report it with the line below."
        return Finding(Verdict.CRASHED, told, fix=fix, where=f"{frames[-1].filename}:{frames[-1].lineno}")
    own = [frame for frame in frames if frame.filename == check.file] or frames
    file = "" if check.source == NOTEBOOK else f"{own[-1].filename}, "
    fix = f"This is a bug of the check `{check.id}`, which is not one of nbrecipe's."
    return Finding(Verdict.CRASHED, told, fix=fix, where=f"{file}line {own[-1].lineno}: `{own[-1].line}`")
