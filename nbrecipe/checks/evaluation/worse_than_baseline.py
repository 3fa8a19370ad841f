"""The trained model beats the simplest guess.

The majority class, or the mean of the targets, needs no model. A model that does not beat it on the validation data
has learned nothing that helps there: the labels may be shuffled, the inputs unlike those of training, or the
predictions in another unit than the targets. Without a watched loop the model is asked for the validation data. A
fault is claimed where it does beat that guess on training rows: it has learned something, and is asked in the right
way. Where a ladder of simple models was climbed, those it does not reach are a hint: training may not be over.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from ... import toys
from ...bench import Bench
from ...check import Check
from ...evaluation.constant import in_other_units, numbers_beside, trained_beside
from ...evaluation.known import Table, table_of, val_passed
from ...evaluation.passing import Passed
from ...evaluation.renamed import majorities, moved
from ...evaluation.tested import says_attacked
from ...experiments.ladder.above import above
from ...finding import Finding, Verdict, bad, hint, number, ok, skipped
from ...probes.init.untrained import as_drawn
from ...statistics.paired import sign_test
from ...trace import Trace
from ...trace.record.data import Answers, LossSeen

check = Check(__name__, tip="simple baselines", cost="scan")

#: standard errors beyond which a difference is no chance: one run in 30 000 of a normal estimate
SURE = 4.0
CHANCE = math.erfc(SURE / math.sqrt(2))
#: steps and rows below which there is nothing to expect yet
STEPS, ROWS = 100, 50
#: share of answers that name a class no target has
OUTSIDE = 0.05
#: squared error over the variance of the targets that no sample of so many rows gives by chance
FAR = 1.5
#: losses that the mean of the targets gives a value of: their variance
SQUARES = "mse_loss"


@check.run
def run(bench: Bench, trace: Trace | None = None) -> Finding:
    """Judge what was seen of a loop; without one, the answers to the validation data."""
    return _watched(trace) if trace is not None else _asked(bench)


def _asked(bench: Bench) -> Finding:
    model = bench.get("model")
    passed = bench.once(val_passed)
    if as_drawn((model,)):
        return skipped(f"the weights of `{bench.name('model')}` are as torch draws them: nothing is trained yet")
    table = table_of(passed.answers)
    found = _of_table(table, passed) if table else _of_numbers(bench, passed)
    if found.verdict is Verdict.BAD and says_attacked(passed.name):
        found = dataclasses.replace(found, verdict=Verdict.HINT, why="their name says that wrong answers are meant")
    elif found.verdict is Verdict.BAD and not bench.once(trained_beside):
        why = "on training rows it does no better, or these are not known"
        found = dataclasses.replace(found, verdict=Verdict.HINT, why=why)
    elif found.verdict is Verdict.BAD and moved(majorities(table)):
        why = "classes go by the numbers of others: see `label-mapping-mismatch` first"
        found = dataclasses.replace(found, why=why)
    return _above(bench, passed, found) if found.verdict is Verdict.OK else found


def _of_table(table: Table, passed: Passed) -> Finding:
    rows = sum(sum(row.values()) for row in table.values())
    if len(table) < 2 or rows < ROWS:
        return skipped(f"{rows} rows of {len(table)} class{'es' if len(table) > 1 else ''} are too few to judge by")
    names = {place: str(name) for place, name in enumerate(passed.answers.classes)}
    return _classes(table, names=names)


def _of_numbers(bench: Bench, passed: Passed) -> Finding:
    seen = numbers_beside(bench, passed)
    if not seen or seen[0].rows < ROWS:
        return skipped(f"no constant answers to `{passed.name}` are known to compare with")
    best = seen[0]
    if not best.constant:
        return skipped(
            f"all targets of `{passed.name}` are {best.told.split(',')[0]}: a constant answers them without a fault"
        )
    told = f"{best.loss} **{number(best.model)}** on {best.rows} rows; always answering {best.told} gives "
    told += f"**{number(best.constant)}**"
    numbers: dict[str, Any] = {"error": best.model, "baseline": best.constant, "rows": best.rows, "p": best.p}
    if best.model <= best.constant:
        return ok(told, **numbers)
    unit = in_other_units(passed.answers)
    # rows of another time or place have a mean of their own, that nobody could have known before
    certain = [one for one in seen if one.model > FAR * one.constant and one.worse > one.better and one.p < CHANCE]
    fix = "Compare the range of predictions and targets: one of them may be scaled and the other not."
    return (bad if best in certain and (unit or len(certain) > 1) else hint)(told, fix=fix, why=unit, **numbers)


def _above(bench: Bench, passed: Passed, found: Finding) -> Finding:
    """A hint where simple models of a ladder that was climbed do better; nothing is fitted for it."""
    better = above(bench, passed.answers)
    if not better:
        return found
    return hint(
        f"`{bench.name('model')}` is below what is simple: {'; '.join(better)}",
        fix="Train longer or with another learning rate; if that does not help, look at what a simple model sees.",
        code="%%overfit_batch",
        why="a training that is not over looks alike",
        **found.seen,
    )


def _watched(trace: Trace) -> Finding:
    if trace.steps == 0:
        return skipped("the cell does not train, so what to expect of the model is not known")
    if not trace.ended:
        return skipped("the cell is still running")
    learned = {model.name for model in trace.models if any(p.changed for p in model.parameters)}
    tables = [a for a in trace.answers if not a.grad and a.model in learned and a.step >= STEPS and _counted(a)]
    losses = [
        loss
        for loss in trace.losses
        if loss.name == SQUARES and not loss.grad and loss.source in learned and loss.calls[-1].step >= STEPS
        if all(call.options.get("reduction", "mean") == "mean" for call in loss.calls)
    ]
    if not tables and not losses:
        return skipped(f"no evaluation after {STEPS} steps or more was seen whose targets give a baseline")
    found = [_classes(seen.table, str(seen.place)) for seen in tables] or [_values(loss) for loss in losses]
    return min(found, key=lambda one: ("bad", "hint", "ok").index(one.verdict.value))


def _counted(answers: Answers) -> bool:
    """Enough rows, more than one class among them, and no class missing: sorted rows show few in a few batches."""
    rows = sum(sum(row.values()) for row in answers.table.values())
    outside = sum(n for row in answers.table.values() for said, n in row.items() if said not in answers.table)
    return len(answers.table) > 1 and rows >= ROWS and outside <= OUTSIDE * rows


def _classes(table: Table, where: str = "", names: dict[int, str] | None = None) -> Finding:
    """Accuracy against the majority's share, and whether the answers say anything of the targets at all."""
    sizes = {target: sum(row.values()) for target, row in table.items()}
    rows = sum(sizes.values())
    common = max(sizes, key=lambda target: sizes[target])
    accuracy = sum(row.get(target, 0) for target, row in table.items()) / rows
    share = sizes[common] / rows
    said = f"accuracy **{number(accuracy, 3)}** on {rows} rows; always answering "
    said += f"{(names or {}).get(common, common)} gives **{number(share, 3)}**"
    seen: dict[str, Any] = {"accuracy": accuracy, "baseline": share, "rows": rows, "majority": common}
    # rows on which one is right and the other wrong
    better = sum(row.get(target, 0) for target, row in table.items() if target != common)
    worse = sizes[common] - table[common].get(common, 0)
    if better > worse or _informed(table, sizes):
        return ok(said, **seen)
    fix = "Look at what the evaluation feeds the model: labels, order of rows, normalisation."
    return (bad if sign_test(better, worse) < CHANCE else hint)(said, fix=fix, where=where, **seen)


def _informed(table: dict[int, dict[int, int]], sizes: dict[int, int]) -> bool:
    """Whether some class is named more often where it is right: class weights give accuracy away for that.

    The recalls sum to 1 for answers that do not depend on the target; their standard error is the binomial one.
    """
    recalls = [(table[target].get(target, 0) / size, size) for target, size in sizes.items()]
    spread = math.sqrt(sum(max(r * (1 - r), 1 / n) / n for r, n in recalls))
    return sum(r for r, _ in recalls) - 1 > 2 * spread


def _values(loss: LossSeen) -> Finding:
    """Squared error against the variance of the targets, over the batches of the last evaluation."""
    last = [call for call in loss.calls if call.step == loss.calls[-1].step and call.value is not None]
    errors = [(call.value, math.prod(call.target.shape), call.target) for call in last if call.target and call.value]
    rows = sum(count for _, count, _ in errors)
    if rows < ROWS:
        return ok(f"{rows} rows are too few to tell")
    error = sum(value * count for value, count, _ in errors) / rows
    mean = sum(target.mean * count for _, count, target in errors) / rows
    variance = sum((target.std**2 + (target.mean - mean) ** 2) * count for _, count, target in errors) / rows
    said = f"squared error **{number(error)}** on {rows} values; always answering {number(mean)} gives "
    said += f"**{number(variance)}**"
    seen: dict[str, Any] = {"error": error, "baseline": variance, "values": rows, "mean": mean}
    if error <= variance or variance == 0:
        return ok(said, **seen)
    each = [value / variance for value, _, _ in errors]
    noise = statistics.stdev(each) / math.sqrt(len(each)) if len(each) > 1 else 0.0
    certain = error / variance > FAR + SURE * noise
    fix = "Compare the range of predictions and targets: one of them may be scaled and the other not."
    return (bad if certain else hint)(said, fix=fix, where=str(loss.place), **seen)


def _classified(rate: float, shuffled: bool, weights: Tensor | None = None, epochs: int = 15) -> Bench:
    given = toys.binary(rate=rate, loss_fn=nn.BCEWithLogitsLoss(pos_weight=weights))
    net, opt, loss_fn = given.model, given.optimizer, given.loss_fn
    assert net is not None
    assert loss_fn is not None
    x_val, y_val = given.train_data.tensors
    y_val = y_val[torch.randperm(len(y_val), generator=toys.seeded())] if shuffled else y_val

    def program() -> None:
        for x, y in toys.batches(given, epochs):
            loss = loss_fn(net(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
        with torch.no_grad():
            ((net(x_val) > 0) == (y_val > 0.5)).float().mean()

    return toys.watched(program, net=net, opt=opt)


@check.breaks
def labels_of_other_rows() -> Bench:
    """The validation labels stand in another order than the inputs, and three in ten are positive."""
    return _classified(0.3, shuffled=True)


@check.breaks
def raw_targets() -> Bench:
    """The net learned standardised targets, and the evaluation compares it with the raw ones."""
    return _fitted(raw=True)


@check.holds
def separable_classes() -> Bench:
    """The net knows the classes."""
    return _classified(0.3, shuffled=False)


@check.holds
def weighted_positives() -> Bench:
    """Nineteen in twenty are negative and positives weigh more: fewer right answers, and more found."""
    return _classified(0.05, shuffled=False, weights=torch.tensor([60.0]))


@check.holds
def standardised_targets() -> Bench:
    """Predictions and targets are in one unit."""
    return _fitted(raw=False)


def _fitted(raw: bool) -> Bench:
    given = toys.regress(mean=40.0, scale=12.0)
    net, _, opt = toys.parts(given)
    x_all, y_all = given.train_data.tensors
    scaled = (y_all - 40.0) / 12.0

    def program() -> None:
        for _ in range(120):
            loss: Any = nn.functional.mse_loss(net(x_all), scaled)
            opt.zero_grad()
            loss.backward()
            opt.step()
        with torch.no_grad():
            nn.functional.mse_loss(net(x_all), y_all if raw else scaled)

    return toys.watched(program, net=net, opt=opt)


def _asked_alone(given: Bench, y_val: Tensor, x_val: Tensor | None = None) -> Bench:
    """A net that is trained on the bench's rows and asked for those of a validation loader."""
    x, _ = given.train_data.tensors
    val = TensorDataset(x if x_val is None else x_val, y_val)
    return toys.trained(given, 60).replace(val_loader=DataLoader(val, 64), batch=None)


@check.breaks
def raw_targets_of_a_loader() -> Bench:
    """No loop was watched: the validation loader gives the targets as they were before they were standardised."""
    given = toys.regress()
    return _asked_alone(given, given.train_data.tensors[1] * 12 + 40)


@check.breaks
def other_rows_of_a_loader() -> Bench:
    """No loop was watched: the validation labels stand in another order, and three in ten are positive."""
    given = toys.binary(rate=0.3)
    y = given.train_data.tensors[1]
    return _asked_alone(given, y[torch.randperm(len(y), generator=toys.seeded())])


@check.holds
def loaders_alone() -> Bench:
    """No loop was watched, and the net knows the rows of the loader."""
    given = toys.classify()
    return _asked_alone(given, given.train_data.tensors[1])


@check.holds
def rows_that_nothing_was_learned_of() -> Bench:
    """Labels by chance are learned by heart, and no better known in validation than by a guess."""
    given = toys.classify()
    y = torch.randint(0, 5, (256,), generator=toys.seeded(1))
    return _asked_alone(toys.bench(given.get("model"), given.train_data.tensors[0], y, given.loss_fn), y.flip(0))
