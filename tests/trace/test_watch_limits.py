"""What the watching keeps stays small however long the run, and what it cannot see it says."""

from __future__ import annotations

import itertools
import json
import threading
import tracemalloc

import pytest
import torch
from torch import nn

from nbrecipe.trace import watch
from nbrecipe.trace.record.series import MAX_POINTS, Series


def test_a_million_points_of_a_curve_stay_few_and_even():
    series = Series()
    for step in range(1_000_000):
        series.add(step, step / 2)
    points = series.points()
    assert len(points) <= MAX_POINTS + 1
    assert points[0] == (0, 0.0)
    assert points[-1] == (999_999, 499_999.5)
    gaps = {after - before for (before, _), (after, _) in itertools.pairwise(points[:-1])}
    assert len(gaps) == 1
    assert series.count == 1_000_000


def test_a_long_run_keeps_no_more_than_a_short_one():
    def run(steps: int) -> int:
        net = nn.Linear(2, 1)
        opt, x = torch.optim.SGD(net.parameters(), 1e-4), torch.randn(4, 2)
        with watch({}) as watcher:
            for _ in range(steps):
                opt.zero_grad()
                net(x).square().mean().backward()
                opt.step()
        assert watcher.trace.steps == watcher.trace.backward[0].values.count == steps
        return len(json.dumps(watcher.trace.to_dict()))

    run(10)
    tracemalloc.start()
    long = run(12_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # two curves of at most MAX_POINTS points, some hundred close looks, and room for what comes in between
    assert peak < 12e6
    assert long < 3 * run(3_000)


def test_training_on_another_thread_is_said():
    net = nn.Linear(2, 1)
    opt = torch.optim.SGD(net.parameters(), 0.1)

    def train() -> None:
        for _ in range(3):
            opt.zero_grad()
            net(torch.ones(4, 2)).mean().backward()
            opt.step()

    with watch({}) as watcher:
        thread = threading.Thread(target=train)
        thread.start()
        thread.join()
    assert watcher.trace.steps == 0
    assert watcher.trace.notes == ["another thread trained: what it did was not watched"]


def test_a_bug_in_the_watching_never_reaches_the_cell(monkeypatch):
    from nbrecipe.trace.hooks import gradients, optimizers

    def broken(*_: object) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr(gradients.Gradients, "_before", broken)
    monkeypatch.setattr(optimizers.Optimizers, "_prepare", broken)
    net = nn.Linear(2, 1)
    opt = torch.optim.SGD(net.parameters(), 0.1)
    with watch({}) as watcher:
        for _ in range(30):
            opt.zero_grad()
            net(torch.ones(4, 2)).mean().backward()
            opt.step()
    assert watcher.trace.notes[0] == "a bug of nbrecipe: RuntimeError: ours"
    assert len(watcher.trace.notes) == 3


def test_a_compiled_model_is_watched_from_outside(recwarn):
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    compiled = torch.compile(net, backend="eager")
    opt, x = torch.optim.SGD(net.parameters(), 0.1), torch.randn(8, 4)
    with watch({"net": compiled}) as watcher:
        for _ in range(8):
            opt.zero_grad()
            compiled(x).square().mean().backward()
            opt.step()
    assert watcher.trace.steps == 8
    assert [model.name for model in watcher.trace.models] == ["net"]
    assert watcher.trace.optimizers[0].strangers == 0
    assert watcher.trace.notes == ["`net` is compiled: its calls are not looked into"]
    assert not [warning for warning in recwarn if "hooks" in str(warning.message)]


@pytest.mark.parametrize("every", [1, 3])
def test_every_looks_closely_at_every_so_many_steps(every):
    net = nn.Linear(2, 1)
    opt = torch.optim.SGD(net.parameters(), 0.1)
    with watch({}, every=every) as watcher:
        for _ in range(200):
            opt.zero_grad()
            net(torch.ones(4, 2)).mean().backward()
            opt.step()
    looked = {update.step for update in watcher.trace.optimizers[0].updates}
    assert set(range(0, 200, every)) <= looked


@pytest.mark.parametrize("every", [None, 1])
def test_an_error_in_a_model_is_told_with_its_module_and_shapes(every):
    net = nn.Sequential(nn.Linear(20, 8), nn.ReLU(), nn.Linear(8, 2))
    opt = torch.optim.SGD(net.parameters(), 0.1)
    watcher = watch({"net": net}, every=every)

    def program() -> None:
        with watcher:
            for step in range(80):
                opt.zero_grad()
                net(torch.ones(4, 20 if step < 70 else 10)).mean().backward()
                opt.step()

    with pytest.raises(RuntimeError):
        program()
    assert watcher.trace.notes == [
        "the error came out of `net.0` (Linear), which was given (4, 10); `net` was given (4, 10), at the pass before "
        "(4, 20)"
    ]


def test_an_error_outside_of_models_needs_no_word():
    with pytest.raises(ValueError), watch({}) as watcher:
        raise ValueError("the user's own")
    assert watcher.trace.notes == []
