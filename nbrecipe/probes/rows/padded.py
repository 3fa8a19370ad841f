"""The padding of a batch of token ids: which id it is, who says so, and where each row ends."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ... import batches
from ...batches import BadInput, Feed
from ...bench import Bench
from ...tokens.reading import special_id
from .arguments import Argument, arguments

#: names of integer inputs that are no tokens
BESIDES = re.compile(r"mask|type|position|segment|length|(^|_)(pos|len|lens)$", re.IGNORECASE)
#: batches of the loader whose length is looked at
BATCHES = 6


@dataclass(frozen=True)
class Padded:
    """Rows of tokens that end in padding."""

    #: the ids, (rows, length), as the model is given them
    ids: Tensor
    #: number of tokens of each row
    lengths: tuple[int, ...]
    #: who says what padding is: "attention_mask", "padding_idx", "tokenizer", "lengths"; "" for a guess
    source: str
    #: whether the model is told where rows end
    told: bool
    #: whether it stands in front of the tokens
    left: bool = False
    #: whether padding is looked up as a vector of zeros
    zeros: bool = False


def padded(bench: Bench, model: nn.Module, fed: Feed, size: int) -> Padded | None:
    """The padding of the first input of tokens; None where no row has any, or nothing says which id it is."""
    given = arguments(model, fed, size)
    ids = next((a.item for a in given if are_tokens(a)), None)
    if ids is None:
        return None
    told = next(((a, mask) for a in given if (mask := _mask(a, ids)) is not None), None)
    sizes = next((a for a in given if _are_lengths(a, ids)), None)
    if told is not None:
        return _of(ids, told[1], told[0].name, True, model)
    if sizes is not None:
        kept = torch.arange(ids.shape[1], device=ids.device) < sizes.item[:, None]
        return _of(ids, kept, sizes.name, True, model)
    for pad, source in _named(bench, model, ids):
        found = _of(ids, ids != pad, source, False, model)
        if found is not None:
            return found
    return None


def several_lengths(bench: Bench) -> bool:
    """Whether batches of the training loader are of different lengths."""
    seen: set[int] = set()
    if bench.train_loader is None:
        return False
    model = bench.get("model")
    try:
        for batch in itertools.islice(batches.read(bench.train_loader, bench.name("train_loader")), BATCHES):
            fed = batches.feed(model, batch, bench.loss_fn)
            seen |= {a.item.shape[1] for a in arguments(model, fed, fed.size) if are_tokens(a)}
    except BadInput:
        return False
    return len(seen) > 1


def are_tokens(argument: Argument) -> bool:
    """Whether an argument is rows of token ids."""
    item = argument.item
    whole = item.dtype in (torch.int64, torch.int32) and item.ndim == 2 and item.shape[1] > 2
    return whole and argument.varies and not BESIDES.search(argument.name) and int(item.max()) > 1


def _are_lengths(argument: Argument, ids: Tensor) -> bool:
    item = argument.item
    fits = item.ndim == 1 and not item.is_floating_point() and item.dtype is not torch.bool
    if not fits or not bool(((item >= 1) & (item <= ids.shape[1])).all()) or not re.search("len|size", argument.name):
        return False
    outside = torch.arange(ids.shape[1], device=ids.device) >= item.to(ids.device)[:, None]
    return bool(outside.any()) and len(set(ids[outside].tolist())) == 1


def _mask(argument: Argument, ids: Tensor) -> Tensor | None:
    """Where tokens are, by an input of zeros and ones: all that is outside holds one id, and that side is one run."""
    item = argument.item
    if item is ids or item.shape != ids.shape or not bool(((item == 0) | (item == 1)).all()):
        return None
    for kept in (item != 0, item == 0):
        outside = ids[~kept]
        if outside.numel() and len(set(outside.tolist())) == 1 and _ends(kept) is not None:
            return kept
    return None


def _ends(kept: Tensor) -> tuple[list[int], bool] | None:
    """Lengths of rows whose tokens stand in one run at the start, or at the end; None where they do not."""
    lengths = kept.sum(1)
    places = torch.arange(kept.shape[1], device=kept.device)
    if bool((lengths == 0).any()) or bool(kept.all()):
        return None
    for left in (False, True):
        run = places >= kept.shape[1] - lengths[:, None] if left else places < lengths[:, None]
        if bool((run == kept).all()):
            return lengths.tolist(), left
    return None


def _named(bench: Bench, model: nn.Module, ids: Tensor) -> Iterator[tuple[int, str]]:
    """Ids that something calls padding; then the one that looks like it: the most frequent one at the end of rows."""
    found = special_id(bench.tokenizer, "padding")
    if found is not None and found != special_id(bench.tokenizer, "end"):  # else the first of a run is a token
        yield found, "tokenizer"
    for table in _tables(model):
        if table.padding_idx is not None:
            yield table.padding_idx, "padding_idx"
    last = ids[:, -1]
    yield int(last.mode().values), ""


def _tables(model: nn.Module) -> Iterator[nn.Embedding | nn.EmbeddingBag]:
    yield from (part for part in model.modules() if isinstance(part, (nn.Embedding, nn.EmbeddingBag)))


def _of(ids: Tensor, kept: Tensor, source: str, told: bool, model: nn.Module) -> Padded | None:
    if not source or not told:  # an id may stand among the tokens too; what follows the last other one is padding
        kept = kept.flip(1).int().cummax(1).values.flip(1).bool()
    found = _ends(kept)
    if found is None or (not source and (int((~kept).any(1).sum()) < 2 or len(set(found[0])) < 3)):
        return None
    pad = int(ids[~kept][0])
    if not source and bool((ids[kept] == pad).any()):
        return None  # it stands for something elsewhere
    zeros = [not bool(table.weight[pad].any()) for table in _tables(model) if pad < len(table.weight)]
    return Padded(ids, tuple(found[0]), source, told, found[1], any(zeros[:1]))
