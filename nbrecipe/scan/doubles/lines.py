"""Lines to paste that drop copies, with the user's own names."""

from __future__ import annotations

from torch.utils.data import DataLoader

from ...bench import Bench
from ..columns.block import INPUT, LABEL
from ..columns.kinds import Kind
from ..held import given_data
from ..plan import Plan
from ..reading import Scan


def without_copies(bench: Bench, split: str, scan: Scan) -> str:
    """Keep the first of each of the rows of a split that are equal in inputs and label."""
    data, example, key, imports = _spoken(bench, split, scan.plan, label=True)
    return "\n".join([
        *imports,
        "first = {}",
        f"for i, {example} in enumerate({data}):",
        f"    first.setdefault({key}, i)",
        f"{split}_set = torch.utils.data.Subset({data}, list(first.values()))",
    ])  # fmt: skip


def without_train(bench: Bench, train: Scan, val: Scan) -> str:
    """Keep the validation rows whose inputs do not stand in train."""
    data, example, key, imports = _spoken(bench, "train", train.plan)
    theirs, other, again, _ = _spoken(bench, "val", val.plan)
    return "\n".join([
        *imports,
        f"known = {{{key} for {example.strip('()')} in {data}}}",
        f"new = [i for i, {other} in enumerate({theirs}) if {again} not in known]",
        f"val_set = torch.utils.data.Subset({theirs}, new)",
    ])  # fmt: skip


def _spoken(bench: Bench, split: str, plan: Plan, *, label: bool = False) -> tuple[str, str, str, list[str]]:
    """(the data, an example of them, what tells it from others, imports)."""
    given, name = given_data(bench, split)
    data = f"{name}.dataset" if isinstance(given, DataLoader) else name
    named = [*plan.inputs] + ([plan.label] if label and plan.label is not None else [])
    texts = all(plan.kinds[column] is Kind.TEXT for column in named)
    imports = ["import torch"] if texts else ["import numpy as np", "import torch"]

    def told(value: str) -> str:
        return value if texts else f"np.asarray({value}).tobytes()"

    columns = list(plan.inputs)
    if columns != [INPUT] and not all(column.startswith(f"{INPUT}[") for column in columns):
        keys = [told(f"row[{column!r}]") for column in named]
        return data, "row", keys[0] if len(keys) == 1 else f"({', '.join(keys)})", imports
    given_label = ["y"] if label and plan.label == LABEL else ["_"] if plan.label == LABEL else []
    inputs = ["x"] if len(columns) == 1 else [f"x{i}" for i in range(len(columns))]
    example = ", ".join([*inputs, *given_label])
    keys = [told(part) for part in [*inputs, *given_label] if part != "_"]
    several = f"({example})" if "," in example else example
    return data, several, keys[0] if len(keys) == 1 else f"({', '.join(keys)})", imports
