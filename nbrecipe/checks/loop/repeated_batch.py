"""Every step is trained on a batch of its own.

`next(iter(loader))` in the loop begins a new pass each time, and without shuffling it gives the first batch for ever; a
variable of an earlier cell goes unnoticed into the model instead of the batch; a seed within the loop draws the same
rows again. The training loss goes to nothing, and the validation loss does not.
"""

from __future__ import annotations

import ast
import re
from typing import Any

import torch

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, ok, skipped
from ...trace import Trace
from ...trace.record.data import LoaderSeen, Pass
from ...trace.record.source import LOOPS, called, parsed, within

check = Check(__name__, tip="visualize just before the net")

#: passes over a loader that gave its first batch alone, and steps with one and the same batch, before the claim
PASSES, STEPS = 5, 4
#: different batches that the loader gave meanwhile
OTHERS = 3
#: what is said where one batch is trained on for practice, as the recipe asks
PRACTICE = re.compile(
    r"overfit|(one|single|same|fixed|tiny|small)[ _-]?batch|memori[sz]e|by heart|sanity", re.IGNORECASE
)
ITER = re.compile(r"\biter\(")
SEEDS = ("manual_seed", "seed", "default_rng", "seed_everything", "set_seed")
DRAWS = ("randint", "randperm", "choice", "choices", "sample", "permutation", "multinomial", "integers")


@check.run
def run(trace: Trace) -> Finding:
    passes = [p for model in trace.models for p in model.passes if p.grad and p.trained and p.batch]
    if not trace.backwards or not passes:
        return skipped("no pass of a model was seen that was trained on")
    for loader in trace.loaders:
        found = _first_again(trace, loader) or _ignored(trace, loader)
        if found is not None:
            return found
    found = _seeded(trace, passes)
    if found is not None:
        return found
    different = len({p.batch for p in passes})
    return ok(f"{different} different batches went into the {len(passes)} training passes looked at", batches=different)


def _first_again(trace: Trace, loader: LoaderSeen) -> Finding | None:
    """Each pass over the loader gave one batch, and each time the same one."""
    others = loader.length is None or loader.length > 1
    firsts = [order[0] for order in loader.orders if order]
    if not others or loader.batches > loader.passes or loader.trained < loader.batches - 1:
        return None
    if len(firsts) < PASSES or len(set(firsts)) > 1 or not firsts[0]:
        return None
    meant = bool(PRACTICE.search(trace.source)) or not ITER.search(loader.place.text)
    more = f" of its {loader.length}" if loader.length else ""
    return (hint if meant else bad)(
        f"`{loader.name}` was begun anew **{loader.passes}** times, and each time its first batch{more} was trained on",
        fix="Go through the loader, or keep its iterator outside of the loop.",
        code=f"for batch in {loader.name}:",
        where=str(loader.place),
        passes=loader.passes,
        length=loader.length,
    )


def _ignored(trace: Trace, loader: LoaderSeen) -> Finding | None:
    """The loader gave other batches, and what the model and the loss were given is one and the same all the time."""
    if len({batch for order in loader.orders for batch in order}) < OTHERS:
        return None
    for model in trace.models:
        fed = [p for p in model.passes if p.grad and p.trained and p.loader == loader.name]
        targets = {
            call.step: call.batch
            for loss in trace.losses
            if loss.grad and loss.source in ("", model.name)
            for call in loss.calls
            if call.from_model and call.batch
        }
        steps = {p.step for p in fed if p.step in targets}
        beside = {
            p.batch for other in trace.models for p in other.passes if p.step in steps and p.loader in ("", loader.name)
        }
        if len(steps) < STEPS or len(beside) > 1 or len({targets[step] for step in steps}) > 1:
            continue
        claim = hint if PRACTICE.search(trace.source) else bad
        return claim(
            f"`{model.name}` was given one and the same batch in **{len(steps)}** steps, while "
            f"`{loader.name}` gave others",
            fix=f"Hand the model the batch that `{loader.name}` gives.",
            code=f"for batch in {loader.name}:",
            where=str(fed[0].place),
            steps=len(steps),
        )
    return None


def _seeded(trace: Trace, passes: list[Pass]) -> Finding | None:
    """Rows drawn at random, after the same seed each time."""
    if len({p.step for p in passes}) < STEPS or len({p.batch for p in passes}) > 1 or not trace.source:
        return None
    if any(loader.trained for loader in trace.loaders):
        return None
    line = _seed_in_loop(trace.source)
    if not line:
        return None
    claim = hint if PRACTICE.search(trace.source) else bad
    return claim(
        f"the same batch was trained on in all of **{len({p.step for p in passes})}** steps looked at: `{line}` "
        "in the loop makes every draw the same",
        fix="Set the seed once, before the loop.",
        code=line,
        where=str(passes[0].place),
        steps=len({p.step for p in passes}),
    )


def _seed_in_loop(source: str) -> str:
    """A seed that is a constant, in the same loop as a draw and a backward; empty where there is none."""
    tree = parsed(source)
    for loop in ast.walk(tree) if tree is not None else ():
        if not isinstance(loop, LOOPS):
            continue
        inner = set(within(ast.Module([*loop.body], []), LOOPS))
        calls = [
            node for part in loop.body for node in ast.walk(part) if isinstance(node, ast.Call) and node not in inner
        ]
        names = {called(call) for call in calls}
        seeds = [c for c in calls if called(c) in SEEDS and c.args and isinstance(c.args[0], ast.Constant)]
        if seeds and "backward" in names and names & set(DRAWS):
            return ast.unparse(seeds[0])
    return ""


def _fetch(inside: bool, shuffle: bool = False) -> Bench:
    given = toys.classify()
    net, loss_fn, opt = toys.parts(given)
    train_dl = torch.utils.data.DataLoader(given.train_data, batch_size=64, shuffle=shuffle)

    def program() -> None:
        if not inside:
            x, y = next(iter(train_dl))
        for _ in range(8):
            if inside:
                x, y = next(iter(train_dl))
            opt.zero_grad()
            loss_fn(net(x), y).backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt, train_dl=train_dl)


def _rows(reseed: bool) -> Bench:
    given = toys.classify()
    net, loss_fn, opt = given.model, given.loss_fn, given.optimizer
    x, y = given.train_data.tensors
    assert net is not None
    assert loss_fn is not None

    def seeded() -> None:
        for _ in range(8):
            torch.manual_seed(0)
            rows = torch.randint(len(x), (32,))
            opt.zero_grad()
            loss_fn(net(x[rows]), y[rows]).backward()
            opt.step()

    def free() -> None:
        torch.manual_seed(0)
        for _ in range(8):
            rows = torch.randint(len(x), (32,))
            opt.zero_grad()
            loss_fn(net(x[rows]), y[rows]).backward()
            opt.step()

    return toys.watched(seeded if reseed else free, net=net, opt=opt)


@check.breaks
def a_new_iterator_for_each_step() -> Bench:
    """`next(iter(train_dl))` in the loop: the first batch each time."""
    return _fetch(inside=True)


@check.breaks
def a_variable_of_another_cell() -> Bench:
    """The loop unpacks `xb, yb` and trains on `x, y`, which an earlier cell has left."""
    given = toys.classify(size=32)
    net, loss_fn, opt, train_dl = given.model, given.loss_fn, given.optimizer, given.train_loader
    assert net is not None
    assert loss_fn is not None
    assert train_dl is not None
    x, y = given.batch

    def program() -> None:
        for xb, yb in train_dl:  # noqa: B007
            opt.zero_grad()
            loss_fn(net(x), y).backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt, train_dl=train_dl)


@check.breaks
def the_same_seed_for_each_draw() -> Bench:
    """The seed is set in the loop, so that the same rows are drawn at every step."""
    return _rows(reseed=True)


@check.holds
def one_batch_on_purpose() -> Bench:
    """Fetched once, above the loop: to learn one batch by heart is part of the recipe."""
    return _fetch(inside=False)


@check.holds
def a_new_iterator_that_shuffles() -> Bench:
    """With shuffling the first batch is another one each time."""
    return _fetch(inside=True, shuffle=True)


@check.holds
def seeded_once() -> Bench:
    """Rows drawn at random, after one seed."""
    return _rows(reseed=False)


@check.holds
def the_whole_data_in_one_batch() -> Bench:
    """The same input at every step, which is all there is."""
    given = toys.classify(size=256)
    net, loss_fn, opt = toys.parts(given)

    def program() -> None:
        for x, y in toys.batches(given, 8):
            opt.zero_grad()
            loss_fn(net(x), y).backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt)


@check.holds
def one_graph_many_nodes() -> Bench:
    """The input is the same at every step, and the rows that count in the loss come from the loader."""
    given = toys.classify(size=32)
    net, loss_fn, opt = given.model, given.loss_fn, given.optimizer
    x, y = given.train_data.tensors
    nodes: Any = torch.utils.data.DataLoader(range(len(x)), batch_size=32)  # type: ignore[arg-type]
    assert net is not None
    assert loss_fn is not None

    def program() -> None:
        for rows in nodes:
            opt.zero_grad()
            loss_fn(net(x)[rows], y[rows]).backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt, nodes=nodes)
