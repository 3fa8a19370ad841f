"""The wire between a shown batch and its loader, without a browser: what it answers, and what it leaves alone."""

import gc
import random
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from IPython.utils.capture import capture_output

wire = pytest.importorskip("nbrecipe.notebook.wire")

CELL = """
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

class Noisy(Dataset):
    count = 0
    def __len__(self):
        return 36
    def __getitem__(self, i):
        self.count += 1
        return torch.randn(6) + i, i % 3

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))
    def forward(self, x):
        return self.body(x)

torch.manual_seed(3)
data, net, criterion = Noisy(), Net(), nn.CrossEntropyLoss()
train_dl = DataLoader(data, batch_size=6, shuffle=True)
"""


@pytest.fixture
def notebook(ip, monkeypatch):
    monkeypatch.setattr("nbrecipe.notebook.live.can_show", lambda shell: True)
    ip.run_cell(CELL, store_history=True).raise_error()
    yield ip
    while wire.WIRES:
        wire.WIRES.pop().close()


@pytest.fixture
def sent(monkeypatch):
    told = []
    monkeypatch.setattr(wire.Wire, "send", lambda self, content: told.append(content))
    return told


def show(shell, line="%show_batch"):
    with capture_output():
        result = shell.run_cell(line, store_history=True)
    result.raise_error()
    return result.result


def ask(number, **more):
    """A question, as it comes from the page."""
    content = {"kind": "batch", "number": number, **more}
    wire.WIRES[-1]._handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})


def state(space):
    weights = [tensor.tolist() for tensor in (*space["net"].parameters(), *space["net"].buffers())]
    modes = [module.training for module in space["net"].modules()]
    draws = torch.get_rng_state().tolist(), random.getstate(), repr(np.random.get_state())
    return weights, modes, draws, space["data"].count, len(space["net"]._forward_pre_hooks)


def test_it_reads_on_to_the_end_of_the_loader_and_leaves_everything_as_it_was(notebook, sent):
    before = state(notebook.user_ns)
    answer = show(notebook)
    assert answer.wire == wire.WIRES[-1].name
    for number in (4, 5, 6, 5):
        ask(number)
        assert state(notebook.user_ns) == before
    assert [told["number"] for told in sent] == [4, 5, 6, 5]
    assert all('class="nbr-fed"' in told["html"] for told in (sent[0], sent[1], sent[3]))
    assert sent[2] == {"number": 6, "length": 6}
    assert sent[1] == sent[3], "read anew, it is the same batch"
    assert sent[0]["html"] != sent[1]["html"]


def test_whatever_the_user_draws_meanwhile_the_batches_are_those_of_one_pass(notebook, sent):
    shown = [page.tensors[0].mean for page in show(notebook, "%show_batch --batches 6").shown.pages]
    torch.manual_seed(3)  # as it was when the batches were first shown
    notebook.run_cell(CELL).raise_error()
    show(notebook, "%show_batch --batches 1")
    for number in range(1, 6):
        torch.rand(5)
        ask(number)
    spreads = [told["html"].split("<td>float32</td>")[1].split("<td>")[2].split(" ±")[0] for told in sent]
    assert [float(spread) for spread in spreads] == pytest.approx(shown[1:], rel=0.01)


def test_a_loader_that_raises_says_so_and_is_read_again_once_it_is_mended(notebook, sent):
    show(notebook, "%show_batch --batches 1")
    data = notebook.user_ns["data"]
    type(data).__getitem__, whole = lambda self, i: 1 / 0, type(data).__getitem__
    ask(1)
    type(data).__getitem__ = whole
    ask(1)
    assert sent[0] == {"number": 1, "refused": "Batch 2 could not be read: division by zero."}
    assert "html" in sent[1]


def test_an_interrupt_is_told_and_loses_nothing(notebook, sent):
    show(notebook, "%show_batch --batches 2")
    data, before = notebook.user_ns["data"], state(notebook.user_ns)

    def interrupted(self, i):
        raise KeyboardInterrupt

    type(data).__getitem__, whole = interrupted, type(data).__getitem__
    ask(2)
    type(data).__getitem__ = whole
    assert sent == [{"number": 2, "refused": "Batch 3 was interrupted."}]
    assert state(notebook.user_ns) == before
    ask(2)
    assert "html" in sent[1]


def test_a_model_that_cannot_be_fed_says_so(notebook, sent):
    show(notebook, "%show_batch --batches 1")
    notebook.user_ns["train_dl"].collate_fn = None  # the wire reads the loader as it was when it was shown
    type(notebook.user_ns["net"]).__call__ = lambda self, x: 1 / 0
    ask(1)
    assert sent[0]["refused"] == "Batch 2: the model cannot be called with this batch: division by zero."


def test_it_keeps_no_model_alive(notebook, sent):
    show(notebook, "%show_batch --batches 1;")
    notebook.run_cell("del net")
    gc.collect()
    ask(1)
    assert sent == [
        {"number": 1, "refused": "Batch 2: the model that these batches go into is no more; run the cell again."}
    ]


@pytest.mark.parametrize("more", [{"kind": "stop"}, {"number": "1"}, {"number": -1}, {"number": None}])
def test_what_is_no_question_gets_no_answer(notebook, sent, more):
    show(notebook)
    ask(**{"number": 1, **more})
    assert sent == []


def test_what_comes_on_another_thread_waits_for_the_main_one(notebook, sent, monkeypatch):
    later = []
    loop = SimpleNamespace(call_soon_threadsafe=lambda act, *given: later.append((act, given)))
    monkeypatch.setattr(wire, "asyncio", SimpleNamespace(get_running_loop=lambda: loop))
    show(notebook)
    thread = threading.Thread(target=ask, args=(4,))
    thread.start()
    thread.join()
    assert sent == []
    ((act, given),) = later
    act(*given)
    assert [told["number"] for told in sent] == [4]


@pytest.mark.parametrize("line", ["%show_batch -q", "%show_batch --batch next(iter(train_dl))"])
def test_nothing_is_opened_where_nothing_can_be_asked(notebook, line):
    assert show(notebook, line).wire == ""
    assert not wire.WIRES


def test_the_oldest_wires_close(notebook):
    for _ in range(wire.OPEN + 2):
        show(notebook, "%show_batch --batches 1")
    assert len(wire.WIRES) == wire.OPEN
    assert all(each.comm is not None for each in wire.WIRES)
