"""Cells run in a shell, as a user runs them: what they give, and how they are refused."""

from __future__ import annotations

import torch
from IPython.core.error import UsageError
from IPython.utils.capture import capture_output
from torch import nn

#: a cell that builds data, loss and model
CLASSIFIER = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
g = torch.Generator().manual_seed(0)
y = torch.randint(3, (96,), generator=g)
x = torch.randn(96, 6, generator=g) + 2 * nn.functional.one_hot(y, 6)
train_dl = DataLoader(TensorDataset(x, y), batch_size=32)
criterion = nn.CrossEntropyLoss()
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 3))
"""


def do(shell, source):
    """Run a cell; its value and what was shown."""
    with capture_output() as said:
        result = shell.run_cell(source, store_history=True)
    result.raise_error()
    return result.result, said


def refused(shell, source, made=()):
    """The sentence with which a cell is refused; it is one line without a traceback, and changes nothing.

    `made`: names that the cell itself may have made before it was refused.
    """
    before, weights = visible(shell), weights_of(shell)
    rng = torch.get_rng_state()
    with capture_output() as said:
        result = shell.run_cell(source, store_history=True)
    assert type(result.error_in_exec) is UsageError, result.error_in_exec
    assert said.stderr == f"UsageError: {result.error_in_exec}\n"
    assert said.stdout == ""
    assert {name: seen for name, seen in visible(shell).items() if name not in made} == before
    assert all(torch.equal(a, b) for a, b in zip(weights_of(shell), weights, strict=True))
    assert torch.equal(torch.get_rng_state(), rng)
    return str(result.error_in_exec)


def visible(shell):
    return {name: id(value) for name, value in shell.user_ns.items() if not name.startswith("_")}


def weights_of(shell):
    return [p.detach().clone() for v in shell.user_ns.values() if isinstance(v, nn.Module) for p in v.parameters()]
