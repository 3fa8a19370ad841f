"""The optimizer steps the parameters that the model uses.

A parameter made anew, in `forward` or by assigning a new layer after the optimizer was built, takes the name of the
old one. The optimizer goes on stepping the old one, the model computes with the new one, and it never learns.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, ok, skipped
from ...trace import Trace

check = Check(__name__, tip="unused parameters")

#: close looks after a backward at which the parameter in use was in no optimizer; at one of them a new optimizer, built
#: for the new layer, may not have been met yet
LOOKS = 2


@check.run
def run(trace: Trace) -> Finding:
    if not trace.models or not any(optimizer.steps for optimizer in trace.optimizers):
        return skipped("no model was trained by an optimizer in this cell")
    lost = [(m, p) for m in trace.models for p in m.parameters if p.lost >= LOOKS and p.renewed]
    if not lost:
        count = sum(len(model.parameters) for model in trace.models)
        return ok(f"{count} parameters are the objects they were at first sight, or an optimizer has their successors")
    model, worst = max(lost, key=lambda pair: pair[1].renewed)
    names = ", ".join(f"`{model.name}.{p.name}`" for m, p in lost[:3] if m is model) + (", …" if len(lost) > 3 else "")
    if worst.renewed >= LOOKS:
        return bad(
            f"{names} was another object at each of **{worst.renewed}** looks: it is made anew in every pass, and no "
            "optimizer has it",
            fix="Make the parameter once, in `__init__`.",
            code=f"self.{worst.name.rpartition('.')[2]} = nn.Parameter(...)  # in __init__, not in forward",
            parameters=[p.name for _, p in lost],
            looks=worst.renewed,
        )
    kept = next((o for o in trace.optimizers if o.steps), trace.optimizers[0])
    return bad(
        f"{names} took the place of what `{kept.name}` holds: it gets gradients and is in no optimizer",
        fix="Build the optimizer after the last change of the model.",
        code=f"{kept.name} = torch.optim.{kept.kind}({model.name}.parameters())",
        where=str(kept.place),
        parameters=[p.name for _, p in lost],
        looks=worst.lost,
    )


class _Scaled(nn.Module):
    """A layer whose scale is made in `__init__`, or in every pass."""

    def __init__(self, anew: bool) -> None:
        super().__init__()
        self.body, self.anew = toys.mlp((10, 16, 1)), anew
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        if self.anew:
            self.scale = nn.Parameter(torch.ones(1))
        out: Tensor = self.body(x) * self.scale
        return out


def _loop(net: nn.Module, replace_at: int | None = None, rebuild: bool = False) -> Bench:
    given = toys.regress(net)
    opt, loss_fn = given.optimizer, nn.MSELoss()

    def program() -> None:
        nonlocal opt
        for step, (x, y) in enumerate(toys.batches(given, 3)):
            if step == replace_at and isinstance(net, nn.Sequential):
                net[-1] = nn.Linear(16, 1)
                opt = torch.optim.Adam(net.parameters(), 1e-3) if rebuild else opt
            loss = loss_fn(net(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
        if replace_at == -1 and isinstance(net, nn.Sequential):
            net[-1] = nn.Linear(16, 3)

    return toys.watched(program, net=net, opt=opt)


@check.breaks
def made_in_forward() -> Bench:
    """`forward` writes a new parameter over the one that the optimizer holds."""
    return _loop(_Scaled(anew=True))


@check.breaks
def new_head_and_old_optimizer() -> Bench:
    """The head is replaced in the middle, and the optimizer stays."""
    return _loop(toys.mlp((10, 16, 1)), replace_at=3)


@check.holds
def made_once() -> Bench:
    """The parameter is made in `__init__`."""
    return _loop(_Scaled(anew=False))


@check.holds
def new_head_and_new_optimizer() -> Bench:
    """The head is replaced, and the optimizer built anew."""
    return _loop(toys.mlp((10, 16, 1)), replace_at=3, rebuild=True)


@check.holds
def new_head_at_the_end() -> Bench:
    """The trained net gets another head for what comes next."""
    return _loop(toys.mlp((10, 16, 1)), replace_at=-1)


@check.holds
def updated_by_hand() -> Bench:
    """Without an optimizer, a new parameter is the update."""
    given = toys.regress(_Scaled(anew=False))
    net = given.model
    assert isinstance(net, _Scaled)
    opt = torch.optim.SGD(net.body.parameters(), 0.01)

    def program() -> None:
        for x, y in toys.batches(given, 2):
            loss = nn.functional.mse_loss(net(x), y)
            opt.zero_grad()
            (slope,) = torch.autograd.grad(loss, net.scale, retain_graph=True)
            torch.autograd.backward(loss)
            opt.step()
            net.scale = nn.Parameter(net.scale.detach() - 0.01 * slope)

    return toys.watched(program, net=net, opt=opt)
