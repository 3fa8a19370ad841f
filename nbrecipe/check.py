"""A check: one file, one falsifiable statement about a training program.

The file's name is the id, its docstring the page: title (the healthy state, one sentence), blank line, why it
matters. Then one `check = Check(__name__, ...)` and its marks.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from .bench import FIELDS, Bench
from .finding import Finding
from .recipe import Tip, tip_named

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


class Check:
    """One statement: how to test it, how to draw what was seen, and examples where it fails and where it holds.

    Raises TypeError, naming the file, when `run` asks for something that a bench does not have.
    """

    def __init__(self, module: str, *, tip: str, cost: Cost = "instant", rows: bool = False) -> None:
        page = inspect.cleandoc(sys.modules[module].__doc__ or "")
        title, _, why = page.partition("\n\n")
        self.id = module.rpartition(".")[2].replace("_", "-")
        self.chapter = module.split(".")[-2]
        self.title = " ".join(title.split()).rstrip(".")
        self.why = why.strip()
        self.tip: Tip = tip_named(tip)
        self.cost: Cost = cost
        #: whether it judges the data set as well, where that has been read
        self.rows = rows
        self.needs: tuple[str, ...] = ()
        self.wants: tuple[str, ...] = ()
        self.broken: list[Example] = []
        self.healthy: list[Example] = []
        self.drawing: Draw | None = None
        self._run: Run | None = None

    def __repr__(self) -> str:
        return f"<check {self.id}: {self.title}>"

    def run(self, function: AnyRun) -> AnyRun:
        """Mark the function that judges; its parameters name what it needs of a bench, defaults make it optional."""
        parameters = inspect.signature(function).parameters
        unknown = sorted(set(parameters) - set(FIELDS))
        if unknown:
            raise TypeError(f"{self.id}: a bench has no {unknown}; it has {sorted(FIELDS)}")
        self.needs = tuple(n for n, p in parameters.items() if p.default is p.empty)
        self.wants = tuple(n for n, p in parameters.items() if p.default is not p.empty)
        self._run = function
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
        return self._run(**given)
