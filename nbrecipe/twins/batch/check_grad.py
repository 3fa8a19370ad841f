"""`check_grad`, the Python twin of `%check_grad`: gradients of backward against finite differences."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from ... import verbs
from ...batches import BadInput
from ...bench import Bench
from ...checks.model import wrong_gradient
from ...experiments.gradients import POINTS, audit_function, audit_model
from ...finding import Result
from ...pictures.gradients import Gradients
from ...render.nets import gradients as drawn
from ...session import UNCHANGED, require
from ...verbs import Shown


@dataclass
class GradientCheck(Shown):
    """Whether backward is right, and by how much each gradient is off; `gradients` holds every number."""

    gradients: Gradients = field(default=Gradients(()), repr=False)

    def __str__(self) -> str:
        return drawn.text_of(self, self.gradients)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return drawn.html_of(self, self.gradients)


def check_grad(
    model: nn.Module | Callable[..., Any] | None = None,
    *,
    inputs: Any = None,
    elements: int | None = None,
    budget: float = 20.0,
    **given: Any,
) -> GradientCheck:
    """Compare every gradient with finite differences, in float64 on a copy, with regularisation off.

    Takes a model and loss=, batch=, train= (a loader); or any function, or `MyFunction.apply`, and `inputs`, the tuple
    of what it takes. `elements` of each tensor are looked at one by one. Raises BadInput, in one sentence.
    """
    if inputs is not None:
        return check_function(model, inputs, name=_name(model), elements=elements, budget=budget)
    if model is not None and not isinstance(model, nn.Module):
        raise BadInput("a function needs `inputs`, the tuple of what it takes; a model needs a batch instead")
    return check_grad_of(verbs.bench_of(model=model, **given), elements=elements, budget=budget)


def check_grad_of(bench: Bench, *, elements: int | None = None, budget: float = 20.0) -> GradientCheck:
    """The same for a bench."""
    points = _points(elements, budget) or POINTS
    require(bench, "model", "batch")
    start = time.perf_counter()
    name = bench.name("model")
    try:
        found = audit_model(bench, budget=budget, points=points)
    except BadInput as error:
        if not set(name) & set(".["):
            raise
        raise BadInput(f"{error}; of a part of a model, give what `{name}` takes itself, as `inputs`") from error
    return _answer(found, name, f"Gradients of `{name}`", UNCHANGED, start)


def check_function(
    function: Any, inputs: Any, *, name: str = "", elements: int | None = None, budget: float = 20.0
) -> GradientCheck:
    """The same for a function and what it takes."""
    if not callable(function):
        raise BadInput(f"a gradient is checked of a function; a {type(function).__name__} was given")
    points = _points(elements, budget)
    start = time.perf_counter()
    found = audit_function(function, inputs, budget=budget, **({"points": points} if points else {}))
    title = f"Gradients of `{name}`" if name else "Gradients of a function"
    return _answer(found, name, title, "your inputs are as they were", start)


def _answer(found: Gradients, name: str, title: str, note: str, start: float) -> GradientCheck:
    seconds = time.perf_counter() - start
    check = wrong_gradient.check
    result = Result(check.id, check.title, wrong_gradient.judge(found, name), seconds)
    verbs.SESSION.report.add([result])
    return GradientCheck(title, {result.id: result}, note=note, seconds=seconds, gradients=found)


def _points(elements: int | None, budget: float) -> int:
    if elements is not None and (isinstance(elements, bool) or not isinstance(elements, int) or elements < 1):
        raise BadInput(f"the number of elements is a whole number from 1 on; {elements!r} was given")
    if not budget > 0:
        raise BadInput(f"the budget is a number of seconds above 0; {budget} was given")
    return elements or 0


def _name(function: Any) -> str:
    owner = getattr(function, "__self__", None)
    if isinstance(owner, type):  # MyFunction.apply
        return f"{owner.__name__}.{function.__name__}"
    return str(getattr(function, "__name__", type(function).__name__)).replace("<lambda>", "")
