"""Data sets whose examples are changed when they are read, as people write them; no library of transforms is needed."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import Dataset

from nbrecipe import toys


def smooth(rows=12, channels=3, side=24, seed=0):
    """Images from 0 to 1 that change slowly and have no symmetry."""
    noise = torch.rand(rows, channels, side + 6, side + 6, generator=toys.seeded(seed))
    x = functional.avg_pool2d(noise, 7, stride=1)
    return (x - x.amin()) / (x.amax() - x.amin())


def heads(p=0.5):
    return bool(torch.rand(()) < p)


def light(image):
    return (image * (0.8 + 0.4 * torch.rand(()))).clamp(0, 1)


def moved(values, turn, down=0, right=0):
    """A symmetry of the square and a shift with a black border."""
    made = torch.rot90(values, turn % 4, (-2, -1))
    made = made.flip(-1) if turn >= 4 else made
    height, width = made.shape[-2:]
    padded = functional.pad(made, (8, 8, 8, 8))
    return padded[..., 8 - down : 8 - down + height, 8 - right : 8 - right + width]


def boxes_moved(boxes, turn, down, right, side):
    x, y = boxes[:, 0::2], boxes[:, 1::2]
    for _ in range(turn % 4):
        x, y = y, side - x
    x = side - x if turn >= 4 else x
    x, y = x.sort(1).values + right, y.sort(1).values + down
    return torch.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], 1)


class Segmented(Dataset):
    """(image, mask); `change` gets both."""

    def __init__(self, change, rows=12, side=24):
        self.images = smooth(rows, side=side)
        self.masks = (self.images.mean(1) > self.images.mean()).long()
        self.change = change

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.change(self.images[index], self.masks[index])


class Detected(Dataset):
    """(image, {"boxes", "labels"}) with corners in pixels; `change` gets image and boxes."""

    def __init__(self, change, side=24):
        self.images = smooth(side=side)
        corners = torch.tensor([[2.0, 3.0, 9.0, 12.0], [11.0, 14.0, 18.0, 22.0]])
        self.boxes = corners + torch.arange(12)[:, None, None] % 3
        self.change = change

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image, boxes = self.change(self.images[index], self.boxes[index])
        return image, {"boxes": boxes, "labels": torch.tensor([1, 2])}


class Labelled(Dataset):
    """(image, class), the image changed by a transform."""

    classes = ("cat", "dog", "horse")

    def __init__(self, transform=None, side=24):
        self.images, self.transform = smooth(side=side), transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = self.images[index]
        return (image if self.transform is None else self.transform(image)), index % 3


class Noisy(Dataset):
    """Draws from every generator, one of its own among them, and counts."""

    def __init__(self):
        self.count, self.own = 0, np.random.default_rng(0)

    def __len__(self):
        return 20

    def __getitem__(self, index):
        self.count += 1
        numbers = [float(torch.rand(())), float(np.random.rand()), random.random(), float(self.own.random())]
        return torch.tensor(numbers) + index, index


class Texts(Dataset):
    """Texts of which each word is left out now and then."""

    def __len__(self):
        return 5

    def __getitem__(self, index):
        words = f"row {index} says <b>hello</b> to the quick brown fox that sleeps".split()
        return " ".join(word for word in words if torch.rand(()) > 0.3), "good"
