"""Targets that are cheap to reach, and when those that a data set keeps are not the loader's."""

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset, WeightedRandomSampler

from nbrecipe import toys
from nbrecipe.task.labels import more_labels

X, Y = torch.arange(40.0).reshape(20, 2), torch.arange(20) % 3


def last(batch):
    return batch[-1]


class Kept(Dataset):
    """Keeps its targets in one place, as torchvision's do; counts how often a row is read."""

    def __init__(self, targets, change=lambda t: t):
        self.targets, self.change, self.reads = targets, change, 0

    def __len__(self):
        return 20

    def __getitem__(self, i):
        self.reads += 1
        return X[i], self.change(int(self.targets[i]))


def test_a_tensor_data_set_gives_all_its_targets():
    assert torch.equal(more_labels(DataLoader(TensorDataset(X, Y), 4, shuffle=True), None, last), Y)
    assert torch.equal(more_labels(None, TensorDataset(X, Y), last), Y)


def test_a_subset_gives_its_own_rows():
    part = Subset(Subset(TensorDataset(X, Y), range(10)), [1, 4, 9])
    assert more_labels(DataLoader(part, 2), None, last).tolist() == [1, 1, 0]


def test_targets_kept_by_a_data_set_are_taken_without_reading_its_rows():
    for kept in (Y, Y.tolist(), Y.numpy()):
        data = Kept(kept)
        assert torch.equal(more_labels(DataLoader(data, 4), None, last), Y)
        assert data.reads == 1


def test_targets_that_are_changed_on_the_way_are_read():
    data = Kept(Y, lambda t: t + 5)
    assert torch.equal(more_labels(DataLoader(data, 4), None, last), Y + 5)


def test_a_sampler_of_its_own_is_read_and_its_frequencies_count():
    sampler = WeightedRandomSampler((Y == 0).double(), 20, generator=toys.seeded())
    assert set(more_labels(DataLoader(TensorDataset(X, Y), 4, sampler=sampler), None, last).tolist()) == {0}


def test_a_collate_function_of_its_own_is_read():
    def collate(rows):
        return torch.stack([x for x, _ in rows]), torch.tensor([int(y) + 10 for _, y in rows])

    assert torch.equal(more_labels(DataLoader(TensorDataset(X, Y), 4, collate_fn=collate), None, last), Y + 10)


def test_at_most_32_batches_are_read():
    class Endless(IterableDataset):
        def __iter__(self):
            while True:
                yield X[0], 1

    assert len(more_labels(DataLoader(Endless(), 2), None, last)) == 64


def test_rows_of_several_lengths_are_strung_together():
    parts = [(X, torch.ones(2, 3)), (X, torch.ones(2, 5))]
    assert more_labels(parts, None, last).shape == (16, 1)


def test_what_cannot_be_read_gives_nothing():
    assert more_labels(None, None, last) is None
    assert more_labels(iter([(X, Y)]), None, last) is None
    assert more_labels([], None, last) is None
    assert more_labels([(X, None)], None, last) is None
    assert more_labels(None, [(np.zeros(2), 1)], last) is None
