"""Why a batch may stay unlearned without any fault: what is frozen, small, random, or not told apart."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ...bench import Bench
from ...task import Kind
from .groups import inputs_of
from .passes import Passes
from .reading import Aim

#: trainable numbers for each label from which on capacity is no excuse. As many as labels would do for a network
#: linear in its parameters (it solves the equations); others are given ten times that
AMPLE = 10
#: singular values below this part of the largest do not help to tell examples apart in few steps
RANK = 1e-3
#: two passes closer than this part differ by rounding alone, as kernels of an accelerator may
EQUAL = 1e-4
#: examples that stand alone: any others share features, as the pixels of an image share a receptive field
_ALONE = (Kind.CLASSES, Kind.BINARY, Kind.MULTILABEL, Kind.REGRESSION)


def excuse_for(bench: Bench, first: Passes, aim: Aim) -> str:
    """One clause that says why a failure would prove nothing, or nothing where nothing excuses it.

    The model stands as it was before training.
    """
    model: nn.Module = bench.get("model")
    frozen = [p for p in model.parameters() if not p.requires_grad]
    if frozen:
        return f"{len(frozen)} of {len(list(model.parameters()))} parameter tensors are frozen"
    room = sum(p.numel() for p in model.parameters())
    labels = 0 if aim.predictions is None else int(aim.predictions.counts().sum())
    if room < AMPLE * labels:
        return f"`{bench.name('model')}` has {room} trainable numbers for {labels} labels"
    if any(p.dtype in (torch.float16, torch.bfloat16) for p in model.parameters()):
        return "weights in half precision lose small updates"
    if any(parametrize.is_parametrized(m) or "weight_orig" in m._parameters for m in model.modules()):
        return "the weights are constrained"
    if _is_random(first):
        return "two passes over the same batch differ: the model draws random numbers"
    if first.task.kind not in _ALONE:
        return "the model may not be able to tell every place apart"
    rank = rank_of(first)
    count = first.task.feed.size
    if rank < count - 1:
        return f"the inputs span {rank} dimensions, and only {count - 1} make any {count} labels easy to separate"
    return ""


def _is_random(first: Passes) -> bool:
    with torch.no_grad():
        (once, one), (again, two) = first.watched(), first.watched()
    if once is None or again is None:
        once, again = one, two
    return bool((once - again).abs().max() > EQUAL * once.abs().max())


def rank_of(first: Passes) -> int:
    """The dimensions that the examples span about their mean: with one fewer than examples, a linear layer can give
    them any labels (Cover 1965).

    Token ids count as bags of words, in case the model pools them.
    """
    count = first.task.feed.size
    columns = [_features(leaf, count) for leaf in inputs_of(first.task.feed) if isinstance(leaf, Tensor) and leaf.ndim]
    fitting = [table for table in columns if table is not None]
    if not fitting:
        return 0
    table = torch.cat(fitting, dim=1)
    return int(torch.linalg.matrix_rank(table - table.mean(0), rtol=RANK))


def _features(leaf: Tensor, count: int) -> Tensor | None:
    if len(leaf) != count or leaf.is_complex() or leaf.layout is not torch.strided:
        return None
    flat = leaf.detach().cpu().reshape(count, -1)
    if flat.is_floating_point():
        spread = flat.double().std(0)
        return flat.double()[:, spread > 0] / spread[spread > 0]
    words, place = torch.unique(flat, return_inverse=True)
    bags = torch.zeros(count, len(words), dtype=torch.float64)
    return bags.scatter_add_(1, place, torch.ones(flat.shape, dtype=torch.float64))
