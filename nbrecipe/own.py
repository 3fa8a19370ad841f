"""`@nbrecipe.check` on a function of the notebook: a check of one's own, which stands beside ours from then on."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable
from typing import Any, get_args

from . import registry, verbs
from .batches import BadInput
from .bench import FIELDS
from .check import NOTEBOOK, OWN, Check, Cost

Function = Callable[..., Any]
#: what a bench calls what flags and arguments call otherwise
CALLED = {"loss": "loss_fn", "train": "train_loader", "val": "val_loader", "net": "model", "dataset": "train_data"}
#: names that `%recipe`, and the comment that silences, can hold
NAME = re.compile(r"[^\W\d_]\w*(?<!_)")
#: the stage of a check that names none, by the first of these that it needs
STAGE = {"trace": "overfit", "train_data": "data", "val_data": "data", "tokenizer": "data", "texts": "data"}


class Refused(BadInput):
    """A function that cannot be a check; in a notebook the sentence stands without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [f"nbrecipe.check: {self}"]


class OwnCheck(Check):
    """A check that a notebook wrote; called, it is the function that it was."""

    def __init__(self, function: Function, *, tip: str, cost: Cost, stage: str) -> None:
        name = f"{OWN}.{function.__name__}"
        super().__init__(name, tip=tip, cost=cost, stage=stage, page=inspect.getdoc(function) or "")
        self.source = NOTEBOOK
        self.function = function
        self.run(function)

    def __call__(self, *given: Any, **named: Any) -> Any:
        """What the function returns."""
        return self.function(*given, **named)

    def remove(self) -> None:
        """Take the check away again, and what it said."""
        registry.remove(self.id)
        verbs.SESSION.report.drop([self.id])


def check(function: Function | None = None, *, tip: str = "", cost: Cost = "instant", stage: str = "") -> Any:
    """Make a check of a function: its name is the id, its docstring the title and, after a blank line, the why.

    Its parameters name what it needs of a bench (`model`, `batch`, `train_data`, …); those with a default it can do
    without. It returns `nbrecipe.ok`, `bad` or `hint`, or True, False, or a sentence that says what is wrong. Written
    again, it replaces what it was. `stage` ("data", "skeleton", …) says where on the board it stands, or `tip` under
    which advice of the essays. Raises BadInput, in one sentence.
    """
    if function is None:
        return lambda each: check(each, tip=tip, cost=cost, stage=stage)
    if isinstance(function, OwnCheck):
        function = function.function
    asked = _asked(function)
    if cost not in get_args(Cost):
        raise Refused(f"a cost is one of {', '.join(get_args(Cost))}; {cost!r} was given")
    if not stage and not tip:
        stage = next((place for need, place in STAGE.items() if need in asked), "skeleton")
    try:
        made = OwnCheck(function, tip=tip, cost=cost, stage=stage)
    except LookupError as error:
        raise Refused(error.args[0]) from None
    if told := registry.taken(made.id):
        raise Refused(f"{told}; call the function something else")
    registry.add(made)
    verbs.SESSION.report.drop([made.id])  # what it said before, it said as another
    return made


def _asked(function: Any) -> list[str]:
    """The names of the parameters; Refused where the function cannot be a check."""
    if not inspect.isfunction(function):
        what = "a class" if inspect.isclass(function) else f"of type {type(function).__name__}"
        raise Refused(f"@nbrecipe.check stands above a function; `{getattr(function, '__name__', function)}` is {what}")
    name = function.__name__
    if not NAME.fullmatch(name):
        raise Refused(f"`{name}` is no name for a check: give the function one that begins and ends with a letter")
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise Refused(f"`{name}` does not return what it found: take `async` and `yield` out of it")
    parameters = inspect.signature(function).parameters
    for parameter in parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise Refused(f"`{name}` takes `{parameter}`; a check names each thing that it needs")
        if parameter.name not in FIELDS:
            raise Refused(f"`{name}` asks for `{parameter.name}`, which no bench has; {_nearest(parameter.name)}")
    return list(parameters)


def _nearest(name: str) -> str:
    near = [CALLED[name]] if name in CALLED else difflib.get_close_matches(name, sorted(FIELDS), n=1)
    return f"did you mean `{near[0]}`?" if near else f"it has {', '.join(sorted(FIELDS))}"
