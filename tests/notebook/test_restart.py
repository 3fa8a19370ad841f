"""A real kernel that is restarted in a workshop: what was saved is there, and a sentence says what to run again."""

from __future__ import annotations

import os
import re

import nbformat
import pytest

CELLS = [
    "%load_ext nbrecipe",
    "import torch\nfrom torch import nn\nfrom torch.utils.data import DataLoader, TensorDataset",
    "x, y = torch.randn(64, 6), torch.arange(64) % 3\nval = TensorDataset(x, y)\nval_loader = DataLoader(val, 16)",
    "model = nn.Linear(6, 3)\ncriterion = nn.CrossEntropyLoss()\nbatch = (x, y)",
    "%evaluate model val_loader -q",
    "%check_init -q",
]


@pytest.fixture
def kernel(tmp_path):
    """A kernel in a folder of its own, as a server starts it for a notebook that was run and saved."""
    from jupyter_client.manager import KernelManager

    path = tmp_path / "hw.ipynb"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    for number, cell in enumerate(notebook.cells, 1):
        cell.execution_count = number
    nbformat.write(notebook, path)
    manager = KernelManager(kernel_name="python3")
    env = {**os.environ, "IPYTHONDIR": str(tmp_path / "ipython"), "JPY_SESSION_NAME": str(path), "OMP_NUM_THREADS": "1"}
    manager.start_kernel(env=env, cwd=str(tmp_path))
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def run(client, source):
    """What a cell prints, and how it is refused."""
    said = []
    client.execute_interactive(source, timeout=120, output_hook=said.append)
    text = "".join(m["content"]["text"] for m in said if m["msg_type"] == "stream")
    errors = [m["content"]["evalue"] for m in said if m["msg_type"] == "error"]
    return re.sub(r"\x1b\[[\d;]*m", "", text), errors


def test_after_a_restart_the_journal_is_there_and_each_magic_says_which_cell_to_run(kernel):
    manager, client = kernel
    for source in CELLS:
        assert run(client, source)[1] == [], source
    manager.restart_kernel()
    client.wait_for_ready(timeout=60)
    run(client, CELLS[0])
    said, errors = run(client, "%check_init")
    assert said + "".join(errors) == (
        "UsageError: no model here; run cells 2, 3 and 4 again, for the line `model = nn.Linear(6, 3)`\n"
    )
    said, _ = run(client, "print(get_ipython().run_line_magic('recipe', '-q'))")
    assert "This kernel has seen nothing yet; run cells 5 and 6 of the notebook" in said
    for source in CELLS[1:4]:
        run(client, source)
    assert run(client, CELLS[5])[1] == []
    count, _ = run(client, "from nbrecipe.journal import Journal; print(len(Journal().events('evaluate')))")
    assert count == "1\n"
