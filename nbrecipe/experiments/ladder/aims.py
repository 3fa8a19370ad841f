"""What is to be answered: the kind of task, its classes, and the target of each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...batches import BadInput
from ...scan.columns.block import Values
from ...scan.columns.kinds import Kind as Column
from ...scan.counts.labels import as_classes
from ...scan.plan import Plan
from ...task import Kind, Task
from ..simple.features import as_number

Array = np.ndarray[Any, Any]
#: what a class index is that counts for nothing, where the loss does not say another
IGNORED = -100
#: kinds of which every example has one target; of the others every position has one
WHOLE = (Kind.CLASSES, Kind.BINARY, Kind.MULTILABEL, Kind.REGRESSION, Kind.RECONSTRUCTION)


@dataclass(frozen=True)
class Aim:
    """A task as the data and, where there is one, the model tell it."""

    kind: Kind
    #: the column of the targets; None where they are the inputs themselves
    label: str | None
    #: what the columns that are no target hold
    inputs: dict[str, Column]
    classes: tuple[Any, ...] = ()
    ignored: int = IGNORED
    #: what the model has for outputs, in words, where there is one
    outputs: str = ""
    _places: dict[Any, int] = field(default_factory=dict, repr=False, compare=False)

    def targets(self, values: Values, rows: Array, name: str) -> tuple[Array, Array]:
        """The target of each row that has one, and the places of these rows.

        Raises BadInput, naming the row, for a label outside the classes of a model.
        """
        if self.kind in (Kind.CLASSES, Kind.BINARY):
            return self._codes(values, rows, name)
        told = _matrix(values, name)
        if self.kind is not Kind.RECONSTRUCTION and told.shape[1:] == (1,):
            told = told[:, 0]
        flat = told.reshape(len(told), -1)
        keep = np.flatnonzero(np.isfinite(flat).all(1))
        if not len(keep):
            raise BadInput(f"`{name}` has no row with a target that is a number")
        return told[keep], keep

    def _codes(self, values: Values, rows: Array, name: str) -> tuple[Array, Array]:
        told = as_classes(values)
        known = self._places or {value: place for place, value in enumerate(self.classes)}
        self._places.update(known)
        codes = np.array([known.get(value, -1) for value in told], dtype=np.int64)
        there = np.array([value is not None and value != self.ignored for value in told], bool)
        outside = np.flatnonzero(there & (codes < 0))
        if len(outside) and self.outputs:
            row, value = int(rows[outside[0]]), told[outside[0]]
            raise BadInput(f"row {row} of `{name}` has the label {value!r}; {self.outputs}")
        keep = np.flatnonzero(there)
        if not len(keep):
            raise BadInput(f"`{name}` has no row with a label")
        return codes[keep], keep


def aim_of(plan: Plan, labels: Sequence[Values], task: Task | None, names: tuple[str, str]) -> Aim:
    """What these columns ask for; `labels` are those of all splits, `names` what the user calls data and model.

    Raises BadInput, in one sentence, where nothing is labelled and where the labels cannot be answered.
    """
    told = plan.label
    kind = _kind(plan, task, names[0])
    if told is None or told not in plan.kinds:
        return Aim(kind, None, dict(plan.kinds), outputs="")
    if kind not in (Kind.CLASSES, Kind.BINARY):
        return Aim(kind, told, plan.inputs)
    ignored = IGNORED
    if task is not None and task.call is not None:
        ignored = int(task.call.options.get("ignore_index", IGNORED))
    seen = [value for values in labels for value in as_classes(values) if value is not None and value != ignored]
    if not seen:
        raise BadInput(f"`{names[0]}` has no labels: every one of column `{told}` is missing")
    if task is None or task.classes is None:
        return Aim(kind, told, plan.inputs, _sorted(seen), ignored)
    return _of_outputs(kind, told, plan, seen, task.classes, ignored, names[1])


def _of_outputs(kind: Kind, label: str, plan: Plan, seen: list[Any], count: int, ignored: int, model: str) -> Aim:
    """The classes are the outputs of the model, by number."""
    count = 2 if kind is Kind.BINARY else count
    words = next((value for value in seen if isinstance(value, str)), None)
    if words is not None:
        raise BadInput(
            f"labels are words, such as {words!r}, while `{model}` has {count} outputs, and which of them stands for "
            "which word cannot be told: give the labels as numbers"
        )
    outputs = f"`{model}` has {count} outputs, for labels 0 to {count - 1}"
    return Aim(kind, label, plan.inputs, tuple(range(count)), ignored, outputs)


def _sorted(values: list[Any]) -> tuple[Any, ...]:
    return tuple(sorted(set(values), key=lambda value: (isinstance(value, str), value)))


_BY_COLUMN = {
    Column.CLASS: Kind.CLASSES,
    Column.NUMBER: Kind.REGRESSION,
    Column.TABLE: Kind.REGRESSION,
    Column.SEQUENCE: Kind.REGRESSION,
    Column.FLAGS: Kind.MULTILABEL,
    Column.TOKENS: Kind.NEXT_TOKEN,
    Column.MASK: Kind.SEGMENTATION,
    Column.IMAGE: Kind.RECONSTRUCTION,
}


def _kind(plan: Plan, task: Task | None, name: str) -> Kind:
    """The kind that the model learns where it is known, else what the label looks like."""
    label = plan.kinds.get(plan.label or "")
    known = task.kind if task is not None and task.kind is not Kind.OWN else None
    if label is None:
        return _unlabelled(plan, known, name)
    by_column = _BY_COLUMN.get(label)
    if known is None and by_column is None:
        raise BadInput(f"the label of `{name}`, column `{plan.label}`, is neither a class nor a number ({label})")
    if known is Kind.REGRESSION and label is Column.TEXT:
        raise BadInput(f"the label of `{name}`, column `{plan.label}`, is text, where the model gives numbers")
    if known is not None and label is not Column.TEXT:
        return known
    if by_column is None:
        raise BadInput(
            f"the label of `{name}`, column `{plan.label}`, is text of its own in nearly every row: no class"
        )
    return by_column


def _unlabelled(plan: Plan, known: Kind | None, name: str) -> Kind:
    if known in (Kind.RECONSTRUCTION, Kind.NEXT_TOKEN):
        return known
    if Column.TOKENS in plan.kinds.values():
        return Kind.NEXT_TOKEN
    columns = ", ".join(f"`{column}`" for column in list(plan.kinds)[:6])
    raise BadInput(
        f"`{name}` has no labels that are known as such (its columns: {columns}): name theirs with `--labels`"
    )


def _matrix(values: Values, name: str) -> Array:
    """(rows, ...) in float64. Raises BadInput where rows have several shapes."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
        return values.astype(np.float64)
    if all(not isinstance(value, np.ndarray) for value in values):
        return np.array([as_number(value) for value in values])
    try:
        return np.stack([np.asarray(value, dtype=np.float64) for value in values])
    except (TypeError, ValueError):
        raise BadInput(f"the targets of `{name}` have several shapes: no simple baseline answers these") from None
