"""A random transform gives another example each time it is read.

Where the data set seeds a generator whenever it is read, or where a random transform is never reached, every epoch
shows the same pictures: the augmentation adds nothing, and nobody sees it in the loss. Seeding one of the generators
that all code shares also makes dropout and shuffling repeat themselves. A hint at most, because a data set that is made
up from its index seeds on purpose, and because chance hides a transform that acts with probability p in 32 draws with
probability (1 - p) to the 32nd: 4 % for p = 0.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, hint, ok
from ...probes.augment.draws import drawing
from ...probes.augment.named import random_transforms

check = Check(__name__, tip="data augment")


@check.run
def run(train_data: Any, bench: Bench) -> Finding:
    seen = bench.once(drawing)
    numbers: dict[str, Any] = {"examples": len(seen.examples), "draws": seen.count, "varies": seen.varies}
    seeded = sorted({name for e in seen.examples for name in e.seeded})
    if seeded:
        who = " and ".join(f"`{_SEEDED[name]}`" for name in seeded)
        same = "" if seen.varies else f", and all draws of each of {len(seen.examples)} examples are the same"
        return hint(
            f"reading `{seen.name}` seeds {who} every time{same}",
            fix="Take the seeding out of the data set, or give it a generator of its own that is seeded once.",
            code="self.rng = numpy.random.default_rng()  # in __init__",
            why="whatever draws from the same generator next repeats itself too",
            seeded=seeded,
            **numbers,
        )
    if seen.varies:
        told = ", ".join(f"{e.distinct} of {len(e.drawn)}" for e in seen.examples)
        return ok(f"draws of one example differ in `{seen.name}`: **{told}** are distinct", **numbers)
    named = random_transforms(train_data, seen.name)
    if named:
        return hint(
            f"`{named[0]}` is there, but {seen.count} draws of {len(seen.examples)} examples of `{seen.name}` show no "
            "difference",
            fix="See that the transform is called, that its probability is not 0, and that nothing seeds it anew.",
            code="%show_augment",
            transforms=named,
            **numbers,
        )
    taken = any(e.random for e in seen.examples)
    drawn = "random numbers are drawn, and what comes of them is the same" if taken else "no random number is drawn"
    return ok(f"nothing is augmented: **{seen.count}** draws of `{seen.name}` do not vary, and {drawn}", **numbers)


_SEEDED = {"torch": "torch", "numpy": "numpy.random", "random": "random"}


class RandomShift(torch.nn.Module):
    """Adds a random number to an image, with a probability."""

    def __init__(self, p: float = 1.0) -> None:
        super().__init__()
        self.p = p

    def forward(self, image: Tensor) -> Tensor:
        """The image, lighter or darker."""
        return image + torch.rand(()) if torch.rand(()) < self.p else image


class _Images(Dataset[Any]):
    def __init__(self, transform: Callable[[Tensor], Tensor], *, seeds: bool = False) -> None:
        self.images = torch.rand(12, 1, 8, 8, generator=toys.seeded())
        self.transform, self.seeds = transform, seeds

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Any:
        if self.seeds:
            torch.manual_seed(index)
        return self.transform(self.images[index]), index % 3


@check.breaks
def seeded_by_index() -> Bench:
    """Reading an example seeds torch with its index."""
    return Bench(train_data=_Images(RandomShift(), seeds=True))


@check.breaks
def probability_zero() -> Bench:
    """A random transform that never acts."""
    return Bench(train_data=_Images(RandomShift(p=0.0)))


@check.holds
def varies() -> Bench:
    """Another example each time."""
    return Bench(train_data=_Images(RandomShift(p=0.5)))


@check.holds
def nothing_random() -> Bench:
    """No augmentation at all."""
    return Bench(train_data=_Images(lambda image: 2 * image - 1))
