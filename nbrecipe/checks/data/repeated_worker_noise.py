"""Workers of the loader draw different numbers, in each epoch anew.

torch seeds the global generators of python, numpy and torch in every worker. A generator object that the data set or a
transform keeps is copied into each worker as it stands: all of them draw the same flips, crops and noise, and after an
epoch, when workers start again, they draw them once more. Rows are read as two workers and two epochs would begin; the
fault is that the generator then stands at the same place each time, and that examples depend on it. Reading a row must
not give a global generator a fixed seed either.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, get_worker_info

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, ok
from ...probes.data.workers import Drawn, of_workers

check = Check(__name__, tip="data augment")


@check.run
def run(bench: Bench) -> Finding:
    seen = bench.once(of_workers)
    if seen.reset:
        return _seeded(bench, seen)
    if seen.repeated:
        return _repeated(bench, seen)
    if not seen.workers:
        return ok("no workers: rows are read in this process, where every generator moves on", workers=0)
    return ok(f"no generator gives **{seen.workers}** workers the same numbers", workers=seen.workers, rows=seen.rows)


def _repeated(bench: Bench, seen: Drawn) -> Finding:
    path = seen.repeated[0].path
    whole = f"; **{seen.equal}** of {seen.rows} rows come out the same to the bit" if seen.equal else ""
    who = f"all **{seen.workers}** workers" if seen.workers > 1 else "the worker of each epoch"
    begins = "begin" if seen.workers > 1 else "begins"
    message = f"{who} of `{bench.name('train_loader')}` {begins} with the same draws from `{path}`{whole}"
    given: dict[str, Any] = {
        "fix": "Draw from torch's, numpy's or python's global generator, or seed this one in each worker.",
        "code": _code(bench, seen),
        "where": path,
        "workers": seen.workers,
        "rows": seen.rows,
        "equal": seen.equal,
    }
    again = "" if seen.lasting else "workers start anew in each epoch, with the generator as it stands here"
    if seen.unseen:
        return hint(message, why=seen.unseen, **given)
    if seen.workers == 1:
        if seen.lasting:
            return ok(f"one worker, which stays, draws from `{path}`", workers=1, rows=seen.rows)
        return hint(message, why=again, **given)
    return bad(message, why=again, **given)


def _code(bench: Bench, seen: Drawn) -> str:
    loader, generator = bench.name("train_loader"), seen.repeated[0]
    inside = generator.path.removeprefix(seen.source.name)
    own = inside != generator.path
    owner = f"torch.utils.data.get_worker_info().dataset{inside}" if own else generator.path
    fresh = "np.random.default_rng(torch.initial_seed())"
    if isinstance(generator.value, np.random.Generator):
        made = f"{owner} = {fresh}" if own else f"{owner}.bit_generator.state = {fresh}.bit_generator.state"
    elif isinstance(generator.value, torch.Generator):
        made = f"{owner}.manual_seed(torch.initial_seed())"
    else:
        made = f"{owner}.seed(torch.initial_seed() % 2**32)"
    return f"def seed_worker(number):\n    {made}\n\n{loader}.worker_init_fn = seed_worker"


def _seeded(bench: Bench, seen: Drawn) -> Finding:
    names = " and ".join(f"`{name}`" for name in seen.reset)
    message = f"reading any row of `{seen.source.name}` seeds {names}: **{seen.rows}** rows leave it at one place"
    given: dict[str, Any] = {
        "fix": "Seed once, before training, and not where a row is read.",
        "why": "what is drawn for a row is the same for every row and in every epoch",
        "rows": seen.rows,
    }
    if seen.workers:
        return hint(message, **given)
    return bad(message, **(given | {"why": f"{given['why']}, and so is what training itself draws"}))


class _Noisy(Dataset[tuple[Tensor, int]]):
    """Rows with noise from somewhere."""

    def __init__(self, noise: Callable[[], Tensor], rng: Any = None) -> None:
        self.x, self.y = torch.rand(64, 20, generator=toys.seeded()), torch.arange(64) % 5
        self.noise, self.rng = noise, rng

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        return self.x[row] + 0.1 * self.noise(), int(self.y[row])


class _OwnNumpy(_Noisy):
    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        return self.x[row] + 0.1 * torch.from_numpy(self.rng.random(20, "f4")), int(self.y[row])


def _read(data: Any, workers: int = 2, **more: Any) -> Bench:
    names = {"train_data": "train_set", "train_loader": "train_dl"}
    loader = DataLoader(data, 16, shuffle=True, num_workers=workers, **more)
    return Bench(model=toys.mlp(), train_data=data, train_loader=loader, names=names)


@check.breaks
def generator_on_the_data_set() -> Bench:
    """`self.rng = np.random.default_rng(0)`, copied into two workers."""
    return _read(_OwnNumpy(torch.zeros, np.random.default_rng(0)))


@check.breaks
def generator_in_a_transform() -> Bench:
    """A torch generator that the transform closes over; workers that stay."""
    g = toys.seeded()
    return _read(_Noisy(lambda: torch.randn(20, generator=g)), persistent_workers=True)


@check.breaks
def seeded_at_every_reading() -> Bench:
    """`torch.manual_seed(0)` where a row is read."""

    def noise() -> Tensor:
        torch.manual_seed(0)
        return torch.randn(20)

    return _read(_Noisy(noise), 0)


@check.holds
def global_generators() -> Bench:
    """All three global generators, which torch seeds in each worker."""
    return _read(_Noisy(lambda: torch.randn(20) * random.random() * float(np.random.rand())))


@check.holds
def no_workers() -> Bench:
    """The same generator, read in this process, moves on."""
    return _read(_OwnNumpy(torch.zeros, np.random.default_rng(0)), 0)


@check.holds
def seeded_by_worker() -> Bench:
    """The data set makes its generator in the worker, from the worker's seed."""

    class Late(_OwnNumpy):
        def __getitem__(self, row: int) -> tuple[Tensor, int]:
            told = get_worker_info()
            if self.rng is None:
                self.rng = np.random.default_rng(None if told is None else told.seed)
            return super().__getitem__(row)

    return _read(Late(torch.zeros))


@check.holds
def seeded_by_index() -> Bench:
    """Noise whose seed is the index is meant to be the same in each epoch."""

    class Fixed(_Noisy):
        def __getitem__(self, row: int) -> tuple[Tensor, int]:
            return self.x[row] + torch.randn(20, generator=toys.seeded(row)), int(self.y[row])

    return _read(Fixed(torch.zeros))


@check.holds
def split_by_a_generator() -> Bench:
    """A generator that is kept and drawn from only when the data set is made."""
    return _read(_Noisy(lambda: torch.randn(20), toys.seeded()))
