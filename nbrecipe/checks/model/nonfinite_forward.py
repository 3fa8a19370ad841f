"""Every value that the model makes is finite.

One NaN turns the loss into NaN, the loss the gradients, and one step all weights. What counts is where the first one
is born: in the inputs, in one module, or only in the loss, as the logarithm of zero. Without a loop, model and loss are
run on one batch.
"""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped, spelled
from ...probes.graph.between import as_called
from ...probes.passes.birth import Birth, Births, Born, births
from ...trace import Trace
from ...trace.record.data import BackwardSeen, Pass

check = Check(__name__, tip="training dynamics")

#: times its first value that a loss has reached in a run which diverges
GROWN = 10.0
#: a loop that deals with gaps in the data
MENDS = re.compile(r"nan|isfinite|isinf", re.I)
ENTERS = "Look at what enters there: a division by zero, a root or logarithm of what is not positive, an overflow."
FLOOR = "Give the logarithm, the root or the division in the loss a floor, or use the version that takes logits."


@check.run
def run(bench: Bench, trace: Trace | None = None) -> Finding:
    """Judge what was seen of a loop; without one, the bench's batch."""
    return _watched(trace) if trace is not None else _of_batch(bench, bench.once(births))


def _of_batch(bench: Bench, seen: Births) -> Finding:
    name, first = bench.name("model"), seen.passes[0]
    if first.lost:
        return _lost_batch(bench, seen, first)
    quiet = next((p for p in seen.passes if p.born is not None and not p.born.loud), None)
    hidden = next((p for p in seen.passes if p.born is not None and p.born.loud), None)
    if hidden is not None and hidden.born is not None:
        place, mode = spelled(name, hidden.born.path), " in eval mode" if hidden.mode == "eval" else ""
        return hint(
            f"NaN or infinity is born in `{place}`{mode}, in {_count(hidden.born)}"
            + (", and reaches the output" if hidden.reached else ", and does not reach the output"),
            fix=ENTERS,
            code="torch.isfinite(x).all()",
            where=place,
            modules=hidden.modules,
        )
    if first.reached:
        entered = seen.given or "NaN or infinity is among what enters"
        fix = "Look whether the loss leaves out the rows that are not finite."
        return hint(f"{entered}, and it reaches the output", fix=fix, born="data")
    loss = "" if first.loss is None else f"the loss is {number(first.loss)}; "
    modes = " and ".join(p.mode for p in seen.passes)
    masks = f"; `{spelled(name, quiet.born.path)}` masks with minus infinity" if quiet and quiet.born else ""
    return ok(
        f"{loss}no NaN or infinity is born in {first.modules} modules on this batch, in {modes} mode{masks}",
        modules=first.modules,
    )


def _lost_batch(bench: Bench, seen: Births, lost: Birth) -> Finding:
    """The loss of one batch is not finite, in train mode."""
    name, begun = bench.name("model"), f"the loss of this batch is **{lost.loss}**"
    born = lost.born if lost.born is not None and lost.born.reaches else None
    if seen.weight and (born is None or seen.weight.startswith(born.path)):
        weight = spelled(name, seen.weight)
        fix = "Set it to numbers where it is made, or load weights that are finite."
        return bad(f"{begun}; `{weight}` holds values that are not finite", fix=fix, where=weight, born="weights")
    if seen.given:
        found = bad(f"{begun}; {seen.given}", fix="Look for missing values in the data before training.", born="data")
    elif born is not None:
        place, given = spelled(name, born.path), "no NaN enters it" if born.masked else "what enters it is finite"
        within = born.before.startswith(f"{born.path}." if born.path else "") and born.before
        inside = f" before `{spelled(name, born.before)}` is called" if within else ""
        kind = "NaN or infinity" if born.loud else "minus infinity"
        return bad(
            f"{begun}; {kind} is born in `{place}`{inside}, in {_count(born)}: {given}",
            fix=ENTERS,
            where=place,
            born=born.path or "model",
        )
    else:
        found = bad(f"{begun}, while the model gives finite values: it is born in the loss", fix=FLOOR, born="loss")
    if any(MENDS.search(cell.source) for cell in bench.cells):
        why = "a cell speaks of such values, and may deal with them before the loss"
        return hint(found.message, fix=found.fix, why=why, **found.seen)
    return as_called(bench, found)


def _count(born: Born) -> str:
    return f"{born.count} of {born.total} values"


def _watched(trace: Trace) -> Finding:
    passes = [(model, p) for model in trace.models for p in model.passes]
    if trace.nonfinite is not None:
        return _lost(trace, *trace.nonfinite)
    if not passes:
        return skipped("no model was called")
    born = [(model, p) for model, p in passes if p.nonfinite]
    if not born:
        return ok(f"all values of {len(passes)} passes that were looked at are finite", passes=len(passes))
    model, p = born[0]
    reached = p.output is not None and p.output.nonfinite > 0 and p.used
    given = any(facts.nonfinite for facts in p.inputs)
    place = "in its inputs" if given else f"in `{model.name}.{p.nonfinite}`" if p.nonfinite else f"in `{model.name}`"
    return (bad if reached and p.scored == "loss" else hint)(
        f"NaN or infinity is born {place}" + ("" if reached else ", and does not reach the output"),
        fix=ENTERS,
        code="torch.isfinite(x).all()",
        where=str(p.place),
        module=p.nonfinite,
        passes=len(born),
    )


def _lost(trace: Trace, step: int, where: str) -> Finding:
    """The loss was not finite when its backward was called."""
    loss = next((b for b in trace.backward if any(v - v != 0 for v in b.values.values)), None)
    name = f"`{loss.name}`" if loss else "the loss"
    seen: dict[str, Any] = {"step": step, "born": where}
    place = str(loss.place) if loss else ""
    if where == "inputs":
        told, fix = "the inputs of the model are not finite", "Look for missing values in the data before training."
    elif where.startswith("weights "):
        told = f"`{where[8:]}` was no longer finite by then"
        fix = "Lower the learning rate, or clip the gradients: the step before threw the weights out."
    elif where == "loss":
        finite = "the model gives finite values" if _finite(trace, step) else "this step was not looked at closely"
        told = f"{finite}: it is born in the loss, or by this batch"
        fix = FLOOR
    elif where.startswith("before "):
        told = f"what enters `{where[7:]}` is not finite any more"
        fix = ENTERS.replace("enters there", "comes before")
    else:
        told = f"it is born in `{where}`, whose inputs are finite"
        fix = ENTERS
    before = [v for s, v in loss.values.finite() if s < step] if loss else []
    why = f"the loss was {number(before[-1])} at the step before" if before else ""
    if before and abs(before[-1]) > GROWN * abs(before[0]) and where != "inputs":
        told = f"it had grown from {number(before[0])} to {number(before[-1])} by then"
        fix = "Lower the learning rate, or clip the gradients: the run diverged."
    return bad(f"{name} was **{_value(loss)}** at step **{step}**; {told}", fix=fix, why=why, where=place, **seen)


def _finite(trace: Trace, step: int) -> bool:
    seen: list[Pass] = [p for model in trace.models for p in model.passes if p.step == step and p.grad]
    return bool(seen) and not any(p.nonfinite for p in seen)


def _value(loss: BackwardSeen | None) -> str:
    values = [v for v in loss.values.values if v - v != 0] if loss else []
    return str(values[0]) if values else "not finite"


class _Root(nn.Module):
    """The root of what may be negative."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sqrt()


def _loop(net: nn.Module, missing: bool = False, log: bool = False) -> Bench:
    given = toys.regress(net)
    opt = torch.optim.SGD(net.parameters(), 0.01)
    x_all, y_all = given.train_data.tensors
    x_all = x_all.clone()
    if missing:
        x_all[100, 3] = torch.nan

    def program() -> None:
        for start in range(0, 256, 64):
            out = net(x_all[start : start + 64])
            target = y_all[start : start + 64]
            loss = (out.relu().log() * target).mean() if log else nn.functional.mse_loss(out, target)
            opt.zero_grad()
            loss.backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt)


@check.breaks
def root_of_negative_values() -> Bench:
    """A module takes the root of values of either sign."""
    return _loop(nn.Sequential(nn.Linear(10, 16), _Root(), nn.Linear(16, 1)))


@check.breaks
def missing_values() -> Bench:
    """A value of the data is NaN."""
    return _loop(toys.mlp((10, 16, 1)), missing=True)


@check.breaks
def logarithm_of_zero() -> Bench:
    """The loss takes the logarithm of what may be zero."""
    return _loop(toys.mlp((10, 16, 1)), log=True)


@check.holds
def finite() -> Bench:
    """All values are finite."""
    return _loop(toys.mlp((10, 16, 1)))


class _Masked(nn.Module):
    """Minus infinity where a class is not allowed."""

    def forward(self, x: Tensor) -> Tensor:
        return x.masked_fill(torch.arange(x.shape[1]) == 4, -torch.inf)


@check.holds
def masked_classes() -> Bench:
    """Scores of minus infinity rule a class out, and the loss is finite."""
    given = toys.classify(nn.Sequential(toys.mlp((20, 16, 5)), _Masked()))
    net, _, opt = toys.parts(given)

    def program() -> None:
        for x, y in toys.batches(given):
            loss = nn.functional.cross_entropy(net(x), y.clamp(max=3))
            opt.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            opt.step()

    return toys.watched(program, net=net, opt=opt)


@check.breaks
def root_without_a_loop() -> Bench:
    """The same root, in a model that has not been trained yet."""
    return toys.regress(nn.Sequential(nn.Linear(10, 16), _Root(), nn.Linear(16, 1)))


@check.breaks
def missing_values_in_a_batch() -> Bench:
    """A value of the first batch is NaN: a hint, unless the cells show that it is fed as it is."""
    given = toys.regress()
    x, y = given.batch
    x = x.clone()
    x[7, 3] = torch.nan
    return given.replace(batch=(x, y))


@check.holds
def masked_classes_without_a_loop() -> Bench:
    """Scores of minus infinity for a class that no target has."""
    given = toys.classify(nn.Sequential(toys.mlp((20, 16, 5)), _Masked()))
    x, y = given.batch
    return given.replace(batch=(x, y.clamp(max=3)), train_loader=None)


@check.holds
def attention_that_masks() -> Bench:
    """Minus infinity before a softmax is how attention looks away from what comes later."""
    return toys.next_token()
