# ruff: noqa: E501
"""Checks of optimizers and schedules on programs as people write them: faults, and what looks like them."""

from __future__ import annotations

import pytest
import torch
from loops import RIGHT, cell

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run, run_each
from nbrecipe.trace import watch

CHECKS = all_checks()
CHAPTER = [check for check in CHECKS.values() if check.chapter == "optimizer"]
FINE = {Verdict.OK, Verdict.SKIPPED}
S = "S = torch.optim.lr_scheduler\n"
SGD = "opt = torch.optim.SGD(net.parameters(), 0.1)\n"
#: an epoch, indented as the body of a loop over epochs
EPOCH = """
    for xb, yb in train_dl:
        opt.zero_grad(); loss = loss_fn(net(xb), yb); loss.backward(); opt.step()
"""
BATCHWISE = """
    for xb, yb in train_dl:
        opt.zero_grad(); loss_fn(net(xb), yb).backward(); opt.step(); sched.step()
"""


def epochs(count: int, body: str = EPOCH, after: str = "") -> str:
    """A loop over epochs."""
    return f"for epoch in range({count}):{body}" + "".join(f"    {line}\n" for line in after.splitlines())


#: check → (verdict, what the program does, what stands in earlier cells, the cell)
CASES: dict[str, list[tuple[str, str, str, str]]] = {
    "stale-optimizer": [
        ("bad", "the model made anew", "net = build()", epochs(1)),
        ("bad", "gradients of an earlier run still in the old model", """
for xb, yb in train_dl: loss_fn(net(xb), yb).backward()
net = build()
""", epochs(1, "\n    for xb, yb in train_dl:\n        net.zero_grad(); loss_fn(net(xb), yb).backward(); opt.step()\n")),
        ("bad", "the first layer replaced", "net[0] = nn.Linear(8, 16)", epochs(2)),
        ("hint", "one tensor too many, one layer too few", """
net = build(); extra = nn.Parameter(torch.zeros(3, 3, 3))
opt = torch.optim.Adam([*net[0].parameters(), extra])
""", epochs(2)),
        ("fine", "an image against an open net", "x = torch.zeros(1, 8, requires_grad=True); opt = torch.optim.Adam([x], 0.1)",
         "for i in range(9):\n    opt.zero_grad(); (-net(x)[:, 0].sum()).backward(); opt.step()"),
        ("fine", "sparse rows of its own against an open net", """
table = torch.zeros(20, 8, requires_grad=True); opt = torch.optim.SparseAdam([table])
""", "for i in range(9):\n    opt.zero_grad(); (-net(F.embedding(torch.randint(20, (4,)), table, sparse=True)).sum()).backward(); opt.step()"),
        ("fine", "the discriminator rests", """
D = build(); od = torch.optim.Adam(D.parameters())
G = nn.Linear(3, 8); opt = torch.optim.Adam(G.parameters())
""", "for i in range(9):\n    opt.zero_grad(); D(G(torch.randn(4, 3))).mean().backward(); opt.step()"),
    ],
    "untrained-parameters": [
        ("bad", "a layer appended after the optimizer was made", """
net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU()); opt = torch.optim.Adam(net.parameters())
net.append(nn.Linear(16, 2))
""", epochs(2)),
        ("bad", "the group without decay forgotten", """
net = build(nn.LayerNorm(16), nn.ReLU())
opt = torch.optim.AdamW([{"params": [p for p in net.parameters() if p.ndim > 1], "weight_decay": 0.1}], 1e-3)
""", epochs(2)),
        ("bad", "the decoder forgotten", """
enc, dec = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8)), nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8))
opt = torch.optim.Adam(enc.parameters())
""", "for xb, _ in train_dl:\n    opt.zero_grad(); F.mse_loss(dec(enc(xb)), xb).backward(); opt.step()"),
        ("hint", "biases alone are trained", "opt = torch.optim.Adam([p for p in net.parameters() if p.ndim < 2])", epochs(2)),
        ("hint", "a random target, left open", """
target, net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8)), nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8))
opt = torch.optim.Adam(net.parameters())
""", "for xb, _ in train_dl:\n    opt.zero_grad(); F.mse_loss(net(xb), target(xb)).backward(); opt.step()"),
        ("hint", "a linear probe on an open backbone", "opt = torch.optim.Adam(net[2].parameters())", epochs(2)),
        ("hint", "a pretrained net that judges is left open", """
judge = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
for p in judge.parameters(): nn.init.normal_(p)
net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8)); opt = torch.optim.Adam(net.parameters())
""", "for xb, _ in train_dl:\n    opt.zero_grad(); F.mse_loss(judge(net(xb)), judge(xb)).backward(); opt.step()"),
        ("fine", "unfrozen step by step", "net[0].requires_grad_(False); opt = torch.optim.Adam(net[2].parameters())",
         epochs(1) + "net[0].requires_grad_(True); opt.add_param_group({'params': net[0].parameters()})\n" + epochs(1)),
        ("fine", "the optimizer of the rest in a list", "opts = [torch.optim.Adam(net[0].parameters())]; opt = torch.optim.Adam(net[2].parameters())",
         epochs(2)),
        ("fine", "a shared encoder, called whole and in part", "", """
for xb, yb in train_dl:
    opt.zero_grad(); (loss_fn(net(xb), yb) + net[0](xb).pow(2).mean()).backward(); opt.step()
"""),
        ("skipped", "two steps", "opt = torch.optim.Adam(net[0].parameters())",
         "for i in range(2):\n    opt.zero_grad(); loss_fn(net(X), Y).backward(); opt.step()"),
    ],
    "zero-learning-rate": [
        ("bad", "whole numbers by epochs", S + "sched = S.LambdaLR(opt, lambda e: e // 5)", epochs(3, after="sched.step()")),
        ("bad", "a linear decay over half of the run", S + "sched = S.LambdaLR(opt, lambda s: max(0, 1 - s / 20))", epochs(4, BATCHWISE)),
        ("hint", "one of two optimizers rests", "o2 = torch.optim.SGD(net[0].parameters(), 0.0); opt = torch.optim.SGD(net[2].parameters(), 0.1)",
         epochs(2, EPOCH.replace("opt.step()", "opt.step(); o2.step()"))),
        ("hint", "one of two groups rests", "opt = torch.optim.SGD([{'params': net[0].parameters(), 'lr': 0.0}, {'params': net[2].parameters()}], 0.1)",
         epochs(2)),
        ("fine", "the last step of a decay", S + "sched = S.LambdaLR(opt, lambda s: max(0, 1 - s / 39))", epochs(4, BATCHWISE)),
        ("fine", "the last epoch of ten", S + "sched = S.LambdaLR(opt, lambda e: 1 - e / 9)", epochs(10, after="sched.step()")),
        ("fine", "cosine that touches zero between restarts", S + "sched = S.CosineAnnealingWarmRestarts(opt, 10)", epochs(4, BATCHWISE)),
    ],
    "schedule-too-fast": [
        ("bad", "milestones in epochs, stepped by batches", S + SGD + "sched = S.MultiStepLR(opt, [5, 8])", epochs(10, BATCHWISE)),
        ("bad", "a linear decay by batches", S + SGD + "sched = S.LinearLR(opt, 1.0, 0.01, total_iters=6)", epochs(6, BATCHWISE)),
        ("bad", "a cosine as long as the epochs", S + SGD + "sched = S.CosineAnnealingLR(opt, 12)", epochs(12, BATCHWISE)),
        ("bad", "a cosine two thirds as long as the run", S + SGD + "sched = S.CosineAnnealingLR(opt, 20)", epochs(3, BATCHWISE)),
        ("bad", "by hand", SGD, epochs(8, EPOCH + "        opt.param_groups[0]['lr'] *= 0.7\n")),
        ("hint", "a second phase at a thousandth, by hand", SGD, epochs(2) + "opt.param_groups[0]['lr'] = 1e-5\n" + epochs(8)),
        ("fine", "three tenths of the run in a warm-up", S + "sched = S.OneCycleLR(opt, 0.01, total_steps=40)", epochs(4, BATCHWISE)),
        ("fine", "a step decay by epochs", S + SGD + "sched = S.StepLR(opt, 3)", epochs(8, after="sched.step()")),
        ("fine", "one step an epoch: the whole data", S + SGD + "sched = S.StepLR(opt, 30)",
         "for i in range(90):\n    opt.zero_grad(); loss_fn(net(X), Y).backward(); opt.step(); sched.step()"),
        ("fine", "inverse square root after a warm-up", S + "sched = S.LambdaLR(opt, lambda s: min((s + 1) / 5, (5 / (s + 1)) ** 0.5))", epochs(5, BATCHWISE)),
        ("fine", "a cosine a few calls too long", S + SGD + "sched = S.CosineAnnealingLR(opt, 48)", epochs(5, BATCHWISE)),
        ("fine", "a range test", S + "opt = torch.optim.SGD(net.parameters(), 1e-6); sched = S.ExponentialLR(opt, 1.3)", epochs(4, BATCHWISE)),
        ("skipped", "a constant rate", "", epochs(3)),
    ],
    "schedule-never-stepped": [
        ("bad", "in a function", "", """
def train():
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 3)
    for epoch in range(3):
        for xb, yb in train_dl:
            opt.zero_grad(); loss_fn(net(xb), yb).backward(); opt.step()
train()
"""),
        ("bad", "the optimizer made anew", S + "sched = S.StepLR(opt, 1)\n" + SGD, epochs(3, after="sched.step()")),
        ("bad", "not handed over to the function that would step it", S + """
sched = S.StepLR(opt, 1)
def train(scheduler=None):
    for epoch in range(3):
        for xb, yb in train_dl:
            opt.zero_grad(); loss_fn(net(xb), yb).backward(); opt.step()
        if scheduler is not None:
            scheduler.step()
""", "train()"),
        ("hint", "its turn has not come in either of two runs", S + """
def train(lr):
    opt = torch.optim.SGD(net.parameters(), lr); sched = S.StepLR(opt, 1)
    for epoch in range(3):
        for xb, yb in train_dl:
            opt.zero_grad(); loss_fn(net(xb), yb).backward(); opt.step()
        if epoch > 5: sched.step()
""", "for lr in (0.1, 0.01): train(lr)"),
        ("hint", "its turn has not come in a trainer", """
class Trainer:
    def __init__(self):
        self.opt = torch.optim.SGD(net.parameters(), 0.1)
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.opt, 1)
    def fit(self):
        for epoch in range(3):
            for xb, yb in train_dl:
                self.opt.zero_grad(); loss_fn(net(xb), yb).backward(); self.opt.step()
            if epoch > 5: self.scheduler.step()
trainer = Trainer()
""", "trainer.fit()"),
        ("hint", "its turn has not come", S + "sched = S.StepLR(opt, 1)", epochs(3, after="if epoch > 5: sched.step()")),
        ("hint", "stepped in an earlier cell", S + "sched = S.StepLR(opt, 1)\nopt.step(); sched.step()", epochs(3)),
        ("fine", "averaged weights have a schedule of their own", S + """
sched = S.CosineAnnealingLR(opt, 5); swa = torch.optim.swa_utils.SWALR(opt, 0.05)
""", epochs(3, after="(swa if epoch > 9 else sched).step()")),
        ("fine", "the base of a wrapped optimizer", S + """
class Wrapped(torch.optim.Optimizer):
    def __init__(self, params):
        super().__init__(params, {})
        self.base = torch.optim.SGD(self.param_groups, 0.1)
        self.param_groups = self.base.param_groups
    def step(self):
        self.base.step()
opt = Wrapped(net.parameters()); sched = S.StepLR(opt.base, 30)
""", epochs(3, after="sched.step()")),
        ("skipped", "one epoch", S + "sched = S.StepLR(opt, 1)", epochs(1)),
        ("skipped", "of an optimizer at rest", S + "sched = S.StepLR(opt, 1)\n" + SGD, epochs(3)),
    ],
    "plateau-mode": [
        ("bad", "percent in mode min, without a name", S + "opt = torch.optim.Adam(net.parameters(), 3e-3); sched = S.ReduceLROnPlateau(opt, patience=1)",
         epochs(12, after="with torch.no_grad(): m = (net(X).argmax(1) == Y).float().mean()\nsched.step(m * 100)")),
        ("bad", "a loss in mode max", S + "sched = S.ReduceLROnPlateau(opt, 'max', patience=1)",
         epochs(8, after="with torch.no_grad(): val_loss = loss_fn(net(X), Y)\nsched.step(val_loss)")),
        ("fine", "an accuracy in mode max", S + "sched = S.ReduceLROnPlateau(opt, 'max', patience=1)",
         epochs(8, after="with torch.no_grad(): acc = (net(X).argmax(1) == Y).float().mean()\nsched.step(acc)")),
        ("fine", "an accuracy turned round", S + "sched = S.ReduceLROnPlateau(opt, patience=1)",
         epochs(8, after="with torch.no_grad(): acc = (net(X).argmax(1) == Y).float().mean()\nsched.step(1 - acc)")),
        ("fine", "a validation loss that rises", S + "sched = S.ReduceLROnPlateau(opt, patience=1); V = 1 - Y",
         epochs(8, after="with torch.no_grad(): val = loss_fn(net(X), V)\nsched.step(val)")),
        ("skipped", "two epochs", S + "sched = S.ReduceLROnPlateau(opt)", epochs(2, after="sched.step(loss.item())")),
    ],
    "learning-rate-too-high": [
        ("bad", "Adam at 1", "net = build(nn.ReLU(), nn.Linear(16, 16), nn.ReLU()); opt = torch.optim.Adam(net.parameters(), 3.0); Y = torch.randint(2, (160,)); train_dl = DataLoader(TensorDataset(X, Y), 16)",
         epochs(3)),
        ("bad", "least squares that diverge", "net = nn.Linear(8, 1); opt = torch.optim.SGD(net.parameters(), 2.0)",
         "for i in range(40):\n    opt.zero_grad(); F.mse_loss(net(X), T).backward(); opt.step()"),
        ("fine", "a large rate that learns", "opt = torch.optim.Adam(net.parameters(), 0.05)", epochs(3)),
        ("fine", "NaN that the data bring", "opt = torch.optim.Adam(net.parameters(), 1e-3); X[100:] = float('nan'); train_dl = DataLoader(TensorDataset(X, Y), 16)",
         epochs(2)),
        ("skipped", "NaN in the data of a model that starts at 0", """
net = nn.Linear(8, 2); nn.init.zeros_(net.weight); opt = torch.optim.SGD(net.parameters(), 0.5); X[100:] = float('nan'); train_dl = DataLoader(TensorDataset(X, Y), 16)
""", epochs(2)),
        ("skipped", "maximised", "opt = torch.optim.SGD(net.parameters(), 5.0, maximize=True)", epochs(2)),
        ("skipped", "a few steps", "opt = torch.optim.SGD(net.parameters(), 5.0)",
         "for i in range(4):\n    opt.zero_grad(); loss_fn(net(X), Y).backward(); opt.step()"),
    ],
    "learning-rate-too-low": [
        ("bad", "regression at 1e-8", "net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1)); opt = torch.optim.Adam(net.parameters(), 1e-8)",
         "for i in range(60):\n    opt.zero_grad(); F.mse_loss(net(X), T).backward(); opt.step()"),
        ("hint", "a loss of one's own", "opt = torch.optim.Adam(net.parameters(), 1e-8)",
         "for i in range(60):\n    opt.zero_grad(); (-net(X).log_softmax(1)[range(160), Y].mean()).backward(); opt.step()"),
        ("fine", "a converged fit", "net = nn.Linear(8, 1); opt = torch.optim.SGD(net.parameters(), 0.1)\nfor i in range(300):\n    opt.zero_grad(); F.mse_loss(net(X), T).backward(); opt.step()",
         "for i in range(60):\n    opt.zero_grad(); F.mse_loss(net(X), T).backward(); opt.step()"),
        ("skipped", "a rate of 0", "opt = torch.optim.Adam(net.parameters(), 0.0)", epochs(3)),
    ],
    "excessive-weight-decay": [
        ("bad", "1 in SGD", "opt = torch.optim.SGD(net.parameters(), 0.1, weight_decay=2.0); Y = torch.randint(2, (160,)); train_dl = DataLoader(TensorDataset(X, Y), 16)",
         epochs(6)),
        ("fine", "as vision models have it", "opt = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9, weight_decay=1e-4)", epochs(4)),
        ("fine", "converged, so that decay is all that moves", "opt = torch.optim.SGD(net.parameters(), 0.5, weight_decay=1e-3)\nfor i in range(300):\n    opt.zero_grad(); loss_fn(net(X), Y).backward(); opt.step()",
         epochs(3)),
        ("skipped", "none", "", epochs(3)),
        ("skipped", "a kind that is not known", """
class Lion(torch.optim.SGD): pass
opt = Lion(net.parameters(), 0.1, weight_decay=1.0)
""", epochs(3)),
    ],
    "double-stepped-parameters": [
        ("bad", "both after each backward", "o2 = torch.optim.SGD(net.parameters(), 0.01)", epochs(2, EPOCH.replace("opt.step()", "opt.step(); o2.step()"))),
        ("fine", "by turns", "o2 = torch.optim.SGD(net.parameters(), 0.01)", """
for i, (xb, yb) in enumerate(train_dl):
    now = opt if i % 2 else o2
    now.zero_grad(); loss_fn(net(xb), yb).backward(); now.step()
"""),
        ("fine", "one after the other, beside a third", "o2 = torch.optim.SGD(net[0].parameters(), 0.01); o3 = torch.optim.SGD(net[2].parameters(), 0.01)",
         epochs(2) + epochs(2, EPOCH.replace("opt", "o2").replace("o2.step()", "o2.step(); o3.step()"))),
    ],
    "lost-updates": [
        ("bad", "float16 at 1e-5", "net = build().half(); opt = torch.optim.SGD(net.parameters(), 1e-5); X = X.half(); train_dl = DataLoader(TensorDataset(X, Y), 16)",
         "for xb, yb in train_dl:\n    opt.zero_grad(); loss_fn(net(xb).float(), yb).backward(); opt.step()"),
        ("hint", "an optimizer that may keep the rest", "net = build().bfloat16()\nclass Kahan(torch.optim.SGD): pass\nopt = Kahan(net.parameters(), 1e-4); X = X.bfloat16(); train_dl = DataLoader(TensorDataset(X, Y), 16)",
         "for xb, yb in train_dl:\n    opt.zero_grad(); loss_fn(net(xb).float(), yb).backward(); opt.step()"),
        ("fine", "the end of a cosine in bfloat16", S + "net = build().bfloat16(); opt = torch.optim.SGD(net.parameters(), 1.0); sched = S.CosineAnnealingLR(opt, 10); X = X.bfloat16(); train_dl = DataLoader(TensorDataset(X, Y), 16)",
         "for xb, yb in train_dl:\n    opt.zero_grad(); loss_fn(net(xb).float(), yb).backward(); opt.step(); sched.step()"),
        ("skipped", "a rate of 0", "opt = torch.optim.SGD(net.parameters(), 0.0)", epochs(1)),
    ],
    "adam-epsilon": [
        ("bad", "AdamW at 1", "opt = torch.optim.AdamW(net.parameters(), eps=1.0)", epochs(1)),
        ("fine", "1e-7, as another library has it", "opt = torch.optim.NAdam(net.parameters(), eps=1e-7)", epochs(1)),
        ("fine", "gradients that have vanished", "opt = torch.optim.Adam(net.parameters())",
         "for i in range(9):\n    opt.zero_grad(); (1e-12 * loss_fn(net(X), Y)).backward(); opt.step()"),
        ("skipped", "SGD", SGD, epochs(1)),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "verdict", "setup", "source"),
    [pytest.param(i, v, s, c, id=f"{i}: {what}") for i, cases in CASES.items() for v, what, s, c in cases],
)
def test_programs_as_people_write_them(name, verdict, setup, source):
    bench, _ = cell(source, setup)
    finding = run(CHECKS[name], bench).finding
    expected = FINE if verdict == "fine" else {Verdict(verdict)}
    assert finding.verdict in expected, (finding.message, bench.trace.notes)


@pytest.mark.parametrize("name", RIGHT)
def test_loops_that_are_right_raise_nothing(name):
    setup, source = RIGHT[name]
    wrong = [r for r in run_each(CHAPTER, cell(source, setup)[0]) if r.verdict not in FINE]
    assert [f"{r.id}: {r.verdict}: {r.finding.message}" for r in wrong] == []


def test_the_lines_to_paste_mend_the_cell():
    bench, namespace = cell(epochs(1), "net = build()")
    exec(run(CHECKS["stale-optimizer"], bench).finding.code, namespace)
    assert next(iter(namespace["opt"].param_groups[0]["params"])) is namespace["net"][0].weight

    bench, namespace = cell(epochs(2), "opt = torch.optim.Adam(net[0].parameters())")
    finding = run(CHECKS["untrained-parameters"], bench).finding
    exec(finding.code, namespace)
    held = {id(p) for group in namespace["opt"].param_groups for p in group["params"]}
    assert held == {id(p) for p in namespace["net"].parameters()}, finding.code

    bench, namespace = cell(epochs(2, EPOCH.replace("opt.step()", "opt.step(); o2.step()")), "o2 = copy.deepcopy(opt)")
    assert run(CHECKS["double-stepped-parameters"], bench).verdict in FINE


def test_a_fault_shows_while_the_cell_still_runs():
    """A check that is sure after a few steps does not wait for the end; the others say that they wait."""
    told = {}

    def look(trace):
        if trace.steps == 5:
            told.update({r.id: r.verdict for r in run_each(CHAPTER, Bench(trace=trace))})

    old, net = toys.mlp(), toys.mlp(seed=1)
    opt = torch.optim.SGD(old.parameters(), 0.0)
    given = toys.classify(net, rows=512)
    watcher = watch({"net": net, "opt": opt}, every=1)
    with watcher:
        for x, y in toys.batches(given):
            opt.zero_grad()
            given.loss_fn(net(x), y).backward()
            opt.step()
            look(watcher.trace)
    bad = {name for name, verdict in told.items() if verdict is Verdict.BAD}
    assert bad == {"stale-optimizer", "zero-learning-rate"}
    assert Verdict.CRASHED not in told.values()


def test_updates_lost_in_a_warm_up_are_not_told_before_it_is_over():
    net = toys.mlp().bfloat16()
    opt = torch.optim.Adam(net.parameters(), 1e-2)
    sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda step: 10.0 ** (step - 9) if step < 9 else 1.0)
    given = toys.classify(net, rows=1280)
    told = []
    with watch({"net": net, "opt": opt}, every=1) as watcher:
        for x, y in toys.batches(given):
            opt.zero_grad()
            given.loss_fn(net(x.bfloat16()).float(), y).backward()
            opt.step()
            sched.step()
            told.append(run(CHECKS["lost-updates"], Bench(trace=watcher.trace)).verdict)
    told.append(run(CHECKS["lost-updates"], Bench(trace=watcher.trace)).verdict)
    assert set(told) <= FINE
    assert told[-1] is Verdict.OK


def test_epsilon_of_an_optimizer_that_has_stepped_is_held_against_its_moments():
    given = toys.trained(toys.classify())
    given = given.replace(optimizer=torch.optim.Adam(given.model.parameters(), eps=10.0))
    assert run(CHECKS["adam-epsilon"], given).verdict is Verdict.HINT
    given.loss_fn(given.model(given.batch[0]), given.batch[1]).backward()
    given.optimizer.step()
    assert run(CHECKS["adam-epsilon"], given).verdict is Verdict.BAD
    sgd = given.replace(optimizer=torch.optim.SGD(given.model.parameters()))
    assert run(CHECKS["adam-epsilon"], sgd).verdict is Verdict.SKIPPED
