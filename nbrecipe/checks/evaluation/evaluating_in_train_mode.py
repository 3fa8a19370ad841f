"""A model is evaluated in eval mode.

In train mode dropout still drops and batch norm takes the statistics of the batch at hand, and goes on learning them
from the validation data: the metric is noisier and lower than the model is, and depends on the batch size.
"""

from __future__ import annotations

import copy

import torch

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, ok, skipped
from ...trace import Trace
from ...trace.record.data import ModelSeen, Pass

check = Check(__name__, tip="train and eval mode")

#: the same input this often between two steps is sampling on purpose (Monte Carlo dropout)
SAMPLES = 3


@check.run
def run(trace: Trace) -> Finding:
    plain = [(model, p) for model in trace.models for p in model.passes if not p.grad]
    if not plain:
        return skipped("no model was called without gradients, as an evaluation does")
    evaluated = [(model, p) for model, p in plain if _evaluates(p)]
    wrong = [
        (model, p) for model, p in evaluated if p.training and p.active and _told(p) and not _samples(trace, model, p)
    ]
    if not wrong:
        return ok(
            f"{len(evaluated)} evaluation passes that were looked at ran in eval mode, or need none",
            passes=len(plain),
            evaluations=len(evaluated),
        )
    certain = [(model, p) for model, p in wrong if _scored(p)]
    model, seen = (certain or wrong)[0]
    layers = ", ".join(f"`{model.name}.{name}`" for name in seen.active[:3]) + (", …" if seen.active[3:] else "")
    return (bad if certain else hint)(
        f"`{model.name}` was evaluated in train mode: {layers} behave as in training",
        fix="Switch to eval mode before the evaluation, and back after it.",
        code=f"{model.name}.eval()",
        where=str(seen.place),
        layers=list(seen.active),
        passes=len(wrong),
    )


def _evaluates(p: Pass) -> bool:
    """Whether a call may be an evaluation: no gradients, somebody looks at it, and it teaches nobody."""
    return not p.grad and not p.trained and p.used and not p.taught


def _scored(p: Pass) -> bool:
    """Whether the output went into a loss, met targets, or classes were read off it for the rows of a loader."""
    return p.scored in ("loss", "match") or (p.scored == "decision" and bool(p.loader))


def _told(p: Pass) -> bool:
    """Whether anything says evaluation; samples drawn from a generator, or a step in a game, are none."""
    return bool(p.loader) or p.scored in ("loss", "match", "difference")


def _samples(trace: Trace, model: ModelSeen, p: Pass) -> bool:
    """Whether the same input came several times between two steps: an average over dropout masks."""
    again = sum(other.batch == p.batch and other.step == p.step and not other.grad for other in model.passes)
    whole = any(loader.name == p.loader and loader.passes >= SAMPLES for loader in trace.loaders)
    return (bool(p.batch) and again >= SAMPLES) or (trace.steps == 0 and whole)


def _loop(switch: bool, dropout: float = 0.5) -> Bench:
    given = toys.images(toys.convnet(dropout=dropout))
    net, loss_fn, opt = toys.parts(given)

    def program() -> None:
        for _ in range(2):
            net.train()
            for x, y in toys.batches(given):
                opt.zero_grad()
                loss_fn(net(x), y).backward()
                opt.step()
            if switch:
                net.eval()
            right = 0.0
            with torch.no_grad():
                for x, y in toys.batches(given):
                    right += float((net(x).argmax(1) == y).sum())

    return toys.watched(program, net=net, opt=opt)


@check.breaks
def never_switched() -> Bench:
    """The accuracy is taken without gradients, and with dropout and batch norm in train mode."""
    return _loop(switch=False)


@check.holds
def switched() -> Bench:
    """Eval mode before, train mode after."""
    return _loop(switch=True)


@check.holds
def nothing_to_switch() -> Bench:
    """A net without dropout or batch norm computes the same in either mode."""
    given = toys.classify()
    net = given.get("model")

    def program() -> None:
        with torch.no_grad():
            for x, y in toys.batches(given):
                (net(x).argmax(1) == y).sum()

    return toys.watched(program, net=net)


@check.holds
def monte_carlo_dropout() -> Bench:
    """The same rows thirty times with dropout on: the spread is the point."""
    given = toys.images(toys.convnet(norm=False, dropout=0.5))
    net = given.get("model")
    net.train()
    x, _ = given.batch

    def program() -> None:
        with torch.no_grad():
            torch.stack([net(x).softmax(1) for _ in range(30)]).std(0)

    return toys.watched(program, net=net)


@check.holds
def teacher_in_train_mode() -> Bench:
    """A momentum teacher gives targets without gradients: its outputs enter the loss of the student."""
    given = toys.images()
    net, teacher = given.model, copy.deepcopy(given.model)
    opt = given.optimizer
    assert net is not None
    assert teacher is not None

    def program() -> None:
        for x, _ in toys.batches(given):
            with torch.no_grad():
                key = teacher(x)
            loss = (net(x) - key).square().mean()
            opt.zero_grad()
            loss.backward()
            opt.step()

    return toys.watched(program, net=net, teacher=teacher, opt=opt)


@check.holds
def statistics_taken_anew() -> Bench:
    """Batch norm's statistics are measured again after training; nobody looks at the outputs."""
    given = toys.images()
    net = given.get("model")
    net.train()

    def program() -> None:
        with torch.no_grad():
            for x, _ in toys.batches(given):
                net(x)

    return toys.watched(program, net=net)
