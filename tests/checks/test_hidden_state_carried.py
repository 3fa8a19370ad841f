"""State that modules keep from batch to batch, and what looks like it: caches, averages, samples, looks at the last."""

from __future__ import annotations

import healthy
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe import toys
from nbrecipe.checks.model.hidden_state_carried import check
from nbrecipe.finding import Verdict
from nbrecipe.runner import run


class Net(nn.Module):
    """A net whose forward does something with what it keeps."""

    def __init__(self, forward, **kept):
        super().__init__()
        self.body, self.does = toys.mlp((10, 16, 1)), forward
        for key, value in kept.items():
            if isinstance(value, torch.Tensor):
                self.register_buffer(key, value)
            else:
                setattr(self, key, value)

    def forward(self, x):
        return self.does(self, x)


class Resetting(Net):
    def reset_state(self):
        self.kept = None


def added(net, x):
    out = net.body(x) + (net.kept if net.kept is not None else 0)
    net.kept = out.detach()
    return out


def in_a_buffer(net, x):
    out = net.body(x + net.last)
    net.last = x.clone()
    return out


def level(net, x):
    out = net.body(x) + net.kept
    net.kept = out.detach().mean()
    return out


def centred(net, x):
    net.mean = 0.9 * net.mean + 0.1 * x.mean(0)
    return net.body(x - net.mean)


def queued(net, x):
    """Scores against what stood in the queue, which the batch then enters."""
    out = net.body(x) + (x @ net.queue.T).logsumexp(1, keepdim=True)
    net.queue = torch.cat([x, net.queue])[: len(net.queue)]
    return out


def counted(net, x):
    net.count += 1
    return net.body(x)


def cached(net, x):
    if net.table is None:
        net.table = torch.linspace(0, 1, x.shape[1])
    return net.body(x + net.table)


def watched(net, x):
    net.seen = x.mean(0)
    return net.body(x)


def drawn(net, x):
    return net.body(x + torch.randn(x.shape))


def drawn_apart(net, x):
    return net.body(x + torch.randn(x.shape, generator=net.generator))


def bench(net, shuffle=True):
    x = torch.randn(32, 10, generator=toys.seeded())
    given = toys.bench(net, x, x[:, :1], nn.MSELoss())
    return given.replace(train_loader=DataLoader(TensorDataset(x, x[:, :1]), 16, shuffle=shuffle))


@pytest.mark.parametrize(
    ("net", "place"),
    [(lambda: Net(added, kept=None), "net.kept"), (lambda: Net(in_a_buffer, last=torch.zeros(32, 10)), "net.last")],
)
def test_kept_state_under_a_shuffling_loader_is_a_fault(net, place):
    given = bench(net())
    finding = run(check, given).finding
    assert finding.verdict is Verdict.BAD, finding
    assert f"`{place}` keeps what the batch before left; `train_dl` shuffles" in finding.message
    assert getattr(given.model, "kept", None) is None


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (lambda: bench(Net(added, kept=None), shuffle=False), "net.kept = None"),
        (lambda: bench(Resetting(added, kept=None)), "net.reset_state()"),
    ],
)
def test_what_may_be_truncated_backpropagation_is_a_hint(given, line):
    finding = run(check, given()).finding
    assert finding.verdict is Verdict.HINT
    assert finding.code.startswith(line)


@pytest.mark.parametrize(
    ("net", "place"),
    [
        (lambda: Net(level, kept=torch.zeros(())), "net.kept"),
        (lambda: Net(centred, mean=torch.zeros(10)), "net.mean"),
        (lambda: Net(queued, queue=torch.zeros(96, 10)), "net.queue"),
    ],
)
def test_a_queue_or_an_average_may_be_meant(net, place):
    finding = run(check, bench(net())).finding
    assert finding.verdict is Verdict.HINT
    told = f"`{place}` keeps what the batch before left; it holds nothing row by row, as a queue or an average does"
    assert finding.message.endswith(told)


RIGHT = {
    "a counter": lambda: Net(counted, count=torch.zeros(())), "a cache": lambda: Net(cached, table=None),
    "a look at the last batch": lambda: Net(watched, seen=None), "samples": lambda: Net(drawn),
    "samples of its own": lambda: Net(drawn_apart, generator=torch.Generator()),
    "batch norm": lambda: nn.Sequential(nn.Linear(10, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1)),
    "dropout": lambda: nn.Sequential(nn.Linear(10, 8), nn.Dropout(0.5), nn.Linear(8, 1)),
    "spectral norm": lambda: nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(10, 8)), nn.Linear(8, 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_what_looks_alike_raises_no_alarm(name):
    finding = run(check, bench(RIGHT[name]())).finding
    assert finding.verdict is Verdict.OK, finding


@pytest.mark.parametrize(
    "make", [healthy.lstm_over_tokens, healthy.transformer, healthy.convnet_with_batch_norm_and_dropout]
)
def test_healthy_nets_raise_no_alarm(make):
    assert run(check, make(0)).verdict is Verdict.OK
