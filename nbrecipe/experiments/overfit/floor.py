"""The lowest loss that given targets allow: each group of equal inputs gets the one prediction that suits it best.

Without equal inputs this is 0 for hard labels, the entropy of soft or smoothed labels, and 0 for values. Equal inputs
with different targets add the entropy (cross-entropy, BCE, KL), the variance (MSE) or the deviation about the median
(L1) inside their group. One group over everything gives the loss of the best guess that does not look at the input.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...task import LossCall
from ...task.predictions import rows_of

#: entries of the table of label shares by group that are still worth writing out
_LARGEST_TABLE = 50_000_000
#: how far log-probabilities may be from summing to one, for float32 over large vocabularies
_NORMALISED = 1e-2


def lowest(call: LossCall, groups: Tensor) -> float | None:
    """The lowest value of this loss over predictions that are equal within each group; None where there is none.

    `groups` has one number for each entry of the target (each row of it for class probabilities).
    """
    with torch.no_grad():
        if call.name in ("cross_entropy", "nll_loss"):
            return _of_classes(call, groups)
        if call.name == "kl_div":
            return _of_distributions(call, groups)
        if call.name.startswith("binary"):
            return _of_yes_no(call, groups)
        return _of_values(call, groups)


def entries(call: LossCall) -> Tensor:
    """The target with one entry for each prediction: the likeliest class of class probabilities."""
    if call.name in ("cross_entropy", "kl_div") and call.target.is_floating_point():
        return call.target.argmax(1 if call.target.ndim > 1 else 0)
    return call.target


def normalised(call: LossCall) -> bool:
    """Whether the scores of NLL or KL are the log-probabilities which these losses take."""
    sums = rows_of(call.input.detach().float()).logsumexp(1)
    return bool((sums.abs() <= _NORMALISED).all())


def _of_classes(call: LossCall, groups: Tensor) -> float | None:
    if call.name == "nll_loss" and not normalised(call):
        return None
    classes = call.input.shape[1] if call.input.ndim > 1 else call.input.shape[0]
    given = call.options.get("weight")
    weight = torch.ones(classes, dtype=torch.float64) if given is None else given.detach().cpu().double()
    smooth = float(call.options.get("label_smoothing") or 0.0)
    if call.target.is_floating_point():
        shares = rows_of(call.target.detach().cpu().double())
        amounts = ((1 - smooth) * shares + smooth / classes) * weight
        return _reduced(_entropy(_summed(amounts, groups)), call, len(shares))
    target = call.target.detach().cpu().flatten()
    kept = target != int(call.options.get("ignore_index", -100))
    target, groups = target[kept].long(), groups[kept]
    own = weight[target]
    if smooth == 0:
        pairs, place = torch.unique(groups * classes + target, return_inverse=True)
        table = _summed(own, place)
        whole = _summed(own, groups)[pairs // classes]
        return _reduced(float(-torch.xlogy(table, table / whole.clamp_min(1e-300)).sum()), call, float(own.sum()))
    if len(target) * classes > _LARGEST_TABLE:
        return None
    amounts = (smooth / classes * weight).repeat(len(target), 1)
    amounts[torch.arange(len(target)), target] += (1 - smooth) * own
    return _reduced(_entropy(_summed(amounts, groups)), call, float(own.sum()))


def _of_distributions(call: LossCall, groups: Tensor) -> float | None:
    if call.input.ndim != 2 or not normalised(call):
        return None
    target = call.target.detach().cpu().double()
    shares = target.exp() if call.options.get("log_target") else target
    total = _entropy(_summed(shares, groups)) + float(torch.xlogy(shares, shares).sum())
    return _reduced(total, call, shares.numel(), examples=len(shares))


def _of_yes_no(call: LossCall, groups: Tensor) -> float | None:
    target = call.target.detach().cpu().double()
    weight, positive = (_spread(call.options.get(key), target) for key in ("weight", "pos_weight"))
    yes, no = (weight * positive * target).flatten(), (weight * (1 - target)).flatten()
    if yes.min() < 0 or no.min() < 0:
        return None
    amounts = torch.stack([_summed(no, groups), _summed(yes, groups)], dim=1)
    return _reduced(_entropy(amounts), call, target.numel())


def _of_values(call: LossCall, groups: Tensor) -> float | None:
    target = call.target.detach().cpu().double().flatten()
    given = call.options.get("weight")
    weight = torch.ones_like(target) if given is None else _spread(given, call.target).flatten()
    miss = (target - best_values(call, groups)).abs()
    count = float(weight.sum())
    if call.name == "mse_loss":
        return _reduced(float((weight * miss**2).sum()), call, count)
    if call.name == "l1_loss":
        return _reduced(float((weight * miss).sum()), call, count)
    bend, scale = _bend(call)
    if bend == 0:
        return _reduced(float((weight * miss).sum()), call, count)
    losses = torch.where(miss <= bend, 0.5 * miss**2, bend * (miss - 0.5 * bend)) * scale
    return _reduced(float((weight * losses).sum()), call, count)


def best_values(call: LossCall, groups: Tensor) -> Tensor:
    """For every entry of the target the value that suits its group best: mean, median, or Huber's compromise."""
    target = call.target.detach().cpu().double().flatten()
    groups = torch.unique(groups, return_inverse=True)[1]
    count = _summed(torch.ones_like(target), groups)
    if len(count) == len(target):
        return target
    if call.name == "mse_loss":
        return (_summed(target, groups) / count)[groups]
    low, high = (torch.full_like(count, end).scatter_reduce(0, groups, target, how, include_self=False)
                 for end, how in ((0.0, "amin"), (0.0, "amax")))  # fmt: skip
    bend = 0.0 if call.name == "l1_loss" else _bend(call)[0]
    for _ in range(60):  # bisection of the derivative, which grows with the value
        middle = (low + high) / 2
        pull = middle[groups] - target
        slope = _summed(pull.sign() if bend == 0 else pull.clamp(-bend, bend), groups)
        low, high = torch.where(slope < 0, middle, low), torch.where(slope < 0, high, middle)
    return high[groups]


def _bend(call: LossCall) -> tuple[float, float]:
    """Where the square turns into a line, and the factor in front."""
    if call.name == "huber_loss":
        return float(call.options.get("delta", 1.0)), 1.0
    beta = float(call.options.get("beta", 1.0))
    return beta, 1 / beta if beta else 1.0


def _spread(factor: Tensor | None, target: Tensor) -> Tensor:
    one = torch.ones(target.shape, dtype=torch.float64)
    return one if factor is None else one * factor.detach().cpu().double()


def _summed(amounts: Tensor, groups: Tensor) -> Tensor:
    """The sum over each group, by number of group."""
    size = int(groups.max()) + 1 if len(groups) else 0
    return torch.zeros(size, *amounts.shape[1:], dtype=amounts.dtype).index_add_(0, groups, amounts)


def _entropy(amounts: Tensor) -> float:
    """Sum over groups of what the best shares still cost: -sum a log(a / sum a)."""
    whole = amounts.sum(1, keepdim=True).clamp_min(1e-300)
    return float(-torch.xlogy(amounts, amounts / whole).sum())


def _reduced(total: float, call: LossCall, weight: float, *, examples: int = 1) -> float | None:
    """A sum of losses as the call reduces it; rounding must not push it below zero."""
    total = max(total, 0.0) + 0.0 if call.name != "kl_div" or total > -1e-6 else total
    if call.reduction == "sum":
        return total
    if call.reduction == "batchmean":
        return total / examples
    if call.reduction == "none":  # the plain mean afterwards counts ignored and weighted entries in
        weight = float(entries(call).numel() if call.name == "cross_entropy" else call.target.numel())
    return total / weight if weight else None
