"""Every class of the validation data is one that training shows and the model can answer.

A class that training never shows cannot be learned, and each of its validation rows counts as an error; a label that
the model has no output for cannot be answered at all. Rare classes fall into validation alone by chance: where a random
split does so more than once in a thousand times, and where unknown classes may be meant, it is a hint at most.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from ... import toys
from ...batches import BadInput
from ...bench import Bench, Missing
from ...check import Check
from ...decoding.worded import class_names
from ...finding import Finding, Seen, bad, hint, number, ok, skipped
from ...probes.init.label_counts import class_call
from ...scan import held
from ...scan.columns.kinds import Kind
from ...scan.counts.labels import Labels
from ...scan.reading import Scan
from ...task import Kind as TaskKind
from ...task import LossCall, Task

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="balanced labels", cost="scan")

#: rows of a class that are several, and rate at which a random split leaves some class out of training
SEVERAL, ERROR = 2, 1e-3
#: names of a class that is meant to be unknown, and share of unseen rows from which on all of validation may be
UNKNOWN, OPEN = ("unknown", "unk", "other", "others", "ood", "none", "background", "novel"), 0.5
#: classes that are named in a message
NAMED = 5


@check.run
def run(bench: Bench) -> Finding:
    train = bench.once(held.train_scan)
    if _counted(train) is None:
        return skipped("the rows have no class for a label")
    task = _task(bench)
    if task is not None and task.kind not in (TaskKind.CLASSES, TaskKind.BINARY, TaskKind.MULTILABEL, TaskKind.OWN):
        return skipped(f"the labels are learned as {task.kind}, not as classes")
    call = _plain_call(task)
    scans = [train, *_validation(bench)]
    if call is not None:
        for scan in scans:
            outside = _outside(bench, scan, scans, call)
            if outside is not None:
                return outside
    if len(scans) < 2:
        return skipped("needs validation data beside the training data", code="%bind val=val_loader")
    return _unseen(bench, train, scans[1], task, call)


def _validation(bench: Bench) -> list[Scan]:
    try:
        scan = bench.once(held.val_scan)
    except Missing:
        return []
    return [scan] if _counted(scan) is not None else []


def _counted(scan: Scan) -> Labels | None:
    labels = scan.part.labels
    usable = labels is not None and labels.kind in (Kind.CLASS, Kind.FLAGS) and not labels.many and labels.counts
    return labels if usable else None


def _present(scan: Scan) -> dict[Hashable, int]:
    labels = _counted(scan)
    assert labels is not None
    return {name: count for name, count in labels.counts.items() if count}


def _task(bench: Bench) -> Task | None:
    try:
        return bench.get("task")  # type: ignore[no-any-return]
    except (Missing, BadInput):
        return None


def _plain_call(task: Task | None) -> LossCall | None:
    """The class loss, where it takes the labels as the data have them."""
    call = None if task is None else class_call(task)
    if task is None or call is None or not isinstance(task.target, Tensor) or task.kind is not TaskKind.CLASSES:
        return None
    same = task.target.numel() == call.target.numel() and torch.equal(task.target.flatten(), call.target.flatten())
    return call if same else None


def _outside(bench: Bench, scan: Scan, scans: list[Scan], call: LossCall) -> Finding | None:
    """Labels that the model has no output for."""
    classes, ignored = call.input.shape[1], call.options.get("ignore_index", -100)
    present = _present(scan)
    numbers = {k: n for k, n in present.items() if isinstance(k, int)}
    odd: dict[Hashable, int] = {k: n for k, n in numbers.items() if not 0 <= k < classes and k != ignored}
    if not odd or scan.part.labels is None or scan.part.labels.kind is not Kind.CLASS:
        return None
    told = (
        f"{_classes(odd, {})} {_stand(odd)} in **{sum(odd.values())}** of {scan.rows} rows of `{scan.name}`, and "
        f"`{bench.name('model')}` has {classes} outputs, for 0 to {classes - 1}"
    )
    seen = _numbers(odd, scan)
    validation = scan is not scans[0]
    marked = all(isinstance(k, int) and k < 0 for k in odd) or (list(odd) == [classes] and 0 in present)
    if (validation and marked) or sum(odd.values()) < SEVERAL:
        return hint(
            told,
            fix="See whether these rows are meant to be unknown; if so, leave them out of the score.",
            why="a label of its own may mark what belongs to no class",
            **seen,
        )
    fix = "Number the classes from 0 on, alike in both splits, or give the model as many outputs as there are classes."
    return bad(told, fix=fix, **seen)


def _unseen(bench: Bench, train: Scan, val: Scan, task: Task | None, call: LossCall | None) -> Finding:
    """Classes of the validation rows that no training row has."""
    known, there = _present(train), _present(val)
    unseen = {name: count for name, count in there.items() if name not in known and not _ignored(name, call)}
    if not unseen:
        return ok(f"each of the **{len(there)}** classes in `{val.name}` stands in `{train.name}`", classes=len(known))
    rows = sum(unseen.values())
    told = (
        f"{_classes(unseen, class_names(bench))} {_stand(unseen)} in **{rows}** of {val.rows} rows of `{val.name}` and "
        f"in none of `{train.name}` ({train.extent})"
    )
    seen = _numbers(unseen, val)
    share = val.rows / (train.rows + val.rows)
    chance = min(1.0, share ** max(unseen.values()) * len({*known, *there}))
    if chance > ERROR or max(unseen.values()) < SEVERAL:
        if call is None and not all(isinstance(name, str) for name in unseen):
            return ok(f"{told}; a random split does so with classes this rare", **seen)
        why = "a random split does so with classes this rare"
        return hint(told, fix="Split again with the classes spread alike, or leave these out.", why=why, **seen)
    given: dict[str, Any] = {
        "fix": "Split again, with the classes spread alike over both splits.",
        "code": "train_test_split(X, y, stratify=y)",
    }
    why = _meant(unseen, known, rows / max(sum(there.values()), 1), task, call)
    if why or not train.whole:
        return hint(told, why=why or "not all training rows were read", **given, **seen)
    return bad(told, why=f"a random split would do so at most once in {number(1 / chance, 3)} times", **given, **seen)


def _meant(unseen: dict[Hashable, int], known: Any, share: float, task: Task | None, call: LossCall | None) -> str:
    """What else it may be: classes that are unknown on purpose. "" where nothing says so."""
    if any(str(name).lower() in UNKNOWN or (isinstance(name, int) and name < 0) for name in unseen):
        return "such a class may be meant to be unknown"
    if call is not None and all(isinstance(name, int) and name < call.input.shape[1] for name in unseen):
        return ""  # the model has an output for them
    if task is not None and task.kind is TaskKind.OWN:
        return "the model may compare rows with each other rather than name their class"
    if share > OPEN:
        return "most of validation is of classes that training lacks: they may be unknown on purpose"
    numbers = [name for name in known if isinstance(name, (int, float))]
    if len(unseen) == 1 and numbers and next(iter(unseen)) == max(numbers) + 1:
        return "a last class may be meant to be unknown"
    return "" if all(isinstance(n, str) for n in unseen) or task is not None else "nothing says that these are classes"


def _ignored(name: Hashable, call: LossCall | None) -> bool:
    """A label that no loss counts: the loss's own, or one that is so by custom."""
    return name in (-100, 255) or (call is not None and name == call.options.get("ignore_index", -100))


def _classes(found: dict[Hashable, int], names: dict[int, str]) -> str:
    some = sorted(found, key=str)[:NAMED]
    told = ", ".join(f"`{names.get(name, name) if isinstance(name, int) else name}`" for name in some)
    return f"class {told}" if len(found) == 1 else f"classes {told}{', …' if len(found) > NAMED else ''}"


def _stand(found: dict[Hashable, int]) -> str:
    return "stands" if len(found) == 1 else "stand"


def _numbers(found: dict[Hashable, int], scan: Scan) -> dict[str, Any]:
    some = sorted(found, key=lambda name: -found[name])[:20]
    return {"classes": [str(name) for name in some], "counts": [found[name] for name in some], "rows": scan.rows}


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """How many rows each of these classes has."""
    if isinstance(seen["classes"], list):
        ax.barh([f"class {name}" for name in seen["classes"]], seen["counts"], color="C1")
    ax.set_xlabel("rows that cannot be learned")


def _cut(chosen: Tensor, *, outputs: int = 5, shift: int = 0) -> Bench:
    """Training on these rows, validation on the others; `shift` is added to the labels of validation."""
    given = toys.classify(rows=400)
    x, y = given.train_data.tensors
    loader = DataLoader(TensorDataset(x[~chosen], y[~chosen] + shift), batch_size=64)
    net = toys.mlp((20, 16, outputs))
    return toys.bench(net, x[chosen], y[chosen], nn.CrossEntropyLoss(), val_loader=loader)


def _labels() -> Tensor:
    y: Tensor = toys.classify(rows=400).train_data.tensors[1]
    return y


@check.breaks
def one_class_in_validation_alone() -> Bench:
    """The rows were sorted by class before the split."""
    return _cut(_labels() < 4)


@check.breaks
def labels_from_one_on() -> Bench:
    """Validation numbers its classes from 1."""
    return _cut(torch.arange(400) < 300, shift=1)


@check.holds
def all_classes_in_both() -> Bench:
    """A random split."""
    return _cut(torch.arange(400) < 300)


@check.holds
def one_row_of_a_rare_class() -> Bench:
    """A class of one row, which fell into validation: a hint."""
    y = _labels()
    first = int((y == 4).nonzero()[0])
    chosen = (torch.arange(400) < 300) & (y != 4)
    given = _cut(chosen)
    val = given.val_loader.dataset.tensors  # type: ignore[union-attr]
    keep = (val[1] != 4) | (torch.arange(len(val[1])) == (~chosen[:first]).sum())
    return given.replace(val_loader=DataLoader(TensorDataset(val[0][keep], val[1][keep]), batch_size=64))


@check.holds
def more_outputs_than_classes() -> Bench:
    """A head of another data set, with outputs to spare."""
    return _cut(torch.arange(400) < 300, outputs=50)
