"""Common faults of a training program, each with a twin that is right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

ROWS, WIDTH, CLASSES, STEPS = 64, 20, 4, 12


@dataclass
class Case:
    """A model, a batch, a loss, an optimizer, and how the loop goes."""

    model: nn.Module
    x: Tensor
    y: Tensor
    loss: Callable[[Tensor, Tensor], Tensor]
    optimizer: Any
    clears: bool = True
    sign: int = 1
    evaluates: bool = True


@dataclass(frozen=True)
class Fault:
    """A fault, the words one of which tells its cause, and how a case with it, or its twin without, is made."""

    name: str
    words: str
    make: Callable[[bool], Case]


def train(case: Case) -> None:
    """A few steps, and an evaluation."""
    for _ in range(STEPS):
        loss = case.sign * case.loss(case.model(case.x), case.y)
        if case.clears:
            case.optimizer.zero_grad()
        loss.backward()
        case.optimizer.step()
    if case.evaluates:
        case.model.eval()
    with torch.no_grad():
        case.loss(case.model(case.x), case.y)
    case.model.train()


class Net(nn.Module):
    """A perceptron in which one thing may be wrong."""

    def __init__(self, wrong: str = "", outputs: int = CLASSES) -> None:
        super().__init__()
        self.wrong = wrong
        self.first, self.second, self.head = nn.Linear(WIDTH, 32), nn.Linear(32, 32), nn.Linear(32, outputs)
        self.drop = nn.Dropout(0.1)
        if wrong == "hidden":
            hidden = nn.Linear(32, 32)
            del self.second
            self.layers = [hidden]
        if wrong == "hot":
            nn.init.normal_(self.head.weight, std=3.0)

    def forward(self, x: Tensor) -> Tensor:
        if self.wrong == "half":
            x = torch.cat([x[:, : WIDTH // 2], torch.zeros_like(x[:, WIDTH // 2 :])], 1)
        hidden = torch.relu(self.first(x))
        if self.wrong == "mixed":
            hidden = hidden - hidden.mean(0)
        if self.wrong == "cut":
            hidden = hidden.detach()
        second = self.layers[0] if self.wrong == "hidden" else self.second
        out: Tensor = self.head(self.drop(torch.relu(second(hidden))))
        return out.softmax(-1) if self.wrong == "softmax" else out


def case(wrong: str = "", **options: Any) -> Case:
    """Four classes that the inputs tell."""
    torch.manual_seed(0)
    x = torch.randn(ROWS, WIDTH)
    y = (x[:, :2] > 0).long() @ torch.tensor([2, 1])
    model = Net(wrong)
    return Case(model, x, y, nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), 1e-3), **options)


def _in(wrong: str) -> Callable[[bool], Case]:
    return lambda broken: case(wrong if broken else "")


def _left_out(broken: bool) -> Case:
    made = case()
    made.optimizer = torch.optim.Adam(made.model.head.parameters() if broken else made.model.parameters(), 1e-3)
    return made


def _broadcast(broken: bool) -> Case:
    torch.manual_seed(0)
    x, model = torch.randn(ROWS, WIDTH), Net(outputs=1)
    y = x[:, :1] - x[:, 1:2]
    made = Case(model, x, y.squeeze(1) if broken else y, nn.MSELoss(), torch.optim.Adam(model.parameters(), 1e-3))
    return made


def _bytes(broken: bool) -> Case:
    made = case()
    made.x = made.x.sub(made.x.min()).div(made.x.max() - made.x.min())
    made.x = made.x.mul(255).round() if broken else made.x.sub(0.5).mul(4)
    return made


FAULTS = (
    Fault("softmax before cross-entropy", r"logit|probabilit|softmax", _in("softmax")),
    Fault("the last layer starts too large", r"at init|initial", _in("hot")),
    Fault("inputs from 0 to 255", r"255|range|normali[sz]e (what|the input)|as bytes", _bytes),
    Fault("rows of a batch mixed by a mean", r"batch.(independ|leak|invarian)|row \d+|sample", _in("mixed")),
    Fault("half of the inputs without influence", r"input", _in("half")),
    Fault("a layer cut off by detach()", r"grad|detach", _in("cut")),
    Fault("a layer in a plain list", r"regist|parameters\(\)", _in("hidden")),
    Fault("layers that no optimizer steps", r"optimi[sz]er", _left_out),
    Fault("outputs (N, 1) against targets (N,)", r"broadcast|shape|all pairs", _broadcast),
    Fault("zero_grad forgotten", r"zero_grad|accumul|step before", lambda broken: case(clears=not broken)),
    Fault("the loss with its sign flipped", r"sign|larger|minimi|ascen", lambda broken: case(sign=-1 if broken else 1)),
    Fault("evaluated in train mode", r"eval", lambda broken: case(evaluates=not broken)),
)
