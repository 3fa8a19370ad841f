"""Each softmax runs over an axis within an example.

A softmax over the rows of the batch makes examples share one unit of attention among them: predictions depend on the
company an example is in, and one alone always gets the whole. Over time or the height of an image in the place of the
classes, a loss compares numbers that compete with none of the other classes. The loss falls all the same, slowly. What
attention weights sum over, and a softmax over a single number, are hints at most.
"""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn

from ... import toys
from ...batches import leaves
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped, spelled
from ...probes.rows.normalised import Crossed, crossed
from ...probes.rows.origin import said
from ...probes.rows.softmaxes import Softmax, Softmaxes, softmaxes

check = Check(__name__, tip="wrong indexing")

#: names of what shares rows out on purpose
SHARED_OUT = re.compile(r"expert|rout|moe|dispatch|slot|assign|sinkhorn|prototype", re.IGNORECASE)


@check.run
def run(model: nn.Module, batch: Any, bench: Bench) -> Finding:
    with bench.untouched():
        seen = bench.once(softmaxes)
    wrong = crossed(seen)
    if wrong is not None:
        return _over_other_axis(bench, seen, wrong)
    meant = "mixing" in bench.declared
    over_rows = [call for call in seen.calls if call.rows in ("meet", "unknown", "summed") and not meant]
    for call in sorted(over_rows, key=lambda call: call.rows != "meet"):
        return _over_rows(bench, call, batch, seen.size)
    for call in seen.calls:
        if call.summed is not None:
            return _over_queries(bench, call)
        if call.single and not SHARED_OUT.search(_words(call)):
            return _over_one(bench, call)
    if not seen.calls:
        return skipped("no softmax of torch runs in the model or its loss")
    count = len(seen.calls)
    return ok(f"{count} softmax{'es' * (count > 1)}, none over the rows of the batch", softmaxes=count)


def _over_rows(bench: Bench, call: Softmax, batch: Any, size: int) -> Finding:
    proof = (
        f"by backpropagation each output hears there of the other {size - 1}, and nowhere behind it"
        if call.rows == "meet"
        else "rows meet behind it too, as in attention over a whole set" if call.rows == "summed"
        else "what comes of it is not known here"
    )  # fmt: skip
    claim = bad if call.rows == "meet" and not _by_design(call, batch) else hint
    return claim(
        f"{_named(bench, call)} runs over the **rows of the batch**: axis **{call.axis}** of {call.shape}; {proof}; "
        "it should run within each row",
        fix=_fix(call),
        code=_code(call),
        why="examples share one sum of 1 among them, so each prediction changes with the rest of its batch",
        where=_where(bench, call),
        axis=call.axis, shape=list(call.shape), rows=size,
    )  # fmt: skip


def _over_other_axis(bench: Bench, seen: Softmaxes, wrong: Crossed) -> Finding:
    calls = [call for call in seen.calls if (call.axis, call.shape) == (wrong.axis, wrong.shape)]
    call = calls[-1] if calls else None
    low, high = (number(value, 3) for value in wrong.sums)
    square = len(set(wrong.shape)) == 1  # every row against every other
    return (hint if square else bad)(
        f"what `{wrong.loss}` is given sums to 1 along axis **{wrong.axis}** of {wrong.shape}; its classes are on axis "
        f"**{wrong.classes}**, where the sums are {low} to {high} and should be 1",
        fix=f"Normalise over the classes, axis {wrong.classes}" + (f", in {_named(bench, call)}." if call else "."),
        code=_code(call, wrong.classes) if call is not None else "",
        why="the scores of a class compete with those of the same class elsewhere, not with the other classes",
        where=_where(bench, call) if call is not None else "",
        axis=wrong.axis, classes=wrong.classes, shape=list(wrong.shape), sums=list(wrong.sums),
    )  # fmt: skip


def _over_queries(bench: Bench, call: Softmax) -> Finding:
    return hint(
        f"{_named(bench, call)} makes attention scores {call.shape} sum to 1 along axis **{call.axis}**, and the "
        f"product with the values sums along axis **{call.summed}**, where the weights do not sum to 1",
        fix=f"Let it run over the keys, `dim={_end(call.summed or 0, call)}`, unless queries are to compete.",
        code=_code(call, call.summed),
        why="a query takes a sum of values, not their mean, so its size changes with the number of keys",
        where=_where(bench, call),
        axis=call.axis, summed=call.summed, shape=list(call.shape),
    )  # fmt: skip


def _over_one(bench: Bench, call: Softmax) -> Finding:
    return hint(
        f"{_named(bench, call)} runs over axis **{call.axis}** of {call.shape}, which holds **one** number: the result "
        "is 1 whatever it is given",
        fix="Let it run over the axis whose entries are to compete, or use a sigmoid.",
        why="the layer in front of it has no influence and gets no gradient",
        where=_where(bench, call),
        axis=call.axis, shape=list(call.shape),
    )  # fmt: skip


def _by_design(call: Softmax, batch: Any) -> bool:
    """Whether rows may be meant to share: one score each in a list or a set, rows as keys, experts, a graph."""
    held = [item for item in leaves(batch) if isinstance(item, Tensor)]
    graph = any(item.is_sparse or _is_adjacency(item) for item in held)
    graph |= any(item.ndim == 2 and item.shape[0] == 2 and not item.is_floating_point() for item in held)
    others = [size for axis, size in enumerate(call.shape) if axis != call.axis]
    one_score = all(size == 1 for size in others)
    last = call.axis == len(call.shape) - 1
    return graph or one_score or last or bool(SHARED_OUT.search(_words(call)))


def _is_adjacency(item: Tensor) -> bool:
    """Whether this is a graph: how each row is tied to each, one way or both."""
    square = item.ndim == 2 and item.shape[0] == item.shape[1] > 1
    return square and bool((item == item.T).all() or (item >= 0).all())


def _words(call: Softmax) -> str:
    return f"{call.path} {call.line.text if call.line is not None else ''}"


def _named(bench: Bench, call: Softmax) -> str:
    place = "the loss" if call.in_loss else f"`{spelled(bench.name('model'), call.path)}`"
    name = call.name.removeprefix("special_")
    return f"the `{name}` in {place}"


def _where(bench: Bench, call: Softmax) -> str:
    if call.line is not None:
        return said(bench, call.line)
    return "" if call.in_loss else spelled(bench.name("model"), call.path)


def _fix(call: Softmax) -> str:
    others = [axis for axis, size in enumerate(call.shape) if axis != call.axis and size > 1]
    if len(others) == 1:
        return f"Let it run over the other axis: `dim={_end(others[0], call)}`."
    return "Let it run over an axis whose entries belong to one example, most often the last: `dim=-1`."


def _end(axis: int, call: Softmax) -> int:
    """The axis, counted from the end where it is the last or the one before."""
    return axis - len(call.shape) if axis >= len(call.shape) - 2 and axis > 0 else axis


def _code(call: Softmax, axis: int | None = None) -> str:
    """The user's own line with another axis, where it says which."""
    others = [place for place, size in enumerate(call.shape) if place != call.axis and size > 1]
    axis = others[0] if axis is None and len(others) == 1 else axis
    if call.line is None or axis is None or call.line.text.count("dim=") != 1:
        return ""
    return re.sub(r"dim=\s*-?\d+", f"dim={_end(axis, call)}", call.line.text)


class Pooled(nn.Module):
    """Steps weighted by attention: (N, T, D) in, scores (N, T), classes out."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.score, self.head = nn.Linear(6, 1), nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        weights = torch.softmax(self.score(x).squeeze(2), dim=self.dim)
        made: Tensor = self.head((weights[..., None] * x).sum(1))
        return made


class Pixels(nn.Module):
    """A class at every pixel, as log-probabilities."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.body, self.dim = nn.Conv2d(1, 5, 3, padding=1), dim

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.body(x)
        return made.log_softmax(self.dim)


class Contrast(nn.Module):
    """The similarity of every two rows, as a softmax over either."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(20, 8)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.normalize(self.body(x))
        return (x @ x.T).softmax(0)


def _segmented(dim: int) -> Bench:
    x = torch.randn(32, 1, 8, 7, generator=toys.seeded())
    return toys.bench(Pixels(dim), x, (x[:, 0] > 0).long(), nn.NLLLoss(), size=16)


@check.breaks
def attention_over_rows() -> Bench:
    """Scores (N, T) with `dim=0`: rows share the weights of each step."""
    return toys.sequences(Pooled(0))


@check.breaks
def classes_over_rows() -> Bench:
    """Probabilities of a class sum to 1 over the batch."""
    return toys.classify(nn.Sequential(*toys.mlp(), nn.Softmax(dim=0)), nn.NLLLoss())


@check.breaks
def pixels_over_height() -> Bench:
    """`log_softmax` over the height of an image, whose classes are on axis 1."""
    return _segmented(2)


@check.holds
def attention_over_steps() -> Bench:
    """The same scores over the steps of each row."""
    return toys.sequences(Pooled(1))


@check.holds
def pixels_over_classes() -> Bench:
    """Axis 1 holds the classes of each pixel."""
    return _segmented(1)


@check.holds
def contrast_of_rows() -> Bench:
    """A contrastive model compares each row with every other, in both directions."""
    g = toys.seeded()
    x = torch.randn(64, 20, generator=g)
    return toys.bench(Contrast(), x, torch.eye(64), nn.BCELoss(), size=64)
