"""The same validation index gives the same example each time.

Augmentation belongs to training: where it moves the validation examples too, the score changes from pass to pass, is
lower than it should be, and two runs are compared on two data sets. Most often `random_split` made both parts from one
data set, which augments. Rows are read twice from two random states, through the loader's own collate function. The
fault is named where random draws alone make one stored example come in several ways under one label: read from one
random state, rows of one label still differ, so that they are not made on the spot. Other ways to draw are a hint.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset, random_split

from ... import toys
from ...batches import BadInput
from ...bench import Bench, Missing
from ...check import Check
from ...finding import Finding, bad, hint, number, ok
from ...probes.data.drawing import drawing, is_library_augmentation, says_meant, switched, told
from ...probes.data.stability import Stability, of_training, of_validation

check = Check(__name__, tip="data augment")

#: a difference below this share of the range is less than one step of eight bits, as dequantisation adds
STEP = 1 / 250


@check.run
def run(bench: Bench) -> Finding:
    seen = bench.once(of_validation)
    name = seen.source.name
    if not seen.varying:
        return ok(f"**{seen.rows}** rows of `{name}` are the same at two readings", rows=seen.rows)
    excuse = _excuse(bench, seen)
    part = _parts(seen)
    size = f", by {number(seen.spread, 2)} standard deviations where they do" if seen.spread and seen.inputs else ""
    stay = "; their labels stay" if seen.labels is not None and not excuse else ""
    again = " of the loader's batch" if seen.by_collate else ""
    message = (
        f"{part} of **{seen.varying}** of {seen.rows} rows of `{name}`{again} differ at a second reading{size}{stay}"
    )
    numbers: dict[str, Any] = {"rows": seen.rows, "varying": seen.varying, "spread": seen.spread}
    if excuse:
        fix = "Let validation give the same examples each time, where this is not meant."
        return hint(message, fix=fix, why=excuse, **numbers)
    place, culprit = _culprit(seen)
    fix = f"Make the validation data set without {culprit}." if culprit else "Make the validation data set without it."
    return bad(message, fix=fix, code=_code(bench, seen), why=_why(bench, seen), where=place, **numbers)


def _parts(seen: Stability) -> str:
    if seen.inputs and seen.targets:
        return "inputs and targets"
    return "targets" if seen.targets else "inputs"


def _excuse(bench: Bench, seen: Stability) -> str:
    """Why the difference may be meant, or cannot be told from what is meant; "" for augmentation."""
    names = [bench.name(key) for key in ("val_loader", "val_data") if getattr(bench, key) is not None]
    meant = says_meant(seen.things, names)
    if meant:
        return f"`{meant}` says that examples are drawn"
    flag = switched(bench, seen.things)
    if flag:
        return f"`{flag}` may be set otherwise when it is time to validate"
    if not seen.by_chance:
        return "the random state is not the cause: reading changes something that the next reading depends on"
    if seen.targets:
        return "targets are drawn too, as in masked or noise-predicting training"
    if seen.paired:
        return "the target has the shape of the input, as where noise is to be removed"
    if seen.labels is None:
        return "no label of few values tells whether the example is still the same one"
    if len(seen.inputs) > 1:
        return "several inputs differ, as with views or pairs that are drawn"
    if seen.stacked:
        return "the input is a stack of pictures, which may be views that are drawn"
    if 0 < seen.largest < STEP:
        return "the difference is smaller than one step of eight bits"
    known = any(is_library_augmentation(thing.value) for thing in seen.things)
    if not (seen.kept or known):
        return "no two rows of one label differ from one random state, as where examples are made on the spot"
    return ""


def _culprit(seen: Stability) -> tuple[str, str]:
    """Where random numbers are drawn: as a place, and in words."""
    found = drawing(seen.things)
    if seen.by_collate:
        found = [thing for thing in found if thing.path.startswith("collate_fn")] or found
    if not found:
        return "", ""
    return found[0].path, told(found[0])


def _why(bench: Bench, seen: Stability) -> str:
    """Whether training and validation are parts of one data set, or were swapped."""
    try:
        train = bench.once(of_training)
    except (BadInput, Missing):
        return ""
    mine = {id(t.value) for t in seen.things if isinstance(t.value, Dataset) and not isinstance(t.value, TensorDataset)}
    shared = [thing for thing in train.things if id(thing.value) in mine]
    if shared:
        return f"`{train.source.name}` and `{seen.source.name}` share one data set, so both are augmented"
    return "" if train.varying else f"rows of `{train.source.name}` do not vary: the two may be swapped"


def _code(bench: Bench, seen: Stability) -> str:
    name = seen.source.name.partition(".")[0]
    if hasattr(seen.source.data, "indices"):
        return f"{bench.name('val_data')} = torch.utils.data.Subset(plain_data, val_indices)  # without augmentation"
    return f"{name} = ...  # the same rows, read through a transform that draws nothing"


class _Moved(Dataset[tuple[Tensor, int]]):
    """Images moved by up to one pixel each way, anew at every reading."""

    def __init__(self, images: Tensor, labels: Tensor, augment: Callable[[Tensor], Tensor] | None = None) -> None:
        self.images, self.labels, self.augment = images, labels, augment

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        image = self.images[row]
        return image if self.augment is None else self.augment(image), int(self.labels[row])


def _shift(image: Tensor) -> Tensor:
    down, across = (int(torch.randint(-1, 2, ())) for _ in "yx")
    return torch.roll(image, (down, across), (-2, -1))


def _images(seed: int = 0) -> tuple[Tensor, Tensor]:
    g = toys.seeded(seed)
    labels = torch.arange(120) % 4
    return torch.rand(120, 1, 8, 8, generator=g) + labels[:, None, None, None], labels


def _split(train: Any, val: Any, **more: Any) -> Bench:
    names = {"train_data": "train_set", "val_data": "val_set", "val_loader": "val_dl"}
    loader = DataLoader(val, 32, **more)
    return Bench(model=toys.convnet(4), train_data=train, val_data=val, val_loader=loader, names=names)


@check.breaks
def split_after_augmenting() -> Bench:
    """`random_split` makes both parts from one data set, which augments."""
    train, val = random_split(_Moved(*_images(), _shift), [80, 40], generator=toys.seeded())
    return _split(train, val)


@check.breaks
def augmented_by_collate() -> Bench:
    """One collate function for both loaders, and it adds noise."""

    def noisy(rows: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        x, y = torch.stack([row[0] for row in rows]), torch.stack([row[1] for row in rows])
        return x + 0.1 * torch.randn_like(x), y

    data = TensorDataset(*_images())
    return _split(data, data, collate_fn=noisy)


@check.breaks
def swapped() -> Bench:
    """The transform was given to the validation set, and none to the training set."""
    images, labels = _images()
    return _split(_Moved(images[:80], labels[:80]), _Moved(images[80:], labels[80:], _shift))


@check.breaks
def generator_of_its_own() -> Bench:
    """The data set draws from a numpy generator that it keeps."""
    rng = np.random.default_rng(0)
    return _split(None, _Moved(*_images(), lambda image: image.flip(-1) if rng.random() < 0.5 else image))


@check.holds
def augmented_in_training_alone() -> Bench:
    """Training examples move, validation examples do not."""
    images, labels = _images()
    return _split(_Moved(images[:80], labels[:80], _shift), _Moved(images[80:], labels[80:]))


@check.holds
def noise_by_index() -> Bench:
    """Noise whose seed is the index is the same each time."""

    class Noisy(_Moved):
        def __getitem__(self, row: int) -> tuple[Tensor, int]:
            image, label = super().__getitem__(row)
            return image + torch.randn(image.shape, generator=toys.seeded(row)), label

    return _split(None, Noisy(*_images()))


@check.holds
def noise_to_be_removed() -> Bench:
    """The input is noisy and the target clean: what is drawn is the task."""

    class Denoising(Dataset[tuple[Tensor, Tensor]]):
        images = _images()[0]

        def __len__(self) -> int:
            return len(self.images)

        def __getitem__(self, row: int) -> tuple[Tensor, Tensor]:
            return self.images[row] + torch.randn(1, 8, 8), self.images[row]

    return _split(None, Denoising())


@check.holds
def examples_made_on_the_spot() -> Bench:
    """Examples are generated from their label, so that an index means nothing."""

    class Blobs(Dataset[tuple[Tensor, int]]):
        def __len__(self) -> int:
            return 200

        def __getitem__(self, row: int) -> tuple[Tensor, int]:
            return torch.randn(8) + row % 4, row % 4

    return _split(None, Blobs())


@check.holds
def several_transforms_at_test_time() -> Bench:
    """Test-time augmentation is called so."""

    class WithTTA(_Moved):
        pass

    return _split(None, WithTTA(*_images(), nn.Dropout(0.1)))
