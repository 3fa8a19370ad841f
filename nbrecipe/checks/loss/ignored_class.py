"""What `ignore_index` leaves out of the loss is no class.

The index stands for what has no label, such as padding. A class of that number is never learned: its examples are read
and lost, and the net puts them down as something else, in evaluation too. Where it may be meant, as for the background
of a segmentation, it is a hint.
"""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn

from ... import toys
from ...batches import leaves
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...probes.init.label_counts import class_call, label_counts
from ...task import Kind, LossCall, Task
from ...tokens.reading import special_id

check = Check(__name__, tip="what the loss is given")

#: names of what is no class; "no finding" and "not a number" begin so, too
VOID = re.compile(
    r"void|ignore|unlabel|unknown|undefined|unclass|back.?ground|\bbg\b|none|null|pad|other|dummy|noise|reject|missing"
    r"|outlier|negative|neutral|\bno\b|\bnot\b|\bn/?a\b|^\W*$",
    re.I,
)
#: share of targets that are the token after their own, from which on they are a text one step ahead
AHEAD = 0.9


@check.run
def run(task: Task, bench: Bench) -> Finding:
    """Look whether the index is among the labels, and whether it stands where only padding does."""
    call, counts = class_call(task), bench.once(label_counts)
    if call is None or counts is None:
        return skipped("the loss takes no class indices")
    index, classes = int(call.options.get("ignore_index", -100)), len(counts)
    if not 0 <= index < classes:
        return ok(f"`ignore_index` is {index}, which is none of the {classes} classes", index=index)
    ignored, total = int(counts[index]), int(counts.sum())
    seen: dict[str, Any] = {"index": index, "ignored": ignored, "labels": total, "counts": counts.tolist()}
    if not ignored:
        return ok(f"none of {total} labels is {index}, the index that is left out", **seen)
    share = number(100 * ignored / total, 3)
    told = f"`ignore_index={index}` leaves out class {index}, **{share} %** of {total} labels"
    if classes == 2:
        left = 1 - index
        why = f"the answer {left} for every input has a loss of 0: nothing else is left to learn"
        return bad(f"{told}; class {left} alone is left", why=why, fix=_FIX, code=_code(bench, call), **seen)
    if task.kind is Kind.NEXT_TOKEN:
        return _tokens(task, call, bench, seen)
    name = _name_of(bench, index, classes)
    if name and VOID.search(name):
        return ok(f"class {index}, which is left out, is called `{name}`", name=name, **seen)
    one_each = task.kind is Kind.CLASSES and isinstance(task.target, Tensor) and task.target.ndim == 1
    one_each = one_each and call.target.ndim == 1 and len(call.target) == task.feed.size
    if name and one_each and index == 0:
        return bad(f"{told}: it is called `{name}`", fix=_FIX, code=_code(bench, call), name=name, **seen)
    if one_each and ignored <= int(counts.topk(2).values[-1]) and _pads(bench, index):
        why = f"{index} is the padding of the inputs, which are tokens; the targets are one class for each row"
        return bad(told, why=why, fix=_FIX, code=_code(bench, call), **seen)
    why = "it may be meant where this number stands for no label" + (
        ", or for the background" if task.kind is Kind.SEGMENTATION else ""
    )
    return hint(told, why=why, fix=_FIX, code=_code(bench, call), **seen)


_FIX = "Leave out `ignore_index`, unless this number stands for what has no label; -100 is never a class."


def _pads(bench: Bench, index: int) -> bool:
    """Whether the inputs are tokens that are padded with this number: the index was meant for them."""
    tables = [part for part in bench.get("model").modules() if isinstance(part, nn.Embedding)]
    return bool(tables) and (
        any(table.padding_idx == index for table in tables) or special_id(bench.tokenizer, "padding") == index
    )


def _code(bench: Bench, call: LossCall) -> str:
    kind = "CrossEntropyLoss" if call.name == "cross_entropy" else "NLLLoss"
    plain = isinstance(bench.loss_fn, nn.Module) and call.options.get("weight") is None
    return f"{bench.name('loss_fn')} = torch.nn.{kind}()" if plain else ""


def _tokens(task: Task, call: LossCall, bench: Bench, seen: dict[str, Any]) -> Finding:
    """Padding stands at the ends of rows; what is masked on purpose stands where the input holds something else."""
    index, classes = seen["index"], len(seen["counts"])
    ways = _rows(task, call)
    inside = [int(_inside(rows == index).sum()) for rows in ways]
    if not ways or not min(inside):
        return ok(f"what is left out, {index}, stands at the ends of rows alone, as padding does", **seen)
    rows = ways[inside.index(min(inside))]
    ids = [t.detach().cpu() for t in leaves([task.feed.args, task.feed.kwargs]) if _is_ids(t)]
    same = next((t for t in ids if t.shape == rows.shape), None)
    ahead = same is not None and float((rows[:, :-1] == same[:, 1:]).double().mean()) > AHEAD
    of_tokens = any(int(t.max()) < classes <= 2 * (int(t.max()) + 1) for t in ids if t.numel())
    if of_tokens and not ahead:
        return ok(f"labels are given at some tokens alone; {index} stands at the others", **seen)
    what = f"token {index}" if ahead else f"class {index}"
    return hint(
        f"`ignore_index={index}` leaves out {what}, which stands **{min(inside)}** times inside rows, between others "
        "that count: padding stands at their ends",
        why="it may be meant, for separators or where no label is given",
        fix="Pad the targets with -100, and leave `ignore_index` as it is, so that each token of the text counts.",
        inside=min(inside),
        **seen,
    )


def _rows(task: Task, call: LossCall) -> list[Tensor]:
    """The targets as rows of sequences, in each way that they may lie."""
    target, size = call.target.detach().cpu(), max(task.feed.size, 1)
    if target.ndim == 2:
        return [target, target.T]
    if target.ndim != 1 or target.numel() % size:
        return []
    return [target.reshape(size, -1), target.reshape(-1, size).T]


def _inside(ignored: Tensor) -> Tensor:
    """What is ignored with something that counts before it and after it in its row."""
    counts = (~ignored).int()
    before = counts.cumsum(1) > 0
    after = counts.flip(1).cumsum(1).flip(1) > 0
    return ignored & before & after


def _is_ids(tensor: Any) -> bool:
    return isinstance(tensor, Tensor) and tensor.ndim == 2 and tensor.dtype in (torch.int64, torch.int32)


def _name_of(bench: Bench, index: int, classes: int) -> str:
    """What the data set calls a class; empty where it has no names."""
    data = bench.train_data if bench.train_data is not None else getattr(bench.train_loader, "dataset", None)
    for _ in range(4):
        names = getattr(data, "classes", None)
        if isinstance(names, (list, tuple)) and len(names) == classes and all(isinstance(n, str) for n in names):
            return str(names[index])
        data = getattr(data, "dataset", None)
    return ""


class _Named(torch.utils.data.TensorDataset):
    """Rows whose classes have names."""

    def __init__(self, classes: tuple[str, ...], *tensors: Tensor) -> None:
        super().__init__(*tensors)
        self.classes = classes


def _with_names(*names: str) -> Bench:
    given = toys.classify(loss_fn=nn.CrossEntropyLoss(ignore_index=0))
    data = _Named(names, *given.train_data.tensors)
    return given.replace(train_data=data, train_loader=torch.utils.data.DataLoader(data, batch_size=64))


def _padded(inside: bool = False) -> Bench:
    """Sequences of different lengths, filled up with 0; `inside`, where 0 is a word of the text, too."""
    given = toys.next_token()
    x, y = (part.clamp_min(0 if inside else 1) for part in given.train_data.tensors)
    over = torch.arange(16) >= torch.randint(6, 17, (len(x), 1), generator=toys.seeded(1))
    x, y = x.masked_fill(over, 0), y.masked_fill(over, 0)
    criterion = nn.CrossEntropyLoss(ignore_index=0)
    return toys.bench(toys.lm(), x, y, lambda out, target: criterion(out.flatten(0, 1), target.flatten()))


@check.breaks
def first_of_the_named_classes() -> Bench:
    """`ignore_index=0` was copied from a program with padding; here 0 is an airplane."""
    return _with_names("airplane", "car", "bird", "cat", "deer")


@check.breaks
def one_of_two_classes() -> Bench:
    """Of two classes one is left out, and the other is all there is."""
    return toys.classify(classes=2, loss_fn=nn.CrossEntropyLoss(ignore_index=0))


@check.breaks
def one_of_five_classes() -> Bench:
    """A class without a name may stand for no label, so this is a hint."""
    return toys.classify(loss_fn=nn.CrossEntropyLoss(ignore_index=2))


@check.breaks
def a_word_of_the_text() -> Bench:
    """Padding is 0, and so is a word: this is a hint."""
    return _padded(inside=True)


class _Bag(nn.Module):
    """Words of a text, in five classes."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.head = nn.Embedding(30, 8, padding_idx=0), nn.Linear(8, 5)

    def forward(self, ids: Tensor) -> Tensor:
        made: Tensor = self.head(self.words(ids).mean(1))
        return made


@check.breaks
def padding_of_the_inputs() -> Bench:
    """0 pads the words, and is the first of five classes of texts."""
    g = toys.seeded()
    ids, labels = torch.randint(1, 30, (120, 7), generator=g), torch.randint(5, (120,), generator=g)
    return toys.bench(_Bag(), ids, labels, nn.CrossEntropyLoss(ignore_index=0))


@check.holds
def nothing_ignored() -> Bench:
    """-100, as torch has it, is no class."""
    return toys.classify()


@check.holds
def padding_at_the_ends() -> Bench:
    """Rows filled up with an entry of the vocabulary that stands nowhere else."""
    return _padded()


@check.holds
def a_class_that_is_none() -> Bench:
    """The first class is called background."""
    return _with_names("background", "car", "bird", "cat", "deer")
