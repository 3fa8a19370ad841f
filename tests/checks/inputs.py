"""Batches that are right, of many kinds, with a net that takes them: nothing of what enters is wrong."""

import torch
from torch import nn
from torch.nn import functional as F

from nbrecipe import toys
from nbrecipe.decoding.normalisation import KNOWN

CE, MSE = nn.CrossEntropyLoss(), nn.MSELoss()


def smooth(seed, *shape):
    """Images from 0 to 1 that change slowly."""
    g = toys.seeded(seed)
    noise = torch.rand(*shape[:-2], shape[-2] + 4, shape[-1] + 4, generator=g)
    x = F.avg_pool2d(noise, 5, stride=1)
    low, high = x.amin((0, 2, 3), keepdim=True), x.amax((0, 2, 3), keepdim=True)
    return ((x - low) / (high - low) * 255).round() / 255


def conv(channels, norm=False):
    normed = [nn.BatchNorm2d(8)] if norm else []
    layers = [nn.Conv2d(channels, 8, 3), *normed, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)]
    return nn.Sequential(*layers)


def by_statistics(name, x):
    mean, std = (torch.tensor(each)[:, None, None] for each in KNOWN[name])
    return (x - mean) / std


def labelled(net, x, seed=0, loss=CE):
    return toys.bench(net, x, torch.randint(3, (len(x),), generator=toys.seeded(seed)), loss, size=32)


class Embeds(nn.Module):
    """Ids as floats, as a table of mixed columns holds them."""

    def __init__(self):
        super().__init__()
        self.table, self.head = nn.Embedding(1000, 8), nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.table(x.long()).mean(1))


class Standardises(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = toys.mlp((6, 16, 3))

    def forward(self, x):
        return self.body((x - x.mean(0)) / x.std(0))


class Logs(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = toys.mlp((6, 16, 3))

    def forward(self, x):
        return self.body(x.abs().log1p() / 5)


class Patches(nn.Module):
    """A vision transformer in small."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 16, 4, 4)
        self.norm, self.head = nn.LayerNorm(16), nn.Linear(16, 3)

    def forward(self, image):
        return self.head(self.norm(self.patch(image).flatten(2).transpose(1, 2)).mean(1))


class Time(nn.Module):
    """A step of a diffusion enters as sines and cosines."""

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(16, 3)

    def forward(self, t):
        angles = t * torch.logspace(0, -3, 8)
        return self.body(torch.cat([angles.sin(), angles.cos()], 1))


class Last(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.rnn, self.head = nn.LSTM(width, 8, batch_first=True), nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


def grey_images(seed):
    return labelled(conv(1), smooth(seed, 48, 1, 16, 16), seed)


def imagenet(seed):
    return labelled(conv(3), by_statistics("ImageNet", smooth(seed, 48, 3, 16, 16)), seed)


def cifar(seed):
    return labelled(conv(3), by_statistics("CIFAR-10", smooth(seed, 48, 3, 16, 16)), seed)


def mnist(seed):
    return labelled(conv(1), by_statistics("MNIST", smooth(seed, 48, 1, 16, 16) ** 3), seed)


def from_minus_one_to_one(seed):
    return labelled(conv(3), smooth(seed, 48, 3, 16, 16) * 2 - 1, seed)


def own_statistics(seed):
    x = smooth(seed, 48, 3, 16, 16)
    return labelled(conv(3), (x - x.mean((0, 2, 3), keepdim=True)) / x.std((0, 2, 3), keepdim=True), seed)


def dark_images(seed):
    return labelled(conv(3), by_statistics("ImageNet", smooth(seed, 48, 3, 16, 16) * 0.1), seed)


def bytes_before_batch_norm(seed):
    return labelled(conv(3, norm=True), smooth(seed, 48, 3, 16, 16) * 255, seed)


def bytes_into_patches_with_norm(seed):
    return labelled(Patches(), smooth(seed, 48, 3, 16, 16) * 255, seed)


def binary_masks(seed):
    return labelled(conv(1), (smooth(seed, 48, 1, 16, 16) > 0.5).float(), seed)


def noise_images(seed):
    return labelled(conv(3), torch.randn(48, 3, 16, 16, generator=toys.seeded(seed)), seed)


def standardised_noise_in_grey(seed):
    x = torch.randn(48, 1, 16, 16, generator=toys.seeded(seed)).clamp(-3.2, 3.2)
    return labelled(conv(1), (x - x.mean()) / x.std(), seed)


def wide_images(seed):
    return labelled(conv(3), smooth(seed, 48, 3, 12, 24) - 0.5, seed)


def striped_images(seed):
    g = toys.seeded(seed)
    return labelled(conv(3), torch.rand(48, 3, 1, 16, generator=g).expand(48, 3, 16, 16).contiguous(), seed)


def ramps(seed):
    x = torch.linspace(0, 1, 256).reshape(1, 1, 16, 16) * torch.rand(48, 3, 1, 1, generator=toys.seeded(seed))
    return labelled(conv(3), x, seed)


def grey_as_colour(seed):
    return labelled(conv(3), smooth(seed, 48, 1, 16, 16).expand(48, 3, 16, 16).contiguous(), seed)


def feature_maps(seed):
    return labelled(conv(3), torch.relu(torch.randn(48, 3, 16, 16, generator=toys.seeded(seed))), seed)


def rows(seed):
    return toys.classify(seed=seed)


def one_hot(seed):
    g = toys.seeded(seed)
    return labelled(toys.mlp((200, 16, 3)), F.one_hot(torch.randint(200, (64,), generator=g), 200).float(), seed)


def bag_of_words(seed):
    x = (torch.rand(64, 100, generator=toys.seeded(seed)) < 0.03).float()
    return labelled(toys.mlp((100, 16, 3)), x, seed)


def tf_idf(seed):
    g = toys.seeded(seed)
    x = torch.rand(64, 100, generator=g) * (torch.rand(64, 100, generator=g) < 0.1)
    return labelled(toys.mlp((100, 16, 3)), F.normalize(x), seed)


def counts_with_empty_rows(seed):
    x = torch.poisson(torch.full((64, 70), 0.05), generator=toys.seeded(seed))
    return labelled(toys.mlp((70, 16, 3)), x, seed)


def probabilities(seed):
    return labelled(toys.mlp((10, 16, 3)), torch.randn(64, 10, generator=toys.seeded(seed)).softmax(1), seed)


def ids_as_floats(seed):
    return labelled(Embeds(), torch.randint(1000, (64, 6), generator=toys.seeded(seed)).float(), seed)


def raw_columns_into_a_norm(seed):
    x = torch.rand(64, 6, generator=toys.seeded(seed)) * torch.tensor([1.0, 10, 100, 1000, 1e4, 1e5])
    return labelled(nn.Sequential(nn.BatchNorm1d(6), toys.mlp((6, 16, 3))), x, seed)


def raw_columns_standardised_inside(seed):
    x = torch.rand(64, 6, generator=toys.seeded(seed)) * torch.tensor([1.0, 10, 100, 1000, 1e4, 1e5])
    return labelled(Standardises(), x, seed)


def raw_columns_of_which_logarithms_are_taken(seed):
    x = torch.rand(64, 6, generator=toys.seeded(seed)) * torch.tensor([1.0, 10, 100, 1000, 1e4, 1e5])
    return labelled(Logs(), x, seed)


def steps_of_a_diffusion(seed):
    return labelled(Time(), torch.randint(1000, (64, 1), generator=toys.seeded(seed)).float(), seed)


def tokens(seed):
    return toys.next_token(seed=seed)


def waves(seed):
    phase = torch.rand(48, 1, 2, generator=toys.seeded(seed)) * 6
    return labelled(Last(2), torch.sin(torch.linspace(0, 9, 40)[None, :, None] + phase), seed)


def silent_audio(seed):
    x = 0.01 * torch.randn(48, 1, 400, generator=toys.seeded(seed))
    net = nn.Sequential(nn.Conv1d(1, 4, 9), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(4, 3))
    return labelled(net, x, seed)


def noise_of_a_generator(seed):
    g = toys.seeded(seed)
    return toys.bench(toys.mlp((16, 32, 12)), torch.randn(64, 16, generator=g), torch.randn(64, 12, generator=g), MSE)


def autoencoder(seed):
    x = smooth(seed, 48, 1, 16, 16)
    return toys.bench(nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 1, 1)), x, x, MSE, size=32)


def normalised_by_a_wide_deviation(seed):
    x = torch.randn(64, 20, generator=toys.seeded(seed)) * 0.2 + 0.3
    return labelled(toys.mlp((20, 16, 3)), x, seed)


KINDS = [
    grey_images,
    imagenet,
    cifar,
    mnist,
    from_minus_one_to_one,
    own_statistics,
    dark_images,
    bytes_before_batch_norm,
    bytes_into_patches_with_norm,
    binary_masks,
    noise_images,
    standardised_noise_in_grey,
    wide_images,
    striped_images,
    ramps,
    grey_as_colour,
    feature_maps,
    rows,
    one_hot,
    bag_of_words,
    tf_idf,
    counts_with_empty_rows,
    probabilities,
    ids_as_floats,
    raw_columns_into_a_norm,
    raw_columns_standardised_inside,
    raw_columns_of_which_logarithms_are_taken,
    steps_of_a_diffusion,
    tokens,
    waves,
    silent_audio,
    noise_of_a_generator,
    autoencoder,
    normalised_by_a_wide_deviation,
]
