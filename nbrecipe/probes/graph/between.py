"""Whether the user's own code gives a loss what the model answers, or changes it on the way."""

from __future__ import annotations

import dataclasses
import re

from ... import batches
from ...bench import Bench
from ...finding import Finding, Verdict

#: what a line may do to a value without changing it
MOVED = r"(\.(to|cuda|cpu)\([^()]*\))?"


def as_called(bench: Bench, found: Finding) -> Finding:
    """A fault of what one batch gives the loss; a hint, where the loop may squeeze, squash or cast on the way.

    It stays a fault where the model gives its own loss, where the loss runs the model itself, and where a cell calls
    the loss on the model's answer and the targets as they are.
    """
    loss_fn = bench.loss_fn
    whole = loss_fn is None or batches.takes_model(loss_fn)
    if found.verdict is not Verdict.BAD or whole or any(_as_it_is(bench, cell.source) for cell in bench.cells):
        return found
    name = bench.name("loss_fn")
    doubt = f"unless your loop changes outputs or targets on their way to `{name}`"
    return dataclasses.replace(found, verdict=Verdict.HINT, why=f"{found.why}; {doubt}" if found.why else doubt)


def _as_it_is(bench: Bench, source: str) -> bool:
    model, loss = re.escape(bench.name("model")), re.escape(bench.name("loss_fn"))
    answer = rf"{model}\([^()]*\)"
    for output, target in re.findall(rf"\b{loss}\(\s*({answer}|\w+)\s*,\s*(\w+)\s*\)", source):
        given = re.fullmatch(answer, output) or _only(source, output, answer)
        if given and not _changed(source, target):
            return True
    return False


def _only(source: str, name: str, value: str) -> bool:
    """Whether a name is assigned, and nothing but this value."""
    assigned = re.findall(rf"^\s*{name}\s*=(?!=)\s*(.*?)\s*(?:#.*)?$", source, re.M)
    return bool(assigned) and all(re.fullmatch(value, text) for text in assigned)


def _changed(source: str, name: str) -> bool:
    """Whether a name is given another value than its own on another device."""
    assigned = re.findall(rf"^\s*{name}\s*=(?!=)\s*(.*?)\s*(?:#.*)?$", source, re.M)
    return any(not re.fullmatch(name + MOVED, text) for text in assigned)
