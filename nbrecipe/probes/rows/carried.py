"""State that a model keeps from one batch to the next: the same batch, before and after another one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ... import batches
from ...batches.models import eagerly, plain
from ...bench import Bench
from ...finding import spelled
from ...task.refusal import failed_forward, refuse_lazy
from ..passes.signal import evaluating

#: a kernel that adds up in another order each time differs in the last digits only
ROUNDING = 1e-4
#: words in the names of methods that start a state afresh, and what such a state is called
AFRESH = {"reset", "init", "clear", "detach"}
STATES = {"state", "states", "hidden", "memory", "hiddens"}


@dataclass(frozen=True)
class Carried:
    """How far two answers for the same batch are apart, as a share of the answers, and what was left in between."""

    apart: float
    #: attributes and buffers whose tensors a pass changes: "net.rnn.hidden"
    states: tuple[str, ...] = ()
    #: those of them that hold something of each row: of rows in reverse they are reversed, too
    by_row: tuple[str, ...] = ()
    #: methods that start the state afresh: "reset_hidden"
    resets: tuple[str, ...] = ()


def carried(bench: Bench) -> Carried | None:
    """Run the batch, its rows in reverse, and the batch again in eval mode, with equal random numbers each time.

    None where outputs cannot be compared, or where the state put back does not give the first answer again: then it is
    not what modules keep that makes the difference. Raises BadInput for a forward pass that fails.
    """
    model = plain(bench.get("model"))
    refuse_lazy(model)
    batch = bench.get("batch")
    other = batches.apply(batch, lambda item: item.flip(0) if isinstance(item, Tensor) and item.ndim else item)
    before = {place: tensor.detach().clone() for place, tensor in _kept(model, bench.name("model"))}
    with bench.untouched() as state:
        first = _answer(bench, model, batch)
        after = {place: tensor.detach().clone() for place, tensor in _kept(model, bench.name("model"))}
        changed = tuple(place for place, tensor in after.items() if not _same(before.get(place), tensor))
        _answer(bench, model, other)
        second = _answer(bench, model, batch)
        state.restore()
        _answer(bench, model, other)
        turned = dict(_kept(model, bench.name("model")))
        by_row = tuple(
            place for place in changed if _reversed(after[place], turned.get(place), batches.batch_size(batch))
        )
        state.restore()
        again = _answer(bench, model, batch)
    if first is None or second is None or again is None or first.shape != second.shape or first.shape != again.shape:
        return None
    scale = float(first.abs().max()) or 1.0
    if float((first - again).abs().max()) > ROUNDING * scale:
        return None
    return Carried(float((first - second).abs().max()) / scale, changed, by_row, tuple(_resets(model)))


def _answer(bench: Bench, model: nn.Module, batch: Any) -> Tensor | None:
    fed = batches.feed(model, batch, bench.loss_fn)
    torch.manual_seed(0)
    try:
        with evaluating(model), torch.no_grad(), eagerly():
            raw = model(*fed.args, **fed.kwargs)
    except Exception as error:
        raise failed_forward(model, fed, error) from error
    output = raw if isinstance(raw, Tensor) else batches.output_of(raw)
    whole = isinstance(output, Tensor) and output.numel() and not output.is_complex()
    return output.detach().double().nan_to_num().clone() if whole and output is not None else None


def _kept(model: nn.Module, name: str) -> Iterator[tuple[str, Tensor]]:
    """Tensors in buffers and in plain attributes, by name; a tuple of states is (h, c)."""
    for path, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            continue
        plainly = {k: v for k, v in vars(module).items() if k not in ("_parameters", "_buffers", "_modules")}
        for key, value in {**module._buffers, **plainly}.items():
            items = value if isinstance(value, (tuple, list)) else (value,)
            for number, item in enumerate(items):
                if isinstance(item, Tensor):
                    suffix = f"[{number}]" if items is value else ""
                    yield f"{spelled(name, path)}.{key}{suffix}", item


def _same(one: Tensor | None, other: Tensor) -> bool:
    return one is not None and one.shape == other.shape and bool(torch.equal(one, other.detach()))


def _reversed(one: Tensor, other: Tensor | None, size: int) -> bool:
    """Whether the one, turned round along an axis of this length, is the other."""
    if other is None or one.shape != other.shape or size < 2 or torch.equal(one, other):
        return False
    axes = [axis for axis, length in enumerate(one.shape) if length == size]
    return any(torch.allclose(one.flip(axis).double(), other.detach().double(), ROUNDING, ROUNDING) for axis in axes)


def _resets(model: nn.Module) -> Iterator[str]:
    """Methods whose names say that they start a state afresh."""
    for module in model.modules():
        for name in dir(type(module)):
            words = name.lower().split("_")
            if AFRESH.intersection(words) and STATES.intersection(words):
                yield name
