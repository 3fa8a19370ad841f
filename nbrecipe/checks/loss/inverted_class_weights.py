"""No class weighs the more in the loss the more examples it has.

Class weights are there for the rare classes: the usual ones are the inverse of the frequency. Frequencies given as they
are, or weights in another order than the classes, make the common classes count twice, and the net forgets the rest.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, Seen, bad, hint, number, ok, skipped
from ...probes.init.label_counts import class_call, label_counts
from ...probes.init.positives import Positives, positives
from ...task import Task

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="what the loss is given")

#: largest weight over the smallest, below which all are the same; the same of frequencies
SAME, BALANCED = 1.05, 1.5
#: powers of the frequency that people take, forgetting to divide by them
POWERS = (1.0, 0.5)
#: rate at which weights chosen in another way fit a power of the frequency, and that at which weights in a random
#: order grow with the frequency as much as these
CHANCE, ORDER = 1e-3, 1e-2
#: classes from which on a random order can be told from a choice; fewer have to differ by as many standard errors
MANY, ERRORS = 5, 3.0
#: classes up to which the distribution of orders is counted out, and weights are written out in the line to paste
COUNTED, WRITTEN = 12, 10


@check.run
def run(task: Task, bench: Bench) -> Finding:
    """Compare the loss's own weights with the frequencies of the labels, by their values and by their order."""
    rare = bench.once(positives)
    if rare is not None:
        return _of_two(rare, bench)
    call, counts = class_call(task), bench.once(label_counts)
    weight = None if call is None else call.options.get("weight")
    if counts is None or not isinstance(weight, Tensor):
        return skipped("the loss has no weights for classes")
    weight = weight.detach().cpu().double()
    used = (counts > 0) & (weight > 0)
    n, w = counts[used].double(), weight[used]
    if len(n) < 2:
        return skipped("fewer than two classes with a weight are among the labels")
    seen: dict[str, Any] = {"counts": counts.tolist(), "weights": weight.tolist()}
    if w.max() / w.min() < SAME or n.max() / n.min() < BALANCED:
        return ok("all classes weigh the same" if w.max() / w.min() < SAME else "the classes are balanced", **seen)
    agree = agreement(n, w)
    pairs = len(n) * (len(n) - 1) / 2
    chance = by_chance(agree, len(n))
    seen |= {"tau": agree / pairs, "chance": chance}
    power = fitted(n, w)
    if power is not None and len(n) > 2:
        why = "these are the frequencies themselves" if power == 1 else "these are the frequencies' square roots"
        return bad(_told(counts, weight, used), why=why, fix=_FIX, code=_code(bench, counts), **seen)
    few = len(n) < MANY and agree == pairs and _differ(n)
    if few or chance <= ORDER:
        rate = "" if few else f"; weights in a random order do so once in {number(1 / chance, 2)} times"
        why = f"such weights may be meant, where mistakes of the common classes cost more{rate}"
        return hint(_told(counts, weight, used), why=why, fix=_FIX, code=_code(bench, counts), **seen)
    return ok(f"class weights do not grow with the frequency (rank correlation {number(agree / pairs, 2)})", **seen)


def _of_two(rare: Positives, bench: Bench) -> Finding:
    """The verdict on a `pos_weight`."""
    share = number(100 * rare.count / (rare.count + rare.others), 3)
    told = f"positives are **{share} %** of the labels and weigh **{number(rare.weight, 3)}** where negatives weigh 1"
    seen: dict[str, Any] = {"counts": [rare.others, rare.count], "weights": [1.0, rare.weight]}
    if not rare.inverted or max(rare.odds, 1 / rare.odds) < BALANCED:
        return ok(told, **seen)
    inverse = number(rare.others / rare.count, 3)
    given: dict[str, Any] = {
        "fix": "Weigh positives by the number of negatives for each of them.",
        "code": f"{bench.name('loss_fn')} = torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor({inverse}))",
    }
    if rare.computed:
        return bad(
            told, why="the weight is the odds of a positive; what evens them out is the inverse", **given, **seen
        )
    return hint(told, why="such a weight may be meant, where false alarms cost more", **given, **seen)


_FIX = "Weigh each class by the inverse of its frequency, in the order of the class indices."


def agreement(n: Tensor, w: Tensor) -> int:
    """Pairs of classes of which the more frequent one weighs more, less those of which it weighs less (Kendall's S)."""
    return int(((n[:, None] - n).sign() * (w[:, None] - w).sign()).sum() / 2)


def by_chance(agree: int, classes: int) -> float:
    """The probability that weights in a random order agree as much: counted for few classes, else by Kendall's normal
    approximation."""
    if classes > COUNTED:
        spread = math.sqrt(classes * (classes - 1) * (2 * classes + 5) / 18)
        return 0.5 * math.erfc((agree - 1) / spread / math.sqrt(2))
    ways = [1]  # orders of so many elements by their number of inversions
    for size in range(2, classes + 1):
        longer = [0] * (len(ways) + size - 1)
        for at, count in enumerate(ways):
            for step in range(size):
                longer[at + step] += count
        ways = longer
    allowed = (len(ways) - 1 - agree) // 2
    return sum(ways[: allowed + 1]) / math.factorial(classes)


def fitted(n: Tensor, w: Tensor) -> float | None:
    """The power of the frequency that the weights are, up to a factor.

    A weight chosen in another way has a logarithm anywhere in a range as wide as that of the frequencies to either
    side. It comes within t of its place with probability t / range, and all but one of k have to, for each power.
    """
    logs = n.log()
    for power in POWERS:
        wide = power * float(logs.max() - logs.min())
        near = wide * (CHANCE / len(POWERS)) ** (1 / (len(n) - 1))
        off = w.log() - power * logs
        if float(off.max() - off.min()) <= min(near, 0.1 * wide):
            return power
    return None


def _differ(n: Tensor) -> bool:
    """Whether all frequencies differ by more than the luck of a sample."""
    ordered = n.sort().values
    gap, spread = ordered.diff(), (ordered[1:] + ordered[:-1]).sqrt()
    return bool((gap >= ERRORS * spread).all())


def _told(counts: Tensor, weight: Tensor, used: Tensor) -> str:
    share = counts.double() / counts.sum()
    common = int(torch.where(used, share, -1.0).argmax())
    rare = int(torch.where(used, share, 2.0).argmin())
    return (
        f"class weights grow with the frequency: class {common} has **{number(100 * float(share[common]), 3)} %** of "
        f"the labels and weighs {number(float(weight[common]), 3)}, class {rare} has "
        f"{number(100 * float(share[rare]), 3)} % and weighs {number(float(weight[rare]), 3)}"
    )


def _code(bench: Bench, counts: Tensor) -> str:
    if len(counts) > WRITTEN:
        return "weight = counts.sum() / (len(counts) * counts)"
    inverse = counts.sum() / (len(counts) * counts.clamp_min(1).double())
    values = ", ".join(number(float(value), 3) for value in inverse)
    name = bench.name("loss_fn")
    return f"{name} = torch.nn.CrossEntropyLoss(weight=torch.tensor([{values}]))"


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """Weight against number of labels, a point for each class, both on logarithmic axes."""
    points = [(n, w) for n, w in zip(seen["counts"], seen["weights"], strict=True) if n > 0 and w > 0]
    ax.scatter([n for n, _ in points], [w for _, w in points], s=12)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("labels of a class")
    ax.set_ylabel("its weight")


_SHARES = (0.5, 0.25, 0.12, 0.08, 0.05)


def _weighed(of: str, shares: tuple[float, ...] = _SHARES) -> Bench:
    """A classifier whose class weights are made from the counts of its labels."""
    given = toys.classify(weights=shares, classes=len(shares), rows=600)
    counts = torch.bincount(given.train_data.tensors[1], minlength=len(shares)).float()
    beta = 0.999
    made = {
        "frequencies": counts / counts.sum(),
        "roots": counts.sqrt(),
        "inverse": counts.sum() / counts,
        "effective": (1 - beta) / (1 - beta**counts),
        "same": torch.ones(len(shares)),
        "costs": torch.tensor([2.0, 0.5, 4.0, 1.0, 3.0])[: len(shares)],
        "majority": torch.tensor([2.0, 1.0, 1.0, 1.0, 1.0])[: len(shares)],
    }
    return given.replace(loss_fn=nn.CrossEntropyLoss(made[of]))


@check.breaks
def frequencies_for_weights() -> Bench:
    """The share of each class is its weight, where its inverse was meant."""
    return _weighed("frequencies")


@check.breaks
def square_roots_for_weights() -> Bench:
    """The square root softens the imbalance, if one divides by it."""
    return _weighed("roots")


@check.breaks
def two_classes() -> Bench:
    """With two classes it may be meant, so this is a hint."""
    return _weighed("frequencies", (0.9, 0.1))


def _binary(weight: float | None = None) -> Bench:
    given = toys.binary(rate=0.1)
    share = float(given.train_data.tensors[1].mean())
    made = torch.tensor(share / (1 - share) if weight is None else weight)
    return given.replace(loss_fn=nn.BCEWithLogitsLoss(pos_weight=made))


@check.breaks
def odds_for_a_weight() -> Bench:
    """`pos_weight=rate / (1 - rate)`, where its inverse was meant."""
    return _binary()


@check.breaks
def rare_positives_weigh_half() -> Bench:
    """A weight that somebody chose: this is a hint."""
    return _binary(0.5)


@check.holds
def rare_positives_weigh_more() -> Bench:
    """Nine negatives for each positive, which weighs nine times as much."""
    return _binary(9.0)


@check.holds
def inverse_frequencies() -> Bench:
    """The usual weights."""
    return _weighed("inverse")


@check.holds
def effective_numbers() -> Bench:
    """Weights by the effective number of examples (Cui et al., 2019)."""
    return _weighed("effective")


@check.holds
def all_the_same() -> Bench:
    """Weights of 1 weigh nothing."""
    return _weighed("same")


@check.holds
def costs_of_mistakes() -> Bench:
    """Weights by what a mistake costs, whatever the frequency."""
    return _weighed("costs")


@check.holds
def one_class_of_interest() -> Bench:
    """One class, the most frequent, counts twice because it matters."""
    return _weighed("majority")
