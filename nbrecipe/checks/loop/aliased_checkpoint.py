"""The weights that are kept are a copy.

`state_dict()` gives the live tensors: a "best" one that was put aside goes on changing with every step, and is the last
one in the end. Loading it back changes nothing, and no error says so.
"""

from __future__ import annotations

import ast
import copy
from typing import Any

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, ok, skipped
from ...trace import Trace
from ...trace.record.data import AliasSeen, LoadSeen
from ...trace.record.source import LOOPS, called, parsed, within

check = Check(__name__, tip="early stopping")


@check.run
def run(trace: Trace) -> Finding:
    for load in trace.loads:
        found = _loaded(trace, load)
        if found is not None:
            return found
    for alias in trace.aliases:
        found = _kept(trace, alias)
        if found is not None:
            return found
    if not trace.loads and not trace.aliases:
        return skipped("the cell loads no state dict and leaves none that is the live weights")
    count = len(trace.loads)
    told = "1 state dict was loaded, and is not" if count == 1 else f"{count} state dicts were loaded, none of them"
    return ok(f"{told} the model's own weights")


def _loaded(trace: Trace, load: LoadSeen) -> Finding | None:
    """A model was given its own memory to load."""
    if not load.tensors or not load.shared == load.matched == load.tensors:
        return None
    if load.place.text.count("state_dict(") > 1:  # model.load_state_dict(other.state_dict())
        return None
    since = None if load.taken is None else load.step - load.taken
    if since == 0:  # taken a moment ago, edited in place, and loaded
        return None
    name = load.variable or "the state dict"
    known = f"`{name}`" if load.variable else name
    steps = f"{since} steps before" if since is not None else "before this cell"
    claim = bad if load.step and _changed(trace, load.model) else hint
    return claim(
        f"all **{load.shared}** tensors of {known} are `{load.model}`'s own memory: it was taken {steps}, has changed "
        "with the weights since, and loading it brings nothing back",
        fix="Copy the state dict where it is taken.",
        code=f"{load.variable or 'best'} = copy.deepcopy({load.model}.state_dict())",
        where=str(load.place),
        shared=load.shared,
        tensors=load.tensors,
    )


def _changed(trace: Trace, name: str) -> bool:
    """Whether the weights of a model changed in this cell."""
    return any(p.changed for model in trace.models if model.name == name for p in model.parameters)


def _kept(trace: Trace, alias: AliasSeen) -> Finding | None:
    """A variable holds the live weights, and they went on changing after it was set."""
    if alias.taken is None or alias.taken >= trace.steps or not _changed(trace, alias.model):
        return None
    base = alias.variable.split("[")[0].split(".")[0]
    assigned, conditional, used = _in_source(trace.source, base)
    if not (assigned or alias.place) or (assigned and used and not conditional):
        return None
    claim = bad if conditional and not used else hint
    return claim(
        f"`{alias.variable}` holds `{alias.model}`'s live weights, not a copy: they changed in "
        f"**{trace.steps - alias.taken}** steps since it was set",
        fix="Copy the state dict where it is taken.",
        code=f"{alias.variable} = copy.deepcopy({alias.model}.state_dict())",
        where=str(alias.place or ""),
        steps_since=trace.steps - alias.taken,
    )


def _in_source(source: str, name: str) -> tuple[bool, bool, bool]:
    """Whether the cell sets this variable to a state dict, does so under a condition in a loop, and reads it.

    What is set under a condition, again and again, and read by nothing in the cell is a snapshot for later: who saves
    or hands on the live weights does it on the spot.
    """
    tree = parsed(source)
    if tree is None:
        return False, False, False

    def sets(node: ast.AST) -> bool:
        names = [part.id for target in _targets(node) for part in ast.walk(target) if isinstance(part, ast.Name)]
        return name in names and any(called(part) == "state_dict" for part in ast.walk(node))

    assigned = [node for node in ast.walk(tree) if sets(node)]
    looped = [node for node in within(tree, LOOPS) if isinstance(node, ast.If)]
    conditional = any(inner in assigned for node in looped for inner in ast.walk(node))
    own = {id(part) for node in assigned for target in _targets(node) for part in ast.walk(target)}
    reads = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load)]
    return bool(assigned), conditional, any(id(read) not in own for read in reads)


def _targets(node: ast.AST) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else []


def _loop(snapshot: str, load: bool = True) -> Bench:
    """A loop that keeps the weights of its best epoch, as they are or copied, and loads them in the end."""
    given = toys.classify()
    net, loss_fn, opt = toys.parts(given)
    best: dict[str, Any] = {}
    taken: Any = {
        "alias": lambda: net.state_dict(),
        "shallow": lambda: dict(net.state_dict()),
        "copied": lambda: copy.deepcopy(net.state_dict()),
        "cloned": lambda: {name: tensor.clone() for name, tensor in net.state_dict().items()},
    }[snapshot]

    def program() -> None:
        for epoch in range(3):
            for x, y in toys.batches(given):
                opt.zero_grad()
                loss = loss_fn(net(x), y)
                loss.backward()
                opt.step()
            if epoch < 2:
                best["state"] = taken()
        if load:
            state = best["state"]
            net.load_state_dict(state)

    return toys.watched(program, net=net, opt=opt)


@check.breaks
def loaded_into_itself() -> Bench:
    """The best state dict is the live one, and is loaded back at the end."""
    return _loop("alias")


@check.breaks
def a_copy_of_the_dict_alone() -> Bench:
    """`dict(...)` copies names, not tensors."""
    return _loop("shallow")


@check.breaks
def kept_for_later() -> Bench:
    """Set under a condition in the loop and read by nothing in the cell: a snapshot, for the next one."""
    given = toys.classify()
    net, loss_fn, opt = toys.parts(given)
    kept: dict[str, object] = {}

    def program() -> None:
        lowest = float("inf")
        for epoch in range(3):
            for x, y in toys.batches(given):
                opt.zero_grad()
                loss = loss_fn(net(x), y)
                loss.backward()
                opt.step()
            if epoch < 2 and loss.item() < lowest:
                kept["best"] = net.state_dict()

    return toys.watched(program, net=net, opt=opt, kept=kept)


@check.holds
def copied() -> Bench:
    """A deep copy stays what it was."""
    return _loop("copied")


@check.holds
def cloned() -> Bench:
    """So do clones of the tensors."""
    return _loop("cloned")


@check.holds
def edited_in_place() -> Bench:
    """A state dict that is taken, changed in place and loaded at once: the loading adds nothing, and is right."""
    given = toys.classify()
    net = given.get("model")

    def program() -> None:
        state = net.state_dict()
        for tensor in state.values():
            tensor.mul_(0.5)
        net.load_state_dict(state)

    return toys.watched(program, net=net)


@check.holds
def target_network() -> Bench:
    """The weights of one net are loaded into another now and then, through a variable that holds the live ones."""
    given = toys.classify()
    net, loss_fn, opt = given.model, given.loss_fn, given.optimizer
    target = copy.deepcopy(net)
    assert net is not None
    assert target is not None
    assert loss_fn is not None

    def program() -> None:
        for i, (x, y) in enumerate(toys.batches(given, 2)):
            opt.zero_grad()
            loss_fn(net(x), y).backward()
            opt.step()
            if i % 3 == 0:
                state = net.state_dict()
                target.load_state_dict(state)

    return toys.watched(program, net=net, opt=opt, target=target)
