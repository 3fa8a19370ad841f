"""Right programs that look like faults by what they are fed, or at what rate: texts, streams, schedules."""

import torch
from lookalikes import Net, of_trainable, vectors
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

from nbrecipe import toys

# ---- texts ----------------------------------------------------------------------------------------------------------


def bidirectional():
    """An encoder of texts, in which later words count."""

    def forward(net, ids):
        return net.head(net.mix(net.table(ids)).mean(1))

    mix = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
    ids = torch.randint(30, (64, 12), generator=toys.seeded())
    net = Net(forward, table=nn.Embedding(30, 16), mix=mix, head=nn.Linear(16, 3))
    return toys.bench(net, ids, ids[:, 0] % 3, nn.CrossEntropyLoss())


def masked_words():
    """The target is the input itself, where it was masked."""
    g = toys.seeded()
    ids = torch.randint(1, 30, (64, 12), generator=g)
    hidden = torch.rand(64, 12, generator=g) < 0.2
    mix = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
    net = Net(lambda s, x: s.head(s.mix(s.table(x))), table=nn.Embedding(30, 16), mix=mix, head=nn.Linear(16, 30))
    return toys.bench(net, ids.masked_fill(hidden, 0), ids.masked_fill(~hidden, -100), toys.token_loss)


def copied_rows():
    """An autoencoder: the target is the input."""
    x = vectors()
    return toys.bench(toys.mlp((20, 8, 20)), x, x, nn.MSELoss())


# ---- rates and loaders ----------------------------------------------------------------------------------------------


def scheduled(make, rate=0.1, steps=0):
    """A bench with plain SGD and the schedule that is made of it, so many steps into the run."""
    given = of_trainable(toys.classify(), torch.optim.SGD, rate)
    schedule = make(given.optimizer)
    for _ in range(steps):
        given.optimizer.step()
        schedule.step()
    return given.replace(scheduler=schedule)


def from_zero():
    return scheduled(lambda opt: torch.optim.lr_scheduler.LambdaLR(opt, lambda step: min(1.0, step / 10)))


def cosine_at_its_end():
    return scheduled(lambda opt: torch.optim.lr_scheduler.CosineAnnealingLR(opt, 8), steps=8)


def one_cycle():
    return scheduled(lambda opt: torch.optim.lr_scheduler.OneCycleLR(opt, 0.1, total_steps=40))


def second_order():
    given = toys.regress()
    return given.replace(optimizer=torch.optim.LBFGS(given.model.parameters()))


class Stream(IterableDataset):
    """Rows without end or length."""

    def __iter__(self):
        yield from zip(*toys.classify().train_data.tensors, strict=True)


def stream():
    return toys.classify().replace(train_loader=DataLoader(Stream(), 32), train_data=None, batch=None)


def one_batch_by_heart():
    given = toys.classify(rows=16, size=16)
    return given.replace(train_loader=[given.batch])


def episodes():
    """Batches of one class each, by design."""
    given = toys.classify()
    x, y = given.train_data.tensors
    return given.replace(train_loader=[(x[y == k], y[y == k]) for k in range(5)], batch=(x[y == 0], y[y == 0]))


def unscaled_before_batch_norm():
    x = 255 * torch.rand(128, 3, 8, 8, generator=toys.seeded())
    net = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 5))
    return toys.bench(net, x, torch.arange(128) % 5, nn.CrossEntropyLoss())


KINDS = [
    bidirectional, masked_words, copied_rows, from_zero, cosine_at_its_end, one_cycle, second_order,
    stream, one_batch_by_heart, episodes, unscaled_before_batch_norm,
]  # fmt: skip
