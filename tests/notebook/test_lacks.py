"""What a magic says where there is no batch or no loss: the line it gives works when pasted."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError
from IPython.utils.capture import capture_output

IMPORTS = """import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
torch.manual_seed(0)
"""
NET = "net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))\n"
DATA = "x, y = torch.randn(32, 6), torch.arange(32) % 3\n"
NO_LOSS = "no loss function here; name the one of cell 2, then run this again: criterion = lambda output, target: "


def ran(ip, source):
    """The result of a cell; its refusal where it has one."""
    with capture_output():
        done = ip.run_cell(source, store_history=True)
    if type(done.error_in_exec) is UsageError:
        return str(done.error_in_exec)
    assert done.success, done.error_in_exec
    return done.result


def pasted(ip, sentence):
    """The answer of `%check_init` once the line at the end of a sentence has been run."""
    line = sentence.rpartition(": ")[2] if "%" in sentence else sentence.partition(": ")[2]
    answer = ran(ip, line) if line.startswith("%") else [ran(ip, line), ran(ip, "%check_init")][1]
    assert not isinstance(answer, str), answer
    return answer


@pytest.mark.parametrize(
    ("arrays", "batch"),
    [
        (
            "X_train, y_train = np.random.randn(200, 6).astype('float32'), np.arange(200) % 3",
            "(torch.tensor(X_train[::3]), torch.tensor(y_train[::3]))",
        ),
        (
            "X, y = np.random.randn(32, 6), (np.arange(32) % 3).astype('int32')",
            "(torch.tensor(X).float(), torch.tensor(y).long())",
        ),
        (
            "X, y = np.random.randint(9, size=(100, 6)).astype('uint8'), (np.arange(100) % 3).astype('uint8')",
            "(torch.tensor(X[:64]).float(), torch.tensor(y[:64]).long())",
        ),
    ],
)
def test_numpy_arrays_become_a_batch_by_the_line_given(ip, arrays, batch):
    ran(ip, IMPORTS + NET + "criterion = nn.CrossEntropyLoss()\n" + arrays)
    names = arrays.partition(" =")[0].split(", ")
    told = ran(ip, "%check_init")
    assert told == (
        f"`{names[0]}` and `{names[1]}` are NumPy arrays; hand over a batch of tensors: %check_init --batch {batch}"
    )
    assert pasted(ip, told).results["loss-at-init"].verdict == "ok"


def test_the_line_keeps_what_the_call_had_and_overfit_batch_gives_its_own(ip):
    ran(ip, IMPORTS + NET + "criterion = nn.CrossEntropyLoss()\nX, y = np.zeros((9, 6), 'float32'), np.arange(9) % 3")
    assert ran(ip, "%check_init net -q;").endswith(": %check_init net -q --batch (torch.tensor(X), torch.tensor(y))")
    told = ran(ip, "%%overfit_batch -n 4\npass")
    assert told.endswith(": %%overfit_batch -n 4 --batch (torch.tensor(X), torch.tensor(y))")


def test_without_arrays_both_flags_are_named(ip):
    ran(ip, IMPORTS + NET + "X, y = np.zeros((9, 6)), np.arange(8)")
    assert ran(ip, "%check_init") == "no batch here: give a loader (`--train loader`) or a batch (`--batch (x, y)`)"


@pytest.mark.parametrize(
    ("cell", "loss"),
    [
        ("F.cross_entropy(net(x), y).backward()", "F.cross_entropy"),
        ("logits = net(x)\nloss = F.cross_entropy(logits, y)", "F.cross_entropy"),
        ("torch.nn.functional.cross_entropy(net(x), y)", "torch.nn.functional.cross_entropy"),
        ("nn.CrossEntropyLoss()(net(x), y)", "nn.CrossEntropyLoss()"),
        ("def step(model, xb, yb):\n    return F.cross_entropy(model(xb), yb)\nstep(net, x, y)", "F.cross_entropy"),
    ],
)
def test_a_loss_that_is_called_in_line_is_handed_over_by_the_line_given(ip, cell, loss):
    ran(ip, IMPORTS + NET + DATA)
    ran(ip, cell)
    told = ran(ip, "%check_init")
    assert told == f"no loss function here, but cell 2 calls one: %check_init --loss {loss}"
    found = pasted(ip, told).results["loss-at-init"].finding
    ran(ip, "expected = F.cross_entropy(net(x), y).item()")
    assert found.seen["loss"] == pytest.approx(ip.user_ns["expected"], rel=1e-5)


@pytest.mark.parametrize(
    ("cell", "function"),
    [
        (
            "w = torch.tensor([1.0, 2.0, 3.0])\nloss = F.cross_entropy(net(x), y.view(-1), weight=w)",
            "F.cross_entropy(output, target.view(-1), weight=w)",
        ),
        (
            "out = net(x)\nloss = ((out - x[:, :3]) ** 2).mean()\nloss.backward()",
            "((output - target[:, :3]) ** 2).mean()",
        ),
        ("((net(x) - 1.0 * x[:, :3]) ** 2).mean().backward()", "((output - 1.0 * target[:, :3]) ** 2).mean()"),
    ],
)
def test_a_loss_that_needs_writing_is_written(ip, cell, function):
    ran(ip, IMPORTS + NET + DATA)
    ran(ip, cell)
    told = ran(ip, "%check_init")
    assert told == NO_LOSS + function
    if "[" not in function:
        assert pasted(ip, told).results["loss-at-init"].verdict == "ok"


@pytest.mark.parametrize(
    "cell",
    [
        "def step(model, xb, yb, w):\n    return F.cross_entropy(model(xb), yb, weight=w)",
        "both = dict(y=y)\nloss = F.cross_entropy(net(x), both['y'])",
    ],
)
def test_where_output_or_target_cannot_be_told_the_cell_is(ip, cell):
    ran(ip, IMPORTS + NET + DATA)
    ran(ip, cell)
    assert ran(ip, "%check_init") == NO_LOSS + "..."


def test_without_any_loss_one_of_torchs_is_named(ip):
    ran(ip, IMPORTS + NET + DATA)
    assert ran(ip, "%check_init") == (
        "no loss function here, and the model returns no loss: %check_init --loss nn.CrossEntropyLoss(), say"
    )
