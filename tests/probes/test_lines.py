"""The user's line where rows meet first, for leaks planted in cells; the line that is right is marked."""

from __future__ import annotations

import linecache
import textwrap

import pytest
import torch
from torch import nn

from nbrecipe import toys
from nbrecipe.bench import Bench, Cell
from nbrecipe.probes.passes.signal import evaluating
from nbrecipe.probes.rows.dependency import rows
from nbrecipe.probes.rows.lines import Line, first_ahead_line, first_mixing_line, said

MARK = "# here"


def cell(body: str, name: str = "/tmp/ipykernel_77/2025.py"):
    """A net whose forward is this body, compiled as a kernel compiles a cell; its source, its namespace, its file."""
    source = (
        textwrap.dedent(
            """\
        import torch
        from torch import nn
        from torch.nn import functional as F

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.body, self.head = nn.Linear(8, 8), nn.Linear(8, 3)
                self.rnn, self.rnn_last = nn.GRU(8, 8), nn.GRU(8, 8, batch_first=True)
                self.attend, self.norm = nn.MultiheadAttention(8, 2), nn.LayerNorm(8)
                self.table = nn.Embedding(30, 8)

            def forward(self, x):
        """
        )
        + textwrap.indent(textwrap.dedent(body).strip("\n"), " " * 8)
        + "\n"
    )
    linecache.cache[name] = len(source), None, source.splitlines(True), name
    space: dict = {}
    exec(compile(source, name, "exec"), space)
    torch.manual_seed(3)
    return source, space["Net"](), name


def series(count=20, length=9, width=8):
    return torch.randn(count, length, width, generator=toys.seeded(1))


def vectors(count=20, width=8):
    return torch.randn(count, width, generator=toys.seeded(1))


def ids(count=20, length=9):
    return torch.randint(30, (count, length), generator=toys.seeded(1))


def line_of(net, x) -> Line | None:
    """The line for the leak that the certificate finds."""
    y = torch.randint(3, (len(x),), generator=toys.seeded())
    bench = toys.bench(net, x, y, nn.CrossEntropyLoss(), size=len(x))
    leak = rows(bench).leak
    assert leak is not None
    size = len(x)
    with evaluating(net):
        return first_mixing_line(net, bench.get("feed"), size, leak.source)


def marked(source: str) -> int:
    return next(number for number, text in enumerate(source.splitlines(), 1) if text.endswith(MARK))


LEAKS = {
    "roll": (vectors, """
        h = self.body(x)
        near = h.roll(1, 0)  # here
        h = h + 0.1 * near
        return self.head(h)
    """),
    "view": (series, """
        n, t, d = x.shape
        x = self.body(x)
        x = x.view(t, n, d)  # here
        x = torch.relu(x)
        out, _ = self.rnn(x)
        return self.head(out[-1])
    """),
    "reshape after a transpose": (series, """
        n, t, d = x.shape
        h = self.body(x).transpose(0, 1)
        h = h.reshape(n, t, d)  # here
        return self.head(h.mean(1))
    """),
    "softmax": (series, """
        scores = self.head(x)[..., 0]
        weights = F.softmax(scores, dim=0)  # here
        return self.head((x * weights[..., None]).sum(1))
    """),
    "mean": (vectors, """
        h = self.body(x)
        middle = h.mean(0)  # here
        return self.head(h - middle)
    """),
    "standard deviation": (vectors, """
        h = self.body(x)
        spread = h.std(dim=0, keepdim=True)  # here
        return self.head(h / spread)
    """),
    "cumsum": (vectors, """
        h = self.body(x)
        h = torch.cumsum(h, dim=0)  # here
        return self.head(F.relu(h))
    """),
    "gather": (vectors, """
        h = self.body(x)
        order = h.argsort(dim=0)  # here
        return self.head(h.gather(0, order))
    """),
    "matmul": (vectors, """
        h = F.normalize(self.body(x), dim=1)
        near = h @ h.T  # here
        return self.head(near @ h)
    """),
    "norm of the batch": (vectors, """
        h = self.body(x)
        h = F.batch_norm(h, None, None, training=True)  # here
        return self.head(F.relu(h))
    """),
    "normalize along rows": (vectors, """
        h = self.body(x)
        h = F.normalize(h, dim=0)  # here
        return self.head(h)
    """),
    "index_select": (vectors, """
        h = self.body(x)
        before = torch.arange(len(h)).roll(1)
        other = torch.index_select(h, 0, before)  # here
        h = torch.tanh(other) + h
        return self.head(h)
    """),
    "flip": (vectors, """
        h = self.body(x)
        back = torch.flip(h, [0])  # here
        return self.head(torch.cat([h, back], 1)[:, 4:12])
    """),
    "flip alone": (vectors, """
        h = self.body(x)
        h = h.flip(0)  # here
        h = torch.relu(h)
        return self.head(h)
    """),
    "sort": (vectors, """
        h = self.body(x)
        h, _ = torch.sort(h, dim=0)  # here
        return self.head(h)
    """),
    "sorted by length and not put back": (vectors, """
        order = torch.tensor([5, 3, 8, 1, 0, 2, 4, 6, 7, 9, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10])
        h = x[order]  # here
        h = self.body(h)
        return self.head(h)
    """),
    "in place, the row before": (vectors, """
        h = self.body(x)
        h[1:] += h[:-1].clone()  # here
        return self.head(h)
    """),
    "in place, less the mean": (vectors, """
        h = self.body(x)
        h.sub_(h.mean(0))  # here
        return self.head(h)
    """),
    "the batch taken for time": (series, """
        h = self.body(x)
        out, _ = self.rnn(h)  # here
        return self.head(out[:, -1])
    """),
    "attention that takes the batch for time": (series, """
        h = self.norm(x)
        mixed, _ = self.attend(h, h, h)  # here
        return self.head((h + mixed).mean(1))
    """),
    "tokens": (ids, """
        h = self.table(x)
        h = h - h.mean(dim=(0, 1))  # here
        return self.head(h.mean(1))
    """),
    "the largest of the batch": (vectors, """
        h = self.body(x)
        assert x.max() < 100
        scale = h.abs().max()  # here
        return self.head(h / scale)
    """),
    "einsum": (vectors, """
        h = self.body(x)
        h = torch.einsum("nd,md->md", h, h)  # here
        return self.head(h)
    """),
    "the first row": (vectors, """
        h = self.body(x)
        h = h + h[0]  # here
        return self.head(h)
    """),
    "rows as channels": (vectors, """
        h = self.body(x)[None]
        h = F.avg_pool2d(h[None], 3, 1, 1)[0, 0]  # here
        return self.head(h)
    """),
}  # fmt: skip


@pytest.mark.parametrize("what", LEAKS)
def test_the_line_is_named(what):
    make, body = LEAKS[what]
    source, net, name = cell(body)
    line = line_of(net, make())
    assert line is not None
    assert (line.filename, line.number) == (name, marked(source)), line
    assert line.text == source.splitlines()[line.number - 1].strip()


@pytest.mark.parametrize(("what", "function"), [("view", "view"), ("roll", "roll"), ("mean", "mean"), ("sort", "sort")])
def test_the_function_is_named(what, function):
    make, body = LEAKS[what]
    line = line_of(cell(body)[1], make())
    assert line is not None
    assert line.function == function


def test_memory_is_bounded_and_what_lies_beyond_is_found_all_the_same(monkeypatch):
    from nbrecipe.probes.rows import lines

    monkeypatch.setattr(lines, "ROOM", 1)  # one call at a time
    source, net, _ = cell("h = self.body(x)\nh = torch.relu(h)\nh = h - h.mean(0)  # here\nreturn self.head(h)")
    line = line_of(net, vectors())
    assert line is not None
    assert line.number == marked(source)


def test_a_net_of_nobody_has_no_line():
    net = nn.Sequential(nn.Linear(8, 3), nn.Softmax(dim=0))
    assert line_of(net, vectors()) is None


AHEAD = {
    "a mean over time": "h = self.body(x)\nh = h + h.mean(1, keepdim=True)  # here\nreturn self.head(h)",
    "one step ahead": "h = self.body(x)\nnear = h.roll(-1, 1)  # here\nreturn self.head(h + near)",
    "both directions": "h = self.body(x)\nh = h + self.rnn_last(h.flip(1))[0].flip(1)  # here\nreturn self.head(h)",
    "a view": "n, t, d = x.shape\nh = self.body(x)\nh = h.view(n, d, t).mT  # here\nreturn self.head(h)",
}  # fmt: skip


@pytest.mark.parametrize("what", AHEAD)
def test_the_line_that_looks_ahead_is_named(what):
    source, net, _ = cell(AHEAD[what])
    bench = toys.bench(net, series(), torch.zeros(20).long(), nn.CrossEntropyLoss(), size=20)
    with evaluating(net):
        line = first_ahead_line(net, bench.get("feed"), 20, 9, 3)
    assert line is not None
    assert line.number == marked(source), line


@pytest.mark.parametrize(
    ("name", "before", "told"),
    [
        ("/tmp/ipykernel_77/1.py", "", "cell 4, line 2"),
        ("/tmp/ipykernel_77/1.py", "# %%watch --every 2\n", "cell 4, line 2"),
        ("/home/me/model.py", None, "model.py:2"),
        ("/tmp/ipykernel_77/2.py", None, "line 2 of a cell"),
        ("<ipython-input-9-abcdef>", None, "cell 9, line 2"),
    ],
)
def test_a_line_is_told_as_its_author_knows_it(name, before, told):
    source = "a = 1\nb = a.roll(1)\n"
    linecache.cache[name] = len(source), None, source.splitlines(True), name
    cells = () if before is None else (Cell(2, before + source), Cell(3, "c = 2"), Cell(4, before + source))
    assert said(Bench(cells=cells), Line(name, 2, "b = a.roll(1)", "roll")) == told
