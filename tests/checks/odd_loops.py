"""More training cells that are right: rarer kinds of learning, and loops whose calls come in unusual orders."""

from __future__ import annotations

BN = "net = build(nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2)); opt = torch.optim.Adam(net.parameters(), 1e-2)"

#: name → (what stands in earlier cells, the cell)
ODD: dict[str, tuple[str, str]] = {
    "gradients looked at in eval mode after training": (BN, """
for epoch in range(2):
    net.train()
    for xb, yb in train_dl:
        opt.zero_grad(); loss_fn(net(xb), yb).backward(); opt.step()
    net.eval()
    with torch.no_grad():
        val = sum(loss_fn(net(xb), yb).item() for xb, yb in val_dl)
seen = []
for xb, yb in val_dl:
    net.zero_grad()
    net(xb)[:, 0].sum().backward()
    seen.append(net[0].weight.grad.clone())
"""),
    "a GAN whose judge is in eval mode for the generator": ("""
G = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 8))
D = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 1))
og = torch.optim.Adam(G.parameters(), 1e-3); od = torch.optim.Adam(D.parameters(), 1e-3); bce = nn.BCEWithLogitsLoss()
""", """
for epoch in range(3):
    for real, _ in train_dl:
        n = len(real)
        D.train()
        od.zero_grad()
        d_loss = bce(D(real), torch.ones(n, 1)) + bce(D(G(torch.randn(n, 4)).detach()), torch.zeros(n, 1))
        d_loss.backward(); od.step()
        D.eval()
        og.zero_grad()
        g_loss = bce(D(G(torch.randn(n, 4))), torch.ones(n, 1))
        g_loss.backward(); og.step()
    with torch.no_grad():
        D(X[:16])
"""),
    "the same labelled rows beside unlabelled batches": ("few, labels = X[:16], Y[:16]", """
for epoch in range(2):
    for xb, _ in train_dl:
        opt.zero_grad()
        noisy = net(xb + 0.1 * torch.randn_like(xb))
        loss = loss_fn(net(few), labels) + F.mse_loss(noisy.softmax(-1), net(xb).softmax(-1).detach())
        loss.backward(); opt.step()
"""),
    "the same labelled rows first, the unlabelled ones second": ("few, labels = X[:16], Y[:16]", """
for xb, _ in train_dl:
    supervised = loss_fn(net(few), labels)
    out = net(xb).log_softmax(-1)
    loss = supervised - 0.1 * (out.exp() * out).sum(-1).mean()
    opt.zero_grad(); loss.backward(); opt.step()
"""),
    "tasks summed, and divided by hand": ("opt = torch.optim.SGD(net.parameters(), 0.1)", """
for epoch in range(4):
    opt.zero_grad()
    for xb, yb in train_dl:
        loss_fn(net(xb), yb).backward()
    for p in net.parameters():
        p.grad.data.mul_(1 / len(train_dl))
    opt.step()
"""),
    "gradients set by hand and clipped": ("opt = torch.optim.SGD(net.parameters(), 0.1)", """
params = list(net.parameters())
for xb, yb in train_dl:
    grads = torch.autograd.grad(loss_fn(net(xb), yb), params)
    for p, g in zip(params, grads):
        p.grad = g
    torch.nn.utils.clip_grad_norm_(params, 1.0)
    opt.step()
"""),
    "gradients taken by hooks": ("""
norms = []
for p in net.parameters():
    p.register_hook(lambda g: norms.append(float(g.norm())))
""", """
for xb, yb in train_dl:
    opt.zero_grad()
    loss_fn(net(xb), yb).backward()
"""),
    "a picture that is optimised": ("""
features = build().requires_grad_(False)
image = torch.randn(1, 8, requires_grad=True)
opt = torch.optim.Adam([image], 0.1)
""", """
goal = features(X[:1]).detach()
for step in range(25):
    opt.zero_grad()
    loss = F.mse_loss(features(image), goal)
    loss.backward()
    opt.step()
"""),
    "a deep image prior": ("""
net = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 8))
opt = torch.optim.Adam(net.parameters())
z = torch.randn(16, 8)
""", """
for step in range(25):
    opt.zero_grad()
    F.mse_loss(net(z), X[:16]).backward()
    opt.step()
"""),
    "coordinates to one picture": ("""
grid = torch.rand(64, 2)
field = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1))
opt = torch.optim.Adam(field.parameters())
goal = torch.rand(64, 1)
dl = DataLoader(TensorDataset(grid, goal), batch_size=64)
""", """
for epoch in range(20):
    for c, v in dl:
        loss = ((field(c) - v) ** 2).mean()
        opt.zero_grad(); loss.backward(); opt.step()
"""),
    "proximal policy optimisation": ("""
value = nn.Linear(8, 1)
opt = torch.optim.Adam([*net.parameters(), *value.parameters()], 1e-3)
""", """
for iteration in range(2):
    states = torch.randn(64, 8)
    with torch.no_grad():
        dist = torch.distributions.Categorical(logits=net(states))
        actions = dist.sample()
        old = dist.log_prob(actions)
        rewards = torch.randn(64); adv = rewards - value(states).squeeze(-1)
    for epoch in range(3):
        for rows in torch.randperm(64).split(16):
            new = torch.distributions.Categorical(logits=net(states[rows])).log_prob(actions[rows])
            ratio = (new - old[rows]).exp()
            policy = -torch.min(ratio * adv[rows], ratio.clamp(0.8, 1.2) * adv[rows]).mean()
            loss = policy + 0.5 * F.mse_loss(value(states[rows]).squeeze(-1), rewards[rows])
            opt.zero_grad(); loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 0.5)
            opt.step()
"""),
    "Q-learning from a replay buffer": ("""
import random
q = nn.Linear(8, 2)
target = copy.deepcopy(q)
opt = torch.optim.RMSprop(q.parameters(), 1e-3)
buffer = [(torch.randn(8), 0, 1.0, torch.randn(8)) for _ in range(64)]
""", """
random.seed(0)
for step in range(40):
    batch = random.sample(buffer, 16)
    s = torch.stack([b[0] for b in batch]); s2 = torch.stack([b[3] for b in batch])
    with torch.no_grad():
        goal = torch.tensor([b[2] for b in batch]) + 0.9 * target(s2).max(1).values
    loss = F.smooth_l1_loss(q(s)[:, 0], goal)
    opt.zero_grad(); loss.backward(); opt.step()
    if step % 10 == 9:
        state = q.state_dict()
        target.load_state_dict(state)
"""),
    "a stream": ("""
class Stream(torch.utils.data.IterableDataset):
    def __iter__(self):
        for _ in range(160):
            x = torch.randn(8)
            yield x, (x.sum() > 0).long()
stream = DataLoader(Stream(), batch_size=16)
""", """
for epoch in range(2):
    for xb, yb in stream:
        opt.zero_grad(); loss_fn(net(xb), yb).backward(); opt.step()
"""),
    "a list of batches": ("batches = list(train_dl)", """
for epoch in range(3):
    for xb, yb in batches:
        opt.zero_grad(); loss_fn(net(xb), yb).backward(); opt.step()
"""),
    "folds, each with a net of its own": ("", """
scores = []
for fold in range(3):
    torch.manual_seed(0)
    net = build(); opt = torch.optim.Adam(net.parameters(), 1e-2)
    rows = torch.arange(160) % 3 != fold
    dl = DataLoader(TensorDataset(X[rows], Y[rows]), batch_size=16, shuffle=True)
    for epoch in range(2):
        for xb, yb in dl:
            opt.zero_grad(); loss_fn(net(xb), yb).backward(); opt.step()
    with torch.no_grad():
        scores.append((net(X[~rows]).argmax(1) == Y[~rows]).float().mean().item())
"""),
    "folds that begin from one copy": ("start = copy.deepcopy(net.state_dict())", """
for fold in range(3):
    net.load_state_dict(start)
    opt = torch.optim.Adam(net.parameters(), 1e-2)
    for xb, yb in train_dl:
        opt.zero_grad(); loss_fn(net(xb), yb).backward(); opt.step()
"""),
    "a seed for every run, on the whole data": ("", """
curves = []
for seed in range(3):
    torch.manual_seed(seed)
    net = build(); opt = torch.optim.SGD(net.parameters(), 0.1)
    for step in range(8):
        opt.zero_grad(); loss = loss_fn(net(X), Y); loss.backward(); opt.step()
    curves.append(loss.item())
"""),
    "snapshots of clones": ("", """
snapshots = []
for epoch in range(3):
    for xb, yb in train_dl:
        opt.zero_grad(); loss_fn(net(xb), yb).backward(); opt.step()
    snapshots.append({name: tensor.detach().clone() for name, tensor in net.state_dict().items()})
mean = {name: torch.stack([s[name] for s in snapshots]).mean(0) for name in snapshots[0]}
net.load_state_dict(mean)
"""),
    "back to the best when it gets worse": (BN, """
best, kept = math.inf, copy.deepcopy(net.state_dict())
for epoch in range(4):
    net.train()
    for xb, yb in train_dl:
        opt.zero_grad(); loss_fn(net(xb), yb).backward(); opt.step()
    net.eval()
    with torch.no_grad():
        val = loss_fn(net(X), Y).item() + (0.5 if epoch == 2 else 0.0)
    if val < best:
        best, kept = val, copy.deepcopy(net.state_dict())
    else:
        net.load_state_dict(kept)
"""),
    "mixed precision with accumulation": ("""
scaler = torch.amp.GradScaler('cpu')
opt = torch.optim.SGD(net.parameters(), 0.1)
""", """
for i, (xb, yb) in enumerate(train_dl):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = loss_fn(net(xb), yb) / 2
    scaler.scale(loss).backward()
    if i % 2 == 1:
        scaler.unscale_(opt)
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        scaler.step(opt); scaler.update(); opt.zero_grad()
"""),
    "a diffusion model": ("""
eps = nn.Sequential(nn.Linear(9, 16), nn.SiLU(), nn.Linear(16, 8))
opt = torch.optim.AdamW(eps.parameters(), 1e-3)
""", """
for xb, _ in train_dl:
    t = torch.rand(len(xb), 1); noise = torch.randn_like(xb)
    loss = F.mse_loss(eps(torch.cat([(1 - t).sqrt() * xb + t.sqrt() * noise, t], 1)), noise)
    opt.zero_grad(set_to_none=True); loss.backward(); opt.step()
"""),
    "contrastive pairs": ("tower = nn.Linear(8, 4); opt = torch.optim.Adam(tower.parameters())", """
for xb, _ in train_dl:
    a, b = (F.normalize(tower(xb + 0.1 * torch.randn_like(xb)), dim=-1) for _ in range(2))
    loss = F.cross_entropy(a @ b.T / 0.1, torch.arange(len(xb)))
    opt.zero_grad(); loss.backward(); opt.step()
"""),
    "mixed-up rows": ("", """
for xb, yb in train_dl:
    lam, order = 0.3, torch.randperm(len(xb))
    out = net(lam * xb + (1 - lam) * xb[order])
    loss = lam * loss_fn(out, yb) + (1 - lam) * loss_fn(out, yb[order])
    opt.zero_grad(); loss.backward(); opt.step()
"""),
    "a step inside the backward": ("""
opts = {p: torch.optim.SGD([p], 0.05) for p in net.parameters()}
def update(p):
    opts[p].step(); opts[p].zero_grad()
for p in net.parameters():
    p.register_post_accumulate_grad_hook(update)
""", """
for xb, yb in train_dl:
    loss_fn(net(xb), yb).backward()
"""),
    "a penalty on the gradient": ("""
D = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
od = torch.optim.Adam(D.parameters(), 1e-3)
""", """
for xb, _ in train_dl:
    xb = xb.clone().requires_grad_(True)
    out = D(xb)
    (g,) = torch.autograd.grad(out.sum(), xb, create_graph=True)
    loss = -out.mean() + 10 * ((g.norm(dim=1) - 1) ** 2).mean()
    od.zero_grad(); loss.backward(); od.step()
"""),
    "a finetuned model with dropout off": (BN + "; [net(X) for _ in range(3)]; net.eval()", """
for xb, yb in train_dl:
    opt.zero_grad(); loss_fn(net(xb), yb).backward(); opt.step()
"""),
    "an optimizer that waits for the second phase": ("""
body = nn.Linear(8, 16); head = nn.Linear(16, 2)
ob = torch.optim.Adam(body.parameters(), 1e-4); oh = torch.optim.Adam(head.parameters(), 1e-3)
""", """
for epoch in range(3):
    for xb, yb in train_dl:
        ob.zero_grad(); oh.zero_grad()
        loss_fn(head(body(xb).relu()), yb).backward()
        oh.step()
        if epoch > 5:
            ob.step()
"""),
    "lists of detached outputs and a total of numbers": ("", """
outs, total, count = [], 0.0, 0
for xb, yb in train_dl:
    out = net(xb)
    loss = loss_fn(out, yb)
    opt.zero_grad(); loss.backward(); opt.step()
    outs.append(out.detach()); total += float(loss) * len(xb); count += len(xb)
print("mean", round(total / count, 1) > 0)
"""),
    "a state that is passed on within one step": ("""
cell_ = nn.GRUCell(8, 8)
opt = torch.optim.Adam(cell_.parameters())
""", """
for xb, _ in train_dl:
    h, loss = torch.zeros(len(xb), 8), 0.0
    for t in range(4):
        h = cell_(xb, h)
        loss = loss + h.square().mean()
    opt.zero_grad(); loss.backward(); opt.step()
"""),
    "frozen body, head alone": ("""
for p in net[0].parameters(): p.requires_grad = False
opt = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], 1e-3)
""", """
for epoch in range(2):
    for xb, yb in train_dl:
        opt.zero_grad(); loss_fn(net(xb), yb).backward(); opt.step()
"""),
    "a gradient checked against differences": ("", """
loss = loss_fn(net(X), Y); loss.backward()
w = net[0].weight; h = 1e-3
with torch.no_grad():
    w[0, 0] += h; up = loss_fn(net(X), Y); w[0, 0] -= 2 * h; down = loss_fn(net(X), Y); w[0, 0] += h
gap = float((up - down) / (2 * h) - w.grad[0, 0])
"""),
    "a range test of the learning rate": ("""
start = copy.deepcopy(net.state_dict())
opt = torch.optim.SGD(net.parameters(), 1e-5)
""", """
losses, rate = [], 1e-5
for xb, yb in train_dl:
    for group in opt.param_groups: group["lr"] = rate
    loss = loss_fn(net(xb), yb)
    opt.zero_grad(); loss.backward(); opt.step()
    losses.append(loss.item()); rate *= 1.5
net.load_state_dict(start)
"""),
}  # fmt: skip
