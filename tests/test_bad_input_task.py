"""What cannot be used is refused in one sentence, word for word; everything of the user's stays as it was."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe import batches, toys
from nbrecipe.batches import BadInput
from nbrecipe.bench import Bench
from nbrecipe.finding import Verdict
from nbrecipe.registry import get_check
from nbrecipe.runner import run
from nbrecipe.task import read_task

X, Y = torch.randn(8, 20, generator=toys.seeded()), torch.arange(8) % 5
HOLE = X.clone()
HOLE[0, 0], HOLE[1, 2], HOLE[1, 3] = math.nan, math.inf, math.nan


class TwoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(20, 5)

    def forward(self, image, extra):
        return self.layer(image) + extra.sum()


class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(10, 5)

    def forward(self, ids):
        return self.table(ids).mean(1)


class Silent(nn.Module):
    def forward(self, x):
        return {"logits": x}


LAZY = nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(5))

CASES = {
    "features": (
        toys.mlp(), (X[:, :12], Y), nn.CrossEntropyLoss(),
        "the forward pass of Sequential fails on this batch, whose input is (8, 12) float32: "
        "mat1 and mat2 shapes cannot be multiplied (8x12 and 20x32); "
        "this happens in `0` (Linear), given (8, 12) float32",
    ),
    "dtype": (
        toys.mlp(), (X.double(), Y), nn.CrossEntropyLoss(),
        "the forward pass of Sequential fails on this batch, whose input is (8, 20) float64: "
        "mat1 and mat2 must have the same dtype, but got Double and Float; this happens in `0` (Linear), "
        "given (8, 20) float64",
    ),
    "token id outside the table": (
        Tokens(), (torch.full((8, 3), 11), Y), nn.CrossEntropyLoss(),
        "the forward pass of Tokens fails on this batch, whose input is (8, 3) int64: index out of range in self; "
        "this happens in `table` (Embedding), given (8, 3) int64",
    ),
    "an input too few": (
        TwoInputs(), (X, Y), nn.CrossEntropyLoss(),
        "the forward pass of TwoInputs fails on this batch, whose input is (8, 20) float32: "
        "TwoInputs.forward() missing 1 required positional argument: 'extra'",
    ),
    "NaN": (
        toys.mlp(), (HOLE, Y), nn.CrossEntropyLoss(),
        "`input` holds 3 values that are NaN or infinite, of 160; find where they come from before training",
    ),
    "NaN in the second input": (
        TwoInputs(), (X, HOLE[:2, :2], Y), nn.CrossEntropyLoss(),
        "`extra` holds 1 values that are NaN, of 4; find where they come from before training",
    ),
    "infinite target": (
        toys.mlp((20, 1)), (X, torch.full((8, 1), math.inf)), nn.MSELoss(),
        "`target` holds 8 values that are infinite, of 8; find where they come from before training",
    ),
    "floats for class indices": (
        toys.mlp(), (X, Y.float()), nn.CrossEntropyLoss(),
        "cross-entropy takes class indices of int64, but the targets are (8,) float32; convert them with `.long()`",
    ),
    "floats for class indices, NLL": (
        toys.mlp(), (X, Y.float()), nn.NLLLoss(),
        "NLL loss takes class indices of int64, but the targets are (8,) float32; convert them with `.long()`",
    ),
    "int32 for class indices": (
        toys.mlp(), (X, Y.int()), nn.CrossEntropyLoss(),
        "cross-entropy takes class indices of int64, but the targets are int32; use `.long()`",
    ),
    "integers for yes and no": (
        toys.mlp((20, 1)), (X, (Y > 2).long()[:, None]), nn.BCEWithLogitsLoss(),
        "binary cross-entropy takes targets of floats, but they are int64; convert them with `.float()`",
    ),
    "truth values for yes and no": (
        nn.Sequential(toys.mlp((20, 1)), nn.Sigmoid()), (X, (Y > 2)[:, None]), nn.BCELoss(),
        "binary cross-entropy takes targets of floats, but they are bool; convert them with `.float()`",
    ),
    "class index too high": (
        toys.mlp(), (X, Y + 1), nn.CrossEntropyLoss(),
        "the targets hold class index 5, but the model has 5 outputs (classes 0 to 4); "
        "number the classes from 0, or give the last layer an output for each",
    ),
    "classes in the last axis": (
        nn.Embedding(9, 9), (torch.arange(72).reshape(12, 6) % 9, torch.arange(72).reshape(12, 6) % 9),
        nn.CrossEntropyLoss(),
        "cross-entropy takes the classes in axis 1, but the outputs are (12, 6, 9) float32, with the classes last; "
        "move them, `output.movedim(-1, 1)`, or give the loss that flattens them with --loss",
    ),
    "class index too low": (
        toys.mlp(), (X, Y - 1), lambda p, t: F.cross_entropy(p, t),
        "the targets hold class index -1, but the model has 5 outputs (classes 0 to 4); "
        "number the classes from 0, or give the last layer an output for each",
    ),
    "shapes that do not meet": (
        toys.mlp(), (X, Y[:6]), nn.CrossEntropyLoss(),
        "the loss fails for output (8, 5) float32 and target (6,) int64: "
        "Expected input batch_size (8) to match target batch_size (6)",
    ),
    "sigmoid forgotten": (
        toys.mlp((20, 1)), (X, (Y > 2).float()[:, None]), nn.BCELoss(),
        "the loss fails for output (8, 1) float32 and target (8, 1) float32: "
        "all elements of input should be between 0 and 1",
    ),
    "a name for a loss": (
        toys.mlp(), (X, Y), "mse",
        "the loss is a str ('mse'), which cannot be called; give a function or a module such as nn.CrossEntropyLoss()",
    ),
    "a class for a loss": (
        toys.mlp(), (X, Y), nn.CrossEntropyLoss,
        "the loss is the class CrossEntropyLoss, not an instance of it; write `CrossEntropyLoss()`",
    ),
    "a number for a loss": (
        toys.mlp(), (X, Y), lambda p, t: F.cross_entropy(p, t).item(),
        "the loss function gives a float, not a tensor; return the tensor itself, without `.item()`",
    ),
    "no loss": (
        Silent(), (X, Y), None,
        "no loss was given and the model returns none of its own; give one with --loss",
    ),
    "lazy layers": (
        LAZY, (X, Y), nn.CrossEntropyLoss(),
        "the lazy layer `0` of the model has no weights yet; pass one batch through it first",
    ),
    "not a batch": (
        toys.mlp(), "rows", nn.CrossEntropyLoss(),
        "a batch of type str cannot be fed; give a tensor, a tuple (inputs, target) or a dict",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("net", "batch", "loss_fn", "sentence"), CASES.values(), ids=CASES.keys())
def test_the_sentence(net, batch, loss_fn, sentence):
    with pytest.raises(BadInput) as refused:
        read_task(net, batches.feed(net, batch, loss_fn), loss_fn)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(("net", "batch", "loss_fn", "sentence"), CASES.values(), ids=CASES.keys())
def test_a_check_is_skipped_with_this_sentence_and_leaves_no_trace(net, batch, loss_fn, sentence):
    rng, modes = torch.get_rng_state(), [module.training for module in net.modules()]
    for check in ("loss-at-init", "final-bias"):
        finding = run(get_check(check), Bench(model=net, batch=batch, loss_fn=loss_fn)).finding
        assert (finding.verdict, finding.message) == (Verdict.SKIPPED, sentence)
    assert torch.equal(torch.get_rng_state(), rng)
    assert [module.training for module in net.modules()] == modes
    assert not any(module._forward_hooks for module in net.modules() if module is not LAZY[0] and module is not LAZY[2])


def test_an_empty_loader():
    loader = DataLoader(TensorDataset(X[:0], Y[:0]), 4)
    given = Bench(
        model=toys.mlp(), train_loader=loader, loss_fn=nn.CrossEntropyLoss(), names={"train_loader": "train_dl"}
    )
    finding = run(get_check("loss-at-init"), given).finding
    assert (finding.verdict, finding.message) == (Verdict.SKIPPED, "`train_dl` is empty: it gives no batch")


def test_a_long_message_of_somebody_else_is_cut():
    class Wordy(nn.Module):
        def forward(self, x):
            raise RuntimeError("one thing\n  and another " * 40)

    with pytest.raises(BadInput) as refused:
        read_task(Wordy(), batches.feed(Wordy(), (X, Y), F.mse_loss), F.mse_loss)
    assert len(str(refused.value)) < 280
    assert str(refused.value).endswith("…")
    assert "\n" not in str(refused.value)
    assert isinstance(refused.value.__cause__, RuntimeError)


def test_gaps_that_model_or_loss_deal_with_are_no_fault():
    class Filled(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(20, 1)

        def forward(self, x):
            return self.layer(x.nan_to_num(0, 0, 0))

    def masked(p, t):
        return (p - t)[~t.isnan()].square().mean()

    target = torch.where(torch.arange(8) % 2 == 0, math.nan, 1.0)[:, None]
    assert read_task(Filled(), batches.feed(Filled(), (HOLE, target), masked), masked).loss.isfinite()


def test_an_additive_mask_may_hold_minus_infinity():
    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(20, 5)

        def forward(self, x, attn_mask):
            return self.layer(x) * math.nan

    mask = torch.full((4, 4), -math.inf).triu(1)
    task = read_task(Masked(), batches.feed(Masked(), (X, mask, Y), F.cross_entropy), F.cross_entropy)
    assert task.loss.isnan()


def test_ignored_targets_may_lie_anywhere():
    y = Y.clone()
    y[0] = 255
    loss_fn = nn.CrossEntropyLoss(ignore_index=255)
    assert read_task(toys.mlp(), batches.feed(toys.mlp(), (X, y), loss_fn), loss_fn).loss.isfinite()
