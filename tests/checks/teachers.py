"""Right programs that learn from copies of themselves, from queues and averages, or train a small part alone."""

import copy

import torch
from lookalikes import Net, of_trainable, own_loss, vectors
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe import toys


def shuffled(given):
    """The same bench under a loader that shuffles."""
    x = given.batch["x"] if isinstance(given.batch, dict) else given.batch[0]
    data = given.train_data or TensorDataset(x)
    return given.replace(train_loader=DataLoader(data, 32, shuffle=True))


class Queue(nn.Module):
    """MoCo: a copy follows slowly, and a queue of its answers holds what is not to be matched."""

    def __init__(self):
        super().__init__()
        self.body = toys.mlp((20, 32, 16))
        self.copy = copy.deepcopy(self.body).requires_grad_(False)
        self.register_buffer("queue", F.normalize(torch.randn(128, 16), dim=1))

    def forward(self, x):
        query = F.normalize(self.body(x), dim=1)
        with torch.no_grad():
            for slow, fast in zip(self.copy.parameters(), self.body.parameters(), strict=True):
                slow.lerp_(fast, 0.01)
            key = F.normalize(self.copy(x + 0.1 * torch.randn_like(x)), dim=1)
        logits = torch.cat([(query * key).sum(1, keepdim=True), query @ self.queue.T], 1) / 0.07
        self.queue = torch.cat([key, self.queue])[:128]
        return {"loss": F.cross_entropy(logits, torch.zeros(len(x)).long()), "logits": logits}


def queue_of_keys():
    return of_trainable(shuffled(own_loss(Queue(), vectors())))


def copy_without_gradient():
    """BYOL, whose copy was left open and is in the optimizer."""

    def forward(net, x):
        guess = net.guess(net.online(x).relu())
        with torch.no_grad():
            goal = net.target(x + 0.1 * torch.randn_like(x))
        return {"loss": 2 - 2 * F.cosine_similarity(guess, goal).mean(), "logits": guess}

    online = toys.mlp((20, 32, 16))
    net = Net(forward, online=online, guess=toys.mlp((16, 32, 16)), target=copy.deepcopy(online))
    return of_trainable(own_loss(net, vectors()))


def codebook_of_averages():
    """VQ-VAE: the codes are moving averages of what is near them."""

    def forward(net, x):
        z = net.encode(x)
        nearest = torch.cdist(z, net.book).argmin(1)
        code = net.book[nearest]
        if net.training:
            with torch.no_grad():
                net.book = net.book.index_add(0, nearest, 0.01 * (z - code))
        out = net.decode(z + (code - z).detach())
        return {"loss": F.mse_loss(out, x) + 0.25 * F.mse_loss(z, code.detach()), "logits": z}

    net = Net(forward, encode=toys.mlp((20, 32, 8)), decode=toys.mlp((8, 32, 20)))
    net.register_buffer("book", torch.randn(16, 8))
    return of_trainable(shuffled(own_loss(net, vectors())))


def inputs_by_running_mean():
    """Observations less their running mean, which stands still in eval mode."""

    def forward(net, x):
        if net.training:
            net.mean = 0.9 * net.mean + 0.1 * x.mean(0)
        return net.body(x - net.mean)

    net = Net(forward, body=toys.mlp())
    net.register_buffer("mean", torch.zeros(20))
    return shuffled(toys.classify(net))


def growing_with_the_steps():
    """A factor that grows with the passes in train mode."""

    def forward(net, x):
        net.passes += net.training
        return net.body(x) * min(1.0, 0.1 + net.passes / 100)

    return shuffled(toys.classify(Net(forward, body=toys.mlp(), passes=0)))


def own_norm():
    """Means of the batch while training, their average in eval mode, by hand."""

    def forward(net, x):
        z = net.stem(x)
        if net.training:
            net.mean = 0.9 * net.mean + 0.1 * z.mean(0).detach()
        return net.head((z - (z.mean(0) if net.training else net.mean)).relu())

    net = Net(forward, stem=nn.Linear(20, 32), head=nn.Linear(32, 5))
    net.register_buffer("mean", torch.zeros(32))
    return shuffled(toys.classify(net))


def norm_without_running_statistics():
    norm = nn.BatchNorm1d(32, track_running_stats=False)
    return toys.classify(nn.Sequential(nn.Linear(20, 32), norm, nn.ReLU(), nn.Linear(32, 5)))


def distilled():
    teacher = toys.mlp(seed=4).requires_grad_(False).eval()

    def loss_fn(model, batch):
        out = model(batch[0])
        with torch.no_grad():
            goal = (teacher(batch[0]) / 2).softmax(1)
        return 4 * F.kl_div((out / 2).log_softmax(1), goal, reduction="batchmean") + F.cross_entropy(out, batch[1])

    return toys.classify(loss_fn=loss_fn)


def random_target():
    """Random network distillation: one net foretells another that nobody trains."""
    net = Net(lambda s, x: s.guess(x), guess=toys.mlp((20, 32, 8)), goal=toys.mlp((20, 32, 8), seed=3))
    given = toys.classify(net, lambda model, batch: F.mse_loss(model(batch[0]), model.goal(batch[0]).detach()))
    return given.replace(optimizer=torch.optim.Adam(net.guess.parameters()))


def norms_alone():
    """Adaptation at test time: entropy falls as the scales of the norms move."""
    net = toys.convnet().requires_grad_(False)
    for layer in (net[1], net[5]):
        layer.requires_grad_(True)
    given = toys.images(net)
    return of_trainable(given.replace(loss_fn=lambda out, y: -(out.softmax(1) * out.log_softmax(1)).sum(1).mean()))


def random_features():
    """The last layer is trained on features of a random net."""
    given = toys.classify(toys.mlp((20, 64, 5)))
    opt = torch.optim.Adam(given.model[2].parameters())
    given.loss_fn(given.model(given.batch[0]), given.batch[1]).backward()
    opt.step()
    return given.replace(optimizer=opt)


def coarse_then_fine():
    """The fine classes are told the coarse ones, without a gradient."""

    def forward(net, x):
        z = net.body(x).relu()
        coarse = net.coarse(z)
        return coarse, net.fine(torch.cat([z, coarse.softmax(1).detach()], 1))

    def loss_fn(out, y):
        return F.cross_entropy(out[0], y % 2) + F.cross_entropy(out[1], y)

    net = Net(forward, body=nn.Linear(20, 32), coarse=nn.Linear(32, 2), fine=nn.Linear(34, 5))
    return toys.classify(net, loss_fn)


def supervised_inside():
    """A second head inside, in train mode alone."""

    def forward(net, x):
        inner = net.one(x).relu()
        out = net.head(net.two(inner).relu())
        return (out, net.inner(inner)) if net.training else out

    def loss_fn(out, y):
        out = out if isinstance(out, tuple) else (out,)
        return sum(F.cross_entropy(each, y) for each in out)

    parts = {"one": nn.Linear(20, 32), "two": nn.Linear(32, 32), "inner": nn.Linear(32, 5), "head": nn.Linear(32, 5)}
    return toys.classify(Net(forward, **parts), loss_fn)


# ---- losses ---------------------------------------------------------------------------------------------------------


def hinges_of_a_judge():
    """A GAN's judge: half of the rows are real."""
    return toys.classify(toys.mlp((20, 32, 1)), lambda o, y: F.relu(1 - o[:32]).mean() + F.relu(1 + o[32:]).mean())


def angles_with_a_margin():
    net = Net(lambda s, x: F.linear(F.normalize(s.body(x)), F.normalize(s.w)), body=toys.mlp((20, 32, 16)))
    net.w = nn.Parameter(torch.randn(5, 16))
    return toys.classify(net, lambda out, y: F.cross_entropy(16 * (out - 0.2 * F.one_hot(y, 5)), y))


def mixture_of_densities():
    def loss_fn(out, y):
        share, mean, log = out.chunk(3, 1)
        return -torch.logsumexp(share.log_softmax(1) - (y - mean) ** 2 / 2 / log.exp() ** 2 - log, 1).mean()

    return toys.regress(toys.mlp((10, 32, 9)), loss_fn)


def order_of_survival():
    """Cox: each risk against those of all who lived longer."""

    def loss_fn(out, y):
        risk = out[y[:, 0].argsort(descending=True), 0]
        return -(risk - risk.logcumsumexp(0)).mean()

    return toys.regress(loss_fn=loss_fn)


def contrast_by_labels():
    def loss_fn(out, y):
        z = F.normalize(out)
        scores = (z @ z.T / 0.1 - 1e9 * torch.eye(len(z))).log_softmax(1)
        same = (y[:, None] == y).float() - torch.eye(len(y))
        return -((scores * same).sum(1) / same.sum(1).clamp(min=1)).mean()

    return toys.classify(toys.mlp((20, 32, 16)), loss_fn)


KINDS = [
    queue_of_keys, copy_without_gradient, codebook_of_averages, inputs_by_running_mean, growing_with_the_steps,
    own_norm, norm_without_running_statistics, distilled, random_target, norms_alone, random_features,
    coarse_then_fine, supervised_inside,
    hinges_of_a_judge, angles_with_a_margin, mixture_of_densities, order_of_survival, contrast_by_labels,
]  # fmt: skip
