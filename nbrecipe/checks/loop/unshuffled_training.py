"""The training data is shuffled anew for every epoch.

In a fixed order the same rows always share a batch and the last ones always have the last word, which makes training
noisier and often a little worse; with sorted labels much worse. Streams and sequences that carry a state keep their
order, and data that was shuffled once suffers little: hence a hint.
"""

from __future__ import annotations

import torch

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, hint, ok, skipped
from ...trace import Trace
from ...trace.record.data import LoaderSeen

check = Check(__name__, tip="verify decreasing training loss")

#: passes that are compared, and batches in each: rows shuffled into the same batches never come by chance, batches
#: shuffled whole come in the same order once in six times for three of them, and once in 40320 for eight
PASSES, BATCHES = 2, 3
#: share of a loader's batches that were trained on, from which on it is a training loader
TRAINED = 0.5


@check.run
def run(trace: Trace) -> Finding:
    loaders = [loader for loader in trace.loaders if _compared(loader)]
    if not loaders:
        return skipped("no loader of several batches was trained on for two epochs")
    if any(p.carried for model in trace.models for p in model.passes):
        return ok("the model's state is carried from batch to batch, which asks for the order")
    for loader in loaders:
        orders = [order for order in loader.orders if len(order) >= min(BATCHES, loader.length or 0)]
        if all(order == orders[0][: len(order)] for order in orders) and len(set(orders[0])) > 1:
            return hint(
                f"`{loader.name}` gave its batches in the same order in all of the **{len(orders)}** epochs that were "
                "looked at",
                fix="Shuffle the training data for every epoch.",
                code=f"{loader.name} = DataLoader(…, shuffle=True)",
                where=str(loader.place),
                epochs=len(orders),
                length=loader.length,
            )
    return ok(f"`{loaders[0].name}` gave its batches in another order in every epoch")


def _compared(loader: LoaderSeen) -> bool:
    """Whether a training loader of known length was gone through more than once."""
    full = [order for order in loader.orders if len(order) >= BATCHES]
    trains = loader.trained >= TRAINED * loader.batches and loader.trained > 0
    return trains and loader.length is not None and loader.length >= BATCHES and len(full) >= PASSES


def _loop(shuffle: bool, size: int = 32) -> Bench:
    given = toys.classify()
    net, loss_fn, opt = toys.parts(given)
    train_dl = torch.utils.data.DataLoader(given.train_data, batch_size=size, shuffle=shuffle)

    def program() -> None:
        for _ in range(3):
            for x, y in train_dl:
                opt.zero_grad()
                loss_fn(net(x), y).backward()
                opt.step()

    return toys.watched(program, net=net, opt=opt, train_dl=train_dl)


@check.breaks
def the_same_order_in_every_epoch() -> Bench:
    """`shuffle` was left at its default."""
    return _loop(shuffle=False)


@check.holds
def shuffled() -> Bench:
    """Another order in every epoch."""
    return _loop(shuffle=True)


@check.holds
def a_state_that_is_carried() -> Bench:
    """Truncated backpropagation through time: the hidden state goes on from batch to batch, in order."""
    net = torch.nn.GRU(3, 8)
    opt = torch.optim.Adam(net.parameters())
    rows = torch.randn(40, 4, 3, generator=toys.seeded())
    train_dl = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(rows), batch_size=8)

    def program() -> None:
        for _ in range(2):
            state = torch.zeros(1, 4, 8)
            for (x,) in train_dl:
                opt.zero_grad()
                out, state = net(x, state.detach())
                out.square().mean().backward()
                opt.step()

    return toys.watched(program, net=net, opt=opt, train_dl=train_dl)
