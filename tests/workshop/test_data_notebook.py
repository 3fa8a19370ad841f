"""The notebook on data finds its five accidents, and every one of them is gone after its repair."""

from __future__ import annotations

import re

import pytest

from tests.solved import cells_with, executed, solved_cells, told, with_solutions


@pytest.mark.timeout(240)
def test_the_accidents_are_named_and_gone_and_the_solutions_say_what_the_text_says(tmp_path):
    code, page = executed(with_solutions("1_data", tmp_path), tmp_path)
    assert code == 0

    first = told(cells_with(page, "%inspect_data")[0])
    for fault in ("train-val-overlap", "split-shift", "corrupted-input", "outlier-examples", "duplicate-examples"):
        assert re.search(rf"^  {fault}", first, re.M), f"{fault} is not named:\n{first}"
    units, _ = cells_with(page, "%recipe split-shift")
    assert "✓" in told(units)
    assert "✗" not in told(units)

    assert "its brightest pixel is 0" in told(cells_with(page, "darkest")[0])
    blank = told(cells_with(page, "%recipe outlier-examples corrupted-input")[0])
    assert "2 hold" in blank, blank

    before, after = (told(cell) for cell in cells_with(page, "%recipe train-val-overlap duplicate-examples"))
    assert re.search(r"✗ \d+ of \d+ rows of `val_loader` .* stand in `train_loader`", before), before
    assert "2 hold" in after, after

    doubts = told(cells_with(page, "hits")[0])
    mistyped = int(re.search(r"mistyped, (\d+) images", doubts)[1])
    rows, hits = map(int, re.search(r"(\d+) rows are doubted; in (\d+) of them", doubts).groups())
    assert hits > 0.8 * rows, "most suggestions are the truth"
    assert hits > 0.8 * mistyped, "most mistakes are found"
    assert "✗" not in told(cells_with(page, "%recipe data text")[0])

    turned, both = (told(cell) for cell in cells_with(page, "%show_augment ink"))
    assert "unmoved-target" in turned.partition("held:")[0], turned
    assert "✗" not in both, both
    assert "2 different images, 1 mask." in told(cells_with(page, "draws = ")[0])

    assert re.search(r"✓ 1 Data +(\d+)/\1 +holds", told(cells_with(page, "%recipe --lock 1")[0]))

    shift, ink, learned, perfect, nudged = (told(cell) for cell in solved_cells(page))
    assert shift.split() == ["1.1", "bad", "1.05", "hint", "1.01", "hint"]
    means = [tuple(map(float, line.split()[1::2])) for line in ink.strip().splitlines()]
    assert max(m for m, _ in means) - min(m for m, _ in means) < max(s for _, s in means)
    copies, others, every = map(float, re.findall(r"(\d+\.\d)%", learned))
    assert copies == 100 > every > others
    assert 94 < float(re.search(r"(\d+\.\d)%", perfect)[1]) < 97
    assert "✗" not in nudged
