"""No class is so frequent that one answer scores well, unless something corrects for it.

Where one class holds most rows, accuracy says little: the answer that ignores the input has nearly the best of it, and
a net is tempted to give it. Class weights, a weighted sampler, a last bias at the prior and a metric that counts the
classes alike each help. None of them is needed by every model, so this is a hint; with any of them it is silent.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler, WeightedRandomSampler

from ... import toys
from ...batches import BadInput
from ...bench import Bench, Missing
from ...check import Check
from ...decoding.worded import class_names
from ...finding import Finding, Seen, hint, number, ok, percent, skipped
from ...probes.init.prior import Prior, prior
from ...scan import held
from ...scan.columns.kinds import Kind
from ...scan.counts.labels import Labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="imbalance and bias", cost="scan")

#: accuracy of one and the same answer from which on accuracy tells little, and rows with which its error is below 5 %
SHARE, ROWS = 0.8, 64
#: part of the loss of a guess that a better last bias may still save where it is at the prior
SAVED = 0.1
#: losses of torch that weigh nothing unless they are told to
PLAIN = (nn.CrossEntropyLoss, nn.NLLLoss, nn.BCEWithLogitsLoss, nn.BCELoss)
PLAIN_NAMES = ("cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits")
#: words in the user's cells that show a correction, or a metric that counts the classes alike
WORDS = (
    "f1_score|fbeta_score|balanced_accuracy|roc_auc|average_precision|precision_recall|matthews|cohen_kappa|recall|"
    "class_weight|pos_weight|WeightedRandomSampler|sample_weight|focal|SMOTE|oversampl|undersampl|F1Score|AUROC|AUC"
)


@check.run
def run(bench: Bench) -> Finding:
    data = bench.once(held.train_scan)
    labels = data.part.labels
    if labels is None or labels.kind is not Kind.CLASS or labels.many or not labels.counts:
        return skipped("the rows have no class for a label")
    if labels.known < ROWS:
        return skipped(f"needs {ROWS} rows with a label, not {labels.known}")
    name, share = labels.majority
    told = class_names(bench).get(name, name) if isinstance(name, int) else name
    counts = dict(labels.counts.most_common(20))
    seen: dict[str, Any] = {
        "classes": [str(key) for key in counts],
        "counts": list(counts.values()),
        "share": share,
        "entropy": labels.entropy,
    }
    guess = (
        f"always answering `{told}` is right in **{percent(share)}** of {data.extent} of `{data.name}`, and answering "
        f"with the frequencies gives a cross-entropy of {number(labels.entropy)}"
    )
    if len(labels.counts) < 2 or share < SHARE:
        return ok(guess, **seen)
    correction = _correction(bench)
    if correction:
        return ok(f"{guess}; {correction}", **seen)
    return hint(
        guess,
        fix="Judge by a metric that counts the classes alike, and start the last bias at the prior or weigh the loss.",
        code=_code(bench, labels),
        why=f"the smallest of {len(labels.counts)} classes has {min(labels.counts.values())} rows",
        **seen,
    )


def _correction(bench: Bench) -> str:
    """What corrects for the frequencies; "" where nothing is seen to."""
    loader = bench.train_loader
    if isinstance(loader, DataLoader) and _own_sampler(loader):
        return f"`{bench.name('train_loader')}` draws its rows in a way of its own"
    weighted = _weighted(bench)
    if weighted:
        return weighted
    for cell in bench.cells:
        word = re.search(WORDS, cell.source)
        if word is not None:
            return f"cell {cell.number} has `{word.group()}`"
    return _at_the_prior(bench)


def _own_sampler(loader: DataLoader[Any]) -> bool:
    kinds = (RandomSampler, SequentialSampler)
    plain = type(loader.sampler) in kinds or type(loader.sampler).__name__ == "_InfiniteConstantSampler"
    return not plain or type(loader.batch_sampler) not in (BatchSampler, type(None))


def _weighted(bench: Bench) -> str:
    """Weights in the loss, or a loss of the user's own, which may hold anything."""
    loss_fn, name = bench.loss_fn, bench.name("loss_fn")
    if loss_fn is None:
        return ""
    weights = [getattr(loss_fn, word, None) for word in ("weight", "pos_weight")]
    if any(isinstance(w, Tensor) and bool((w != w.flatten()[0]).any() or w.numel() == 1) for w in weights):
        return f"`{name}` weighs the classes"
    if type(loss_fn) in PLAIN or getattr(loss_fn, "__name__", "") in PLAIN_NAMES:
        return ""
    return f"`{name}` is no plain class loss, and may weigh them"


def _at_the_prior(bench: Bench) -> str:
    """Whether the model's last bias answers with the frequencies already."""
    try:
        with bench.untouched():
            found = bench.once(prior)
    except (Missing, BadInput):
        return ""
    if isinstance(found, Prior) and found.saves < max(SAVED * abs(found.guess.best), found.chance):
        return f"the bias of `{found.layer.name}` stands at the prior"
    return ""


def _code(bench: Bench, labels: Labels) -> str:
    """The balanced weights, by class, where there are few."""
    keys = sorted(labels.counts, key=str)
    if len(keys) > 10 or keys != list(range(len(keys))) or bench.loss_fn is None:
        return ""
    weights = [labels.known / len(keys) / labels.counts[key] for key in keys]
    name = bench.name("loss_fn")
    if type(bench.loss_fn) is nn.CrossEntropyLoss:
        return f"{name} = torch.nn.CrossEntropyLoss(weight=torch.tensor([{', '.join(number(w, 3) for w in weights)}]))"
    if type(bench.loss_fn) is nn.BCEWithLogitsLoss and len(keys) == 2:
        ratio = number(labels.counts[0] / labels.counts[1], 3)
        return f"{name} = torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor({ratio}))"
    return ""


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """Rows of each class."""
    ax.barh([f"class {name}" for name in seen["classes"]][::-1], seen["counts"][::-1], color="C0")
    ax.set_xlabel("rows")


@check.breaks
def one_yes_in_twenty() -> Bench:
    """A rare event and nothing that corrects for it: a hint."""
    return toys.binary(rate=0.05)


@check.breaks
def one_class_of_five() -> Bench:
    """One class holds nine rows of ten: a hint."""
    return toys.classify(weights=(0.9, 0.04, 0.03, 0.02, 0.01))


@check.holds
def balanced() -> Bench:
    """Classes about as frequent as each other."""
    return toys.classify()


@check.holds
def weights_in_the_loss() -> Bench:
    """A rare event that weighs more."""
    return toys.binary(rate=0.05, loss_fn=nn.BCEWithLogitsLoss(pos_weight=torch.tensor(19.0)))


@check.holds
def weighted_rows() -> Bench:
    """A sampler that draws the rare class more often."""
    given = toys.binary(rate=0.05)
    y = given.train_data.tensors[1].flatten()
    sampler = WeightedRandomSampler((1 + 18 * y).tolist(), len(y), generator=toys.seeded())
    return given.replace(train_loader=DataLoader(given.train_data, batch_size=64, sampler=sampler))


@check.holds
def bias_at_the_prior() -> Bench:
    """The last bias answers with the rate of the event."""
    given = toys.binary(rate=0.05)
    rate = given.train_data.tensors[1].mean()
    last = given.get("model")[-1]
    nn.init.constant_(last.bias, torch.logit(rate).item())
    nn.init.zeros_(last.weight)
    return given
