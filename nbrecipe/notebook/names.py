"""Finds model, loss, loaders and the rest among the user's variables, without running the user's code.

In this order: an explicit flag, what is bound, names assigned in this cell, conventional names, the only object of
that kind. Two candidates are an error that names both.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from IPython.core.error import UsageError
from torch import Tensor, nn
from torch.utils.data import DataLoader

from ..bench import Bench, Cell
from . import past
from .kinds import (
    BATCH,
    KINDS,
    LOSS,
    MODEL,
    OPTIMIZER,
    PAIRS,
    PRETRAINED,
    TRAIN,
    TRAIN_DATA,
    VAL,
    VAL_DATA,
    Kind,
    is_functional,
    of,
)
from .numbers import kept_numbers
from .saved import Saved
from .written import kept_texts

#: rows of two whole tensors that make a batch
ROWS = 64
#: kinds of which two candidates must not be passed over in silence
DECISIVE = (MODEL, LOSS, TRAIN)


@dataclass
class Variables:
    """The user's variables: those of the function that is running, and beneath them the notebook's."""

    user: dict[str, Any]
    local: Mapping[str, Any] = field(default_factory=dict)
    #: names that IPython put there itself
    hidden: Mapping[str, Any] = field(default_factory=dict)
    #: what to run to have a name that is not here, given those that are; "" where nobody knows
    again: Callable[[str, Collection[str]], str] = lambda name, known: ""

    @classmethod
    def of_shell(cls, shell: Any, local_ns: Mapping[str, Any] | None) -> Variables:
        """What a magic sees in this shell."""
        inside = {} if local_ns is None or local_ns is shell.user_ns else local_ns
        again = lambda name, known: Saved.of_shell(shell).again([name], known)  # noqa: E731
        return cls(shell.user_ns, inside, shell.user_ns_hidden, again)

    def visible(self) -> list[dict[str, Any]]:
        """The variables by scope, the inner first, without private names and history."""
        return [
            {name: value for name, value in space.items() if self._shows(name, value)}
            for space in (self.local, self.user)
        ]

    def value(self, expression: str) -> Any:
        """What a Python expression is worth here; UsageError, in one sentence, when it cannot be told."""
        try:
            return eval(compile(expression, "<expression>", "eval"), self.user, dict(self.local))
        except SyntaxError:
            raise UsageError(f"`{expression}` is no Python expression") from None
        except NameError as error:
            raise UsageError(self._unknown(error.name or expression)) from None
        except Exception as error:
            raise UsageError(f"`{expression}` raises {type(error).__name__}: {error}") from None

    def _shows(self, name: str, value: Any) -> bool:
        ours = name in self.hidden and self.hidden[name] is value
        return not ours and not name.startswith("_") and name not in ("In", "Out", "exit", "quit", "get_ipython")

    def _unknown(self, name: str) -> str:
        known = [name for space in self.visible() for name in space]
        if told := self.again(name, known):
            return f"there is no `{name}` here; {told}"
        near = difflib.get_close_matches(name, known, n=1)
        return f"there is no `{name}` here" + (f"; did you mean `{near[0]}`?" if near else "")


@dataclass
class Search:
    """One search for everything that a bench holds."""

    variables: Variables
    #: expressions by flag, given in the line or bound before
    given: Mapping[str, str]
    #: names assigned by the cell at hand
    fresh: tuple[str, ...] = ()
    cells: tuple[Cell, ...] = ()
    #: how to choose among two: "%check_init" → "%check_init --loss NAME"
    magic: str = "%check_init"
    #: whether an optimizer of another model is of use
    any_optimizer: bool = True
    #: what is looked for
    kinds: tuple[Kind, ...] = KINDS

    found: dict[str, Any] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def bench(self) -> Bench:
        """Everything found; what is missing stays None.

        Raises UsageError, in one sentence, for a given value that does not fit and for two candidates.
        """
        self.given_values()
        for kind in self.kinds:
            if kind.field not in self.found and kind is not PRETRAINED:
                self._look_for(kind)
        self._derive()
        kept: dict[str, Any] = {"numbers": kept_numbers(self.variables), "texts": kept_texts(self.variables)}
        return Bench(**self.found, cells=self.cells, names=self.names, **kept)

    def given_values(self) -> dict[str, Any]:
        """What was given explicitly, by field, proved to be what it should be."""
        for kind in KINDS:
            expression = self.given.get(kind.flag)
            if expression is not None:
                value = _checked(kind, expression, self.variables.value(expression))
                self._take(kind, _speakable(expression), value)
        return dict(self.found)

    def _take(self, kind: Kind, name: str, value: Any) -> None:
        self.found[kind.field] = value
        if name:
            self.names[kind.field] = name

    def _look_for(self, kind: Kind) -> None:
        if kind is BATCH and "train_loader" in self.found:
            return
        needed = kind in DECISIVE and not (kind is TRAIN and "batch" in self.found)
        for space in self.variables.visible():
            for tier in self._tiers(kind, space):
                candidates = self._distinct(kind, tier)
                if len(candidates) > 1 and needed:
                    raise UsageError(self._ambiguous(kind, list(candidates)))
                if len(candidates) == 1:
                    self._take(kind, *next(iter(candidates.items())))
                if candidates:
                    return

    def _tiers(self, kind: Kind, space: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
        usual = [{n: space[n] for n in group if n in space and kind.could(space[n])} for group in kind.usual]
        fresh = [name for name in self.fresh if name in space]
        for group in usual:
            yield {name: value for name, value in group.items() if name in fresh}
        yield {name: space[name] for name in fresh if kind.fits(name, space[name])}
        yield from usual
        yield {name: value for name, value in space.items() if kind.fits(name, value)}

    def _distinct(self, kind: Kind, tier: Mapping[str, Any]) -> dict[str, Any]:
        """The candidates that are no alias or part of another, nor already something else."""
        taken = {id(value) for value in self.found.values()}
        once: dict[int, str] = {}
        for name, value in tier.items():
            if id(value) not in taken:
                once.setdefault(id(value), name)
        candidates = {name: tier[name] for name in once.values()}
        if kind in (MODEL, LOSS) and len(candidates) > 1:
            inner = {id(part) for whole in candidates.values() for part in _parts(whole)}
            candidates = {name: value for name, value in candidates.items() if id(value) not in inner}
        if kind is LOSS and len(candidates) > 1:  # functions of torch that were imported for something or other
            candidates = {name: value for name, value in candidates.items() if not is_functional(name, value)}
        if kind is OPTIMIZER and (len(candidates) > 1 or not self.any_optimizer):
            candidates = {name: value for name, value in candidates.items() if _trains(value, self.found.get("model"))}
        return candidates

    def _ambiguous(self, kind: Kind, names: list[str]) -> str:
        listed = ", ".join(f"`{name}`" for name in names)
        if self.magic == "%recipe":
            choice = f"%bind {kind.flag}={names[-1]}"
        else:
            positional = kind is MODEL and "overfit_batch" not in self.magic
            choice = f"{self.magic} {'' if positional else f'--{kind.flag} '}{names[-1]}"
        return f"{len(names)} {kind.plural} here: {listed}; say which: {choice}"

    def _derive(self) -> None:
        """What follows from the rest: data sets of loaders, a batch of whole tensors, weights loaded into the model."""
        for loader, data in ((TRAIN, TRAIN_DATA), (VAL, VAL_DATA)):
            inside = vars(self.found[loader.field]) if of(self.found.get(loader.field), DataLoader) else {}
            if data.field not in self.found and inside.get("dataset") is not None:
                self._take(data, f"{self.names.get(loader.field, loader.field)}.dataset", inside["dataset"])
        if not {"batch", "train_loader"} & self.found.keys():
            self._pair()
        if "model" in self.found:
            self.found["trained"] = past.trained(self.cells, self._names_of_model())
            if "pretrained" not in self.found:
                self._loaded()

    def _pair(self) -> None:
        for space in self.variables.visible():
            for x, y in PAIRS:
                inputs: Any = space.get(x)
                targets: Any = space.get(y)
                if of(inputs, Tensor) and of(targets, Tensor) and same_rows(inputs, targets):
                    cut = spread_rows(len(inputs))
                    name = f"({x}{cut}, {y}{cut})"
                    return self._take(BATCH, name, eval(name, dict(space)))
        return None

    def _loaded(self) -> None:
        """The state dict that a cell loaded into the model, where it still stands in a variable."""
        for target, state in past.loads(self.cells):
            if ast.unparse(target) not in self._names_of_model():
                continue
            for space in self.variables.visible():
                value = _entry(space, state)
                if of(value, Mapping) and any(of(item, Tensor) for item in value.values()):
                    return self._take(PRETRAINED, ast.unparse(state), value)
        return None

    def _names_of_model(self) -> set[str]:
        model = self.found["model"]
        names = {name for space in self.variables.visible() for name, value in space.items() if value is model}
        return names | {self.names.get("model", "model")}


def spread_rows(count: int) -> str:
    """What cuts so many rows down to a batch, spread over all of them: rows often stand in order of their labels."""
    if count <= ROWS:
        return ""
    return f"[:{ROWS}]" if count < 2 * ROWS else f"[::{count // ROWS}]"


def _checked(kind: Kind, expression: str, value: Any) -> Any:
    if kind.could(value):
        return value
    if of(value, type):
        raise UsageError(f"`{expression}` is a class; {kind.flag} takes an object of it: `{expression}()`")
    held = list(value.values()) if of(value, Mapping) else value
    if kind.field == "batch" and of(held, tuple, list) and held:
        types = dict.fromkeys(type(item).__name__ for item in held)
        raise UsageError(f"`{expression}` holds no tensor but {' and '.join([*types][:3])}; give tensors")
    raise UsageError(f"`{expression}` is of type {type(value).__name__}; {kind.flag} takes {kind.takes}")


def _speakable(expression: str) -> str:
    """The expression where the user's code can go on with it: a name, an attribute or an entry, but no call."""
    tree = ast.parse(expression, mode="eval")
    plain = not any(isinstance(node, (ast.Call, ast.NamedExpr, ast.Await)) for node in ast.walk(tree))
    return expression if plain else ""


def _entry(space: Mapping[str, Any], expression: ast.expr) -> Any:
    """What a name, or an entry of a plain dict such as `checkpoint["model"]`, stands for; runs no code."""
    match expression:
        case ast.Name(id=name):
            return space.get(name)
        case ast.Subscript(value=inner, slice=ast.Constant(value=key)):
            table = _entry(space, inner)
            return table.get(key) if of(table, dict) else None
    return None


def _parts(whole: Any) -> Iterable[Any]:
    return (part for part in whole.modules() if part is not whole) if of(whole, nn.Module) else ()


def _trains(optimizer: Any, model: Any) -> bool:
    held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    return model is not None and any(id(parameter) in held for parameter in model.parameters())


def same_rows(inputs: Any, targets: Any) -> bool:
    """Whether two tensors or arrays have an example for an example."""
    return inputs.ndim > 0 and targets.ndim > 0 and len(inputs) == len(targets) > 0
