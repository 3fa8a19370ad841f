"""The few examples that are learned by heart: the first of the batch, on the model's device, never changed."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ... import batches
from ...batches import BadInput, Feed
from ...bench import Bench


def examples(bench: Bench, count: int) -> tuple[Feed, list[str]]:
    """The first `count` examples as the model takes them, copied, and what to know about them.

    Raises BadInput for a count that is no whole number from 1 on, and for a batch without examples.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise BadInput(f"the number of examples to overfit is a whole number from 1 on; {count!r} was given")
    model, whole = bench.get("model"), bench.get("batch")
    size = batches.batch_size(whole)
    if size == 0:
        raise BadInput("the batch holds no examples; give one with at least one")
    if size < count and bench.batch is None:
        whole = _longer(bench, whole, count)
        size = batches.batch_size(whole)
    notes = [f"the batch holds only {size} of the {count} examples asked for"] if size < count else []
    return _fed(model, batches.take(whole, count), bench), notes


def all_examples(bench: Bench, count: int) -> tuple[Feed, list[str]] | None:
    """The whole batch, for a model that a part cannot be fed to: a graph, an episode; None where nothing was cut."""
    whole = bench.get("batch")
    size = batches.batch_size(whole)
    told = f"a part of this batch cannot be fed, so all {size} examples are used"
    return (_fed(bench.get("model"), whole, bench), [told]) if size > count else None


def _fed(model: nn.Module, batch: Any, bench: Bench) -> Feed:
    """Copies: a model that writes into its input must not reach the user's batch."""
    place = next((p.device for p in model.parameters()), None)
    copied = batches.apply(batch, lambda item: item.detach().clone() if isinstance(item, Tensor) else item)
    return batches.feed(model, copied if place is None else batches.move(copied, place), bench.loss_fn)


def _longer(bench: Bench, whole: Any, count: int) -> Any:
    """Several batches of the loader as one, where all their tensors fit together; else the first."""
    assert bench.train_loader is not None
    rows, have = [], 0
    for batch in batches.read(bench.train_loader, bench.name("train_loader")):
        rows.append(list(batches.leaves(batch)))
        have += batches.batch_size(batch)
        if have >= count:
            break
    joined = [torch.cat(column) if _fits(column) else None for column in zip(*rows, strict=False)]
    if len(rows) < 2 or any(item is None for item in joined):
        return whole
    parts = iter(joined)
    return batches.apply(whole, lambda item: next(parts) if isinstance(item, Tensor) else item)


def _fits(column: tuple[Any, ...]) -> bool:
    return all(isinstance(item, Tensor) and item.ndim for item in column) and len({i.shape[1:] for i in column}) == 1
