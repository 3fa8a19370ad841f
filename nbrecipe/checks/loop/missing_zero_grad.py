"""Gradients are cleared between optimizer steps.

`backward` adds to the gradients that are there. Where nobody clears them, each step follows the sum of all gradients so
far: training wanders late or diverges, and at a small learning rate no curve shows it.
"""

from __future__ import annotations

import torch
from torch import nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, ok, skipped
from ...trace import Trace

check = Check(__name__, tip="train and eval mode")

#: steps seen before the claim; one step with old gradients may be a last batch that was split in two
STEPS = 3
#: share of the steps with old gradients above which they are never, or hardly ever, cleared
SHARE = 0.5


@check.run
def run(trace: Trace) -> Finding:
    stepped = [optimizer for optimizer in trace.optimizers if optimizer.steps > optimizer.idle]
    if not stepped:
        return skipped("the cell made no optimizer step")
    worst = max(stepped, key=lambda optimizer: optimizer.leftover)
    if worst.leftover < STEPS or worst.leftover < SHARE * worst.followed:
        return ok(f"gradients were cleared between the {sum(o.steps for o in stepped)} steps")
    return bad(
        f"**{worst.leftover}** of {worst.followed} steps of `{worst.name}` still had the gradients of the step before "
        "in them; they are added up, step after step",
        fix=f"Clear the gradients before `{trace.backward[0].name}.backward()`.",
        code=f"{worst.name}.zero_grad()",
        where=str(worst.place),
        leftover=worst.leftover,
        followed=worst.followed,
    )


def _loop(clears: bool = True, every: int = 1, by_hand: bool = False, after: bool = False) -> Bench:
    given = toys.classify()
    net, loss_fn, opt = toys.parts(given)

    def clear() -> None:
        if by_hand:
            for parameter in net.parameters():
                parameter.grad = None
        elif clears:
            opt.zero_grad(set_to_none=not after)

    def program() -> None:
        for i, (x, y) in enumerate(toys.batches(given, 6), start=1):
            if not after and i % every == 1 % every:
                clear()
            loss = loss_fn(net(x), y) / every
            loss.backward()
            if i % every == 0:
                opt.step()
                if after:
                    clear()

    return toys.watched(program, net=net, opt=opt)


@check.breaks
def never_cleared() -> Bench:
    """No line clears the gradients."""
    return _loop(clears=False)


@check.breaks
def never_cleared_while_accumulating() -> Bench:
    """Four batches make a step, and nothing is cleared after it."""
    return _loop(clears=False, every=4)


@check.holds
def cleared_before_backward() -> Bench:
    """The usual order."""
    return _loop()


@check.holds
def cleared_after_the_step() -> Bench:
    """Zeros are written after each step, which is as good."""
    return _loop(after=True)


@check.holds
def accumulated() -> Bench:
    """Four batches make one step; the gradients are cleared after it and not between them."""
    return _loop(every=4)


@check.holds
def set_to_none_by_hand() -> Bench:
    """`parameter.grad = None` clears as well."""
    return _loop(by_hand=True)


@check.holds
def lbfgs() -> Bench:
    """The closure clears, and is called several times in a step."""
    given = toys.regress()
    net, loss_fn, _ = toys.parts(given)
    opt = torch.optim.LBFGS(net.parameters(), lr=0.1, max_iter=4)
    x, y = given.batch

    def closure() -> torch.Tensor:
        opt.zero_grad()
        loss: torch.Tensor = loss_fn(net(x), y)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    def program() -> None:
        for _ in range(5):
            opt.step(closure)  # type: ignore[no-untyped-call]

    return toys.watched(program, net=net, opt=opt)


@check.holds
def two_players() -> Bench:
    """A GAN: the discriminator's loss leaves gradients in the generator, which clears them before its own."""
    given = toys.regress()
    made, judge = toys.mlp((4, 8, 10)), toys.mlp((10, 8, 1), seed=1)
    opt_g, opt_d = torch.optim.Adam(made.parameters(), 1e-3), torch.optim.Adam(judge.parameters(), 1e-3)
    bce = nn.BCEWithLogitsLoss()

    def program() -> None:
        for x, y in toys.batches(given, 3):
            fake, yes, no = made(torch.randn(len(x), 4)), torch.ones_like(y), torch.zeros_like(y)
            opt_d.zero_grad()
            (bce(judge(x), yes) + bce(judge(fake), no)).backward(retain_graph=True)
            opt_d.step()
            opt_g.zero_grad()
            bce(judge(made(torch.randn(len(x), 4))), yes).backward()
            opt_g.step()

    return toys.watched(program, made=made, judge=judge, opt_g=opt_g, opt_d=opt_d)
