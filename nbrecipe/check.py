"""A check: one file, one falsifiable statement about a training program.

The file's name is the id, its docstring the page: title (the healthy state, one sentence), blank line, why it
matters. Then one `check = Check(__name__, ...)` and its marks. One that carries out no tip of the essays stands on the
board under its own name, in the stage that it names.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from .bench import FIELDS, Bench
from .finding import Finding, bad, ok
from .recipe import STAGES, Tip, tip_named

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: instant: objects or one batch; scan: reads the data set; trains: trains a copy for seconds
Cost = Literal["instant", "scan", "trains"]
Run = Callable[..., Finding]
Draw = Callable[["Axes", Mapping[str, Any]], None]
Example = Callable[[], Bench]
AnyRun = TypeVar("AnyRun", bound=Run)
AnyDraw = TypeVar("AnyDraw", bound=Draw)
AnyExample = TypeVar("AnyExample", bound=Example)


RETURNS = "a finding (nbrecipe.ok, nbrecipe.bad, nbrecipe.hint), True, False, or a sentence that says what is wrong"
#: the chapter of checks that stand in no folder
OWN = "own"
#: the source of a check that a notebook wrote
NOTEBOOK = "notebook"


class Check:
    """One statement: how to test it, how to draw what was seen, and examples where it fails and where it holds.

    Raises TypeError, naming the file, when `run` asks for something that a bench does not have.
    """

    def __init__(
        self,
        module: str,
        *,
        tip: str = "",
        cost: Cost = "instant",
        rows: bool = False,
        stage: str = "",
        page: str | None = None,
    ) -> None:
        self._describe((sys.modules[module].__doc__ if page is None else page) or "", *_named(module))
        self.tip: Tip = tip_named(tip) if tip else self._own_tip(stage or "skeleton")
        self.cost: Cost = cost
        #: whose it is: "" for one of ours, else the distribution that brings it, or NOTEBOOK
        self.source = ""
        #: whether it judges the data set as well, where that has been read
        self.rows = rows
        self.needs: tuple[str, ...] = ()
        self.wants: tuple[str, ...] = ()
        self.broken: list[Example] = []
        self.healthy: list[Example] = []
        self.drawing: Draw | None = None
        self._run: Run | None = None
        #: the file of the function that judges
        self.file = ""

    def __repr__(self) -> str:
        return f"<check {self.id}: {self.title}>"

    def _describe(self, page: str, id: str, chapter: str) -> None:
        title, _, why = inspect.cleandoc(page).partition("\n\n")
        self.id, self.chapter = id, chapter
        self.title = " ".join(title.split()).rstrip(".") or id.replace("-", " ").capitalize()
        self.why = why.strip()

    def _own_tip(self, stage: str) -> Tip:
        names = [known.name for known in STAGES]
        if stage not in names:
            raise LookupError(f"the recipe has no stage {stage!r}; it has {', '.join(names)}")
        return Tip(self.id, self.title, "own", "own checks", f"%recipe {self.id}", stage=stage)

    def run(self, function: AnyRun) -> AnyRun:
        """Mark the function that judges; its parameters name what it needs of a bench, defaults make it optional."""
        parameters = inspect.signature(function).parameters
        unknown = sorted(set(parameters) - set(FIELDS))
        if unknown:
            raise TypeError(f"{self.id}: a bench has no {unknown}; it has {sorted(FIELDS)}")
        self.needs = tuple(n for n, p in parameters.items() if p.default is p.empty)
        self.wants = tuple(n for n, p in parameters.items() if p.default is not p.empty)
        self._run = function
        self.file = getattr(getattr(function, "__code__", None), "co_filename", "")
        return function

    def draw(self, function: AnyDraw) -> AnyDraw:
        """Mark the function that draws what was seen, from the recorded numbers alone."""
        self.drawing = function
        return function

    def breaks(self, function: AnyExample) -> AnyExample:
        """Mark an example that breaks one thing; its docstring says which."""
        self.broken.append(function)
        return function

    def holds(self, function: AnyExample) -> AnyExample:
        """Mark an example that is right, above all one that looks like the fault and is not."""
        self.healthy.append(function)
        return function

    def judge(self, given: Mapping[str, Any]) -> Finding:
        """The finding for these inputs."""
        if self._run is None:
            raise TypeError(f"{self.id}: has no run")
        return found(self._run(**given), self.title)


def found(value: Any, title: str) -> Finding:
    """What a check returned, as a finding: True, False and a sentence that says what is wrong are short for one.

    Raises TypeError for anything else.
    """
    if isinstance(value, Finding):
        return value
    if isinstance(value, str):
        return bad(value, fix="") if value.strip() else ok(title)
    try:
        plain = value.item() if hasattr(value, "item") else value  # a bool of NumPy or torch
    except (ValueError, RuntimeError):
        plain = value
    if not isinstance(plain, bool):
        raise TypeError(f"a check returns {RETURNS}; this one returned {value!r:.60}")
    return ok(title) if plain else bad(f"“{title}” does not hold", fix="")


def _named(module: str) -> tuple[str, str]:
    """The id and the chapter of the check in this module."""
    *folders, name = module.split(".")
    return name.replace("_", "-"), folders[-1] if folders else OWN
