"""Targets of text judged on one batch, where no loop was watched: models and losses as people write them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nbrecipe import toys
from nbrecipe.bench import Bench, Cell
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

CHECKS = all_checks()
CALLED = (Cell(1, "loss = criterion(net(x), y)"),)
NAMES = ("target-not-shifted", "target-shifted-twice", "padding-in-loss")


def rows(length: int = 16, count: int = 32) -> Tensor:
    return torch.randint(1, 24, (count, length), generator=toys.seeded(1))


def ragged(length: int = 16) -> Tensor:
    ids = rows(length)
    ends = torch.randint(6, length + 1, (len(ids), 1), generator=toys.seeded(2))
    return ids.masked_fill(torch.arange(length) >= ends, 0)


class LM(nn.Module):
    """A recurrent net over words, which may read both ways, or take its own labels as libraries do."""

    def __init__(self, both: bool = False, ahead: int = 1, lead: bool = False) -> None:
        super().__init__()
        self.table, self.ahead, self.lead = nn.Embedding(24, 16), ahead, lead
        self.cells = nn.GRU(16, 16, batch_first=True, bidirectional=both)
        self.head = nn.Linear(32 if both else 16, 24)

    def forward(
        self, input_ids: Tensor, labels: Tensor | None = None, attention_mask: Tensor | None = None
    ) -> dict[str, Any]:
        x = self.table(F.pad(input_ids, (1, 0))[:, :-1] if self.lead else input_ids)
        logits = self.head(self.cells(x)[0])
        if labels is None:
            return {"logits": logits}
        cut = logits[:, : logits.shape[1] - self.ahead]
        loss = F.cross_entropy(cut.reshape(-1, 24), labels[:, self.ahead :].reshape(-1))
        return {"loss": loss, "logits": logits}


class Plain(LM):
    """The same, with scores for an answer."""

    def forward(self, input_ids: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(input_ids)["logits"]


def given(model: nn.Module, batch: Any, loss: Any = None, cells: tuple[Cell, ...] = CALLED) -> Bench:
    torch.manual_seed(0)
    return Bench(model=model, batch=batch, loss_fn=loss, cells=cells, names={"model": "net", "loss_fn": "criterion"})


def own(ids: Tensor, labels: Tensor, **of: Any) -> Bench:
    return given(LM(**of), {"input_ids": ids, "labels": labels})


def hidden(ids: Tensor) -> tuple[Tensor, Tensor]:
    chosen = torch.rand(ids.shape, generator=toys.seeded(3)) < 0.2
    return ids.masked_fill(chosen, 23), ids.masked_fill(~chosen, -100)


def prompted(ids: Tensor) -> Tensor:
    return ids.masked_fill(torch.arange(ids.shape[1]) < 6, -100).masked_fill(ids == 0, -100)


def shifting(out: Tensor, ids: Tensor) -> Tensor:
    return F.cross_entropy(out[:, :-1].flatten(0, 1), ids[:, 1:].flatten())


RIGHT = {
    "next token": lambda: given(Plain(), (rows()[:, :-1], rows()[:, 1:]), toys.token_loss),
    "the model shifts": lambda: own(rows(), rows()),
    "the loss shifts": lambda: given(Plain(), (rows(), rows()), shifting),
    "classes second": lambda: given(
        Plain(), (rows()[:, :-1], rows()[:, 1:]), lambda o, y: F.cross_entropy(o.transpose(1, 2), y)
    ),
    "prompts masked": lambda: own(rows(), prompted(rows())),
    "prompts and padding masked": lambda: own(ragged(), prompted(ragged())),
    "masked language model": lambda: given(Plain(both=True), hidden(rows()), toys.token_loss),
    "autoencoder": lambda: given(Plain(both=True), (rows(), rows()), toys.token_loss),
    "a lead token inside": lambda: given(Plain(lead=True), (rows(), rows()), toys.token_loss),
    "tagger": lambda: given(Plain(), (rows(), rows() % 7), toys.token_loss),
    "two head ahead of a shifted input": lambda: given(
        Plain(lead=True), (rows()[:, :-1], rows()[:, 1:]), toys.token_loss
    ),
    "padding ignored": lambda: given(Plain(), (ragged()[:, :-1], ragged()[:, 1:]), _ignoring),
    "one class each": lambda: given(
        nn.Sequential(nn.EmbeddingBag(24, 8), nn.Linear(8, 3)), (rows(), rows()[:, 0] % 3), nn.CrossEntropyLoss()
    ),
    "ids alone, shifted in the loop": lambda: given(Plain(), rows(), toys.token_loss),
    "no text": lambda: toys.classify(),
    "texts of one batch without padding": lambda: toys.next_token(),
}


def _ignoring(out: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(out.flatten(0, 1), y.flatten(), ignore_index=0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("program", RIGHT)
def test_right_programs_stay_quiet(name, program):
    found = run(CHECKS[name], RIGHT[program]()).finding
    assert found.verdict in (Verdict.OK, Verdict.SKIPPED), f"{found.verdict}: {found.message}"


WRONG = {
    "rows as they are": ("target-not-shifted", lambda: given(Plain(), (rows(), rows()), toys.token_loss)),
    "the model shifts by nothing": ("target-not-shifted", lambda: own(rows(), rows(), ahead=0)),
    "shifted before": ("target-shifted-twice", lambda: own(rows(17)[:, :-1], rows(17)[:, 1:])),
    "by hand and by the loss": (
        "target-shifted-twice",
        lambda: given(Plain(), (rows(17)[:, :-1], rows(17)[:, 1:]), shifting),
    ),
    "a mask says what is padding": (
        "padding-in-loss",
        lambda: given(LM(), {"input_ids": ragged(), "labels": ragged(), "attention_mask": (ragged() != 0).long()}),
    ),
}


@pytest.mark.parametrize("program", WRONG)
def test_faults_are_named(program):
    name, made = WRONG[program]
    found = run(CHECKS[name], made()).finding
    assert found.verdict is Verdict.BAD, f"{found.verdict}: {found.message}"


def test_without_a_cell_that_calls_the_loss_it_is_a_hint():
    bench = given(Plain(), (rows(), rows()), toys.token_loss, cells=())
    found = run(CHECKS["target-not-shifted"], bench).finding
    assert found.verdict is Verdict.HINT
    assert "unless your loop changes outputs or targets" in found.why


def test_words_one_by_one_are_a_hint():
    net = nn.Sequential(nn.Embedding(24, 8), nn.Linear(8, 24))
    found = run(CHECKS["target-not-shifted"], given(net, (rows(), rows()), toys.token_loss)).finding
    assert found.verdict is Verdict.HINT


def test_guessed_padding_is_a_hint():
    found = run(CHECKS["padding-in-loss"], given(Plain(), (ragged()[:, :-1], ragged()[:, 1:]), toys.token_loss)).finding
    assert found.verdict is Verdict.HINT
    assert "guessed" in found.why
