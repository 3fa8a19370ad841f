"""Checks of text on programs as people write them: faults, and what looks like them."""

from __future__ import annotations

import pytest
from loops import cell

from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

CHECKS = all_checks()
#: what is expected → the verdicts that meet it
VERDICTS = {
    "bad": {Verdict.BAD},
    "hint": {Verdict.HINT},
    "skipped": {Verdict.SKIPPED},
    "ok": {Verdict.OK, Verdict.SKIPPED},
    "no fault": {Verdict.OK, Verdict.SKIPPED, Verdict.HINT},
}
STEP = "opt.zero_grad(); loss.backward(); opt.step()"
RNN = (
    "\n"
    "class LM(nn.Module):\n"
    "    def __init__(s, V=30, both=False):\n"
    "        super().__init__(); s.e = nn.Embedding(V, 16)\n"
    "        s.r = nn.GRU(16, 16, batch_first=True, bidirectional=both)\n"
    "        s.h = nn.Linear(32 if both else 16, V)\n"
    "    def forward(s, x): return s.h(s.r(s.e(x))[0])\n"
    "net = LM(); opt = torch.optim.Adam(net.parameters(), 1e-3)\n"
    "ids = torch.randint(1, 30, (64, 21))\n"
)
PADDED = "ids[torch.arange(21) >= torch.randint(8, 21, (64, 1))] = 0\n"


def loop(body: str, n: int = 2, data: str = "train_dl") -> str:
    """A loop over batches, with these lines before the step."""
    lines = "\n".join(f"        {line}" for line in [*body.splitlines(), STEP])
    return f"for _ in range({n}):\n    for xb, yb in {data}:\n{lines}\n"


def steps(body: str) -> str:
    """Six steps on rows drawn anew, with these lines before the step."""
    lines = "\n".join(f"    {line}" for line in [*body.splitlines(), STEP])
    return f"for i in range(6):\n    rows = ids[torch.randperm(64)[:16]]\n{lines}\n"


def often(body: str, n: int, more: str = "") -> str:
    """So many steps with these lines before each."""
    lines = "\n".join(f"    {line}" for line in [*body.splitlines(), STEP + more])
    return f"for i in range({n}):\n{lines}\n"


#: check → (what is expected, what the program does, what stands in earlier cells, the cell)
CASES: dict[str, list[tuple[str, str, str, str]]] = {
    "target-not-shifted": [
        ("bad", "rows as they are", RNN, steps("loss = F.cross_entropy(net(rows).transpose(1, 2), rows)")),
        (
            "bad",
            "cut wrong",
            RNN,
            steps("x = rows[:, :-1]; y = rows[:, :-1]\nloss = F.cross_entropy(net(x).reshape(-1, 30), y.reshape(-1))"),
        ),
        (
            "bad",
            "time first",
            RNN + ("net.r = nn.GRU(16, 16)\nopt = torch.optim.Adam(net.parameters(), 1e-3)"),
            steps("x = rows.T.contiguous()\nloss = F.cross_entropy(net(x).flatten(0, 1), x.flatten())"),
        ),
        (
            "bad",
            "padding ignored",
            RNN + PADDED,
            steps("loss = F.cross_entropy(net(rows).transpose(1, 2), rows, ignore_index=0)"),
        ),
        ("ok", "next token", RNN, steps("loss = F.cross_entropy(net(rows[:, :-1]).transpose(1, 2), rows[:, 1:])")),
        ("ok", "logits cut", RNN, steps("loss = F.cross_entropy(net(rows)[:, :-1].transpose(1, 2), rows[:, 1:])")),
        (
            "ok",
            "both ways",
            RNN + "net = LM(both=True); opt = torch.optim.Adam(net.parameters())",
            steps("loss = F.cross_entropy(net(rows).transpose(1, 2), rows)"),
        ),
        (
            "ok",
            "autoencoder",
            RNN
            + (
                "class AE(nn.Module):\n"
                "    def __init__(s):\n"
                "        super().__init__()\n"
                "        s.e = nn.Embedding(30, 16)\n"
                "        s.enc = nn.GRU(16, 16, batch_first=True)\n"
                "        s.dec = nn.GRU(16, 16, batch_first=True)\n"
                "        s.h = nn.Linear(16, 30)\n"
                "    def forward(s, x):\n"
                "        z = s.enc(s.e(x))[1][-1]\n"
                "        return s.h(s.dec(z[:, None].expand(-1, x.shape[1], -1))[0])\n"
                "net = AE(); opt = torch.optim.Adam(net.parameters())"
            ),
            steps("loss = F.cross_entropy(net(rows).transpose(1, 2), rows)"),
        ),
        (
            "ok",
            "shifted inside",
            RNN
            + (
                "class S(nn.Module):\n"
                "    def __init__(s): super().__init__(); s.m = LM()\n"
                "    def forward(s, x): return s.m(F.pad(x, (1, 0))[:, :-1])\n"
                "net = S(); opt = torch.optim.Adam(net.parameters())"
            ),
            steps("loss = F.cross_entropy(net(rows).transpose(1, 2), rows)"),
        ),
        ("ok", "tagger", RNN, steps("loss = F.cross_entropy(net(rows).transpose(1, 2), rows % 7)")),
        (
            "no fault",
            "words one by one",
            (
                "net = nn.Sequential(nn.Embedding(30, 8), nn.Linear(8, 30))\n"
                "opt = torch.optim.Adam(net.parameters()); ids = torch.randint(30, (64, 12))"
            ),
            steps("loss = F.cross_entropy(net(rows).transpose(1, 2), rows)"),
        ),
        (
            "ok",
            "copying a source",
            RNN
            + (
                "class E(nn.Module):\n"
                "    def __init__(s):\n"
                "        super().__init__()\n"
                "        s.e = nn.Embedding(31, 16)\n"
                "        s.enc = nn.GRU(16, 16, batch_first=True)\n"
                "        s.dec = nn.GRU(16, 16, batch_first=True)\n"
                "        s.h = nn.Linear(16, 30)\n"
                "    def forward(s, src, tgt): return s.h(s.dec(s.e(tgt), s.enc(s.e(src))[1])[0])\n"
                "net = E(); opt = torch.optim.Adam(net.parameters())"
            ),
            steps(
                "tgt = F.pad(rows, (1, 0), value=30)[:, :-1]\n"
                "loss = F.cross_entropy(net(rows, tgt).transpose(1, 2), rows)"
            ),
        ),
        (
            "ok",
            "constant rows",
            RNN + "ids[:] = ids[:, :1]",
            steps("loss = F.cross_entropy(net(rows[:, :-1]).transpose(1, 2), rows[:, 1:])"),
        ),
        (
            "no fault",
            "no embedding seen",
            RNN
            + (
                "class O(nn.Module):\n"
                "    def __init__(s):\n"
                "        super().__init__()\n"
                "        s.w = nn.Parameter(torch.randn(30, 16))\n"
                "        s.r = nn.GRU(16, 16, batch_first=True)\n"
                "        s.h = nn.Linear(16, 30)\n"
                "    def forward(s, x): return s.h(s.r(s.w[x])[0])\n"
                "net = O(); opt = torch.optim.Adam(net.parameters())"
            ),
            steps("loss = F.cross_entropy(net(rows).transpose(1, 2), rows)"),
        ),
    ],
    "target-shifted-twice": [
        (
            "bad",
            "in data and loss",
            RNN,
            steps(
                "x, y = rows[:, :-1], rows[:, 1:]\n"
                "loss = F.cross_entropy(net(x)[:, :-1].flatten(0, 1), y[:, 1:].flatten())"
            ),
        ),
        ("ok", "once", RNN, steps("loss = F.cross_entropy(net(rows)[:, :-1].flatten(0, 1), rows[:, 1:].flatten())")),
        (
            "ok",
            "convolution that takes a place",
            RNN
            + (
                "class C(nn.Module):\n"
                "    def __init__(s):\n"
                "        super().__init__()\n"
                "        s.e = nn.Embedding(30, 16)\n"
                "        s.c = nn.Conv1d(16, 30, 2)\n"
                "    def forward(s, x): return s.c(s.e(x).transpose(1, 2))\n"
                "net = C(); opt = torch.optim.Adam(net.parameters())"
            ),
            steps("x, y = rows[:, :-1], rows[:, 1:]\nloss = F.cross_entropy(net(x), y[:, 1:])"),
        ),
        (
            "ok",
            "two heads",
            RNN + ("h2 = nn.Linear(30, 30); opt.add_param_group({'params': h2.parameters()})"),
            steps(
                "o = net(rows)\n"
                "loss = F.cross_entropy(o[:, :-1].flatten(0, 1), rows[:, 1:].flatten())\n"
                "loss = loss + F.cross_entropy(h2(o)[:, :-2].flatten(0, 1), rows[:, 2:].flatten())"
            ),
        ),
        ("ok", "tagger", RNN, steps("loss = F.cross_entropy(net(rows).transpose(1, 2), rows % 5)")),
    ],
    "padding-in-loss": [
        (
            "bad",
            "counted",
            RNN + PADDED,
            steps("loss = F.cross_entropy(net(rows[:, :-1]).transpose(1, 2), rows[:, 1:])"),
        ),
        (
            "ok",
            "ignored",
            RNN + PADDED,
            steps("loss = F.cross_entropy(net(rows[:, :-1]).transpose(1, 2), rows[:, 1:], ignore_index=0)"),
        ),
        (
            "ok",
            "weight 0",
            RNN + PADDED + "w = torch.ones(30); w[0] = 0",
            steps("loss = F.cross_entropy(net(rows[:, :-1]).transpose(1, 2), rows[:, 1:], weight=w)"),
        ),
        (
            "skipped",
            "mask by hand",
            RNN + PADDED,
            steps(
                "x, y = rows[:, :-1], rows[:, 1:]\n"
                "each = F.cross_entropy(net(x).transpose(1, 2), y, reduction='none')\n"
                "m = (y != 0).float()\n"
                "loss = (each * m).sum() / m.sum()"
            ),
        ),
        (
            "ok",
            "chosen before the loss",
            RNN + PADDED,
            steps("x, y = rows[:, :-1], rows[:, 1:]; m = y != 0\nloss = F.cross_entropy(net(x)[m], y[m])"),
        ),
        (
            "ok",
            "left padding set to -100",
            RNN + "ids[torch.arange(21) < torch.randint(0, 9, (64, 1))] = 0",
            steps(
                "x, y = rows[:, :-1], rows[:, 1:]; y = y.masked_fill(y == 0, -100)\n"
                "loss = F.cross_entropy(net(x).transpose(1, 2), y)"
            ),
        ),
        (
            "ok",
            "end token is the padding",
            RNN + ("ends = torch.randint(8, 20, (64, 1)); at = torch.arange(21); ids[at >= ends] = 0"),
            steps(
                "keep = (rows != 0).float().cumsum(1); y = rows[:, 1:].clone()\n"
                "first = (rows[:, 1:] == 0) & (rows[:, :-1] != 0)\n"
                "y[(y == 0) & ~first] = -100\n"
                "loss = F.cross_entropy(net(rows[:, :-1]).transpose(1, 2), y)"
            ),
        ),
        (
            "ok",
            "a source shorter than its target",
            RNN
            + PADDED
            + (
                "tgt = torch.randint(1, 30, (64, 21))\n"
                "class E(nn.Module):\n"
                "    def __init__(s):\n"
                "        super().__init__()\n"
                "        s.e = nn.Embedding(30, 16)\n"
                "        s.d = nn.Embedding(30, 16)\n"
                "        s.enc = nn.GRU(16, 16, batch_first=True)\n"
                "        s.cell = nn.GRUCell(16, 16)\n"
                "        s.h = nn.Linear(16, 30)\n"
                "    def forward(s, src, tgt):\n"
                "        h = s.enc(s.e(src))[1][-1]; o = []\n"
                "        for t in range(tgt.shape[1]):\n"
                "            h = s.cell(s.d(tgt[:, t]), h); o.append(s.h(h))\n"
                "        return torch.stack(o, 1)\n"
                "net = E(); opt = torch.optim.Adam(net.parameters())"
            ),
            steps("y = tgt[torch.randperm(64)[:16]]\nloss = F.cross_entropy(net(rows, y).transpose(1, 2), y)"),
        ),
        ("ok", "no padding", RNN, steps("loss = F.cross_entropy(net(rows[:, :-1]).transpose(1, 2), rows[:, 1:])")),
        (
            "ok",
            "mostly spaces",
            RNN + "ids[torch.rand(64, 21) < .6] = 1",
            steps("loss = F.cross_entropy(net(rows[:, :-1]).transpose(1, 2), rows[:, 1:])"),
        ),
    ],
    "sparse-embedding-adam": [
        (
            "hint",
            "rare items",
            ("net = nn.Sequential(nn.Embedding(5000, 4), nn.Linear(4, 2))\nopt = torch.optim.AdamW(net.parameters())"),
            often("loss = F.cross_entropy(net(torch.randint(5000, (16,))), torch.randint(2, (16,)))", 130),
        ),
        (
            "skipped",
            "SGD",
            (
                "net = nn.Sequential(nn.Embedding(5000, 4), nn.Linear(4, 2))\n"
                "opt = torch.optim.SGD(net.parameters(), .1)"
            ),
            often("loss = F.cross_entropy(net(torch.randint(5000, (16,))), torch.randint(2, (16,)))", 130),
        ),
        (
            "skipped",
            "sparse",
            (
                "e = nn.Embedding(5000, 4, sparse=True); h = nn.Linear(4, 2)\n"
                "opt = torch.optim.SparseAdam(e.parameters()); other = torch.optim.Adam(h.parameters())"
            ),
            often(
                "loss = F.cross_entropy(h(e(torch.randint(5000, (16,)))), torch.randint(2, (16,)))\nother.zero_grad()",
                130,
                "; other.step()",
            ),
        ),
        (
            "skipped",
            "dead units",
            (
                "net = nn.Sequential(nn.Linear(8, 3000), nn.ReLU(), nn.Linear(3000, 2))\n"
                "net[0].bias.data.fill_(-9); opt = torch.optim.Adam(net.parameters())"
            ),
            loop("loss = loss_fn(net(xb), yb)", n=12),
        ),
        (
            "ok",
            "few steps",
            ("net = nn.Sequential(nn.Embedding(5000, 4), nn.Linear(4, 2))\nopt = torch.optim.AdamW(net.parameters())"),
            often("loss = F.cross_entropy(net(torch.randint(5000, (16,))), torch.randint(2, (16,)))", 20),
        ),
    ],
}


@pytest.mark.parametrize(
    ("check", "expected", "setup", "source"),
    [
        pytest.param(check, expected, setup, source, id=f"{check}: {name}")
        for check, rows in CASES.items()
        for expected, name, setup, source in rows
    ],
)
def test_faults_in_loops_and_what_looks_like_them(check, expected, setup, source):
    bench, _ = cell(source, setup)
    finding = run(CHECKS[check], bench).finding
    assert finding.verdict in VERDICTS[expected], finding.message
    others = {other: run(CHECKS[other], bench).verdict for other in CASES if other != check}
    assert [other for other, verdict in others.items() if verdict not in VERDICTS["ok"]] == []
    assert not [note for note in bench.trace.notes if "bug" in note]
