"""Checks of evaluations and of models in running cells, on programs as people write them: faults, and lookalikes."""

from __future__ import annotations

import pytest
from checks.loops import RIGHT, cell
from checks.odd_loops import ODD

from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

IDS = (
    "broadcast-metric", "batch-mean-metric", "worse-than-baseline", "overfitting", "evaluating-in-train-mode",
    "threshold-on-logits", "label-mapping-mismatch", "recreated-parameter", "frozen-batchnorm-drift",
    "frozen-but-trained", "tiny-batch-norm", "hidden-state-carried", "nonfinite-forward",
)  # fmt: skip
CHECKS = all_checks()
QUIET = {Verdict.OK, Verdict.SKIPPED}
STEP = "opt.zero_grad(); loss.backward(); opt.step()"
NORMED = "net = build(nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3)); opt = torch.optim.Adam(net.parameters(), 1e-2)\n"
ONE = "net = nn.Linear(8, 1); opt = torch.optim.Adam(net.parameters(), 1e-2)\n"
TRAIN = f"""
for epoch in range(4):
    net.train()
    for xb, yb in train_dl:
        loss = loss_fn(net(xb), yb); {STEP}
"""

#: check → (verdict, what the program does, what stands in earlier cells, the cell)
CASES: dict[str, list[tuple[str, str, str, str]]] = {
    "evaluating-in-train-mode": [
        ("bad", "numpy takes the accuracy", NORMED, TRAIN + """
    right = 0
    for xb, yb in val_dl:
        with torch.no_grad():
            out = net(xb)
        right += (out.argmax(1).numpy() == yb.numpy()).sum()
"""),
        ("bad", "a function under a decorator, in a cell of its own", NORMED + """
@torch.no_grad()
def evaluate(model, loader):
    return sum((model(xb).max(1)[1] == yb).sum().item() for xb, yb in loader) / len(loader.dataset)
""", "evaluate(net, val_dl)"),
        ("bad", "one array after each step", NORMED, f"""
for _ in range(8):
    loss = loss_fn(net(X), Y); {STEP}
    with torch.no_grad():
        loss_fn(net(X[:32]), Y[:32]).item()
"""),
        ("bad", "the same batches in every epoch are no samples", NORMED, TRAIN + """
    with torch.inference_mode():
        for xb, yb in val_dl:
            loss_fn(net(xb), yb)
"""),
        ("hint", "an error by hand, of an array", NORMED, """
with torch.no_grad():
    (net(X)[:, :1] - T).square().mean()
"""),
        ("ok", "samples of a generator between its steps", """
G = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 8)); D = nn.Linear(8, 1)
og, od = torch.optim.Adam(G.parameters(), 1e-3), torch.optim.Adam(D.parameters(), 1e-3)
bce, fixed = nn.BCEWithLogitsLoss(), torch.randn(8, 4)
""", """
images = []
for epoch in range(2):
    for i, (real, _) in enumerate(train_dl):
        D.zero_grad(); bce(D(real), torch.ones(16, 1)).backward()
        fake = G(torch.randn(16, 4))
        bce(D(fake.detach()), torch.zeros(16, 1)).backward(); od.step()
        G.zero_grad(); bce(D(fake), torch.ones(16, 1)).backward(); og.step()
        if i % 5 == 0:
            with torch.no_grad():
                images.append(G(fixed).detach().cpu())
"""),
        ("ok", "a key encoder whose codes go into a queue", NORMED + """
key = copy.deepcopy(net).requires_grad_(False); queue = torch.randn(32, 2)
""", f"""
for xb, _ in train_dl:
    with torch.no_grad():
        for a, b in zip(key.parameters(), net.parameters()):
            a.lerp_(b, 0.01)
        k = F.normalize(key(xb), dim=1)
    q = F.normalize(net(xb), dim=1)
    logits = torch.cat([(q * k).sum(1, keepdim=True), q @ queue.T], 1)
    loss = F.cross_entropy(logits, torch.zeros(len(xb), dtype=torch.long)); {STEP}
    queue = torch.cat([k, queue])[:32]
"""),
        ("ok", "pseudo-labels from the same net", NORMED, f"""
for xb, yb in train_dl:
    with torch.no_grad():
        sure, label = net(xb).softmax(1).max(1)
    out = net(xb + 0.1 * torch.randn_like(xb))
    loss = F.cross_entropy(out, yb) + (F.cross_entropy(out, label, reduction="none") * (sure > 0.6)).mean(); {STEP}
"""),
        ("ok", "averaged weights, and their batch norm", NORMED, TRAIN + """
mean = torch.optim.swa_utils.AveragedModel(net)
torch.optim.swa_utils.update_bn(train_dl, mean)
mean.eval()
with torch.no_grad():
    (mean(X).argmax(1) == Y).float().mean()
"""),
        ("ok", "statistics taken anew, with a variable for what nobody reads", NORMED, """
net.train()
with torch.no_grad():
    for xb, _ in train_dl:
        out = net(xb)
net.eval()
with torch.no_grad():
    (net(X).argmax(1) == Y).float().mean()
"""),
        ("ok", "a mean over eight passes with dropout", NORMED, """
net.train()
with torch.no_grad():
    p = torch.stack([torch.cat([net(xb).softmax(1) for xb, _ in val_dl]) for _ in range(8)]).mean(0)
(p.argmax(1) == Y[:64]).float().mean()
"""),
        ("ok", "a policy with dropout plays", "net = build(nn.Dropout(0.2))\nopt = torch.optim.Adam(net.parameters())",
         f"""
for _ in range(4):
    states, actions = [], []
    for _ in range(5):
        s = torch.randn(16, 8)
        with torch.no_grad():
            actions.append(torch.distributions.Categorical(logits=net(s)).sample())
        states.append(s)
    d = torch.distributions.Categorical(logits=net(torch.cat(states)))
    loss = -(d.log_prob(torch.cat(actions)) * torch.randn(80)).mean(); {STEP}
"""),
    ],
    "threshold-on-logits": [
        ("bad", "several labels at once", "B = (X[:, :3] > 0).float(); net = nn.Linear(8, 3)\n"
         "opt = torch.optim.Adam(net.parameters(), 1e-1); bce = nn.BCEWithLogitsLoss()", f"""
for _ in range(30):
    loss = bce(net(X), B); {STEP}
with torch.no_grad():
    ((net(X) > 0.5).float() == B).float().mean()
"""),
        ("ok", "a regression in a unit of its own", ONE, f"""
for _ in range(30):
    loss = F.mse_loss(net(X), 3 * T); {STEP}
with torch.no_grad():
    share = (net(X) > 0.5).float().mean()
"""),
        ("ok", "an error above one half", ONE + "B = Y.float()[:, None]", f"""
for _ in range(30):
    out = net(X); loss = F.binary_cross_entropy_with_logits(out, B); {STEP}
    far = ((out.detach() - B).abs() > 0.5).float().mean()
"""),
    ],
    "broadcast-metric": [
        ("bad", "rounded probabilities", ONE, f"""
for xb, yb in train_dl:
    out = net(xb).sigmoid(); loss = F.binary_cross_entropy(out, yb.float()[:, None]); {STEP}
    (out.round() == yb).sum().item()
"""),
        ("bad", "the coefficient of determination", ONE + "y = T[:, 0]", """
with torch.no_grad():
    1 - ((y - net(X)) ** 2).sum() / ((y - y.mean()) ** 2).sum()
"""),
        ("hint", "an axis asked for", "", """
with torch.no_grad():
    (net(X).argmax(1)[:, None] == Y).float().mean()
"""),
        ("ok", "top five in columns", "net = nn.Linear(8, 16); C = torch.randint(16, (160,))", """
with torch.no_grad():
    pred = net(X).topk(5, 1).indices.t()
    pred.eq(C.view(1, -1).expand_as(pred)).sum()
"""),
        ("skipped", "distances between all predictions", ONE, """
with torch.no_grad():
    p = net(X)
    (p - p.T).abs().mean()
"""),
    ],
    "batch-mean-metric": [
        ("bad", "a list of losses", "val_dl = DataLoader(TensorDataset(X[:131], Y[:131]), batch_size=64)\n"
         "net[2].weight.data *= 40", """
losses = []
with torch.no_grad():
    for xb, yb in val_dl:
        loss = loss_fn(net(xb), yb)
        losses.append(loss.item())
print("mean", sum(losses) / len(losses) > 0)
"""),
        ("bad", "accuracies of batches", "import statistics; Y[128:131] = 1 - net(X[128:131]).argmax(1)\n"
         "val_dl = DataLoader(TensorDataset(X[:131], Y[:131]), batch_size=64)", """
accs = []
with torch.no_grad():
    for xb, yb in val_dl:
        acc = (net(xb).argmax(1) == yb).float().mean()
        accs.append(acc.item())
mean = statistics.fmean(accs)
"""),
        ("ok", "losses weighted by rows", "val_dl = DataLoader(TensorDataset(X[:131], Y[:131]), batch_size=64)", """
total = 0.0
with torch.no_grad():
    for xb, yb in val_dl:
        total += loss_fn(net(xb), yb).item() * xb.size(0)
total / len(val_dl.dataset)
"""),
        ("ok", "the running loss of training", "train_dl = DataLoader(TensorDataset(X, Y), batch_size=48)", f"""
total = 0.0
for xb, yb in train_dl:
    loss = loss_fn(net(xb), yb); {STEP}
    total += loss.item()
total / len(train_dl)
"""),
    ],
    "worse-than-baseline": [
        ("bad", "predictions in another unit", ONE + "opt = torch.optim.Adam(net.parameters(), 5e-2)", f"""
for _ in range(150):
    loss = F.mse_loss(net(X), T); {STEP}
with torch.no_grad():
    F.mse_loss(net(X), 100 + 20 * T)
"""),
        ("skipped", "five steps", "", f"""
for _ in range(5):
    loss = loss_fn(net(X), Y); {STEP}
with torch.no_grad():
    (net(X).argmax(1) == Y).float().mean()
"""),
        ("skipped", "an untrained net", "", """
with torch.no_grad():
    (net(X).argmax(1) == Y).float().mean()
"""),
    ],
    "label-mapping-mismatch": [
        ("bad", "yes and no changed places", ONE, f"""
for _ in range(80):
    out = net(X)[:, 0]; loss = F.binary_cross_entropy_with_logits(out, Y.float()); {STEP}
with torch.no_grad():
    ((net(X[:96])[:, 0] > 0) == 1 - Y[:96]).float().mean()
"""),
        ("ok", "an attack beside the clean rows", "opt = torch.optim.Adam(net.parameters(), 1e-1)", f"""
for _ in range(40):
    loss = loss_fn(net(X), Y); {STEP}
with torch.no_grad():
    (net(X).argmax(1) == Y).float().mean()
x = X.clone().requires_grad_()
(slope,) = torch.autograd.grad(loss_fn(net(x), Y), x)
with torch.no_grad():
    (net(X + 2 * slope.sign()).argmax(1) == Y).float().mean()
"""),
    ],
    "recreated-parameter": [
        ("bad", "a gate made in forward", """
class Gated(nn.Module):
    def __init__(self):
        super().__init__(); self.a, self.b = nn.Linear(8, 16), nn.Linear(16, 2)
    def forward(self, x):
        self.gate = nn.Parameter(torch.ones(16))
        return self.b(self.a(x).relu() * self.gate)
net = Gated(); opt = torch.optim.Adam(net.parameters(), 1e-3)
""", TRAIN),
        ("ok", "layers grown, and the optimizer with them", "", f"""
for width in (16, 24, 32):
    net[0], net[2] = nn.Linear(8, width), nn.Linear(width, 2)
    opt = torch.optim.Adam(net.parameters(), 1e-2)
    for xb, yb in train_dl:
        loss = loss_fn(net(xb), yb); {STEP}
"""),
        ("ok", "pruned between epochs", "import torch.nn.utils.prune as prune", TRAIN + """
    prune.l1_unstructured(net[0], "weight", amount=0.1)
"""),
    ],
    "frozen-but-trained": [
        ("bad", "frozen in the fifth epoch, gradients zeroed", NORMED, """
for epoch in range(8):
    if epoch == 4:
        for p in net[0].parameters():
            p.requires_grad = False
    for xb, yb in train_dl:
        loss = loss_fn(net(xb), yb)
        opt.zero_grad(set_to_none=False); loss.backward(); opt.step()
"""),
        ("bad", "a misspelt attribute", "", "for p in net[0].parameters(): p.require_grad = False\n" + TRAIN),
        ("ok", "players that take turns", "judge = nn.Linear(2, 1)\nod = torch.optim.Adam(judge.parameters(), 1e-2)",
         """
for xb, _ in train_dl:
    judge.requires_grad_(True)
    od.zero_grad(set_to_none=False); judge(net(xb).detach()).mean().backward(); od.step()
    judge.requires_grad_(False)
    opt.zero_grad(set_to_none=False); judge(net(xb)).mean().backward(); opt.step()
"""),
    ],
    "frozen-batchnorm-drift": [
        ("hint", "a frozen backbone under no_grad", """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.back = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16)).requires_grad_(False)
        self.head = nn.Linear(16, 2)
    def forward(self, x):
        with torch.no_grad():
            x = self.back(x)
        return self.head(x)
net = Net(); opt = torch.optim.Adam(net.head.parameters(), 1e-2)
""", TRAIN),
        ("skipped", "a teacher in train mode", NORMED + "teacher = copy.deepcopy(net).requires_grad_(False)", f"""
for xb, _ in train_dl:
    loss = (net(xb) - teacher(xb)).square().mean(); {STEP}
"""),
    ],
    "tiny-batch-norm": [
        ("bad", "pairs", NORMED + "train_dl = DataLoader(TensorDataset(X, Y), batch_size=2)", TRAIN),
        ("ok", "batches of eight, the last of four",
         NORMED + "train_dl = DataLoader(TensorDataset(X[:156], Y[:156]), 8)", TRAIN),
        ("ok", "one small batch learned by heart", NORMED, f"""
for _ in range(20):
    loss = loss_fn(net(X[:4]), Y[:4]); {STEP}
"""),
    ],
    "hidden-state-carried": [
        ("bad", "the state without its graph, through .data", """
S = torch.randn(96, 5, 3); dl = DataLoader(TensorDataset(S, S.sum((1, 2))), batch_size=16, shuffle=True)
class Rec(nn.Module):
    def __init__(self):
        super().__init__(); self.g, self.o = nn.LSTM(3, 8, batch_first=True), nn.Linear(8, 1)
    def forward(self, x, h=None):
        y, h = self.g(x, h); return self.o(y[:, -1])[:, 0], h
net = Rec(); opt = torch.optim.Adam(net.parameters(), 1e-2)
""", f"""
h = None
for xb, yb in dl:
    out, h = net(xb, h); h = tuple(part.data for part in h)
    loss = F.mse_loss(out, yb); {STEP}
"""),
        ("ok", "a chain of samples beside the batches", """
energy = nn.Linear(8, 1); opt = torch.optim.Adam(energy.parameters(), 1e-3)
""", f"""
chain = torch.randn(16, 8)
for xb, _ in train_dl:
    chain = (chain - 0.1 * energy.weight.detach() + 0.1 * torch.randn_like(chain)).detach()
    loss = (energy(xb) - energy(chain)).mean(); {STEP}
"""),
    ],
    "nonfinite-forward": [
        ("bad", "a run that diverges", ONE + "opt = torch.optim.SGD(net.parameters(), 1e4)", f"""
for _ in range(40):
    loss = F.mse_loss(net(X), T); {STEP}
"""),
        ("bad", "a row of zeros, late", """
class Unit(nn.Module):
    def forward(self, x):
        return x / x.norm(dim=1, keepdim=True)
net = nn.Sequential(nn.Linear(8, 16, bias=False), Unit(), nn.Linear(16, 2)); X[150] = 0
opt = torch.optim.SGD(net.parameters(), 0.1)
""", f"""
for i in range(0, 160, 2):
    loss = loss_fn(net(X[i:i+2]), Y[i:i+2]); {STEP}
"""),
        ("ok", "actions that are not allowed", "", f"""
mask = torch.tensor([False, True])
for xb, yb in train_dl:
    loss = loss_fn(net(xb).masked_fill(mask, -torch.inf), 0 * yb); {STEP}
"""),
    ],
    "overfitting": [
        ("hint", "labels without meaning, by heart", "Y = Y[torch.randperm(160)]\n"
         "opt = torch.optim.Adam(net.parameters(), 5e-2)", f"""
for _ in range(200):
    net.train(); loss = loss_fn(net(X[:48]), Y[:48]); {STEP}
    net.eval()
    with torch.no_grad():
        val = loss_fn(net(X[48:]), Y[48:])
"""),
    ],
}  # fmt: skip
PROGRAMS = [pytest.param(name, *case, id=f"{name}: {case[1]}") for name, cases in CASES.items() for case in cases]


@pytest.mark.parametrize(("name", "verdict", "what", "setup", "source"), PROGRAMS)
def test_programs_as_people_write_them(name, verdict, what, setup, source):
    bench, _ = cell(source, setup)
    result = run(CHECKS[name], bench)
    told = f"{result.verdict}: {result.finding.message}"
    assert result.verdict in (QUIET if verdict in ("ok", "skipped") else {Verdict(verdict)}), told
    assert [note for note in bench.trace.notes if "bug" in note] == []


@pytest.mark.parametrize("name", {**RIGHT, **ODD})
def test_what_is_right_raises_nothing(name):
    setup, source = {**RIGHT, **ODD}[name]
    bench, _ = cell(source, setup)
    results = [run(CHECKS[check], bench) for check in IDS]
    assert [f"{r.id}: {r.finding.message}" for r in results if r.verdict not in QUIET] == []


def test_the_module_where_nan_is_born_is_named_at_a_step_looked_at():
    setup = "class Log(nn.Module):\n    def forward(self, x):\n        return x.log()\nnet = build(Log())\n"
    setup += "opt = torch.optim.SGD(net.parameters(), 0.1)"
    bench, _ = cell(f"loss = loss_fn(net(X), Y); {STEP}", setup)
    told = run(CHECKS["nonfinite-forward"], bench).finding
    assert told.message == "`loss` was **nan** at step **0**; it is born in `net.1`, whose inputs are finite"
    assert told.where == f"cell 1, line 1: `loss = loss_fn(net(X), Y); {STEP}`"


def test_the_line_to_paste_mends_the_metric():
    setup = ONE + "y = Y.float()"
    source = "with torch.no_grad():\n    {} = ((net(X) > 0).float() == y).float().mean()\n"
    bench, _ = cell(source.format("acc"), setup)
    told = run(CHECKS["broadcast-metric"], bench).finding
    assert told.code == "((net(X) > 0).float()).flatten() == y.flatten()"
    bench, _ = cell(f"with torch.no_grad():\n    acc = ({told.code}).float().mean()\n", setup)
    assert run(CHECKS["broadcast-metric"], bench).verdict is Verdict.OK
