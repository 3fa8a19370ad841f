"""The lines that show a difference once more, where its inputs are few enough numbers to paste."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .draws import Case
from .given import Rewrite, arrays, is_array, parameters_of, plain

#: numbers that still read as a line
FEW = 24


def pasted(rewrite: Rewrite, case: Case) -> str:
    """Inputs and both calls as code; "" where the inputs are too long, or cannot be written down."""
    names = parameters_of(rewrite)
    args, kwargs = case.given
    if case.layout or len(names) < len(args) or not (rewrite.old_name + rewrite.new_name).isidentifier():
        return ""
    if sum(plain(item).size for item in arrays(case.given)) > FEW:
        return ""
    written = {name: _written(value) for name, value in [*zip(names, args, strict=False), *kwargs.items()]}
    if not all(written.values()):
        return ""
    lines = [f"{name} = {text}" for name, text in written.items()]
    call = ", ".join([*names[: len(args)], *(f"{key}={key}" for key in kwargs)])
    return "\n".join([*lines, f"{rewrite.old_name}({call}), {rewrite.new_name}({call})"])


def _written(value: Any) -> str:
    if is_array(value):
        numbers = _numbers(value)
        if not numbers:
            return ""
        if not isinstance(value, Tensor):
            return f"np.array({numbers}, dtype=np.{value.dtype})"
        usual = value.dtype in (torch.float32, torch.int64, torch.bool) and value.numel() > 0
        return f"torch.tensor({numbers}" + (")" if usual else f", dtype={value.dtype})")
    plainly = value is None or type(value) in (bool, int, float, str)
    return repr(value) if plainly or (type(value) in (list, tuple) and not arrays(value)) else ""


def _numbers(value: Any) -> str:
    """The shortest digits that give the same numbers back; "" where one is not finite."""
    seen = plain(value)
    if seen.dtype.kind in "fc" and not np.isfinite(seen).all():
        return ""
    if not seen.ndim:
        return repr(seen.item())
    told = np.array2string(seen, separator=", ", max_line_width=10**6, threshold=10**6, floatmode="unique")
    return re.sub(r"\s+", " ", told).replace("[ ", "[").replace(" ,", ",").replace(" ]", "]")
