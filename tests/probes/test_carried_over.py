"""What a classifier knows of rows that it was not shown: nothing, much, other names, other scales."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe.bench import Bench
from nbrecipe.probes.passes.carried_over import carried_over

ROWS, CLASSES = 400, 5
G = torch.Generator().manual_seed(0)
#: the first number of a row says how it is answered
LABELS = torch.randint(CLASSES, (2 * ROWS,), generator=G)
GUESSES = torch.randint(CLASSES, (2 * ROWS,), generator=G)


class Told(nn.Module):
    """Answers what the first column says, and drops out on the way."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.noise = nn.Dropout(0.9)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.noise(nn.functional.one_hot(x[:, 0].long() % CLASSES, CLASSES) * self.scale)
        return out


def rows(answers: Tensor, labels: Tensor, scale: float = 1.0) -> Any:
    x = torch.stack([answers.float(), 10 * torch.randn(len(answers), generator=G)], 1) * scale
    return DataLoader(TensorDataset(x, labels), 50)


def share(right: float, labels: Tensor, guesses: Tensor) -> Tensor:
    return torch.where(torch.rand(len(labels), generator=G) < right, labels, guesses)


def compared(right: float, **more: Any) -> Any:
    train = rows(LABELS[:ROWS], LABELS[:ROWS])
    answers = share(right, LABELS[ROWS:], GUESSES[ROWS:])
    val = rows(answers, more.pop("labels", LABELS[ROWS:]), **more)
    return carried_over(Bench(model=Told(), train_loader=train, val_loader=val, loss_fn=nn.CrossEntropyLoss()))


@pytest.mark.parametrize(("right", "by_heart"), [(0.0, True), (0.2, False), (0.5, False), (1.0, False)])
def test_only_what_guesses_on_other_rows_has_learned_by_heart(right, by_heart):
    found = compared(right)
    assert found.by_heart is by_heart
    assert found.train.accuracy == 1
    assert found.val.accuracy == pytest.approx(right + (1 - right) / CLASSES, abs=0.07)


def test_other_names_for_the_classes_are_no_guesses():
    found = compared(1.0, labels=(LABELS[ROWS:] + 2) % CLASSES)
    assert not found.by_heart
    assert found.val.accuracy > 0.95


def test_rows_of_another_scale_and_of_one_class_say_nothing():
    assert compared(0.0, scale=100.0) is None
    assert compared(0.0, labels=torch.zeros(ROWS).long()) is None


def test_few_rows_are_no_evidence():
    few = rows(GUESSES[:15], LABELS[:15])
    train = rows(LABELS, LABELS)
    found = carried_over(Bench(model=Told(), train_loader=train, val_loader=few))
    assert found is None or not found.by_heart


def test_other_tasks_are_left_alone():
    x = torch.randn(64, 3)
    loader, other = (DataLoader(TensorDataset(x, x[:, :1]), 16) for _ in range(2))
    assert carried_over(Bench(model=nn.Linear(3, 1), train_loader=loader, val_loader=other)) is None
    assert carried_over(Bench(model=nn.Linear(3, 1), train_loader=loader)) is None


def test_the_model_is_evaluated_and_left_in_its_mode():
    train = rows(LABELS[:ROWS], LABELS[:ROWS])
    model = Told().train()
    found = carried_over(Bench(model=model, train_loader=train, val_loader=rows(LABELS[:ROWS], LABELS[:ROWS])))
    assert found.train.accuracy == 1  # no dropout
    assert model.training
    assert model.noise.training
