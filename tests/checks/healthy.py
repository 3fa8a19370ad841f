"""Fresh nets of many kinds, from a seed each, as people write them: none of them starts wrong."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from nbrecipe import toys


def seeded_init(net, seed, draw):
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for module in net.modules():
            if isinstance(module, (nn.Linear, nn.Conv2d)):
                draw(module.weight)
                nn.init.zeros_(module.bias)
    return net


def made(seed, build):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def he(weight):
    nn.init.kaiming_normal_(weight, nonlinearity="relu")


def default_mlp(seed):
    return toys.classify(seed=seed)


def he_mlp_of_eight_layers(seed):
    net = seeded_init(toys.mlp((20, *[64] * 8, 5)), seed, he)
    return toys.classify(net, seed=seed)


def he_with_two_classes(seed):
    return toys.classify(seeded_init(toys.mlp((20, 64, 64, 2)), seed, he), classes=2, seed=seed)


def xavier_tanh(seed):
    net = seeded_init(toys.mlp((20, 64, 64, 64, 10), act=nn.Tanh), seed, nn.init.xavier_normal_)
    return toys.classify(net, classes=10, seed=seed)


def convnet_with_batch_norm_and_dropout(seed):
    return toys.images(toys.convnet(dropout=0.5, seed=seed), seed=seed)


def he_convnet(seed):
    return toys.images(seeded_init(toys.convnet(norm=False), seed, he), seed=seed)


def layer_norm(seed):
    def build():
        return nn.Sequential(
            nn.LayerNorm(20), nn.Linear(20, 64), nn.GELU(), nn.LayerNorm(64), nn.Linear(64, 64), nn.GELU(),
            nn.LayerNorm(64), nn.Linear(64, 7),
        )  # fmt: skip

    return toys.classify(made(seed, build), classes=7, seed=seed)


class LSTM(nn.Module):
    def __init__(self, vocabulary, classes):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, 16)
        self.rnn = nn.LSTM(16, 32, num_layers=2, batch_first=True, dropout=0.2)
        self.head = nn.Linear(32, classes)

    def forward(self, ids):
        return self.head(self.rnn(self.embed(ids))[0][:, -1])


def lstm_over_tokens(seed):
    ids = torch.randint(30, (128, 12), generator=toys.seeded(seed))
    return toys.bench(made(seed, lambda: LSTM(30, 4)), ids, ids.sum(1) % 4, nn.CrossEntropyLoss())


def transformer(seed):
    return toys.next_token(seed=seed)


def tied_language_model(seed):
    net = toys.lm(seed=seed)
    net.head = nn.Linear(32, 24, bias=False)
    net.head.weight = net.tokens.weight
    made(seed, lambda: nn.init.normal_(net.head.weight, std=0.05))
    return toys.next_token(net, seed=seed)


def small_batches(seed):
    return toys.classify(classes=10, size=4, seed=seed)


def weighted_smoothed_summed(seed):
    loss_fn = nn.CrossEntropyLoss(torch.tensor([1.0, 2, 3, 4, 5]), label_smoothing=0.1, reduction="sum")
    return toys.classify(loss_fn=loss_fn, weights=(0.3, 0.25, 0.2, 0.15, 0.1), seed=seed)


def likelihood_of_log_softmax(seed):
    return toys.classify(nn.Sequential(toys.mlp(seed=seed), nn.LogSoftmax(1)), nn.NLLLoss(), seed=seed)


def log_softmax_into_cross_entropy(seed):
    return toys.classify(nn.Sequential(toys.mlp(seed=seed), nn.LogSoftmax(1)), seed=seed)


def standardised_regression(seed):
    return toys.regress(seed=seed)


def he_regression(seed):
    return toys.regress(seeded_init(toys.mlp((10, 64, 64, 1)), seed, he), nn.HuberLoss(), seed=seed)


def regression_with_prior_bias(seed):
    given = toys.regress(mean=1000.0, scale=3.0, seed=seed)
    nn.init.constant_(given.model[-1].bias, 1000.0)
    return given


def targets_in_millimetres(seed):
    return toys.regress(mean=0.01, scale=0.02, seed=seed)


def rare_event(seed):
    return toys.binary(rate=0.03, seed=seed)


def rare_event_with_prior(seed):
    given = toys.binary(rate=0.03, seed=seed)
    nn.init.constant_(given.model[-1].bias, math.log(0.03 / 0.97))
    return given


def many_labels(seed):
    g = toys.seeded(seed)
    x, y = torch.randn(128, 20, generator=g), (torch.rand(128, 12, generator=g) < 0.2).float()
    return toys.bench(toys.mlp((20, 64, 12), seed=seed), x, y, nn.BCEWithLogitsLoss())


def autoencoder_on_pixels(seed):
    x = torch.rand(128, 64, generator=toys.seeded(seed)) ** 2
    net = nn.Sequential(toys.mlp((64, 16, 64), seed=seed), nn.Sigmoid())
    return toys.bench(net, x, x, nn.MSELoss())


def linear_autoencoder_on_pixels(seed):
    x = torch.rand(128, 64, generator=toys.seeded(seed)) ** 2
    return toys.bench(toys.mlp((64, 32, 64), seed=seed), x, x, nn.MSELoss())


class Encoder(nn.Module):
    """Two views of an example in, the similarity of every pair out."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 32))

    def forward(self, x):
        one, two = F.normalize(self.body(x)), F.normalize(self.body(x + 0.1 * torch.randn_like(x)))
        return one @ two.T / 0.07


def contrastive(seed):
    x = torch.randn(128, 20, generator=toys.seeded(seed))
    return toys.bench(
        made(seed, Encoder), x, torch.arange(128) % 64, lambda p, t: F.cross_entropy(p, torch.arange(len(p)))
    )


class Prototypes(nn.Module):
    """Few-shot: the first 25 rows are examples of five classes, the others are compared with their means."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 48))

    def forward(self, x):
        x = self.body(x)
        means = x[:25].reshape(5, 5, -1).mean(1)
        return -torch.cdist(x, means).square()


def few_shot(seed):
    g = toys.seeded(seed)
    y = torch.arange(5).repeat_interleave(5).repeat(2)
    x = 3 * torch.randn(5, 20, generator=g)[y] + torch.randn(50, 20, generator=g)
    return toys.bench(made(seed, Prototypes), x, y, nn.CrossEntropyLoss(), size=50)


class Forecast(nn.Module):
    """The next value is the last one and something more."""

    def __init__(self):
        super().__init__()
        self.body = toys.mlp((12, 32, 1))

    def forward(self, x):
        return x[:, -1:] + 0.1 * self.body(x)


def forecast_from_the_last_value(seed):
    walk = torch.randn(128, 13, generator=toys.seeded(seed)).cumsum(1)
    return toys.bench(Forecast(), walk[:, :-1], walk[:, -1:], nn.MSELoss())


class Segmenter(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 3, 1))

    def forward(self, x):
        return self.body(x)


def segmentation(seed):
    x = torch.randn(32, 1, 8, 8, generator=toys.seeded(seed))
    return toys.bench(made(seed, Segmenter), x, (x[:, 0] > 1).long(), nn.CrossEntropyLoss(), size=16)


KINDS = [
    default_mlp,
    he_mlp_of_eight_layers,
    he_with_two_classes,
    xavier_tanh,
    convnet_with_batch_norm_and_dropout,
    he_convnet,
    layer_norm,
    lstm_over_tokens,
    transformer,
    tied_language_model,
    small_batches,
    weighted_smoothed_summed,
    likelihood_of_log_softmax,
    log_softmax_into_cross_entropy,
    standardised_regression,
    he_regression,
    regression_with_prior_bias,
    targets_in_millimetres,
    rare_event,
    rare_event_with_prior,
    many_labels,
    autoencoder_on_pixels,
    linear_autoencoder_on_pixels,
    contrastive,
    few_shot,
    forecast_from_the_last_value,
    segmentation,
]
