"""Healthy nets of ten kinds, drawn at random: no check of the initialisation calls a fault in any of them."""

import itertools
import random

import pytest
import torch
from torch import nn

from nbrecipe.bench import Bench
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run_each

INIT = [check for check in all_checks().values() if check.chapter == "init"]
#: kind → how to draw one: (model, inputs, targets, loss) from a source of sizes
KINDS = {}


def kind(draw):
    KINDS[draw.__name__] = draw
    return draw


def labelled(rng, rows, features):
    """Rows in classes that can be told apart, standardised."""
    classes = rng.randint(2, 12)
    y = torch.randint(classes, (rows,))
    x = torch.randn(classes, features)[y] * rng.uniform(0.3, 2) + torch.randn(rows, features)
    return (x - x.mean(0)) / x.std(0), y, classes


def pictures(rng, rows):
    classes, channels, side = rng.randint(2, 10), rng.choice([1, 3]), rng.choice([8, 12, 16])
    y = torch.randint(classes, (rows,))
    shapes = nn.functional.interpolate(torch.randn(classes, channels, 4, 4), side, mode="bilinear")
    x = shapes[y] + rng.uniform(0.2, 1) * torch.randn(rows, channels, side, side)
    return (x - x.mean()) / x.std(), y, classes


def stack(sizes, act, norm=None):
    """Linear layers with units (and norms) between them."""
    layers = []
    for before, after in itertools.pairwise(sizes[:-1]):
        layers += [nn.Linear(before, after), *([norm(after)] if norm else []), act()]
    return nn.Sequential(*layers, nn.Linear(*sizes[-2:]))


def widths(rng, most):
    return [rng.choice([12, 16, 24, 32, 64, 100, 128]) for _ in range(rng.randint(1, most))]


@kind
def mlp_relu(rng, rows):
    features = rng.randint(4, 60)
    x, y, classes = labelled(rng, rows, features)
    act = rng.choice([nn.ReLU, nn.ReLU, nn.GELU, nn.SiLU, nn.ReLU6, nn.LeakyReLU])
    net = stack([features, *widths(rng, 4), classes], act)
    if rng.random() < 0.4:
        for layer in net[:-1]:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight)
                nn.init.zeros_(layer.bias)
    return net, x, y, nn.CrossEntropyLoss()


@kind
def mlp_tanh(rng, rows):
    features, sides = rng.randint(4, 40), rng.randint(1, 4)
    x = torch.randn(rows, features)
    y = x[:, :sides] * rng.uniform(0.5, 2) + 0.1 * torch.randn(rows, sides)
    net = stack([features, *widths(rng, 5), sides], nn.Tanh)
    if rng.random() < 0.5:
        for layer in net[:-1]:
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight, gain=5 / 3)
    return net, x, (y - y.mean(0)) / y.std(0), rng.choice([nn.MSELoss(), nn.SmoothL1Loss(), nn.L1Loss()])


def convolutions(rng, channels, classes, norm):
    layers, width = [], channels
    for _ in range(rng.randint(1, 3)):
        after = rng.choice([8, 12, 16, 32])
        layers += [nn.Conv2d(width, after, 3, padding=1, bias=not norm), *([nn.BatchNorm2d(after)] if norm else [])]
        layers += [nn.ReLU(inplace=rng.random() < 0.5), *([nn.MaxPool2d(2)] if rng.random() < 0.6 else [])]
        width = after
    drop = [nn.Dropout(0.3)] if rng.random() < 0.5 else []
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(rng.choice([1, 2])), nn.Flatten(), *drop, nn.LazyLinear(classes))


@kind
def convnet_with_batch_norm(rng, rows):
    x, y, classes = pictures(rng, rows)
    net = convolutions(rng, x.shape[1], classes, norm=True)
    net.eval()(x[:1])
    return net.train(), x, y, nn.CrossEntropyLoss(label_smoothing=rng.choice([0.0, 0.1]))


@kind
def convnet_without_norm(rng, rows):
    x, y, classes = pictures(rng, rows)
    net = convolutions(rng, x.shape[1], classes, norm=False)
    net(x[:1])
    return net, x, y, nn.CrossEntropyLoss()


class Residual(nn.Module):
    """Residual blocks, with or without batch norm; the ends of branches may start at zero."""

    def __init__(self, rng, channels, classes):
        super().__init__()
        width, norm = rng.choice([8, 16]), rng.random() < 0.7
        self.stem = nn.Conv2d(channels, width, 3, padding=1)
        ends = [nn.Conv2d(width, width, 3, padding=1) for _ in range(rng.randint(1, 5))]
        normed = (lambda: nn.BatchNorm2d(width)) if norm else nn.Identity
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, width, 3, padding=1), normed(), nn.ReLU(), end, normed()) for end in ends
        )
        if rng.random() < 0.5:
            for block in self.blocks:
                nn.init.zeros_(block[4].weight if norm else block[3].weight)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        x = self.stem(x).relu()
        for block in self.blocks:
            x = torch.relu(x + block(x))
        return self.head(x.mean((2, 3)))


@kind
def residual_convnet(rng, rows):
    x, y, classes = pictures(rng, rows)
    return Residual(rng, x.shape[1], classes), x, y, nn.CrossEntropyLoss()


@kind
def layer_norm_mlp(rng, rows):
    features = rng.randint(4, 60)
    x, y, _ = labelled(rng, rows, features)
    sizes = [features, *[rng.choice([16, 32, 64])] * rng.randint(1, 12), 1]
    net = nn.Sequential(nn.LayerNorm(features), *stack(sizes, rng.choice([nn.ReLU, nn.GELU, nn.Tanh]), nn.LayerNorm))
    return net, x * rng.choice([1, 1, 50]), (y % 2).float().unsqueeze(1), nn.BCEWithLogitsLoss()


class Recurrent(nn.Module):
    """A recurrent layer over a sequence, and a head on its last state."""

    def __init__(self, rng, features, classes):
        super().__init__()
        width = rng.choice([12, 24, 48])
        cell = rng.choice([nn.LSTM, nn.GRU, nn.RNN])
        self.cell = cell(features, width, num_layers=rng.randint(1, 2), batch_first=True)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        return self.head(self.cell(x)[0][:, -1])


@kind
def recurrent_classifier(rng, rows):
    features, length, classes = rng.randint(2, 10), rng.randint(4, 20), rng.randint(2, 6)
    y = torch.randint(classes, (rows,))
    x = torch.randn(rows, length, features) + y[:, None, None].float() / classes
    return Recurrent(rng, features, classes), (x - x.mean()) / x.std(), y, nn.CrossEntropyLoss()


class Causal(nn.Module):
    """A causal transformer; embeddings of several sizes, tied or not, pre- or post-norm."""

    def __init__(self, rng, vocabulary, length):
        super().__init__()
        width, heads = rng.choice([16, 32]), rng.choice([2, 4])
        first = rng.random() < 0.6
        self.tokens, self.places = nn.Embedding(vocabulary, width), nn.Parameter(torch.zeros(1, length, width))
        block = nn.TransformerEncoderLayer(width, heads, 4 * width, 0.1, "gelu", batch_first=True, norm_first=first)
        self.blocks = nn.TransformerEncoder(block, rng.randint(1, 4), enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width) if first else nn.Identity()
        self.head = nn.Linear(width, vocabulary, bias=False)
        nn.init.normal_(self.tokens.weight, std=rng.choice([0.02, 0.1]))
        nn.init.normal_(self.head.weight, std=0.02)
        if rng.random() < 0.5:
            self.head.weight = self.tokens.weight
        if rng.random() < 0.5:
            nn.init.normal_(self.places, std=0.02)

    def forward(self, ids):
        mask = nn.Transformer.generate_square_subsequent_mask(ids.shape[1])
        return self.head(self.norm(self.blocks(self.tokens(ids) + self.places, mask=mask, is_causal=True)))


def next_token(logits, targets):
    return nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


@kind
def causal_transformer(rng, rows):
    vocabulary, length = rng.randint(8, 60), rng.randint(6, 20)
    follow = torch.randperm(vocabulary)
    ids = torch.randint(vocabulary, (rows, length + 1))
    for t in range(1, length + 1):
        ids[:, t] = torch.where(torch.rand(rows) < 0.7, follow[ids[:, t - 1]], ids[:, t])
    return Causal(rng, vocabulary, length), ids[:, :-1], ids[:, 1:], next_token


@kind
def autoencoder(rng, rows):
    features = rng.randint(8, 60)
    x = torch.rand(rows, 3) @ torch.rand(3, features) / 3
    act = rng.choice([nn.ReLU, nn.Tanh, nn.ELU])
    down = [features, *sorted(widths(rng, 2), reverse=True), rng.randint(4, 8)]
    last = [nn.Sigmoid()] if rng.random() < 0.5 else []
    net = nn.Sequential(*stack(down, act), act(), *stack(down[::-1], act), *last)
    return net, x, x.clone(), nn.MSELoss()


class Bag(nn.Module):
    """Embeddings averaged over the words that are no padding."""

    def __init__(self, rng, vocabulary, classes):
        super().__init__()
        width = rng.choice([16, 32, 64])
        self.embed = nn.Embedding(vocabulary, width, padding_idx=0)
        self.hidden, self.head = nn.Linear(width, width), nn.Linear(width, classes)
        if rng.random() < 0.3:
            nn.init.zeros_(self.head.weight)

    def forward(self, ids):
        mask = (ids != 0).unsqueeze(-1)
        return self.head(torch.relu(self.hidden((self.embed(ids) * mask).sum(1) / mask.sum(1))))


@kind
def bag_of_words(rng, rows):
    vocabulary, classes, length = rng.randint(30, 400), rng.randint(2, 6), rng.randint(5, 25)
    y = torch.randint(classes, (rows,))
    ids = torch.randint(1, vocabulary, (rows, length))
    ids[:, 0] = y + 1
    ids[torch.arange(length) >= torch.randint(2, length + 1, (rows, 1))] = 0
    return Bag(rng, vocabulary, classes), ids, y, nn.CrossEntropyLoss()


def drawn(name, seed):
    rng = random.Random(f"{name} {seed}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(rng.randrange(10**9))
        size = rng.choice([16, 24, 32, 64])
        model, x, y, loss_fn = KINDS[name](rng, 4 * size)
    data = torch.utils.data.TensorDataset(x, y)
    loader = torch.utils.data.DataLoader(data, batch_size=size)
    optimizer = torch.optim.Adam(model.parameters())
    return Bench(model=model, loss_fn=loss_fn, train_loader=loader, batch=(x[:size], y[:size]), optimizer=optimizer)


def alarms(bench):
    wrong = (Verdict.BAD, Verdict.CRASHED)
    return [f"{r.id}: {r.verdict}: {r.finding.message}" for r in run_each(INIT, bench) if r.verdict in wrong]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("name", list(KINDS))
def test_a_healthy_net_raises_no_alarm(name, seed):
    assert alarms(drawn(name, seed)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", list(KINDS))
def test_two_hundred_healthy_nets_of_each_kind_raise_no_alarm(name):
    told = {seed: told for seed in range(200) if (told := alarms(drawn(name, seed)))}
    assert told == {}


def test_the_same_nets_with_unit_normal_weights_do_raise_one():
    def spoilt(seed):
        bench = drawn("mlp_relu", seed)
        for weight in bench.model.parameters():
            nn.init.normal_(weight)
        return bench

    assert sum(bool(alarms(spoilt(seed))) for seed in range(8)) >= 6


def test_there_are_ten_kinds():
    assert len(KINDS) == 10
