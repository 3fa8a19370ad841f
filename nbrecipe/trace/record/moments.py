"""Single moments of a running loop as plain data: a line of code, a tensor in numbers, a call of a loss or a model."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Place:
    """A line of the user's code."""

    #: "cell 3", or the name of a file
    where: str = ""
    line: int = 0
    text: str = ""

    def __str__(self) -> str:
        return f"{self.where}, line {self.line}: `{self.text}`" if self.line else self.where

    def __bool__(self) -> bool:
        return self.line > 0


NOWHERE = Place()


@dataclass(frozen=True)
class Facts:
    """A tensor in numbers, taken from a sample of it where it is large."""

    shape: tuple[int, ...]
    dtype: str
    low: float
    high: float
    mean: float
    std: float
    #: share of values that are NaN or infinite
    nonfinite: float = 0.0
    #: values along the axis of classes are at least 0 and sum to 1 / their exponentials sum to 1
    sums_to_one: bool = False
    exps_sum_to_one: bool = False
    #: whole numbers only
    integers: bool = False
    requires_grad: bool = False
    #: the autograd node that made it, "SoftmaxBackward0"; empty where none did
    maker: str = ""
    #: the same, with what only reshapes, picks or casts left out
    origin: str = ""


@dataclass(frozen=True)
class LossCall:
    """One call of a loss function, seen closely."""

    step: int
    place: Place
    output: Facts
    target: Facts | None
    value: float | None
    #: whether gradients were recorded, and whether the output came from a model seen in this cell
    grad: bool
    from_model: bool
    #: what was given beside: reduction, ignore_index, label_smoothing, weight (a list), beta, …
    options: dict[str, Any] = field(default_factory=dict)
    #: targets equal to the model's token ids at this lag: {0: 0.1, 1: 1.0}; empty where the model got no such ids
    lags: dict[int, float] = field(default_factory=dict)
    #: places past its own up to which the output at a place depends on the token ids; None where it was not asked
    reach: int | None = None
    #: whether tokens before its own move it, too
    past: bool = False
    #: length of the rows of token ids; share of the targets that count although the input there is padding
    length: int = 0
    padding: float = 0.0
    #: counts of the most frequent targets that count in the loss, by value; empty for real-valued targets
    counts: dict[int, int] = field(default_factory=dict)
    #: share of right answers in this call, for classes; and the same after the best renaming of the classes
    accuracy: float | None = None
    batch: str = ""


@dataclass
class LossSeen:
    """One loss function called at one place."""

    name: str
    place: Place
    grad: bool
    count: int = 0
    calls: list[LossCall] = field(default_factory=list)
    #: the model whose output it was given, values as they came
    source: str = ""


@dataclass
class Answers:
    """Classes predicted at one place against the targets: of the last evaluation, or late in training where `grad`."""

    place: Place
    grad: bool
    model: str
    loader: str
    #: step at which the counting began
    step: int = 0
    #: how often each class was predicted, by target: {target: {predicted: count}}
    table: dict[int, dict[int, int]] = field(default_factory=dict)
    #: (rows, right) of the first batches
    batches: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class OpSeen:
    """A comparison, a difference, a clamp, … on tensors at one place, seen closely."""

    name: str
    place: Place
    left: Facts
    #: the other operand: a tensor, a number, or None
    right: Facts | float | None
    result: tuple[int, ...]
    grad: bool
    count: int = 1
    #: range of the left operand over all calls
    low: float = 0.0
    high: float = 0.0
    #: whether an operand came out of a model seen in this cell, and whether it is the output itself
    from_model: bool = False
    direct: bool = False
    #: whether it happened in the forward pass of a model
    inside: bool = False
    #: whether all operands came out of models
    both: bool = False
    #: the model whose output the left operand is, values as they came, in whatever shape
    source: str = ""
    #: limits of a clamp
    limits: tuple[float | None, float | None] = (None, None)
    #: times the left operand was this place's own result of an earlier step, after a backward: a kept graph
    carried: int = 0


@dataclass
class Pass:
    """One call of a model from the user's code, seen closely."""

    step: int
    place: Place
    grad: bool
    #: the model's own mode
    training: bool
    #: dropout and batch norm layers that make a difference: in train mode, and in eval mode
    active: tuple[str, ...]
    idle: tuple[str, ...]
    #: fingerprint of the inputs, rows, and what went in and came out
    batch: str
    rows: int
    inputs: tuple[Facts, ...]
    output: Facts | None
    #: whether a backward went through it, and whether anything looked at its output
    trained: bool = False
    used: bool = False
    #: without gradients, what its output met: "loss", "match" (== targets), "difference" (from them), "decision"; and
    #: whether it entered something that has gradients, as a teacher's does
    scored: str = ""
    taught: bool = False
    #: some inputs, and not all, came out of the same model before the last step
    carried: bool = False
    #: whether a loader had just given a batch, and its name
    loader: str = ""
    #: first module inside whose output was NaN or infinitely large
    nonfinite: str = ""


@dataclass
class Update:
    """One step of one optimizer, seen closely; lists run over `layers`."""

    step: int
    layers: list[str]
    #: norms of gradient (None where there was none), weight and change of weight
    gradients: list[float | None]
    weights: list[float]
    changes: list[float]
    #: share of weights with a gradient that the step left as they were, bit for bit
    unchanged: list[float]
    rates: list[float] = field(default_factory=list)
    #: share of the rows of a table (an embedding) that got a gradient; None for other layers
    rows: list[float | None] = field(default_factory=list)
    #: cosine between all gradients and all weights: 1 where the gradient does nothing but shrink the weights
    along: float | None = None

    @property
    def ratio(self) -> float | None:
        """Change over weight of all layers together."""
        whole = math.hypot(*self.weights)
        return math.hypot(*self.changes) / whole if whole > 0 else None

    @property
    def gradient(self) -> float:
        """Norm of all gradients together."""
        return math.hypot(*(g for g in self.gradients if g is not None))


@dataclass(frozen=True)
class LoadSeen:
    """One call of `load_state_dict`, as it began."""

    model: str
    place: Place
    step: int
    #: the variable that holds the state dict, where one does
    variable: str
    #: tensors of the model; those given that it has; and those of them that are the model's own memory
    tensors: int
    matched: int
    shared: int
    #: step at which it was taken in this cell, or, where it is a copy of the dict, the last of the model's was
    taken: int | None = None


@dataclass(frozen=True)
class AliasSeen:
    """A state dict in a variable that is, at the end of the cell, the live weights themselves."""

    variable: str
    model: str
    #: where it was taken in this cell; at which step, or, where it is a copy of the dict, the last of the model's was
    place: Place = NOWHERE
    taken: int | None = None
