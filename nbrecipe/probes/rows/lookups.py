"""The tables that a model looks up in one batch, with what it asks each of them for.

A look-up of a row that a table does not have is caught before it happens: on a GPU it would end the process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ... import batches
from ...batches.models import eagerly, plain
from ...bench import Bench
from ...task.refusal import failed_forward, refuse_lazy
from ..passes.signal import evaluating
from .arguments import Argument, arguments
from .padded import are_tokens

#: functions that look rows of a table up
LOOKUPS = ("embedding", "embedding_bag")


@dataclass(frozen=True)
class Lookup:
    """One table and the whole numbers that it was asked for."""

    #: the module that holds the table; "" where no module of the model does
    path: str
    rows: int
    least: int
    greatest: int
    #: the argument of the model that was handed on as it is; "" for numbers made inside, such as places
    argument: str
    #: whether that argument is rows of token ids
    tokens: bool


@dataclass(frozen=True)
class Lookups:
    """Every table that was asked, in order; the last may be the one that has no such row."""

    found: tuple[Lookup, ...] = ()
    outside: Lookup | None = None

    @property
    def words(self) -> tuple[Lookup, ...]:
        """The tables that the ids of tokens are looked up in, one for each argument."""
        by_argument: dict[str, Lookup] = {}
        for one in self.found:
            if one.tokens:
                by_argument.setdefault(one.argument, one)
        return tuple(by_argument.values())


class _Outside(Exception):
    """A row that there is none of was asked for."""


class _Asked(TorchFunctionMode):
    def __init__(self, model: nn.Module, given: list[Argument]) -> None:
        super().__init__()
        self._given = given
        self._paths = {id(value): path.rpartition(".")[0] for path, value in model.named_parameters()}
        self.found: list[Lookup] = []
        self.outside: Lookup | None = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__name__", "") in LOOKUPS:
            values = [*args, *kwargs.values()]
            ids, table = kwargs.get("input", values[0]), kwargs.get("weight", values[1])
            if isinstance(table, Tensor) and not table.is_floating_point():  # torch.embedding has them the other way
                ids, table = table, ids
            if isinstance(ids, Tensor) and isinstance(table, Tensor) and ids.numel() and table.ndim == 2:
                self._note(ids, table)
        return func(*args, **kwargs)

    def _note(self, ids: Tensor, table: Tensor) -> None:
        argument = next(
            (one for one in self._given if one.item.shape == ids.shape and torch.equal(one.item, ids)), None
        )
        name, tokens = (argument.name, are_tokens(argument)) if argument is not None else ("", False)
        path = self._paths.get(id(table), "")
        seen = Lookup(path, len(table), int(ids.min()), int(ids.max()), name, tokens)
        self.found.append(seen)
        if seen.least < 0 or seen.greatest >= seen.rows:
            self.outside = seen
            raise _Outside


def lookups(bench: Bench) -> Lookups:
    """Run the batch in eval mode; run it inside `bench.untouched()`. Raises BadInput where the forward pass fails."""
    model, fed = plain(bench.get("model")), bench.get("feed")
    refuse_lazy(model)
    listening = _Asked(model, arguments(model, fed, fed.size))
    try:
        with evaluating(model), torch.no_grad(), eagerly(), listening:
            torch.manual_seed(0)  # the bench puts the generator back
            batches.output_of(model(*fed.args, **fed.kwargs))
    except Exception as error:
        if listening.outside is None:
            raise failed_forward(model, fed, error) from error
    return Lookups(tuple(listening.found), listening.outside)
