"""The bench: what a person hands over to be checked. Its field names are what checks may ask for."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from torch import Tensor, nn

from . import batches, guard
from .batches import Feed
from .task import Task, read_task

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Cell:
    """A cell that ran: its number and its source."""

    number: int
    source: str


class Missing(LookupError):
    """A check asked for something that nobody handed over."""

    def __init__(self, needed: str) -> None:
        super().__init__(f"needs `{needed}`")
        self.needed = needed


@dataclass(frozen=True, kw_only=True)
class Bench:
    """The user's own objects, as they are; None where nothing was handed over."""

    model: nn.Module | None = None
    #: a batch as the loader gives it; drawn from `train_loader` where it is None
    batch: Any = None
    #: called as loss_fn(output, target), or loss_fn(model, batch); None for a model that returns its own loss
    loss_fn: Callable[..., Any] | None = None
    optimizer: Any = None
    scheduler: Any = None
    train_loader: Iterable[Any] | None = None
    val_loader: Iterable[Any] | None = None
    train_data: Any = None
    val_data: Any = None
    tokenizer: Any = None
    #: (rows, classes) out-of-fold probabilities of the training rows, from a model of the user's
    pred_probs: Any = None
    #: a state dict that the user loaded into the model
    pretrained: Mapping[str, Tensor] | None = None
    #: what shows that the weights are not fresh: "`net.load_state_dict` in cell 3"; empty where nothing does
    trained: str = ""
    #: the user's own loop, watched
    trace: Any = None
    #: what the user says is meant: "causal" (no output hears of later inputs), "mixing" (rows of a batch meet by
    #: design), "whole" (look at every row of the batch, however long it takes)
    declared: frozenset[str] = frozenset()
    #: numbers and small arrays of them that the user keeps, by name: means and deviations may be among them
    numbers: Mapping[str, Any] = field(default_factory=dict)
    #: lists of texts, or of rows with one, that the user keeps, by name: ids may have been made from them
    texts: Mapping[str, Any] = field(default_factory=dict)
    #: a loop, the function that replaces it, and an example call of both
    rewrite: Any = None
    #: the cells that ran, in order
    cells: tuple[Cell, ...] = ()
    #: how the user calls each field: {"model": "net"}
    names: Mapping[str, str] = field(default_factory=dict)
    _memo: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def get(self, name: str) -> Any:
        """The field or derived value of this name; Missing where it, or what it is derived from, is None."""
        if name == "bench":
            return self
        if name in DERIVED:
            return self.once(DERIVED[name])
        value = getattr(self, name)
        if value is None and name == "batch" and self.train_loader is not None:
            return self.once(_drawn)
        if value is None:
            raise Missing(name)
        return value

    def find(self, name: str) -> Any:
        """The same, or None where something is missing."""
        try:
            return self.get(name)
        except Missing:
            return None

    def name(self, name: str) -> str:
        """What the user calls this field."""
        return self.names.get(name, name)

    def once(self, measure: Callable[[Bench], Answer]) -> Answer:
        """The value of a measurement, taken once for this bench however many checks ask for it."""
        if measure not in self._memo:
            self._memo[measure] = measure(self)
        return self._memo[measure]  # type: ignore[no-any-return]

    def known(self, measure: Callable[[Bench], Answer]) -> Answer | None:
        """The value of a measurement where it was taken already; None where it was not."""
        return self._memo.get(measure)

    def know(self, measure: Callable[[Bench], Answer], value: Answer) -> None:
        """Remember a measurement that was taken in another way."""
        self._memo[measure] = value

    def replace(self, **changes: Any) -> Bench:
        """A bench with some fields changed and nothing remembered."""
        return dataclasses.replace(self, **changes, _memo={})

    @functools.cached_property
    def owned(self) -> list[Any]:
        """Everything of the user's whose state must not change."""
        held = (self.model, self.loss_fn, self.optimizer, self.scheduler, self.train_loader, self.val_loader)
        return [thing for thing in (*held, self.train_data, self.val_data) if thing is not None]

    def untouched(self) -> guard.Untouched:
        """A context in which anything may be done to the user's objects; afterwards they are as before."""
        return guard.Untouched(self.owned)


def _drawn(bench: Bench) -> Any:
    assert bench.train_loader is not None
    return batches.first_batch(bench.train_loader, bench.name("train_loader"))


def _feed(bench: Bench) -> Feed:
    return batches.feed(bench.get("model"), bench.get("batch"), bench.loss_fn)


def _task(bench: Bench) -> Task:
    return read_task(bench.get("model"), bench.get("feed"), bench.loss_fn)


#: values that a check may ask for and that are worked out from the fields
DERIVED: dict[str, Callable[[Bench], Any]] = {"feed": _feed, "task": _task}
#: every name that a check's parameters may have
FIELDS: frozenset[str] = frozenset(
    {f.name for f in dataclasses.fields(Bench) if not f.name.startswith("_")} | set(DERIVED) | {"bench"}
)
