"""The workshop notebook about the skeleton and baselines, executed with its solutions: what it plants, names, mends."""

from __future__ import annotations

import re

from solved import executed, solved_cells, told, with_solutions


def test_what_is_planted_is_named_and_what_is_mended_holds(tmp_path):
    code, notebook = executed(with_solutions("2_skeleton_and_baselines", tmp_path), tmp_path)
    assert code == 0
    cells = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cells.setdefault(cell.source.splitlines()[-1], []).append(" ".join(told(cell).split()))

    [at_init], [entering] = cells["%check_init"], cells["%show_batch"]
    loss, guess = map(float, re.search(r"✗ Loss at init is (\S+) ± \S+; a guess gives (\S+)", at_init).groups())
    assert loss > 4 * guess, "many times higher"
    assert "as bytes" in entering
    assert "unscaled-input" in entering
    [scaled] = cells["%recipe loss-at-init unscaled-input"]
    assert "2 hold" in scaled
    assert "✗" not in scaled

    [many] = cells["beside(my_answers, answers_that_change(model))"]
    assert int(re.search(r"came out as (\d+)\.", many)[1]) > 10
    leaks, alone = cells["%chart_dependencies"]
    assert re.search("✗.*batch-leak.*batch_first=True", leaks)
    assert alone.startswith("1 answer changes")
    assert "Each of 60 outputs depends on its own row alone" in alone

    differs, same = cells["fast = fast_centred(images[:5])"]
    assert "✗ `fast_centred` gives" in differs
    assert "✓ `fast_centred` gives what `centred` gives" in same
    [solution] = [" ".join(told(cell).split()) for cell in solved_cells(notebook)]
    assert re.search("✓.*wrong-gradient", solution), "the exercise has an answer"

    [ladder] = cells["%baseline"]
    assert re.search("model beats .*majority.* beyond chance; .*nearest neighbour.* it", ladder)
    [compared] = cells["%evaluate model val_loader --against wide"]
    assert "Accuracy: model against wide" in compared
    assert "could be chance" in compared
    blind, sees = cells["%recipe input-independent --model masked"]
    assert "✗ Held-out loss 2.3" in blind
    assert "✓ Held-out loss 0." in sees
    assert sum("You made no guess." in said for one in cells.values() for said in one) == 4
    assert "you are at" in cells["%recipe --lock 2"][0]
