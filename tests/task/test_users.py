"""Which code is the user's own."""

import sysconfig
from pathlib import Path

import pytest
import torch

import nbrecipe
from nbrecipe.checks.init import loss_at_init
from nbrecipe.task.users import is_users


@pytest.mark.parametrize(
    "filename", ["<ipython-input-3-abc>", "/tmp/ipykernel_7/12.py", "/home/ada/net.py", loss_at_init.__file__]
)
def test_cells_modules_beside_the_notebook_and_examples_of_checks_are_the_users(filename):
    assert is_users(filename)


@pytest.mark.parametrize(
    "filename",
    [
        "<string>",
        torch.nn.functional.__file__,
        nbrecipe.task.__file__,
        f"{Path(sysconfig.get_path('stdlib')).resolve() / 'random.py'}",
        "/opt/env/lib/python3.12/site-packages/timm/layers.py",
    ],
)
def test_what_is_installed_and_what_is_built_is_not(filename):
    assert not is_users(filename)
