"""The models that the user's code calls: their parameters and statistics at first sight, and at the end."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from ..measures.facts import sample
from ..record.data import ModelSeen, NormSeen, ParameterSeen

if TYPE_CHECKING:
    from ..watcher import Watcher

NORMS: tuple[type[nn.Module], ...] = (_BatchNorm,)
DROPOUTS: tuple[type[nn.Module], ...] = (_DropoutNd,)
#: what `requires_grad` is taken for
MISSPELT = ("require_grad", "required_grad", "requires_grads", "require_grads", "requires_gradient")
#: values of a parameter compared between first sight and end
KEPT = 512
#: norms are divided by no less
TINY = 1e-30


class Known:
    """A model, as an object and as data."""

    def __init__(self, module: nn.Module, seen: ModelSeen) -> None:
        self.module = module
        self.seen = seen
        self.parameters: list[tuple[nn.Parameter, ParameterSeen, Tensor, int]] = []
        self.norms: list[tuple[nn.Module, NormSeen, Tensor | None]] = []
        #: the parameter that a name stood for at the last close look, where it is not the first one
        self.latest: dict[str, weakref.ref[nn.Parameter]] = {}
        self._layers = [
            (name, part)
            for name, part in module.named_modules()
            if (isinstance(part, NORMS) and getattr(part, "track_running_stats", True))
            or (isinstance(part, DROPOUTS) and getattr(part, "p", 0.0) > 0)
        ]

    def layers(self, training: bool) -> tuple[str, ...]:
        """Names of the dropout and batch norm layers that are in this mode."""
        return tuple(name for name, part in self._layers if part.training is training)


class Models:
    """Every model met so far."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._known: dict[int, Known] = {}
        self._norms: dict[int, NormSeen] = {}
        self._parameters: dict[int, tuple[ParameterSeen, Known]] = {}
        self._without: dict[int, nn.Module] = {}

    def __iter__(self) -> Any:
        return iter(self._known.values())

    def know(self, module: nn.Module) -> Known | None:
        """The model, taken in at first sight; None for a module without parameters, such as a loss."""
        if id(module) in self._known:
            return self._known[id(module)]
        if id(module) in self._without:
            return None
        if next(module.parameters(), None) is None:
            self._without[id(module)] = module
            return None
        watcher = self._watcher
        name = watcher.names.of(module, watcher.places.frame(3))
        known = Known(module, ModelSeen(name, type(module).__name__))
        self._known[id(module)] = known
        watcher.trace.models.append(known.seen)
        known.seen.hooked = any(part._backward_hooks or part._backward_pre_hooks for part in module.modules()) or any(
            parameter._backward_hooks or parameter._post_accumulate_grad_hooks for parameter in module.parameters()
        )
        for path, parameter in module.named_parameters():
            self._parameter(known, path, parameter)
        for path, part in module.named_modules():
            if isinstance(part, NORMS):
                self._norm(known, path, part)
        known.seen.said_frozen = _said_frozen(module)
        return known

    def _parameter(self, known: Known, path: str, parameter: nn.Parameter) -> None:
        seen = ParameterSeen(path, tuple(parameter.shape), str(parameter.dtype)[6:], parameter.requires_grad)
        known.seen.parameters.append(seen)
        if not isinstance(parameter, nn.parameter.UninitializedParameter):
            kept = sample(parameter, KEPT).clone()
            known.parameters.append((parameter, seen, kept, parameter._version))
            self._parameters[id(parameter)] = (seen, known)

    def _norm(self, known: Known, path: str, part: Any) -> None:
        mean, weight = part.running_mean, part.weight
        tracked = getattr(part, "num_batches_tracked", None)
        seen = NormSeen(path, frozen=weight is not None and not weight.requires_grad)
        seen.tracked = int(tracked) if isinstance(tracked, Tensor) else None
        if isinstance(mean, Tensor) and isinstance(part.running_var, Tensor):
            seen.fresh = not bool(mean.any()) and bool((part.running_var == 1).all())
        known.seen.norms.append(seen)
        known.norms.append((part, seen, sample(mean, KEPT).clone() if isinstance(mean, Tensor) else None))
        self._norms[id(part)] = seen

    def met(self, module: Any) -> Known | None:
        """What is known of a model; None where it has not been called yet."""
        return self._known.get(id(module))

    def called(self, parameter: Any) -> str:
        """What a parameter is called: "net.0.weight"; its shape where no model called in this cell has it."""
        found = self._parameters.get(id(parameter))
        return f"{found[1].seen.name}.{found[0].name}" if found is not None else str(tuple(parameter.shape))

    def norm(self, module: nn.Module) -> NormSeen | None:
        """What is known of a batch norm layer."""
        return self._norms.get(id(module))

    def parameter(self, parameter: Any) -> tuple[ParameterSeen, Known] | None:
        """What is known of a parameter, and the first model met that has it."""
        return self._parameters.get(id(parameter))

    def held(self, ids: set[int], optimizer: str) -> set[int]:
        """The parameters among these, by id, that a model has; each is told which optimizer holds it."""
        found = set()
        for known in self._known.values():
            for parameter, seen, _, _ in known.parameters:
                if id(parameter) in ids:
                    found.add(id(parameter))
                    if optimizer not in seen.optimizers:
                        seen.optimizers.append(optimizer)
        return found

    def look(self) -> None:
        """Which parameters hold a gradient now, and which have changed."""
        for known in self._known.values():
            self._renewed(known)
            for parameter, seen, kept, version in known.parameters:
                seen.gradient |= parameter.grad is not None
                if not seen.changed and parameter._version != version:
                    seen.changed = not _same(sample(parameter, KEPT), kept)

    def _renewed(self, known: Known) -> None:
        """Parameters that others have taken the place of, or that have come in since."""
        now = dict(known.module.named_parameters())
        first = {seen.name: (parameter, seen) for parameter, seen, _, _ in known.parameters}
        if len(now) > len(first):
            names = {seen.name for seen in known.seen.parameters}
            for name in now.keys() - names:
                self._parameter(known, name, now[name])
                known.seen.parameters[-1].late = True
        for name, (parameter, seen) in first.items():
            current = now.get(name)
            if current is None or current is parameter:
                continue
            latest = known.latest.get(name)
            seen.renewed += latest is None or latest() is not current
            known.latest[name] = weakref.ref(current)
            held = {id(p) for optimizer in self._watcher.optimizers.followed for p in optimizer.parameters()}
            seen.lost += current.requires_grad and id(current) not in held and (seen.late or id(parameter) in held)

    def end(self) -> None:
        """Compare everything with its first sight."""
        for known in self._known.values():
            now = dict(known.module.named_parameters())
            for parameter, seen, kept, _ in known.parameters:
                seen.trainable_after = parameter.requires_grad
                seen.replaced = now.get(seen.name) is not parameter
                last = sample(parameter, KEPT)
                # `p.data -= …` leaves the version as it was
                seen.changed = not _same(last, kept)
                if seen.changed and last.shape == kept.shape:
                    seen.left = float(last.float().norm()) / max(float(kept.float().norm()), TINY)
                seen.fresh = seen.gradient and not seen.changed and _fresh(parameter, kept)
            for part, norm, kept_mean in known.norms:
                mean = getattr(part, "running_mean", None)
                if isinstance(mean, Tensor) and kept_mean is not None:
                    norm.moved = not _same(sample(mean, KEPT), kept_mean)


def _said_frozen(module: nn.Module) -> list[str]:
    """Where `requires_grad = False` was written to a module, which has no such switch, or spelt in another way."""
    found = []
    for path, part in module.named_modules():
        if any(vars(part).get(name) is False for name in ("requires_grad", *MISSPELT)):
            found += [path] if any(p.requires_grad for p in part.parameters()) else []
    for path, parameter in module.named_parameters():
        if parameter.requires_grad and any(parameter.__dict__.get(name) is False for name in MISSPELT):
            found.append(path)
    return found


def _same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.equal(one.nan_to_num(), other.nan_to_num())


def _fresh(parameter: Tensor, kept: Tensor) -> bool:
    """Whether values are spread as torch draws the weights of a linear layer or a convolution: evenly in ±1/√fan_in.

    64 even draws stay within ±1/√fan_in and their standard deviation lies within 20 % of its value; trained or normal
    weights go beyond.
    """
    if parameter.ndim < 2 or len(kept) < 64:
        return False
    bound = (parameter.numel() / parameter.shape[0]) ** -0.5
    spread = float(kept.float().std()) * 3**0.5 / bound
    inside: bool = float(kept.abs().max()) <= bound * (1 + 1e-3)
    return inside and 0.8 < spread < 1.2


def is_compiled(module: nn.Module) -> bool:
    """Whether torch.compile stands around a module."""
    return hasattr(module, "_orig_mod") or module._compiled_call_impl is not None
