"""Overfitting one batch, with frames told as to a live panel, against the same steps in a bare loop."""

from __future__ import annotations

import torch
from torch import nn

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.experiments.overfit import Frame, overfit

from .paired import keep_freed_memory, ratio

ROUNDS = 15


def rows() -> list[tuple[str, str, str]]:
    torch.set_num_threads(1)
    keep_freed_memory()
    return [
        _row("%%overfit_batch, an MLP", mlp(), steps=1500, limit=1.15),
        _row("%%overfit_batch, a convnet", convnet(), steps=300, limit=1.05),
        _row("%%overfit_batch, a small transformer", transformer(), steps=300, limit=1.05),
    ]


def mlp() -> Bench:
    """About 0.3 ms a step."""
    bench = toys.classify(toys.mlp((64, 192, 64, 10)), features=64, classes=10)
    return bench.replace(optimizer=torch.optim.SGD(bench.get("model").parameters(), 1e-3, momentum=0.5))


def convnet() -> Bench:
    """More than 5 ms a step."""
    g = toys.seeded()
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(512, 10),
    )  # fmt: skip
    x, y = torch.randn(64, 3, 32, 32, generator=g), torch.randint(10, (64,), generator=g)
    bench = toys.bench(model, x, y, nn.CrossEntropyLoss())
    return bench.replace(optimizer=torch.optim.SGD(model.parameters(), 1e-3))


def transformer() -> Bench:
    bench = toys.next_token(toys.lm(64, width=64, layers=3, length=32), vocabulary=64, length=32)
    return bench.replace(optimizer=torch.optim.SGD(bench.get("model").parameters(), 1e-3))


def _row(what: str, bench: Bench, *, steps: int, limit: float) -> tuple[str, str, str]:
    told: list[int] = []

    def watched() -> None:
        left = iter(range(steps))
        outcome = overfit(
            bench, on_frame=lambda frame: listen(frame, told), should_stop=lambda: next(left, None) is None
        )
        assert outcome.steps == steps, f"{outcome.steps} steps, {outcome.stopped}"

    size = min(16, len(bench.batch[0]))
    x, y = (part[:size] for part in bench.batch)
    start = {key: value.clone() for key, value in bench.get("model").state_dict().items()}

    def bare() -> None:
        model, loss_fn = bench.get("model"), bench.loss_fn
        model.load_state_dict(start)
        group = bench.optimizer.param_groups[0]
        optimizer = torch.optim.SGD(model.parameters(), group["lr"], momentum=group["momentum"])
        for _ in range(steps):
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()

    value, ours, theirs = ratio(watched, bare, ROUNDS)
    each = f"{1e3 * theirs / steps:.2f} ms a step bare, {1e3 * ours / steps:.2f} watched; {steps} steps"
    return what, f"{value:.3f} x bare ({each})", f"{limit:g}"


def listen(frame: Frame, told: list[int]) -> None:
    """As much as a panel does: bytes of the frame."""
    told.append(len(frame.values.tobytes()) if frame.values is not None else 0)
