"""What a pass of `%evaluate` costs beside a bare loop over the same loader that counts loss and right answers."""

from __future__ import annotations

import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe.bench import Bench
from nbrecipe.evaluation.passing import passed
from nbrecipe.twins.scores.evaluate import evaluate_of

from .paired import keep_freed_memory, ratio

ROUNDS, ROWS, TEXTS, LENGTH, VOCABULARY, WIDTH = 9, 10_000, 640, 64, 65, 64
MOST = 1.05


class Language(nn.Module):
    """A transformer of two layers over letters."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(VOCABULARY, WIDTH), nn.Linear(WIDTH, VOCABULARY)
        layer = nn.TransformerEncoderLayer(WIDTH, 4, 2 * WIDTH, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, ids: Tensor) -> Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(ids.shape[1])
        return self.head(self.layers(self.table(ids), mask=mask, is_causal=True))  # type: ignore[no-any-return]


def token_loss(output: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(output.reshape(-1, VOCABULARY), target.reshape(-1))


def benches() -> dict[str, Bench]:
    """A convnet and an MLP on 10,000 images of 28 x 28, a language model on 640 texts of 64 letters."""
    torch.manual_seed(0)
    x, y = torch.randn(ROWS, 1, 28, 28), torch.randint(10, (ROWS,))
    ids = torch.randint(VOCABULARY, (TEXTS, LENGTH))
    conv = nn.Sequential(nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3),
                         nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(512, 10))  # fmt: skip
    mlp = nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Dropout(), nn.Linear(256, 10))
    images = DataLoader(TensorDataset(x, y), batch_size=64)
    texts = DataLoader(TensorDataset(ids, ids.roll(-1, 1)), batch_size=32)
    loss_fn = nn.CrossEntropyLoss()
    return {
        f"convnet, {ROWS} images": Bench(model=conv, loss_fn=loss_fn, val_loader=images),
        f"MLP, {ROWS} images": Bench(model=mlp, loss_fn=loss_fn, val_loader=images),
        f"language model, {TEXTS} texts": Bench(model=Language(), loss_fn=token_loss, val_loader=texts),
    }


def bare(bench: Bench) -> tuple[float, int]:
    """The loop as people write it."""
    model, loss_fn = bench.model, bench.loss_fn
    assert model is not None
    assert loss_fn is not None
    assert bench.val_loader is not None
    model.eval()
    total, right, rows = 0.0, 0, 0
    with torch.no_grad():
        for x, y in bench.val_loader:
            output = model(x)
            total += loss_fn(output, y).item() * len(y)
            right += int((output.argmax(-1) == y).sum())
            rows += len(y)
    model.train()
    return total / rows, right


def rows() -> list[tuple[str, str, str]]:
    """(what, figure, limit), one row a figure."""
    torch.set_num_threads(1)
    keep_freed_memory()
    table = []
    for name, bench in benches().items():
        quotient, _, loop = ratio(lambda b=bench: passed(b), lambda b=bench: bare(b), ROUNDS)  # type: ignore[misc]
        table.append((f"%evaluate, {name}: the pass beside the bare loop", f"{quotient:.3f}", f"{MOST}"))
        start = time.process_time()
        evaluate_of(bench)
        whole = time.process_time() - start
        table.append((f"%evaluate, {name}: with all intervals and tables", f"{whole:.2f} s ({loop:.2f} s bare)", ""))
    return table
