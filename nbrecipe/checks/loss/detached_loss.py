"""The loss that backward is called on leads back to the parameters.

A loss that was made anew from a number, or taken off the graph, can still be asked for gradients once it "requires"
them. Backward then runs, the optimizer steps, and no parameter ever hears of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, ok, skipped
from ...trace import Trace
from ...trace.record.data import BackwardSeen

check = Check(__name__, tip="training dynamics")

CUTS = "`torch.tensor(...)`, `.item()`, `.data`, `.detach()`, numpy and `no_grad`"


@check.run
def run(trace: Trace) -> Finding:
    called = [seen for seen in trace.backward if seen.count]
    if not called or not trace.steps:
        return skipped("the cell called no backward, or stepped no optimizer")
    leaves = [seen for seen in called if seen.leaf == seen.count and _unheard(seen)]
    if leaves:
        seen = leaves[0]
        return bad(
            f"`{seen.name}` was made by no operation in any of **{seen.count}** backwards: it is a number of its own, "
            "and no parameter gets a gradient from it",
            fix=f"Call backward on what the loss function returned: {CUTS} cut `{seen.name}` off from the model.",
            code=f"{seen.name}.backward()",
            where=str(seen.place),
            backwards=seen.count,
            steps=trace.steps,
        )
    idle = all(optimizer.steps == 0 or 0 < optimizer.followed == optimizer.idle for optimizer in trace.optimizers)
    graded = any(parameter.gradient for model in trace.models for parameter in model.parameters)
    if idle and not graded and not trace.reads and all(seen.looked > 0 and _unheard(seen) for seen in called):
        seen = called[0]
        return bad(
            f"**{seen.count}** backwards of `{seen.name}` gave no parameter a gradient, and {trace.steps} steps moved "
            "nothing",
            fix=f"Look for what cuts `{seen.name}` off from the model: {CUTS}.",
            where=str(seen.place),
            backwards=seen.count,
            steps=trace.steps,
        )
    heard = sum(seen.unreached == 0 and not seen.leaf for seen in called)
    return ok(f"parameters got gradients from {heard} of {len(called)} losses that backward was called on")


def _unheard(seen: BackwardSeen) -> bool:
    """Whether no look found a gradient from it; the first may have come before the optimizer was known."""
    return seen.unreached >= seen.looked - 1


def _loop(cut: Callable[[Tensor], Tensor], given: Bench | None = None) -> Bench:
    given = given or toys.classify()
    net, loss_fn, opt = toys.parts(given)

    def program() -> None:
        for x, y in toys.batches(given):
            loss: Any = cut(loss_fn(net(x), y))
            opt.zero_grad()
            loss.backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt)


@check.breaks
def made_anew() -> Bench:
    """The loss is wrapped again, since backward complained of something."""
    return _loop(lambda loss: torch.tensor(loss.item(), requires_grad=True))


@check.breaks
def made_to_require_a_gradient() -> Bench:
    """Detached, and told to require a gradient again."""
    return _loop(lambda loss: loss.detach().requires_grad_())


@check.breaks
def scaled_after_the_cut() -> Bench:
    """An operation after the cut gives the loss a past, which still holds no parameter."""
    return _loop(lambda loss: loss.detach().requires_grad_() / 4)


@check.holds
def attached() -> Bench:
    """The loss as it comes."""
    return _loop(lambda loss: loss)


@check.holds
def divided() -> Bench:
    """A loss divided for accumulation."""
    return _loop(lambda loss: loss / 4)


@check.holds
def frozen_body() -> Bench:
    """Only the head is trained; the loss reaches it."""
    given = toys.classify()
    net = given.get("model")
    for parameter in list(net.parameters())[:-2]:
        parameter.requires_grad_(False)
    head = [parameter for parameter in net.parameters() if parameter.requires_grad]
    return _loop(lambda loss: loss, given.replace(optimizer=torch.optim.SGD(head, 0.1)))


@check.holds
def an_attack_on_the_input() -> Bench:
    """The gradient of the input is what is wanted; the model is frozen and the optimizer moves the input."""
    given = toys.classify()
    net, loss_fn, _ = toys.parts(given)
    net.requires_grad_(False)
    x, y = given.batch
    noise = nn.Parameter(torch.zeros_like(x))
    opt = torch.optim.SGD([noise], 0.1)

    def program() -> None:
        for _ in range(4):
            opt.zero_grad()
            (-loss_fn(net(x + noise), y)).backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt)


@check.holds
def a_temperature_beside() -> Bench:
    """A second optimizer learns one number from a loss that does not reach the net."""
    given = toys.classify()
    net, loss_fn, opt = toys.parts(given)
    alpha = nn.Parameter(torch.zeros(()))
    second = torch.optim.Adam([alpha], 1e-2)

    def program() -> None:
        for x, y in toys.batches(given):
            opt.zero_grad()
            loss = loss_fn(net(x), y)
            loss.backward()
            opt.step()
            second.zero_grad()
            (alpha * (loss.detach() - 1)).backward()
            second.step()

    return toys.watched(program, net=net, opt=opt, second=second)
