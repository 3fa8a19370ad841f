"""Tiny healthy benches, made in milliseconds from a seed; the examples of checks break one thing in one of them."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from .bench import Bench
from .trace import watch

Loss = Callable[..., Any]


def seeded(seed: int = 0) -> torch.Generator:
    """A generator of its own, so that making a toy moves nobody's random numbers."""
    return torch.Generator().manual_seed(seed)


def mlp(sizes: tuple[int, ...] = (20, 32, 32, 5), *, act: type[nn.Module] = nn.ReLU, seed: int = 0) -> nn.Sequential:
    """A perceptron as torch initialises it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers: list[nn.Module] = []
        for i, (before, after) in enumerate(itertools.pairwise(sizes)):
            layers += [nn.Linear(before, after)] + ([act()] if i < len(sizes) - 2 else [])
        return nn.Sequential(*layers)


def convnet(classes: int = 5, *, norm: bool = True, dropout: float = 0.0, seed: int = 0) -> nn.Sequential:
    """Two convolutions with batch norm, pooling and a head, for (N, 1, 8, 8) images."""

    def normed(channels: int) -> list[nn.Module]:
        return [nn.BatchNorm2d(channels)] if norm else []

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), *normed(8), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), *normed(16), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Dropout(dropout), nn.Linear(64, classes),
        )  # fmt: skip


class TinyLM(nn.Module):
    """A causal transformer of a few blocks over token ids: (N, T) in, logits (N, T, V) out."""

    def __init__(self, vocabulary: int = 24, width: int = 32, layers: int = 2, length: int = 16) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.places = nn.Embedding(length, width)
        block = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.0, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(block, layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary)
        for table in (self.tokens, self.places):
            nn.init.normal_(table.weight, std=0.1)

    def forward(self, ids: Tensor) -> Tensor:
        size = ids.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(size, device=ids.device)
        x = self.tokens(ids) + self.places(torch.arange(size, device=ids.device))
        out: Tensor = self.head(self.norm(self.blocks(x, mask=mask, is_causal=True)))
        return out


def lm(vocabulary: int = 24, *, seed: int = 0, **shape: int) -> TinyLM:
    """A fresh causal language model."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return TinyLM(vocabulary, **shape)


def token_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy at every position."""
    return nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


def bench(model: nn.Module, x: Tensor, y: Tensor, loss_fn: Loss | None, *, size: int = 64, **more: Any) -> Bench:
    """A bench over these rows: loader in order, first batch, Adam; names as a notebook would have them."""
    data = TensorDataset(x, y)
    loader = DataLoader(data, batch_size=size)
    names = {"model": "net", "loss_fn": "criterion", "train_loader": "train_dl", "optimizer": "opt"}
    given: dict[str, Any] = {
        "model": model, "loss_fn": loss_fn, "train_loader": loader, "batch": (x[:size], y[:size]), "train_data": data,
        "optimizer": torch.optim.Adam(model.parameters(), 1e-3) if any(True for _ in model.parameters()) else None,
        "names": names,
    }  # fmt: skip
    return Bench(**(given | more))


def classify(
    model: nn.Module | None = None, loss_fn: Loss | None = None, *,
    classes: int = 5, features: int = 20, rows: int = 256, weights: tuple[float, ...] = (), seed: int = 0, **more: Any,
) -> Bench:  # fmt: skip
    """Vectors in classes that can be told apart; `weights` are the class frequencies, equal without."""
    g = seeded(seed)
    odds = torch.tensor(weights or (1.0,) * classes)
    y = torch.multinomial(odds, rows, replacement=True, generator=g)
    centres = torch.randn(classes, features, generator=g) * 1.5
    x = centres[y] + torch.randn(rows, features, generator=g)
    x = (x - x.mean(0)) / x.std(0)
    net = mlp((features, 32, 32, classes), seed=seed) if model is None else model
    return bench(net, x, y, loss_fn or nn.CrossEntropyLoss(), **more)


def images(model: nn.Module | None = None, *, classes: int = 5, rows: int = 256, seed: int = 0, **more: Any) -> Bench:
    """Small (1, 8, 8) images of smooth blobs in classes."""
    g = seeded(seed)
    y = torch.randint(classes, (rows,), generator=g)
    blobs = nn.functional.avg_pool2d(torch.randn(classes, 1, 10, 10, generator=g), 3, stride=1) * 3
    x = blobs[y] + 0.5 * torch.randn(rows, 1, 8, 8, generator=g)
    net = convnet(classes, seed=seed) if model is None else model
    return bench(net, (x - x.mean()) / x.std(), y, nn.CrossEntropyLoss(), **more)


def regress(
    model: nn.Module | None = None, loss_fn: Loss | None = None, *,
    mean: float = 0.0, scale: float = 1.0, rows: int = 256, features: int = 10, seed: int = 0, **more: Any,
) -> Bench:  # fmt: skip
    """A smooth function of ten numbers with this mean and standard deviation; target (N, 1)."""
    g = seeded(seed)
    x = torch.randn(rows, features, generator=g)
    raw = x[:, :3].sum(1, keepdim=True) + x[:, 3:4] * x[:, 4:5] + 0.1 * torch.randn(rows, 1, generator=g)
    y = (raw - raw.mean()) / raw.std() * scale + mean
    net = mlp((features, 32, 16, 1), seed=seed) if model is None else model
    return bench(net, x, y, loss_fn or nn.MSELoss(), **more)


def binary(
    model: nn.Module | None = None,
    loss_fn: Loss | None = None,
    *,
    rate: float = 0.5,
    rows: int = 512,
    seed: int = 0,
    **more: Any,
) -> Bench:
    """Yes or no from ten numbers, with this share of yes; target (N, 1) of 0. and 1."""
    g = seeded(seed)
    y = (torch.rand(rows, 1, generator=g) < rate).float()
    x = torch.randn(rows, 10, generator=g) + 1.5 * (y - rate)
    net = mlp((10, 32, 16, 1), seed=seed) if model is None else model
    return bench(net, x, y, loss_fn or nn.BCEWithLogitsLoss(), **more)


def next_token(
    model: nn.Module | None = None,
    loss_fn: Loss | None = None,
    *,
    vocabulary: int = 24,
    rows: int = 128,
    length: int = 16,
    seed: int = 0,
    **more: Any,
) -> Bench:
    """Sequences in which most tokens follow from the one before; the target is the input one step ahead."""
    g = seeded(seed)
    follow = torch.randperm(vocabulary, generator=g)
    ids = torch.randint(vocabulary, (rows, length + 1), generator=g)
    for t in range(1, length + 1):
        keep = torch.rand(rows, generator=g) < 0.8
        ids[:, t] = torch.where(keep, follow[ids[:, t - 1]], ids[:, t])
    net = lm(vocabulary, length=length, seed=seed) if model is None else model
    return bench(net, ids[:, :-1], ids[:, 1:], loss_fn or token_loss, **more)


def sequences(model: nn.Module, *, length: int = 7, features: int = 6, classes: int = 5, **more: Any) -> Bench:
    """Rows of `length` steps of some features, (64, length, features), in classes by chance."""
    g = seeded()
    x, y = torch.randn(64, length, features, generator=g), torch.randint(classes, (64,), generator=g)
    return bench(model, x, y, nn.CrossEntropyLoss(), **({"size": 16} | more))


def watched(program: Callable[[], Any], *, every: int | None = 1, **named: Any) -> Bench:
    """A bench that holds the trace of a loop; `named` are the objects as a notebook would call them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        with watch(named, source=inspect.getsource(program), where="cell 1", every=every) as watcher:
            program()
    return Bench(trace=watcher.trace, names={name: name for name in named})


def parts(given: Bench) -> tuple[nn.Module, Loss, torch.optim.Optimizer]:
    """Model, loss and optimizer of a toy."""
    return given.get("model"), given.get("loss_fn"), given.get("optimizer")


def batches(given: Bench, epochs: int = 1) -> Iterator[Any]:
    """The batches of a bench's training loader, epoch after epoch."""
    assert given.train_loader is not None
    for _ in range(epochs):
        yield from given.train_loader


def trained(given: Bench, steps: int = 40, rate: float = 1e-2) -> Bench:
    """The same bench with its model trained on its rows, by an optimizer that nobody handed over."""
    assert given.model is not None
    assert given.loss_fn is not None
    x, y = given.train_data.tensors
    optimizer = torch.optim.Adam(given.model.parameters(), rate)
    for _ in range(steps):
        optimizer.zero_grad()
        given.loss_fn(given.model(x), y).backward()
        optimizer.step()
    given.model.zero_grad()
    return given
