"""The numbers that the user keeps in variables: one, or a small array of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

if TYPE_CHECKING:
    from .names import Variables

#: entries up to which an array may be means or deviations
SMALL = 4096
#: what objects that scale keep of the data: those of scikit-learn and the like
FITTED = ("mean_", "scale_")


def kept_numbers(variables: Variables) -> dict[str, Any]:
    """Numbers and small arrays by name, as they are, and those of fitted scalers as `scaler.mean_`."""
    found: dict[str, Any] = {}
    for space in reversed(variables.visible()):
        for name, value in space.items():
            if _is_small(value):
                found[name] = value
            elif not issubclass(type(value), type):
                fitted = _attributes(value)
                found |= {
                    f"{name}.{attribute}": fitted[attribute] for attribute in FITTED if set(FITTED) <= set(fitted)
                }
    return {name: value for name, value in found.items() if _is_small(value)}


def _attributes(value: Any) -> dict[str, Any]:
    """An object's own attributes, without running any code of the user's."""
    try:
        held: dict[str, Any] = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return held


def _is_small(value: Any) -> bool:
    kind = type(value)  # an object may say that it is another
    if issubclass(kind, Tensor):
        return bool(value.numel() <= SMALL and value.is_floating_point())
    if issubclass(kind, (np.ndarray, np.generic)):
        return bool(value.size <= SMALL and np.issubdtype(value.dtype, np.floating))
    if kind.__module__.startswith("pandas.") and kind.__name__ == "Series":
        return len(value) <= SMALL and getattr(value.dtype, "kind", "") == "f"
    return issubclass(kind, float)
