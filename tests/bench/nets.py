"""The two nets of the speed figures, written out: as large as a ResNet-18, and a transformer of six layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe.bench import Bench


class Residual(nn.Module):
    """Two convolutions and what came in."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, after, 3, stride, 1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            nn.Conv2d(after, after, 3, 1, 1, bias=False),
            nn.BatchNorm2d(after),
        )
        same = stride == 1 and before == after
        self.way = nn.Identity() if same else nn.Conv2d(before, after, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.way(x))


def resnet18() -> nn.Sequential:
    """Eleven million parameters, for (N, 3, 64, 64)."""
    stages = [(64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1)]
    stages += [(128, 256, 2), (256, 256, 1), (256, 512, 2), (512, 512, 1)]
    return nn.Sequential(
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
        *(Residual(*stage) for stage in stages),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(512, 10),
    )


class Transformer(nn.Module):
    """Six causal layers of width 256 over 64 tokens."""

    def __init__(self, vocabulary: int = 1000, width: int = 256, layers: int = 6) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocabulary, width), nn.Embedding(64, width)
        layer = nn.TransformerEncoderLayer(width, 8, 4 * width, dropout=0.0, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary)
        nn.init.normal_(self.tokens.weight, std=0.02)
        nn.init.normal_(self.places.weight, std=0.02)

    def forward(self, ids: Tensor) -> Tensor:
        size = ids.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(size)
        x = self.tokens(ids) + self.places(torch.arange(size))
        return self.head(self.norm(self.blocks(x, mask=mask, is_causal=True)))


def token_loss(logits: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


def benches() -> dict[str, Bench]:
    """Each net with a loader of eight batches, as a notebook would have it."""
    torch.manual_seed(0)
    images, labels = torch.randn(256, 3, 64, 64), torch.randint(10, (256,))
    ids = torch.randint(1000, (128, 65))
    return {
        "ResNet-18, 32 images of 64 x 64": _bench(resnet18(), nn.CrossEntropyLoss(), images, labels, 32),
        "6-layer transformer, 16 x 64 tokens": _bench(Transformer(), token_loss, ids[:, :-1], ids[:, 1:], 16),
    }


def _bench(model: nn.Module, loss_fn: object, x: Tensor, y: Tensor, size: int) -> Bench:
    return Bench(model=model, loss_fn=loss_fn, train_loader=DataLoader(TensorDataset(x, y), size, shuffle=True))
