"""A watched cell computes exactly what it computes without, and leaves nothing behind."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.modules import module as modules
from torch.optim import optimizer as optimizers
from torch.optim.lr_scheduler import LRScheduler
from torch.overrides import _len_torch_function_stack
from torch.utils.data import DataLoader
from torch.utils.data.dataloader import _BaseDataLoaderIter
from training_loops import LOOPS, Things

from nbrecipe.trace import watch

ERRORS = (ValueError("the user's own"), KeyboardInterrupt())


def bits(value: Any) -> Any:
    """A value in a form that is equal only when every bit is."""
    if isinstance(value, Tensor):
        plain = value.detach().to_dense() if value.layout is not torch.strided else value.detach()
        return str(value.dtype), tuple(value.shape), plain.contiguous().flatten().view(torch.uint8).numpy().tobytes()
    if isinstance(value, dict):
        return {str(key): bits(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [bits(item) for item in value]
    if hasattr(value, "state_dict"):
        grads = [p.grad for p in value.parameters()] if hasattr(value, "parameters") else []
        modes = [part.training for part in value.modules()] if hasattr(value, "modules") else []
        return bits(value.state_dict()), bits(grads), modes, sorted(vars(value))
    return repr(value)


def installed() -> list[Any]:
    """Everything of torch that the watching touches."""
    clip = torch.nn.utils.clip_grad
    schedulers = [vars(kind).get("step") for kind in (LRScheduler, *LRScheduler.__subclasses__())]
    return [
        torch.autograd.backward, torch.optim.Optimizer.zero_grad, torch.nn.Module.zero_grad, torch.nn.Module.train,
        torch.nn.Module.load_state_dict, clip.clip_grad_norm_, clip.clip_grad_value_, torch.nn.utils.clip_grad_norm_,
        torch.no_grad.__enter__, torch.inference_mode.__enter__, DataLoader.__iter__, _BaseDataLoaderIter.__next__,
        torch.amp.GradScaler.scale, torch.amp.GradScaler.unscale_, *schedulers,
        len(modules._global_forward_hooks), len(modules._global_forward_pre_hooks),
        len(modules._global_forward_hooks_always_called), len(modules._global_forward_hooks_with_kwargs),
        len(optimizers._global_optimizer_pre_hooks), len(optimizers._global_optimizer_post_hooks),
        _len_torch_function_stack(), torch.is_grad_enabled(),
    ]  # fmt: skip


def ran(loop: Callable[[], Things], context: Any) -> tuple[Any, Any]:
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    with context:
        things = loop()
    return bits(things), (random.getstate(), bits(torch.get_rng_state()), repr(np.random.get_state()))


@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.__name__)
def test_a_watched_loop_computes_the_same(loop, capsys):
    before = installed()
    bare = ran(loop, nullcontext()), capsys.readouterr().out
    for every in (None, 1):
        watcher = watch({}, every=every, on_tick=lambda trace: trace.to_dict())
        assert (ran(loop, watcher), capsys.readouterr().out) == bare
        assert not [note for note in watcher.trace.notes if "another model" not in note]
        assert watcher.trace.backwards > 0
        assert watcher.trace.to_dict()
    assert installed() == before


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.__name__)
def test_an_error_in_the_middle_leaves_nothing_behind(loop, error, monkeypatch):
    before, counted, original = installed(), itertools.count(), torch.nn.functional.linear

    def breaks(*args: Any) -> Any:
        if next(counted) >= 3:
            raise error
        return original(*args)

    watcher = watch({}, every=1)
    with monkeypatch.context() as patched:
        patched.setattr(torch.nn.functional, "linear", breaks)
        with pytest.raises(type(error)) as raised:
            ran(loop, watcher)
    assert raised.value is error
    assert installed() == before
    assert watcher.trace.ended
    assert watcher.trace.error.startswith(type(error).__name__)
    assert not [note for note in watcher.trace.notes if note.startswith("a bug")]


def test_watching_within_watching_sees_both():
    before = installed()
    loop = LOOPS[0]
    outer, inner = watch({}), watch({})
    bare = ran(loop, nullcontext())
    with outer:
        assert ran(loop, inner) == bare
    assert installed() == before
    assert inner.trace.steps == outer.trace.steps > 0
