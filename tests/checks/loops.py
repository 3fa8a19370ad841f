"""Training cells of many styles, all of them right: what checks of a running loop must not mistake for a fault."""

from __future__ import annotations

import itertools
import linecache
from typing import Any

import torch

from nbrecipe.bench import Bench
from nbrecipe.trace import watch

NUMBERS = itertools.count(1)

SETUP = """
import copy, math, torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
X = torch.randn(160, 8); Y = (X[:, :4].sum(1) > 0).long(); T = X[:, :2].sum(1, keepdim=True)
train_dl = DataLoader(TensorDataset(X, Y), batch_size=16, shuffle=True)
val_dl = DataLoader(TensorDataset(X[:64], Y[:64]), batch_size=16)
def build(*layers):
    return nn.Sequential(nn.Linear(8, 16), *(layers or (nn.ReLU(),)), nn.Linear(16, 2))
net = build(); opt = torch.optim.Adam(net.parameters(), 1e-3); loss_fn = nn.CrossEntropyLoss()
"""

#: name → (what stands in earlier cells, the cell)
RIGHT: dict[str, tuple[str, str]] = {
    "plain": ("", """
for epoch in range(3):
    for xb, yb in train_dl:
        opt.zero_grad()
        loss = loss_fn(net(xb), yb)
        loss.backward()
        opt.step()
"""),
    "zero_grad after the step, set_to_none=False": ("", """
for epoch in range(3):
    for xb, yb in train_dl:
        loss_fn(net(xb), yb).backward()
        opt.step()
        opt.zero_grad(set_to_none=False)
"""),
    "gradients set to None by hand": ("", """
for xb, yb in train_dl:
    for p in net.parameters():
        p.grad = None
    loss_fn(net(xb), yb).backward()
    opt.step()
"""),
    "gradients zeroed through .data": ("", """
for xb, yb in train_dl:
    loss_fn(net(xb), yb).backward()
    opt.step()
    for p in net.parameters():
        p.grad.data.zero_()
"""),
    "accumulation, divided": ("opt = torch.optim.SGD(net.parameters(), 0.1)", """
accumulate = 4
for epoch in range(3):
    for i, (xb, yb) in enumerate(train_dl):
        loss = loss_fn(net(xb), yb) / accumulate
        loss.backward()
        if (i + 1) % accumulate == 0 or i + 1 == len(train_dl):
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            opt.step()
            opt.zero_grad()
"""),
    "accumulation, a sum over the large batch": ("opt = torch.optim.SGD(net.parameters(), 0.01)", """
for i, (xb, yb) in enumerate(train_dl):
    loss = F.cross_entropy(net(xb), yb, reduction="sum") / 32
    loss.backward()
    if i % 2 == 1:
        opt.step()
        opt.zero_grad()
"""),
    "the whole data, divided": ("", """
for epoch in range(4):
    opt.zero_grad()
    for xb, yb in train_dl:
        loss = loss_fn(net(xb), yb) / len(train_dl)
        loss.backward()
    opt.step()
"""),
    "the whole data in one tensor": ("", """
losses = []
for step in range(30):
    opt.zero_grad()
    loss = loss_fn(net(X), Y)
    loss.backward()
    opt.step()
    losses.append(loss.item())
"""),
    "one batch learned by heart": ("", """
xb, yb = next(iter(train_dl))
for step in range(30):
    opt.zero_grad()
    loss = loss_fn(net(xb), yb)
    loss.backward()
    opt.step()
"""),
    "one batch learned by heart, broken off": ("train_dl = DataLoader(TensorDataset(X, Y), batch_size=16)", """
for step in range(30):  # overfit a single batch
    for xb, yb in train_dl:
        opt.zero_grad()
        loss_fn(net(xb), yb).backward()
        opt.step()
        break
"""),
    "rows drawn at random": ("", """
torch.manual_seed(0)
for step in range(30):
    rows = torch.randint(0, len(X), (16,))
    opt.zero_grad()
    loss_fn(net(X[rows]), Y[rows]).backward()
    opt.step()
"""),
    "slices": ("", """
total = 0
for epoch in range(2):
    order = torch.randperm(len(X))
    for i in range(0, len(X), 16):
        rows = order[i : i + 16]
        loss = loss_fn(net(X[rows]), Y[rows])
        opt.zero_grad(); loss.backward(); opt.step()
        total += loss.item() * len(rows)
"""),
    "an endless generator": ("""
def forever(dl):
    while True:
        yield from dl
stream = forever(train_dl)
""", """
for step in range(25):
    xb, yb = next(stream)
    opt.zero_grad()
    loss_fn(net(xb), yb).backward()
    opt.step()
"""),
    "an iterator begun anew when it ends": ("", """
it = iter(train_dl)
for step in range(25):
    try:
        xb, yb = next(it)
    except StopIteration:
        it = iter(train_dl)
        xb, yb = next(it)
    opt.zero_grad()
    loss_fn(net(xb), yb).backward()
    opt.step()
"""),
    "a shuffled batch at a time": ("", """
for step in range(12):
    xb, yb = next(iter(train_dl))
    opt.zero_grad()
    loss_fn(net(xb), yb).backward()
    opt.step()
"""),
    "early stopping with a deep copy": ("""
net = build(nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2))
opt = torch.optim.Adam(net.parameters(), 1e-2)
""", """
best, best_loss = None, math.inf
for epoch in range(4):
    net.train()
    for xb, yb in train_dl:
        opt.zero_grad(); loss_fn(net(xb), yb).backward(); opt.step()
    net.eval()
    with torch.no_grad():
        val = sum(loss_fn(net(xb), yb).item() for xb, yb in val_dl)
    if val < best_loss:
        best, best_loss = copy.deepcopy(net.state_dict()), val
net.load_state_dict(best)
"""),
    "early stopping through a file": ("import io", """
best_loss = math.inf
for epoch in range(4):
    for xb, yb in train_dl:
        opt.zero_grad(); loss_fn(net(xb), yb).backward(); opt.step()
    with torch.no_grad():
        val = loss_fn(net(X), Y).item()
    if val < best_loss:
        best_loss, file = val, io.BytesIO()
        torch.save(net.state_dict(), file)
file.seek(0)
net.load_state_dict(torch.load(file))
"""),
    "validation without no_grad": ("""
net = build(nn.ReLU(), nn.Dropout(0.2))
opt = torch.optim.Adam(net.parameters(), 1e-2)
""", """
for epoch in range(3):
    net.train()
    for xb, yb in train_dl:
        opt.zero_grad(); loss_fn(net(xb), yb).backward(); opt.step()
    net.eval()
    val = 0.0
    for xb, yb in val_dl:
        out = net(xb)
        val += loss_fn(out, yb).item()
"""),
    "frozen batch norm": ("""
net = build(nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2))
opt = torch.optim.Adam(net.parameters(), 1e-2)
""", """
for epoch in range(3):
    net.train()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.eval()
    for xb, yb in train_dl:
        opt.zero_grad(); loss_fn(net(xb), yb).backward(); opt.step()
    net.eval()
    with torch.no_grad():
        for xb, yb in val_dl:
            loss_fn(net(xb), yb)
"""),
    "a frozen backbone in eval mode": ("""
backbone = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Dropout(0.1)).eval()
for p in backbone.parameters(): p.requires_grad = False
head = nn.Linear(16, 2); opt = torch.optim.Adam(head.parameters(), 1e-2)
""", """
for epoch in range(2):
    for xb, yb in train_dl:
        opt.zero_grad()
        loss_fn(head(backbone(xb)), yb).backward()
        opt.step()
"""),
    "a backbone frozen halfway": ("""
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU())
        self.head = nn.Linear(16, 2)
    def forward(self, x):
        return self.head(self.body(x))
net = Net(); opt = torch.optim.Adam(net.parameters(), 1e-2)
""", """
for epoch in range(5):
    net.train()
    if epoch >= 2:
        net.body.eval()
    for xb, yb in train_dl:
        opt.zero_grad(); loss_fn(net(xb), yb).backward(); opt.step()
    net.eval()
    with torch.no_grad():
        for xb, yb in val_dl: net(xb)
"""),
    "Monte Carlo dropout": ("""
net = build(nn.ReLU(), nn.Dropout(0.5))
opt = torch.optim.Adam(net.parameters(), 1e-2)
""", """
for xb, yb in train_dl:
    opt.zero_grad(); loss_fn(net(xb), yb).backward(); opt.step()
with torch.no_grad():
    spread = torch.stack([net(X[:16]).softmax(-1) for _ in range(20)]).std(0)
"""),
    "a GAN": ("""
G = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 8))
D = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 1))
og = torch.optim.Adam(G.parameters(), 1e-3); od = torch.optim.Adam(D.parameters(), 1e-3); bce = nn.BCEWithLogitsLoss()
""", """
for epoch in range(2):
    for real, _ in train_dl:
        n = len(real)
        od.zero_grad()
        fake = G(torch.randn(n, 4))
        d_loss = bce(D(real), torch.ones(n, 1)) + bce(D(fake.detach()), torch.zeros(n, 1))
        d_loss.backward()
        od.step()
        og.zero_grad()
        g_loss = bce(D(fake), torch.ones(n, 1))
        g_loss.backward()
        og.step()
"""),
    "a GAN whose generator steps every fifth batch": ("""
G = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 8))
D = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
og = torch.optim.Adam(G.parameters(), 1e-3); od = torch.optim.Adam(D.parameters(), 1e-3)
""", """
for epoch in range(2):
    for i, (real, _) in enumerate(train_dl):
        od.zero_grad()
        d_loss = D(G(torch.randn(len(real), 4)).detach()).mean() - D(real).mean()
        d_loss.backward()
        od.step()
        for p in D.parameters():
            p.data.clamp_(-0.01, 0.01)
        if i % 5 == 0:
            og.zero_grad()
            g_loss = -D(G(torch.randn(len(real), 4))).mean()
            g_loss.backward()
            og.step()
"""),
    "LBFGS": ("net = nn.Linear(8, 1); opt = torch.optim.LBFGS(net.parameters(), lr=0.5)", """
def closure():
    opt.zero_grad()
    loss = F.mse_loss(net(X), T)
    loss.backward()
    return loss
for step in range(6):
    opt.step(closure)
"""),
    "weights updated by hand": ("w = torch.zeros(8, 1, requires_grad=True); b = torch.zeros(1, requires_grad=True)", """
for step in range(30):
    loss = ((X @ w + b - T) ** 2).mean()
    loss.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
        b -= 0.1 * b.grad
    w.grad.zero_(); b.grad.zero_()
"""),
    "weights of a model updated by hand": ("", """
for xb, yb in train_dl:
    net.zero_grad()
    loss_fn(net(xb), yb).backward()
    for p in net.parameters():
        p.data.sub_(0.1 * p.grad.data)
"""),
    "an optimizer of one's own": ("""
class SGD:
    def __init__(self, params, lr): self.params, self.lr = list(params), lr
    def step(self):
        with torch.no_grad():
            for p in self.params: p -= self.lr * p.grad
    def zero_grad(self):
        for p in self.params: p.grad = None
mine = SGD(net.parameters(), 0.1)
""", """
for xb, yb in train_dl:
    loss_fn(net(xb), yb).backward()
    mine.step()
    mine.zero_grad()
"""),
    "Fisher information": ("", """
fisher = {n: torch.zeros_like(p) for n, p in net.named_parameters()}
for xb, yb in train_dl:
    opt.zero_grad()
    loss_fn(net(xb), yb).backward()
    for n, p in net.named_parameters():
        fisher[n] += p.grad ** 2 / len(train_dl)
"""),
    "saliency": ("", """
maps = []
for xb, yb in val_dl:
    xb = xb.clone().requires_grad_(True)
    net.zero_grad()
    net(xb).gather(1, yb[:, None]).sum().backward()
    maps.append(xb.grad.abs())
"""),
    "adversarial training": ("""
net = build(nn.BatchNorm1d(16), nn.ReLU())
opt = torch.optim.Adam(net.parameters(), 1e-2)
""", """
for xb, yb in train_dl:
    net.eval()
    adv = xb.clone().requires_grad_(True)
    loss_fn(net(adv), yb).backward()
    adv = (adv + 0.01 * adv.grad.sign()).detach()
    net.train()
    opt.zero_grad()
    loss_fn(net(adv), yb).backward()
    opt.step()
"""),
    "mixed precision": ("scaler = torch.amp.GradScaler('cpu')", """
for epoch in range(2):
    for xb, yb in train_dl:
        opt.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = loss_fn(net(xb), yb)
        scaler.scale(loss).backward()
        scaler.unscale_(opt)
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        scaler.step(opt)
        scaler.update()
"""),
    "a mean teacher": ("teacher = copy.deepcopy(net)", """
for xb, yb in train_dl:
    with torch.no_grad():
        soft = teacher(xb).softmax(-1)
    opt.zero_grad()
    out = net(xb)
    (loss_fn(out, yb) + F.mse_loss(out.softmax(-1), soft)).backward()
    opt.step()
    with torch.no_grad():
        for q, p in zip(teacher.parameters(), net.parameters()):
            q.lerp_(p, 0.01)
"""),
    "a target network": ("target = copy.deepcopy(net)", """
for step in range(40):
    rows = torch.randint(0, len(X), (16,))
    with torch.no_grad():
        goal = target(X[rows]).amax(1, keepdim=True)
    loss = F.smooth_l1_loss(net(X[rows]).gather(1, Y[rows][:, None]), goal)
    opt.zero_grad(); loss.backward(); opt.step()
    if step % 10 == 0:
        target.load_state_dict(net.state_dict())
"""),
    "policy gradient": ("", """
returns = []
for episode in range(8):
    log_probs, rewards = [], []
    for t in range(6):
        dist = torch.distributions.Categorical(logits=net(torch.randn(8)))
        action = dist.sample()
        log_probs.append(dist.log_prob(action)); rewards.append(float(action))
    loss = 0
    for lp, r in zip(log_probs, rewards):
        loss = loss - lp * r
    opt.zero_grad(); loss.backward(); opt.step()
    returns.append(sum(rewards))
"""),
    "actor and critic": ("""
actor = nn.Linear(8, 2); critic = nn.Linear(8, 1)
oa = torch.optim.Adam(actor.parameters(), 1e-3); oc = torch.optim.Adam(critic.parameters(), 1e-3)
""", """
for xb, yb in train_dl:
    oa.zero_grad(); oc.zero_grad()
    loss = loss_fn(actor(xb), yb) + F.mse_loss(critic(xb).squeeze(1), yb.float())
    loss.backward()
    nn.utils.clip_grad_norm_(actor.parameters(), 0.5)
    oa.step()
    nn.utils.clip_grad_norm_(critic.parameters(), 0.5)
    oc.step()
"""),
    "truncated backpropagation through time": ("""
rnn = nn.GRU(4, 8); head = nn.Linear(8, 4); opt = torch.optim.Adam([*rnn.parameters(), *head.parameters()], 1e-3)
chunks = DataLoader(TensorDataset(torch.randn(60, 3, 4)), batch_size=10)
""", """
for epoch in range(2):
    state = torch.zeros(1, 3, 8)
    for (x,) in chunks:
        out, state = rnn(x[:-1], state.detach())
        loss = F.mse_loss(head(out), x[1:])
        opt.zero_grad(); loss.backward(); opt.step()
"""),
    "several losses, one step": ("", """
for xb, yb in train_dl:
    opt.zero_grad()
    out = net(xb)
    task = loss_fn(out, yb)
    penalty = 1e-3 * sum(p.square().sum() for p in net.parameters())
    task.backward(retain_graph=True)
    penalty.backward()
    opt.step()
"""),
    "two heads in turn": ("""
body = nn.Linear(8, 16); heads = nn.ModuleList([nn.Linear(16, 2), nn.Linear(16, 2)])
opt = torch.optim.Adam([*body.parameters(), *heads.parameters()], 1e-3)
""", """
for i, (xb, yb) in enumerate(train_dl):
    opt.zero_grad()
    loss_fn(heads[i % 2](body(xb).relu()), yb).backward()
    opt.step()
"""),
    "projected conflicting gradients": ("", """
for xb, yb in train_dl:
    grads = []
    for part in (slice(0, 8), slice(8, 16)):
        opt.zero_grad()
        loss_fn(net(xb[part]), yb[part]).backward()
        grads.append([p.grad.clone() for p in net.parameters()])
    for p, a, b in zip(net.parameters(), *grads):
        p.grad = a + b
    opt.step()
"""),
    "sharpness-aware": ("opt = torch.optim.SGD(net.parameters(), 0.05)", """
for xb, yb in train_dl:
    loss_fn(net(xb), yb).backward()
    moved = []
    with torch.no_grad():
        for p in net.parameters():
            e = 0.05 * p.grad / (p.grad.norm() + 1e-12)
            p.add_(e); moved.append(e)
    opt.zero_grad()
    loss_fn(net(xb), yb).backward()
    with torch.no_grad():
        for p, e in zip(net.parameters(), moved):
            p.sub_(e)
    opt.step()
    opt.zero_grad()
"""),
    "meta-learning": ("""
from torch.func import functional_call
""", """
for step in range(5):
    meta_loss = 0
    for task in range(4):
        rows = torch.randint(0, len(X), (16,))
        weights = dict(net.named_parameters())
        inner = loss_fn(functional_call(net, weights, (X[rows],)), Y[rows])
        grads = torch.autograd.grad(inner, list(weights.values()), create_graph=True)
        fast = {n: w - 0.1 * g for (n, w), g in zip(weights.items(), grads)}
        meta_loss = meta_loss + loss_fn(functional_call(net, fast, (X[rows],)), Y[rows])
    opt.zero_grad()
    meta_loss.backward()
    opt.step()
"""),
    "a model that returns its loss": ("""
class Net(nn.Module):
    def __init__(self):
        super().__init__(); self.body = build()
    def forward(self, x, labels=None):
        logits = self.body(x)
        return {"loss": F.cross_entropy(logits, labels), "logits": logits}
net = Net(); opt = torch.optim.Adam(net.parameters(), 1e-3)
""", """
running = 0.0
for epoch in range(2):
    for xb, yb in train_dl:
        out = net(xb, labels=yb)
        opt.zero_grad(); out["loss"].backward(); opt.step()
        running = 0.9 * running + 0.1 * out["loss"].detach()
"""),
    "a variational autoencoder": ("""
enc = nn.Linear(8, 4)
dec = nn.Linear(2, 8)
opt = torch.optim.Adam([*enc.parameters(), *dec.parameters()], 1e-3)
""", """
for xb, _ in train_dl:
    mean, log = enc(xb).chunk(2, -1)
    z = mean + torch.randn_like(mean) * (0.5 * log).exp()
    loss = F.mse_loss(dec(z), xb, reduction="sum") / len(xb) + 0.5 * (mean**2 + log.exp() - log - 1).sum(1).mean()
    opt.zero_grad(); loss.backward(); opt.step()
"""),
    "losses kept as numbers and detached": ("", """
history, total = [], 0
for xb, yb in train_dl:
    loss = loss_fn(net(xb), yb)
    opt.zero_grad(); loss.backward(); opt.step()
    total += loss.detach()
    history.append(loss.detach())
"""),
    "averaged weights": ("avg = torch.optim.swa_utils.AveragedModel(net)", """
for epoch in range(3):
    for xb, yb in train_dl:
        opt.zero_grad(); loss_fn(net(xb), yb).backward(); opt.step()
    avg.update_parameters(net)
torch.optim.swa_utils.update_bn(train_dl, avg)
"""),
    "warm-up from zero": ("sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1, s / 5))", """
for xb, yb in train_dl:
    opt.zero_grad()
    loss_fn(net(xb), yb).backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    opt.step()
    sched.step()
"""),
    "one step": ("", """
xb, yb = next(iter(train_dl))
loss = loss_fn(net(xb), yb)
loss.backward()
opt.step()
opt.zero_grad()
"""),
    "one backward": ("", """
loss = loss_fn(net(X), Y)
loss.backward()
"""),
    "a graph of nodes": ("""
A = (torch.rand(160, 160) < 0.05).float()
nodes = DataLoader(range(160), batch_size=16, shuffle=True)
""", """
for epoch in range(2):
    for rows in nodes:
        opt.zero_grad()
        loss_fn(net(A @ X)[rows], Y[rows]).backward()
        opt.step()
"""),
    "a step skipped where the norm is too large": ("", """
for xb, yb in train_dl:
    opt.zero_grad()
    loss_fn(net(xb), yb).backward()
    norm = nn.utils.clip_grad_norm_(net.parameters(), float("inf"))
    if norm > 0.8:
        continue
    opt.step()
"""),
    "checkpoints saved every epoch": ("import io", """
for epoch in range(3):
    for xb, yb in train_dl:
        opt.zero_grad(); loss_fn(net(xb), yb).backward(); opt.step()
    if epoch % 2 == 0:
        ckpt = {"model": net.state_dict(), "opt": opt.state_dict()}
        torch.save(ckpt, io.BytesIO())
"""),
    "a state dict edited in place": ("", """
state = net.state_dict()
for name in state:
    state[name].mul_(0.5)
net.load_state_dict(state)
for xb, yb in train_dl:
    opt.zero_grad(); loss_fn(net(xb), yb).backward(); opt.step()
"""),
    "weights of a federation": ("clients = [copy.deepcopy(net) for _ in range(3)]", """
for round in range(3):
    for client in clients:
        client.load_state_dict(net.state_dict())
        own = torch.optim.SGD(client.parameters(), 0.1)
        for xb, yb in val_dl:
            own.zero_grad(); loss_fn(client(xb), yb).backward(); own.step()
    mean = net.state_dict()
    for name in mean:
        mean[name] = torch.stack([c.state_dict()[name].float() for c in clients]).mean(0)
    net.load_state_dict(mean)
"""),
}  # fmt: skip


def cell(source: str, setup: str = "", *, seed: int = 0, every: int | None = None) -> tuple[Bench, dict[str, Any]]:
    """A bench with the trace of a cell, run in a namespace that earlier cells have set up; and the namespace."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        namespace: dict[str, Any] = {"__name__": "__main__"}
        exec(compiled(SETUP + setup), namespace)
        code = compiled(source)
        with watch(namespace, source=source, every=every, label=lambda _: "cell 1") as watcher:
            exec(code, namespace)
    return Bench(trace=watcher.trace), namespace


def compiled(source: str) -> Any:
    """The code of a cell, whose lines can be shown."""
    name = f"<ipython-input-{next(NUMBERS)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    return compile(source, name, "exec")
