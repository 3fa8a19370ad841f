"""Reading an example leaves what the data set stores as it was.

`x = self.x[i]` is a view: `x -= mean` or `row["x"] = ...` behind it writes into the data set, and each epoch reads what
the one before has left. The examples drift away, and no line looks wrong. Rows are read three times from one random
state: the fault is that the second and the third reading each differ from the one before, that something stored changed
at each, and that putting it back gives the first reading again.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset

from ... import toys
from ...batches import BadInput
from ...bench import Bench, Missing
from ...check import Check
from ...finding import Finding, bad, hint, number, ok
from ...probes.data.changes import Change, Changes, of_training, of_validation
from ...probes.data.source import base_of, source

check = Check(__name__, tip="visualize just before the net")


@check.run
def run(bench: Bench) -> Finding:
    found: list[Finding] = []
    seen: set[int] = set()
    lacking: BadInput | Missing | None = None
    for split, look in (("train", of_training), ("val", of_validation)):
        try:
            base = id(base_of(source(bench, split).data))
            if base not in seen:  # two parts of one data set are read alike
                found.append(_judged(bench.once(look)))
            seen.add(base)
        except (BadInput, Missing) as error:
            lacking = lacking or error
    if not found and lacking is not None:
        raise lacking
    order = ("bad", "hint", "ok")
    return min(found, key=lambda finding: order.index(finding.verdict.value))


def _judged(seen: Changes) -> Finding:
    name = seen.source.name
    if seen.reused:
        return _overwritten(seen)
    if seen.undone and seen.stored and (seen.drifting or seen.refused):
        return _drifting(seen)
    said = f"reading {seen.rows} rows of `{name}` again from the same random state gives the same examples"
    if seen.drifting:
        said = f"reading **{seen.rows}** rows of `{name}` again gives other ones, and changes nothing that is stored"
    return ok(said, rows=seen.rows, drifting=seen.drifting)


def _drifting(seen: Changes) -> Finding:
    name = seen.source.name
    sure = [change for change in seen.stored if not change.counter and not change.moved]
    change = min(sure or seen.stored, key=lambda change: (change.path.count("["), len(change.path)))
    path = re.sub(r"(\[[^\]]*\])+$", "", change.path)
    if seen.refused:
        message = f"the first reading of {seen.rows} rows of `{name}` changes `{path}`, and then {seen.refused}"
    else:
        message = (
            f"each reading of **{seen.drifting}** of {seen.rows} rows of `{name}` differs from the one before, by "
            f"**{number(seen.spread, 2)}** standard deviations at first: reading changes `{path}`"
        )
    whole = f"copy.deepcopy({path}[i])"
    copied = {"tensor": f"{path}[i].clone()", "array": f"{path}[i].copy()"}
    given: dict[str, Any] = {
        "fix": "Copy what is read before anything changes it in place.",
        "code": "x = " + (copied.get(change.of, whole) if path == change.path else whole),
        "where": path,
        "rows": seen.rows,
        "drifting": seen.drifting,
        "spread": seen.spread,
    }
    excuse = _excuse(seen, sure)
    return hint(message, why=excuse, **given) if excuse else bad(message, **given)


def _excuse(seen: Changes, sure: list[Change]) -> str:
    """Why the change may be meant, or do no harm; "" where it does."""
    if not sure:
        moved = all(change.moved for change in seen.stored)
        return (
            "what is stored comes in another order, and is still the same"
            if moved
            else "it holds one number for each row, which may be a counter that examples go by"
        )
    if not seen.apart and all(change.of == "rows" for change in sure):
        return "rows that were not read before change too, as where a buffer is filled while it is read"
    loader = seen.source.loader
    if loader is not None and loader.num_workers and not loader.persistent_workers:
        return "each epoch's workers change copies of their own; read in this process, examples drift"
    return ""


def _overwritten(seen: Changes) -> Finding:
    parts = ", ".join(f"`example{path}`" for path in seen.reused[:3])
    return bad(
        f"{parts} of a row of `{seen.source.name}` is overwritten by reading the next row, so that a batch holds its "
        "last row many times",
        fix="Hand out a copy, or make a new array at each reading.",
        code="return x.clone(), y",
        parts=list(seen.reused),
    )


class _Rows(Dataset[tuple[Tensor, int]]):
    """Rows of a tensor, standardised."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.x, self.y, self.mean, self.std = x, y, 0.5, 0.3

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        return (self.x[row] - self.mean) / self.std, int(self.y[row])


class _InPlace(_Rows):
    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        x = self.x[row]
        x -= self.mean
        x /= self.std
        return x, int(self.y[row])


def _made(kind: type[_Rows] = _Rows) -> _Rows:
    g = toys.seeded()
    return kind(torch.rand(64, 20, generator=g), torch.arange(64) % 5)


def _read(data: Any, **more: Any) -> Bench:
    names = {"train_data": "train_set", "train_loader": "train_dl"}
    loader = DataLoader(data, 16, **more)
    return Bench(model=toys.mlp(), train_data=data, train_loader=loader, names=names)


@check.breaks
def standardised_in_place() -> Bench:
    """`x -= mean` on a view of the stored tensor."""
    return _read(Subset(_made(_InPlace), range(40)))


@check.breaks
def rows_that_are_dicts() -> Bench:
    """A transform writes into the dict that the data set keeps."""

    class Records(Dataset[dict[str, Any]]):
        def __init__(self) -> None:
            g = np.random.default_rng(0)
            self.rows: list[dict[str, Any]] = [{"x": g.random(20, "f4"), "label": i % 5} for i in range(64)]

        def __len__(self) -> int:
            return len(self.rows)

        def __getitem__(self, i: int) -> dict[str, Any]:
            row = self.rows[i]
            row["x"] = np.multiply(row["x"], 2) - 1
            return row

    return _read(Records())


@check.breaks
def one_buffer_for_all() -> Bench:
    """Each row is written into one array, and that is handed out."""

    class Buffered(_Rows):
        buffer = torch.zeros(20)

        def __getitem__(self, row: int) -> tuple[Tensor, int]:
            torch.mul(self.x[row], 2, out=self.buffer)
            return self.buffer, int(self.y[row])

    return _read(_made(Buffered))


@check.holds
def standardised_anew() -> Bench:
    """The same numbers in a new tensor."""
    return _read(_made())


@check.holds
def filled_at_the_first_reading() -> Bench:
    """A cache that is filled where a row is read for the first time."""

    class Cached(_Rows):
        def __init__(self, x: Tensor, y: Tensor) -> None:
            super().__init__(x, y)
            self.cache, self.filled = torch.zeros(64, 20), torch.zeros(64, dtype=torch.bool)

        def __getitem__(self, row: int) -> tuple[Tensor, int]:
            if not self.filled[row]:
                self.cache[row], self.filled[row] = super().__getitem__(row)[0], True
            return self.cache[row], int(self.y[row])

    return _read(_made(Cached))


@check.holds
def counted_and_augmented() -> Bench:
    """Readings are counted, and noise is added to a copy."""

    class Counted(_Rows):
        reads = torch.zeros(64)

        def __getitem__(self, row: int) -> tuple[Tensor, int]:
            self.reads[row] += 1
            x, y = super().__getitem__(row)
            return x + 0.1 * torch.randn(20), y

    return _read(_made(Counted))


@check.holds
def clamped_in_place() -> Bench:
    """A change that, made twice, is the same as made once."""

    class Clamped(_Rows):
        def __getitem__(self, row: int) -> tuple[Tensor, int]:
            return self.x[row].clamp_(0.1, 0.9), int(self.y[row])

    return _read(_made(Clamped))
