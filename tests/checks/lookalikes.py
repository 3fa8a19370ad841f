"""Right programs that look like faults, each as a bench before any loop: what people do on purpose."""

import copy

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset

from nbrecipe import toys


class Net(nn.Module):
    """A net whose `forward` is this function of it and the input, with these modules and parameters."""

    def __init__(self, forward, **parts):
        super().__init__()
        self._forward = forward
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *inputs, **named):
        return self._forward(self, *inputs, **named)


def vectors(rows=64, width=20):
    return torch.randn(rows, width, generator=toys.seeded(1))


def own_loss(net, x, **more):
    """A bench of a model that returns its own loss of these inputs."""
    given = toys.bench(net, x, torch.zeros(len(x)), None)
    return given.replace(batch={"x": x}, train_loader=None, train_data=None, **more)


def of_trainable(given, kind=torch.optim.Adam, rate=1e-3, **more):
    """The same bench, whose optimizer holds what requires a gradient."""
    trainable = [p for p in given.model.parameters() if p.requires_grad]
    return given.replace(optimizer=kind(trainable, lr=rate, **more))


# ---- what starts at zero, or stays as it is -------------------------------------------------------------------------


def zero_head():
    net = toys.mlp()
    nn.init.zeros_(net[4].weight)
    return toys.classify(net)


def low_rank_update():
    """LoRA on every layer: the second factor starts at zero, all else is frozen."""
    net = toys.mlp().requires_grad_(False)
    for i in (0, 2, 4):
        out, width = net[i].weight.shape
        up = nn.Linear(4, out, bias=False)
        nn.init.zeros_(up.weight)
        net[i] = Net(lambda s, x: s.base(x) + s.up(s.down(x)), base=net[i], down=nn.Linear(width, 4, bias=False), up=up)
    return of_trainable(toys.classify(net), torch.optim.AdamW)


class Block(nn.Module):
    """A residual branch whose end is scaled by what starts at zero (ReZero), or by what the class says (adaLN-zero)."""

    def __init__(self, width, adaptive=False):
        super().__init__()
        self.branch = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        self.gate = nn.Linear(width, width) if adaptive else nn.Parameter(torch.zeros(1))
        if adaptive:
            nn.init.zeros_(self.gate.weight)
            nn.init.zeros_(self.gate.bias)

    def forward(self, x):
        scale = self.gate(x) if isinstance(self.gate, nn.Linear) else self.gate
        return x + scale * self.branch(x)


def rezero():
    return toys.classify(nn.Sequential(nn.Linear(20, 32), *[Block(32) for _ in range(3)], nn.ReLU(), nn.Linear(32, 5)))


def adaptive_norm_from_zero():
    blocks = [Block(32, adaptive=True) for _ in range(3)]
    return toys.classify(nn.Sequential(nn.Linear(20, 32), *blocks, nn.ReLU(), nn.Linear(32, 5)))


def head_alone():
    net = toys.convnet()
    net[:-1].requires_grad_(False)
    return of_trainable(toys.images(net))


def frozen_batch_norm():
    net = toys.convnet()
    for layer in (net[1], net[5]):
        layer.requires_grad_(False).eval()
    return of_trainable(toys.images(net, size=4), torch.optim.SGD, 0.01, momentum=0.9)


# ---- losses and targets ---------------------------------------------------------------------------------------------


def mixed_up():
    given = toys.classify()
    x, y = given.batch
    targets = 0.7 * F.one_hot(y, 5) + 0.3 * F.one_hot(y.flip(0), 5)
    return given.replace(batch=(0.7 * x + 0.3 * x.flip(0), targets), train_loader=None)


def density():
    """A normal density whose spread is small, so that the loss is negative."""

    def loss_fn(out, y):
        return F.gaussian_nll_loss(out[:, :1], y, out[:, 1:].sigmoid() * 1e-2 + 1e-4, full=True)

    return toys.regress(toys.mlp((10, 16, 2)), loss_fn, scale=0.01)


def summed_at_a_rate_for_sums():
    return of_trainable(toys.regress(loss_fn=nn.MSELoss(reduction="sum")), torch.optim.SGD, 0.05 / 64)


def loss_in_a_dict():
    def forward(net, x, labels):
        out = net.body(x)
        return {"loss": F.cross_entropy(out, labels), "logits": out}

    given = toys.classify(Net(forward, body=toys.mlp()))
    return given.replace(loss_fn=None, batch=dict(zip(("x", "labels"), given.batch, strict=True)))


def in_mixed_precision():
    def forward(net, x):
        with torch.autocast("cpu", torch.bfloat16):
            return net.body(x)

    return toys.classify(Net(forward, body=toys.mlp()))


def balanced_by_weights():
    odds = torch.tensor([0.6, 0.2, 0.1, 0.06, 0.04])
    return toys.classify(loss_fn=nn.CrossEntropyLoss(1 / (5 * odds)), weights=tuple(odds.tolist()), rows=1024, size=512)


# ---- noise that is meant --------------------------------------------------------------------------------------------


def dropout_for_estimates():
    return toys.classify(Net(lambda s, x: s.head(F.dropout(s.body(x).relu(), 0.3, training=True)),
                             body=nn.Linear(20, 32), head=nn.Linear(32, 5)))  # fmt: skip


def variational():
    def forward(net, x):
        mean, log = net.encode(x).chunk(2, -1)
        out = net.decode(mean + torch.randn_like(mean) * (log / 2).exp())
        divergence = -0.5 * (1 + log - mean.square() - log.exp()).sum(1).mean()
        return {"loss": F.mse_loss(out, x) + 0.1 * divergence, "reconstruction": out}

    return own_loss(Net(forward, encode=toys.mlp((20, 32, 8)), decode=toys.mlp((4, 32, 20))), vectors())


def diffusion():
    """The noise of a step drawn at random is foretold."""

    def forward(net, x):
        t, noise = torch.rand(len(x), 1), torch.randn_like(x)
        level = (t * torch.pi / 2).cos()
        return {"loss": F.mse_loss(net.body(torch.cat([level * x + (1 - level**2).sqrt() * noise, t], 1)), noise)}

    return own_loss(Net(forward, body=toys.mlp((21, 64, 20))), vectors())


class Skipping(nn.Module):
    """Stochastic depth: a branch is left out at random while training."""

    def __init__(self):
        super().__init__()
        self.stem, self.head = nn.Linear(20, 32), nn.Linear(32, 5)
        self.branches = nn.ModuleList(nn.Sequential(nn.Linear(32, 32), nn.ReLU()) for _ in range(3))

    def forward(self, x):
        x = self.stem(x).relu()
        for branch in self.branches:
            if not self.training or torch.rand(()) < 0.5:
                x = x + branch(x)
        return self.head(x)


def stochastic_depth():
    return toys.classify(Skipping())


# ---- rows that meet on purpose --------------------------------------------------------------------------------------


def set_transformer():
    """Points of a set attend to each other; the rows are sets, and do not meet."""

    def forward(net, x):
        return net.head(net.mix(x, x, x)[0].mean(1))

    parts = {"mix": nn.MultiheadAttention(6, 2, batch_first=True), "head": toys.mlp((6, 16, 5))}
    return toys.sequences(Net(forward, **parts))


def one_set():
    """The whole batch is one set, whose members attend to each other."""

    def forward(net, x):
        z = net.stem(x).relu()
        return net.head(z + (net.query(z) @ net.key(z).T / 32**0.5).softmax(-1) @ z)

    parts = {name: nn.Linear(32, 32) for name in ("query", "key")}
    return toys.classify(Net(forward, stem=nn.Linear(20, 32), head=nn.Linear(32, 5), **parts))


def one_graph():
    """A convolution over a graph whose nodes are the rows."""
    links = (torch.rand(64, 64, generator=toys.seeded(2)) < 0.05).float()
    links = (links + links.T + torch.eye(64)).clamp(max=1)

    def forward(net, x):
        net_links = net.links / net.links.sum(1, keepdim=True)
        return net.two(net_links @ net.one(net_links @ x).relu())

    net = Net(forward, one=nn.Linear(20, 32), two=nn.Linear(32, 5))
    net.register_buffer("links", links)
    return toys.classify(net, rows=64)


# ---- paths that are not taken, or cut -------------------------------------------------------------------------------


class Experts(nn.Module):
    """Each row goes to its best expert; which experts are asked depends on the rows."""

    def __init__(self, count=8):
        super().__init__()
        self.router, self.experts = nn.Linear(20, count), nn.ModuleList(toys.mlp((20, 16, 5)) for _ in range(count))

    def forward(self, x):
        share, chosen = self.router(x).softmax(-1).max(1)
        out = x.new_zeros(len(x), 5)
        for i, expert in enumerate(self.experts):
            rows = (chosen == i).nonzero()[:, 0]
            if len(rows):
                out = out.index_add(0, rows, share[rows, None] * expert(x[rows]))
        return out


def mixture_of_experts():
    return toys.classify(Experts())


def straight_through():
    def forward(net, x):
        z = net.body(x)
        return net.head((z + (z.round() - z).detach()).relu())

    return toys.classify(Net(forward, body=nn.Linear(20, 32), head=nn.Linear(32, 5)))


def without_negatives():
    """SimSiam: each view foretells the other, through which no gradient runs."""

    def forward(net, x):
        one, two = net.body(x), net.body(x + 0.1 * torch.randn_like(x))
        pairs = ((net.guess(one), two.detach()), (net.guess(two), one.detach()))
        return {"loss": -sum(F.cosine_similarity(*pair).mean() for pair in pairs) / 2, "z": one}

    return own_loss(Net(forward, body=toys.mlp((20, 32, 16)), guess=toys.mlp((16, 8, 16))), vectors())


def target_network():
    """Q-learning: a frozen copy gives the targets."""
    online = toys.mlp((20, 32, 5))
    net = Net(lambda s, x: s.online(x), online=online, target=copy.deepcopy(online).requires_grad_(False))

    def loss_fn(model, batch):
        x, action = batch
        with torch.no_grad():
            goal = 1 + 0.9 * model.target(x.roll(1, 1)).max(1).values
        return F.smooth_l1_loss(model(x).gather(1, action[:, None])[:, 0], goal)

    return of_trainable(toys.classify(net, loss_fn))


def generator():
    """A GAN: the judge has an optimizer of its own."""
    made, judge = toys.mlp((20, 32, 20)), toys.mlp((20, 32, 1))
    judge.rival = torch.optim.Adam(judge.parameters(), 2e-4)
    net = Net(lambda s, x: s.judge(s.made(x)), made=made, judge=judge)

    def loss_fn(out, y):
        return F.softplus(-out).mean()

    return toys.classify(net, loss_fn).replace(optimizer=torch.optim.Adam(made.parameters(), 2e-4))


# ---- one thing in several places ------------------------------------------------------------------------------------


def shared_depth():
    """ALBERT: one block, as deep as it is asked."""
    block = nn.TransformerEncoderLayer(6, 2, 12, dropout=0.0, batch_first=True)

    def forward(net, x):
        for _ in range(4):
            x = net.block(x)
        return net.head(x.mean(1))

    return toys.sequences(Net(forward, block=block, head=nn.Linear(6, 5)))


def one_cell():
    """A recurrent cell, asked at each step."""

    def forward(net, x):
        state = x.new_zeros(len(x), 16)
        for step in x.unbind(1):
            state = net.cell(step, state)
        return net.head(state)

    return toys.sequences(Net(forward, cell=nn.GRUCell(6, 16), head=nn.Linear(16, 5)))


# ---- texts ----------------------------------------------------------------------------------------------------------


def bidirectional():
    """An encoder of texts, in which later words count."""

    def forward(net, ids):
        return net.head(net.mix(net.table(ids)).mean(1))

    mix = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
    ids = torch.randint(30, (64, 12), generator=toys.seeded())
    net = Net(forward, table=nn.Embedding(30, 16), mix=mix, head=nn.Linear(16, 3))
    return toys.bench(net, ids, ids[:, 0] % 3, nn.CrossEntropyLoss())


def masked_words():
    """The target is the input itself, where it was masked."""
    g = toys.seeded()
    ids = torch.randint(1, 30, (64, 12), generator=g)
    hidden = torch.rand(64, 12, generator=g) < 0.2
    mix = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
    net = Net(lambda s, x: s.head(s.mix(s.table(x))), table=nn.Embedding(30, 16), mix=mix, head=nn.Linear(16, 30))
    return toys.bench(net, ids.masked_fill(hidden, 0), ids.masked_fill(~hidden, -100), toys.token_loss)


def copied_rows():
    """An autoencoder: the target is the input."""
    x = vectors()
    return toys.bench(toys.mlp((20, 8, 20)), x, x, nn.MSELoss())


# ---- rates and loaders ----------------------------------------------------------------------------------------------


def scheduled(make, rate=0.1, steps=0):
    """A bench with plain SGD and the schedule that is made of it, so many steps into the run."""
    given = of_trainable(toys.classify(), torch.optim.SGD, rate)
    schedule = make(given.optimizer)
    for _ in range(steps):
        given.optimizer.step()
        schedule.step()
    return given.replace(scheduler=schedule)


def from_zero():
    return scheduled(lambda opt: torch.optim.lr_scheduler.LambdaLR(opt, lambda step: min(1.0, step / 10)))


def cosine_at_its_end():
    return scheduled(lambda opt: torch.optim.lr_scheduler.CosineAnnealingLR(opt, 8), steps=8)


def one_cycle():
    return scheduled(lambda opt: torch.optim.lr_scheduler.OneCycleLR(opt, 0.1, total_steps=40))


def second_order():
    given = toys.regress()
    return given.replace(optimizer=torch.optim.LBFGS(given.model.parameters()))


class Stream(IterableDataset):
    """Rows without end or length."""

    def __iter__(self):
        yield from zip(*toys.classify().train_data.tensors, strict=True)


def stream():
    return toys.classify().replace(train_loader=DataLoader(Stream(), 32), train_data=None, batch=None)


def one_batch_by_heart():
    given = toys.classify(rows=16, size=16)
    return given.replace(train_loader=[given.batch])


def episodes():
    """Batches of one class each, by design."""
    given = toys.classify()
    x, y = given.train_data.tensors
    return given.replace(train_loader=[(x[y == k], y[y == k]) for k in range(5)], batch=(x[y == 0], y[y == 0]))


def unscaled_before_batch_norm():
    x = 255 * torch.rand(128, 3, 8, 8, generator=toys.seeded())
    net = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 5))
    return toys.bench(net, x, torch.arange(128) % 5, nn.CrossEntropyLoss())


KINDS = [
    zero_head, low_rank_update, rezero, adaptive_norm_from_zero, head_alone, frozen_batch_norm,
    mixed_up, density, summed_at_a_rate_for_sums, loss_in_a_dict, in_mixed_precision, balanced_by_weights,
    dropout_for_estimates, variational, diffusion, stochastic_depth, set_transformer, one_set, one_graph,
    mixture_of_experts, straight_through, without_negatives, target_network, generator, shared_depth, one_cell,
    bidirectional, masked_words, copied_rows, from_zero, cosine_at_its_end, one_cycle, second_order,
    stream, one_batch_by_heart, episodes, unscaled_before_batch_norm,
]  # fmt: skip
