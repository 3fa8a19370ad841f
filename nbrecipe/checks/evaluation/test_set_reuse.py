"""A test set is evaluated once, at the end.

Whoever looks at it after every epoch, and keeps what did best on it, has chosen by it: its number is then the best of
many, and promises more than new data will give. What decides between epochs and models is the validation set; the test
set is there for the one that was chosen. Only ever a hint: looking is no fault where nothing is chosen by it.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch.utils.data import DataLoader

from ... import toys
from ...bench import Bench
from ...check import Check
from ...evaluation.tested import AGAIN, says_test
from ...finding import Finding, hint, ok, skipped
from ...trace import Trace
from ...trace.record.data import LoaderSeen

check = Check(__name__, tip="significant digits")


@check.run
def run(trace: Trace) -> Finding:
    if not trace.steps:
        return skipped("the cell does not train")
    tests = [loader for loader in trace.loaders if says_test(loader.name) and not loader.trained]
    if not tests:
        others = [loader.name for loader in trace.loaders if not loader.trained]
        if others:
            return ok(f"`{others[0]}` was read beside training, which is no test set by its name")
        return skipped("no loader was read but those that train")
    looks = {loader.name: _looks(trace, loader) for loader in tests}
    most = max(tests, key=lambda loader: looks[loader.name])
    times = looks[most.name]
    seen: dict[str, Any] = {"loader": most.name, "evaluations": times, "passes": most.passes}
    if times < AGAIN:
        return ok(f"`{most.name}` was not evaluated again and again while a model trained", **seen)
    return hint(
        f"`{most.name}` was evaluated again and again while the model trained, with at least **{times}** different "
        "weights: the best of so many looks better than new data will show",
        fix="Hold out rows of the training data to choose by, and evaluate the test set once, at the end.",
        code="train_set, val_set = torch.utils.data.random_split(train_set, [0.9, 0.1])",
        where=str(most.place),
        **seen,
    )


def _looks(trace: Trace, loader: LoaderSeen) -> int:
    """Steps at which one model that trains in this cell answered rows of the loader, without gradients."""
    steps = [
        {p.step for p in model.passes if p.loader == loader.name and not p.grad and p.used and not p.taught}
        for model in trace.models
        if any(parameter.changed for parameter in model.parameters)
    ]
    # a loader that was read fewer times was left between two steps, as by a generator of batches
    return min(max(map(len, steps), default=0), loader.passes)


def _loop(test: bool, every: int = 1, epochs: int = 4, again: int = 1) -> Bench:
    """Training with an evaluation after every few epochs, or after all of them."""
    given = toys.images(rows=64)
    net, loss_fn, opt = toys.parts(given)
    held = DataLoader(given.train_data, 32)

    def program() -> None:
        for epoch in range(epochs):
            for x, y in toys.batches(given):
                opt.zero_grad()
                loss_fn(net(x), y).backward()
                opt.step()
            if (epoch + 1) % every:
                continue
            net.eval()
            with torch.no_grad():
                for x, y in itertools.chain.from_iterable(itertools.repeat(held, again)):
                    (net(x).argmax(1) == y).float().mean()
            net.train()

    named: dict[str, Any] = {"net": net, "opt": opt, "test_loader" if test else "val_loader": held}
    return toys.watched(program, **named)


@check.breaks
def tested_after_every_epoch() -> Bench:
    """The test set is looked at after each of four epochs."""
    return _loop(test=True)


@check.holds
def tested_at_the_end() -> Bench:
    """The test set is looked at once, after training."""
    return _loop(test=True, every=4)


@check.holds
def validated_after_every_epoch() -> Bench:
    """What is looked at after each epoch is there to choose by."""
    return _loop(test=False)


@check.holds
def averaged_at_the_end() -> Bench:
    """The same weights answer the test set five times, as for an average over dropout masks."""
    return _loop(test=True, every=4, again=5)


@check.holds
def before_and_after() -> Bench:
    """Two looks are no habit."""
    return _loop(test=True, every=2)
