"""What was seen of a running loop: plain data, bounded however long the run, that checks and panels read.

Everything is seen at every step that costs nothing to see (losses, rates, the order of calls); what costs, at the steps
looked at closely: the first ones, ever fewer later, and again when something changes.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from ...film import Film
from .moments import NOWHERE, AliasSeen, Answers, Facts, LoadSeen, LossCall, LossSeen, OpSeen, Pass, Place, Update
from .series import Series

__all__ = [
    "NOWHERE", "AliasSeen", "Answers", "BackwardSeen", "ClipSeen", "Facts", "LoadSeen", "LoaderSeen", "LossCall",
    "LossSeen", "ModelSeen", "NormSeen", "OpSeen", "OptimizerSeen", "Order", "ParameterSeen", "Pass", "Place",
    "SchedulerSeen", "Trace", "Update",
]  # fmt: skip

#: how many different orders of calls, and how many places of a kind, are told apart
MAX_KINDS = 200


@dataclass
class ParameterSeen:
    """A parameter, from its first sight to the end of the cell."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    trainable: bool
    #: requires_grad at the end of the cell
    trainable_after: bool = True
    #: whether it ever held a gradient, took part in a forward pass, changed its values
    gradient: bool = False
    changed: bool = False
    #: of one that got gradients and did not change: its values are spread as torch draws them
    fresh: bool = False
    #: its norm at the end over that at first sight, by a sample of its values
    left: float = 1.0
    #: optimizers that hold it, stepped in this cell or not
    optimizers: list[str] = field(default_factory=list)
    #: whether the model has another parameter of this name by now
    replaced: bool = False
    #: a table whose rows are looked up by ids
    table: bool = False
    #: it was not there at first sight of the model
    late: bool = False
    #: close looks at which the model had yet another parameter of this name; and at which that was in no optimizer
    renewed: int = 0
    lost: int = 0
    #: close looks at which an optimizer moved it by an old gradient or none, though it needed no gradient
    driven: int = 0


@dataclass
class NormSeen:
    """A batch norm layer: whether its statistics moved, and whether its parameters may."""

    name: str
    frozen: bool
    moved: bool = False
    #: fewest and most values that a mean was taken over in train mode, with gradients; 0 while unseen
    values: int = 0
    most: int = 0
    #: batches it counted before this cell, where it counts; whether its statistics were those of a new layer
    tracked: int | None = None
    fresh: bool = False


@dataclass
class ModelSeen:
    """A model called by the user's code."""

    name: str
    kind: str
    parameters: list[ParameterSeen] = field(default_factory=list)
    norms: list[NormSeen] = field(default_factory=list)
    #: modules and parameters with a plain attribute `requires_grad` or the like that is False and does nothing
    said_frozen: list[str] = field(default_factory=list)
    passes: list[Pass] = field(default_factory=list)
    #: passes seen closely, kept or not
    count: int = 0
    #: train() and eval() calls: (step, mode)
    modes: list[tuple[int, bool]] = field(default_factory=list)
    #: whether hooks of the user's see its gradients
    hooked: bool = False


@dataclass
class OptimizerSeen:
    """An optimizer that stepped, or whose gradients were cleared."""

    name: str
    kind: str
    #: tensors it holds, and those among them that no model called in this cell has
    parameters: int = 0
    strangers: int = 0
    groups: list[dict[str, Any]] = field(default_factory=list)
    steps: int = 0
    place: Place = NOWHERE
    cleared: int = 0
    clear_place: Place = NOWHERE
    #: learning rate of the first group, and whether others differ
    rate: Series = field(default_factory=Series)
    #: steps whose rate was 0 in every group: all of them, and those before the first that was not
    zero_rate: int = 0
    zero_at_start: int = 0
    #: steps followed finely; of these: with gradients of the step before still in them, …
    followed: int = 0
    leftover: int = 0
    #: … that found no gradient although a backward had made some, …
    emptied: int = 0
    #: … and before which no gradient had been made
    idle: int = 0
    updates: list[Update] = field(default_factory=list)
    #: names of its parameters that another optimizer stepped too
    shared: list[str] = field(default_factory=list)


@dataclass
class SchedulerSeen:
    """A learning-rate scheduler of an optimizer seen here."""

    name: str
    kind: str
    optimizer: str
    #: calls of step(), in this cell, and the optimizer's steps between them at most
    steps: int = 0
    place: Place = NOWHERE
    #: whether a line of the code that trains steps it, be it reached or not
    written: bool = False
    #: T_max, total_steps, step_size, mode, … as they stand
    options: dict[str, Any] = field(default_factory=dict)
    #: for ReduceLROnPlateau: its metric at each call
    metric: Series = field(default_factory=Series)
    #: steps of the optimizer at the calls
    calls: Series = field(default_factory=Series)


@dataclass
class LoaderSeen:
    """A loader that was read."""

    name: str
    kind: str
    length: int | None
    rows: int | None
    batch_size: int | None
    shuffles: bool | None
    #: passes begun, batches drawn, steps and backwards made while it was read
    passes: int = 0
    batches: int = 0
    trained: int = 0
    #: fingerprints of the first batches of each pass (first passes only)
    orders: list[list[str]] = field(default_factory=list)
    #: entropy of integer labels in a batch (nats), and of the labels over all batches seen
    label_entropy: Series = field(default_factory=Series)
    labels: dict[int, int] = field(default_factory=dict)
    #: the most frequent label of each of these batches, by pass (first passes only)
    leading: list[list[int]] = field(default_factory=list)
    #: the line that began the first pass
    place: Place = NOWHERE


@dataclass
class ClipSeen:
    """Clipping of gradients at one place."""

    kind: str
    place: Place
    limit: float
    count: int = 0
    #: tensors with a gradient that it was given, fewest over its calls
    tensors: int = 0
    #: calls that were given nothing; calls on scaled gradients
    empty: int = 0
    scaled: int = 0
    #: calls followed finely; of these: with no backward between the last step and the clipping
    followed: int = 0
    after_step: int = 0
    #: norm before clipping (kind "norm")
    norms: Series = field(default_factory=Series)


@dataclass
class BackwardSeen:
    """Backward calls at one place: one loss."""

    name: str
    place: Place
    count: int = 0
    values: Series = field(default_factory=Series)
    #: the loss was made by no operation, so nothing gets a gradient from it
    leaf: int = 0
    #: autograd nodes from the root down, at the first close look
    chain: tuple[str, ...] = ()
    #: root over the loss function's value, at the first close look and at all: 0.25 where it was divided by 4
    scale: float | None = None
    scales: list[float] = field(default_factory=list)
    #: close looks in which no parameter of an optimizer got a gradient from it
    unreached: int = 0
    looked: int = 0
    #: close looks in which a clamp lay between loss and root, and those in which it took the whole gradient away
    clamped: int = 0
    silenced: int = 0
    #: highest value that a clamp lets a loss have on its way to the root; the share above it at each close look; and
    #: whether these are squares taken by hand, not values of a loss function
    ceiling: float | None = None
    above: list[float] = field(default_factory=list)
    by_hand: bool = False


@dataclass
class Order:
    """Calls from one optimizer step to the next: "batch:dl zero:opt backward:loss step:opt"; "+" for repeated.

    Of the steps followed finely: all of the first ones, and a few in a row now and then.
    """

    text: str
    count: int = 0
    first: int = 0


@dataclass
class Trace:
    """Everything that was seen of a cell."""

    source: str = ""
    #: "cell 7", or a script's name
    where: str = ""
    seconds: float = 0.0
    #: optimizer steps, backward calls, close looks
    steps: int = 0
    backwards: int = 0
    looks: int = 0
    ended: bool = False
    error: str = ""
    models: list[ModelSeen] = field(default_factory=list)
    optimizers: list[OptimizerSeen] = field(default_factory=list)
    schedulers: list[SchedulerSeen] = field(default_factory=list)
    loaders: list[LoaderSeen] = field(default_factory=list)
    losses: list[LossSeen] = field(default_factory=list)
    backward: list[BackwardSeen] = field(default_factory=list)
    clips: list[ClipSeen] = field(default_factory=list)
    ops: list[OpSeen] = field(default_factory=list)
    answers: list[Answers] = field(default_factory=list)
    orders: dict[str, Order] = field(default_factory=dict)
    #: loss without gradients (validation), by step: the mean of one pass over its batches seen closely
    validation: Series = field(default_factory=Series)
    loads: list[LoadSeen] = field(default_factory=list)
    aliases: list[AliasSeen] = field(default_factory=list)
    #: losses of the first close looks that went through backward and are still held with their graph at the end; the
    #: list in the user's variables that holds them, and how many such tensors it holds
    kept: tuple[int, str, int] = (0, "", 0)
    #: times that code outside of torch read a gradient, in close looks
    reads: int = 0
    #: first step whose loss was not finite; and where that was born: "net.3", "before net.3", "inputs", "loss"
    nonfinite: tuple[int, str] | None = None
    film: Film | None = None
    #: what the reader should know about the watching itself
    notes: list[str] = field(default_factory=list)

    @property
    def trained(self) -> bool:
        """Whether the cell trained: some backward and some optimizer step."""
        return self.steps > 0 or self.backwards > 0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-ready data, without the film."""
        return {f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self) if f.name != "film"}


def _plain(value: Any) -> Any:
    if isinstance(value, Series):
        return value.to_dict()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
