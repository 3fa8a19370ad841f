"""Sound and other signals, however a data set keeps them, are sequences; wide tables and flat images are none."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import torch

import nbrecipe
from nbrecipe.scan.columns.kinds import Kind
from nbrecipe.scan.reading import scan
from nbrecipe.scan.sources.opening import open_source


def wave(steps, tone, g):
    return np.sin(np.arange(steps) * (0.05 + 0.02 * tone) + 6 * g.random()) + g.normal(0, 0.05, steps)


def sounds():
    g = np.random.default_rng(0)
    return {
        "audio features": [
            {"audio": {"array": wave(g.integers(400, 900), i % 3, g), "sampling_rate": 16000}, "label": i % 3}
            for i in range(60)
        ],
        "arrays of one length": [(wave(800, i % 3, g).astype(np.float32), i % 3) for i in range(60)],
        "one array": (np.stack([wave(800, i % 3, g) for i in range(60)]).astype(np.float32), np.arange(60) % 3),
        "whole numbers": (np.stack([wave(800, 0, g) * 9000 for i in range(60)]).astype(np.int16), np.arange(60) % 3),
        "two channels first": [
            (torch.from_numpy(np.stack([wave(n, i % 3, g)] * 2)), i % 3)
            for i, n in enumerate(g.integers(400, 900, 60).tolist())
        ],
    }


@pytest.mark.parametrize("name", sounds())
def test_sound_is_a_sequence_with_its_length(name):
    data = sounds()[name]
    read = scan(open_source(data, "sounds"))
    (column,) = read.plan.inputs
    assert read.plan.kinds[column] is Kind.SEQUENCE
    assert read.part.unread == 0
    spread = read.part.spreads[column]
    assert spread.names[0].endswith("length")
    assert 400 <= spread.mean[0] <= 900
    answer = nbrecipe.inspect_data(data)
    assert [r.id for r in answer if r.verdict.value in ("bad", "crashed")] == []
    assert nbrecipe.browse(data).browsing.cards.kind == "sequence"


def tables():
    g = np.random.default_rng(0)
    blobs = g.normal(size=(60, 24, 24)).cumsum(1).cumsum(2).astype(np.float32)
    return {
        "genes": (g.normal(size=(60, 1500)).astype(np.float32), Kind.TABLE),
        "one-hot": (np.eye(400, dtype=np.float32)[g.integers(0, 400, 60)], Kind.TABLE),
        "counts": (g.poisson(2, (60, 500)).astype(np.float32), Kind.TABLE),
        "a few measures in order": (np.sort(g.normal(size=(60, 40)), axis=1), Kind.TABLE),
        "flat images": (blobs.reshape(60, -1), Kind.IMAGE),
        "ids": (g.integers(0, 900, (60, 300)), Kind.TOKENS),
    }


@pytest.mark.parametrize("name", tables())
def test_wide_rows_of_other_things_are_none(name):
    values, kind = tables()[name]
    assert scan(open_source({"x": values, "label": np.arange(60) % 2}, "rows")).plan.kinds["x"] is kind


def test_of_a_very_wide_table_nothing_wrong_is_said():
    table = np.random.default_rng(0).normal(size=(50, 1500)).astype(np.float32)
    told = str(nbrecipe.inspect_data((table, np.arange(50) % 2)))
    assert "same in every row" not in told
    assert "input[0]  " in told


def test_arrays_that_cannot_be_written_raise_no_warning(tmp_path):
    g = np.random.default_rng(0)
    np.save(tmp_path / "images.npy", g.random((60, 3, 16, 16), dtype=np.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nbrecipe.inspect_data(str(tmp_path / "images.npy"))._repr_html_()
        fixed = [(g.integers(0, 255, (20 + i % 3, 20, 3), dtype=np.uint8), i % 2) for i in range(60)]
        for image, _ in fixed:
            image.flags.writeable = False
        nbrecipe.inspect_data(fixed)._repr_html_()
        nbrecipe.browse(fixed)._repr_html_()


def test_what_is_missing_is_called_so_on_a_card():
    frame = pd.DataFrame({"text": ["a film", None, "b film"] * 20, "stars": [1.0, np.nan, 3.0] * 20,
                          "label": [0.0, 1.0, np.nan] * 20})  # fmt: skip
    told = str(nbrecipe.browse(frame))
    assert "row 1 · 1 · " in told
    assert "missing" in told.split("row 1 ")[1].split("row 2")[0]
    assert "row 2 · no label · " in told
    assert "None" not in told
    assert "nan" not in told
