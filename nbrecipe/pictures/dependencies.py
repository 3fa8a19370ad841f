"""Which outputs depend on which inputs, along one axis: a table of strengths with the names of its rows and columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

#: an axis along which outputs and inputs are told apart
Over = Literal["batch", "time", "features", "space"]
#: which inputs an output may depend on: those of its own row, those up to its own place, any
Meant = Literal["own", "past", "any"]


@dataclass(frozen=True)
class Chart:
    """How strongly outputs depend on inputs, by the size of gradients: exactly 0 is no dependency.

    `values` is (outputs, inputs): the largest absolute gradient, summed over nothing. Where `shape` is set the inputs
    are places of a map, (height, width), row by row.
    """

    over: Over
    values: np.ndarray
    #: what a person calls each output and each input: "row 3", "t = 4", "class 2"
    outputs: tuple[str, ...]
    inputs: tuple[str, ...]
    meant: Meant = "any"
    #: (height, width) of the map of inputs; None where inputs stand in a line
    shape: tuple[int, int] | None = None
    #: (height, width), in pixels, of the smallest box around what each output depends on, where `shape` is set
    fields: tuple[tuple[int, int], ...] = ()
    #: what else the reader should know, in one short phrase
    note: str = ""
    #: the mode the model was in
    training: bool = False

    @property
    def wrong(self) -> np.ndarray:
        """(outputs, inputs) where there is a dependency that should not be."""
        rows, columns = self.values.shape
        if self.meant == "any":
            return np.zeros((rows, columns), bool)
        allowed = np.eye(rows, columns) if self.meant == "own" else np.tri(rows, columns)
        return np.asarray((self.values > 0) & (allowed == 0))

    @property
    def silent(self) -> np.ndarray:
        """The inputs that no output depends on, by their number."""
        return np.flatnonzero((self.values == 0).all(axis=0))
