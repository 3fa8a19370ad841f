"""Examples of a batch that hold nothing: padding alone, or one value throughout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...bench import Bench
from ...decoding.spelled import IGNORED
from ...finding import number
from ...tokens.reading import special_id
from ..passes.passage import TABLES
from .fed import Fed

#: values that an example has at least for "all the same" to say something
VALUES = 8


@dataclass(frozen=True)
class Blanks:
    """Examples of one input that are blank, in words what they are, and whether that is certain of an example."""

    name: str
    places: list[int]
    told: str


def blanks(bench: Bench, seen: Fed, name: str, tensor: Tensor) -> Blanks | None:
    """Examples of nothing but padding, and images or rows of a single value among others that vary."""
    flat = tensor.reshape(len(tensor), -1)
    if flat.shape[1] < 2 or "mask" in name.lower() or tensor.dtype is torch.bool:
        return None
    same = (flat == flat[:, :1]).all(1)
    if not tensor.is_floating_point() and tensor.dtype is not torch.uint8:
        entry = next((e for e in seen.entries if e.source == name), None)
        padding = _padding(bench, entry.path if entry is not None and entry.kind in TABLES else None)
        if padding is None or flat.shape[1] < 3:
            return None
        places = (same & (flat[:, 0] == padding)).nonzero().flatten().tolist()
        return Blanks(name, places, f"nothing but padding (id {padding})") if places else None
    if flat.shape[1] < VALUES or bool(same.all()) or tensor.is_complex():
        return None
    places = same.nonzero().flatten().tolist()
    if not places or _by_chance(tensor, len(places)):
        return None
    values = {float(flat[i, 0]) for i in places}
    what = number(values.pop(), 3) if len(values) == 1 else "a single value"
    return Blanks(name, places, f"{what} throughout")


def _by_chance(tensor: Tensor, count: int) -> bool:
    """Whether so many rows are empty where each column is as often zero as here; counts of words are."""
    if tensor.ndim != 2 or float((tensor == 0).float().mean()) < 0.5:
        return False
    expected = len(tensor) * float((tensor == 0).double().mean(0).prod())
    return bool(count <= expected + 4 * max(1.0, expected) ** 0.5)  # Poisson: one batch in ten thousand has more


def _padding(bench: Bench, path: str | None) -> int | None:
    """The id of padding, as the tokenizer or the embedding that takes the ids has it."""
    own = special_id(bench.tokenizer, "padding")
    if own is not None:
        return own
    for name, module in bench.get("model").named_modules():
        if path is not None and name == path and isinstance(module, nn.Embedding):
            return module.padding_idx
    return None


def targets_differ(target: Any, places: list[int]) -> bool:
    """Whether these examples have more than one target."""
    if not isinstance(target, Tensor) or not target.ndim or not places or len(target) <= max(places):
        return False
    few = target[places]
    return bool((few != few[:1]).any())


def uncounted(target: Any, places: list[int]) -> bool:
    """Whether no target of these examples counts in a loss."""
    if not isinstance(target, Tensor) or not target.ndim or len(target) <= max(places) or target.is_floating_point():
        return False
    return bool((target[places] == IGNORED).all())
