"""Rare classes are evened out once: by the sampler or by the loss.

A weighted sampler draws rare classes as often as common ones; weights in the loss make their mistakes count as much.
Both at once turn the imbalance round, and the net calls everything rare. It may be meant, so this is a hint at most.
How much a class counts is its share of the draws times its weight; weights that do not follow the frequencies, and two
corrections that together make no rare class count more than a common one, are right.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import BatchSampler, DataLoader, WeightedRandomSampler

from ... import toys
from ...batches import BadInput
from ...bench import Bench
from ...check import Check
from ...finding import Finding, hint, ok, skipped
from ...probes.data.sampling import labels_of

check = Check(__name__, tip="imbalance and bias")

#: frequencies of the most and the least common class, over each other, below which nothing needs to be evened out
BALANCED = 1.5
#: power of the frequency from which on weights even out, and beyond which a class counts the more the rarer it is:
#: a correction in full has the power -1, one by square roots -0.5, and what is left over should not be below 0
POWER = -0.25
#: share of the variance of log weights that the log frequencies explain, where weights follow them
FOLLOWS = 0.8
#: losses that take a weight for each class, and those that take one for positives
_OF_CLASSES, _OF_TWO = ("cross_entropy", "nll_loss"), ("binary_cross_entropy_with_logits",)


@check.run
def run(loss_fn: Callable[..., Any], train_loader: Any, bench: Bench) -> Finding:
    sampler = _weighted(train_loader)
    if sampler is None:
        return ok(f"`{bench.name('train_loader')}` draws rows as often as one another, so only the loss can weigh them")
    weight = _of_loss(bench)
    if weight is None or float(weight.max()) == float(weight.min()):
        return ok("the sampler weighs rows, and the loss weighs all classes the same")
    labels, each = labels_of(train_loader.dataset), torch.as_tensor(sampler.weights).flatten().double()
    if labels is None or len(labels) != len(each) or not 0 <= int(labels.min()) <= int(labels.max()) < len(weight):
        return skipped(
            "the labels of all rows are kept nowhere, so that the sampler's weights cannot be laid beside them"
        )
    counts = torch.bincount(labels, minlength=len(weight)).double()
    drawn = torch.zeros(len(weight), dtype=torch.double).index_add(0, labels, each)
    return _judged(bench, counts / counts.sum(), drawn / drawn.sum(), weight)


def _judged(bench: Bench, share: Tensor, drawn: Tensor, weight: Tensor) -> Finding:
    used = (share > 0) & (drawn > 0) & (weight > 0)
    p, e, w = share[used], drawn[used], weight[used]
    if len(p) < 2 or float(p.max() / p.min()) < BALANCED:
        return ok("the classes are balanced", shares=share.tolist())
    by_sampler, follows_sampler = _power(p, e / p)
    by_loss, follows_loss = _power(p, w)
    seen: dict[str, Any] = {
        "shares": share.tolist(), "drawn": drawn.tolist(), "weights": weight.tolist(),
        "by_sampler": by_sampler, "by_loss": by_loss,
    }  # fmt: skip
    both = max(by_sampler, by_loss) <= POWER and min(follows_sampler, follows_loss) >= FOLLOWS
    left = 1 + by_sampler + by_loss
    if not both or left > POWER:
        why = "together they even the classes out" if both else "only one of them follows the frequencies"
        return ok(f"the sampler and the loss both weigh, and {why}", **seen)
    classes = used.nonzero().flatten()
    rare, common = int(classes[p.argmin()]), int(classes[p.argmax()])
    times = float(drawn[rare] * weight[rare] / (drawn[common] * weight[common]))
    is_, is_drawn = (f"{100 * float(part[rare]):.3g} %" for part in (share, drawn))
    heavier = f"{float(weight[rare] / weight[common]):.3g}"
    return hint(
        f"class {rare} is {is_} of the rows, **{is_drawn}** of the draws, and weighs "
        f"**{heavier}** times as much as class {common} in the loss: together it counts {times:.3g} times as much",
        fix="Leave either the sampler or the weights of the loss out.",
        code=f"{bench.name('train_loader')} = DataLoader({bench.name('train_data')}, shuffle=True)  # the weights stay",
        times=times,
        **seen,
    )


def _weighted(loader: Any) -> WeightedRandomSampler | None:
    if not isinstance(loader, DataLoader):
        return None
    inner = loader.batch_sampler.sampler if type(loader.batch_sampler) is BatchSampler else loader.sampler
    return inner if isinstance(inner, WeightedRandomSampler) else None


def _of_loss(bench: Bench) -> Tensor | None:
    """A weight for each class, by the loss's own attributes or by the call that it makes; None where it has none."""
    for name in ("weight", "pos_weight"):
        kept = getattr(bench.loss_fn, name, None)
        if isinstance(bench.loss_fn, nn.Module) and isinstance(kept, Tensor):
            return _by_class(kept, name)
    try:
        call = getattr(bench.find("task"), "call", None)
    except BadInput:
        return None
    if call is None or call.name not in (*_OF_CLASSES, *_OF_TWO):
        return None
    name = "weight" if call.name in _OF_CLASSES else "pos_weight"
    kept = call.options.get(name)
    return _by_class(kept, name) if isinstance(kept, Tensor) else None


def _by_class(weight: Tensor, name: str) -> Tensor | None:
    plain = weight.detach().cpu().double().flatten()
    if name == "pos_weight":
        return torch.cat([torch.ones(1, dtype=torch.double), plain]) if len(plain) == 1 else None
    return plain if len(plain) > 1 else None


def _power(p: Tensor, w: Tensor) -> tuple[float, float]:
    """The power of the frequency that weights are nearest to, and the share of their variance that it explains."""
    x, y = p.log() - p.log().mean(), w.log() - w.log().mean()
    power = float((x * y).sum() / x.square().sum())
    total = float(y.square().sum())
    return power, 1.0 if total == 0 else 1 - float((y - power * x).square().sum()) / total


_SHARES = (0.6, 0.25, 0.1, 0.05)


def _made(sampler: float, loss: float, classes: int = 4) -> Bench:
    """A classifier whose sampler and whose loss weigh classes by these powers of their counts."""
    given = toys.classify(classes=classes, weights=_SHARES[:classes], rows=800)
    data = given.train_data
    counts = torch.bincount(data.tensors[1], minlength=classes).double()
    drawn = WeightedRandomSampler((counts**sampler)[data.tensors[1]].tolist(), len(data), generator=toys.seeded())
    loss_fn = nn.CrossEntropyLoss((counts**loss).float())
    return given.replace(train_loader=DataLoader(data, 64, sampler=drawn), loss_fn=loss_fn)


@check.breaks
def inverse_frequencies_twice() -> Bench:
    """The inverse frequency of each class in the sampler and in the loss."""
    return _made(-1, -1)


@check.breaks
def positives_twice() -> Bench:
    """Positives drawn as often as negatives, and weighed by the odds as well."""
    given = toys.binary(rate=0.1)
    data = given.train_data
    y = data.tensors[1].flatten().long()
    counts = torch.bincount(y).double()
    drawn = WeightedRandomSampler((1 / counts)[y].tolist(), len(data), generator=toys.seeded())
    loss_fn = nn.BCEWithLogitsLoss(pos_weight=(counts[0] / counts[1]).float())
    return given.replace(train_loader=DataLoader(data, 64, sampler=drawn), loss_fn=loss_fn)


@check.holds
def by_the_sampler_alone() -> Bench:
    """Classes drawn alike, and a loss without weights."""
    return _made(-1, 0)


@check.holds
def by_the_loss_alone() -> Bench:
    """Rows drawn as they are, and classes weighed by their inverse frequency."""
    return _made(0, -1)


@check.holds
def half_each() -> Bench:
    """Square roots in both, which together even the classes out."""
    return _made(-0.5, -0.5)


@check.holds
def undone_by_the_loss() -> Bench:
    """Classes drawn alike, and weighed by their frequency, so that the mean loss is that of the data."""
    return _made(-1, 1)


@check.holds
def costs_of_mistakes() -> Bench:
    """Classes drawn alike, and weighed by what a mistake costs."""
    return _made(-1, 0).replace(loss_fn=nn.CrossEntropyLoss(torch.tensor([1.0, 5.0, 2.0, 1.0])))
