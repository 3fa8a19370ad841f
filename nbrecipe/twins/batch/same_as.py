"""`same_as`, the Python twin of `%%same_as`: a loop and the function that replaces it, compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ... import verbs
from ...batches import BadInput
from ...checks.notebook import unequal_rewrite
from ...experiments.rewrite import Rewrite, compare
from ...finding import Result
from ...verbs import Answer


def same_as(
    old: Callable[..., Any],
    new: Callable[..., Any],
    *,
    example: Any,
    kwargs: Mapping[str, Any] | None = None,
    budget: float = 20.0,
) -> Answer:
    """Compare a loop, `old`, with the function that replaces it, on an example call and on inputs drawn from it.

    `example` is the tuple of arguments of a call, or its one argument. Outputs, gradients and changes in place are
    compared; random numbers are seeded alike. At most about `budget` seconds. Raises BadInput, in one sentence.
    """
    for role, function in (("old", old), ("new", new)):
        if not callable(function):
            raise BadInput(f"`{role}` is of type {type(function).__name__}; same_as compares two functions")
    args = example if isinstance(example, tuple) else (example,)
    names = {"old_name": _name(old, "old"), "new_name": _name(new, "new")}
    return same_as_of(Rewrite(old, new, args, dict(kwargs or {}), **names), budget=budget)


def same_as_of(rewrite: Rewrite, *, budget: float = 20.0, where: str = "") -> Answer:
    """The same for a rewrite; `where` is the cell that defines the new function."""
    if not budget > 0:
        raise BadInput(f"the budget is a number of seconds above 0; {budget} was given")
    start = time.perf_counter()
    outcome = compare(rewrite, budget=budget)
    seconds = time.perf_counter() - start
    if outcome.useless:
        raise BadInput(f"there is nothing to compare: {outcome.useless}")
    check = unequal_rewrite.check
    result = Result(check.id, check.title, unequal_rewrite.judge(outcome, where), seconds)
    note = "your inputs are as they were"
    if check.id in verbs.SESSION.silenced:
        note += f"; silenced on the board: {check.id}"
    else:
        verbs.SESSION.report.add([result])
    title = f"`{rewrite.new_name}` in place of `{rewrite.old_name}`"
    return Answer(title, {result.id: result}, note=note, seconds=seconds)


def _name(function: Any, otherwise: str) -> str:
    name = str(getattr(function, "__name__", type(function).__name__))
    return name if name.isidentifier() else otherwise
