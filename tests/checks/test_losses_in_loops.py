"""Checks of losses on programs as people write them: faults, and what looks like them."""

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
BIN = (
    "B = Y.float()[:, None]; bin_dl = DataLoader(TensorDataset(X, B), batch_size=16)\n"
    "net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))\n"
    "opt = torch.optim.Adam(net.parameters(), 1e-3)\n"
)
REG = (
    "reg_dl = DataLoader(TensorDataset(X, T[:, 0]), batch_size=16)\n"
    "net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))\n"
    "opt = torch.optim.Adam(net.parameters(), 1e-3)\n"
)


def loop(body: str, n: int = 2, data: str = "train_dl") -> str:
    """A loop over batches, with these lines before the step."""
    lines = "\n".join(f"        {line}" for line in [*body.splitlines(), STEP])
    return f"for _ in range({n}):\n    for xb, yb in {data}:\n{lines}\n"


#: check → (what is expected, what the program does, what stands in earlier cells, the cell)
CASES: dict[str, list[tuple[str, str, str, str]]] = {
    "probabilities-as-logits": [
        ("bad", "softmax in the loop", "", loop("loss = loss_fn(net(xb).softmax(-1), yb)")),
        (
            "bad",
            "softmax, weights and smoothing",
            "",
            loop(
                "loss = F.cross_entropy(F.softmax(net(xb), 1), yb, weight=torch.tensor([1., 2.]), label_smoothing=.1)"
            ),
        ),
        (
            "bad",
            "segmentation maps",
            (
                "net = nn.Conv2d(1, 3, 3, padding=1); opt = torch.optim.Adam(net.parameters())\n"
                "M = torch.randint(3, (160, 6, 6))\n"
                "train_dl = DataLoader(TensorDataset(torch.randn(160, 1, 6, 6), M), batch_size=16)"
            ),
            loop("loss = F.cross_entropy(net(xb).softmax(1), yb)"),
        ),
        (
            "bad",
            "half precision",
            "",
            loop("with torch.autocast('cpu', torch.bfloat16):\n    loss = F.cross_entropy(net(xb).softmax(1), yb)"),
        ),
        (
            "bad",
            "sigmoid and squeeze",
            BIN,
            loop(
                "loss = F.binary_cross_entropy_with_logits(torch.sigmoid(net(xb)).squeeze(1), yb[:, 0])", data="bin_dl"
            ),
        ),
        (
            "bad",
            "two-way softmax, one column",
            "",
            loop("loss = F.binary_cross_entropy_with_logits(net(xb).softmax(1)[:, 1], yb.float())"),
        ),
        (
            "ok",
            "distillation",
            "teacher = build()",
            loop("with torch.no_grad(): soft = teacher(xb).softmax(1)\nloss = F.cross_entropy(net(xb), soft)"),
        ),
        (
            "ok",
            "mixup",
            "",
            loop(
                "a = torch.rand(len(xb), 1); y2 = F.one_hot(yb, 2).float(); p = torch.randperm(len(xb))\n"
                "loss = F.cross_entropy(net(a * xb + (1 - a) * xb[p]), a * y2 + (1 - a) * y2[p])"
            ),
        ),
        ("ok", "normalised features times a scale", "", loop("loss = F.cross_entropy(16 * F.normalize(net(xb)), yb)")),
        (
            "ok",
            "contrastive similarities",
            "",
            loop("z = F.normalize(net(xb) + xb[:, :2])\nloss = F.cross_entropy(z @ z.T / .1, torch.arange(len(z)))"),
        ),
        (
            "ok",
            "attention inside",
            (
                "net = nn.Sequential(nn.Linear(8, 16), nn.Softmax(1), nn.Linear(16, 2))\n"
                "opt = torch.optim.Adam(net.parameters())"
            ),
            loop("loss = loss_fn(net(xb), yb)"),
        ),
        ("ok", "batches of one", "", loop("loss = loss_fn(net(xb[:1]), yb[:1])")),
        (
            "ok",
            "zero head",
            "net[-1].weight.data.zero_(); net[-1].bias.data.fill_(.5)",
            loop("loss = loss_fn(net(xb), yb)"),
        ),
        (
            "ok",
            "probabilities for BCELoss",
            BIN,
            loop("loss = F.binary_cross_entropy(net(xb).sigmoid(), yb)", data="bin_dl"),
        ),
        (
            "ok",
            "soft labels for BCE",
            BIN,
            loop("loss = F.binary_cross_entropy_with_logits(net(xb), net(xb).sigmoid().detach())", data="bin_dl"),
        ),
        (
            "ok",
            "relu logits small",
            BIN,
            loop("loss = F.binary_cross_entropy_with_logits(.1 * net(xb).relu(), yb)", data="bin_dl"),
        ),
        ("ok", "softmax for accuracy only", "", loop("out = net(xb); p = out.softmax(1); loss = loss_fn(out, yb)")),
        ("ok", "log of the softmax", "", loop("loss = loss_fn(net(xb).softmax(1).log(), yb)")),
    ],
    "logits-as-probabilities": [
        ("bad", "nll of logits", "", loop("loss = F.nll_loss(net(xb), yb)")),
        (
            "bad",
            "swapped arguments of kl_div",
            "teacher = build()",
            loop(
                "with torch.no_grad(): q = teacher(xb).log_softmax(1)\n"
                "loss = F.kl_div(net(xb).softmax(1), q.exp(), reduction='batchmean')"
            ),
        ),
        ("ok", "log softmax", "", loop("loss = F.nll_loss(net(xb).log_softmax(1), yb)")),
        (
            "ok",
            "log target",
            "teacher = build()",
            loop(
                "with torch.no_grad(): q = teacher(xb).log_softmax(1)\n"
                "loss = F.kl_div(net(xb).log_softmax(1), q, reduction='batchmean', log_target=True)"
            ),
        ),
        ("ok", "bce of sigmoid", BIN, loop("loss = F.binary_cross_entropy(net(xb).sigmoid(), yb)", data="bin_dl")),
        (
            "ok",
            "clamped sigmoid",
            BIN,
            loop("loss = F.binary_cross_entropy(net(xb).sigmoid().clamp(0, 1), yb)", data="bin_dl"),
        ),
        ("ok", "log of eps", "", loop("loss = F.nll_loss(torch.log(net(xb).softmax(1) + 1e-5), yb)")),
        (
            "ok",
            "bfloat16 log softmax",
            "",
            loop("with torch.autocast('cpu', torch.bfloat16):\n    loss = F.nll_loss(net(xb).log_softmax(1), yb)"),
        ),
        ("ok", "logits into cross entropy", "", loop("loss = F.cross_entropy(net(xb), yb)")),
        (
            "no fault",
            "scores picked for a margin",
            "",
            loop("s = net(xb)\nloss = F.nll_loss(s, yb) + torch.logsumexp(s, 1).mean()"),
        ),
        ("no fault", "rewards", "", loop("loss = F.nll_loss(net(xb).log_softmax(1) * torch.randn(len(xb), 1), yb)")),
    ],
    "broadcast-loss": [
        ("bad", "by hand", REG, loop("loss = ((net(xb) - yb) ** 2).mean()", data="reg_dl")),
        ("bad", "error in a variable", REG, loop("error = yb - net(xb)\nloss = error.abs().mean()", data="reg_dl")),
        (
            "bad",
            "mse_loss",
            REG + "import warnings; warnings.simplefilter('ignore')",
            loop("loss = F.smooth_l1_loss(net(xb), yb)", data="reg_dl"),
        ),
        (
            "bad",
            "by hand cross-entropy",
            BIN,
            loop(
                "p = net(xb).sigmoid()\nloss = -(yb[:, 0] * p.log()).mean() - ((1 - yb[:, 0]) * (1 - p).log()).mean()",
                data="bin_dl",
            ),
        ),
        (
            "bad",
            "Q-learning",
            "target = build(); import copy",
            loop(
                "q = net(xb).gather(1, yb[:, None])\n"
                "with torch.no_grad(): best = target(xb).max(1).values\n"
                "loss = (q - best).square().mean()"
            ),
        ),
        (
            "bad",
            "advantages",
            "",
            loop("log = net(xb).log_softmax(1).gather(1, yb[:, None])\nloss = -(log * torch.randn(len(xb))).mean()"),
        ),
        (
            "ok",
            "as many features as rows",
            (
                "class W(nn.Module):\n"
                "    def __init__(s):\n"
                "        super().__init__()\n"
                "        s.w = nn.Parameter(torch.zeros(16))\n"
                "        s.h = nn.Linear(16, 2)\n"
                "    def forward(s, x):\n"
                "        t = x[:, :1]\n"
                "        return s.h(torch.sin(t * s.w.exp()))\n"
                "net = W(); opt = torch.optim.Adam(net.parameters())"
            ),
            loop("loss = loss_fn(net(xb), yb)"),
        ),
        (
            "no fault",
            "no model at all",
            "w = torch.randn(16, requires_grad=True); opt = torch.optim.Adam([w])",
            loop("h = xb[:, :1] * w.exp()\nloss = (h.mean(1) - yb).square().mean()"),
        ),
        (
            "ok",
            "a loss inside the model",
            (
                "class L(nn.Module):\n"
                "    def __init__(s): super().__init__(); s.m = nn.Linear(8, 1)\n"
                "    def forward(s, x, y): return F.mse_loss(s.m(x).squeeze(1), y)\n"
                "net = L(); opt = torch.optim.Adam(net.parameters())"
            ),
            loop("loss = net(xb, yb.float())"),
        ),
        ("ok", "squeezed", REG, loop("loss = ((net(xb).squeeze(-1) - yb) ** 2).mean()", data="reg_dl")),
        ("ok", "unsqueezed target", REG, loop("loss = ((net(xb) - yb.unsqueeze(1)) ** 2).mean()", data="reg_dl")),
        (
            "ok",
            "all pairs",
            REG,
            loop(
                "out = net(xb).squeeze(1)\nloss = ((out[:, None] - out) - (yb[:, None] - yb)).square().mean()",
                data="reg_dl",
            ),
        ),
        (
            "ok",
            "energy distance",
            REG,
            loop(
                "out = net(xb).squeeze(1)\n"
                "loss = (out[:, None] - yb).abs().mean() - .5 * (out[:, None] - out).abs().mean()",
                data="reg_dl",
            ),
        ),
        (
            "ok",
            "prototypes as many as rows",
            "",
            loop(
                "z = net(xb); c = xb[:, :2].detach()\n"
                "d = (z.unsqueeze(1) - c.unsqueeze(0)).square().sum(-1)\n"
                "loss = F.cross_entropy(-d, torch.arange(len(z)))"
            ),
        ),
        (
            "ok",
            "weights per row",
            "",
            loop("each = F.cross_entropy(net(xb), yb, reduction='none')\nloss = (each * torch.rand(len(xb))).mean()"),
        ),
        ("ok", "temperatures", REG, loop("loss = ((net(xb)[:, 0] * torch.ones(1) - yb) ** 2).mean()", data="reg_dl")),
        ("ok", "batch of one", REG, loop("loss = ((net(xb[:1]) - yb[:1]) ** 2).mean()", data="reg_dl")),
        (
            "ok",
            "positions",
            (
                "class P(nn.Module):\n"
                "    def __init__(s):\n"
                "        super().__init__()\n"
                "        s.p = nn.Parameter(torch.zeros(8, 4))\n"
                "        s.l = nn.Linear(1, 4)\n"
                "        s.h = nn.Linear(4, 2)\n"
                "    def forward(s, x): return s.h((s.l(x[..., None]) + s.p).mean(1))\n"
                "net = P(); opt = torch.optim.Adam(net.parameters())"
            ),
            loop("loss = loss_fn(net(xb), yb)"),
        ),
    ],
    "clipped-loss": [
        ("bad", "clamp_max", "", loop("loss = loss_fn(net(xb), yb).clamp_max(.5)")),
        (
            "bad",
            "smoothed, per example",
            "",
            loop(
                "each = F.cross_entropy(net(xb), yb, reduction='none', label_smoothing=.1)\n"
                "loss = torch.clamp(each, 0, .7).mean()"
            ),
        ),
        (
            "bad",
            "binary, summed with another",
            BIN,
            loop(
                "main = F.binary_cross_entropy_with_logits(net(xb), yb)\n"
                "loss = main.clamp(max=.3) + 1e-3 * net(xb).square().mean()",
                data="bin_dl",
            ),
        ),
        (
            "bad",
            "mixed precision",
            "",
            loop(
                "with torch.autocast('cpu', torch.bfloat16):\n"
                "    out = net(xb)\n"
                "loss = loss_fn(out.float(), yb).clamp(max=.5)"
            ),
        ),
        ("ok", "never reached", "", loop("loss = loss_fn(net(xb), yb).clamp(max=100.)")),
        ("ok", "logits clamped", "", loop("loss = loss_fn(net(xb).clamp(-10, 10), yb)")),
        ("ok", "flooding", "", loop("loss = loss_fn(net(xb), yb); loss = (loss - .1).abs() + .1")),
        ("ok", "free bits", "", loop("loss = loss_fn(net(xb), yb) + (net(xb) ** 2).mean().clamp(min=.5)")),
        (
            "ok",
            "weights clamped",
            "",
            loop(
                "each = F.cross_entropy(net(xb), yb, reduction='none')\n"
                "w = torch.rand(len(xb)).clamp(max=.5)\n"
                "loss = (w * each).mean()"
            ),
        ),
        (
            "ok",
            "focal",
            "",
            loop(
                "each = F.cross_entropy(net(xb), yb, reduction='none'); pt = torch.exp(-each)\n"
                "loss = ((1 - pt).clamp(max=.5) ** 2 * each).mean()"
            ),
        ),
        (
            "ok",
            "huber",
            REG,
            loop(
                "e = (net(xb).squeeze(1) - yb).abs(); q = e.clamp(max=.2)\nloss = (.5 * q ** 2 + .2 * (e - q)).mean()",
                data="reg_dl",
            ),
        ),
        (
            "ok",
            "values of PPO",
            REG,
            loop(
                "v = net(xb).squeeze(1); old = v.detach() + .1\n"
                "vc = old + (v - old).clamp(-.2, .2)\n"
                "loss = torch.max((v - yb) ** 2, (vc - yb) ** 2).mean()",
                data="reg_dl",
            ),
        ),
        (
            "ok",
            "twin critics",
            REG + "second = copy.deepcopy(net)",
            loop(
                "with torch.no_grad(): t = torch.minimum(net(xb), second(xb)).squeeze(1)\n"
                "loss = F.mse_loss(net(xb).squeeze(1), yb + .1 * t)",
                data="reg_dl",
            ),
        ),
        ("ok", "perplexity", "", loop("loss = loss_fn(net(xb), yb); ppl = math.exp(min(20, loss.item()))")),
        (
            "no fault",
            "truncated squares",
            REG,
            loop("loss = ((net(xb).squeeze(1) - yb) ** 2).clamp(max=1.).mean()", data="reg_dl"),
        ),
    ],
    "detached-loss": [
        ("bad", "item", "", loop("loss = torch.tensor(loss_fn(net(xb), yb).item(), requires_grad=True)")),
        (
            "bad",
            "no_grad around the forward pass",
            "",
            loop("with torch.no_grad(): out = net(xb)\nloss = loss_fn(out, yb).requires_grad_()"),
        ),
        ("bad", "numpy", "", loop("loss = loss_fn(torch.from_numpy(net(xb).detach().numpy()).requires_grad_(), yb)")),
        (
            "ok",
            "by hand steps",
            "",
            "for xb, yb in train_dl:\n"
            "    loss = loss_fn(net(xb), yb); net.zero_grad(); loss.backward()\n"
            "    with torch.no_grad():\n"
            "        for p in net.parameters(): p -= .1 * p.grad",
        ),
        (
            "ok",
            "adversarial examples",
            "",
            loop(
                "xa = xb.clone().requires_grad_(); loss_fn(net(xa), yb).backward()\n"
                "loss = loss_fn(net(xb + .01 * xa.grad.sign()), yb)"
            ),
        ),
        (
            "ok",
            "only the last layer",
            "opt = torch.optim.SGD(net[-1].parameters(), .1)",
            loop("with torch.no_grad(): h = net[:-1](xb)\nloss = loss_fn(net[-1](h), yb)"),
        ),
        (
            "ok",
            "saliency of a frozen model",
            (
                "net.requires_grad_(False); mask = torch.zeros(8, requires_grad=True)\n"
                "opt = torch.optim.Adam([mask], .1)"
            ),
            loop("loss = loss_fn(net(xb * mask.sigmoid()), yb)"),
        ),
        (
            "ok",
            "meta gradients",
            "",
            loop(
                "g = torch.autograd.grad(loss_fn(net(xb), yb), list(net.parameters()), create_graph=True)\n"
                "loss = loss_fn(net(xb), yb) + sum(x.square().sum() for x in g)"
            ),
        ),
    ],
    "flipped-loss-sign": [
        ("bad", "minus", "", loop("loss = -loss_fn(net(xb), yb)")),
        (
            "bad",
            "minus in mixed precision",
            "scaler = torch.amp.GradScaler('cpu')",
            "for _ in range(2):\n"
            "    for xb, yb in train_dl:\n"
            "        loss = -loss_fn(net(xb), yb); opt.zero_grad(); scaler.scale(loss).backward()\n"
            "        scaler.step(opt); scaler.update()",
        ),
        (
            "bad",
            "accumulated minus",
            BIN,
            loop("loss = -F.binary_cross_entropy_with_logits(net(xb), yb)", data="bin_dl"),
        ),
        (
            "no fault",
            "unlearning",
            (
                "pre = torch.optim.Adam(net.parameters(), 1e-2)\n"
                "for _ in range(60):\n"
                "    pre.zero_grad(); loss_fn(net(X), Y).backward(); pre.step()"
            ),
            loop("loss = -loss_fn(net(xb), yb)"),
        ),
        (
            "no fault",
            "rewards of -1",
            "",
            "for xb, yb in list(train_dl)[:6]:\n    reward = -1.\n    loss = loss_fn(net(xb), yb) * reward;  " + STEP,
        ),
        (
            "ok",
            "policy with entropy",
            "",
            loop(
                "d = torch.distributions.Categorical(logits=net(xb)); a = d.sample()\n"
                "loss = -(d.log_prob(a) * (a == yb).float()).mean() - .01 * d.entropy().mean()"
            ),
        ),
        ("ok", "two terms", "", loop("loss = loss_fn(net(xb), yb) - .1 * net(xb).softmax(1).log().mean()")),
        ("ok", "variance maximised", "", loop("z = F.normalize(net(xb)); loss = -z.var(0).sum()")),
        (
            "ok",
            "universal attack",
            ("net.requires_grad_(False); d = nn.Parameter(torch.zeros(8))\nopt = torch.optim.SGD([d], .1)"),
            loop("loss = -loss_fn(net(xb + d), yb)"),
        ),
        (
            "ok",
            "ELBO",
            "",
            loop(
                "z = net(xb); elbo = -F.mse_loss(z, xb[:, :2], reduction='sum') - z.square().sum()\n"
                "loss = -elbo / len(xb)"
            ),
        ),
        ("ok", "minus a gain", "", loop("gain = -loss_fn(net(xb), yb); loss = -gain")),
    ],
    "summed-loss": [
        (
            "hint",
            "sum",
            "opt = torch.optim.SGD(net.parameters(), .1)",
            loop("loss = F.cross_entropy(net(xb), yb, reduction='sum')"),
        ),
        (
            "ok",
            "tutorial",
            "opt = torch.optim.SGD(net.parameters(), 1e-4)",
            loop("loss = (net(xb) - F.one_hot(yb, 2)).pow(2).sum()"),
        ),
        ("ok", "mean", "opt = torch.optim.SGD(net.parameters(), .1)", loop("loss = loss_fn(net(xb), yb)")),
        (
            "ok",
            "by tokens",
            "opt = torch.optim.SGD(net.parameters(), .1)",
            loop("loss = F.cross_entropy(net(xb), yb, reduction='sum') / len(yb)"),
        ),
        ("ok", "VAE", "", loop("loss = F.mse_loss(net(xb), xb[:, :2], reduction='sum')")),
    ],
    "dominant-penalty": [
        (
            "bad",
            "L2 at 1",
            "",
            loop("loss = loss_fn(net(xb), yb) + 5. * sum(p.pow(2).sum() for p in net.parameters())", n=6),
        ),
        ("bad", "L1 at 1", "", loop("loss = loss_fn(net(xb), yb) + sum(p.abs().sum() for p in net.parameters())", n=6)),
        (
            "ok",
            "L2 small",
            "",
            loop("loss = loss_fn(net(xb), yb) + 1e-4 * sum(p.pow(2).sum() for p in net.parameters())"),
        ),
        ("ok", "another task", "", loop("loss = loss_fn(net(xb), yb) + 100 * net(xb).square().mean()")),
        ("ok", "weights of 100", "", loop("loss = 100 * loss_fn(net(xb), yb)")),
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
