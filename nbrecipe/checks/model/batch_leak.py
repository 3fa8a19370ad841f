"""The output for an example depends on that example alone.

Examples are independent, and a `view` where a `permute` was meant, a recurrent layer that takes the batch for time or a
softmax over the wrong axis mixes them: the loop runs, the loss falls, and predictions depend on the company an example
is in. Gradients tell: sent back from some rows of the output they must reach no other row of the input. Batch norm
mixes while training by design, and is in eval mode here.
"""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn

from ... import toys
from ...batches import feed, leaves, take
from ...batches.models import plain
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped, spelled
from ...probes.graph.mentions import names_of
from ...probes.passes.signal import evaluating
from ...probes.rows.dependency import Leak, Rows, rows
from ...probes.rows.lines import spot
from ...probes.rows.mixing import Place, heard, turned

check = Check(__name__, tip="chart dependencies")

#: functions that lay the same numbers out anew, and those that run along an axis
VIEWS = ("view", "reshape", "view_as", "reshape_as", "unflatten", "flatten")
ALONG = (
    "softmax", "log_softmax", "mean", "sum", "std", "var", "amax", "amin", "max", "min", "cumsum", "norm", "normalize",
    "logsumexp", "median", "sort", "argsort", "flip", "prod", "roll",
)  # fmt: skip
#: matrix products and their kin: between rows of vectors, somebody asked for all pairs of them
PAIRED = ("matmul", "mm", "addmm", "einsum", "cdist", "_sparse_mm")
#: names of what compares rows with each other on purpose
TOGETHER = re.compile(
    r"prototyp|episod|(?<![a-z])support(?!s|ed)|few_?shot|contrast|clr|siam|set_?transformer|inter_?sample|in_?batch"
    r"|(?<!_)graph|neighbou?r|edge_index|transductive|(?-i:GAT|GCN|GNN)",
    re.IGNORECASE,
)
#: layers of torch that take time first unless they are told otherwise
TIMED = (nn.RNNBase, nn.MultiheadAttention, nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)


@check.run
def run(model: nn.Module, batch: Any, bench: Bench) -> Finding:
    with bench.untouched():
        seen = bench.once(rows)
    if seen.why:
        return skipped(seen.why)
    normed = (
        f"; {len(seen.norms)} batch norm{'s mix' if len(seen.norms) > 1 else ' mixes'} them while training, by design"
        if seen.norms
        else ""
    )
    if seen.leak is None:
        return ok(
            f"each of {seen.size} outputs depends on its own row alone, by {seen.passes} backward passes{normed}",
            why=seen.left,
            rows=seen.size,
            passes=seen.passes,
        )
    if "mixing" in bench.declared:
        return ok(f"rows of the batch meet, as you say they should: row {seen.leak.to} hears of row {seen.leak.source}")
    name, leak = bench.name("model"), seen.leak
    place = leak.place
    meant = (
        seen.training or _by_design(plain(model), seen, batch) or _compares_with_a_part(bench, plain(model), seen.size)
    )
    claim = hint if meant else bad
    return claim(
        f"the output for row **{leak.to}** depends on row **{leak.source}** of the batch"
        f"{' in train mode' if seen.training else ''}: the gradient there is **{number(leak.strength, 2)}** times that "
        f"at its own row, and should be 0{_told(name, place)}",
        fix=_fix(name, plain(model), leak, seen.size),
        why="the prediction for an example changes with the examples it happens to be batched with",
        where=spot(bench, place, leak.line),
        rows=seen.size, source=leak.source, to=leak.to, strength=leak.strength, passes=seen.passes,
        module=place.path if place is not None else "",
    )  # fmt: skip


def _told(name: str, place: Place | None) -> str:
    if place is None:
        return ""
    if not place.inside:
        return f"; rows are mixed before `{spelled(name, place.path)}`"
    return f"; rows meet first in `{spelled(name, place.path)}` ({place.kind})"


def _fix(name: str, model: nn.Module, leak: Leak, size: int) -> str:
    """What to do, by the kind of module in which rows meet, or by the function."""
    place, line = leak.place, leak.line
    if place is not None and place.inside:
        where, module = spelled(name, place.path), model.get_submodule(place.path)
        if isinstance(module, TIMED) and len(place.given) == 2:
            return f"Give `{where}` a sequence for each row, (N, T, D): it takes (N, D) for one sequence of N steps."
        if isinstance(module, TIMED) and not _batch_first(module) and place.given[:1] == (size,):
            return f"Give `{where}` `batch_first=True`: it takes the first axis for time."
        if isinstance(module, (nn.Softmax, nn.LogSoftmax)):
            return f"Let `{where}` run over the classes: `dim=-1`."
        if place.path and not any(True for _ in module.children()) and not isinstance(module, TIMED):
            return f"Look at the axes that `{where}` works along: none may be the first."
    if line is not None and line.function in VIEWS:
        return f"Exchange axes by `permute` or `transpose`: `{line.function}` keeps the numbers in their order."
    if line is not None and line.function in ALONG:
        return f"Let `{line.function}` run over another axis than the first, which is the batch."
    around = spelled(name, place.around) if place is not None else name
    there = f"`{line.text}`" if line is not None else f"the `forward` of `{around}`"
    return f"Look in {there} for what takes numbers of another row: an index, a `view` or an axis."


def _batch_first(module: nn.Module) -> bool:
    inner = getattr(module, "self_attn", module)
    return bool(getattr(inner, "batch_first", False))


def _by_design(model: nn.Module, seen: Rows, batch: Any) -> bool:
    """Whether rows are meant to meet: scores of every row against every other, a graph, statistics of a batch."""
    leak: Leak | None = seen.leak
    place = leak.place if leak is not None else None
    held = [item for item in leaves(batch) if isinstance(item, Tensor)]
    if any(TOGETHER.search(name) for module in model.modules() for name in names_of(module)):
        return True
    graph = any(item.ndim == 2 and item.shape[0] == item.shape[1] > 1 for item in held)
    graph |= any(item.is_sparse or _lists_edges(item) for item in [*held, *model.buffers()])
    paired = leak is not None and leak.line is not None and leak.line.function in PAIRED and _are_vectors(held, place)
    return graph or paired or seen.size in seen.shape[1:] or (place is not None and "batch" in place.kind.lower())


def _compares_with_a_part(bench: Bench, model: nn.Module, size: int) -> bool:
    """Whether all rows hear of the same few at the beginning or the end, and of no other: examples of the classes.

    They do so by their places, in whatever order the rows stand; the largest rows of a batch are others then.
    """
    with bench.untouched(), evaluating(model):
        fed = feed(model, take(bench.get("batch"), size), bench.loss_fn)
        told, again = heard(model, fed, size), heard(model, turned(fed, size), size)
    sources, same = ((one & ~torch.eye(size).bool()).any(1) for one in (told, again))
    few, ends = int(sources.sum()), (sources, sources.flip(0))
    together = any(bool(end[:few].all()) for end in ends)
    return 1 < few < size - 1 and together and bool(told[sources].all()) and torch.equal(sources, same)


def _lists_edges(item: Tensor) -> bool:
    return item.ndim == 2 and item.shape[0] == 2 and not item.is_floating_point()


def _are_vectors(held: list[Tensor], place: Place | None) -> bool:
    """Whether rows are vectors, in the batch and where they meet: no axis is there to be taken for the batch."""
    flat = all(item.ndim < 3 and (item.ndim < 2 or item.is_floating_point()) for item in held)
    return flat and place is not None and len(place.given) == 2


class Viewed(nn.Module):
    """(N, T, D) made (T, N, D) for a recurrent net: by `view`, or by `permute` as it should be."""

    def __init__(self, right: bool) -> None:
        super().__init__()
        self.right = right
        self.rnn = nn.GRU(6, 8)
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        n, t, d = x.shape
        out = self.rnn(x.permute(1, 0, 2) if self.right else x.view(t, n, d))[0]
        made: Tensor = self.head(out[-1])
        return made


@check.breaks
def view_for_permute() -> Bench:
    """`x.view(t, n, d)` gives time steps of one example to another."""
    return toys.sequences(Viewed(right=False))


@check.breaks
def softmax_over_rows() -> Bench:
    """A softmax over axis 0 shares out the attention of a class among the examples."""
    return toys.classify(nn.Sequential(*toys.mlp(), nn.Softmax(dim=0)))


@check.holds
def permuted() -> Bench:
    """The same net with `permute`."""
    return toys.sequences(Viewed(right=True))


@check.holds
def batch_norm() -> Bench:
    """Batch norm mixes rows while training, as it should."""
    return toys.images()


@check.holds
def causal_transformer() -> Bench:
    """Attention mixes time, not examples."""
    return toys.next_token()
