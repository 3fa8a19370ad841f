"""`show_augment`, the Python twin of `%show_augment`: the same examples drawn many times, side by side, and judged."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch.utils.data import DataLoader

from ... import verbs
from ...batches import BadInput
from ...bench import Bench
from ...decoding.normalisation import scale_of
from ...decoding.spelled import Speller
from ...decoding.worded import class_names
from ...finding import Result, Verdict
from ...guard import Untouched
from ...pictures.augment import Augmented
from ...pictures.batch import Batches, Page
from ...probes.augment import draws
from ...probes.augment.shown import Reading, shown
from ...probes.augment.source import Source, source_in, source_of, transformed
from ...registry import all_checks
from ...render.batches import augment as drawn
from ...render.batches import still
from ...session import seed_all
from ...verbs import Shown
from .paths import read_at

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: the checks that judge what is drawn, and those of the validation set, which need not vary
CHECKS = ("unmoved-target", "frozen-augmentation", "mutating-dataset")
OF_VALIDATION = ("unstable-validation",)
#: draws that are shown at most, examples, and seconds after which no further draw is made
MOST, EXAMPLES, PATIENCE = 64, 12, 20.0
UNCHANGED = "your data are as they were"


@dataclass
class ShownAugment(Shown):
    """Some examples, each drawn many times, and what is wrong with how they vary."""

    shown: Augmented = field(default_factory=lambda: Augmented("data"), repr=False)

    def __str__(self) -> str:
        return drawn.text_of(self, self.shown)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return drawn.html_of(self, self.shown)

    def picture(self) -> bytes | None:
        """The draws of the first example as a still picture; None where they can only be counted."""
        return still.png(self._page())

    def plot(self) -> Figure | None:
        """The same as a figure."""
        return still.figure(self._page())

    def _page(self) -> Batches:
        views = self.shown.examples[0].views if self.shown.examples else ()
        return Batches(self.shown.name, (Page((), views),))


@dataclass(frozen=True)
class Asked:
    """What is to be drawn, and how the user calls it; without data, what the bench has."""

    data: Any = None
    name: str = "data"
    transform: Any = None
    transform_name: str = "transform"
    example: Any = None


def show_augment(
    data: Any = None,
    *,
    n: int = 8,
    index: int | Sequence[int] = 0,
    transform: Any = None,
    example: Any = None,
    seed: int | None = None,
    mean: Any = None,
    std: Any = None,
    **given: Any,
) -> ShownAugment:
    """Draw the same example `n` times, show the draws with label, mask and boxes side by side, and judge them.

    `data` is a data set that takes an index, a DataLoader, whose collate function is part of it, or a list; without it,
    what is bound; or the path of a folder of images, each given to `transform` as a PIL image, or of a file, each row
    given as a dict by column. `index` is one example or several. `transform` is called anew for each draw, on the
    examples of the data or on `example`. `seed` seeds python, numpy and torch for the draws alone. Images are
    un-normalised with `mean` and `std`, or with the Normalize that is found. Takes what `bind` takes. Raises BadInput,
    in one sentence.
    """
    asked = Asked(data, "data", transform, "transform", example)
    return show_augment_of(verbs.bench_of(**given), asked, n=n, index=index, seed=seed, mean=mean, std=std)


def show_augment_of(
    bench: Bench,
    asked: Asked | None = None,
    *,
    n: int = 8,
    index: int | Sequence[int] = 0,
    seed: int | None = None,
    mean: Any = None,
    std: Any = None,
) -> ShownAugment:
    """The same for a bench."""
    _check_numbers(n)
    start = time.perf_counter()
    given, (bench, source) = bench, _source(bench, asked or Asked())
    places = [source.place(i) for i in (index if isinstance(index, (list, tuple, range)) else [index])]
    if not 0 < len(places) <= EXAMPLES:
        raise BadInput(f"`index` is 1 to {EXAMPLES} examples; {len(places)} were given")
    with bench.untouched(), Untouched(source.things):
        if seed is not None:
            seed_all(seed)
        seen = draws.drawn(source, list(dict.fromkeys(places)), n, PATIENCE)
        reading = Reading(scale_of(bench, mean, std), class_names(bench), Speller.of(bench))
        examples = tuple(shown(each, reading) for each in seen.examples)
        bench.know(draws.drawing, _more(source, seen))
    results = _judged(bench, given)
    results = [result for result in results if result.verdict is not Verdict.SKIPPED or result.finding.code]
    single = len(places) == 1
    return ShownAugment(
        f"`{source.label(places[0]) if single else source.name}`, drawn {n} times" + ("" if single else " each"),
        {result.id: result for result in results},
        note="; ".join(filter(None, (seen.note, UNCHANGED))),
        seconds=time.perf_counter() - start,
        shown=Augmented(source.name, examples),
    )


def _check_numbers(n: Any) -> None:
    if isinstance(n, bool) or not isinstance(n, int) or not 2 <= n <= MOST:
        raise BadInput(f"`n` is a number of draws, from 2 to {MOST}; {n!r} was given")


def _source(bench: Bench, asked: Asked) -> tuple[Bench, Source]:
    """What is drawn from, and a bench in which it stands as the training set."""
    data = asked.data
    if data is None and asked.transform is not None and asked.example is not None:
        source = transformed(asked.transform, asked.transform_name, None, asked.example)
        return bench.replace(train_data=source, train_loader=None), source
    if isinstance(data, (str, Path)):
        if asked.transform is None:
            raise BadInput(f"what is read at `{data}` is the same each time: give the transform that changes it, "
                           "`--transform EXPR`")  # fmt: skip
        source = read_at(data)
        bench = bench.replace(val_data=None, val_loader=None)
    elif data is None:
        if asked.example is not None:
            raise BadInput("an example alone does not vary; give the transform that changes it as well")
        bench = _with_data(bench)
        source = source_in(bench)
    else:
        source = source_of(data, asked.name)
        bench = _standing(bench, data, asked.name)
    if asked.transform is not None:
        if asked.example is not None:
            raise BadInput("a data set and an example: give one of them to the transform")
        source = transformed(asked.transform, asked.transform_name, source)
        bench = bench.replace(train_data=source, train_loader=None)
    return bench, source


def _with_data(bench: Bench) -> Bench:
    """The bench with the data set of its loader, where it has no other."""
    loader = bench.train_loader
    if bench.train_data is None and isinstance(loader, DataLoader):
        name = f"{bench.name('train_loader')}.dataset"
        return bench.replace(train_data=loader.dataset, names={**bench.names, "train_data": name})
    if bench.train_data is None:
        raise BadInput(
            "no data here: name a data set or a DataLoader, or give a transform and an example to change", "train_data"
        )
    return bench


def _standing(bench: Bench, data: Any, name: str) -> Bench:
    """The bench with this in the place of its training set."""
    loader = data if isinstance(data, DataLoader) else None
    rows = data if loader is None else loader.dataset
    own = bench.train_loader if isinstance(bench.train_loader, DataLoader) else None
    kept = own if loader is None and own is not None and own.dataset is rows else loader
    name = name if loader is None else f"{name}.dataset"
    return bench.replace(
        train_data=rows, train_loader=kept, val_data=None, val_loader=None, names={**bench.names, "train_data": name}
    )


def _judged(bench: Bench, given: Bench) -> list[Result]:
    """What is found of the draws, and of the validation set that the user has beside them."""
    validation = [data for data in (given.val_data, getattr(given.val_loader, "dataset", None)) if data is not None]
    own = any(data is bench.train_data for data in validation)
    names = [name for name in CHECKS if not (own and name == "frozen-augmentation")]
    found = verbs.SESSION.run([all_checks()[name] for name in names if name in all_checks()], bench)
    if not validation:
        return found
    return [*found, *verbs.SESSION.run([all_checks()[name] for name in OF_VALIDATION if name in all_checks()], given)]


def _more(source: Source, seen: draws.Drawing) -> draws.Drawing:
    """The draws that are judged: those that are shown, and more of other examples where there is time."""
    here = {example.index for example in seen.examples}
    others = [place for place in source.spread(draws.EXAMPLES) if place not in here][: draws.EXAMPLES - len(here)]
    if seen.note or not others or len(here) >= draws.EXAMPLES:
        return seen
    try:
        more = draws.drawn(source, others, draws.DRAWS)
    except BadInput:  # another example fails; what is shown did not
        return seen
    return replace(seen, examples=(*seen.examples, *more.examples))
