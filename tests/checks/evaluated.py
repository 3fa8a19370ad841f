"""Right programs of many kinds with a trained model, a training loader and a validation loader, and no loop watched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, Subset, SubsetRandomSampler, TensorDataset

from nbrecipe import toys
from nbrecipe.bench import Bench

HELD = 4


def fitted(model: nn.Module, rows: Any, loss_fn: Any, *, epochs: int = 12, rate: float = 5e-3, size: int = 32,
           collate: Any = None, **changes: Any) -> Bench:  # fmt: skip
    """The model trained on three of four rows; every fourth is validated on."""
    val = Subset(rows, range(0, len(rows), HELD))
    train = Subset(rows, [i for i in range(len(rows)) if i % HELD])
    loader: Any = DataLoader(train, size, shuffle=True, generator=toys.seeded(), collate_fn=collate)
    named = {"model": "net", "loss_fn": "criterion", "train_loader": "train_dl", "val_loader": "val_dl"}
    opt = torch.optim.Adam([p for p in model.parameters() if p.requires_grad] or [nn.Parameter(torch.zeros(1))], rate)
    given = Bench(model=model, loss_fn=loss_fn, train_loader=loader, optimizer=opt, names=named,
                  val_loader=DataLoader(val, 64, collate_fn=collate))  # fmt: skip
    model.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for _ in range(epochs):
            for batch in loader:
                opt.zero_grad()
                step(given, batch).backward()
                opt.step()
    opt.zero_grad()
    return given.replace(**changes)


def step(given: Bench, batch: Any) -> Tensor:
    """The loss of a batch, as the bench's user takes it."""
    from nbrecipe import batches
    from nbrecipe.batches.scalar import scalar_of

    fed = batches.feed(given.get("model"), batch, given.loss_fn)
    return scalar_of(batches.forward(given.get("model"), fed, given.loss_fn))


def rows_of(given: Bench) -> TensorDataset:
    return given.train_data  # type: ignore[no-any-return]


class Dicts(torch.utils.data.Dataset[Any]):
    """Rows as dicts of these columns."""

    def __init__(self, **columns: Tensor) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        return {name: values[row] for name, values in self.columns.items()}


def tokens(rows: int = 256, length: int = 10, words: int = 30, classes: int = 3) -> tuple[Tensor, Tensor]:
    """Ids whose class is told by which third of the vocabulary they come from."""
    g = toys.seeded(2)
    y = torch.randint(classes, (rows,), generator=g)
    low = y[:, None] * (words // classes) * (torch.rand(rows, length, generator=g) < 0.7)
    return (low + torch.randint(words // classes, (rows, length), generator=g)).long(), y


def vectors() -> Bench:
    return fitted(toys.mlp(), rows_of(toys.classify()), nn.CrossEntropyLoss())


def pictures() -> Bench:
    return fitted(toys.convnet(), rows_of(toys.images()), nn.CrossEntropyLoss(), epochs=6)


def small_batches() -> Bench:
    return fitted(toys.convnet(), rows_of(toys.images(rows=128)), nn.CrossEntropyLoss(), epochs=4, size=4, rate=1e-3)


def dropping() -> Bench:
    return fitted(toys.convnet(dropout=0.5), rows_of(toys.images()), nn.CrossEntropyLoss(), epochs=6)


class Dropping(nn.Module):
    """Dropout that stays on, as for an average over masks."""

    def __init__(self) -> None:
        super().__init__()
        self.net = toys.mlp()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(F.dropout(x, 0.2, training=True))
        return out


def monte_carlo() -> Bench:
    return fitted(Dropping(), rows_of(toys.classify()), nn.CrossEntropyLoss())


class Words(nn.Module):
    """A mean of embeddings."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(30, 16), nn.Linear(16, 3)

    def forward(self, input_ids: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        logits = self.head(self.table(input_ids).mean(1))
        out = {"logits": logits}
        return out if labels is None else {"loss": F.cross_entropy(logits, labels), **out}


def own_loss() -> Bench:
    ids, y = tokens()
    return fitted(Words(), Dicts(input_ids=ids, labels=y), None)


class Recurrent(nn.Module):
    """An LSTM that is told the lengths."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.lstm, self.head = nn.Embedding(30, 16), nn.LSTM(16, 16, batch_first=True), nn.Linear(16, 3)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(
            self.table(ids), lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        _, (state, _) = self.lstm(packed)
        out: Tensor = self.head(state[-1])
        return out


def lengths() -> Bench:
    ids, y = tokens()
    long = torch.randint(3, 11, (len(y),), generator=toys.seeded(5))
    return fitted(Recurrent(), TensorDataset(ids, long, y), nn.CrossEntropyLoss())


class Two(nn.Module):
    """Two inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.head = nn.Linear(12, 16), nn.Linear(8, 16), nn.Linear(32, 5)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        out: Tensor = self.head(torch.cat([self.left(left), self.right(right)], 1).relu())
        return out


def two_inputs() -> Bench:
    x, y = rows_of(toys.classify()).tensors
    return fitted(Two(), TensorDataset(x[:, :12], x[:, 12:], y), nn.CrossEntropyLoss())


class Siamese(nn.Module):
    """Whether two inputs are of one kind."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = toys.mlp((20, 32, 16)), nn.Linear(16, 1)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        out: Tensor = self.head((self.body(first) - self.body(second)).abs())
        return out


def siamese() -> Bench:
    x, y = rows_of(toys.classify(rows=400, classes=2)).tensors
    same = (y[:200] == y[200:]).float()[:, None]
    return fitted(Siamese(), TensorDataset(x[:200], x[200:], same), nn.BCEWithLogitsLoss())


def autoencoder() -> Bench:
    x, _ = rows_of(toys.classify()).tensors
    return fitted(toys.mlp((20, 6, 20)), TensorDataset(x, x), nn.MSELoss())


def language() -> Bench:
    return fitted(toys.lm(), rows_of(toys.next_token()), toys.token_loss, epochs=3)


def huge_targets() -> Bench:
    given = toys.regress(mean=3e5, scale=1e5)
    return fitted(given.get("model"), rows_of(given), nn.MSELoss(), epochs=20)


def numbers() -> Bench:
    return fitted(toys.mlp((10, 32, 16, 1)), rows_of(toys.regress()), nn.MSELoss())


def absolute() -> Bench:
    return fitted(toys.mlp((10, 32, 16, 1)), rows_of(toys.regress(mean=4.0)), nn.L1Loss())


def huber() -> Bench:
    return fitted(toys.mlp((10, 32, 16, 1)), rows_of(toys.regress()), nn.HuberLoss())


def pinball(output: Tensor, target: Tensor) -> Tensor:
    """The loss of the ninth tenth."""
    away = target - output
    return torch.maximum(0.9 * away, -0.1 * away).mean()


def quantile() -> Bench:
    return fitted(toys.mlp((10, 32, 16, 1)), rows_of(toys.regress()), pinball)


def noise_by_heart() -> Bench:
    x = torch.randn(256, 20, generator=toys.seeded(8))
    y = (torch.rand(256, generator=toys.seeded(9)) < 0.3).long()
    return fitted(toys.mlp((20, 64, 2)), TensorDataset(x, y), nn.CrossEntropyLoss(), epochs=30, rate=1e-2)


def numbers_of_noise() -> Bench:
    x, y = torch.randn(256, 10, generator=toys.seeded(8)), torch.randn(256, 1, generator=toys.seeded(9))
    return fitted(toys.mlp((10, 64, 1)), TensorDataset(x, y), nn.MSELoss(), epochs=30, rate=1e-2)


def rare_positives() -> Bench:
    return fitted(toys.mlp((10, 32, 16, 1)), rows_of(toys.binary(rate=0.05)), nn.BCEWithLogitsLoss())


def weighted_positives() -> Bench:
    weight = torch.tensor([30.0])
    return fitted(toys.mlp((10, 32, 16, 1)), rows_of(toys.binary(rate=0.05)), nn.BCEWithLogitsLoss(pos_weight=weight))


def weighted_classes() -> Bench:
    x = torch.randn(400, 20, generator=toys.seeded(1))
    y = torch.multinomial(torch.tensor([0.9, 0.05, 0.05]), 400, replacement=True, generator=toys.seeded(2))
    loss_fn = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 200.0, 1.0]))
    return fitted(toys.mlp((20, 16, 3)), TensorDataset(x, y), loss_fn, epochs=3, rate=1e-3)


def common_class() -> Bench:
    x = torch.randn(400, 20, generator=toys.seeded(1))
    y = (torch.rand(400, generator=toys.seeded(2)) < 0.03).long()
    return fitted(toys.mlp((20, 16, 2)), TensorDataset(x, y), nn.CrossEntropyLoss())


def several_labels() -> Bench:
    x = torch.randn(256, 10, generator=toys.seeded(1))
    y = (x[:, :4] > 0).float()
    return fitted(toys.mlp((10, 32, 4)), TensorDataset(x, y), nn.BCEWithLogitsLoss())


def segmentation() -> Bench:
    x = torch.randn(64, 1, 8, 8, generator=toys.seeded(1))
    net = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 3, 1))
    return fitted(net, TensorDataset(x, (x[:, 0] > 0).long() + (x[:, 0] > 1).long()), nn.CrossEntropyLoss(), epochs=4)


def frozen_backbone() -> Bench:
    net = toys.convnet()
    net[:8].requires_grad_(False)
    return fitted(net, rows_of(toys.images()), nn.CrossEntropyLoss(), epochs=6)


def head_of_zeros() -> Bench:
    given = fitted(toys.mlp(), rows_of(toys.classify()), nn.CrossEntropyLoss(), trained="`from_pretrained` in cell 2")
    nn.init.zeros_(given.get("model")[-1].weight)
    nn.init.zeros_(given.get("model")[-1].bias)
    return given


def untrained() -> Bench:
    return fitted(toys.mlp(), rows_of(toys.classify()), nn.CrossEntropyLoss(), epochs=0)


def a_few_steps() -> Bench:
    return fitted(toys.convnet(), rows_of(toys.images()), nn.CrossEntropyLoss(), epochs=1, trained="`fit` in cell 3")


class Lazy(nn.Module):
    """Layers that learn their width from the first batch."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.LazyLinear(32), nn.LazyLinear(5)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last(self.first(x).relu())
        return out


def lazy() -> Bench:
    net = Lazy()
    net(torch.zeros(2, 20))
    return fitted(net, rows_of(toys.classify()), nn.CrossEntropyLoss())


def a_handful_of_rows() -> Bench:
    return fitted(toys.mlp(), rows_of(toys.classify(rows=12)), nn.CrossEntropyLoss())


def other_domain() -> Bench:
    given = fitted(toys.convnet(), rows_of(toys.images()), nn.CrossEntropyLoss(), epochs=6)
    x, y = (torch.stack(part) for part in zip(*[given.val_loader.dataset[i] for i in range(64)], strict=True))  # type: ignore[union-attr]
    moved = 0.3 * x + 1.5 + 0.7 * torch.randn(x.shape, generator=toys.seeded())
    return given.replace(val_loader=DataLoader(TensorDataset(moved, y), 64))


def later_in_time() -> Bench:
    given = fitted(toys.mlp((10, 32, 16, 1)), rows_of(toys.regress()), nn.MSELoss())
    x, y = (torch.stack(part) for part in zip(*[given.val_loader.dataset[i] for i in range(64)], strict=True))  # type: ignore[union-attr]
    return given.replace(val_loader=DataLoader(TensorDataset(x, y + 6.0), 64))


def scaled_in_the_loop() -> Bench:
    given = toys.regress()
    x, y = rows_of(given).tensors
    fit = fitted(given.get("model"), TensorDataset(x, y), nn.MSELoss())
    raw = TensorDataset(x, y * 100 + 400)
    return fit.replace(train_loader=DataLoader(Subset(raw, range(192)), 32), val_loader=DataLoader(raw, 64))


def normalised_in_the_loop() -> Bench:
    fit = fitted(toys.convnet(), rows_of(toys.images()), nn.CrossEntropyLoss(), epochs=6, trained="`fit` in cell 3")
    x, y = rows_of(toys.images()).tensors
    raw = TensorDataset(x * 60 + 128, y)
    return fit.replace(train_loader=DataLoader(Subset(raw, range(192)), 32), val_loader=DataLoader(raw, 64))


def lists_of_rows() -> Bench:
    data = rows_of(toys.classify())
    given = fitted(toys.mlp(), data, nn.CrossEntropyLoss())
    parts = {f"{name}_loader": DataLoader(data, 32, sampler=SubsetRandomSampler(rows, generator=toys.seeded()))
             for name, rows in (("train", range(192)), ("val", range(192, 256)))}  # fmt: skip
    return given.replace(**parts)


class Stream(IterableDataset[Any]):
    """Rows one after the other."""

    def __iter__(self) -> Any:
        return iter([tuple(part[i] for part in rows_of(toys.classify()).tensors) for i in range(128)])


def streams() -> Bench:
    given = fitted(toys.mlp(), rows_of(toys.classify()), nn.CrossEntropyLoss())
    return given.replace(train_loader=DataLoader(Stream(), 32), val_loader=DataLoader(Stream(), 32))


def confused_pairs() -> Bench:
    """Two of four classes look alike, so that one of them is mostly taken for the other."""
    x, y = rows_of(toys.classify(classes=3, rows=400)).tensors
    y = torch.where((y == 2) & (torch.rand(400, generator=toys.seeded(7)) < 0.3), 3, y)
    return fitted(toys.mlp((20, 32, 4)), TensorDataset(x, y), nn.CrossEntropyLoss())


def two_classes_inverted() -> Bench:
    """Colours are inverted in validation: two classes change places in the answers, not in the labels."""
    given = fitted(toys.mlp((10, 32, 1)), rows_of(toys.binary()), nn.BCEWithLogitsLoss())
    x, y = rows_of(toys.binary(seed=0)).tensors
    return given.replace(val_loader=DataLoader(TensorDataset(-x, y), 64))


def attacked() -> Bench:
    """Validation rows were moved so far that each class is taken for the next one."""
    x, y = rows_of(toys.classify()).tensors
    given = fitted(toys.mlp(), rows_of(toys.classify()), nn.CrossEntropyLoss())
    moved, aim = x.clone().requires_grad_(), (y + 1) % 5
    for _ in range(40):
        loss = F.cross_entropy(given.get("model")(moved), aim)
        moved = (moved - 0.05 * torch.autograd.grad(loss, moved)[0].sign()).detach().requires_grad_()
    given.get("model").zero_grad()
    names = {**given.names, "val_loader": "adv_dl"}
    return given.replace(val_loader=DataLoader(TensorDataset(moved.detach(), y), 64), names=names)


def smoothed() -> Bench:
    return fitted(toys.mlp(), rows_of(toys.classify()), nn.CrossEntropyLoss(label_smoothing=0.1))


def log_shares() -> Bench:
    net = nn.Sequential(toys.mlp(), nn.LogSoftmax(1))
    return fitted(net, rows_of(toys.classify()), nn.NLLLoss())


def group_norm() -> Bench:
    net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.GroupNorm(2, 8), nn.ReLU(), nn.Flatten(), nn.Linear(288, 5))
    return fitted(net, rows_of(toys.images()), nn.CrossEntropyLoss(), epochs=6)


RIGHT: list[Callable[[], Bench]] = [
    vectors, pictures, small_batches, dropping, monte_carlo, own_loss, lengths, two_inputs, siamese, autoencoder,
    language, huge_targets, numbers, absolute, huber, quantile, noise_by_heart, numbers_of_noise, rare_positives,
    weighted_positives, weighted_classes, common_class, several_labels, segmentation, frozen_backbone, head_of_zeros,
    untrained, a_few_steps, lazy, a_handful_of_rows, other_domain, later_in_time, scaled_in_the_loop,
    normalised_in_the_loop, lists_of_rows, streams, confused_pairs, attacked, smoothed,
    log_shares, group_norm,
]  # fmt: skip
