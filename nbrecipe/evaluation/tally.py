"""What is kept of each batch, as little as every metric needs, and the answers that it adds up to.

Kept are, for each example, its loss and: of classes the probabilities as float32, up to 512 MB of them and beyond that
the answer alone; of numbers and of several yes or no answer and target; of tokens and pixels only counts; of images
that are to be restored the sum of squared errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..task import Kind, Task
from .answers import Answers, Array
from .made import answers_from
from .places import Places
from .reader import Seen

#: bytes of probabilities, and values of an example, that are kept
BOUND, VALUES = 512 << 20, 1024
#: places that count as near, and classes from which on being near says something
NEAR, SEVERAL = 5, 20
#: classes of pixels that are counted apart
PIXELS = 256
#: batches after which what lies on an accelerator comes over
EVERY = 64
_LISTED = 10_000
_SHARES = ("nll_loss", "kl_div")


class Tally:
    """Collects the batches of one pass."""

    def __init__(self, name: str, task: Task, planned: int | None, names: Mapping[int, str]) -> None:
        self._name, self._task, self._planned, self._names = name, task, planned, names
        self._parts: list[dict[str, Any]] = []
        self.batches: list[tuple[int, float | None]] = []
        self._form = ""
        self._bounded = False
        self.places = Places()
        self.done = 0

    def add(self, rows: Sequence[Array], seen: Seen) -> None:
        """Keep one batch, or several that were judged together, each with its rows; no interrupt can halve that."""
        form = self._form or self._form_of(seen)
        part = getattr(self, f"_{form}")(seen)
        if seen.terms is not None:
            part["loss"], part["weight"], entries = seen.terms
            if entries is not None and self._task.kind is Kind.NEXT_TOKEN:
                self.places.add(entries, seen.size)
        elif seen.loss is not None:
            part["batch_loss"] = seen.loss.detach().reshape(1)
        part["rows"] = rows
        self._form = form
        self._parts.append(part)
        self.done += seen.size
        if len(self._parts) % EVERY == 0:
            self._fetch()

    def _fetch(self) -> None:
        for part in self._parts[-EVERY:]:
            part.update({key: value.cpu() for key, value in part.items() if isinstance(value, Tensor)})

    def _form_of(self, seen: Seen) -> str:
        """What is kept of these batches."""
        kind, scores, target = self._task.kind, _scores(seen), _target(seen)
        if scores is None or not isinstance(target, Tensor):
            return "alone"
        fits = target.numel() == scores.numel()
        if kind is Kind.CLASSES and scores.ndim == 2 and len(scores) == seen.size and len(target) == seen.size:
            return "classes"
        if kind in (Kind.NEXT_TOKEN, Kind.SEGMENTATION) and not fits and target.numel() % seen.size == 0:
            return "entries"
        if kind is Kind.SEGMENTATION and fits:
            return "mask"
        if kind in (Kind.BINARY, Kind.MULTILABEL, Kind.REGRESSION) and fits and scores.numel() % seen.size == 0:
            return "values" if scores.numel() // seen.size <= VALUES else "image"
        return "image" if kind is Kind.RECONSTRUCTION and fits else "alone"

    def _alone(self, seen: Seen) -> dict[str, Any]:
        return {}

    def _classes(self, seen: Seen) -> dict[str, Any]:
        scores, target = _scores(seen), _target(seen)
        assert scores is not None
        planned = max(self._planned or 0, self.done + seen.size)
        if not self._bounded and 4 * planned * scores.shape[1] > BOUND:
            self._bounded = True
            for part in self._parts:
                part.update(_nearest(part.pop("scores"), part["target"]))
        wanted = target.argmax(1) if target.ndim == 2 and target.shape[1] > 1 else target.reshape(-1)
        wanted = wanted.to(torch.int64, copy=True)
        if self._bounded:
            return {"target": wanted, **_nearest(scores, wanted)}
        return {"target": wanted, "scores": scores.to(torch.float32, copy=True)}

    def _values(self, seen: Seen) -> dict[str, Any]:
        scores, target = _scores(seen), _target(seen)
        assert scores is not None
        return {
            "scores": scores.reshape(seen.size, -1).to(torch.float32, copy=True),
            "target": target.reshape(seen.size, -1).to(torch.float32, copy=True),
        }

    def _entries(self, seen: Seen) -> dict[str, Any]:
        """Scores (M, C), (N, C, ...) or, of a loss written by hand, (N, ..., C)."""
        scores, target, size = _scores(seen), _target(seen), seen.size
        assert scores is not None
        axis = 1 if scores.ndim == 2 or scores.shape[:1] + scores.shape[2:] == target.shape else -1
        told = scores.max(axis).indices.reshape(-1)  # twice as fast as argmax
        wanted = target.reshape(-1)
        ignored = -100 if seen.call is None else seen.call.options.get("ignore_index", -100)
        counted = wanted != ignored
        part = {"right": ((told == wanted) & counted).reshape(size, -1).sum(1),
                "entries": counted.reshape(size, -1).sum(1)}  # fmt: skip
        if self._task.kind is Kind.SEGMENTATION and scores.shape[axis] <= PIXELS:
            part["pixels"] = _pixels(told, wanted, counted, size, scores.shape[axis])
        return part

    def _mask(self, seen: Seen) -> dict[str, Any]:
        scores, target, size = _scores(seen), _target(seen), seen.size
        assert scores is not None
        told = (scores > (0.5 if _are_shares(seen, self._task) else 0.0)).reshape(-1).long()
        wanted = (target >= 0.5).reshape(-1).long()
        right = (told == wanted).reshape(size, -1)
        everywhere = torch.ones_like(wanted, dtype=torch.bool)
        return {"right": right.sum(1), "entries": torch.full_like(right[:, 0], right.shape[1], dtype=torch.int64),
                "pixels": _pixels(told, wanted, everywhere, size, 2)}  # fmt: skip

    def _image(self, seen: Seen) -> dict[str, Any]:
        scores, target, size = _scores(seen), _target(seen), seen.size
        assert scores is not None
        if _are_shares(seen, self._task) is False and self._task.call is not None:
            scores = scores.sigmoid() if self._task.call.name.endswith("with_logits") else scores
        apart = (scores.reshape(size, -1) - target.reshape(size, -1)).float().square()
        return {"squares": apart.sum(1), "entries": torch.full((size,), apart.shape[1]),
                "low": target.min().float().reshape(1), "high": target.max().float().reshape(1)}  # fmt: skip

    def joined(self) -> dict[str, Array]:
        """Every column of what was kept, (rows, …)."""
        found: dict[str, Array] = {}
        for key in self._parts[0] if self._parts else ():
            values = [part[key] for part in self._parts if key in part]
            if key == "rows":
                found[key] = np.concatenate([rows for several in values for rows in several])
            elif len(values) == len(self._parts):
                found[key] = _array(torch.cat([value.cpu() for value in values]))
        return found

    @property
    def sizes(self) -> list[int]:
        """Examples of each batch, in order."""
        return [len(rows) for part in self._parts for rows in part["rows"]]

    def answers(self, kept: dict[str, Array]) -> Answers:
        """What was kept, as answers; of everything that was added until now."""
        shares = _are_shares(None, self._task)
        names = tuple(self._names.get(i, i) for i in range(min(self._task.classes or 0, _LISTED)))
        return answers_from(self._name, self._task, kept, names, shares)


def _array(values: Tensor) -> Array:
    """As NumPy has it, which knows no bfloat16."""
    found: Array = (values.float() if values.dtype is torch.bfloat16 else values).numpy()
    return found


def _scores(seen: Seen) -> Tensor | None:
    return seen.call.input if seen.call is not None else seen.output


def _target(seen: Seen) -> Any:
    return seen.call.target if seen.call is not None else seen.target


def _are_shares(seen: Seen | None, task: Task) -> bool:
    """Whether scores are probabilities already: by the name of the loss, else by the first batch."""
    if task.call is not None:
        return task.call.name == "binary_cross_entropy"
    output = task.output
    if output is None or bool(((output < 0) | (output > 1)).any()):
        return False
    return task.kind is not Kind.CLASSES or bool(((output.sum(1) - 1).abs() < 1e-3).all())


def _nearest(scores: Tensor, wanted: Tensor) -> dict[str, Tensor]:
    """The answer, and whether the target is among the likeliest; NaN is no answer."""
    none = scores.isnan().any(1)
    chosen = scores.gather(1, wanted.clamp(0, scores.shape[1] - 1)[:, None])
    near = ((scores > chosen).sum(1) < NEAR) & (wanted >= 0)
    return {"answer": torch.where(none, -1, scores.argmax(1)), "near": near & ~none}


def _pixels(told: Tensor, wanted: Tensor, counted: Tensor, size: int, classes: int) -> Tensor:
    """(size, 3, classes): entries that are of a class in both, in the answer, in the target."""
    each = len(wanted) // size
    start = torch.arange(size, device=wanted.device).repeat_interleave(each) * classes
    kinds = (
        (start + told)[counted & (told == wanted)],
        (start + told)[counted],
        (start + wanted)[counted],
    )
    return torch.stack([k.bincount(minlength=size * classes).reshape(size, classes) for k in kinds], 1)
