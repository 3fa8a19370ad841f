"""Data sets of many styles, read twice: augmentation on validation is named, what is drawn by design is not."""

import random
import time
from collections import UserDict
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader, Dataset, IterableDataset, Subset, TensorDataset, random_split

from nbrecipe import toys
from nbrecipe.bench import Bench, Cell
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

ROWS = 90
GENERATOR = np.random.default_rng(5)


def images(size=8, classes=3):
    g = toys.seeded(1)
    labels = torch.arange(ROWS) % classes
    smooth = nn.functional.avg_pool2d(torch.rand(ROWS, 3, size + 2, size + 2, generator=g), 3, 1)
    return smooth + 0.3 * labels[:, None, None, None], labels


def table():
    g = toys.seeded(2)
    return torch.randn(ROWS, 12, generator=g), torch.randint(2, (ROWS,), generator=g)


class Read(Dataset):
    """Rows through a function of the input."""

    def __init__(self, x, y, change=None):
        self.x, self.y, self.change = x, y, change

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return (self.x[i] if self.change is None else self.change(self.x[i])), self.y[i]


class Pairs(Dataset):
    """Anything by a function of the index."""

    def __init__(self, make, size=ROWS):
        self.make, self.size = make, size

    def __len__(self):
        return self.size

    def __getitem__(self, i):
        return self.make(i)


def bench(data, **more):
    names = {"val_data": "val_set", "val_loader": "val_dl"}
    return Bench(val_data=data, val_loader=DataLoader(data, 16, **more), names=names)


def told(given):
    return run(all_checks()["unstable-validation"], given).finding


# Augmentation -------------------------------------------------------------------------------------------------------


def flip(x):
    return x.flip(-1) if random.random() < 0.5 else x


def crop(x):
    padded = nn.functional.pad(x, (1, 1, 1, 1))
    down, across = np.random.randint(0, 3, 2)
    return padded[:, down : down + 8, across : across + 8]


def brighten(x):
    return x * float(torch.empty(()).uniform_(0.7, 1.3))


class Erase:
    def __call__(self, x):
        x = x.clone()
        at = random.randrange(6)
        x[:, at : at + 3] = 0
        return x


class Compose:
    def __init__(self, *steps):
        self.steps = steps

    def __call__(self, x):
        for step in self.steps:
            x = step(x)
        return x


def noisy_rows():
    x, y = table()
    return Read(x, y, lambda row: row + 0.1 * torch.randn(12))


def dict_rows():
    x, y = images()
    return Pairs(lambda i: {"pixel_values": flip(crop(x[i])), "labels": int(y[i]), "id": f"img_{i}"})


@dataclass
class Example:
    x: torch.Tensor
    y: int


def dataclass_rows():
    x, y = images()
    return Pairs(lambda i: Example(crop(x[i]), int(y[i])))


def numpy_rows():
    x, y = (part.numpy() for part in images())
    return Pairs(lambda i: (np.rot90(x[i], np.random.randint(4), (1, 2)).copy(), y[i]))


def series_crops():
    wave = torch.randn(ROWS, 400, generator=toys.seeded(3)).cumsum(1) * 0.1 + torch.arange(ROWS)[:, None] * 2.0

    def read(i):
        start = random.randrange(100)
        return wave[i, start : start + 300], i % 3

    return Pairs(read)


def own_generator():
    x, y = images()
    data = Read(x, y)
    data.rng = torch.Generator().manual_seed(3)
    data.change = lambda row: torch.roll(row, int(torch.randint(3, (), generator=data.rng)), -1)
    return data


def global_generator():
    x, y = images()
    return Read(x.numpy(), y, lambda row: row + 0.05 * GENERATOR.standard_normal(row.shape).astype("f4"))


def pictures():
    from PIL import Image

    g = np.random.default_rng(0)
    kept = [Image.fromarray(g.integers(0, 256, (8, 8, 3), "u1")) for _ in range(ROWS)]
    return Pairs(
        lambda i: (kept[i].transpose(Image.Transpose.FLIP_LEFT_RIGHT) if random.random() < 0.5 else kept[i], i % 3)
    )


def split(change):
    return lambda: random_split(Read(*images(), change), [45, 45], generator=toys.seeded())[1]


def joined():
    x, y = images()
    return ConcatDataset([Read(x, y), Read(x, y, crop)])


def as_lists(rows):
    return [row[0] for row in rows], [row[1] for row in rows]


AUGMENTED = {
    "flip": split(flip),
    "crop": split(crop),
    "brighten": split(brighten),
    "erase": split(Erase()),
    "compose": split(Compose(crop, flip, Erase())),
    "noisy_rows": noisy_rows,
    "dict_rows": dict_rows,
    "dataclass_rows": dataclass_rows,
    "numpy_rows": numpy_rows,
    "series_crops": series_crops,
    "own_generator": own_generator,
    "global_generator": global_generator,
    "joined": joined,
    "subset_of_subset": lambda: Subset(split(flip)(), range(30)),
    "dropout_in_the_data": lambda: Read(*images(), nn.Dropout(0.2)),
    "one_class": lambda: Read(images()[0], torch.zeros(ROWS), crop),
}


@pytest.mark.parametrize("make", AUGMENTED.values(), ids=AUGMENTED)
def test_augmentation_on_validation_is_named(make):
    found = told(bench(make(), collate_fn=list) if make is dataclass_rows else bench(make()))
    assert found.verdict is Verdict.BAD, found.message + found.why


def test_pictures_are_read_as_numbers():
    pytest.importorskip("PIL")
    assert told(bench(pictures(), collate_fn=as_lists)).verdict is Verdict.BAD


def test_the_place_and_the_cause_are_told():
    train, val = random_split(Read(*images(), Compose(Erase())), [45, 45])
    found = told(bench(val).replace(train_data=train))
    assert found.where == "val_set.dataset.change.steps[0]"
    assert "Erase" in found.fix
    assert found.why == "`train_data` and `val_set` share one data set, so both are augmented"
    swapped = told(bench(Read(*images(), flip)).replace(train_data=Read(*images())))
    assert swapped.why == "rows of `train_data` do not vary: the two may be swapped"
    assert "`flip`" in swapped.fix


def test_a_collate_function_that_augments_is_named():
    def noisy(rows):
        x, y = (torch.stack(part) for part in zip(*rows, strict=True))
        return {"x": x * torch.empty(len(x), 1, 1, 1).uniform_(0.8, 1.2), "labels": y}

    found = told(bench(TensorDataset(*images()), collate_fn=noisy))
    assert found.verdict is Verdict.BAD, found.message + found.why
    assert "of the loader's batch" in found.message


# What is drawn by design, and what is not drawn ---------------------------------------------------------------------


def diffusion(i):
    x = images()[0][i]
    noise, t = torch.randn_like(x), random.random()
    return x * (1 - t) + noise * t, t, noise


def masked(rows):
    ids = torch.stack([row[0] for row in rows])
    hidden = torch.rand(ids.shape) < 0.15
    return {"input_ids": ids.masked_fill(hidden, 1), "labels": ids.masked_fill(~hidden, -100)}


def pairs(i):
    x, _ = images()
    return x[i], x[random.randrange(ROWS)], i % 2


def views(i):
    x, y = images()
    return crop(x[i]), crop(x[i]), y[i]


def windows(_):
    text = torch.arange(1000)
    at = random.randrange(900)
    return text[at : at + 32], text[at + 1 : at + 33]


def dequantised(i):
    x, y = images()
    return ((x[i] * 100).round() + torch.rand(3, 8, 8)) / 256, y[i]


def skip_gram(i):
    return torch.tensor(i), torch.randint(100, ())


def mixed_up(rows):
    x, y = (torch.stack(part) for part in zip(*rows, strict=True))
    order, part = torch.randperm(len(x)), random.random()
    return x * part + x[order] * (1 - part), nn.functional.one_hot(y, 3) * part + nn.functional.one_hot(y[order], 3)


class Switched(Read):
    """Augments until told not to."""

    augmenting = True

    def __init__(self, *given):
        super().__init__(*given)
        self.training = True

    def eval(self):
        self.training = False

    def __getitem__(self, i):
        return (flip(self.x[i]) if self.training else self.x[i]), self.y[i]


class TwoCrops(Read):
    def __getitem__(self, i):
        return torch.stack([crop(self.x[i]), crop(self.x[i])]), self.y[i]


class Stacked(TwoCrops):
    """The same, with nothing in its name."""


def generated(i):
    return torch.randn(3, 8, 8) + i % 3, i % 3


def captions(i):
    return images()[0][i], random.choice(["a cat", "some cat", "one cat"])


def regression(i):
    x, _ = table()
    return x[i] + 0.1 * torch.randn(12), x[i, 0]


MEANT = {
    "diffusion": (Pairs(diffusion), {}),
    "masked": (TensorDataset(torch.randint(5, 50, (ROWS, 20))), {"collate_fn": masked}),
    "pairs": (Pairs(pairs), {}),
    "views": (Pairs(views), {}),
    "windows": (Pairs(windows), {}),
    "dequantised": (Pairs(dequantised), {}),
    "skip_gram": (Pairs(skip_gram), {}),
    "mixed_up": (TensorDataset(*images()), {"collate_fn": mixed_up}),
    "switched": (Switched(*images()), {}),
    "two_crops": (TwoCrops(*images()), {}),
    "stacked": (Stacked(*images()), {}),
    "generated": (Pairs(generated), {}),
    "generated_one_label": (Pairs(lambda i: (torch.randn(8), 0)), {}),
    "captions": (Pairs(captions), {}),
    "regression": (Pairs(regression), {}),
    "unlabelled": (Pairs(lambda i: crop(images()[0][i])), {}),
}


@pytest.mark.parametrize(("data", "more"), MEANT.values(), ids=MEANT)
def test_what_may_be_meant_is_a_hint(data, more):
    found = told(bench(data, **more))
    assert found.verdict is Verdict.HINT, found.message
    assert found.why


class Cached(Read):
    def __init__(self, *given):
        super().__init__(*given)
        self.cache, self.reads = {}, 0

    def __getitem__(self, i):
        self.reads += 1
        if i not in self.cache:
            self.cache[i] = super().__getitem__(i)
        return self.cache[i]


class Mutating(Read):
    def __getitem__(self, i):
        self.x[i] *= 2
        return self.x[i], self.y[i]


def by_index(i):
    rng = np.random.default_rng(i)
    return rng.standard_normal(6), i % 2


def reseeded(i):
    kept = torch.get_rng_state()
    torch.manual_seed(i)
    x = torch.randn(5)
    torch.set_rng_state(kept)
    return x, i % 2


def stamped(i):
    return UserDict(x=images()[0][i], y=i % 3)


STABLE = {
    "tensors": (TensorDataset(*images()), {}),
    "plain": (Read(*images()), {}),
    "shuffled": (Read(*images()), {"shuffle": True}),
    "unchanging_transform": (Read(*images(), lambda x: (x - x.mean()) / x.std()), {}),
    "cached": (Cached(*images()), {}),
    "by_index": (Pairs(by_index), {}),
    "reseeded": (Pairs(reseeded), {}),
    "text": (Pairs(lambda i: (f"row {i}", i % 2)), {}),
    "nested": (Pairs(lambda i: {"a": {"b": [torch.ones(i % 3 + 1)], "c": None}, "y": 0}), {"collate_fn": list}),
    "user_dict": (Pairs(stamped), {"collate_fn": list}),
    "objects": (Pairs(lambda i: (object(), i)), {"collate_fn": list}),
    "nan": (Pairs(lambda i: (torch.full((3,), float("nan")), i)), {}),
    "rows": ([(torch.ones(3) * i, i) for i in range(9)], {}),
    "tensor": (torch.rand(20, 3), {}),
    "one_row": (Read(torch.rand(1, 3), torch.ones(1)), {}),
    "single": (Read(*images()), {"batch_size": None}),
    "zero_rate": (Read(*images(), nn.Dropout(0.0)), {}),
    "names_only": (Read(*images(), lambda x: x if x.ndim else torch.rand_like(x)), {}),
    "mutating": (Mutating(*images()), {}),
    "padded": (
        Pairs(lambda i: (torch.ones(i % 5 + 1), i % 2)),
        {"collate_fn": lambda rows: (nn.utils.rnn.pad_sequence([r[0] for r in rows]), [r[1] for r in rows])},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("data", "more"), STABLE.values(), ids=STABLE)
def test_what_stays_is_right(data, more):
    batch = {"batch_size": None} if "batch_size" in more else {"batch_size": 16}
    given = Bench(val_loader=DataLoader(data, **{**batch, **more}))
    assert told(given).verdict is Verdict.OK, told(given).message


@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        ("def validate(data):\n    data.change = None\n    return score(data)", Verdict.HINT),
        ("for epoch in range(3):\n    val_set.change = None", Verdict.HINT),
        ("val_set.change = flip", Verdict.BAD),  # it has run, and this is what it made
        ("class Read:\n    def __init__(self, change):\n        self.change = change", Verdict.BAD),
        ("%time f(\nval_set.change == 3", Verdict.BAD),
    ],
)
def test_a_switch_that_is_set_again_in_a_cell_is_heard(source, verdict):
    found = told(bench(Read(*images(), flip)).replace(cells=(Cell(3, source),)))
    assert found.verdict is verdict
    assert ("may be set otherwise" in found.why) == (verdict is Verdict.HINT)


def test_what_the_user_owns_is_as_it_was():
    data = Mutating(*images(), None)
    data.rng = np.random.default_rng(0)
    data.change = lambda x: x + data.rng.random()
    before, state = data.x.clone(), repr(data.rng.bit_generator.state)
    other, numbers = repr(GENERATOR.bit_generator.state), torch.get_rng_state()
    told(bench(data))
    told(bench(global_generator()))
    assert torch.equal(data.x, before)
    assert repr(data.rng.bit_generator.state) == state
    assert repr(GENERATOR.bit_generator.state) == other
    assert torch.equal(torch.get_rng_state(), numbers)


class Stream(IterableDataset):
    def __iter__(self):
        yield torch.rand(3), 0


def broken(i):
    raise OSError(f"file {i} is gone")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (bench(Stream()), "`val_set` is a stream: it has no rows to ask for by index"),
        (
            Bench(val_loader=[torch.rand(3)]),
            "`val_loader` is no DataLoader, so there is no data set to ask for rows by index",
        ),
        (bench(Pairs(broken)), "reading `val_set[0]` raises OSError: file 0 is gone"),
        (Bench(val_data=Pairs(broken, 0)), "`val_data` is empty"),
        (
            bench(Pairs(lambda i: i), collate_fn=lambda rows: 1 / 0),
            "the loader's `collate_fn` raises ZeroDivisionError: division by zero",
        ),
        (Bench(train_data=Pairs(by_index)), "needs `val_loader`"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_twice_is_skipped(given, message):
    assert (told(given).verdict, told(given).message) == (Verdict.SKIPPED, message)


def test_rows_that_take_long_are_not_read_many_times(monkeypatch):
    monkeypatch.setattr("nbrecipe.probes.data.reading.SLOW", 0.01)

    def slow(i):
        time.sleep(0.02)
        return torch.zeros(3), i

    found = told(bench(Pairs(slow)))
    assert found.verdict is Verdict.SKIPPED
    assert found.message.startswith("reading one row of `val_set` takes")
