"""Batches read one by one, with the user at work in between: those of one pass, and nothing of the user's changes."""

import pytest
import torch
from torch.utils.data import DataLoader, Dataset, RandomSampler

from nbrecipe.batches import BadInput, read
from nbrecipe.guard import Untouched
from nbrecipe.probes.batch.stream import END, Stream


class Counting(Dataset):
    """Rows that depend on how many were read before, on the global generator, and on one of its own."""

    def __init__(self):
        self.count, self.own = 0, torch.Generator().manual_seed(1)

    def __len__(self):
        return 70

    def __getitem__(self, i):
        self.count += 1
        return i + 100 * self.count + torch.rand(()) / 2 + torch.rand((), generator=self.own) / 2


def loader(**more):
    return DataLoader(Counting(), batch_size=8, **more)


SAMPLERS = {
    "in order": lambda: loader(),
    "shuffled": lambda: loader(shuffle=True),
    "shuffled by its own generator": lambda: loader(shuffle=True, generator=torch.Generator().manual_seed(2)),
    "with replacement": lambda: loader(
        sampler=RandomSampler(range(70), replacement=True, generator=torch.Generator().manual_seed(3))
    ),
}


@pytest.mark.parametrize("make", SAMPLERS.values(), ids=SAMPLERS)
def test_the_batches_are_those_of_one_pass_in_whatever_order_they_are_asked_for(make):
    torch.manual_seed(0)
    whole = list(read(make()))
    torch.manual_seed(0)
    given = make()
    stream, before = Stream(lambda: read(given), [given]), torch.get_rng_state()
    seen = {}
    for number in (0, 1, 2, 7, 1, 8, 3):
        with Untouched([given]):
            seen[number] = stream.read(number)
        assert given.dataset.count == 0
        assert torch.equal(torch.get_rng_state(), before)
        torch.rand(3)  # the user goes on
        before = torch.get_rng_state()
    assert all(torch.equal(batch, whole[number]) for number, batch in seen.items())


def test_after_the_last_comes_the_end_and_what_lies_before_is_read_anew():
    given = loader()
    stream = Stream(lambda: read(given), [given])
    assert stream.length is None
    assert stream.read(20) is END
    assert stream.length == 9
    assert stream.read(9) is END
    assert len(stream.read(8)) == 6


def test_what_the_loader_raises_is_raised_and_the_next_read_begins_anew():
    begun = []

    def begin():
        begun.append(len(begun))
        yield "first"
        if len(begun) == 1:
            raise OSError("no file")
        yield "second"

    stream = Stream(begin)
    assert stream.read(0) == "first"
    with pytest.raises(OSError, match="no file"):
        stream.read(1)
    assert stream.read(1) == "second"
    assert begun == [0, 1]


def test_an_empty_loader_is_refused():
    with pytest.raises(BadInput, match="`train_dl` is empty: it gives no batch"):
        Stream(lambda: read([], "train_dl")).read(0)
