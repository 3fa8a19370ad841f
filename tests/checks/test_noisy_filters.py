"""Filters of nets that learned, of nets that learned nothing from their inputs, and of nets that say nothing."""

import math

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.checks.tuning.noisy_filters import check
from nbrecipe.finding import Verdict
from nbrecipe.runner import run

TRAINED = {"trained": "`fit` in cell 3"}


def seeded(make, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def smooth(rows=32, channels=1, side=16, seed=0):
    g = torch.Generator().manual_seed(seed)
    return nn.functional.avg_pool2d(torch.randn(rows, channels, side + 4, side + 4, generator=g), 5, stride=1) * 5


def bench(net, x, **more):
    return Bench(model=net, batch=(x, torch.zeros(len(x)).long()), loss_fn=nn.CrossEntropyLoss(), **more)


def conv(channels=1, count=32, size=7):
    return nn.Sequential(nn.Conv2d(channels, count, size), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(count, 5))


def perceptron(inputs=256, units=64):
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, units), nn.ReLU(), nn.Linear(units, 10))


def said(net, x, **more):
    found = run(check, bench(net, x, **more)).finding
    return found.verdict, found.message


INITS = {
    "torch's own": lambda w: w,
    "kaiming": nn.init.kaiming_normal_,
    "kaiming, fan out": lambda w: nn.init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu"),
    "xavier": nn.init.xavier_uniform_,
    "orthogonal": nn.init.orthogonal_,
    "small": lambda w: nn.init.normal_(w, std=0.02),
}


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("make", [conv, perceptron])
def test_an_untrained_net_is_skipped_whatever_its_init(make, init):
    net = seeded(make)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        INITS[init](next(p for p in net.parameters() if p.ndim > 1))
    assert said(net, smooth())[0] is Verdict.SKIPPED


@pytest.mark.parametrize("init", INITS)
def test_the_same_net_said_to_be_trained_is_a_hint_at_most(init):
    net = seeded(perceptron)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        INITS[init](net[1].weight)
    assert said(net, smooth(), **TRAINED)[0] in (Verdict.SKIPPED, Verdict.HINT)


def noisy(net, size=1.0):
    weight = next(p for p in net.parameters() if p.ndim > 1)
    with torch.no_grad():
        weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(5)) * size)
    return net


@pytest.mark.parametrize(
    ("make", "x"), [(conv, smooth()), (perceptron, smooth()), (lambda: conv(3), smooth(channels=3))]
)
def test_noise_of_a_trained_size_is_a_fault_and_tells_its_power(make, x):
    found = run(check, bench(noisy(make()), x, **TRAINED)).finding
    assert found.verdict is Verdict.BAD
    assert "shows structure: Moran's I is **" in found.message
    assert "would be seen with a power of 100%" in found.why


def test_what_moved_little_from_its_start_is_a_hint():
    net = noisy(conv(), 0.1)
    start = {key: value + 0.01 for key, value in net.state_dict().items()}
    verdict, message = said(net, smooth(), pretrained=start)
    assert verdict is Verdict.HINT
    assert message.endswith("; training moved them by 10% of their size")


QUIET = {
    "three by three": (lambda: noisy(conv(size=3)), smooth(), "are too small to tell noise from structure"),
    "few filters": (lambda: noisy(conv(count=8)), smooth(), "has 8 filters, too few to tell"),
    "pixels in another order": (
        lambda: noisy(perceptron()),
        smooth(64).flatten(1)[:, torch.randperm(256, generator=torch.Generator().manual_seed(0))].view(64, 1, 16, 16),
        "no neighbours that resemble one another",
    ),
    "noise as input": (lambda: noisy(conv()), torch.randn(32, 1, 16, 16), "no neighbours that resemble one another"),
    "a table": (lambda: noisy(nn.Linear(20, 32)), torch.randn(32, 20), "no first layer reads pixels"),
    "words": (lambda: nn.EmbeddingBag(30, 32), torch.randint(30, (32, 6)), "no first layer reads pixels"),
    "frozen": (lambda: noisy(conv()).requires_grad_(False), smooth(), "`model[0]` is frozen"),
    "a recurrent layer": (
        lambda: nn.LSTM(8, 32, batch_first=True),
        torch.randn(32, 6, 8),
        "no first layer reads pixels",
    ),
}


@pytest.mark.parametrize("name", QUIET)
def test_what_cannot_be_told_is_skipped_in_one_sentence(name):
    make, x, why = QUIET[name]
    verdict, message = said(make(), x, **TRAINED)
    assert verdict is Verdict.SKIPPED
    assert why in message


def test_oriented_filters_pass_be_they_high_or_low_in_frequency():
    net, at = conv(3), torch.linspace(-1, 1, 7)
    yy, xx = torch.meshgrid(at, at, indexing="ij")
    waves = [torch.cos(5 * (xx * math.cos(i) + yy * math.sin(i))) * torch.exp(-(xx**2) - yy**2) for i in range(32)]
    with torch.no_grad():
        net[0].weight.copy_(torch.stack(waves)[:, None] + 0.05 * torch.randn(32, 3, 7, 7))
    verdict, message = said(net, smooth(channels=3), **TRAINED)
    assert verdict is Verdict.OK
    assert message == "**32 of 32** filters of `model[0]` show structure"


def test_every_other_filter_may_be_noise():
    net = noisy(perceptron(), 0.05)
    images = smooth(64).flatten(1)
    with torch.no_grad():
        net[1].weight[::2] = torch.randn(32, 64, generator=torch.Generator().manual_seed(0)) @ images / 40
    assert said(net, smooth(64), **TRAINED)[0] is Verdict.OK


def trained(x, y, units, steps=1000):
    net = seeded(lambda: perceptron(x[0].numel(), units))
    start = {key: value.clone() for key, value in net.state_dict().items()}
    optimizer = torch.optim.SGD(net.parameters(), 0.05, momentum=0.9)
    g = torch.Generator().manual_seed(0)
    for _ in range(steps):
        rows = torch.randint(len(x), (64,), generator=g)
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
        optimizer.step()
    return bench(net, x[:64], pretrained=start, optimizer=optimizer)


def bars(count=2000):
    """Stripes of eight directions, and which one it is."""
    g = torch.Generator().manual_seed(0)
    y = torch.randint(8, (count,), generator=g)
    turn = (y * math.pi / 8 + 0.1 * torch.randn(count, generator=g))[:, None, None]
    wave = 2 * math.pi / (4 + 3 * torch.rand(count, 1, 1, generator=g))
    yy, xx = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")
    lines = torch.sin(wave * (xx * turn.cos() + yy * turn.sin()) + 6.28 * torch.rand(count, 1, 1, generator=g))
    return (lines.sign() + 0.3 * torch.randn(count, 16, 16, generator=g))[:, None], y


@pytest.mark.slow
def test_a_net_trained_on_bars_passes_and_with_shuffled_labels_it_fails():
    x, y = bars()
    right, wrong = run(check, trained(x, y, 64)), run(check, trained(x, y[torch.randperm(len(y))], 64))
    assert right.verdict is Verdict.OK
    assert right.finding.seen["structured"] == 64
    assert wrong.verdict is Verdict.BAD
    assert wrong.finding.seen["most"] < 0.25 < right.finding.seen["share"]


def digits(seed=0, shuffled=False, share=1437):
    """Rows to train on and to validate on; the labels of all in another order where they are shuffled."""
    data = pytest.importorskip("sklearn.datasets").load_digits()
    x, y = torch.tensor(data.images / 16, dtype=torch.float32)[:, None], torch.tensor(data.target)
    g = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(y), generator=g)
    x, y = ((x - x.mean()) / x.std())[order], y[order]
    y = y[torch.randperm(len(y), generator=g)] if shuffled else y
    return (x[:share], y[:share]), (x[share:], y[share:])


def with_loaders(given, train, val):
    loaders = [DataLoader(TensorDataset(*rows), 64) for rows in (train, val)]
    return given.replace(train_loader=loaders[0], val_loader=loaders[1])


@pytest.mark.slow
@pytest.mark.parametrize("units", [64, 256])
@pytest.mark.parametrize("seed", range(3))
def test_a_net_trained_on_digits_passes_and_with_shuffled_labels_it_fails(units, seed):
    """Digits of 8 by 8 are rough: what tells is that the net guesses on rows that it was not shown."""
    right, wrong = (digits(seed, shuffled) for shuffled in (False, True))
    good, bad = (trained(*train, units, 3000) for train, _ in (right, wrong))
    assert run(check, with_loaders(good, *right)).verdict is Verdict.OK
    found = run(check, with_loaders(bad, *wrong))
    assert found.verdict is Verdict.BAD
    assert "validation rows, where guessing knows 10%" in found.finding.message


def test_toys_as_they_are_raise_nothing():
    for make in (toys.classify, toys.images, toys.regress, toys.binary, toys.next_token):
        assert run(check, make()).verdict is Verdict.SKIPPED
