"""Data that repeat, by chance or on purpose, and data that were copied by mistake."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine, make_moons
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, SubsetRandomSampler, TensorDataset

from nbrecipe import toys
from nbrecipe.bench import Bench

Rows = tuple[Any, Any]


def tensors(x: Any, y: Any) -> TensorDataset:
    return TensorDataset(torch.as_tensor(x), torch.as_tensor(y))


def bench(train: Any, val: Any = None, **more: Any) -> Bench:
    """Loaders over these data, as a notebook would call them."""
    loaders = {
        f"{split}_loader": data if isinstance(data, DataLoader) else DataLoader(data, batch_size=32, **more)
        for split, data in (("train", train), ("val", val))
        if data is not None
    }
    return Bench(model=nn.Linear(2, 2), loss_fn=nn.CrossEntropyLoss(), **loaders)


def split(x: Any, y: Any, share: float = 0.8, seed: int = 0) -> Bench:
    """A random split."""
    order = np.random.default_rng(seed).permutation(len(x))
    cut = int(share * len(x))
    x, y = np.asarray(x), np.asarray(y)
    return bench(tensors(x[order[:cut]], y[order[:cut]]), tensors(x[order[cut:]], y[order[cut:]]))


def numbers(rows: int = 1000, columns: int = 20, seed: int = 0) -> Rows:
    g = np.random.default_rng(seed)
    return g.standard_normal((rows, columns)).astype("f4"), g.integers(0, 5, rows)


class Listed(Dataset):
    """Examples in a list, as a data set of one's own gives them."""

    def __init__(self, rows: list[Any]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: int) -> Any:
        return self.rows[row]


class Cycled(IterableDataset):
    """A stream that goes round the same rows."""

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds

    def __iter__(self) -> Iterator[Rows]:
        x, y = numbers(200)
        for _ in range(self.rounds):
            yield from zip(torch.as_tensor(x), torch.as_tensor(y), strict=True)


# Data that are right ------------------------------------------------------------------------------------------------


def digits() -> Bench:
    data = load_digits()
    return split(data.data.astype("f4"), data.target)


def digits_as_bytes() -> Bench:
    data = load_digits()
    return split(data.images.astype("u1")[:, None], data.target)


def iris() -> Bench:
    data = load_iris()
    return split(data.data, data.target)


def wine() -> Bench:
    data = load_wine()
    return split(data.data, data.target)


def breast_cancer() -> Bench:
    data = load_breast_cancer()
    return split(data.data, data.target)


def moons() -> Bench:
    return split(*make_moons(2000, noise=0.1, random_state=0))


def titanic_like() -> Bench:
    """Class, sex, age in years, relatives: few bits, outcomes that they do not settle."""
    g = np.random.default_rng(0)
    x = np.stack([g.choice(3, 891, p=[0.2, 0.2, 0.6]), g.choice(2, 891), g.normal(30, 14, 891).clip(0, 80).round(),
                  g.choice(3, 891, p=[0.7, 0.2, 0.1])], axis=1)  # fmt: skip
    return split(x.astype("f4"), (g.random(891) < 0.2 + 0.5 * x[:, 1]).astype(int))


def adult_like() -> Bench:
    """Twelve columns that go together: few bits in truth, many were they independent."""
    g = np.random.default_rng(0)
    hidden = g.integers(0, 40, 20_000)
    table = g.integers(0, 30, (40, 12))
    x = np.where(g.random((20_000, 12)) < 0.1, g.integers(0, 30, (20_000, 12)), table[hidden])
    return split(x.astype("f4"), hidden % 2)


def graded_cells() -> Bench:
    """Nine marks from 1 to 10, most of them 1, as pathologists give them."""
    g = np.random.default_rng(0)
    sick = g.random(700) < 0.35
    x = np.where(sick[:, None], g.integers(1, 11, (700, 9)), 1 + (g.random((700, 9)) < 0.15))
    return split(x.astype("f4"), sick.astype(int))


def truth_table() -> Bench:
    """The four rows of an exclusive or, drawn at random."""
    x = np.random.default_rng(0).integers(0, 2, (400, 2))
    return split(x.astype("f4"), x.sum(1) % 2)


def truth_table_in_order() -> Bench:
    x = np.tile([[0, 0], [0, 1], [1, 0], [1, 1]], (100, 1))
    return split(x.astype("f4"), x.sum(1) % 2)


def one_hot() -> Bench:
    g = np.random.default_rng(0)
    kind = g.integers(0, 50, 1000)
    return split(np.eye(50, dtype="f4")[kind], kind % 3)


def features_of_few_products() -> Bench:
    """Twenty numbers looked up for one of fifty products."""
    g = np.random.default_rng(0)
    kind = g.integers(0, 50, 1000)
    return split(g.standard_normal((50, 20)).astype("f4")[kind], kind % 3)


def features_of_many_words() -> Bench:
    """Vectors of words, frequent ones often."""
    g = np.random.default_rng(0)
    word = g.zipf(1.3, 3000) % 2000
    return split(g.standard_normal((2000, 16)).astype("f4")[word], word % 4)


def word_counts() -> Bench:
    """Short messages as counts of words."""
    g = np.random.default_rng(0)
    p = 1 / np.arange(1, 501)
    words = g.choice(500, (1500, 4), p=p / p.sum())
    x = np.zeros((1500, 500), "f4")
    np.add.at(x, (np.arange(1500)[:, None], words), 1)
    return split(x, words[:, 0] % 2)


def squares_on_a_grid() -> Bench:
    """A square somewhere in an image: twelve bits."""
    g = np.random.default_rng(0)
    x = np.zeros((2000, 1, 28, 28), "f4")
    corner, side = g.integers(0, 18, (2000, 2)), g.integers(4, 11, 2000)
    for image, (top, left), size in zip(x, corner, side, strict=True):
        image[0, top : top + size, left : left + size] = 1
    return split(x, (side > 7).astype(int))


def mostly_blank() -> Bench:
    """Images of which a third show nothing, as a class of their own."""
    g = np.random.default_rng(0)
    x = g.random((900, 1, 16, 16)).astype("f4")
    x[:300] = 0
    return split(x, (np.arange(900) >= 300).astype(int))


def counts_of_clicks() -> Bench:
    g = np.random.default_rng(0)
    return split(g.poisson(0.3, (3000, 30)).astype("f4"), g.integers(0, 2, 3000))


def one_number() -> Bench:
    x = np.random.default_rng(0).random((5000, 1)).astype("f4").round(3)
    return split(x, np.sin(6 * x))


def short_texts() -> Bench:
    """What people write in two words."""
    g = np.random.default_rng(0)
    words = ["ok", "thanks", "good", "morning", "yes", "no", "see", "you", "later", "great", "nice", "one"]
    rows = [(" ".join(g.choice(words, 2)), int(g.integers(2))) for _ in range(1000)]
    return bench(Listed(rows[:800]), Listed(rows[800:]))


def texts_from_a_template() -> Bench:
    """Sentences from a few slots: long, and of few bits."""
    g = np.random.default_rng(0)
    slots = [["the film", "the book", "the play"], ["was really", "was not"], [f"adjective{i}" for i in range(20)]]
    texts = [" ".join(["I have to say that", *(str(g.choice(slot)) for slot in slots), "in the end"])
             for _ in range(1000)]  # fmt: skip
    rows = [(text, int("not" in text)) for text in texts]
    return bench(Listed(rows[:800]), Listed(rows[800:]))


def captions() -> Bench:
    """Every image with five captions, on one side of the split."""
    x, _ = numbers(200)
    rows = [(x[i], f"caption {j} of image {i}") for i in range(200) for j in range(5)]
    return bench(Listed(rows[:800]), Listed(rows[800:]))


def several_genres() -> Bench:
    """A line for each genre of a film."""
    x, _ = numbers(400)
    rows = [(x[i], j) for i in range(400) for j in ((i % 4,) if i % 3 else (i % 4, 4))]
    return bench(Listed(rows))


def three_judges() -> Bench:
    g = np.random.default_rng(0)
    x, y = numbers(300)
    given = np.where(g.random(900) < 0.8, np.repeat(y, 3), g.integers(0, 5, 900))
    return bench(tensors(np.repeat(x, 3, axis=0), given))


def replicates() -> Bench:
    """Every condition measured three times: a number that differs."""
    g = np.random.default_rng(0)
    x, _ = numbers(200)
    return bench(tensors(np.repeat(x, 3, axis=0), g.standard_normal((600, 1)).astype("f4")))


def rare_class_repeated_inside_train() -> Bench:
    x, y = numbers(1000)
    few = np.flatnonzero(y == 3)[:30]
    kept = np.r_[np.flatnonzero(y != 3)[:600], np.repeat(few, 5)]
    return bench(tensors(x[kept], y[kept]), tensors(x[900:][y[900:] != 3], y[900:][y[900:] != 3]))


def rare_class_drawn_again_inside_train() -> Bench:
    x, y = numbers(1000)
    few = np.random.default_rng(0).choice(np.flatnonzero(y == 3)[:30], 150)
    kept = np.r_[np.flatnonzero(y != 3)[:600], few]
    return bench(tensors(x[kept], y[kept]))


def everything_ten_times() -> Bench:
    """A tiny set repeated so that an epoch is longer."""
    x, y = numbers(60)
    return bench(tensors(np.tile(x, (10, 1)), np.tile(y, 10)), tensors(*numbers(40, seed=1)))


def bootstrap() -> Bench:
    """Train drawn with replacement, as bagging does."""
    x, y = numbers(1000)
    chosen = np.random.default_rng(0).integers(0, 800, 800)
    return bench(tensors(x[chosen], y[chosen]), tensors(x[800:], y[800:]))


def one_data_set_two_samplers() -> Bench:
    data = tensors(*numbers(500))
    order = torch.randperm(500, generator=toys.seeded()).tolist()
    loaders = [
        DataLoader(data, batch_size=32, sampler=SubsetRandomSampler(rows)) for rows in (order[:400], order[400:])
    ]
    return bench(*loaders)


def one_loader_for_both() -> Bench:
    loader = DataLoader(tensors(*numbers(500)), batch_size=32)
    return bench(loader, loader)


def one_batch_for_both() -> Bench:
    data = tensors(*numbers(24))
    return bench(data, data)


def folds() -> Bench:
    data = tensors(*numbers(500))
    return bench(Subset(data, [*range(100), *range(200, 500)]), Subset(data, range(100, 200)))


def a_stream_in_rounds() -> Bench:
    return bench(Cycled(3), Cycled(1))


def overlapping_windows() -> Bench:
    """Every window of a text, one character on, and the character behind it."""
    text = torch.tensor([ord(c) for c in " ".join(f"line {i} of a song" for i in range(80))])
    windows = text.unfold(0, 17, 1)
    return bench(tensors(windows[:1000, :-1], windows[:1000, 1:]), tensors(windows[1100:, :-1], windows[1100:, 1:]))


def a_chorus() -> Bench:
    """A text that says the same again and again, cut into windows."""
    ids = torch.tensor([ord(c) for c in "row row row your boat gently down the stream " * 60])
    windows = ids[: len(ids) // 15 * 15].view(-1, 15)
    return bench(tensors(windows[:, :-1], windows[:, 1:]))


def sums() -> Bench:
    """Additions of two digits, drawn at random, as tokens."""
    g = torch.randint(0, 10, (2000, 4), generator=toys.seeded())
    return bench(tensors(g[:1600], g[:1600].sum(1)), tensors(g[1600:], g[1600:].sum(1)))


def a_few_copies() -> Bench:
    """Five rows of two thousand stand twice, one of them on both sides."""
    x, y = numbers(2000)
    x[:5], y[:5] = x[1000:1005], y[1000:1005]
    x[1999], y[1999] = x[6], y[6]
    return bench(tensors(x[:1600], y[:1600]), tensors(x[1600:], y[1600:]))


def noise_images() -> Bench:
    g = np.random.default_rng(0)
    return split(g.integers(0, 256, (500, 3, 16, 16)).astype("u1"), g.integers(0, 5, 500))


def a_film() -> Bench:
    """Pictures of which each is nearly the one before; the last of them are for validation."""
    g = np.random.default_rng(0)
    wide = g.random((1, 60, 460)).astype("f4").cumsum(2)
    x = np.stack([wide[:, 10:42, i : i + 32] for i in range(400)])
    return bench(tensors(x[:300], np.arange(300) % 4), tensors(x[340:], np.arange(60) % 4))


def a_slow_series() -> Bench:
    """Readings that hardly move from one to the next, and later ones for validation."""
    t = np.arange(2000)[:, None] / 300
    x = np.sin(t * np.arange(1, 9)).astype("f4")
    return bench(tensors(x[:1600], np.arange(1600) % 2), tensors(x[1600:], np.arange(400) % 2))


def shapes_in_noise() -> Bench:
    """Five pictures, each with noise of its own."""
    g = np.random.default_rng(0)
    y = g.integers(0, 5, 600)
    x = g.random((5, 1, 16, 16))[y] + 0.05 * g.standard_normal((600, 1, 16, 16))
    return split(x.astype("f4"), y)


def shapes_with_specks() -> Bench:
    """Five pictures in greys, in each of which a pixel or two are wrong."""
    g = np.random.default_rng(0)
    y = g.integers(0, 5, 600)
    x = g.integers(0, 256, (5, 1, 20, 20))[y]
    x[np.arange(600), 0, g.integers(0, 20, 600), g.integers(0, 20, 600)] = g.integers(0, 256, 600)
    return split(x.astype("u1"), y)


def two_inputs() -> Bench:
    """One picture with many questions."""
    x, _ = numbers(100)
    rows = [(x[i], f"question {j} about {i % 7}", j % 3) for i in range(100) for j in range(6)]
    return bench(Listed(rows[:480]), Listed(rows[480:]))


RIGHT: tuple[Callable[[], Bench], ...] = (
    digits, digits_as_bytes, iris, wine, breast_cancer, moons, titanic_like, adult_like, graded_cells, truth_table,
    truth_table_in_order, one_hot, features_of_few_products, features_of_many_words, word_counts, squares_on_a_grid,
    mostly_blank, counts_of_clicks, one_number, short_texts, texts_from_a_template, captions, several_genres,
    three_judges, replicates, rare_class_repeated_inside_train, rare_class_drawn_again_inside_train,
    everything_ten_times, bootstrap, one_data_set_two_samplers, one_loader_for_both, one_batch_for_both, folds,
    a_stream_in_rounds, overlapping_windows, a_chorus, sums, a_few_copies, noise_images, two_inputs,
    a_film, a_slow_series, shapes_in_noise, shapes_with_specks,
)  # fmt: skip


# Data that were copied ----------------------------------------------------------------------------------------------


def doubled(x: Any, y: Any) -> Bench:
    return split(np.concatenate([x, x]), np.concatenate([y, y]))


def digits_doubled() -> Bench:
    data = load_digits()
    return doubled(data.data.astype("f4"), data.target)


def moons_doubled() -> Bench:
    return doubled(*make_moons(1000, noise=0.1, random_state=0))


def titanic_doubled() -> Bench:
    data = titanic_like().train_loader.dataset
    return doubled(*(tensor.numpy() for tensor in data.tensors))


def texts_doubled() -> Bench:
    g = np.random.default_rng(0)
    words = [f"word{i}" for i in range(400)]
    rows = [(" ".join(g.choice(words, 12)), int(g.integers(2))) for _ in range(600)] * 2
    order = g.permutation(1200)
    return bench(Listed([rows[i] for i in order[:960]]), Listed([rows[i] for i in order[960:]]))


def fields_doubled() -> Bench:
    """Examples as mappings, all of them twice."""
    data = texts_doubled()
    rows = [[{"text": text, "label": label} for text, label in loader.dataset.rows]
            for loader in (data.train_loader, data.val_loader)]  # fmt: skip
    return bench(*map(Listed, rows))


def pairs_doubled() -> Bench:
    """Examples of two inputs and a label, all of them twice."""
    x, y = numbers(600)
    x, y = torch.as_tensor(np.concatenate([x, x])), torch.as_tensor(np.concatenate([y, y]))
    order = torch.randperm(1200, generator=toys.seeded())
    data = TensorDataset(x[order, :10], x[order, 10:], y[order])
    return bench(Subset(data, range(900)), Subset(data, range(900, 1200)))


def oversampled_before_the_split() -> Bench:
    """A rare class drawn with replacement to the size of the other, and then a random split."""
    g = np.random.default_rng(0)
    x, _ = numbers(1000)
    y = (np.arange(1000) < 80).astype(int)
    kept = np.r_[np.arange(80, 1000), g.integers(0, 80, 920)]
    return split(x[kept], y[kept])


def validation_left_in_train() -> Bench:
    x, y = numbers(1000)
    return bench(tensors(x, y), tensors(x[850:], y[850:]))


def half_of_validation_left_in_train() -> Bench:
    x, y = numbers(1000)
    return bench(tensors(x[:900], y[:900]), tensors(x[800:], y[800:]))


def folds_that_overlap() -> Bench:
    data = tensors(*numbers(600))
    return bench(Subset(data, range(0, 500)), Subset(data, range(300, 600)))


def one_data_set_two_loaders() -> Bench:
    data = tensors(*numbers(600))
    return bench(DataLoader(data, batch_size=32, shuffle=True), DataLoader(data, batch_size=32))


def recased_texts_in_validation() -> Bench:
    g = np.random.default_rng(0)
    words = [f"word{i}" for i in range(800)]
    rows = [(" ".join(g.choice(words, 15)), int(g.integers(2))) for _ in range(800)]
    return bench(Listed(rows), Listed([(text.upper() + "!", label) for text, label in rows[:200]]))


def dimmed_images_in_validation() -> Bench:
    """Copies of train that went through another brightness before they came to validation."""
    data = load_digits()
    x = np.kron(data.images, np.ones((3, 3))).astype("f4") / 16
    return bench(tensors(x[:1500, None], data.target[:1500]),
                 tensors(0.9 * x[:300, None] + 0.05, data.target[:300]))  # fmt: skip


NEARLY: tuple[Callable[[], Bench], ...] = (recased_texts_in_validation, dimmed_images_in_validation)
LEAKS: tuple[Callable[[], Bench], ...] = (
    digits_doubled, moons_doubled, titanic_doubled, texts_doubled, fields_doubled, pairs_doubled,
    oversampled_before_the_split, validation_left_in_train, half_of_validation_left_in_train, folds_that_overlap,
    one_data_set_two_loaders,
)  # fmt: skip
