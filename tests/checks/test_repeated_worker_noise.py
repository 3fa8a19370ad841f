"""Who draws what in the workers of a loader; some of it compared with workers that really run."""

import os
import random
from functools import partial

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset, get_worker_info

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

GLOBAL = np.random.default_rng(3)
ROWS = 32


class Rows(Dataset):
    """Rows of nothing but noise, so that repetitions show."""

    def __init__(self, noise, **kept):
        self.noise = noise
        vars(self).update(kept)

    def __len__(self):
        return ROWS

    def __getitem__(self, i):
        return torch.as_tensor(self.noise(self)).double(), i


class Jitter:
    """A transform with a generator of its own, in a list of transforms."""

    def __init__(self, rng):
        self.rng = rng

    def __call__(self, x):
        return x + self.rng.random()


def loader(data, workers=2, **more):
    return DataLoader(data, 4, num_workers=workers, **more)


def bench(data, workers=2, **more):
    names = {"train_data": "train_set", "train_loader": "train_dl"}
    return Bench(train_data=data, train_loader=loader(data, workers, **more), names=names)


def told(given):
    return run(all_checks()["repeated-worker-noise"], given).finding


def of_numpy(data):
    return data.rng.random(3)


def of_python(data):
    return [data.rng.random(), data.rng.gauss(0, 1)]


def of_torch(data):
    return torch.rand(3, generator=data.rng)


def of_a_global(_):
    return GLOBAL.random(3)


def of_transforms(data):
    x = torch.zeros(3)
    for step in data.transforms:
        x = step(x)
    return x


def both(data):
    return data.rng.random(3) + random.random()


def sometimes(data):
    return data.rng.random(3) if data.rng.random() < 0.5 else np.zeros(3)


def of_a_list(data):
    return data.rngs["noise"][0].random()


REPEATED = {
    "of_numpy": lambda: Rows(of_numpy, rng=np.random.default_rng(0)),
    "of_old_numpy": lambda: Rows(of_numpy, rng=np.random.RandomState(0)),
    "of_python": lambda: Rows(of_python, rng=random.Random(0)),
    "of_torch": lambda: Rows(of_torch, rng=torch.Generator()),
    "philox": lambda: Rows(of_numpy, rng=np.random.Generator(np.random.Philox(1))),
    "unseeded": lambda: Rows(of_numpy, rng=np.random.default_rng()),
    "of_a_global": lambda: Rows(of_a_global),
    "of_transforms": lambda: Rows(of_transforms, transforms=[torch.abs, Jitter(np.random.default_rng(0))]),
    "both": lambda: Rows(both, rng=np.random.default_rng(0)),
    "sometimes": lambda: Rows(sometimes, rng=np.random.default_rng(0)),
    "of_a_list": lambda: Rows(of_a_list, rngs={"noise": [random.Random(1)]}),
    "in_a_subset": lambda: Subset(Rows(of_numpy, rng=np.random.default_rng(0)), range(20)),
}


@pytest.mark.parametrize("make", REPEATED.values(), ids=REPEATED)
def test_a_generator_that_is_copied_is_named(make):
    found = told(bench(make()))
    assert found.verdict is Verdict.BAD, found.message + found.why
    assert "all **2** workers" in found.message
    assert told(bench(make(), 0)).verdict is Verdict.OK


def test_a_generator_of_the_collate_function_counts():
    rng = np.random.default_rng(0)

    def noisy(rows):
        return torch.stack([row[0] for row in rows]) + rng.random()

    assert told(bench(TensorDataset(torch.rand(ROWS, 3)), collate_fn=noisy)).where == "rng"


def seeds_numpy(number):
    np.random.seed(number)


def seeds_the_data(number):
    get_worker_info().dataset.rng = np.random.default_rng(number)


def seeds_a_global(number):
    GLOBAL.bit_generator.state = np.random.default_rng(number).bit_generator.state


def seeds_by_name(data, number):
    data.rng.seed(number)


def lazily(data):
    if data.rng is None:
        data.rng = np.random.default_rng(torch.initial_seed())
    return data.rng.random(3)


def by_information(data):
    told = get_worker_info()
    return np.random.default_rng([data.epoch, 0 if told is None else told.id]).random(3)


def by_process(data):
    if data.process != os.getpid():
        data.rng, data.process = np.random.default_rng(os.getpid()), os.getpid()
    return data.rng.random(3)


def seeded_for_two(_):
    seed = random.randrange(2**32)
    torch.manual_seed(seed)
    x = torch.rand(3)
    torch.manual_seed(seed)
    return x + torch.rand(3)


def forked(_):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return torch.rand(3)


class ByIndex(Rows):
    def __getitem__(self, i):
        return torch.from_numpy(np.random.default_rng([self.seed, i]).random(3)), i


class Copied(Rows):
    def __getstate__(self):
        return {**vars(self), "rng": None}


class Stream(IterableDataset):
    def __iter__(self):
        yield torch.rand(3)


DIFFERENT = {
    "global_torch": (lambda: Rows(lambda _: torch.rand(3)), {}),
    "global_numpy": (lambda: Rows(lambda _: np.random.rand(3)), {}),
    "global_python": (lambda: Rows(lambda _: random.random()), {}),
    "none": (lambda: TensorDataset(torch.rand(ROWS, 3)), {}),
    "constant": (lambda: Rows(lambda _: torch.zeros(3)), {}),
    "lazily": (lambda: Rows(lazily, rng=None), {}),
    "by_information": (lambda: Rows(by_information, epoch=0), {}),
    "by_index": (lambda: ByIndex(None, seed=1), {}),
    "fresh": (lambda: Rows(lambda _: np.random.default_rng().random(3)), {}),
    "system": (lambda: Rows(lambda d: d.rng.random(), rng=random.SystemRandom()), {}),
    "kept_and_not_drawn": (lambda: Rows(lambda _: torch.rand(3), rng=np.random.default_rng(0)), {}),
    "drawn_and_not_used": (lambda: Rows(lambda d: 0 * d.rng.random(3), rng=np.random.default_rng(0)), {}),
    "of_the_loader": (lambda: TensorDataset(torch.rand(ROWS, 3)), {"generator": torch.Generator(), "shuffle": True}),
    "seeded_for_two": (lambda: Rows(seeded_for_two), {}),
    "forked": (lambda: Rows(forked), {}),
    "one_worker_that_stays": (
        lambda: Rows(of_numpy, rng=np.random.default_rng(0)),
        {"workers": 1, "persistent_workers": True},
    ),
}


@pytest.mark.parametrize(("make", "more"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_differs_or_is_meant_is_right(make, more):
    found = told(bench(make(), **more))
    assert found.verdict is Verdict.OK, found.message + found.why


MAYBE = {
    "seeds_the_data": (lambda: Rows(of_numpy, rng=np.random.default_rng(0)), seeds_the_data),
    "seeds_a_global": (lambda: Rows(of_a_global), seeds_a_global),
    "by_process": (lambda: Rows(by_process, rng=np.random.default_rng(0), process=os.getpid()), None),
    "copied": (lambda: Copied(of_numpy, rng=np.random.default_rng(0)), None),
    "built_in": (lambda: Rows(of_numpy, rng=np.random.default_rng(0)), print),
}


@pytest.mark.parametrize(("make", "start"), MAYBE.values(), ids=MAYBE)
def test_what_may_be_seeded_out_of_sight_is_a_hint(make, start):
    assert told(bench(make(), worker_init_fn=start)).verdict is Verdict.HINT


def test_a_start_that_reaches_the_generator_is_seen_and_one_that_does_not_is_not():
    data = Rows(of_python, rng=random.Random(0))
    assert told(bench(data, worker_init_fn=partial(seeds_by_name, data))).verdict is Verdict.HINT
    found = told(bench(Rows(of_numpy, rng=np.random.default_rng(0)), worker_init_fn=seeds_numpy))
    assert found.verdict is Verdict.BAD


def test_one_worker_repeats_itself_in_each_epoch():
    found = told(bench(Rows(of_numpy, rng=np.random.default_rng(0)), 1))
    assert (found.verdict, found.where) == (Verdict.HINT, "train_set.rng")


@pytest.mark.parametrize("seed", [torch.manual_seed, random.seed, np.random.seed])
def test_a_seed_given_at_every_reading_is_named(seed):
    def noise(_):
        seed(7)
        return torch.rand(2).numpy() + np.random.rand(2) + random.random()

    here = told(bench(Rows(noise), 0))
    assert here.verdict is Verdict.BAD, here.message
    assert told(bench(Rows(noise))).verdict is Verdict.HINT


def test_what_the_user_owns_is_as_it_was():
    data = Rows(lambda d: d.rng.random(3) + GLOBAL.random() + torch.rand(3).numpy(), rng=np.random.default_rng(0))
    states = [repr(g.bit_generator.state) for g in (data.rng, GLOBAL)]
    numbers = torch.get_rng_state()
    told(bench(data))
    assert [repr(g.bit_generator.state) for g in (data.rng, GLOBAL)] == states
    assert torch.equal(torch.get_rng_state(), numbers)
    assert get_worker_info() is None


def test_streams_and_missing_loaders_are_skipped():
    assert told(Bench(train_loader=DataLoader(Stream()))).verdict is Verdict.SKIPPED
    assert told(Bench(train_data=Rows(of_a_global))).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("make", "start"),
    [
        (REPEATED["of_numpy"], None),
        (REPEATED["of_torch"], None),
        (REPEATED["of_a_global"], seeds_numpy),
        (DIFFERENT["global_numpy"][0], None),
        (DIFFERENT["lazily"][0], None),
        (REPEATED["of_numpy"], seeds_the_data),
    ],
)
def test_workers_that_run_agree(make, start):
    data = make()
    first, second = (
        [batch[0] for batch in loader(data, worker_init_fn=start, multiprocessing_context="fork")] for _ in "ab"
    )
    repeats = torch.equal(first[0], first[1]) and torch.equal(first[0], second[0])
    assert repeats == (told(bench(data, worker_init_fn=start)).verdict is Verdict.BAD)


def test_a_line_to_paste_seeds_each_worker():
    data = Rows(of_numpy, rng=np.random.default_rng(0))
    names = {"torch": torch, "np": np, "train_dl": loader(data, multiprocessing_context="fork")}
    exec(told(bench(data)).code, names)
    batches = [batch[0] for batch in names["train_dl"]]
    assert not torch.equal(batches[0], batches[1])
    of_torch_code = told(bench(Rows(of_torch, rng=toys.seeded()))).code
    assert "get_worker_info().dataset.rng.manual_seed(torch.initial_seed())" in of_torch_code
