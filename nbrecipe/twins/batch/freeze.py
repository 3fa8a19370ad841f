"""`freeze`, the Python twin of `%freeze`: a part of a model is trained no more, and what that saves is measured."""

from __future__ import annotations

import time
import weakref
from dataclasses import dataclass, field
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.weak import WeakIdKeyDictionary

from ... import verbs
from ...batches import BadInput
from ...bench import Bench
from ...experiments.freezing import saved_by
from ...finding import spelled
from ...pictures.freezing import Advice, Frozen
from ...render.nets import freezing as drawn
from ...session import require
from ...verbs import Shown

#: what was frozen by hand of ours, and the mode that each batch norm was in
FROZEN: Any = WeakIdKeyDictionary()
MODES: weakref.WeakKeyDictionary[nn.Module, bool] = weakref.WeakKeyDictionary()
#: places named one by one
NAMED = 3


@dataclass
class Freezing(Shown):
    """What was frozen, what that saves, and what is left to see to; `frozen` holds every number."""

    frozen: Frozen = field(default=Frozen("", ""), repr=False)

    def __str__(self) -> str:
        return drawn.text_of(self.frozen, self.seconds, self.note)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return drawn.html_of(self.frozen, self.seconds, self.note)


def freeze(
    part: nn.Module | nn.Parameter | str,
    model: nn.Module | None = None,
    *,
    eval: bool = False,
    undo: bool = False,
    budget: float = 5.0,
    **given: Any,
) -> Freezing:
    """Freeze a module or parameter of the model, or the one at this path, and measure what that saves.

    Sets `requires_grad` to False and gradients to None; with `eval` its batch norms stop moving too; `undo` takes it
    back. Takes loss=, batch=, train= (a loader), optimizer=. Raises BadInput, in one sentence, and changes nothing.
    """
    return freeze_of(verbs.bench_of(model=model, **given), part, eval=eval, undo=undo, budget=budget)


def freeze_of(
    bench: Bench, part: Any, *, name: str = "", eval: bool = False, undo: bool = False, budget: float = 5.0
) -> Freezing:
    """The same for a bench; `name` is how the user writes the part."""
    start = time.perf_counter()
    require(bench, "model")
    if not budget > 0:
        raise BadInput(f"the budget is a number of seconds above 0; {budget} was given")
    piece = _Part(bench, part, name)
    if undo:
        done = piece.thaw()
    else:
        piece.refuse_what_is_frozen(eval)
        saved, why = None, ""
        try:
            require(bench, "batch")
            saved = saved_by(bench, piece.names, piece.norms if eval else (), budget=budget)
        except BadInput as error:
            why = str(error)
        done = piece.freeze(eval, saved=saved, unmeasured=why)
    note = f"`%freeze {piece.name} --undo` takes it back" if not undo else ""
    return Freezing(drawn.title(done), {}, note=note, seconds=time.perf_counter() - start, frozen=done)


class _Part:
    """A part of a model: its parameters by the names that the model gives them, and its batch norms."""

    def __init__(self, bench: Bench, part: Any, name: str) -> None:
        self.bench, self.model, self.called = bench, bench.get("model"), bench.name("model")
        part = self._at(part) if isinstance(part, str) else part
        if not isinstance(part, (nn.Module, nn.Parameter)):
            raise BadInput(
                f"a module or a parameter of `{self.called}` can be frozen, not a value of type {type(part).__name__}"
            )
        inside = {id(p) for p in part.parameters()} if isinstance(part, nn.Module) else {id(part)}
        self.owned = {path: p for path, p in self.model.named_parameters() if id(p) in inside}
        modules = list(part.modules()) if isinstance(part, nn.Module) else []
        paths = {module: path for path, module in self.model.named_modules()}
        if not self.owned or len(self.owned) < len(inside):
            raise BadInput(f"`{name or type(part).__name__}` is no part of `{self.called}` that has weights of its own")
        self.inside = [(spelled(self.called, paths[m]), paths[m], m) for m in modules if m in paths]
        first = self.inside[0][0] if self.inside else spelled(self.called, next(iter(self.owned)))
        self.name = name or first

    def _at(self, path: str) -> Any:
        try:
            return self.model.get_submodule(path)
        except AttributeError:
            found = dict(self.model.named_parameters()).get(path)
        if found is None:
            raise BadInput(f"`{self.called}` has nothing at {path!r}; name one of its modules or parameters")
        return found

    @property
    def names(self) -> list[str]:
        """The parameters that would be frozen."""
        return [path for path, p in self.owned.items() if p.requires_grad]

    @property
    def norms(self) -> list[str]:
        """The batch norms that keep running statistics."""
        return [path for _, path, m in self.inside if isinstance(m, _BatchNorm) and m.track_running_stats]

    def refuse_what_is_frozen(self, evaluate: bool) -> None:
        """BadInput where there is nothing to freeze, or nothing else to train."""
        trained = sum(p.requires_grad for p in self.model.parameters())
        if not self.names and not (evaluate and self.norms):
            raise BadInput(f"`{self.name}` is frozen already; `--undo` takes back what was frozen here")
        if self.names and len(self.names) == trained:
            raise BadInput(f"with `{self.name}` frozen, nothing of `{self.called}` is left to train")

    def freeze(self, evaluate: bool, **measured: Any) -> Frozen:
        """Do it, and say what is left to see to."""
        names = self.names
        trained = sum(p.numel() for p in self.model.parameters() if p.requires_grad)
        stale = sum(self.owned[path].grad is not None for path in names)
        for path in names:
            parameter = self.owned[path]
            parameter.requires_grad_(False)
            parameter.grad = None
            FROZEN[parameter] = True
        for path in self.norms if evaluate else ():
            module = self.model.get_submodule(path)
            MODES.setdefault(module, module.training)
            module.eval()
        weights = sum(self.owned[path].numel() for path in names)
        advice = (*self._of_optimizer(names, stale), *self._of_norms(evaluate), *self._of_sharing(names))
        return Frozen(self.name, self.called, False, len(names), weights, trained, advice=advice, **measured)

    def thaw(self) -> Frozen:
        """Take back what was frozen by `freeze`."""
        mine = [p for p in self.owned.values() if p in FROZEN and not p.requires_grad]
        norms = [m for _, _, m in self.inside if m in MODES]
        if not mine and not norms:
            raise BadInput(f"nothing of `{self.name}` was frozen by %freeze")
        for parameter in mine:
            parameter.requires_grad_(True)
            del FROZEN[parameter]
        for module in norms:
            module.train(MODES.pop(module))
        missing = {id(p) for p in mine} - self._held()
        told = f"`{self._optimizer}` does not hold {len(missing)} of them: build it anew, or add them as a group"
        line = f'{self._optimizer}.add_param_group({{"params": {self.name}.parameters()}})'
        lost = bool(missing) and self.bench.optimizer is not None
        return Frozen(self.name, self.called, True, len(mine), advice=(Advice(told, line),) if lost else ())

    @property
    def _optimizer(self) -> str:
        return self.bench.name("optimizer")

    def _held(self) -> set[int]:
        groups = getattr(self.bench.optimizer, "param_groups", [])
        return {id(p) for group in groups for p in group["params"]}

    def _of_optimizer(self, names: list[str], stale: int) -> list[Advice]:
        held = [path for path in names if id(self.owned[path]) in self._held()]
        if not held:
            return []
        state = getattr(self.bench.optimizer, "state", {})
        moved = sum(self.owned[path] in state for path in held)
        kept = f", and its moments of {moved}" if moved else ""
        left = f"; {stale} had one left, by which the next step would have moved it" if stale else ""
        opt = self._optimizer
        line = f"for group in {opt}.param_groups:\n    "
        line += 'group["params"] = [p for p in group["params"] if p.requires_grad]'
        told = f"`{opt}` still holds **{len(held)}** of them{kept}. It passes over what has no gradient, and theirs are"
        return [Advice(f"{told} None now{left}. Take them out, so that nothing moves them by momentum or decay", line)]

    def _of_norms(self, evaluate: bool) -> list[Advice]:
        if not self.norms:
            return []
        places = [spelled(self.called, path) for path in self.norms]
        told = ", ".join(f"`{place}`" for place in places[:NAMED])
        told += f" and {len(places) - NAMED} more" if len(places) > NAMED else ""
        line = f"{self.called}.train()\n{self.name}.eval()"
        if evaluate:
            return [Advice(f"the next `{self.called}.train()` sets the statistics of {told} going again", line)]
        return [
            Advice(
                f"the running statistics of {told} go on moving in train mode, while the weights around them stand "
                f"still. Put `{self.name}` in eval mode after every `train()`; `--eval` does so for now",
                line,
            )
        ]

    def _of_sharing(self, names: list[str]) -> list[Advice]:
        """Weights that stand elsewhere too: they are frozen there as well."""
        mine = {id(self.owned[path]) for path in names}
        inside = {id(module) for _, _, module in self.inside}
        others = [
            spelled(self.called, f"{path}.{key}" if path else key)
            for path, module in self.model.named_modules()
            if id(module) not in inside
            for key, p in module.named_parameters(recurse=False)
            if id(p) in mine
        ]
        others = [other for other in others if self.inside and other != self.name]
        if not others:
            return []
        return [
            Advice(f"its weights are those of {', '.join(f'`{o}`' for o in others[:NAMED])} too: frozen there as well")
        ]
