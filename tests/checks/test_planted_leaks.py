"""Leaks between rows and from later positions, planted at random in random nets: each is found, and its place named."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.checks.model import batch_leak
from nbrecipe.checks.text import future_leak

WIDTH, VOCABULARY = 8, 24


class Residual(nn.Module):
    """What comes in, and what a part makes of it."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part

    def forward(self, x: Tensor) -> Tensor:
        return x + self.part(x)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.GRU(WIDTH, WIDTH, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.rnn(x)[0]
        return made


class Attention(nn.Module):
    """Attention over positions, of which each sees those before it."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.MultiheadAttention(WIDTH, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        made: Tensor = self.mix(x, x, x, attn_mask=mask, need_weights=False)[0]
        return made


class Convolution(nn.Module):
    """A convolution over positions, padded on the left."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(WIDTH, WIDTH, 3)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.conv(nn.functional.pad(x.mT, (2, 0))).mT
        return made


SOUND: list[Callable[[], nn.Module]] = [
    lambda: nn.Linear(WIDTH, WIDTH),
    lambda: nn.LayerNorm(WIDTH),
    nn.GELU,
    nn.Tanh,
    lambda: nn.Dropout(0.1),
    Recurrent,
    Attention,
    Convolution,
    lambda: Residual(Attention()),
    lambda: Residual(nn.Sequential(nn.Linear(WIDTH, 2 * WIDTH), nn.ReLU(), nn.Linear(2 * WIDTH, WIDTH))),
]


class Leak(nn.Module):
    """A share of what a function makes of all rows, or of all positions, added to what comes in."""

    def __init__(self, function: Callable[[Tensor], Tensor], strength: float) -> None:
        super().__init__()
        self.function, self.strength = function, strength

    def forward(self, x: Tensor) -> Tensor:
        return x + self.strength * self.function(x)


def standardised(x: Tensor, axis: int) -> Tensor:
    return (x - x.mean(axis, keepdim=True)) / x.std(axis, keepdim=True)


def attended(x: Tensor) -> Tensor:
    return (x @ x.mT).softmax(-1) @ x


#: what makes rows (N, T, D) depend on one another
ACROSS: dict[str, Callable[[Tensor], Tensor]] = {
    "roll": lambda x: x.roll(3, 0),
    "gather": lambda x: x[torch.arange(len(x)).flip(0)],
    "pooling": lambda x: x.mean(0, keepdim=True).expand_as(x),
    "a norm over the wrong axis": lambda x: standardised(x, 0),
    "attention": lambda x: attended(x.transpose(0, 1)).transpose(0, 1),
    "a convolution": lambda x: nn.functional.avg_pool1d(x.movedim(0, 2), 3, 1, 1).movedim(2, 0),
    "a softmax": lambda x: x.softmax(0),
    "a sum": lambda x: x.cumsum(0),
    "a view": lambda x: x.reshape(x.shape[1], x.shape[0], -1).transpose(0, 1),
    "the largest": lambda x: x.amax(0, keepdim=True).expand_as(x),
}
#: what makes a position depend on later ones
LATER: dict[str, Callable[[Tensor], Tensor]] = {
    "roll": lambda x: x.roll(-2, 1),
    "gather": lambda x: x.flip(1),
    "pooling": lambda x: x.mean(1, keepdim=True).expand_as(x),
    "a norm over the wrong axis": lambda x: standardised(x, 1),
    "attention": attended,
    "a convolution": lambda x: nn.functional.avg_pool1d(x.mT, 3, 1, 1).mT,
    "a softmax": lambda x: x.softmax(1),
}


def drawn(chance: random.Random, leak: nn.Module | None) -> tuple[nn.Sequential, str]:
    """A stack of two to six sound parts, with a leak somewhere between them; and the leak's path."""
    parts = [chance.choice(SOUND)() for _ in range(chance.randint(2, 6))]
    at = chance.randint(0, len(parts))
    return nn.Sequential(*parts[:at], *([leak] if leak is not None else []), *parts[at:]), f"body.{at}"


class Rows(nn.Module):
    """(N, T, D) in classes."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body, self.head = body, nn.Linear(WIDTH, 5)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.head(self.body(x).mean(1))
        return made


class Words(nn.Module):
    """Token ids, and logits for the next one."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.table, self.body, self.head = nn.Embedding(VOCABULARY, WIDTH), body, nn.Linear(WIDTH, VOCABULARY)

    def forward(self, ids: Tensor) -> Tensor:
        made: Tensor = self.head(self.body(self.table(ids)))
        return made


def bench(chance: random.Random, leak: nn.Module | None, words: bool) -> tuple[Bench, str]:
    torch.manual_seed(chance.randrange(10**6))
    body, path = drawn(chance, leak)
    if words:
        return toys.next_token(Words(body), vocabulary=VOCABULARY, length=chance.choice([7, 12, 19])), path
    given = toys.sequences(
        Rows(body), length=chance.choice([5, 7, 11]), features=WIDTH, size=chance.choice([12, 20, 33])
    )
    return given, path


def judged(given: Bench, check: object) -> object:
    return check.run(model=given.get("model"), batch=given.get("batch"), bench=given)  # type: ignore[attr-defined]


FEW, MANY = range(2), range(2, 60)
SEEDS = [*FEW, *(pytest.param(seed, marks=pytest.mark.slow) for seed in MANY)]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("what", ACROSS)
def test_a_leak_between_rows_is_found_and_its_place_named(what, seed):
    chance = random.Random(f"{what} {seed}")
    given, path = bench(chance, Leak(ACROSS[what], 10 ** -chance.uniform(0, 6)), words=False)
    found = judged(given, batch_leak)
    assert found.verdict == "bad", found
    assert found.seen["module"] == path


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("what", LATER)
def test_a_leak_from_later_positions_is_found_and_its_place_named(what, seed):
    chance = random.Random(f"{what} {seed}")
    given, path = bench(chance, Leak(LATER[what], 10 ** -chance.uniform(0, 6)), words=True)
    found = judged(given, future_leak)
    assert found.verdict == "bad", found
    block = path.replace("body.", "body[") + "]"
    assert found.where.startswith(f"`net.{block}` · ")


@pytest.mark.parametrize("seed", [*range(10), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(10, 300))])
@pytest.mark.parametrize(("check", "words"), [(batch_leak, False), (batch_leak, True), (future_leak, True)])
def test_nets_without_a_leak_raise_nothing(check, words, seed):
    given, _ = bench(random.Random(seed), None, words)
    assert judged(given, check).verdict == "ok"
