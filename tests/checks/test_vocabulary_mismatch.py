"""Ids, rows of embeddings and sizes of tokenizers, in faults and in what looks like them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.finding import Finding, Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

CHECK = all_checks()["vocabulary-mismatch"]


def found(bench: Bench) -> Finding:
    return run(CHECK, bench).finding


def tokenizer(words: int = 24, added: tuple[str, ...] = (), special: bool = True) -> Tokenizer:
    made = Tokenizer(models.WordLevel({f"w{i}": i for i in range(words)}, unk_token="w0"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    (made.add_special_tokens if special else made.add_tokens)(list(added))
    return made


class Pair(nn.Module):
    """Two languages, each with a table of its own."""

    def __init__(self, source: int = 24, target: int = 12) -> None:
        super().__init__()
        self.source, self.target = nn.Embedding(source, 8), nn.Embedding(target, 8)
        self.head = nn.Linear(8, target)

    def forward(self, src: Tensor, tgt: Tensor) -> Tensor:
        return self.head(self.source(src).mean(1, keepdim=True) + self.target(tgt))


class Hashed(nn.Module):
    """Any id, by its remainder."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(11, 8), nn.Linear(8, 3)

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.table(ids % 11).mean(1))


class Typed(nn.Module):
    """Words, places and segments; the table of segments has two rows."""

    def __init__(self) -> None:
        super().__init__()
        self.segments, self.places, self.words = nn.Embedding(2, 8), nn.Embedding(16, 8), nn.Embedding(24, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, input_ids: Tensor, token_type_ids: Tensor) -> Tensor:
        places = self.places(torch.arange(input_ids.shape[1]))
        return self.head((self.segments(token_type_ids) + places + self.words(input_ids)).mean(1))


class Functional(nn.Module):
    """A table of its own, without a layer."""

    def __init__(self, rows: int = 24) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(rows, 8))
        self.head = nn.Linear(8, 3)

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(F.embedding(ids, self.weight).mean(1))


def ids(high: int = 24, rows: int = 32) -> Tensor:
    made = torch.randint(high, (rows, 9), generator=toys.seeded())
    made[0, 0] = high - 1
    return made


def classes(rows: int = 32) -> Tensor:
    return torch.randint(3, (rows,), generator=toys.seeded())


def given(model: nn.Module, *columns: Tensor, loss: Any = None, **more: Any) -> Bench:
    loss = loss or nn.CrossEntropyLoss()
    return Bench(model=model, batch=columns, loss_fn=loss, names={"model": "net", "tokenizer": "tok"}, **more)


def words(model: nn.Module, **more: Any) -> Bench:
    return given(model, ids(), classes(), **more)


def bag(rows: int = 24) -> nn.Module:
    return nn.Sequential(nn.Embedding(rows, 8), nn.Flatten(), nn.Linear(72, 3))


RIGHT = {
    "as many": lambda: words(bag(), tokenizer=tokenizer()),
    "padded to 64": lambda: words(bag(64), tokenizer=tokenizer()),
    "padded to a multiple of 8": lambda: words(bag(32), tokenizer=tokenizer()),
    "resized for what was added": lambda: words(bag(26), tokenizer=tokenizer(added=("[PAD]", "[MASK]"))),
    "added and not named": lambda: words(bag(24), tokenizer=tokenizer(added=("<|reserved_1|>",))),
    "two languages": lambda: given(Pair(), ids(), ids(12), ids(12), loss=lambda o, y: F.cross_entropy(o.mT, y)),
    "hashed": lambda: words(Hashed(), tokenizer=tokenizer()),
    "segments and places": lambda: Bench(
        model=Typed(),
        batch={"input_ids": ids(), "token_type_ids": (ids() > 12).long(), "labels": classes()},
        loss_fn=nn.CrossEntropyLoss(),
        tokenizer=tokenizer(),
    ),
    "without a layer": lambda: words(Functional(), tokenizer=tokenizer()),
    "labels of -100": lambda: given(toys.lm(24), ids(), ids().masked_fill(ids() < 8, -100), loss=toys.token_loss),
    "no ids": lambda: toys.images(),
    "a list of words": lambda: words(bag(), tokenizer=[f"w{i}" for i in range(24)]),
    "a function": lambda: words(bag(), tokenizer=lambda text: [ord(c) % 24 for c in text]),
    "ids mapped to fewer": lambda: words(bag(), tokenizer=tokenizer(words=500)),
}


@pytest.mark.parametrize("program", RIGHT)
def test_right_programs_are_not_accused(program):
    seen = found(RIGHT[program]())
    wanted = (Verdict.HINT,) if program in ("ids mapped to fewer", "added and not named") else ()
    assert seen.verdict in (Verdict.OK, Verdict.SKIPPED, *wanted), f"{seen.verdict}: {seen.message}"


WRONG = {
    "a padding token without a row": (
        lambda: words(bag(), tokenizer=tokenizer(added=("[PAD]",))),
        "`tok` gives ids up to **24**, and `net[0]` has **24** rows",
    ),
    "words without a row": (lambda: words(bag(), tokenizer=tokenizer(added=("new",), special=False)), "**24** rows"),
    "no row": (lambda: words(bag(20)), "holds the id **23**, and `net[0]` has the rows 0 to 19"),
    "no row, without a layer": (lambda: words(Functional(20)), "`net` has the rows 0 to 19"),
    "-100 goes in": (
        lambda: given(bag(), ids().masked_fill(ids() < 3, -100), classes()),
        "holds the id **-100**, and `net[0]` has the rows 0 to 23",
    ),
    "too long for the places": (
        lambda: given(toys.lm(24, length=6), ids(), ids(), loss=toys.token_loss),
        "it is asked for **8**, and `net.places` has the rows 0 to 5",
    ),
    "the second language": (
        lambda: given(Pair(24, 10), ids(), ids(12), ids(10), loss=lambda o, y: F.cross_entropy(o.mT, y)),
        "`tgt` holds the id **11**, and `net.target` has the rows 0 to 9",
    ),
    "a target without an output": (
        lambda: toys.bench(
            toys.lm(24),
            ids(24, 80),
            torch.cat([ids(24, 79), torch.full((1, 9), 24)]),
            toys.token_loss,
            size=64,
        ),
        "row **79** of `train_dl` has the target **24**, and the model has 24 outputs (0 to 23)",
    ),
}


@pytest.mark.parametrize("program", WRONG)
def test_faults_are_named_with_their_numbers(program):
    made, told = WRONG[program]
    seen = found(made())
    assert seen.verdict is Verdict.BAD, f"{seen.verdict}: {seen.message}"
    assert told in seen.message


def test_a_table_for_another_tokenizer_is_a_hint():
    seen = found(words(bag(30522), tokenizer=tokenizer()))
    assert seen.verdict is Verdict.HINT
    assert "**30522** rows" in seen.message


def test_validation_data_of_another_program_are_left_alone():
    """Two programs in one notebook: the loader named `val_loader` belongs to the other one."""
    g = torch.Generator().manual_seed(0)
    ids = torch.randint(1, 20, (40, 12), generator=g)
    train = [{"input_ids": row, "labels": row} for row in ids]
    other = [(torch.randint(1, 90, (9,), generator=g), i % 2) for i in range(40)]

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.head = nn.Embedding(20, 4), nn.Linear(4, 20)

        def forward(self, input_ids):
            return self.head(self.table(input_ids))

    def loss(logits, labels):
        return nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())

    given = Bench(
        model=Net(),
        loss_fn=loss,
        train_loader=DataLoader(train, batch_size=8),
        val_loader=DataLoader(other, batch_size=8),
    )
    assert found(given).verdict is Verdict.OK
