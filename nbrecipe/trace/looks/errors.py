"""Where an error of the user's cell was born: the module that was called, and what it was given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any

from torch import nn

from ..measures.facts import tensors
from .models import Known

#: the function in which torch calls a module
CALL = nn.Module._call_impl.__code__


def origin(error: TracebackType | None, known: Iterable[Known]) -> str:
    """The innermost module that an error came out of, and its shapes beside those of the passes before it.

    Empty where no module was being called.
    """
    calls = list(_calls(error))
    if not calls:
        return ""
    module, given = calls[-1]
    outer, outer_given = calls[0]
    model = next((one for one in known if one.module is outer), None)
    name = f"`{_path(model, module)}`" if model is not None else "a module"
    told = f"the error came out of {name} ({type(module).__name__}), which was given {_shapes(given)}"
    before = model.seen.passes[-1].inputs if model is not None and model.seen.passes else ()
    shapes = ", ".join(str(facts.shape) for facts in before)
    if model is None or not shapes or shapes == _shapes(outer_given):
        return told
    return f"{told}; `{model.seen.name}` was given {_shapes(outer_given)}, at the pass before {shapes}"


def _calls(error: TracebackType | None) -> Iterator[tuple[nn.Module, Any]]:
    """The modules that were being called, the outermost first, with their arguments."""
    while error is not None:
        frame = error.tb_frame
        if frame.f_code is CALL:
            yield frame.f_locals["self"], [frame.f_locals.get("args"), frame.f_locals.get("kwargs")]
        error = error.tb_next


def _path(model: Known, module: nn.Module) -> str:
    path = next((path for path, part in model.module.named_modules() if part is module), "")
    return f"{model.seen.name}.{path}" if path else model.seen.name


def _shapes(given: Any) -> str:
    return ", ".join(str(tuple(tensor.shape)) for tensor in list(tensors(given))[:4]) or "no tensor"
