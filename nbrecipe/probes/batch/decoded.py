"""Reads back what a batch holds: each input as images, texts, sequences or a table, with its targets in words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from ...bench import Bench
from ...decoding import pixels, plotted
from ...decoding.normalisation import Scale
from ...decoding.spelled import Speller
from ...decoding.worded import captions, class_names
from ...pictures.batch import Images, Page, Texts, View
from ..passes.passage import TABLES
from .entry import Entry
from .fed import Fed, named_tensors
from .measured import is_target, lines

#: examples of a batch that are shown
IMAGES, TEXTS = 12, 6
#: views of one batch
_VIEWS = 4
#: what names of arguments that only say which tokens count hold
_MASKS = ("mask", "token_type", "position", "segment")
_ID_NAMES = ("input_ids", "ids", "tokens", "token_ids", "idx", "src", "tgt", "text", "decoder_input_ids")


@dataclass(frozen=True)
class Reading:
    """What is known for reading a batch."""

    given: Fed
    scale: Scale | None
    names: dict[int, str]
    speller: Speller
    entries: dict[str, Entry] = field(default_factory=dict)
    columns: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return self.given.size


def page(bench: Bench, given: Fed, scale: Scale | None) -> Page:
    """One batch decoded."""
    entries = {entry.source: entry for entry in given.entries}
    reading = Reading(
        given, scale, class_names(bench), Speller.of(bench, _padding(bench, given)), entries, plotted.columns(bench)
    )
    views = tuple(_views(reading))[:_VIEWS]
    return Page(lines(given), views, tuple(_notes(given)))


def _padding(bench: Bench, given: Fed) -> int | None:
    """The id of padding as the embedding that takes the ids has it."""
    model = bench.get("model")
    for entry in given.entries:
        if entry.kind in TABLES:
            for path, module in model.named_modules():
                if path.removeprefix("_orig_mod.") == entry.path and isinstance(module, nn.Embedding):
                    return module.padding_idx
    return None


def _notes(given: Fed) -> Iterator[str]:
    if given.unseen:
        yield given.unseen
    if given.calls > 1:
        yield f"the model is called {given.calls} times in one step; this is what the first call is given"
    if given.failed:
        yield f"the step fails on this batch: {given.failed}"


def _views(reading: Reading) -> Iterator[View]:
    """One view for each input that has one; small numbers an example stand in one table."""
    pieces: list[tuple[str, Tensor]] = []
    found: list[View] = []
    inputs = [pair for pair in reading.given.inputs if not is_target(pair[0])] or reading.given.inputs
    for name, value in inputs:
        view = _of_list(reading, name, value)
        if view is not None:
            found.append(view)
            continue
        for part, tensor in named_tensors(name, value):
            single = _of_tensor(reading, part, tensor)
            if single is not None:
                found.append(single)
            elif plotted.is_row(tensor, reading.size) and not _says_which(part):
                pieces.append((part, tensor))
    if pieces:
        found.append(plotted.table(pieces, reading.size, reading.columns))
    aim = _target_image(reading, found)
    yield from _with_targets(reading, found)
    if aim is not None:
        yield aim


def _with_targets(reading: Reading, found: Sequence[View]) -> Iterator[View]:
    """The targets in words stand beside the first view."""
    for i, view in enumerate(found):
        count = plotted.shown(view)
        if isinstance(view, Texts) and not view.targets:
            yield replace(view, captions=_words(reading, count) if i == 0 else ())
        elif isinstance(view, Texts) or i or view.captions:
            yield view
        else:
            yield replace(view, captions=_words(reading, count))


def _words(reading: Reading, count: int) -> tuple[str, ...]:
    target = reading.given.target
    return captions(target, reading.size, reading.names, count) if target is not None else ()


def _of_list(reading: Reading, name: str, value: Any) -> View | None:
    """A list with an image of its own size for each example, as detectors are given."""
    if not isinstance(value, (list, tuple)) or len(value) != reading.size or not value:
        return None
    if not all(isinstance(item, Tensor) and item.ndim == 3 and item.shape[0] in pixels.COLOURS for item in value):
        return None
    return _images(reading, name, list(value))


def _of_tensor(reading: Reading, name: str, tensor: Tensor) -> View | None:
    size, entry = reading.size, reading.entries.get(name)
    if tensor.layout is not torch.strided or tensor.ndim == 0 or not tensor.numel():
        return None
    if _is_ids(reading, name, tensor, entry):
        ids = tensor if tensor.shape[0] == size else tensor.T
        return _texts(reading, name, ids, "")
    if len(tensor) != size or tensor.is_complex():
        return None
    one_hot = plotted.one_hot(tensor) if reading.speller.known or (entry and entry.kind not in ("linear",)) else None
    if one_hot is not None:
        return _texts(reading, name, one_hot, "one-hot, read back as ids")
    images = _as_images(tensor, entry)
    if images is not None:
        return _images(reading, name, images)
    layer, enters = (entry.kind, entry.values.shape[1:]) if entry is not None else ("", ())
    return plotted.series(name, tensor, size, layer, enters)


def _is_ids(reading: Reading, name: str, tensor: Tensor, entry: Entry | None) -> bool:
    whole = not (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype in (torch.bool, torch.uint8))
    if not whole or tensor.ndim != 2 or reading.size not in tensor.shape or tensor.shape[1] < 2:
        return False
    if _says_which(name):
        return False
    last = _last(name)
    embedded = entry is not None and entry.kind in TABLES and entry.values.ndim == tensor.ndim
    return embedded or last in _ID_NAMES or (reading.speller.known and tensor.shape[1] > 3)


def _last(name: str) -> str:
    """The last part of a name: of `batch["input_ids"]`, input_ids."""
    return re.split(r'\["|\.', name)[-1].strip('"]').lower()


def _says_which(name: str) -> bool:
    """Whether an input only says which tokens count, and where they stand."""
    return any(word in _last(name) for word in _MASKS)


def _as_images(tensor: Tensor, entry: Entry | None) -> Tensor | None:
    taken = entry.kind if entry is not None else ""
    flags = tensor.dtype is torch.bool and tensor.ndim != 4
    if flags or taken in TABLES:
        return None
    if tensor.ndim > 3:
        return pixels.as_images(tensor)
    if taken in ("conv1d", "lstm", "gru", "rnn_tanh", "rnn_relu"):
        return None
    if tensor.ndim == 3 and min(tensor.shape[1:]) >= 8 and tensor.shape[1:].numel() >= 64:
        seen = tensor[:, None]
        flat = entry is not None and entry.values.ndim == 2 and taken == "linear"
        return seen if taken == "conv2d" or flat or tensor.dtype is torch.uint8 else None
    side = pixels.flat_side(tensor)
    return None if side is None else tensor.reshape(len(tensor), side[0], side[1], side[1])


def _images(reading: Reading, name: str, images: Tensor | list[Tensor]) -> Images:
    shown, told = pixels.drawn(images, IMAGES, reading.scale)
    target, size = reading.given.target, reading.size
    sides = [(int(image.shape[-2]), int(image.shape[-1])) for image in images[: len(shown)]]
    flat = isinstance(images, Tensor) and images.ndim == 4
    masks = pixels.masks(target, size, sides[0]) if flat else None
    boxes = pixels.boxes(target, sides, reading.names)
    there = sorted({int(v) for mask in (masks or [])[: len(shown)] for v in set(mask.ravel().tolist())} - {-1, 255, 0})
    classes = {k: reading.names.get(k, f"class {k}" if len(there) > 1 else "mask") for k in there}
    view = Images(name, tuple(shown), told, size, classes=classes)
    if masks is not None:
        return replace(
            view, masks=tuple(masks[: len(shown)]), captions=tuple(_inside(m, classes) for m in masks[: len(shown)])
        )
    return replace(view, boxes=tuple(boxes[: len(shown)])) if boxes is not None else view


def _inside(mask: Any, classes: dict[int, str]) -> str:
    """Which classes a mask holds, and how much of it where there is one alone."""
    if len(classes) == 1:
        ((k, name),) = classes.items()
        share = float((mask == k).mean())
        return f"{name} {share:.0%}" if share else "empty"
    held = [name for k, name in classes.items() if bool((mask == k).any())]
    return ", ".join(held[:3]) + (", …" if len(held) > 3 else "") or "empty"


def _target_image(reading: Reading, found: Sequence[View]) -> View | None:
    """A target that is an image itself, as an autoencoder's is another than its input."""
    target = reading.given.target
    if not isinstance(target, Tensor) or target.ndim != 4 or len(target) != reading.size:
        return None
    if any(isinstance(view, Images) and view.masks for view in found) or not target.is_floating_point():
        return None
    if any(
        t.shape == target.shape and t.is_floating_point() and torch.equal(t, target) for _, t in reading.given.tensors()
    ):
        return None
    images = pixels.as_images(target)
    if images is None:
        return None
    shown, told = pixels.drawn(images, IMAGES, reading.scale)
    return Images("target", tuple(shown), told, reading.size, captions=("",) * len(shown))


def _texts(reading: Reading, name: str, ids: Tensor, told: str) -> Texts:
    few = ids[:TEXTS].detach().cpu()
    kept = next((t for n, t in reading.given.tensors() if "mask" in n and t.shape == ids.shape), None)
    rows = reading.speller.rows(few, None if kept is None else kept[:TEXTS].detach().cpu() != 0)
    target = reading.given.target
    targets: tuple[Any, ...] = ()
    if isinstance(target, Tensor) and target.shape == ids.shape and not target.is_floating_point():
        targets = reading.speller.rows(target[:TEXTS].detach().cpu())
    if not reading.speller.known:
        told = "; ".join(filter(None, [told, "ids as they are: no tokenizer was found, `--tokenizer` gives it"]))
    return Texts(name, rows, told, len(ids), targets=targets)
