"""A model is trained in train mode.

In eval mode dropout does nothing and batch norm uses statistics that are no longer learned: most often `train()` is
missing after the first evaluation, and every epoch but the first trains another net than the one that was meant.
"""

from __future__ import annotations

import torch

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, ok, skipped
from ...trace import Trace
from ...trace.record.data import ModelSeen, Pass

check = Check(__name__, tip="train and eval mode")

#: steps in a row in eval mode before the claim: one is what a player gets while the other learns
STEPS = 2


@check.run
def run(trace: Trace) -> Finding:
    trained = [(model, *_trained(trace, model)) for model in trace.models]
    trained = [(model, passes, moved) for model, passes, moved in trained if passes]
    if not trained:
        return skipped("no pass of a model was seen that an optimizer trained on")
    for model, passes, moved in trained:
        found = _judge(model, passes, moved)
        if found is not None:
            return found
    return ok(
        f"{sum(len(passes) for _, passes, _ in trained)} training passes looked at ran in train mode, or need none"
    )


def _trained(trace: Trace, model: ModelSeen) -> tuple[list[Pass], set[str]]:
    """Passes that a backward went through, of a model whose weights an optimizer moves; and the layers it moves."""
    moved = {
        layer
        for optimizer in trace.optimizers
        for update in optimizer.updates[-1:]
        for layer, change in zip(update.layers, update.changes, strict=True)
        if change > 0
    }
    if not any(layer.startswith(f"{model.name}.") for layer in moved):
        return [], moved
    # an input that asks for gradients is an attack or a penalty on them, which eval mode suits; what comes after the
    # last step is no training
    passes = [p for p in model.passes if p.grad and p.trained and p.step < trace.steps]
    return [p for p in passes if not any(facts.requires_grad for facts in p.inputs)], moved


def _judge(model: ModelSeen, passes: list[Pass], moved: set[str]) -> Finding | None:
    late = passes[len(passes) - next((i for i, p in enumerate(reversed(passes)) if p.training), len(passes)) :]
    late = [p for p in late if p.idle]
    if not late:
        return None
    if len(late) < len(passes):
        claim = bad if _left_so(model, late[0]) and len({p.step for p in late}) >= STEPS else hint
        since = f"since step {late[0].step} `{model.name}` has been trained in eval mode"
    else:
        asleep = [norm for norm in model.norms if norm.fresh and not norm.moved and norm.name in late[0].idle]
        asleep = [norm for norm in asleep if f"{model.name}.{norm.name}.weight" in moved]
        claim = bad if asleep and len({p.step for p in late}) >= STEPS else hint
        since = f"`{model.name}` is trained in eval mode"
        if asleep:
            since += f", and `{model.name}.{asleep[0].name}` has never seen the statistics of a batch"
    layers = ", ".join(f"`{model.name}.{name}`" for name in late[0].idle[:3]) + (", …" if late[0].idle[3:] else "")
    return claim(
        f"{since}: {layers} behave as in an evaluation",
        fix="Switch back to train mode before each epoch's training.",
        code=f"{model.name}.train()",
        where=str(late[0].place),
        layers=list(late[0].idle),
        step=late[0].step,
        passes=len(late),
    )


def _left_so(model: ModelSeen, first: Pass) -> bool:
    """Whether the model was switched for an evaluation, which came before any training pass, and not switched back.

    Who freezes layers by `eval()` on purpose does it right before the training, or after `train()`.
    """
    switched = [step for step, mode in model.modes if not mode]
    back = [step for step, mode in model.modes if mode]
    evaluated = [p.step for p in model.passes if not p.grad and not p.training]
    return any(s <= e <= first.step and not any(b >= e for b in back) for s in switched[-1:] for e in evaluated)


def _loop(restore: bool = True, start: bool = True, evaluate: bool = True, frozen: bool = False) -> Bench:
    given = toys.images(toys.convnet(dropout=0.3))
    net, loss_fn, opt = given.model, given.loss_fn, given.optimizer
    assert isinstance(net, torch.nn.Sequential)
    assert loss_fn is not None
    net.train(start)

    def program() -> None:
        for epoch in range(3):
            if restore or (epoch == 0 and start):
                net.train()
            if frozen:
                net[1].eval()
            for x, y in toys.batches(given):
                opt.zero_grad()
                loss_fn(net(x), y).backward()
                opt.step()
            if evaluate:
                net.eval()
                with torch.no_grad():
                    for x, y in toys.batches(given):
                        loss_fn(net(x), y)

    return toys.watched(program, net=net, opt=opt)


@check.breaks
def not_switched_back() -> Bench:
    """The first evaluation leaves the model in eval mode for good."""
    return _loop(restore=False)


@check.breaks
def in_eval_mode_from_the_start() -> Bench:
    """A new net's batch norm passes its input on as it is, and never learns statistics."""
    return _loop(restore=False, start=False, evaluate=False)


@check.holds
def switched_back() -> Bench:
    """Train mode before each epoch."""
    return _loop()


@check.holds
def frozen_batch_norm() -> Bench:
    """One batch norm layer stays in eval mode on purpose; the model itself is in train mode."""
    return _loop(frozen=True)


@check.holds
def nothing_to_switch() -> Bench:
    """Without dropout or batch norm either mode computes the same."""
    given = toys.classify()
    net, loss_fn, opt = toys.parts(given)
    net.eval()

    def program() -> None:
        for x, y in toys.batches(given):
            opt.zero_grad()
            loss_fn(net(x), y).backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt)
