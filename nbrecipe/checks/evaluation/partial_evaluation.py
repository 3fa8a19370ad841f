"""Every validation row is evaluated once.

A loader that was copied from training keeps what training wants: `drop_last=True` leaves the last rows out, a sampler
with replacement leaves a third of them out and counts others twice. The number that comes out is that of other data
than the validation set. Only ever a hint: a part may be meant, as a quick look or a bootstrap is. A part that a list of
rows or the share of a process names is meant.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn
from torch.utils.data import DataLoader, RandomSampler, SubsetRandomSampler, WeightedRandomSampler

from ... import toys
from ...bench import Bench
from ...check import Check
from ...evaluation.known import val_passed
from ...evaluation.passing import Passed
from ...finding import Finding, hint, ok, percent, skipped

check = Check(__name__, tip="significant digits", cost="scan")

#: samplers that name the rows to be read
NAMED = (SubsetRandomSampler,)


@check.run
def run(model: nn.Module, bench: Bench) -> Finding:
    passed = bench.once(val_passed)
    if passed.length is None or not passed.numbered:
        return skipped(f"which rows of the data `{passed.name}` gives is not known")
    if passed.stopped:
        return skipped(f"{passed.stopped}: `{passed.name}` was not read to its end")
    read, rows = len(passed.answers), len(np.unique(passed.answers.rows))
    left, again = passed.length - rows, read - rows
    numbers: dict[str, Any] = {"rows": passed.length, "left_out": left, "repeated": again}
    loader = bench.val_loader if isinstance(bench.val_loader, DataLoader) else None
    if not left and not again:
        return ok(f"`{passed.name}` gives each of {passed.length:,} rows once", **numbers)
    if loader is None or _meant(loader):
        return ok(f"`{passed.name}` gives {rows:,} of {passed.length:,} rows, as its sampler says", **numbers)
    return _partial(passed, loader, left, again, numbers)


def _partial(passed: Passed, loader: Any, left: int, again: int, numbers: dict[str, Any]) -> Finding:
    told = []
    if left:
        told.append(f"leaves out **{left:,}** of {passed.length:,} rows ({percent(left / (passed.length or 1))})")
    if again:
        told.append(f"gives **{again:,}** rows more than once" if not left else f"counts {again:,} rows again")
    replaced = bool(getattr(loader.sampler, "replacement", False))
    drops = bool(loader.drop_last) and not replaced
    why = "`drop_last=True`" if drops else f"a {type(loader.sampler).__name__} with replacement" if replaced else ""
    if not why:
        why = f"its sampler ({type(loader.batch_sampler if loader.batch_size is None else loader.sampler).__name__})"
    fix = "Read the validation data in order, without a sampler, to the last row."
    size = loader.batch_size or 64
    return hint(
        f"`{passed.name}` {' and '.join(told)}: {why}",
        fix=fix,
        code=f"DataLoader({passed.name}.dataset, batch_size={size}, shuffle=False, drop_last=False)",
        **numbers,
    )


def _meant(loader: Any) -> bool:
    """Whether the rows are a part that somebody chose: a list of them, or one process's share."""
    sampler = loader.sampler
    kind = type(sampler)
    return isinstance(sampler, NAMED) or "istributed" in kind.__name__ or (
        not kind.__module__.startswith("torch.") and not getattr(sampler, "replacement", False)
    )  # fmt: skip


def _evaluated(**options: Any) -> Bench:
    given = toys.classify(rows=200)
    named = {**given.names, "val_loader": "val_dl"}
    return given.replace(val_loader=DataLoader(given.train_data, 64, **options), names=named)


@check.breaks
def last_rows_dropped() -> Bench:
    """`drop_last=True`, as in training: eight of two hundred rows never count."""
    return _evaluated(drop_last=True)


@check.breaks
def drawn_with_replacement() -> Bench:
    """Classes are balanced by a sampler, as in training: a third of the rows never counts, others do several times."""
    return _evaluated(sampler=WeightedRandomSampler([1.0] * 200, 200, generator=toys.seeded()))


@check.holds
def to_the_last_row() -> Bench:
    """Every row counts once."""
    return _evaluated()


@check.holds
def in_another_order() -> Bench:
    """A shuffled loader gives every row once all the same."""
    return _evaluated(sampler=RandomSampler(range(200), generator=toys.seeded()))


@check.holds
def a_list_of_rows() -> Bench:
    """Training and validation rows of one data set are told apart by lists."""
    return _evaluated(sampler=SubsetRandomSampler(range(150, 200), generator=toys.seeded()))
