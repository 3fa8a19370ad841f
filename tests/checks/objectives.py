"""Right programs whose loss, optimizer or shape of inputs is less usual."""

import torch
from lookalikes import Net
from torch import nn
from torch.nn import functional as F

from nbrecipe import toys


def slope(model, x):
    """Outputs, and their gradients by the inputs, through which a loss can be differentiated."""
    x = x.clone().requires_grad_(True)
    out = model(x)
    return out, torch.autograd.grad(out.sum(), x, create_graph=True)[0]


def differential_equation():
    def loss_fn(model, batch):
        out, steep = slope(model, batch[0])
        return (steep[:, :1] - out).square().mean() + F.mse_loss(out, batch[1])

    return toys.regress(loss_fn=loss_fn)


def critic_with_a_penalty_on_slopes():
    def loss_fn(model, batch):
        out, steep = slope(model, batch[0])
        return out[:32].mean() - out[32:].mean() + 10 * (steep.norm(dim=1) - 1).square().mean()

    return toys.classify(toys.mlp((20, 32, 1)), loss_fn)


def overlap_of_maps():
    """Dice, whose sums run over the whole batch."""

    def loss_fn(out, y):
        p = out.sigmoid()
        return 1 - (2 * (p * y).sum() + 1) / (p.sum() + y.sum() + 1)

    x = torch.randn(32, 1, 8, 8)
    net = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 1))
    return toys.bench(net, x, (x > 1).float(), loss_fn, size=16)


def overlap_of_intervals():
    """Intersection over union, clamped where intervals do not meet."""

    def loss_fn(out, y):
        out = out.sort(1).values
        both = (torch.minimum(out[:, 1], y[:, 1]) - torch.maximum(out[:, 0], y[:, 0])).clamp(min=0)
        either = (out[:, 1] - out[:, 0]) + (y[:, 1] - y[:, 0]) - both
        return (1 - both / either.clamp(min=1e-6)).mean()

    return toys.bench(toys.mlp((10, 32, 2)), torch.randn(64, 10), 2 * torch.rand(64, 2).sort(1).values, loss_fn)


def three_quantiles():
    def loss_fn(out, y):
        wrong, level = y - out, torch.tensor([0.1, 0.5, 0.9])
        return torch.maximum(level * wrong, (level - 1) * wrong).mean()

    return toys.regress(toys.mlp((10, 32, 3)), loss_fn)


def rewards():
    def loss_fn(model, batch):
        policy = torch.distributions.Categorical(logits=model(batch[0]))
        action = policy.sample()
        return -(policy.log_prob(action) * ((action == batch[1]).float() - 0.2)).mean()

    return toys.classify(loss_fn=loss_fn)


def averaged():
    """The average of the weights is looked at; the optimizer has the weights."""
    given = toys.classify()
    average = torch.optim.swa_utils.AveragedModel(given.model)
    average.source = [given.model]  # a list keeps it alive, and out of the average's parameters
    return given.replace(model=average)


def sparse_table():
    """The rows of a table have an optimizer for sparse gradients, the head another."""
    net = Net(lambda s, x: s.head(s.table(x).mean(1)), table=nn.Embedding(30, 16, sparse=True), head=nn.Linear(16, 3))
    net.other = torch.optim.Adam(net.head.parameters())
    ids = torch.randint(30, (64, 12), generator=toys.seeded())
    given = toys.bench(net, ids, ids[:, 0] % 3, nn.CrossEntropyLoss())
    return given.replace(optimizer=torch.optim.SparseAdam(net.table.parameters()))


def factors():
    """Users and items, each with a vector and a bias."""
    tables = {"u": nn.Embedding(50, 8), "i": nn.Embedding(40, 8), "of_u": nn.Embedding(50, 1)}
    net = Net(lambda s, u, i: (s.u(u) * s.i(i)).sum(1) + s.of_u(u)[:, 0], **tables)
    pair, y = (torch.randint(50, (64,)), torch.randint(40, (64,))), 5 * torch.rand(64)
    given = toys.bench(net, pair[0], y, nn.MSELoss())
    return given.replace(batch=(pair, y), train_loader=None, train_data=None)


def translation():
    def forward(net, source, target):
        state = net.read(net.table(source))[1]
        return net.head(net.write(net.table(target), state)[0])

    parts = {"read": nn.GRU(16, 16, batch_first=True), "write": nn.GRU(16, 16, batch_first=True)}
    net = Net(forward, table=nn.Embedding(30, 16), head=nn.Linear(16, 30), **parts)
    source, target = torch.randint(30, (64, 8)), torch.randint(30, (64, 9))
    given = toys.bench(net, source, target, toys.token_loss)
    return given.replace(batch=((source, target[:, :-1]), target[:, 1:]), train_loader=None, train_data=None)


def weights_made_by_a_net():
    def forward(net, x):
        return x @ net.maker(net.code).view(5, 20).T

    return toys.classify(Net(forward, maker=toys.mlp((4, 16, 100)), code=nn.Parameter(torch.randn(4))))


def fixed_point():
    """Steps towards a fixed point without gradients, and one with them."""

    def forward(net, x):
        z = torch.zeros(len(x), 32)
        with torch.no_grad():
            for _ in range(5):
                z = torch.tanh(net.again(z) + net.stem(x))
        return net.head(torch.tanh(net.again(z) + net.stem(x)))

    return toys.classify(Net(forward, again=nn.Linear(32, 32), stem=nn.Linear(20, 32), head=nn.Linear(32, 5)))


KINDS = [
    differential_equation, critic_with_a_penalty_on_slopes, overlap_of_maps, overlap_of_intervals, three_quantiles,
    rewards, averaged, sparse_table, factors, translation, weights_made_by_a_net, fixed_point,
]  # fmt: skip
