"""What padding does to the output of a row: the row with its padding, against the row without.

Both go through the model in eval mode, as copies of that one row, and every function of torch is compared at the
places of tokens: the first whose result differs names the way by which padding gets through.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from ... import batches
from ...batches import BadInput, Feed
from ...batches.models import plain
from ...bench import Bench
from ...task.refusal import refuse_lazy
from ..passes.signal import evaluating
from .lines import Graph, Listening, ask
from .origin import Line
from .padded import Padded, padded, several_lengths

#: rows of the batch that are read, those that are cropped, and copies of each
ROWS, TRIED, COPIES = 32, 4, 2
#: machine epsilons of the largest value that kernels of another length may be apart for rounding
ROUNDING = 1000
#: functions, by the way that they let padding through
RECURRENT = frozenset(
    {"lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"}
)
MECHANISMS = {
    "attention": (
        "softmax", "multi_head_attention_forward", "scaled_dot_product_attention", "_native_multi_head_attention",
        "_transformer_encoder_layer_fwd", "matmul", "bmm", "baddbmm", "einsum",
    ),
    "mean": ("mean", "avg_pool1d", "adaptive_avg_pool1d", "embedding_bag", "div", "true_divide", "nanmean"),
    "sum": ("sum", "cumsum", "logsumexp"),
    "max": ("max", "amax", "max_pool1d", "adaptive_max_pool1d", "max_pool2d", "topk", "min", "amin"),
    "convolution": ("conv1d", "conv2d", "unfold"),
    "last step": ("__getitem__", "select", "index_select", "gather", "unbind", "narrow", "chunk", "split"),
    "recurrence": tuple(RECURRENT),
}  # fmt: skip
WAYS = {name: way for way, names in MECHANISMS.items() for name in names}


@dataclass(frozen=True)
class Padding:
    """How far outputs move when padding is taken away."""

    padded: Padded | None = None
    #: the row that moves most, how far, and the spread of outputs over different examples
    row: int = 0
    moved: float = 0.0
    spread: float = 0.0
    #: how far rounding may move it
    rounding: float = 0.0
    #: rows that were cropped
    tried: int = 0
    #: "attention", "recurrence", "convolution", "mean", "sum", "max", "last step", or the name of a function; "" for
    #: not known
    mechanism: str = ""
    line: Line | None = None
    #: whether nothing but NaN is left without the padding
    nothing_left: bool = False
    #: whether batches are of several lengths
    several: bool = False
    why: str = ""

    @property
    def matters(self) -> bool:
        """Whether outputs move by more than rounding explains, and by a hundredth of what tells examples apart."""
        return self.nothing_left or self.moved > max(self.rounding, 0.01 * self.spread)


def padding(bench: Bench) -> Padding:
    """Crop rows to their tokens; run it inside `bench.untouched()`. Raises BadInput where the forward pass fails."""
    model = plain(bench.get("model"))
    refuse_lazy(model)
    whole = bench.get("batch")
    size = min(batches.batch_size(whole), ROWS)
    fed = batches.feed(model, batches.take(whole, size), bench.loss_fn)
    found = padded(bench, model, fed, size)
    if found is None:
        return Padding(why="no row of tokens ends in padding, so far as mask, lengths, tokenizer and model tell")
    length = found.ids.shape[1]
    rows = sorted((row for row in range(size) if 2 <= found.lengths[row] < length), key=lambda r: found.lengths[r])
    rows = rows[:: max(1, len(rows) // TRIED)][:TRIED]
    if not rows:
        return Padding(why="no row is shorter than the batch and holds two tokens")
    with evaluating(model), torch.no_grad():
        spread = _spread(model, fed, found)
        best: Padding | None = None
        for row in rows:
            seen = _of_row(model, fed, found, row, size)
            if isinstance(seen, str):
                return Padding(why=seen)
            if best is None or (seen.nothing_left, seen.moved) > (best.nothing_left, best.moved):
                best = seen
    assert best is not None
    best = replace(best, spread=spread, tried=len(rows))
    return replace(best, several=several_lengths(bench)) if best.matters and not found.told else best


def _spread(model: nn.Module, fed: Feed, found: Padded) -> float:
    """How far outputs of different examples, and tokens, are apart."""
    listening = Listening(lambda index, made: None)
    output = batches.output_of(_asked(model, fed, listening))
    if output is None or not output.is_floating_point() or output.ndim == 0:
        return 0.0
    flat = output.double().flatten(1) if output.ndim > 1 else output.double()[:, None]
    finite = flat.nan_to_num(0.0, 0.0, 0.0)
    return float((finite.amax(0) - finite.amin(0)).max())


def _of_row(model: nn.Module, fed: Feed, found: Padded, row: int, size: int) -> Padding | str:
    length, tokens = found.ids.shape[1], found.lengths[row]
    whole = _copies(fed, row, size)
    short = _cropped(whole, length, tokens, found.left)
    kept: dict[int, list[Tensor]] = {}
    long = Listening(lambda index, made: kept.__setitem__(index, [item.detach().clone() for item in made]), trace=True)
    before = _asked(model, whole, long)
    differing: list[int] = []
    sizes = (length, tokens, found.left)

    def compare(index: int, made: list[Tensor]) -> None:
        one = kept.get(index, [])
        recurrent = index < len(long.calls) and long.calls[index].function in RECURRENT
        pairs = list(zip(one, made, strict=False))[: 1 if recurrent else None]  # their last states are judged by use
        if any(_apart(a, b, sizes) for a, b in pairs):
            differing.append(index)

    brief = Listening(compare)
    try:
        after = _asked(model, short, brief)
    except BadInput:
        return "the model does not take a row of another length"
    padded_output, output = batches.output_of(before), batches.output_of(after)
    if padded_output is None or output is None or not output.is_floating_point():
        return "the model gives no tensor of numbers"
    moved = _distance(padded_output, output, sizes)
    if moved is None:
        return f"outputs {tuple(padded_output.shape)} and {tuple(output.shape)} cannot be compared"
    graph = Graph(long.calls, long.maker(padded_output))
    leading = next(graph.tried(), set()) if brief.count == long.count else set()
    first = next((index for index in differing if index in leading), None)
    mechanism = _mechanism(graph, first, leading)
    nothing = bool(output.isnan().any()) and not bool(padded_output.isnan().any())
    largest = float(padded_output.double().abs().nan_to_num(0.0).max())
    rounding = ROUNDING * torch.finfo(padded_output.dtype).eps * largest
    line = graph.calls[first].line if first is not None else None
    return Padding(found, row, moved, 0.0, rounding, 1, mechanism, line, nothing)


def _mechanism(graph: Graph, first: int | None, leading: set[int]) -> str:
    """The way by which padding gets through, by the first function whose result differs."""
    recurrent = [index for index in leading if graph.calls[index].function in RECURRENT]
    if first is None:
        return ""
    call = graph.calls[first]
    way = WAYS.get(call.function, call.function)
    after = any(index < first for index in recurrent)
    of_states = any(graph.calls[given].function in RECURRENT for given in call.given)
    if call.function == "softmax" and first == graph.end:
        return "softmax"  # over places, as an answer: it shares probability with padding
    return "recurrence" if (after and way == "last step") or (of_states and way not in ("mean", "max", "sum")) else way


def _asked(model: nn.Module, fed: Feed, listening: Listening) -> Any:
    try:
        return ask(model, fed, listening)
    except Exception as error:
        raise BadInput(f"the forward pass fails: {type(error).__name__}: {error}") from error


def _copies(fed: Feed, row: int, size: int) -> Feed:
    """The batch of one row, a few times over."""

    def copied(item: Any) -> Any:
        if not isinstance(item, Tensor) or not item.ndim or item.shape[0] != size:
            return item
        return item[row : row + 1].expand(COPIES, *item.shape[1:]).clone()

    return Feed(batches.apply(fed.args, copied), batches.apply(fed.kwargs, copied), fed.target, fed.batch)


def _cropped(fed: Feed, length: int, tokens: int, left: bool) -> Feed:
    """Every input of ids and masks without the places of padding."""

    def crop(item: Any) -> Any:
        if not isinstance(item, Tensor) or item.ndim < 2 or item.shape[0] != COPIES:
            return item
        if item.is_floating_point() and item.ndim == 2:
            mask = bool(((item == 0) | (item == 1) | item.isinf()).all())
            return _narrowed(item, 1, tokens, left) if mask and item.shape[1] == length else item
        for axis in range(1, item.ndim):
            if item.shape[axis] == length:
                item = _narrowed(item, axis, tokens, left)
        return item

    return Feed(batches.apply(fed.args, crop), batches.apply(fed.kwargs, crop), fed.target, fed.batch)


def _narrowed(item: Tensor, axis: int, tokens: int, left: bool) -> Tensor:
    return item.narrow(axis, item.shape[axis] - tokens if left else 0, tokens)


def _aligned(a: Tensor, b: Tensor, sizes: tuple[int, int, bool]) -> Tensor | None:
    """The long result at the places of tokens, in the shape of the short one; None where the shapes do not tell."""
    length, tokens, left = sizes
    if a.ndim != b.ndim:
        return None
    if a.ndim and a.shape[0] == COPIES * length and b.shape[0] == COPIES * tokens and a.shape[1:] == b.shape[1:]:
        return _narrowed(a.reshape(COPIES, length, *a.shape[1:]), 1, tokens, left).reshape(b.shape)
    for axis, (long, short) in enumerate(zip(a.shape, b.shape, strict=True)):
        if long == length and short == tokens:
            a = _narrowed(a, axis, tokens, left)
    return a if a.shape == b.shape else None


def _apart(a: Tensor, b: Tensor, sizes: tuple[int, int, bool]) -> bool:
    distance = _distance(a, b, sizes)
    if distance is None or not a.is_floating_point():
        return False
    largest = a[a.isfinite()].abs().max() if bool(a.isfinite().any()) else 0.0
    return distance > ROUNDING * torch.finfo(a.dtype).eps * float(largest)


def _distance(a: Tensor, b: Tensor, sizes: tuple[int, int, bool]) -> float | None:
    """The largest difference at the places of tokens; infinite where one is not a number and the other is."""
    here = _aligned(a, b, sizes)
    if here is None or not b.numel():
        return None
    one, other = here.double(), b.double()
    same = (one == other) | (one.isnan() & other.isnan())
    gap = (one - other).abs().masked_fill(same, 0.0).nan_to_num(float("inf"), float("inf"))
    return float(gap.max())
