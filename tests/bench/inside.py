"""What `%filters` and `%activations` cost on a net as large as ResNet-50: seconds on one core, memory, saved size."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from nbrecipe.bench import Bench
from nbrecipe.twins.batch.activations import activations_of
from nbrecipe.twins.batch.filters import filters_of

ROUNDS = 3
#: what the figures may not exceed: seconds with the HTML, and letters of it
MOST_SECONDS, MOST_LETTERS = 2.0, 300_000


class Bottleneck(nn.Module):
    """Three convolutions and what came in."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        after = 4 * width
        self.conv1, self.norm1 = nn.Conv2d(before, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.norm2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.norm3 = nn.Conv2d(width, after, 1, bias=False), nn.BatchNorm2d(after)
        self.relu = nn.ReLU(inplace=True)
        way = [nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)]
        self.way = nn.Sequential(*way) if stride > 1 or before != after else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.norm1(self.conv1(x)))
        out = self.norm3(self.conv3(self.relu(self.norm2(self.conv2(out)))))
        out += self.way(x)
        return self.relu(out)


def resnet50(classes: int = 1000) -> nn.Sequential:
    """Twenty-five million parameters in 53 convolutions, for images of three colours."""
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True)]
    layers.append(nn.MaxPool2d(3, 2, 1))
    before = 64
    for width, depth, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for i in range(depth):
            layers.append(Bottleneck(before, width, stride if i == 0 else 1))
            before = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes))


def benches() -> dict[str, Bench]:
    """The net with a batch of small images, and with one of the size of ImageNet's."""
    torch.manual_seed(0)
    net = resnet50()
    sizes = {"32 images of 64 x 64": 64, "32 images of 224 x 224": 224}
    batches = {name: torch.randn(32, 3, side, side) for name, side in sizes.items()}
    loss_fn = nn.CrossEntropyLoss()
    return {name: Bench(model=net, loss_fn=loss_fn, batch=(x, torch.zeros(32).long())) for name, x in batches.items()}


def rows() -> list[tuple[str, str, str]]:
    """(what, figure, limit), one row a figure."""
    torch.set_num_threads(1)
    table = []
    for name, bench in benches().items():
        for verb, show in (("%filters", filters_of), ("%activations", activations_of)):
            seconds, letters = _timed(lambda b=bench, s=show: len(s(b.replace())._repr_html_()))
            what = f"{verb}, ResNet-50, {name}"
            table.append((f"{what}: time", f"{seconds:.2f} s", f"{MOST_SECONDS:g}"))
            table.append((f"{what}: saved", f"{letters} letters", str(MOST_LETTERS)))
    return table


def _timed(do: Callable[[], int]) -> tuple[float, int]:
    """The median of several runs, after one that warms up."""
    letters = do()
    taken = []
    for _ in range(ROUNDS):
        start = time.process_time()  # of one core, whatever else the machine does
        do()
        taken.append(time.process_time() - start)
    return statistics.median(taken), letters
