"""Training loops of many kinds, as people write them: each trains a little, prints, and returns what it trained."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, TensorDataset

Things = list[Any]


def rows(count: int = 192, features: int = 12, classes: int = 4) -> TensorDataset:
    return TensorDataset(torch.randn(count, features), torch.randint(classes, (count,)))


def classifier() -> Things:
    """Dropout, batch norm, a schedule and a validation pass."""
    net = nn.Sequential(nn.Linear(12, 24), nn.BatchNorm1d(24), nn.ReLU(), nn.Dropout(0.2), nn.Linear(24, 4))
    opt = torch.optim.Adam(net.parameters(), 1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 4)
    data = DataLoader(rows(), 32, shuffle=True)
    for epoch in range(4):
        net.train()
        for x, y in data:
            opt.zero_grad()
            loss = functional.cross_entropy(net(x), y)
            loss.backward()
            opt.step()
        schedule.step()
        net.eval()
        with torch.no_grad():
            print(epoch, sum(functional.cross_entropy(net(x), y).item() for x, y in data))
    return [net, opt, schedule]


def transformer() -> Things:
    """Encoder layers, which compute in another way in eval mode when nobody looks."""
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), 2)
    head = nn.Linear(16, 3)
    x, y = torch.randn(24, 7, 16), torch.randint(3, (24,))
    opt = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], 1e-2)
    for _ in range(12):
        encoder.train()
        opt.zero_grad(set_to_none=False)
        functional.cross_entropy(head(encoder(x).mean(1)), y).backward()
        opt.step()
        encoder.eval()
        with torch.inference_mode():
            print(head(encoder(x).mean(1)).sum().item())
    return [encoder, head, opt]


def players() -> Things:
    """A GAN: two nets, two optimizers, in turns."""
    maker = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
    judge = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(), nn.Linear(16, 1))
    opt_m, opt_j = torch.optim.Adam(maker.parameters(), 1e-3), torch.optim.RMSprop(judge.parameters(), 1e-3)
    loss_fn = nn.BCEWithLogitsLoss()
    for _ in range(20):
        real, fake = torch.randn(16, 2), maker(torch.randn(16, 4))
        opt_j.zero_grad()
        (loss_fn(judge(real), torch.ones(16, 1)) + loss_fn(judge(fake.detach()), torch.zeros(16, 1))).backward()
        opt_j.step()
        opt_m.zero_grad()
        loss_fn(judge(fake), torch.ones(16, 1)).backward()
        opt_m.step()
    print(fake.mean().item())
    return [maker, judge, opt_m, opt_j]


def closures() -> Things:
    """LBFGS calls a closure several times in a step."""
    net, x, y = nn.Linear(5, 1), torch.randn(40, 5), torch.randn(40, 1)
    opt = torch.optim.LBFGS(net.parameters(), lr=0.5)

    def closure() -> Tensor:
        opt.zero_grad()
        loss = functional.mse_loss(net(x), y)
        loss.backward()
        return loss

    for _ in range(6):
        print(opt.step(closure).item())
    return [net, opt]


def accumulation() -> Things:
    """Four batches to a step, clipped; the rate warms up from 0."""
    net = nn.Sequential(nn.Linear(12, 24), nn.GELU(), nn.Linear(24, 4))
    opt = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9, weight_decay=1e-3)
    warm = torch.optim.lr_scheduler.LambdaLR(opt, lambda step: min(1.0, step / 5))
    for i, (x, y) in enumerate(itertools.chain(*[DataLoader(rows(), 16, shuffle=True)] * 3)):
        loss = functional.cross_entropy(net(x), y)
        (loss / 4).backward()
        if i % 4 == 3:
            print(nn.utils.clip_grad_norm_((p for p in net.parameters()), 0.5).item())
            opt.step()
            opt.zero_grad()
            warm.step()
    return [net, opt, warm]


class Vae(nn.Module):
    """Samples in its forward pass, and returns its own loss."""

    def __init__(self) -> None:
        super().__init__()
        self.code, self.picture = nn.Linear(12, 8), nn.Linear(4, 12)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        mean, spread = self.code(x).chunk(2, 1)
        again = self.picture(mean + spread.exp() * torch.randn_like(mean))
        kl = (mean.square() + (2 * spread).exp() - 2 * spread - 1).mean() / 2
        return {"loss": (again - x).square().mean() + 0.1 * kl, "again": again}


def sampling() -> Things:
    """A variational autoencoder, fed by an endless generator."""

    def endless() -> Any:
        while True:
            yield torch.randn(16, 12)

    net = Vae()
    opt = torch.optim.Adam(net.parameters(), 1e-2)
    for x in itertools.islice(endless(), 25):
        opt.zero_grad()
        loss = net(x)["loss"]
        loss.backward()
        opt.step()
    print(loss.item())
    return [net, opt]


def recurrence() -> Things:
    """Truncated back-propagation: the state goes on, detached."""
    net, head, state = nn.LSTM(6, 12, batch_first=True), nn.Linear(12, 6), None
    opt = torch.optim.Adam([*net.parameters(), *head.parameters()], 1e-2)
    series = torch.randn(4, 80, 6)
    for start in range(0, 70, 10):
        out, state = net(series[:, start : start + 10], state)
        state = tuple(part.detach() for part in state)
        opt.zero_grad()
        functional.mse_loss(head(out), series[:, start + 1 : start + 11]).backward()
        opt.step()
    print(state[0].sum().item())
    return [net, head, opt]


def by_hand() -> Things:
    """No optimizer: the weights are moved by hand."""
    net = nn.Linear(12, 4)
    for x, y in DataLoader(rows(), 24):
        loss = functional.cross_entropy(net(x), y)
        net.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in net.parameters():
                parameter -= 0.1 * parameter.grad
        print(loss.item())
    return [net]


def mixed_precision() -> Things:
    """Autocast and a scaler, unscaled before clipping."""
    net = nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.Linear(24, 4))
    opt, scaler = torch.optim.AdamW(net.parameters(), 1e-2), torch.amp.GradScaler("cpu")
    for x, y in DataLoader(rows(), 24, shuffle=True):
        with torch.autocast("cpu", torch.bfloat16):
            loss = functional.cross_entropy(net(x), y)
        opt.zero_grad()
        scaler.scale(loss).backward()
        scaler.unscale_(opt)
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        scaler.step(opt)
        scaler.update()
        print(round(loss.item(), 4), scaler.get_scale())
    return [net, opt]


def recomputed() -> Things:
    """Activations computed again in the backward pass, under a user's own function mode, with sparse gradients."""
    table, body, head = nn.Embedding(50, 8, sparse=True), nn.Sequential(nn.Linear(8, 8), nn.Tanh()), nn.Linear(8, 2)
    sparse = torch.optim.SparseAdam(table.parameters(), 1e-2)
    dense = torch.optim.Adagrad([*body.parameters(), *head.parameters()], 1e-2)
    with torch.device("cpu"):
        for _ in range(10):
            ids = torch.randint(50, (16, 5))
            out = head(checkpoint(body, table(ids).mean(1), use_reentrant=False))
            for opt in (sparse, dense):
                opt.zero_grad()
            functional.cross_entropy(out, ids[:, 0] % 2).backward()
            for opt in (sparse, dense):
                opt.step()
    print(out.sum().item())
    return [table, body, head, sparse, dense]


def workers() -> Things:
    """Batches from two processes."""
    net = nn.Linear(12, 4)
    opt = torch.optim.SGD(net.parameters(), 0.1)
    for x, y in DataLoader(rows(64), 16, shuffle=True, num_workers=2):
        opt.zero_grad()
        functional.cross_entropy(net(x), y).backward()
        opt.step()
    print(sum(p.sum().item() for p in net.parameters()))
    return [net, opt]


def hooked() -> Things:
    """The user's own hooks, and a teacher that is an average of the student."""
    student, teacher, seen = nn.Sequential(nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 4)), nn.Linear(12, 4), []
    handle = student[1].register_forward_hook(lambda module, args, out: seen.append(out.mean().item()))
    average = torch.optim.swa_utils.AveragedModel(student)
    opt = torch.optim.NAdam(student.parameters(), 1e-2)
    for x, _ in DataLoader(rows(), 24, shuffle=True):
        with torch.no_grad():
            target = teacher(x).softmax(1)
        opt.zero_grad()
        functional.kl_div(student(x).log_softmax(1), target, reduction="batchmean").backward()
        opt.step()
        average.update_parameters(student)
    handle.remove()
    print(seen)
    return [student, average, opt]


def distributed() -> Things:
    """DistributedDataParallel, on one process."""
    with tempfile.TemporaryDirectory() as folder:
        torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=0, world_size=1)
        try:
            net = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 4))
            whole = nn.parallel.DistributedDataParallel(net)
            opt = torch.optim.SGD(whole.parameters(), 0.1)
            for x, y in DataLoader(rows(), 24, shuffle=True):
                opt.zero_grad()
                functional.cross_entropy(whole(x), y).backward()
                opt.step()
        finally:
            torch.distributed.destroy_process_group()
    print(sum(p.sum().item() for p in net.parameters()))
    return [net, opt]


LOOPS: list[Callable[[], Things]] = [
    classifier, transformer, players, closures, accumulation, sampling, recurrence, by_hand, mixed_precision,
    recomputed, workers, hooked, distributed,
]  # fmt: skip
