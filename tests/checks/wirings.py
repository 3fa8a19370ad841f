"""Right nets that look like faults: rows that meet on purpose, paths not taken, one layer in several places."""

import copy

import torch
from lookalikes import Net, of_trainable, own_loss, vectors
from torch import nn
from torch.nn import functional as F

from nbrecipe import toys

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


KINDS = [
    set_transformer, one_set, one_graph, mixture_of_experts, straight_through, without_negatives, target_network,
    generator, shared_depth, one_cell,
]  # fmt: skip
