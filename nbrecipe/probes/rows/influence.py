"""Which inputs have no influence: a change of them leaves every bit of what the model returns alike.

Arguments are changed whole, columns of features where their gradient is exactly zero: rows exchanged, signs turned,
ten times as large, in eval mode and in train mode with several seeds. What is left is told apart by its reason: code
that never reads the argument, numbers that NaN in their place does not spread from, weights that are exactly zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ... import batches
from ...batches import BadInput, Feed
from ...batches.models import plain
from ...bench import Bench
from ...task.refusal import refuse_lazy
from .answers import Answers
from .arguments import Argument, arguments

#: examples that are tried, fewer with as many weights as LARGE, and passes that the search for columns may take
ROWS, FEW, LARGE, PASSES = 32, 8, 10**7, 300


@dataclass(frozen=True)
class Ignored:
    """An argument, or columns of it, without influence."""

    argument: Argument
    #: numbers along the last axis; () for the whole argument
    columns: tuple[int, ...] = ()
    #: "unread" by the code; "unreached": NaN there does not spread; "zero": weights are exactly zero; "alike": no more
    #: is known than that every bit stayed alike
    proof: str = "alike"
    #: changes that were tried
    changes: int = 0


@dataclass(frozen=True)
class Influence:
    """What was seen of the influence of inputs."""

    #: names of arguments that have influence, and number of columns that were judged
    judged: tuple[str, ...] = ()
    columns: int = 0
    ignored: tuple[Ignored, ...] = ()
    #: names of arguments whose influence starts at zero: a gate, or the end of a branch, whose weights are all zero
    gated: tuple[str, ...] = ()
    #: every tensor that was given
    given: tuple[Tensor, ...] = ()
    why: str = ""


def influence(bench: Bench) -> Influence:
    """Change every input in turn; run it inside `bench.untouched()`. Raises BadInput where the forward pass fails."""
    model = plain(bench.get("model"))
    refuse_lazy(model)
    if bench.loss_fn is not None and batches.takes_model(bench.loss_fn):
        return Influence(why="the loss runs the model itself")
    whole = bench.get("batch")
    rows = batches.batch_size(whole)
    few = min(rows, FEW if sum(weight.numel() for weight in model.parameters()) >= LARGE else ROWS)
    try:
        return _of(bench, model, batches.take(whole, few), few)
    except BadInput:
        if rows == few:
            raise
        return _of(bench, model, whole, rows)  # a model of one size of batch


def _of(bench: Bench, model: nn.Module, batch: Any, size: int) -> Influence:
    fed = batches.feed(model, batch, bench.loss_fn)
    given = arguments(model, fed, size)
    answers = Answers(model, fed)
    if size < 2 or not given:
        return Influence(why="the batch holds a single row" if size < 2 else "no input holds one row for each example")
    if not answers.steady:
        return Influence(why="the model gives no tensor, or another one each time it is asked")
    if all(answers.alike(_with(fed, [(a.item, change) for a in given])) for change in (_rolled, _turned)):
        return Influence(why="the output is the same whatever the inputs, which is for constant-output")
    found = [Ignored(a, (), "alike", _count(a.item)) for a in given if a.varies and _no_influence(answers, fed, a)]
    whole = {id(each.argument.item) for each in found}
    columns = 0
    for argument in (a for a in given if id(a.item) not in whole and answers.of_features(a.item)):
        varying = _varying(argument.item)
        columns += len(varying)
        still = _still(answers, fed, argument, varying)
        found += [Ignored(argument, tuple(still), "alike", _count(argument.item))] if still else []
    kept, gated = _explained(bench, model, answers, fed, found)
    silent = {each.argument.name for each in found if not each.columns}
    names = tuple(a.name for a in given if a.varies and a.name not in silent)
    return Influence(
        names,
        columns,
        tuple(kept),
        tuple(each.argument.name for each in gated),
        tuple(a.item for a in given),
    )


def _no_influence(answers: Answers, fed: Feed, argument: Argument) -> bool:
    return all(answers.alike(_put(fed, argument.item, other)) for other in changes(argument.item))


def changes(item: Tensor) -> Iterator[Tensor]:
    """The same numbers in other rows, turned, and far away; ids stay within those of the batch."""
    yield _rolled(item)
    yield item.roll(max(1, len(item) // 2), 0)
    yield _turned(item)
    if item.is_floating_point():
        yield from (10 * item, -10 * item, item + item.std(), item - 3 * item.std())
    elif item.ndim > 1:
        yield item.flip(-1)


def _count(item: Tensor) -> int:
    return 7 if item.is_floating_point() else 3 + (item.ndim > 1)


def _rolled(item: Tensor) -> Tensor:
    return item.roll(1, 0)


def _turned(item: Tensor) -> Tensor:
    """The opposite: not, less than zero, or as far from the largest as it was from the least."""
    if item.dtype is torch.bool:
        return ~item
    return -item if item.is_floating_point() or item.is_complex() else item.max() + item.min() - item


def _put(fed: Feed, old: Tensor, new: Tensor) -> Feed:
    return _with(fed, [(old, lambda _: new)])


def _with(fed: Feed, changed: list[tuple[Tensor, Any]]) -> Feed:
    by_id = {id(item): change for item, change in changed}

    def change(item: Any) -> Any:
        return by_id[id(item)](item) if id(item) in by_id else item

    return Feed(batches.apply(fed.args, change), batches.apply(fed.kwargs, change), fed.target, fed.batch)


def _varying(item: Tensor) -> list[int]:
    rows = item.reshape(-1, item.shape[-1])
    return (rows != rows[:1]).any(0).nonzero().flatten().tolist()


def _still(answers: Answers, fed: Feed, argument: Argument, varying: list[int]) -> list[int]:
    """The columns without gradient and without influence, by halving the set of those that may be."""
    item, found = argument.item, []
    zero = answers.without_gradient(item)
    open_sets = [[column for column in varying if zero is None or column in zero]]
    before = answers.passes
    while open_sets and answers.passes - before < PASSES:
        columns = open_sets.pop()
        if not columns:
            continue
        if all(answers.alike(_put(fed, item, in_columns(item, other, columns))) for other in changes(item)):
            found += columns
        elif len(columns) > 1:
            open_sets += [columns[: len(columns) // 2], columns[len(columns) // 2 :]]
    return sorted(found)


def in_columns(item: Tensor, other: Tensor, columns: list[int]) -> Tensor:
    """The one, with these columns of the other."""
    new = item.clone()
    new[..., columns] = other[..., columns]
    return new


def _explained(
    bench: Bench, model: nn.Module, answers: Answers, fed: Feed, found: list[Ignored]
) -> tuple[list[Ignored], list[Ignored]]:
    """The same with their proofs, and apart from them those whose influence a gate of zeros holds back."""
    kept, gated = [], []
    for each in found:
        proof = _proof(answers, fed, each)
        if proof == "alike" and _wakes(bench, model, fed, each, whole=True):
            gated.append(each)
            continue
        if proof == "alike" and _wakes(bench, model, fed, each, whole=False):
            proof = "zero"
        kept.append(Ignored(each.argument, each.columns, proof, each.changes))
    return kept, gated


def _proof(answers: Answers, fed: Feed, each: Ignored) -> str:
    item = each.argument.item
    if not each.columns and each.argument.unread:
        return "unread"
    if item.is_floating_point():
        nowhere = torch.full_like(item, float("nan"))
        poisoned = in_columns(item, nowhere, list(each.columns)) if each.columns else nowhere
        if answers.alike(_put(fed, item, poisoned)):
            return "unreached"
    return "alike"


def _wakes(bench: Bench, model: nn.Module, fed: Feed, each: Ignored, *, whole: bool) -> bool:
    """Whether it has influence once weights that are exactly zero are not: those that are zero as a `whole`, or any."""
    with bench.untouched(), torch.no_grad():
        generator = torch.Generator().manual_seed(0)
        for weight in model.parameters():
            zero = weight == 0
            if weight.is_floating_point() and bool(zero.all() if whole else zero.any()):
                noise = 0.1 * torch.randn(weight.shape, generator=generator)
                weight.copy_(torch.where(zero, noise.to(weight), weight))
        answers, item = Answers(model, fed), each.argument.item
        columns = list(each.columns) or slice(None)
        for other in changes(item):
            new = in_columns(item, other, columns) if each.columns else other  # type: ignore[arg-type]
            if answers.steady and not answers.alike(_put(fed, item, new)):
                return True
    return False
