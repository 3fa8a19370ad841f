"""The loaders can draw every row of their data.

`WeightedRandomSampler` takes one weight for each row. Given one for each class it says nothing, and draws the first few
rows for ever. Positions in the whole data set are not those in a part of it, a sampler made for one split draws as many
rows of the other, and a batch larger than the data leaves no batch where the last one is dropped. A subset that is
drawn on purpose, and rows that another loader draws, are right.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.data import (
    DataLoader,
    Dataset,
    DistributedSampler,
    RandomSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, ok
from ...probes.data.sampling import Reach, of_loaders

check = Check(__name__, tip="look at the data")

_ORDER = ("bad", "hint", "ok")


@check.run
def run(bench: Bench) -> Finding:
    found = [_judged(bench, seen) for seen in bench.once(of_loaders)]
    return min(found, key=lambda finding: _ORDER.index(finding.verdict.value))


def _judged(bench: Bench, seen: Reach) -> Finding:
    judge = {
        "classes": _by_class,
        "few": _few,
        "beyond": _beyond,
        "other": _other,
        "positions": _positions,
        "zero": _zero,
        "none": _none,
        "tail": _tail,
        "own": _own,
    }.get(seen.way)
    if judge is not None:
        return judge(bench, seen)
    if seen.way == "part":
        drawn = seen.rows - seen.never
        return ok(
            f"`{seen.loader}` draws **{drawn}** of {seen.rows} rows, by a sampler that is given them", **_numbers(seen)
        )
    return ok(f"`{seen.loader}` can draw all **{seen.rows}** rows", **_numbers(seen))


def _numbers(seen: Reach) -> dict[str, Any]:
    return {"rows": seen.rows, "never": seen.never, "given": seen.given, "batch": seen.batch}


def _by_class(bench: Bench, seen: Reach) -> Finding:
    return bad(
        f"the {seen.sampler} of `{seen.loader}` has **{seen.given}** weights, as many as there are classes, for "
        f"{seen.rows} rows: rows from {seen.first} on are never drawn",
        fix="Give the sampler one weight for each row: that of its label.",
        code="sampler = torch.utils.data.WeightedRandomSampler(class_weights[labels], num_samples=len(labels))",
        **_numbers(seen),
    )


def _few(bench: Bench, seen: Reach) -> Finding:
    return hint(
        f"the {seen.sampler} of `{seen.loader}` has **{seen.given}** weights for {seen.rows} rows: rows from "
        f"{seen.first} on are never drawn",
        fix="Give the sampler one weight for each row, or hand the loader the part that is meant.",
        code=f"torch.utils.data.Subset(data, range({seen.given}))",
        **_numbers(seen),
    )


def _beyond(bench: Bench, seen: Reach) -> Finding:
    return bad(
        f"the {seen.sampler} of `{seen.loader}` draws position **{seen.first}** of {seen.rows} rows, which raises",
        fix="Make the sampler for the data set that the loader reads.",
        code=f"len({seen.loader}.sampler), len({seen.loader}.dataset)",
        **_numbers(seen),
    )


def _other(bench: Bench, seen: Reach) -> Finding:
    return bad(
        f"the {seen.sampler} of `{seen.loader}` was made for another data set, of **{seen.given}** rows: {seen.never} "
        f"of {seen.rows} rows are never drawn",
        fix="Make the sampler for the data set that the loader reads.",
        code=f"sampler = torch.utils.data.{seen.sampler}({bench.name(f'{seen.split}_data')})",
        **_numbers(seen),
    )


def _positions(bench: Bench, seen: Reach) -> Finding:
    return bad(
        f"the {seen.sampler} of `{seen.loader}` has the positions of {seen.given} rows in the whole data set, and the "
        f"loader reads the part: there is no position **{seen.first}**, and {seen.never} rows are never drawn",
        fix="Leave the sampler out and shuffle the part, or let the loader read the whole data set.",
        code=f"{seen.loader} = DataLoader({seen.loader}.dataset, batch_size={seen.batch or 32}, shuffle=True)",
        **_numbers(seen),
    )


def _zero(bench: Bench, seen: Reach) -> Finding:
    labels = ", ".join(map(str, seen.labels[:5])) + (", …" if len(seen.labels) > 5 else "")
    many = "label" if len(seen.labels) == 1 else "labels"
    return hint(
        f"the {seen.sampler} of `{seen.loader}` gives all **{seen.never}** rows of {many} {labels} the weight 0, so "
        "that none is ever drawn",
        fix="See whether a division of whole numbers made the weights.",
        code="class_weights = 1.0 / counts.double()",
        labels=list(seen.labels),
        **_numbers(seen),
    )


def _none(bench: Bench, seen: Reach) -> Finding:
    dropped = seen.given and seen.batch > seen.given
    why = f": batches of {seen.batch} do not fill, and the last one is dropped" if dropped else ""
    return bad(
        f"`{seen.loader}` gives **no** batch of its {seen.given} rows{why}",
        fix="Keep the last batch, or make batches smaller." if dropped else "Give the loader rows to draw.",
        code=f"DataLoader({seen.loader}.dataset, batch_size={seen.batch}, drop_last=False)" if dropped else "",
        **_numbers(seen),
    )


def _tail(bench: Bench, seen: Reach) -> Finding:
    message = f"`{seen.loader}` goes in order and drops its last batch: the last **{seen.never}** of {seen.rows} rows"
    if seen.split == "val":
        return hint(
            f"{message} are never evaluated",
            fix="Keep the last batch where nothing is trained.",
            code=f"DataLoader({seen.loader}.dataset, batch_size={seen.batch}, drop_last=False)",
            **_numbers(seen),
        )
    return ok(f"{message} are left out", **_numbers(seen))


def _own(bench: Bench, seen: Reach) -> Finding:
    message = f"{seen.sampler} of `{seen.loader}` gives the same **{seen.given}** of {seen.rows} rows at two passes"
    if seen.partner:
        return ok(f"{message}; another loader reads this data set too", **_numbers(seen))
    return hint(
        message,
        fix="See whether the others are left out on purpose.",
        code=f"len(set({seen.loader}.sampler)), len({seen.loader}.dataset)",
        **_numbers(seen),
    )


def _rows(count: int = 200, classes: int = 4) -> TensorDataset:
    g = toys.seeded()
    return TensorDataset(torch.randn(count, 20, generator=g), torch.arange(count) % classes)


def _read(data: Dataset[Any], other: DataLoader[Any] | None = None, **more: Any) -> Bench:
    loader = DataLoader(data, **{"batch_size": 16, **more})
    names = {"train_loader": "train_dl", "val_loader": "val_dl", "train_data": "train_set"}
    return Bench(model=toys.mlp(), train_loader=loader, val_loader=other, names=names)


@check.breaks
def weights_of_classes() -> Bench:
    """Four classes, four weights, 200 rows: the first four rows are drawn."""
    return _read(_rows(), sampler=WeightedRandomSampler([1.0, 2.0, 3.0, 4.0], 200))


@check.breaks
def positions_of_the_whole() -> Bench:
    """A part of the data set, and a sampler of the part's positions in the whole."""
    kept = list(range(0, 100, 2))
    return _read(Subset(_rows(), kept), sampler=SubsetRandomSampler(kept))


@check.breaks
def sampler_of_the_other_split() -> Bench:
    """The training loader with a sampler that was made for 40 rows of validation."""
    return _read(_rows(), sampler=RandomSampler(_rows(40)))


@check.breaks
def no_batch_at_all() -> Bench:
    """256 rows in a batch, 200 rows, and `drop_last`."""
    return _read(_rows(), batch_size=256, drop_last=True)


@check.breaks
def a_class_without_weight() -> Bench:
    """`min(counts) // counts` gives the frequent classes the weight 0; it may be meant, so this is a hint."""
    data = TensorDataset(torch.randn(200, 20, generator=toys.seeded()), (torch.arange(200) % 10 == 0).long())
    counts = torch.bincount(data.tensors[1])
    return _read(data, sampler=WeightedRandomSampler((counts.min() // counts)[data.tensors[1]].tolist(), 200))


@check.holds
def weights_of_rows() -> Bench:
    """One weight for each row, the inverse of its class's frequency."""
    data = _rows()
    weights = 1.0 / torch.bincount(data.tensors[1])[data.tensors[1]]
    return _read(data, sampler=WeightedRandomSampler(weights.tolist(), 200))


@check.holds
def two_subsets_of_one_data_set() -> Bench:
    """Two loaders over one data set, each with the rows of its split."""
    data = _rows()
    order = torch.randperm(200, generator=toys.seeded()).tolist()
    val = DataLoader(data, 16, sampler=SubsetRandomSampler(order[150:]))
    return _read(data, val, sampler=SubsetRandomSampler(order[:150]))


@check.holds
def a_part_for_each_process() -> Bench:
    """Each of four processes draws a quarter, another in each epoch."""
    data = _rows()
    return _read(data, sampler=DistributedSampler(data, num_replicas=4, rank=1))


@check.holds
def shuffled() -> Bench:
    """All rows in any order, with the last batch dropped."""
    return _read(_rows(), shuffle=True, drop_last=True)
