"""Gradients accumulated over several batches are averaged.

`backward` adds up. Where each of k batches gives the mean over its rows, the step follows k times the gradient of the
large batch, as if the learning rate were k times larger. A rate that was chosen for it is as good: hence a hint.
"""

from __future__ import annotations

import torch

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, hint, ok, skipped
from ...trace import Trace
from ...trace.record.data import BackwardSeen, OptimizerSeen
from ...trace.record.orders import step_a_pass, stretches

check = Check(__name__, tip="train and eval mode")

#: steps of several batches before it counts as the rule; a pass may end with fewer batches
STEPS = 2
#: division by two or more leaves half of a loss at most
DIVIDED = 0.6
#: their step does not depend on the size of the gradient
SCALE_FREE = ("Adam", "AdamW", "NAdam", "RAdam", "Adamax", "Adagrad", "Adadelta", "RMSprop", "Rprop", "SparseAdam")


@check.run
def run(trace: Trace) -> Finding:
    stepped = [optimizer for optimizer in trace.optimizers if optimizer.steps and optimizer.kind != "LBFGS"]
    if not stepped:
        return skipped("the cell made no optimizer step that follows its own backward")
    for optimizer in stepped:
        batches, loss = _accumulated(trace, optimizer)
        if loss is None or step_a_pass(trace, optimizer) is not None:  # a pass for a step is another matter
            continue
        if not _plain(trace, loss) or trace.reads:
            return ok(
                f"`{optimizer.name}` steps for {batches} batches, whose losses are divided or sums",
                batches=batches,
            )
        if optimizer.kind in SCALE_FREE and not trace.clips:
            return ok(
                f"`{optimizer.name}` steps for {batches} batches, which are added up; {optimizer.kind} divides by the "
                "size of the gradient",
                batches=batches,
            )
        return hint(
            f"each step of `{optimizer.name}` follows the sum of **{batches}** mean losses, "
            f"{batches} times their average",
            fix=f"Divide the loss by the number of batches before `{loss.name}.backward()`, or mean it.",
            code=f"({loss.name} / {batches}).backward()",
            where=str(loss.place),
            batches=batches,
            scale=loss.scale,
        )
    return ok("every batch has a step of its own")


def _accumulated(trace: Trace, optimizer: OptimizerSeen) -> tuple[int, BackwardSeen | None]:
    """How many batches a step usually sums, and their loss; none where each has its own step."""
    seen = [stretch for stretch in stretches(trace, optimizer) if not stretch.lost]
    several = [stretch for stretch in seen if stretch.fresh and stretch.fresh == stretch.backwards - 1]
    steps = sum(stretch.count for stretch in several)
    if steps < STEPS or steps <= sum(stretch.count for stretch in seen) / 2:
        return 0, None
    usual = max(several, key=lambda stretch: stretch.count)
    loss = max(trace.backward, key=lambda loss: loss.count)
    return usual.backwards, loss


def _plain(trace: Trace, loss: BackwardSeen) -> bool:
    """Whether the backward took a mean over the rows as it was."""
    calls = [call for seen in trace.losses if seen.grad for call in seen.calls]
    summed = any(call.options.get("reduction") == "sum" for call in calls)
    return loss.scale is not None and DIVIDED < loss.scale < 1 / DIVIDED and not summed


def _loop(every: int = 4, divide: bool = False, adam: bool = False) -> Bench:
    given = toys.classify(size=16)
    net, loss_fn, _ = toys.parts(given)
    opt: torch.optim.Optimizer = torch.optim.SGD(net.parameters(), 0.01)
    if adam:
        opt = torch.optim.Adam(net.parameters())

    def program() -> None:
        for i, (x, y) in enumerate(toys.batches(given), start=1):
            loss = loss_fn(net(x), y)
            if divide:
                loss = loss / every
            loss.backward()
            if i % every == 0:
                opt.step()
                opt.zero_grad()

    return toys.watched(program, net=net, opt=opt)


@check.breaks
def summed() -> Bench:
    """Four means are added up."""
    return _loop()


@check.holds
def divided() -> Bench:
    """Each loss is divided by four."""
    return _loop(divide=True)


@check.holds
def one_batch_a_step() -> Bench:
    """Nothing is accumulated."""
    return _loop(every=1)


@check.holds
def adam_does_not_mind() -> Bench:
    """Adam's step is the same for gradients four times as large."""
    return _loop(adam=True)


@check.holds
def two_losses_for_one_step() -> Bench:
    """Two tasks on the same batch: each backward is of another loss."""
    given = toys.classify()
    net, loss_fn, _ = toys.parts(given)
    opt = torch.optim.SGD(net.parameters(), 0.01)

    def program() -> None:
        for x, y in toys.batches(given, 2):
            opt.zero_grad()
            out = net(x)
            first, second = loss_fn(out, y), out.square().mean()
            first.backward(retain_graph=True)
            second.backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt)
