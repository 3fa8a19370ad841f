"""Right programs of many kinds, judged before any loop: none of the checks that can do so raises an alarm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import healthy
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run_each

CHECKS = [
    "nonfinite-forward", "stale-optimizer", "untrained-parameters", "zero-learning-rate", "excessive-weight-decay",
    "double-stepped-parameters", "clipped-loss", "summed-loss", "tiny-batch-norm", "broadcast-loss", "adam-epsilon",
    "dominant-penalty",
]  # fmt: skip


def with_sgd(given: Bench, rate: float = 0.05) -> Bench:
    parameters = [p for p in given.get("model").parameters() if p.requires_grad]
    return given.replace(optimizer=torch.optim.SGD(parameters, rate, momentum=0.9, weight_decay=1e-4))


class Variational(nn.Module):
    """Returns its own loss: reconstruction and divergence."""

    def __init__(self) -> None:
        super().__init__()
        self.encode, self.decode = nn.Linear(20, 8), nn.Linear(4, 20)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        mean, log = self.encode(x).chunk(2, -1)
        out = self.decode(mean + torch.randn_like(mean) * (log / 2).exp())
        divergence = -0.5 * (1 + log - mean.square() - log.exp()).sum(1).mean()
        return {"loss": F.mse_loss(out, x) + 0.1 * divergence, "reconstruction": out}


def variational() -> Bench:
    given = toys.classify(Variational())
    return given.replace(loss_fn=None, batch={"x": given.batch[0]}, train_loader=None)


class Named(nn.Module):
    """Answers in a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.body = toys.mlp()

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        out = self.body(x)
        return {"logits": out, "probabilities": out.softmax(1)}


class Saving(nn.Module):
    """Computes its middle a second time instead of keeping it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.middle, self.head = nn.Linear(20, 32), toys.mlp((32, 32, 32)), nn.Linear(32, 5)

    def forward(self, x: Tensor) -> Tensor:
        kept: Any = checkpoint(self.middle, self.stem(x).relu(), use_reentrant=False)
        out: Tensor = self.head(kept)
        return out


class Twins(nn.Module):
    """One net for both rows of a pair."""

    def __init__(self) -> None:
        super().__init__()
        self.body = toys.mlp((10, 16, 8))

    def forward(self, x: Tensor) -> Tensor:
        one, two = self.body(x).chunk(2)
        return torch.stack([one, two], 1)


def triplets(out: Tensor, y: Tensor) -> Tensor:
    return F.triplet_margin_loss(out[:, 0], out[:, 1], out[:, 0].roll(1, 0))


def gaussian(out: Tensor, y: Tensor) -> Tensor:
    return F.gaussian_nll_loss(out[:, :1], y, F.softplus(out[:, 1:]) + 1e-3)


def counts() -> Bench:
    given = toys.regress(loss_fn=nn.PoissonNLLLoss())
    return given.replace(batch=(given.batch[0], given.batch[1].abs().round()), train_loader=None)


def speech() -> Bench:
    """Connectionist temporal classification over ten steps."""
    lengths = torch.full((64,), 10), torch.full((64,), 2)

    def loss_fn(out: Tensor, y: Tensor) -> Tensor:
        steps = out.view(len(out), 10, 4).log_softmax(-1).transpose(0, 1)
        return F.ctc_loss(steps, y, *lengths)

    x, y = torch.randn(64, 20, generator=toys.seeded()), torch.randint(1, 4, (64, 2), generator=toys.seeded())
    return toys.bench(toys.mlp((20, 32, 40)), x, y, loss_fn)


def weight_normed() -> Bench:
    net = toys.mlp()
    nn.utils.parametrizations.weight_norm(net[0])
    return with_sgd(toys.classify(net))


def on_a_frozen_body() -> Bench:
    net = toys.convnet()
    net[:8].requires_grad_(False).eval()
    return toys.images(net).replace(optimizer=torch.optim.Adam(net[10].parameters(), 1e-3))


def tokens_with_padding() -> Bench:
    def loss_fn(out: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(out.flatten(0, 1), y.masked_fill(y < 4, -100).flatten())

    return toys.next_token(loss_fn=loss_fn)


def without_decay_on_biases() -> Bench:
    net = toys.mlp()
    groups = [
        {"params": [p for p in net.parameters() if p.ndim > 1], "weight_decay": 0.1},
        {"params": [p for p in net.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    return toys.classify(net).replace(optimizer=torch.optim.AdamW(groups, 3e-4))


def warming_up() -> Bench:
    given = with_sgd(toys.classify())
    return given.replace(scheduler=torch.optim.lr_scheduler.LinearLR(given.optimizer, 0.01, total_iters=10))


MORE: dict[str, Callable[[], Bench]] = {
    "variational": variational,
    "a dict of outputs": lambda: toys.classify(Named()),
    "checkpointing": lambda: with_sgd(toys.classify(Saving())),
    "weight norm": weight_normed,
    "a frozen body": on_a_frozen_body,
    "padding ignored": tokens_with_padding,
    "two groups": without_decay_on_biases,
    "a warm-up": warming_up,
    "in parallel": lambda: with_sgd(toys.classify(nn.DataParallel(toys.mlp()))),
    "scripted": lambda: toys.classify(torch.jit.script(toys.mlp())),
    "bfloat16": lambda: (lambda b: b.replace(batch=(b.batch[0].bfloat16(), b.batch[1]), train_loader=None))(
        toys.classify(toys.mlp().bfloat16())
    ),
    "weights of labels": lambda: toys.binary(rate=0.1, loss_fn=nn.BCEWithLogitsLoss(pos_weight=torch.tensor(9.0))),
    "smoothed labels": lambda: with_sgd(toys.classify(loss_fn=nn.CrossEntropyLoss(label_smoothing=0.1))),
    "triplets": lambda: toys.regress(Twins(), triplets),
    "a mean and a variance": lambda: toys.regress(toys.mlp((10, 16, 2)), gaussian),
    "counts": counts,
    "speech": speech,
    "loss of the model": lambda: toys.classify(loss_fn=lambda model, batch: F.cross_entropy(model(batch[0]), batch[1])),
    "a recurrent net": lambda: with_sgd(toys.sequences(recurrent())),
    "a sum at its rate": lambda: with_sgd(toys.regress(loss_fn=nn.MSELoss(reduction="sum")), 1e-4),
}


def recurrent() -> nn.Module:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.head = nn.GRU(6, 16, batch_first=True), nn.Linear(16, 5)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.head(self.rnn(x)[0][:, -1])
            return out

    return Last()


def alarms(given: Bench) -> list[str]:
    known = all_checks()
    results = run_each([known[name] for name in CHECKS], given)
    return [
        f"{r.id}: {r.verdict}: {r.finding.message}" for r in results if r.verdict not in (Verdict.OK, Verdict.SKIPPED)
    ]


@pytest.mark.parametrize("kind", healthy.KINDS, ids=lambda kind: kind.__name__)
def test_a_fresh_net_raises_no_alarm(kind):
    assert alarms(kind(0)) == []


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.parametrize("make", MORE.values(), ids=MORE)
def test_a_right_program_raises_no_alarm(make):
    assert alarms(make()) == []


def test_there_are_forty_kinds():
    assert len(healthy.KINDS) + len(MORE) >= 40
