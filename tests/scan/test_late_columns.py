"""Columns that first stand beyond the rows by which a data set is planned are counted and told of."""

from __future__ import annotations

import json

import numpy as np
import pytest
from datasets import IterableDataset as HubStream

import nbrecipe
from nbrecipe.scan.part import Part
from nbrecipe.scan.reading import read_part, scan
from nbrecipe.scan.sources.opening import open_source

ROWS = [{"a": i / 2, "b": f"row {i}", **({"c": i, "d": [i, 2, 3]} if i >= 700 else {})} for i in range(1000)]


def of_lines(folder):
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
    return str(folder / "rows.jsonl")


def of_stream(folder):
    return HubStream.from_generator(lambda: iter(ROWS))


@pytest.mark.parametrize("made", [lambda folder: ROWS, of_lines, of_stream], ids=["list", "lines", "stream"])
def test_they_are_counted_and_told(made, tmp_path):
    data = made(tmp_path)
    read = scan(open_source(data, "rows"))
    assert read.part.late == {"c": (300, 700), "d": (300, 700)}
    assert (read.rows, read.part.unread) == (1000, 0)
    (told,) = [note for note in nbrecipe.inspect_data(data).shown.notes if note.startswith("not read of `train_data`")]
    assert "since the first 512 rows say which columns there are" in told
    assert "`c` in 300 rows from row 700 on" in told
    assert "`d` in 300 rows from row 700 on" in told


def test_parts_merge_to_what_the_whole_gives():
    source = open_source(ROWS, "rows")
    whole, merged = scan(source).part, Part(scan(source).plan)
    for low in range(0, 1000, 250):
        merged.merge(read_part(source, whole.plan, low, low + 250))
    assert merged.late == whole.late


def test_a_column_of_some_of_the_first_rows_is_read():
    rows = [{"a": i, **({"z": np.ones(3) * i} if i > 300 else {})} for i in range(512)]
    read = scan(open_source(rows, "rows"))
    assert read.part.late == {}
    assert "z" in read.plan.kinds


def test_nothing_late_is_no_note_and_columns_left_out_on_purpose_are_none():
    late = [*ROWS, *({"a": 1.0, "b": "x", "c": None, "e": float("nan")} for _ in range(9))]
    assert set(scan(open_source(late, "rows")).part.late) == {"c", "d"}
    assert scan(open_source(ROWS, "rows", columns=["a"])).part.late == {}
    assert not any("not read" in note for note in nbrecipe.inspect_data(ROWS[:700]).shown.notes)
