"""Lines to paste that drop copies, with the user's own names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader, IterableDataset

from ...bench import Bench
from ..columns.block import INPUT, LABEL
from ..columns.kinds import Kind
from ..held import given_data
from ..plan import Plan
from ..reading import Scan


def without_copies(bench: Bench, split: str, scan: Scan) -> str:
    """Keep the first of each of the rows of a split that are equal in inputs and label; "" where no line can."""
    data, name = _plainly(bench, split)
    made = _made_by(data)
    columns = [*scan.plan.inputs, *([scan.plan.label] if scan.plan.label is not None else [])]
    if made == "pandas":
        return f"{name} = {name}.drop_duplicates({columns if scan.plan.chosen else ''})"
    if made == "polars":
        return f"{name} = {name}.unique({f'{columns}, ' if scan.plan.chosen else ''}maintain_order=True)"
    if not _has_rows(data):
        return ""
    return "\n".join([
        *_key(scan.plan, label=True),
        "first = {}",
        f"for i in range(len({name})):",
        f"    first.setdefault(key({name}[i]), i)",
        f"{split}_set = torch.utils.data.Subset({name}, list(first.values()))",
    ])  # fmt: skip


def without_train(bench: Bench, train: Scan, val: Scan) -> str:
    """Keep the validation rows whose inputs do not stand in train; "" where no line can."""
    (data, name), (others, other) = _plainly(bench, "train"), _plainly(bench, "val")
    made, inputs = _made_by(data), list(train.plan.inputs)
    if made != _made_by(others) or list(val.plan.inputs) != inputs:
        return ""
    if made == "pandas":
        return "\n".join([
            "from pandas.util import hash_pandas_object",
            f"inputs = {_inputs(train.plan, name)}",
            f"known = hash_pandas_object({name}[inputs], index=False)",
            f"new = ~hash_pandas_object({other}[inputs], index=False).isin(known)",
            f"{other} = {other}[new]",
        ])  # fmt: skip
    if made == "polars":
        return f'{other} = {other}.join({name}, on={inputs}, how="anti")'
    if not _has_rows(data) or not _has_rows(others):
        return ""
    return "\n".join([
        *_key(train.plan, label=False),
        f"known = {{key({name}[i]) for i in range(len({name}))}}",
        f"rows = range(len({other}))",
        f"new = [i for i in rows if key({other}[i]) not in known]",
        f"val_set = torch.utils.data.Subset({other}, new)",
    ])  # fmt: skip


def _inputs(plan: Plan, name: str) -> str:
    """The columns of a frame that are no label, as one would write them."""
    if plan.chosen:
        return str(list(plan.inputs))
    return f"{name}.columns" if plan.label is None else f"{name}.columns.drop({plan.label!r})"


def _plainly(bench: Bench, split: str) -> tuple[Any, str]:
    """The data of a split without a loader, and how they are written."""
    given, name = given_data(bench, split)
    return (given.dataset, f"{name}.dataset") if isinstance(given, DataLoader) else (given, name)


def _made_by(data: Any) -> str:
    """The library of a frame; "" for anything else."""
    made = type(data).__module__.partition(".")[0]
    return made if type(data).__name__ == "DataFrame" and made in ("pandas", "polars") else ""


def _has_rows(data: Any) -> bool:
    """Whether `data[i]` is an example: not so where arrays stand side by side, in paths and in streams."""
    if isinstance(data, (str, Path, dict, IterableDataset)) or not hasattr(data, "__getitem__"):
        return False
    first = data[0] if isinstance(data, (tuple, list)) and data else None
    return not isinstance(first, list) and not hasattr(first, "__array__")


def _key(plan: Plan, *, label: bool) -> list[str]:
    """A function that gives what tells an example from others."""
    columns = list(plan.inputs)
    named = [*columns, *([plan.label] if label and plan.label is not None else [])]
    texts = all(plan.kinds[column] is Kind.TEXT for column in named)
    told = "{}" if texts else "np.asarray({}).tobytes()"
    if columns == [INPUT] or all(column.startswith(f"{INPUT}[") for column in columns):
        inputs = ["x"] if len(columns) == 1 else [f"x{i}" for i in range(len(columns))]
        parts = [*inputs, *(["y"] if plan.label == LABEL else [])]
        taken = [f"    {', '.join(parts)} = example"] if len(parts) > 1 else ["    x = example"]
        keys = [told.format(part) for part in parts if label or part != "y"]
        gives = keys[0] if len(keys) == 1 else f"({', '.join(keys)})"
    elif len(named) == 1:
        taken, gives = [], told.format(f"example[{named[0]!r}]")
    else:
        taken = [f"    names = {named}"]
        gives = f"tuple({told.format('example[name]')} for name in names)"
    imports = ["import torch"] if texts else ["import numpy as np", "import torch"]
    return [*imports, "", "def key(example):", *taken, f"    return {gives}", ""]
