"""Only the columns that were named are read and judged, whatever holds them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from datasets import Dataset as HubData

from nbrecipe.batches import BadInput
from nbrecipe.scan.reading import scan
from nbrecipe.scan.sources.opening import open_source

ROWS = 600
COLUMNS = {
    "age": np.arange(ROWS) % 70,
    "city": [f"town {i % 9}" for i in range(ROWS)],
    "pay": np.linspace(0, 1, ROWS),
    "label": np.arange(ROWS) % 2,
}


def of_files(kind):
    def made(folder):
        frame, path = pd.DataFrame(COLUMNS), folder / f"rows.{kind}"
        write = {"csv": lambda: frame.to_csv(path, index=False), "parquet": lambda: frame.to_parquet(path),
                 "jsonl": lambda: frame.to_json(path, orient="records", lines=True)}  # fmt: skip
        write[kind]()
        return str(path)

    return made


KINDS = {
    "pandas": lambda folder: pd.DataFrame(COLUMNS),
    "polars": lambda folder: pl.DataFrame(COLUMNS),
    "arrow": lambda folder: pa.table(COLUMNS),
    "hub": lambda folder: HubData.from_dict(COLUMNS),
    "hub stream": lambda folder: HubData.from_dict(COLUMNS).to_iterable_dataset(),
    "dict": lambda folder: COLUMNS,
    "rows": lambda folder: pd.DataFrame(COLUMNS).to_dict("records"),
    "csv": of_files("csv"),
    "parquet": of_files("parquet"),
    "jsonl": of_files("jsonl"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_others_are_neither_read_nor_judged(kind, tmp_path):
    data = KINDS[kind](tmp_path)
    read = scan(open_source(data, "rows", columns=["pay", "age"]))
    assert sorted(read.plan.kinds) == ["age", "pay"]
    assert read.plan.label is None
    assert (read.rows, read.part.unread) == (ROWS, 0)
    assert read.part.spreads["age"].mean[0] == pytest.approx(np.mean(COLUMNS["age"]))
    whole = scan(open_source(data, "rows"))
    assert sorted(whole.plan.kinds) == sorted(COLUMNS)  # what the user has is as it was


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_that_is_not_there_is_refused_with_what_is(kind, tmp_path):
    with pytest.raises(BadInput, match="`rows` has no column `wage`; its columns are `age`, `city`, `pay`, `label`"):
        scan(open_source(KINDS[kind](tmp_path), "rows", columns=["age", "wage"]))


def test_the_label_is_read_where_it_is_named():
    named = scan(open_source(COLUMNS, "rows", columns=["age", "label"]))
    assert (named.plan.label, list(named.plan.inputs)) == ("label", ["age"])
    asked = scan(open_source(COLUMNS, "rows", label="city", columns=["age"]))
    assert (asked.plan.label, list(asked.plan.inputs)) == ("city", ["age"])
    beside = scan(open_source(pd.DataFrame(COLUMNS), "rows", label=COLUMNS["label"], columns=["age"]))
    assert (beside.plan.label, list(beside.plan.inputs)) == ("labels given", ["age"])


def test_a_row_without_any_of_them_is_read_all_the_same():
    rows = [{"a": i if i % 3 else None, "b": i} for i in range(90)]
    read = scan(open_source(rows, "rows", columns=["a"]))
    assert (read.rows, read.part.unread) == (90, 0)
    assert read.part.spreads["a"].missing[0] == 30
