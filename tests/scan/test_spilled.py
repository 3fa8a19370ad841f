"""Hashes of many rows in a temporary file: the same answers as in memory, bounded, and nothing is left behind."""

from __future__ import annotations

import collections
import copy
import os
import pickle
import signal
import subprocess
import sys
from dataclasses import fields

import numpy as np
import pytest
from torch.utils.data import DataLoader, IterableDataset, SubsetRandomSampler

from nbrecipe import inspect_data, verbs
from nbrecipe.scan import reading
from nbrecipe.scan.columns.block import Block
from nbrecipe.scan.counts import copies, spilled
from nbrecipe.scan.doubles import across
from nbrecipe.scan.doubles.conflicts import conflicts
from nbrecipe.scan.doubles.tables import Table, table_of
from nbrecipe.scan.doubles.within import doubles, train_doubles
from nbrecipe.scan.looks.broken import broken
from nbrecipe.scan.sources.opening import open_source

ROWS = 6000


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Where temporary files go, and every scan of more than a thousand rows needs one."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(copies, "SPILL", 1000)
    monkeypatch.setattr(spilled, "AT_ONCE", 700)
    monkeypatch.setattr(reading, "PART", 512)
    return tmp_path


def scanned(data, name="x"):
    return reading.scan(open_source(data, name))


def kinds(seed=0):
    """Data sets: few values, many, some rows doubled, all, one class repeated, other labels."""
    g = np.random.default_rng(seed)
    x, y = g.standard_normal((ROWS, 4)), g.integers(0, 5, ROWS)
    some = g.integers(0, 200, 500)
    rare = np.concatenate([np.arange(5000), np.repeat(np.arange(5000, 5200), 5)])
    classes = np.where(np.arange(ROWS) >= 5000, 4, y % 4)
    return {
        "many": (x, y),
        "few": (np.floor(x), y),
        "some": (np.concatenate([x, x[some]]), np.concatenate([y, (y[some] + (some % 3 == 0)) % 5])),
        "all": (np.concatenate([x, x]), np.concatenate([y, y])),
        "raised": (x[rare], classes[rare]),
        "one": (np.where(np.arange(ROWS)[:, None] % 3 == 0, 0.0, x), y),
    }


def told(value):
    """A result without the tables it was made of, and groups by what they say."""
    out = {}
    for one in fields(value):
        given = getattr(value, one.name)
        if isinstance(given, Table):
            out[one.name] = (len(given), given.extent, given.thinned)
        elif one.name == "groups":
            counts = collections.Counter(given.sizes.tolist())
            counts[1] += given.alone
            out[one.name] = (given.extra, given.values, given.once, +counts)
        else:
            out[one.name] = given
    return out


@pytest.mark.parametrize("kind", kinds())
def test_copies_from_a_file_are_those_in_memory(kind, place, monkeypatch):
    done = scanned(kinds()[kind])
    monkeypatch.setattr(copies, "SPILL", 1 << 20)
    plain = scanned(kinds()[kind])
    assert done.part.copies.spilled == 24 * done.rows - sum(24 * len(p[0]) for p in done.part.copies._parts) > 0
    assert not plain.part.copies.spilled
    assert done.part.copies.repeated == plain.part.copies.repeated
    assert [g.tolist() for g in done.part.copies.groups(7)] == [g.tolist() for g in plain.part.copies.groups(7)]
    mine, theirs = table_of(done), table_of(plain)
    assert told(doubles(mine)) == told(doubles(theirs))
    assert told(conflicts(mine)) == told(conflicts(theirs))
    for ours, others in zip(done.part.copies.table(), plain.part.copies.table(), strict=True):
        np.testing.assert_array_equal(ours, others)


def test_copies_are_those_of_a_dictionary(place):
    g = np.random.default_rng(3)
    x = g.integers(0, 3000, (5000, 1)) * np.ones((1, 3))
    done = scanned(x)
    by_value = collections.defaultdict(list)
    for row, value in enumerate(x[:, 0].tolist()):
        by_value[value].append(row)
    seen = done.part.copies.again()
    assert seen.alone == (sum(len(rows) == 1 for rows in by_value.values()),)
    assert seen.sides[0]["row"].tolist() == sorted(r for rows in by_value.values() if len(rows) > 1 for r in rows)


@pytest.mark.parametrize("kind", ["few", "some", "all"])
@pytest.mark.parametrize("larger", ["train", "val", "both"])
def test_overlap_from_files_is_that_in_memory(kind, larger, place, monkeypatch):
    first, second = kinds()[kind], tuple(part[::-1][:4000] for part in kinds()["some"])
    scans = []
    for split, data in (("train", first), ("val", second)):
        monkeypatch.setattr(copies, "SPILL", 1000 if larger in (split, "both") else 1 << 20)
        scans.append(scanned(data, split))
    tables = [table_of(scan) for scan in scans]
    assert sum(bool(scan.part.copies.spilled) for scan in scans) == 1 + (larger == "both")
    monkeypatch.setattr(copies, "SPILL", 1 << 20)
    plain = [table_of(scanned(data, split)) for split, data in (("train", first), ("val", second))]
    assert told(across.shared(*tables)) == told(across.shared(*plain))


def test_rows_that_a_loader_cannot_draw_are_left_out(place):
    x, y = kinds()["all"]
    chosen = np.arange(0, ROWS + 1000)
    done = scanned((x, y))
    table = table_of(done, chosen)
    assert (len(table), table.alone, len(table.rows)) == (ROWS + 1000, ROWS - 1000, 2000)
    assert doubles(table).extra == 1000
    np.testing.assert_array_equal(table.among(np.array([0, ROWS, ROWS + 999, ROWS + 1000])), [0, 1, 2])
    examples = [(row, int(label)) for row, label in zip(x, y, strict=True)]
    drawn = DataLoader(examples, sampler=SubsetRandomSampler(chosen.tolist()))
    seen = train_doubles(verbs.bench_of(train_loader=drawn))
    assert (len(seen.table), seen.table.alone, seen.extra) == (ROWS + 1000, ROWS - 1000, 1000)


def test_very_many_equal_rows_are_told_by_their_share(place, monkeypatch):
    monkeypatch.setattr(spilled, "MOST", 3000)
    monkeypatch.setattr(spilled, "LARGEST", 3000)
    monkeypatch.setattr(spilled.again, "__defaults__", (3000,))
    done = scanned(kinds()["all"])
    table = table_of(done)
    assert len(table.rows) <= 3000 < 2 * ROWS
    assert table.thinned >= 2
    assert len(table.rows) > 500
    assert abs(done.part.copies.repeated - ROWS) < 4 * (4 * ROWS) ** 0.5
    assert doubles(table).times == 2
    blank = scanned(kinds()["one"])  # 2000 equal rows do not go apart, and the others are told
    assert table_of(blank).thinned <= 12


def test_images_that_hold_nothing_are_counted(place):
    x = np.random.default_rng(0).integers(0, 256, (2500, 12, 12)).astype("u1")
    x[10:1400:2] = 7
    (found,) = broken(scanned((x, np.arange(2500) % 3)))
    assert (found.what, found.count, found.told, found.differ) == ("blank", 695, "7 throughout", True)


def test_parts_that_were_spilled_merge_and_travel(place):
    keys = np.random.default_rng(0).integers(0, 2000, 4000).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    halves = [copies.Copies(), copies.Copies()]
    for half, low in zip(halves, (0, 2000), strict=True):
        half.add(Block(np.arange(low, low + 2000), {"x": keys[low : low + 2000].astype(np.float64)}), None)
    sent = pickle.loads(pickle.dumps(halves[1]))
    assert sent._file is None
    assert halves[1].spilled
    for later in (halves[1], sent, copy.deepcopy(halves[1])):
        whole = copies.Copies()
        whole.merge(halves[0])
        whole.merge(later)
        assert whole.rows == 4000
        assert whole.repeated == 4000 - len(np.unique(keys))
    few = copies.Copies(most=500)
    few.merge(halves[0])
    again = pickle.loads(pickle.dumps(few))
    assert again.thinned >= 2
    assert again.rows <= 500


def test_a_file_stays_within_its_bytes(place, monkeypatch):
    monkeypatch.setattr(spilled, "DISK", 24 * 2500)
    monkeypatch.setattr(copies.Copies.__init__, "__defaults__", (2000, *copies.Copies.__init__.__defaults__[1:]))
    done = scanned(kinds()["all"])
    assert done.part.copies.spilled <= 24 * 2500
    assert os.fstat(done.part.copies._file._file.fileno()).st_size == done.part.copies.spilled
    assert done.part.copies.thinned >= 2
    table = table_of(done)
    assert table.extent == f"{len(table)} of 12000 rows"
    assert abs(done.part.copies.repeated - ROWS) < 4 * (8 * ROWS) ** 0.5


@pytest.mark.parametrize("when", ["never", "later"])
def test_without_room_for_a_file_a_part_is_kept_in_memory(when, place, monkeypatch):
    monkeypatch.setattr(copies.Copies.__init__, "__defaults__", (4000, *copies.Copies.__init__.__defaults__[1:]))
    if when == "never":
        monkeypatch.setattr(spilled, "DISK", 1000)
    else:
        real, calls = spilled.Spilled.add, []

        def add(self, parts):
            calls.append(1)
            if len(calls) > 3:
                raise OSError(28, "No space left on device")
            real(self, parts)

        monkeypatch.setattr(spilled.Spilled, "add", add)
    done = scanned(kinds()["all"])
    assert not done.part.copies.spilled
    assert done.rows == 2 * ROWS
    assert 1000 < done.part.copies.rows <= 4000
    assert done.part.copies.thinned == 2
    assert abs(done.part.copies.repeated - ROWS) < 4 * (4 * ROWS) ** 0.5


def test_no_file_has_a_name_while_it_is_used_nor_after_an_error(place):
    class Failing(IterableDataset):
        def __iter__(self):
            for row in range(5000):
                if row == 4500:
                    raise KeyboardInterrupt
                yield np.full(3, row % 700, np.float32), row % 3

    done = scanned(Failing())
    assert done.stopped == "interrupted"
    assert done.part.copies.spilled
    assert list(place.iterdir()) == []
    assert len(done.part.copies.groups()) == 700
    descriptor = done.part.copies._file._file.fileno()
    del done
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


@pytest.mark.parametrize("ended", [signal.SIGKILL, signal.SIGINT])
def test_a_kernel_that_ends_leaves_no_file(ended, tmp_path):
    code = (
        "import numpy as np, signal, time\n"
        "from nbrecipe.scan.counts import copies, spilled\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background jobs ignore it
        "file = spilled.Spilled()\n"
        "some = np.arange(100_000).astype(np.uint64)\n"
        "file.add([spilled.entries(some, some.astype(np.int64), some)])\n"
        "print(file.rows, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(tmp_path)},
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:  # fmt: skip
        assert process.stdout.readline() == "100000\n"
        process.send_signal(ended)
        process.wait(60)
    assert list(tmp_path.iterdir()) == []


def test_what_lies_in_a_file_is_told(place):
    x, y = kinds()["some"]
    seen = inspect_data((x, y), (x[:2000], y[:2000]))
    assert {result.id: result.finding for result in seen}["train-val-overlap"].seen["known"] == 2000
    assert any("temporary file" in note for note in seen.shown.notes)
    assert list(place.iterdir()) == []
