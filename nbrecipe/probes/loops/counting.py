"""How often the cells step a scheduler and an optimizer: read off their text, turn by turn where a test asks for it."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
from collections.abc import Sequence
from typing import Any

from .tally import Tally, Unsure
from .text import HARMLESS, arguments, calls, counts, forget, hands_on, is_forever, keeps, leaving, settings
from .values import Function, Mark, Space, Turned, decided, name_of, turns, worth

#: statements that are followed, and functions within one another, before a loop is called too long
FUEL, DEPTH = 40_000, 8
#: what is not followed
UNFOLLOWED = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.AsyncFor, ast.Match)


class TurnByTurn(Exception):
    """A test has another outcome at each turn of a loop."""


class Left(Exception):
    """A loop or a function is left for certain, by such a statement."""

    def __init__(self, by: type[ast.stmt]) -> None:
        self.by = by


class Reading:
    """Reads statement after statement, and counts."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.tally = Tally()
        #: number of the cell that is read
        self.cell = 0
        self._known: dict[int, bool] = {}
        self.times, self.within, self.depth, self.fuel = 1, 0, 0, FUEL

    def statements(self, body: Sequence[ast.stmt], space: Space) -> None:
        """Follow statements in order; raises Unsure."""
        for statement in body:
            self._follow(statement, space)

    def _follow(self, node: ast.stmt, space: Space) -> None:
        self.fuel -= 1
        if self.fuel < 0:
            raise Unsure("the loop is too long to be followed")
        match node:
            case ast.FunctionDef(name=name):
                space[name] = Function(node, space)
            case ast.ClassDef(name=name, body=body):
                space[name] = settings(body, space)
            case ast.If(test=test, body=body, orelse=orelse):
                self._branch(test, body, orelse, space)
            case ast.For():
                self._for(node, space)
            case ast.While():
                self._while(node, space)
            case ast.With(items=items, body=body):
                for item in items:
                    self._calls(item.context_expr, space)
                    if item.optional_vars is not None:
                        self.bind(item.optional_vars, worth(item.context_expr, space), space)
                self.statements(body, space)
            case ast.Try(body=body, orelse=orelse, finalbody=last):
                self.statements([*body, *orelse, *last], space)
            case ast.Break() | ast.Continue():
                raise Left(type(node))
            case ast.Return(value=value):
                self._calls(value, space)
                raise Left(ast.Return)
            case _:
                self._simple(node, space)

    def _simple(self, node: ast.stmt, space: Space) -> None:
        self._calls(node, space)
        if keeps(node, space):
            raise Unsure(f"`{ast.unparse(node)[:60]}` keeps the scheduler, and may step it elsewhere")
        if any(isinstance(part, UNFOLLOWED) and counts(part, space) for part in ast.walk(node)):
            raise Unsure(f"how often `{ast.unparse(node)[:60]}` steps is not known")
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self.bind(target, worth(value, space), space)
            case ast.AnnAssign(target=ast.Name() as target, value=ast.expr() as value):
                self.bind(target, worth(value, space), space)
            case ast.AugAssign(target=ast.Name(id=name) as target, op=op, value=value):
                whole = ast.BinOp(ast.Name(name, ast.Load()), op, value)
                self.bind(target, worth(whole, space), space)
            case _:
                forget(node, space, Mark.UNKNOWN)

    def bind(self, target: ast.expr, value: Any, space: Space) -> None:
        """An assignment."""
        match target:
            case ast.Name(id=name):
                space[name] = value
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                known = value if isinstance(value, list) and len(value) == len(parts) else [Mark.UNKNOWN] * len(parts)
                for part, one in zip(parts, known, strict=True):
                    self.bind(part, one, space)
            case _:
                if value is Mark.SCHEDULER:
                    raise Unsure(f"`{ast.unparse(target)}` keeps the scheduler, and may step it elsewhere")

    # Calls ----------------------------------------------------------------------------------------------------------

    def _calls(self, node: ast.AST | None, space: Space) -> None:
        for call in calls(node):
            self._call(call, space)

    def _call(self, call: ast.Call, space: Space) -> None:
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        function = worth(call.func, space)
        if isinstance(function, Function):
            self._run(function, call, space)
        elif isinstance(call.func, ast.Attribute) and call.func.attr in ("step", "backward"):
            self._stepped(call, call.func, given, space)
        elif name_of(call.func) not in HARMLESS and any(hands_on(one, space) for one in given):
            raise Unsure(f"`{ast.unparse(call.func)}` is given the scheduler, and may step it")

    def _stepped(self, call: ast.Call, function: ast.Attribute, given: list[ast.expr], space: Space) -> None:
        receiver = worth(function.value, space)
        if function.attr == "backward":
            self.tally.backwards += self.times
        elif receiver is Mark.TURNS:
            raise TurnByTurn
        elif receiver is Mark.SCHEDULER:
            if given:
                raise Unsure(f"`{ast.unparse(call)}` says itself which step it is")
            self.tally.calls += self.times
            self.tally.by_batch += self.times if self.within else 0
            self.tally.place = (self.cell, call.lineno)
        elif hands_on(function.value, space):
            raise Unsure(f"`{ast.unparse(call)[:60]}` may step another scheduler")
        elif receiver is Mark.OPTIMIZER or any(worth(one, space) is Mark.OPTIMIZER for one in given):
            self.tally.steps += self.times

    def _run(self, function: Function, call: ast.Call, space: Space) -> None:
        if not counts(function.node, function.space):
            return
        self.depth += 1
        if self.depth > DEPTH:
            raise Unsure(f"`{function.node.name}` calls itself")
        inner = function.space.new_child(arguments(function, call, space))
        try:
            with contextlib.suppress(Left):
                self.statements(function.node.body, inner)
        finally:
            self.depth -= 1

    # Branches and loops ---------------------------------------------------------------------------------------------

    def _branch(self, test: ast.expr, body: list[ast.stmt], orelse: list[ast.stmt], space: Space) -> None:
        self._calls(test, space)
        known = decided(worth(test, space))
        if known is True or known is False:
            return self.statements(body if known else orelse, space)
        leaves = [leaf for part in (*body, *orelse) for leaf in leaving(part)]
        counting = any(self._counts(part, space) for part in (*body, *orelse))
        if known is Mark.TURNS and (leaves or counting):
            raise TurnByTurn
        told = ast.unparse(test)[:60]
        if counting:
            self._either(told, body, orelse, space)
        if self.within and any(not isinstance(leaf, ast.Continue) for leaf in leaves):
            raise Unsure(f"a pass may end early, where `{told}`")
        self.tally.open_end |= bool(leaves) or counting
        for part in (*body, *orelse):
            forget(part, space, Mark.UNKNOWN)
        return None

    def _either(self, told: str, body: list[ast.stmt], orelse: list[ast.stmt], space: Space) -> None:
        """Count what one or the other branch counts at most; neither may step the scheduler."""
        before, counted = self.tally, []
        for part in (body, orelse):
            self.tally = dataclasses.replace(before)
            with contextlib.suppress(Left):
                self.statements(part, space)
            counted.append(self.tally)
        if any(tally.calls != before.calls for tally in counted):
            raise Unsure(f"it is stepped only where `{told}`, which the text does not tell")
        self.tally = max(counted, key=lambda tally: (tally.steps, tally.backwards))

    def _counts(self, node: ast.AST, space: Space) -> bool:
        if id(node) not in self._known:
            self._known[id(node)] = counts(node, space)
        return self._known[id(node)]

    def _for(self, node: ast.For, space: Space) -> None:
        self._calls(node.iter, space)
        if not self._counts(node, space):
            return forget(node, space, Mark.UNKNOWN)
        value = worth(node.iter, space)
        over = turns(value)
        if over is None:
            if value is Mark.TURNS:
                raise TurnByTurn
            return self._unknown(node, space)
        if over.loader:
            self.tally.rounds += self.times
            self.within += 1
        try:
            self._turns(node, over, space)
        finally:
            self.within -= over.loader
        return None

    def _turns(self, node: ast.For, over: Turned, space: Space) -> None:
        """All turns at once where each does the same, else one by one."""
        if not over.count:
            return
        kept, held, times = dataclasses.replace(self.tally), dict(space.maps[0]), self.times
        try:
            self.times *= over.count
            forget(node, space, Mark.TURNS)
            self._item(node, over, 0, space, at_once=over.count > 1)
            self._body(node, space)
            forget(node, space, Mark.UNKNOWN)
        except (TurnByTurn, Left):
            self._restore(kept, held, times, space)
            self._one_by_one(node, over, space)
        finally:
            self.times = times

    def _one_by_one(self, node: ast.For, over: Turned, space: Space) -> None:
        for i in range(over.count):
            self._item(node, over, i, space, at_once=False)
            try:
                self._body(node, space)
            except Left as stop:
                if stop.by is ast.Break:
                    break
                raise

    def _body(self, node: ast.For | ast.While, space: Space) -> None:
        try:
            self.statements(node.body, space)
        except Left as stop:
            if stop.by is not ast.Continue:
                raise

    def _item(self, node: ast.For, over: Turned, i: int, space: Space, *, at_once: bool) -> None:
        item = Mark.UNKNOWN if over.values is None else Mark.TURNS if at_once else over.values[i]
        if over.numbered is None:
            return self.bind(node.target, item, space)
        return self.bind(node.target, [Mark.TURNS if at_once else over.numbered + i, item], space)

    def _while(self, node: ast.While, space: Space) -> None:
        if not self._counts(node, space):
            return forget(node, space, Mark.UNKNOWN)
        while (known := decided(worth(node.test, space))) is True and not is_forever(node):
            try:
                self._body(node, space)
            except Left as stop:
                if stop.by is ast.Break:
                    return None
                raise
        if known is Mark.TURNS:
            raise TurnByTurn
        return None if known is False else self._unknown(node, space)

    def _unknown(self, node: ast.For | ast.While, space: Space) -> None:
        """A loop of unknown length; what it counts is counted once, and it must not step the scheduler."""
        before = self.tally.calls
        forget(node, space, Mark.UNKNOWN)
        with contextlib.suppress(Left):
            self._body(node, space)
        if self.tally.calls != before:
            head = ast.unparse(node.iter if isinstance(node, ast.For) else node.test)
            raise Unsure(f"how many turns the loop over `{head[:60]}` makes is not known")

    def _restore(self, tally: Tally, held: dict[str, Any], times: int, space: Space) -> None:
        self.tally, self.times = tally, times
        space.maps[0].clear()
        space.maps[0].update(held)
