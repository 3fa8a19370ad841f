"""What `%check_init` costs: its time in forward-backward passes, its memory against a training step's."""

from __future__ import annotations

import multiprocessing
from functools import partial
from pathlib import Path

import torch

from nbrecipe import verbs
from nbrecipe.bench import Bench

from .nets import benches
from .paired import ratio

ROUNDS = 7
#: what the figures may not exceed
MOST_PASSES, MOST_MEMORY = 3.0, 2.0


def rows() -> list[tuple[str, str, str]]:
    """(what, figure, limit), one row a figure; each ratio is of neighbours in one process, on one thread."""
    torch.set_num_threads(1)
    table = []
    for name, bench in benches().items():
        passes, check, one = ratio(partial(_check, bench), partial(_pass, bench), ROUNDS)
        figure = f"{passes:.2f} passes ({1000 * check:.0f} ms, a pass {1000 * one:.0f} ms)"
        table.append((f"%check_init, {name}: time", figure, f"{MOST_PASSES:g}"))
        step, peak = (_peak(name, what) for what in ("step", "check"))
        figure = f"{peak / step:.2f} x a step ({peak:.0f} against {step:.0f} MiB)"
        table.append((f"%check_init, {name}: memory", figure, f"{MOST_MEMORY:g}"))
    return table


def _check(bench: Bench) -> None:
    verbs.check_init_of(bench.replace())


def _pass(bench: Bench) -> None:
    x, y = bench.get("batch")
    bench.loss_fn(bench.model(x), y).backward()
    bench.model.zero_grad()


def train_step(bench: Bench) -> None:
    """One forward and backward pass and an Adam step, of the loader's first batch."""
    x, y = bench.get("batch")
    optimizer = torch.optim.Adam(bench.get("model").parameters())
    bench.loss_fn(bench.model(x), y).backward()
    optimizer.step()


def _peak(name: str, what: str) -> float:
    """MiB that one training step, or one check, adds to the peak of a fresh process."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_grown, (name, what))


def _grown(name: str, what: str) -> float:
    bench = benches()[name]
    with torch.no_grad():  # what torch allocates once for itself counts for neither side
        bench.model(bench.get("batch")[0][:2])
    before = _highest()
    train_step(bench) if what == "step" else verbs.check_init_of(bench)
    return _highest() - before


def _highest() -> float:
    """MiB that this process held at most; Linux counts it from the last exec."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
