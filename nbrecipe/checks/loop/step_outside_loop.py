"""Every batch that is trained on counts in a step.

A step that stands beneath the loop over the batches, one indentation too far left, comes once a pass: the weights
follow the last batch alone, or the sum of all of them, a handful of times in the whole run.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, ok, skipped
from ...trace import Trace
from ...trace.record.data import NOWHERE, BackwardSeen, LoaderSeen, ModelSeen, OptimizerSeen
from ...trace.record.orders import step_a_pass, stretches
from ...trace.record.source import steps_beneath

check = Check(__name__, tip="train and eval mode")

#: share of the passes whose batches were cleared away above which it is the rule
SHARE = 0.5
#: batches in a pass from which on a loss for each and one backward for all stand out
BATCHES = 3
#: a backward of this value over that of the last loss went through that one loss and nothing else; float32 rounding
EXACT = 1e-6
#: a mean over the pass divides each loss at least by two
DIVIDED = 0.6


@check.run
def run(trace: Trace) -> Finding:
    stepped = [optimizer for optimizer in trace.optimizers if optimizer.steps]
    if not stepped:
        return skipped("the cell made no optimizer step")
    for optimizer in stepped:
        loader = step_a_pass(trace, optimizer)
        if loader is not None:
            found = _step_outside(trace, optimizer, loader)
        elif (loader := _one_backward(trace, optimizer)) is not None:
            found = _backward_outside(trace, optimizer, loader)
        else:
            found = _without_loader(trace, optimizer)
        if found is not None:
            return found
    steps = sum(optimizer.steps for optimizer in stepped)
    if not trace.loaders:
        return ok(f"{steps} steps for {trace.backwards} backward calls")
    most = max(trace.loaders, key=lambda loader: loader.trained)
    return ok(f"{steps} steps for {most.batches} batches of `{most.name}`")


def _step_outside(trace: Trace, optimizer: OptimizerSeen, loader: LoaderSeen) -> Finding | None:
    """Every batch ran a backward: cleared away, or summed."""
    seen = stretches(trace, optimizer)
    losing = sum(s.count for s in seen if s.lost)
    loss = _loss(trace)
    if losing and losing > SHARE * sum(s.count for s in seen) and not trace.reads:
        return bad(
            f"`{optimizer.name}` steps once for the {loader.length} batches of a pass over `{loader.name}`, and the "
            "gradients of all but the last are cleared before it",
            **_moved_in(optimizer, loader, loss),
        )
    if not _plain(trace, loss) or trace.reads:  # divided, it may be by hand
        return None
    # a sum over all the data does not depend on the order: who shuffles means batches
    claim = bad if loader.shuffles and loader.length and loader.length >= BATCHES and optimizer.steps > 1 else hint
    return claim(
        f"`{optimizer.name}` steps once for the {loader.length} batches of a pass over `{loader.name}`, with the "
        "gradients of all of them added up and divided by nothing",
        **_moved_in(optimizer, loader, loss),
    )


def _without_loader(trace: Trace, optimizer: OptimizerSeen) -> Finding | None:
    """Batches that were cut out by hand, each with a backward whose gradients the next one clears."""
    if trace.loaders or trace.reads or not steps_beneath(trace.source):
        return None
    seen = stretches(trace, optimizer)
    losing = sum(s.count for s in seen if s.lost)
    if not losing or losing <= SHARE * sum(s.count for s in seen):
        return None
    loss = _loss(trace)
    return bad(
        f"**{loss.count}** backward calls and {optimizer.steps} steps of `{optimizer.name}`: the gradients of all "
        "batches but the last are cleared before the step",
        fix="Indent the step so that it runs for every batch.",
        code=f"    {optimizer.name}.zero_grad()\n    {loss.name}.backward()\n    {optimizer.name}.step()",
        where=str(optimizer.place),
        steps=optimizer.steps,
        backwards=loss.count,
    )


def _loss(trace: Trace) -> BackwardSeen:
    return max(trace.backward, key=lambda loss: loss.count, default=BackwardSeen("loss", NOWHERE))


def _plain(trace: Trace, loss: BackwardSeen) -> bool:
    """Whether the backward took a mean over the rows as it was: a sum, or a mean that was divided, is declared."""
    calls = [call for seen in trace.losses if seen.grad for call in seen.calls]
    summed = any(call.options.get("reduction") == "sum" for call in calls)
    return loss.scale is not None and loss.scale > DIVIDED and not summed


def _one_backward(trace: Trace, optimizer: OptimizerSeen) -> LoaderSeen | None:
    """The loader that is read to its end for each step, with one backward for the last batch."""
    for loader in trace.loaders:
        if not loader.length or loader.length < BATCHES or loader.trained != optimizer.steps:
            continue
        if 0 <= loader.batches / loader.length - optimizer.steps < 1:
            return loader
    return None


def _backward_outside(trace: Trace, optimizer: OptimizerSeen, loader: LoaderSeen) -> Finding | None:
    """A loss with gradients for every batch, and a backward for the last of them alone."""
    loss = _loss(trace)
    if loss.scale is None or abs(loss.scale - 1) > EXACT:
        return None  # of a sum or mean of them
    at = Counter((seen.place, call.step) for seen in trace.losses if seen.grad for call in seen.calls)
    if max(at.values(), default=0) < BATCHES or not any(_fed(model, loader) for model in trace.models):
        return None
    return bad(
        f"`{loss.name}.backward()` and `{optimizer.name}.step()` came **{optimizer.steps}** times for "
        f"{loader.batches} batches of `{loader.name}`: only the last batch of each pass is trained on",
        **_moved_in(optimizer, loader, loss),
    )


def _fed(model: ModelSeen, loader: LoaderSeen) -> bool:
    """Whether the model was given several batches of the loader before a step, and nothing else after them."""
    steps: dict[int, list[str]] = {}
    for p in model.passes:
        if p.grad and p.training:
            steps.setdefault(p.step, []).append(p.loader)
    return any(given.count(loader.name) >= BATCHES and given[-1] == loader.name for given in steps.values())


def _moved_in(optimizer: OptimizerSeen, loader: LoaderSeen, loss: BackwardSeen) -> dict[str, Any]:
    return {
        "fix": f"Indent backward and step so that they run for every batch of `{loader.name}`.",
        "code": f"    {optimizer.name}.zero_grad()\n    {loss.name}.backward()\n    {optimizer.name}.step()",
        "where": str(optimizer.place),
        "steps": optimizer.steps,
        "batches": loader.batches,
        "length": loader.length,
    }


def _loop(inside: str, outside: str, divide: bool = False, before: str = "") -> Bench:
    """Calls in the loop over the batches, beneath it and above it: z zero_grad, b backward, s step, t total."""
    given = toys.classify()
    net, loss_fn, opt = given.model, given.loss_fn, given.optimizer
    train_dl: Any = given.train_loader
    assert net is not None
    assert loss_fn is not None

    def program() -> None:
        def call(names: str) -> None:
            for name in names:
                opt.zero_grad() if name == "z" else opt.step() if name == "s" else loss.backward()

        for _ in range(3):
            call(before)
            losses = []
            for x, y in train_dl:
                loss = loss_fn(net(x), y)
                if divide:
                    loss = loss / len(train_dl)
                losses.append(loss)
                call(inside)
            if "t" in outside:
                loss = sum(losses[1:], losses[0]) / len(losses)
            call(outside.replace("t", ""))

    return toys.watched(program, net=net, opt=opt, train_dl=train_dl)


@check.breaks
def step_one_indentation_too_far_left() -> Bench:
    """Each batch clears what the one before has given."""
    return _loop("zb", "s")


@check.breaks
def backward_and_step_too_far_left() -> Bench:
    """Outputs of every batch, and a backward for the last."""
    return _loop("", "zbs")


@check.breaks
def summed_over_the_pass() -> Bench:
    """The step follows the sum over the pass; in an order that never changes it may be meant, hence a hint."""
    return _loop("b", "s", before="z")


@check.holds
def a_step_for_every_batch() -> Bench:
    """The usual loop."""
    return _loop("zbs", "")


@check.holds
def the_whole_data_on_purpose() -> Bench:
    """Each loss is divided by the number of batches, so that the step follows the mean over the data."""
    return _loop("b", "sz", divide=True)


@check.holds
def one_backward_through_the_mean() -> Bench:
    """The losses of a pass are averaged, and the backward goes through all of them."""
    return _loop("", "tzbs")
