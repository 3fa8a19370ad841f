"""The last bias starts at the prior.

Before a model sees any input the best it can say is what the labels say on their own: how frequent each class is, what
the targets' mean is. With that in the last bias, training starts on what the inputs tell. Without it the first epochs
go to learning the bias, the curve looks like a hockey stick, and targets far from zero may never be reached.

It is a hint and claims no fault: classes that start equally likely are usual and soon unlearned, and where the targets
lie so far off that it matters, `loss-at-init` fails and names this bias as the cause.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, Seen, hint, number, ok, skipped
from ...probes.init.prior import Prior, prior, proved
from ...probes.init.start import is_far_off, start
from ...probes.passes.signal import is_fresh

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="init well")

#: a saving below this share of the expected loss is not worth a line of code
WORTH = 0.1
#: share of the loss above the expected one that the bias alone has to explain, to be the cause of all of it
EXPLAINED = 0.75
AS_TOLD = "Paste the line of `loss-at-init`, whose cause it is"


@check.run
def run(model: nn.Module, batch: Any, bench: Bench) -> Finding:
    """Compare the loss at init with the loss of the same model whose last bias says what the labels say."""
    found = bench.once(prior)
    if isinstance(found, str):
        return skipped(found)
    seen: dict[str, Any] = {"now": found.before, "prior": found.after, "best": found.guess.best}
    place = f"`{found.layer.name}.bias`"
    if not is_fresh(bench):
        return ok(f"{place} has been trained: the loss is {number(found.before)}, not that of a start", **seen)
    least = max(WORTH * abs(found.guess.best), found.chance)
    if found.saves < least:
        return ok(_fine(found, place), where=place.strip("`"), **seen)
    seen["prior"] = after = proved(bench, found)
    if found.before - after < least:
        return ok(_fine(found, place), where=place.strip("`"), **seen)
    told = _is_told_already(bench, found)
    return hint(
        f"{place} is not the prior: the loss starts at **{number(found.before)}** instead of **{number(after)}**",
        why=f"knowing {found.guess.source} alone saves {number(found.before - after)}",
        fix=f"{AS_TOLD if told else 'Start the last bias at the prior'}, or let `%check_init --fix` do it.",
        code="" if told else found.code,
        where=place.strip("`"),
        **seen,
    )


def _fine(found: Prior, place: str) -> str:
    saved = max(0.0, found.saves)
    return f"{place} is near enough the prior: setting it would save {number(saved, 2)} of {number(found.before)}"


def _is_told_already(bench: Bench, found: Prior) -> bool:
    """Whether the targets lie so far from the outputs that most of the loss is the bias's, as `loss-at-init` says."""
    begun = bench.once(start)
    return begun is not None and is_far_off(begun) and found.saves > EXPLAINED * (found.before - begun.best_here)


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """The loss as it starts, and as it would with the prior."""
    worth = seen["now"] - seen["prior"] >= WORTH * abs(seen["best"])
    ax.barh(["with prior", "now"], [seen["prior"], seen["now"]], color=["C2", "C1" if worth else "C0"], height=0.5)
    for row, value in enumerate((seen["prior"], seen["now"])):
        ax.text(value, row, f" {number(value)}", va="center", fontsize="small")
    ax.set_xlabel("loss at init")


def _biased(given: Bench, values: float | torch.Tensor) -> Bench:
    """The same bench with the last bias set."""
    assert given.model is not None
    *_, bias = (p for name, p in given.model.named_parameters() if name.endswith("bias"))
    with torch.no_grad():
        bias.copy_(torch.as_tensor(values).expand_as(bias))
    return given


@check.breaks
def targets_around_150() -> Bench:
    """Targets with mean 150 and deviation 70; the bias is left near zero."""
    return toys.regress(mean=150, scale=70)


@check.breaks
def counts_by_absolute_error() -> Bench:
    """Two values around 40 and -12, absolute error, the bias left near zero."""
    given = toys.regress()
    x, y = given.train_data.tensors
    both = torch.cat([y + 40, 0.5 * y - 12], 1)
    return toys.bench(toys.mlp((10, 32, 2)), x, both, nn.L1Loss())


@check.breaks
def rare_event() -> Bench:
    """One in twenty is yes, and the bias says one half: worth a look, and no fault."""
    return toys.binary(rate=0.05)


@check.breaks
def rare_classes() -> Bench:
    """Nine in ten rows are of one class out of five."""
    return toys.classify(weights=(0.9, 0.04, 0.03, 0.02, 0.01))


@check.holds
def balanced_classes() -> Bench:
    """Equal frequencies: a bias near zero is the prior."""
    return toys.classify()


@check.holds
def rare_event_with_prior() -> Bench:
    """One in twenty is yes, and the bias says so."""
    return _biased(toys.binary(rate=0.05), -2.944)


@check.holds
def rare_event_made_heavier() -> Bench:
    """`pos_weight` makes the rare answer as heavy as the other, so that zero is the prior."""
    return toys.binary(loss_fn=nn.BCEWithLogitsLoss(pos_weight=torch.tensor(9.0)), rate=0.1)


@check.holds
def weighted_classes() -> Bench:
    """Class weights that make rare classes as heavy as frequent ones."""
    shares = torch.tensor([0.6, 0.2, 0.1, 0.06, 0.04])
    return toys.classify(loss_fn=nn.CrossEntropyLoss(1 / shares), weights=tuple(shares.tolist()))


@check.holds
def standardised_targets() -> Bench:
    """Targets with mean 0 and deviation 1."""
    return toys.regress()


@check.holds
def targets_around_150_with_prior() -> Bench:
    """The bias is at the targets' mean."""
    return _biased(toys.regress(mean=150, scale=70), 150.0)


@check.holds
def images_from_0_to_1() -> Bench:
    """An autoencoder on pixels between 0 and 1, whose mean lies 1.7 deviations from 0: worth a look, and no fault."""
    pixels = torch.rand(256, 64, generator=toys.seeded())
    return toys.bench(toys.mlp((64, 16, 64)), pixels, pixels, nn.MSELoss())


@check.holds
def few_labels() -> Bench:
    """Sixteen rows of ten classes are uneven by chance alone."""
    return toys.classify(classes=10, rows=16, size=16)


@check.holds
def trained() -> Bench:
    """A trained bias says more than the prior."""
    return toys.trained(toys.classify(weights=(0.9, 0.04, 0.03, 0.02, 0.01)))
