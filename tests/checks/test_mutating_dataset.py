"""Data sets of many styles, read three times: those that change what they store, and those that only look so."""

import collections
import copy
import functools
import random

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader, Dataset, Subset, TensorDataset

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

ROWS = 100
SHARED = torch.rand(ROWS, 6, generator=toys.seeded(9))


class Rows(Dataset):
    """`read(data, i)` gives a row; what it needs is kept under any names."""

    def __init__(self, read, **kept):
        self.read = read
        vars(self).update(kept)

    def __len__(self):
        return ROWS

    def __getitem__(self, i):
        return self.read(self, i)


def floats(*shape):
    return torch.rand(ROWS, *shape, generator=toys.seeded(1)) + 0.1


def bench(data, **more):
    names = {"train_data": "train_set", "train_loader": "train_dl"}
    return Bench(train_data=data, train_loader=DataLoader(data, 16, **more), names=names)


def told(given):
    return run(all_checks()["mutating-dataset"], given).finding


def stored(value):
    """Everything a data set holds, as plain values to compare."""
    if isinstance(value, torch.Tensor):
        return value.to_dense().tolist()
    if isinstance(value, np.ndarray):
        return [stored(item) for item in value] if value.dtype.hasobject else value.tolist()
    if isinstance(value, dict):
        return {str(key): stored(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, collections.deque)):
        return [stored(item) for item in value]
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if hasattr(value, "tobytes"):
        return (value.size, value.tobytes())
    return stored(vars(value)) if isinstance(value, Dataset) else repr(value)


# Changes that stay --------------------------------------------------------------------------------------------------


def in_place_tensor(data, i):
    x = data.x[i]
    x.sub_(0.5).div_(0.25)
    return x, 0


def in_place_array(data, i):
    x = data.x[i]
    x *= 1 / 255
    return torch.from_numpy(x), 0


def logarithm(data, i):
    return data.x[i].log_(), 0


def list_of_arrays(data, i):
    data.waves[i] *= 0.5
    return torch.from_numpy(data.waves[i]), 0


def list_item_replaced(data, i):
    data.items[i] = data.items[i] * 0.5
    return data.items[i], 0


def end_token_appended(data, i):
    ids = data.ids[i]
    ids.append(2)
    return torch.tensor(ids[:12]).sum(), len(ids)


def begin_token_inserted(data, i):
    row = data.rows[i]
    row["ids"].insert(0, 1)
    return {"input_ids": row["ids"], "labels": 0}


def dict_of_tensors(data, i):
    item = {key: value[i] for key, value in data.encodings.items()}
    item["x"] += 1
    return item


def targets_too(data, i):
    y = data.y[i]
    y *= 10
    return data.x[i], y


def noise_in_place(data, i):
    x = data.x[i]
    x += 0.1 * torch.randn(6)
    return x, 0


def flipped_in_place(data, i):
    data.x[i] = data.x[i].flip(0) * 1.01
    return data.x[i], 0


def a_shared_mean(data, i):
    data.mean *= 1.1
    return data.x[i] - data.mean, 0


def of_a_global(data, i):
    SHARED[i].mul_(2)
    return SHARED[i], 0


def object_array(data, i):
    data.x[i] += 1
    return data.x[i], 0


def through_numpy(data, i):
    view = data.x[i].numpy()
    np.negative(view, out=view)
    return data.x[i], 0


def thumbnails(data, i):
    image = data.images[i]
    image.paste(0, (0, 0, 1 + image.getpixel((7, 7)) % 2, 8))
    image.putpixel((7, 7), (image.getpixel((7, 7)) + 1) % 256)
    return np.asarray(image), 0


def objects():
    array = np.empty(ROWS, object)
    for i in range(ROWS):
        array[i] = np.ones(3 + i % 4)
    return array


def images():
    from PIL import Image

    return [Image.fromarray(np.full((8, 8), 100, "u1")) for _ in range(ROWS)]


def frame(data, i):
    data.table.loc[i, "x"] *= 2
    return torch.tensor(data.table.loc[i, "x"]), data.table.loc[i, "word"]


def tables():
    pd = pytest.importorskip("pandas")
    return pd.DataFrame({"x": np.arange(1.0, ROWS + 1), "word": ["a"] * ROWS, "n": range(ROWS)})


MUTATING = {
    "frame": lambda: Rows(frame, table=tables()),
    "in_place_tensor": lambda: Rows(in_place_tensor, x=floats(6)),
    "in_place_array": lambda: Rows(in_place_array, x=floats(6).numpy()),
    "logarithm": lambda: Rows(logarithm, x=floats(6)),
    "list_of_arrays": lambda: Rows(list_of_arrays, waves=[np.random.default_rng(i).random(9) for i in range(ROWS)]),
    "list_item_replaced": lambda: Rows(list_item_replaced, items=list(floats(6))),
    "end_token_appended": lambda: Rows(end_token_appended, ids=[[5, 6, 7] for _ in range(ROWS)]),
    "begin_token_inserted": lambda: Rows(begin_token_inserted, rows=[{"ids": [5, 6]} for _ in range(ROWS)]),
    "dict_of_tensors": lambda: Rows(dict_of_tensors, encodings={"x": floats(4), "labels": torch.ones(ROWS)}),
    "targets_too": lambda: Rows(targets_too, x=floats(6), y=floats(3)),
    "noise_in_place": lambda: Rows(noise_in_place, x=floats(6)),
    "flipped_in_place": lambda: Rows(flipped_in_place, x=floats(6)),
    "a_shared_mean": lambda: Rows(a_shared_mean, x=floats(6), mean=torch.ones(2, 6)),
    "of_a_global": lambda: Rows(of_a_global),
    "object_array": lambda: Rows(object_array, x=objects()),
    "through_numpy": lambda: Rows(through_numpy, x=floats(6)),
    "thumbnails": lambda: Rows(thumbnails, images=images()),
    "in_a_subset": lambda: Subset(Rows(in_place_tensor, x=floats(6)), range(20, 90)),
    "joined": lambda: ConcatDataset([TensorDataset(floats(6)), Rows(in_place_tensor, x=floats(6))]),
}


@pytest.mark.parametrize("make", MUTATING.values(), ids=MUTATING)
def test_what_reading_changes_is_named_and_put_back(make):
    data = make()
    before = (stored(data), SHARED.tolist())
    found = told(bench(data, collate_fn=list))
    assert found.verdict is Verdict.BAD, found.message + found.why
    assert (stored(data), SHARED.tolist()) == before


def test_the_place_and_the_line_are_told():
    found = told(bench(Rows(in_place_array, x=floats(6).numpy())))
    assert (found.where, found.code) == ("train_set.x", "x = train_set.x[i].copy()")
    assert "rows of `train_set` differs from the one before" in found.message
    assert told(bench(Rows(begin_token_inserted, rows=[{"ids": [5]} for _ in range(ROWS)]))).where == "train_set.rows"


def test_a_change_after_which_nothing_can_be_read_is_named():
    def once(data, i):
        row = data.rows[i]
        row["x"] = torch.from_numpy(row["x"])
        return row

    found = told(bench(Rows(once, rows=[{"x": np.ones(3)} for _ in range(ROWS)])))
    assert found.verdict is Verdict.BAD
    assert "and then reading `train_set[0]` raises TypeError: expected np.ndarray" in found.message


def test_arrays_too_large_to_copy_are_kept_where_rows_stand(monkeypatch):
    monkeypatch.setattr("nbrecipe.probes.data.stored.WHOLE", 1000)
    data = Rows(in_place_tensor, x=floats(6))
    before = data.x.clone()
    assert told(bench(Subset(data, range(50, 90)))).verdict is Verdict.BAD
    assert torch.equal(data.x, before)


def test_the_collate_function_may_be_what_changes_rows():
    def centred(rows):
        for x, _ in rows:
            x -= 0.5
        return torch.stack([x for x, _ in rows])

    assert told(bench(TensorDataset(floats(6), floats(1)), collate_fn=centred)).verdict is Verdict.BAD
    assert told(bench([(x, 0) for x in floats(6)], collate_fn=centred)).verdict is Verdict.BAD


def test_validation_is_read_too():
    data = Rows(in_place_tensor, x=floats(6))
    given = Bench(train_data=TensorDataset(floats(6)), val_loader=DataLoader(data, 16), names={"val_loader": "val_dl"})
    assert "rows of `val_dl.dataset` differs" in told(given).message


def test_workers_change_copies_of_their_own():
    found = told(bench(Rows(in_place_tensor, x=floats(6)), num_workers=2))
    assert found.verdict is Verdict.HINT
    assert "copies of their own" in found.why
    lasting = bench(Rows(in_place_tensor, x=floats(6)), num_workers=2, persistent_workers=True)
    assert told(lasting).verdict is Verdict.BAD


def test_a_buffer_handed_out_again_is_named():
    def buffered(data, i):
        data.buffer[:] = data.x[i]
        return data.buffer, i

    data = Rows(buffered, x=floats(6), buffer=torch.zeros(6))
    assert "`example[0]` of a row of `train_set` is overwritten" in told(bench(data)).message
    assert told(Bench(train_loader=DataLoader(data, 1))).verdict is Verdict.OK


# Changes that do no harm, and none ----------------------------------------------------------------------------------


def lazily(data, i):
    if data.cache[i] is None:
        data.cache[i] = data.x[i] * 2
    return data.cache[i], 0


def lazily_whole(data, i):
    if data.loaded is None:
        data.loaded = floats(6)
    return data.loaded[i], 0


def noise_behind_a_cache(data, i):
    if i not in data.cache:
        data.cache[i] = torch.rand(6)
    return data.cache[i] + 0.1 * torch.randn(6), 0


def counted(data, i):
    data.reads[i] += 1
    return data.x[i] * min(int(data.reads[i]), 100) / 10, 0


def history(data, i):
    data.log.append(i)
    return data.x[i], 0


def normalised_twice(data, i):
    x = data.x[i]
    x -= x.mean()
    x /= x.std()
    return x, 0


def padded_once(data, i):
    ids = data.ids[i]
    if ids[-1] != 2:
        ids.append(2)
    return ids, 0


def shuffled_pool(data, i):
    random.shuffle(data.pools[i])
    return data.pools[i][:2], 0


def streaming(data, i):
    data.at = (data.at + 1) % ROWS
    return data.x[data.at], 0


def from_a_buffer(data, i):
    row = data.buffer.pop(random.randrange(len(data.buffer)))
    data.buffer.append(torch.rand(6) + data.at)
    data.at += 1
    return row, 0


def halved_in_a_cache(data, i):
    if i not in data.cache:
        data.cache[i] = data.x[i].half()
        return data.x[i], 0
    return data.cache[i].float(), 0


def fresh_entropy(data, i):
    return data.x[i] + torch.from_numpy(np.random.default_rng().random(6)).float(), 0


def copied(data, i):
    x = data.x[i].clone()
    x -= 0.5
    return x, 0


def deep(data, i):
    row = copy.deepcopy(data.rows[i])
    row["ids"].append(2)
    return row


def dict_copied(data, i):
    row = dict(data.rows[i])
    row["ids"] = [*row["ids"], 2]
    return row


def by_list(data, i):
    x = data.x[[i]]
    x *= 2
    return x[0], 0


@functools.lru_cache(16)
def loaded(i):
    return np.full(4, i)


def remembered(data, i):
    return loaded(i) * 2, 0


def read_only():
    x = floats(6).numpy()
    x.flags.writeable = False
    return Rows(lambda data, i: (torch.from_numpy(data.x[i].copy()), 0), x=x)


def scratch(data, i):
    torch.mul(data.x[i], 2, out=data.room)
    return data.room.clone(), 0


HARMLESS = {
    "tensors": lambda: TensorDataset(floats(6), torch.ones(ROWS)),
    "lazily": lambda: Rows(lazily, x=floats(6), cache=[None] * ROWS),
    "lazily_whole": lambda: Rows(lazily_whole, loaded=None),
    "noise_behind_a_cache": lambda: Rows(noise_behind_a_cache, cache={}),
    "history": lambda: Rows(history, x=floats(6), log=[]),
    "normalised_twice": lambda: Rows(normalised_twice, x=floats(6)),
    "padded_once": lambda: Rows(padded_once, ids=[[5, 6] for _ in range(ROWS)]),
    "streaming": lambda: Rows(streaming, x=floats(6), at=0),
    "halved_in_a_cache": lambda: Rows(halved_in_a_cache, x=floats(6), cache={}),
    "fresh_entropy": lambda: Rows(fresh_entropy, x=floats(6)),
    "copied": lambda: Rows(copied, x=floats(6)),
    "deep": lambda: Rows(deep, rows=[{"ids": [1]} for _ in range(ROWS)]),
    "dict_copied": lambda: Rows(dict_copied, rows=[{"ids": [1]} for _ in range(ROWS)]),
    "by_list": lambda: Rows(by_list, x=floats(6)),
    "remembered": lambda: Rows(remembered),
    "read_only": read_only,
    "scratch": lambda: Rows(scratch, x=floats(6), room=torch.zeros(6)),
    "expanded": lambda: TensorDataset(torch.ones(1, 6).expand(ROWS, 6), torch.ones(ROWS)),
    "sparse": lambda: Rows(lambda d, i: (d.x[i].to_dense(), 0), x=floats(6).to_sparse()),
    "trained": lambda: Rows(lambda d, i: (d.x[i], 0), x=floats(6).requires_grad_()),
    "texts": lambda: Rows(lambda d, i: (d.rows[i].strip(), 0), rows=[f" {i} " for i in range(ROWS)]),
    "plain_list": lambda: [(x, 0) for x in floats(6)],
}
MAYBE = {
    "counted": lambda: Rows(counted, x=floats(6), reads=torch.zeros(ROWS)),
    "shuffled_pool": lambda: Rows(shuffled_pool, pools=[list(range(50)) for _ in range(ROWS)]),
    "from_a_buffer": lambda: Rows(from_a_buffer, buffer=list(floats(6)[:20]), at=0),
}


@pytest.mark.parametrize("make", HARMLESS.values(), ids=HARMLESS)
def test_what_does_no_harm_is_right_and_stays_as_it_was(make):
    data = make()
    before = stored(data)
    found = told(bench(data, collate_fn=list))
    assert found.verdict is Verdict.OK, found.message
    assert stored(data) == before


@pytest.mark.parametrize("make", MAYBE.values(), ids=MAYBE)
def test_what_may_be_meant_is_a_hint(make):
    data = make()
    before = stored(data)
    assert told(bench(data, collate_fn=list)).verdict is Verdict.HINT
    assert stored(data) == before


def test_a_graph_over_what_is_stored_stays_valid():
    data = Rows(lambda d, i: (d.x[i], 0), x=floats(6).requires_grad_())
    loss = data.x.square().sum()
    told(bench(data))
    loss.backward()
    assert torch.equal(data.x.grad, 2 * data.x)
