"""Right programs that look like faults, each as a bench before any loop: what starts at zero, is loss or noise."""

import torch
from torch import nn
from torch.nn import functional as F

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


KINDS = [
    zero_head, low_rank_update, rezero, adaptive_norm_from_zero, head_alone, frozen_batch_norm,
    mixed_up, density, summed_at_a_rate_for_sums, loss_in_a_dict, in_mixed_precision, balanced_by_weights,
    dropout_for_estimates, variational, diffusion, stochastic_depth,
]  # fmt: skip
