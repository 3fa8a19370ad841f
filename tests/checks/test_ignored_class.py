"""Indices that a loss leaves out: real classes, and the many ways to mark what has no label."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.checks.loss.ignored_class import VOID, _Named
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

WORDS = 24


class Tagger(nn.Module):
    """Ids (N, T) or (T, N) in, scores for each of them out."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(WORDS, 8), nn.Linear(8, classes)

    def forward(self, ids: Tensor) -> Tensor:
        out: Tensor = self.head(self.table(ids))
        return out


class Shifting(Tagger):
    """Shifts the labels itself and returns its own loss."""

    def forward(self, ids: Tensor, labels: Tensor) -> dict[str, Tensor]:
        out = super().forward(ids)
        loss = F.cross_entropy(out[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=0)
        return {"loss": loss, "logits": out}


def tokens(out: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(out.flatten(0, 1), y.flatten(), ignore_index=0)


def words(low: int = 1, rows: int = 32, length: int = 12) -> Tensor:
    return torch.randint(low, WORDS, (rows, length), generator=toys.seeded(0))


def lengths(rows: int = 32) -> Tensor:
    return torch.randint(4, 13, (rows, 1), generator=toys.seeded(1))


def tagged(target: Tensor, classes: int, ids: Tensor | None = None) -> Bench:
    return toys.bench(Tagger(classes), words() if ids is None else ids, target, tokens)


def masked() -> Bench:
    """BERT: a label at one token in seven."""
    ids = words()
    chosen = torch.rand(ids.shape, generator=toys.seeded(2)) < 0.15
    return tagged(ids * chosen, WORDS, ids.masked_fill(chosen, 3))


def padded(left: bool = False, first: bool = False) -> Bench:
    ids, at = words(), torch.arange(12)
    over = at >= lengths() if not left else at < 12 - lengths()
    ids = ids.masked_fill(over, 0)
    target = F.pad(ids[:, 1:], (0, 1))
    return tagged(target, WORDS, ids) if not first else tagged(target.T, WORDS, ids.T)


def own() -> Bench:
    ids = words().masked_fill(torch.arange(12) >= lengths(), 0)
    given = toys.bench(Shifting(WORDS), ids, ids, None)
    return given.replace(batch={"ids": ids, "labels": ids})


def outside_tags() -> Bench:
    """Most words are outside of any name, which is tag 0."""
    named = torch.rand(32, 12, generator=toys.seeded(4)) < 0.3
    tags = torch.randint(0, 5, (32, 12), generator=toys.seeded(3)) * named
    return tagged(tags, 5)


def maps(index: int) -> Bench:
    y = torch.randint(3, (8, 6, 6), generator=toys.seeded(0))
    return toys.bench(nn.Conv2d(1, 3, 1), torch.rand(8, 1, 6, 6), y, nn.CrossEntropyLoss(ignore_index=index))


def named(*names: str, index: int = 0, part: bool = False) -> Bench:
    given = toys.classify(loss_fn=nn.CrossEntropyLoss(ignore_index=index))
    whole = _Named(names, *given.train_data.tensors)
    data = Subset(whole, range(100)) if part else whole
    return given.replace(train_data=None, train_loader=DataLoader(data, 50))


REAL = ("airplane", "car", "bird", "cat", "deer")
CASES: dict[str, tuple[Verdict, Callable[[], Bench]]] = {
    "a named class": (Verdict.BAD, lambda: named(*REAL)),
    "a named class of a part": (Verdict.BAD, lambda: named(*REAL, part=True)),
    "one of two": (Verdict.BAD, lambda: toys.classify(classes=2, loss_fn=nn.CrossEntropyLoss(ignore_index=1))),
    "one of two in a function": (
        Verdict.BAD, lambda: toys.classify(classes=2, loss_fn=lambda o, y: F.cross_entropy(o, y, ignore_index=0)),
    ),
    "a class in the middle, held out": (Verdict.HINT, lambda: named(*REAL, index=3)),
    "unlabelled by name": (Verdict.OK, lambda: named("Unlabeled", *REAL[1:])),
    "no name": (Verdict.HINT, lambda: toys.classify(loss_fn=nn.CrossEntropyLoss(ignore_index=0))),
    "background": (Verdict.HINT, lambda: maps(0)),
    "255": (Verdict.OK, lambda: maps(255)),
    "padding": (Verdict.OK, padded),
    "padding on the left": (Verdict.OK, lambda: padded(left=True)),
    "padding, time first": (Verdict.OK, lambda: padded(first=True)),
    "padding in a model with a loss": (Verdict.OK, own),
    "masked words": (Verdict.OK, masked),
    "tags outside": (Verdict.HINT, outside_tags),
    "a word of the text": (Verdict.HINT, lambda: tagged(F.pad(words(0)[:, 1:], (0, 1)), WORDS, words(0))),
    "no padding at all": (Verdict.OK, lambda: tagged(words(), WORDS)),
    "soft labels": (
        Verdict.SKIPPED,
        lambda: toys.classify(loss_fn=lambda o, y: F.cross_entropy(o, F.one_hot(y, 5).float())),
    ),
    "numbers": (Verdict.SKIPPED, toys.regress),
}  # fmt: skip


@pytest.mark.parametrize(("expected", "make"), CASES.values(), ids=CASES)
def test_an_index_that_is_left_out(expected, make):
    found = run(all_checks()["ignored-class"], make()).finding
    assert found.verdict is expected, found.message


@pytest.mark.parametrize("name", ["background", "Void", "no finding", "N/A", "bg", "__ignore__", "", "PAD", "unknown"])
def test_names_of_nothing(name):
    assert VOID.search(name)


@pytest.mark.parametrize("name", ["airplane", "nose", "0 - zero", "knot", "T-shirt/top", "normal"])
def test_names_of_something(name):
    assert not VOID.search(name)
