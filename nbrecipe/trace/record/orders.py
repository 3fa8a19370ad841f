"""What happens between two steps of an optimizer: the orders of calls, and what is read off them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from .data import MAX_KINDS, LoaderSeen, OptimizerSeen, Order, Trace

#: calls told in the order of one step
CALLS = 24
#: how far a count may be from a whole number of passes
NEAR = 0.1
#: batches before a step that are told apart from one: the text of an order is cut after some calls
SEVERAL = 3


class Orders:
    """Takes down the calls from one step to the next; each order of them is kept once, with its count."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._calls: list[str] = []
        self._known: dict[tuple[str, ...], Order] = {}

    def add(self, call: str) -> None:
        """Take down a call in the order of this step; repetitions of the last one are told once."""
        calls = self._calls
        if calls and calls[-1] == call:
            calls[-1] = f"{call}+"
        elif len(calls) < CALLS and not (calls and calls[-1][:-1] == call):
            calls.append(call)

    def close(self) -> None:
        """A step ends, or the cell does."""
        if not self._calls:
            return
        key = tuple(self._calls)
        self._calls.clear()
        order = self._known.get(key)
        if order is None:
            if len(self._known) >= MAX_KINDS:
                return
            order = self._known[key] = Order(" ".join(key), 0, self._trace.steps)
            self._trace.orders[order.text] = order
        order.count += 1


@dataclass(frozen=True)
class Stretch:
    """The calls before steps of one optimizer, where they came in one and the same order."""

    #: steps that went so
    count: int
    #: backward calls of the loss that was called most
    backwards: int
    #: those among them before which another batch came than before the one before
    fresh: int
    #: those whose gradients were cleared before the step, another batch coming after
    lost: int


def stretches(trace: Trace, optimizer: OptimizerSeen) -> list[Stretch]:
    """The stretches that end with a step of this optimizer; those too long to be told whole count where it is alone."""
    alone = sum(one.steps > 0 for one in trace.optimizers) == 1
    varied = _varied(trace)
    found = []
    for order in trace.orders.values():
        calls = order.text.split()
        whole = calls[-1].rstrip("+") == f"step:{optimizer.name}"
        if whole or (alone and len(calls) >= CALLS):
            found.append(_stretch(calls, order.count, optimizer.name, varied))
    return [stretch for stretch in found if stretch.backwards]


def _stretch(calls: list[str], count: int, name: str, varied: bool) -> Stretch:
    plain = [call.rstrip("+") for call in calls]
    losses = Counter(call for call in plain if call.startswith("backward:"))
    if not losses:
        return Stretch(count, 0, 0, 0)
    loss, number = losses.most_common(1)[0]
    renewed, lost, pending, cleared, fresh = 0, 0, False, False, varied
    for call in plain:
        if call == loss:
            renewed += pending and fresh
            lost += pending and fresh and cleared
            pending, cleared, fresh = True, False, varied
        cleared |= call in ("zero", f"zero:{name}")
        fresh |= call.startswith("batch:")
    return Stretch(count, number, renewed, lost)


def _varied(trace: Trace) -> bool:
    """Whether the passes before one step, where no loader was read, were fed different batches."""
    if trace.loaders:
        return False
    seen: dict[tuple[str, int], set[str]] = {}
    for model in trace.models:
        for p in model.passes:
            if p.grad and p.batch:
                seen.setdefault((model.name, p.step), set()).add(p.batch)
    return any(len(batches) > 1 for batches in seen.values())


def step_a_pass(trace: Trace, optimizer: OptimizerSeen) -> LoaderSeen | None:
    """The loader of which every batch ran a backward, with one step of the optimizer a pass; None where none is."""
    seen = stretches(trace, optimizer)
    for loader in trace.loaders:
        if not loader.length or loader.length < 2 or not optimizer.steps or loader.trained > loader.batches:
            continue
        # other optimizers may have been trained on the loader: only its own stretches tell of this one
        several = sum(s.count for s in seen if s.fresh >= min(loader.length - 1, SEVERAL))
        if 2 * several <= sum(s.count for s in seen):
            continue
        if (1 - NEAR) * optimizer.steps <= loader.trained / loader.length < optimizer.steps + 1:
            return loader
    return None
