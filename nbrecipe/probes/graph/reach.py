"""Which parameters a pass touches, which ones a gradient can reach, and where the graph is cut on the way."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import BackwardCFunction
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from ... import batches
from ...batches import BadInput, Step
from ...batches.models import plain
from ...batches.scalar import projected
from ...bench import Bench
from ...task.refusal import refuse_lazy
from ..passes.signal import evaluating, forward, training

#: functions whose answer is out of the graph, as the user writes them
CUTS = {
    "detach": ".detach()", "detach_": ".detach_()", "numpy": ".numpy()", "__array__": "numpy", "item": ".item()",
    "tolist": ".tolist()", "tensor": "torch.tensor(...)", "as_tensor": "torch.as_tensor(...)",
}  # fmt: skip
#: cuts remembered at most, passes taken and seconds spent to find a use of what the first pass left alone
MOST_CUTS, PASSES, SECONDS = 64, 8, 5.0


@dataclass(frozen=True)
class Cut:
    """A place where values leave the graph."""

    #: as the user writes it: `.detach()`, `torch.no_grad()`
    how: str
    #: "Net.forward"
    caller: str
    #: names of the parameters whose gradient ends here
    behind: frozenset[str]


@dataclass(frozen=True)
class Reach:
    """Names of parameters, each under its first name, from one pass of model and loss in train mode."""

    touched: frozenset[str]
    #: in the graph of an output or of the loss
    reached: frozenset[str]
    #: touched only while gradients were switched off
    ungraded: frozenset[str]
    #: changed by the pass itself, as a moving average is
    moved: frozenset[str]
    cuts: tuple[Cut, ...] = ()
    #: whether anything that came out has a gradient
    learns: bool = True


def reach(bench: Bench) -> Reach:
    """Run model and loss once in train mode, and read touches off the calls and gradients off the graph.

    Where the graph holds functions of the user's own, as with checkpointing, gradients are really sent back. Run it
    inside `bench.untouched()`. Raises BadInput for lazy layers and for a step that fails.
    """
    model, fed = plain(bench.get("model")), bench.get("feed")
    refuse_lazy(model)
    watch = _Watch(model)
    versions = {name: p._version for name, p in model.named_parameters()}
    with training(model, fed.size), torch.enable_grad(), watch, watch.below:
        step = forward(bench, model, fed)
    moved = frozenset(name for name, p in model.named_parameters() if versions.get(name) != p._version)
    roots = [t for t in (*batches.leaves(step.raw), step.loss) if isinstance(t, Tensor) and t.requires_grad]
    reached, hidden = _upstream((t.grad_fn for t in roots), watch.names)
    touched = frozenset(watch.touched)
    left = {n for n, p in model.named_parameters() if p.requires_grad} & touched - reached
    if hidden and left:
        reached = reached | _sent(bench, model, step, left)
    cuts = tuple(Cut(how, caller, _upstream([node], watch.names)[0] | own) for how, caller, node, own in watch.cuts)
    return Reach(touched, reached, touched - watch.graded, moved, cuts, bool(roots))


def never_touched(bench: Bench) -> frozenset[str]:
    """Trainable parameters that no pass touched: of several batches, in train mode and in eval mode."""
    model = plain(bench.get("model"))
    left = {name for name, p in model.named_parameters() if p.requires_grad and p.numel()}
    left -= bench.once(reach).touched
    begun = time.perf_counter()
    with bench.untouched() as state:
        for number, (fed, eval_mode) in enumerate(_passes(bench, model)):
            if not left or time.perf_counter() - begun > SECONDS:
                break
            torch.manual_seed(number)
            watch = _Watch(model)
            try:
                with evaluating(model) if eval_mode else nullcontext(), torch.enable_grad(), watch, watch.below:
                    if not eval_mode:
                        model.train()
                    forward(bench, model, fed)
            except BadInput:
                continue
            finally:
                left -= watch.touched
                state.restore()
    return frozenset(left)


def _passes(bench: Bench, model: nn.Module) -> Iterator[tuple[batches.Feed, bool]]:
    first = bench.get("feed")
    yield first, True
    count = 0
    if bench.train_loader is not None:
        try:
            for batch in batches.read(bench.train_loader, bench.name("train_loader")):
                count += 1
                yield batches.feed(model, batch, bench.loss_fn), False
                if count >= PASSES // 2:
                    break
        except BadInput:
            pass
    for _ in range(PASSES - count):
        yield first, False


def is_held(bench: Bench, parameter: nn.Parameter) -> bool:
    """Whether the optimizer is to train it; what it does not hold has another purpose, or another optimizer."""
    groups = getattr(bench.optimizer, "param_groups", None)
    return groups is None or any(parameter is p for group in groups for p in group["params"])


def joined(bench: Bench) -> frozenset[str] | None:
    """The parameters that a gradient could reach were nothing detached; None where numpy takes no such values."""
    model, fed = plain(bench.get("model")), bench.get("feed")
    names = {id(p): name for name, p in model.named_parameters()}
    with bench.untouched(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is this probe that takes values with a gradient apart
        try:
            with training(model, fed.size), torch.enable_grad(), _Joined():
                step = forward(bench, model, fed)
        except BadInput as error:
            return None if "call numpy()" in str(error) else frozenset()
        roots = [t for t in (*batches.leaves(step.raw), step.loss) if isinstance(t, Tensor) and t.requires_grad]
        return _upstream((t.grad_fn for t in roots), names)[0]


class _Joined(TorchFunctionMode):
    """Lets values keep their gradient where the code takes it from them."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name == "_set_grad_enabled":
            return None
        cuts = name in ("detach", "detach_", "tensor", "as_tensor") or getattr(func, "__self__", 0) is torch.Tensor.data
        if cuts and args and isinstance(args[0], Tensor) and args[0].requires_grad:
            return args[0].view_as(args[0])
        return func(*args, **(kwargs or {}))


class _Touches(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Tells the watch of every operation that really runs, whoever called it."""

    def __init__(self, watch: _Watch) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.watch = watch

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.watch.touch((args, kwargs or {}))
        return func(*args, **(kwargs or {}))


class _Watch(TorchFunctionMode):
    """Notes the calls by which values leave the graph; `below` notes the parameters that operations are given."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.names = {id(p): name for name, p in model.named_parameters()}
        self.touched: set[str] = set()
        self.graded: set[str] = set()
        self.cuts: list[tuple[str, str, Any, frozenset[str]]] = []
        self.below = _Touches(self)
        self._owners: dict[int, list[str]] = {}
        for name, p in model.named_parameters():
            self._owners.setdefault(_place(p), []).append(name)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        name = "data" if getattr(func, "__self__", None) is torch.Tensor.data else name
        if (name in CUTS or name == "data") and args and isinstance(args[0], Tensor):
            self._cut(".data" if name == "data" else CUTS[name], args[0])
        return func(*args, **(kwargs or {}))

    def _cut(self, how: str, value: Tensor) -> None:
        self.touch(value)
        if value.requires_grad and len(self.cuts) < MOST_CUTS:
            own = frozenset([self.names[id(value)]] if id(value) in self.names else [])
            self.cuts.append((how, _caller(), value.grad_fn, own))

    def touch(self, given: Any) -> None:
        """Note every parameter among the arguments of a call, and every view of one."""
        if isinstance(given, Tensor):
            names = self._owners.get(_place(given), ())
            self.touched.update(names)
            if torch.is_grad_enabled():
                self.graded.update(names)
        elif isinstance(given, dict):
            self.touch(list(given.values()))
        elif isinstance(given, (tuple, list)):
            for item in given:
                self.touch(item)


def _place(tensor: Tensor) -> int:
    """What tells the memory of one tensor from that of others; views of it share it."""
    try:
        return tensor.untyped_storage().data_ptr() or -id(tensor)
    except (RuntimeError, NotImplementedError):  # sparse, or of a kind that has no memory of its own
        return -id(tensor)


def _upstream(nodes: Iterable[Any], names: dict[int, str]) -> tuple[frozenset[str], bool]:
    """The parameters that a graph leads back to, and whether it holds functions of the user's own."""
    stack, seen, found, own = [n for n in nodes if n is not None], set(), set(), False
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        own = own or isinstance(node, BackwardCFunction)
        variable = getattr(node, "variable", None)
        if variable is not None and id(variable) in names:
            found.add(names[id(variable)])
        stack += [after for after, _ in node.next_functions if after is not None]
    return frozenset(found), own


def _sent(bench: Bench, model: nn.Module, step: Step, left: set[str]) -> frozenset[str]:
    """Those of the parameters that a gradient really arrives at; all of them where none can be sent."""
    total = step.loss if step.loss is not None and step.loss.requires_grad else None
    if total is None:
        roots = [t for t in batches.leaves(step.raw) if isinstance(t, Tensor) and t.requires_grad]
        total = torch.stack([projected(t) for t in roots]).sum()
    arrived: set[str] = set()
    handles = [
        p.register_hook(lambda gradient, name=name: arrived.add(name))  # type: ignore[no-untyped-call]
        for name, p in model.named_parameters()
        if name in left
    ]
    try:
        with bench.untouched():
            total.mean().backward()  # type: ignore[no-untyped-call]
    except RuntimeError:
        return frozenset(left)
    finally:
        for handle in handles:
            handle.remove()
    return frozenset(arrived)


def _caller() -> str:
    """Class and function outside of torch that made the call."""
    frame = sys._getframe(2)
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).startswith(("torch", __name__)):
        frame = frame.f_back
    owner = frame.f_locals.get("self")
    return f"{type(owner).__name__}.{frame.f_code.co_name}" if owner is not None else frame.f_code.co_name
