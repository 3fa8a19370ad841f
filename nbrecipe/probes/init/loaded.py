"""Which tensors of a state dict belong where in a model, by name and shape, and under which prefix they would."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ...batches import BadInput
from ...bench import Bench

#: buffers that count batches or follow statistics move without any training
_MOVING = ("num_batches_tracked", "running_mean", "running_var")
#: prefixes tried, the most frequent first
_PREFIXES = 12
#: cosine below which two weights have nothing in common: random ones of 64 entries have 0 ± 0.13, and weights that
#: training moved stay well above; smaller ones than of 16 entries (± 0.25) tell nothing
UNRELATED = 0.3
_SMALLEST = 16


@dataclass(frozen=True)
class Loaded:
    """A state dict held against a model; `pairs` maps the model's keys to the state dict's."""

    pairs: Mapping[str, str]
    #: keys in both whose shapes differ, with both shapes
    misshapen: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]
    model: int
    state: int
    #: to take off and to put before the state dict's keys; "" where they are right
    strip: str = ""
    add: str = ""
    #: the key under which the weights stand in a checkpoint, "" where they are the whole
    inside: str = ""
    tensors: Mapping[str, Tensor] = field(default_factory=dict, repr=False)

    @property
    def share(self) -> float:
        """Matched tensors, of the smaller of model and state dict: a part of either may be loaded on purpose."""
        return len(self.pairs) / max(1, min(self.model, self.state))

    @property
    def renamed(self) -> bool:
        """Whether the keys match only under another prefix."""
        return bool(self.strip or self.add)


def loaded(bench: Bench) -> Loaded:
    """Hold `pretrained` against the model's own keys; where they do not match, find the prefix under which they do.

    Raises BadInput for what is no state dict.
    """
    inside, tensors = _tensors(bench.get("pretrained"), bench.name("pretrained"))
    own = {key: tuple(value.shape) for key, value in bench.get("model").state_dict().items() if _counts(key, value)}
    theirs = {key: tuple(value.shape) for key, value in tensors.items() if _counts(key, value)}
    if not theirs:
        raise BadInput(f"`{bench.name('pretrained')}` holds no weights; give the state dict that you loaded")
    pairs = _pairs(own, theirs, "", "")
    misshapen = {k: (own[k], theirs[k]) for k in own if k in theirs and own[k] != theirs[k]}
    strip = add = ""
    if len(pairs) + len(misshapen) < min(len(own), len(theirs)) / 2:
        strip, add = _prefixes(own, theirs)
        better = _pairs(own, theirs, strip, add)
        pairs, strip, add = (better, strip, add) if len(better) > len(pairs) else (pairs, "", "")
    return Loaded(pairs, misshapen, len(own), len(theirs), strip, add, inside, tensors)


def related(now: Tensor, then: Tensor) -> bool | None:
    """Whether a weight still is, or grew out of, another; None for tensors too small to tell."""
    now, then = now.detach().cpu(), then.detach().cpu()
    coarse = min((now.dtype, then.dtype), key=lambda dtype: torch.finfo(dtype).bits)
    precision = 2 * torch.finfo(coarse).eps
    a, b = (value.to(coarse).flatten().float() for value in (now, then))
    if torch.allclose(a, b, rtol=precision, atol=1e-12):
        return True
    if now.ndim < 2 or now.numel() < _SMALLEST:
        return None
    return float(torch.nn.functional.cosine_similarity(a, b, dim=0)) >= UNRELATED


def _tensors(given: Any, name: str) -> tuple[str, Mapping[str, Tensor]]:
    if not isinstance(given, Mapping):
        raise BadInput(f"`{name}` is a {type(given).__name__}, not a state dict; give what `torch.load` returned")
    plain = {str(key): value for key, value in given.items() if isinstance(value, Tensor)}
    if plain:
        return "", plain
    boxes = {str(key): value for key, value in given.items() if isinstance(value, Mapping)}
    found = {key: {str(k): v for k, v in box.items() if isinstance(v, Tensor)} for key, box in boxes.items()}
    largest = max(found, key=lambda key: len(found[key]), default="")
    return largest, found.get(largest, {})


def _counts(key: str, value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point() and not key.endswith(_MOVING)


def _pairs(own: Mapping[str, Any], theirs: Mapping[str, Any], strip: str, add: str) -> dict[str, str]:
    renamed = {add + key.removeprefix(strip): key for key in theirs if key.startswith(strip)}
    return {key: renamed[key] for key in own if key in renamed and own[key] == theirs[renamed[key]]}


def _prefixes(own: Mapping[str, Any], theirs: Mapping[str, Any]) -> tuple[str, str]:
    ways = [(strip, add) for strip in _heads(theirs) for add in _heads(own)]
    return max(ways, key=lambda way: (len(_pairs(own, theirs, *way)), -len(way[0]) - len(way[1])))


def _heads(keys: Mapping[str, Any]) -> list[str]:
    """No prefix, and the most frequent ones."""
    counts: Counter[str] = Counter()
    for key in keys:
        parts = key.split(".")
        counts.update(".".join(parts[:depth]) + "." for depth in range(1, min(4, len(parts))))
    return ["", *(prefix for prefix, _ in counts.most_common(_PREFIXES))]
