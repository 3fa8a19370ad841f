"""Memory is given back: pages of files that were read, large images that are looked at one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nbrecipe.checks.data import scrambled_image
from nbrecipe.decoding import pixels as drawing
from nbrecipe.scan import memory, reading
from nbrecipe.scan.columns.block import Block
from nbrecipe.scan.counts import sample
from nbrecipe.scan.looks.pixels import pixels
from nbrecipe.scan.sources.opening import open_source


def mapped() -> int:
    """Kilobytes of files in memory."""
    with open("/proc/self/status") as status:  # noqa: PTH123
        told = [int(line.split()[1]) for line in status if line.startswith("RssFile")]
    return told[0] if told else pytest.skip("told by Linux alone")


def test_a_mapped_file_does_not_stay_in_memory(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).standard_normal((400_000, 16)))
    source = open_source(str(tmp_path / "x.npy"), "x")
    reading.scan(source, most=1000)  # what is imported on the way
    before = mapped()
    assert reading.scan(source).whole
    assert mapped() - before < 20_000 < 50_000


def test_what_was_written_through_a_map_stays(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros(10_000))
    for mode, at in (("r+", 7), ("c", 9)):
        values = np.load(tmp_path / "x.npy", mmap_mode=mode)
        values[at] = at
        memory.let_go(values[3:])
        assert values[at] == at
    np.testing.assert_array_equal(np.flatnonzero(np.load(tmp_path / "x.npy")), [7])
    memory.let_go([1])
    memory.let_go(np.zeros(3))
    memory.give_back()


@pytest.mark.parametrize("kind", ["arrays", "lists", "both"])
def test_a_sample_is_put_in_order_without_a_second_copy(kind):
    g = np.random.default_rng(0)
    for _ in range(50):
        rows = g.permutation(100)[: int(g.integers(1, 100))]
        blocks = []
        for i, part in enumerate(np.array_split(rows, int(g.integers(1, 6)))):
            values = np.repeat(part, 4).reshape(-1, 2, 2).astype(np.float32)
            blocks.append(
                Block(part, {"x": values if kind == "arrays" or (kind == "both" and i % 2) else list(values)})
            )
        whole = sample.in_order(blocks)
        assert not blocks
        assert whole.rows.tolist() == sorted(rows.tolist())
        assert [int(value[0, 0]) for value in whole.columns["x"]] == whole.rows.tolist()
        assert isinstance(whole.columns["x"], np.ndarray) == all(
            isinstance(v, np.ndarray) for v in [whole.columns["x"]]
        )


def test_large_images_tell_the_same_one_by_one(monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (30, 3, 40, 24)).astype(np.uint8)
    told = pixels(images)
    plain = images.astype(np.float64)
    assert [grid.step for grid in told.grids] == [1.0] * 3
    np.testing.assert_allclose(told.contrast, np.quantile([i.std() for i in plain], (0.01, 0.5, 0.99)))
    np.testing.assert_allclose(told.brightness, np.quantile([i.mean() for i in plain], (0.01, 0.5, 0.99)))
    whole = scrambled_image._alike(torch.from_numpy(images))
    monkeypatch.setattr(scrambled_image, "PIECE", 4 * 3 * 40 * 24 * 7)
    torch.testing.assert_close(scrambled_image._alike(torch.from_numpy(images)), whole)
    batch = torch.from_numpy(plain)
    one, other = (drawing.drawn(given, 30, None) for given in (batch, list(batch)))
    assert one[1] == other[1]
    for mine, theirs in zip(one[0], other[0], strict=True):
        np.testing.assert_array_equal(mine, theirs)
