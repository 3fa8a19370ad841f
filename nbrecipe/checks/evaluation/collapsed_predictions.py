"""A trained model gives different classes different answers.

One answer for nearly all rows has the accuracy of that class's share, which looks fine where one class is common. Dead
units, a learning rate that blew the weights up, inputs on another scale than in training and a loss that pays for the
most common class alone all end there. A fault is claimed where the outputs are the same for every row, although a cheap
model tells the classes of the same rows apart and the weights were trained; a model that only leans to one class may be
right to do so.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from ... import toys
from ...batches import BadInput
from ...bench import Bench, Missing
from ...check import Check
from ...evaluation.answers import Answers
from ...evaluation.known import table_of, val_passed
from ...experiments.simple.information import Informed, val_informed
from ...finding import Finding, bad, hint, number, ok, percent, skipped
from ...probes.init.untrained import as_drawn
from ...probes.weights.steps import steps_of

check = Check(__name__, tip="look at model outputs", cost="scan")

#: share of the rows that get one answer from which on answers have collapsed; share of the targets that it may be
ALMOST_ALL, SOME = 0.95, 0.8
#: rows below which one answer for all of them is no surprise
ROWS = 20
#: chance that labels without any signal look so well known; share of what can be known that must be, doubt counted
CHANCE, KNOWN = 1e-6, 0.25
#: classes of pixels that are named
LISTED = 6
#: steps of an optimizer after which weights are trained; outputs that differ by less than this share are the same
STEPS, SAME = 100, 1e-5
#: names of models that are meant to answer one thing
MEANT = re.compile(r"base_?line|dummy|majority|prior|constant|frequen|random|bias_?only", re.I)


@check.run
def run(model: nn.Module, bench: Bench, trained: str = "") -> Finding:
    passed = bench.once(val_passed)
    answers, table = passed.answers, table_of(passed.answers)
    rows = sum(sum(row.values()) for row in table.values())
    if answers.pixels is not None and len(answers):
        return _painted(answers, bool(as_drawn((model,))))
    if not table:
        return skipped(f"the answers to `{passed.name}` are not one class for each row")
    if len(table) < 2 or rows < ROWS:
        return skipped(
            f"`{passed.name}` gives too little for answers to differ: {rows} rows, {len(table)} of the classes"
        )
    said = {answer for row in table.values() for answer in row}
    counts = {answer: sum(row.get(answer, 0) for row in table.values()) for answer in said}
    most = max(counts, key=lambda answer: counts[answer])
    share, prior = counts[most] / rows, sum(table.get(most, {}).values()) / rows
    name = answers.classes[most] if most < len(answers.classes) else most
    told = f"`{answers.name}` answers `{name}` for **{percent(share)}** of {rows} rows; **{percent(prior)}** are it"
    numbers: dict[str, Any] = {"share": share, "prior": prior, "rows": rows, "answer": str(name)}
    if share < ALMOST_ALL or prior > share:
        return ok(told, **numbers)
    if as_drawn((model,)):
        return ok(told, why="the weights are as torch draws them: nothing is trained yet", **numbers)
    return _collapsed(model, bench, answers, trained, told, numbers)


def _collapsed(
    model: nn.Module, bench: Bench, answers: Answers, trained: str, told: str, numbers: dict[str, Any]
) -> Finding:
    same, cheap = _same(answers), _cheap(bench)
    knows = cheap is not None and cheap.least >= KNOWN and cheap.p < CHANCE
    if numbers["prior"] > SOME and not knows:
        return ok(told, why="most rows are of that class", **numbers)
    why = "a cheap model does not find the classes in these inputs either" if cheap is not None and not knows else ""
    if knows and cheap is not None:
        why = (
            f"a cheap model finds the classes in these inputs: balanced accuracy {number(cheap.score, 3)} out of fold, "
        )
        why += f"{number(cheap.chance, 3)} by chance"
    if same:
        told += ", and its outputs are **the same** for every row"
    certain = same and knows and _trained(model, bench, trained) and not _meant(model)
    return (bad if certain else hint)(
        told,
        fix="Follow the inputs through `forward` until they are the same for all rows, and compare their scale.",
        code="%activations" if same else "%%overfit_batch",
        why=why,
        **numbers,
    )


def _painted(answers: Answers, fresh: bool) -> Finding:
    """The same of images: a class that no pixel is answered as, though targets hold it, may still be rare or early."""
    _, said, there = np.asarray(answers.pixels, np.float64).sum(0)
    share, prior = said.max() / max(1.0, said.sum()), float(there[said.argmax()] / max(1.0, there.sum()))
    names = [answers.classes[place] if place < len(answers.classes) else place for place in range(len(said))]
    name, never = names[int(said.argmax())], [str(names[place]) for place in np.flatnonzero((said == 0) & (there > 0))]
    numbers: dict[str, Any] = {"share": float(share), "prior": prior, "rows": len(answers), "answer": str(name)}
    told = f"`{answers.name}` answers `{name}` for **{percent(share)}** of the pixels of {len(answers)} images; "
    told += f"**{percent(prior)}** are it"
    if not never or fresh or share < ALMOST_ALL:
        return ok(told, why="nothing is trained yet" if fresh and never else "", **numbers)
    listed = ", ".join(f"`{one}`" for one in never[:LISTED]) + (", …" if never[LISTED:] else "")
    return hint(
        f"{told}, and **none** is answered as {listed}",
        fix="Weigh the classes in the loss, or add one of overlap (Dice), where a common class outweighs the others.",
        why="overlap (IoU) shows it where the share of right pixels does not",
        never=never,
        **numbers,
    )


def _same(answers: Answers) -> bool:
    """Whether every row has the same probabilities, but for rounding."""
    given = answers.probabilities
    if given is None or len(given) < 2 or not np.isfinite(given).all():
        return False
    table = given.reshape(len(given), -1).astype(np.float64)
    return bool(((table.max(0) - table.min(0)) <= SAME * np.abs(table).max(0)).all())


def _cheap(bench: Bench) -> Informed | None:
    try:
        return bench.once(val_informed)
    except (Missing, BadInput):
        return None


def _trained(model: nn.Module, bench: Bench, trained: str) -> bool:
    """Whether the weights were trained: by a cell, or by the optimizer that holds them."""
    return bool(trained) or steps_of(bench.optimizer, model) >= STEPS


def _meant(model: nn.Module) -> bool:
    """Whether it is there to answer one thing, by its name, for having no weights that inputs meet, or zeroed ones."""
    weights = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    zeroed = any(not bool(weight.detach().any()) for weight in weights)  # a head that starts at 0 is not trained yet
    return bool(MEANT.search(type(model).__name__)) or not weights or zeroed


class _Lost(nn.Module):
    """A network whose inputs are lost on the way."""

    def __init__(self) -> None:
        super().__init__()
        self.net = toys.mlp()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(torch.zeros_like(x))
        return out


def _evaluated(given: Bench, steps: int = 120) -> Bench:
    """A bench whose net is trained by its own optimizer, and whose rows are its validation data."""
    net, loss_fn, opt = toys.parts(given)
    for _, (x, y) in zip(range(steps), toys.batches(given, steps), strict=False):
        opt.zero_grad()
        loss_fn(net(x), y).backward()
        opt.step()
    opt.zero_grad()
    return given.replace(val_loader=given.train_loader)


@check.breaks
def inputs_lost() -> Bench:
    """A new tensor of zeros goes on instead of the input; the net has learned how common each class is."""
    return _evaluated(toys.classify(_Lost()))


@check.breaks
def every_unit_dead() -> Bench:
    """A step far too large left no unit that is ever on."""
    given = _evaluated(toys.classify())
    with torch.no_grad():
        given.get("model")[2].bias.fill_(-1e3)
    return given


@check.holds
def different_answers() -> Bench:
    """The net tells the classes apart."""
    return _evaluated(toys.classify())


@check.holds
def a_common_class_without_signal() -> Bench:
    """Ninety-seven of a hundred rows are of one class, and inputs tell nothing: one answer is the best one."""
    x = torch.randn(256, 20, generator=toys.seeded(3))
    y = (torch.rand(256, generator=toys.seeded(4)) < 0.03).long()
    return _evaluated(toys.bench(toys.mlp((20, 32, 2)), x, y, nn.CrossEntropyLoss()))


@check.holds
def a_head_of_zeros() -> Bench:
    """The body comes trained, and the new head starts at zero: all outputs are the same, and are meant to be."""
    given = _evaluated(toys.classify())
    with torch.no_grad():
        given.get("model")[-1].weight.zero_()
    return given


@check.holds
def a_fresh_net() -> Bench:
    """Nothing is trained yet; a fresh net leans to one class."""
    given = toys.classify(toys.mlp(seed=3))
    return given.replace(val_loader=DataLoader(TensorDataset(*given.train_data.tensors), 64))
