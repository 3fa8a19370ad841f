"""The workshop notebook about overfitting, executed with its solutions: it finds what it promises, and mends it."""

from __future__ import annotations

import re

from solved import executed, solved_cells, told, with_solutions


def losses(said: str) -> list[float]:
    return [float(loss) for loss in re.findall(r"width +\d+: training loss (\d\.\d+)", said)]


def test_what_is_planted_is_named_and_what_is_mended_holds(tmp_path):
    code, notebook = executed(with_solutions("3_overfit", tmp_path), tmp_path)
    assert code == 0
    [solution] = [" ".join(told(cell).split()) for cell in solved_cells(notebook)]
    cells = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cells.setdefault(cell.source.splitlines()[0], []).append(" ".join(told(cell).split()))

    plain, softmax, mended = cells["%%overfit_batch"]
    assert "16 of 16 predictions meet their labels" in plain
    assert "Remove the softmax at the end of `model`" in softmax
    assert "it cannot fall below 1.461" in softmax
    assert "16 of 16 predictions meet their labels" in mended

    wrong, right = cells["%%watch --probe eight --every 10"]
    assert re.search("1 fault.*✗ .*missing-zero-grad", wrong)
    norms = [[float(n) for n in re.search(r"gradient norm (\S+) → (\S+)", said).groups()] for said in (wrong, right)]
    assert norms[0][1] > 3 * norms[0][0], "it climbs"
    assert norms[1][1] < norms[1][0], "it does not"
    ends = [float(re.search(r"loss \S+ → (\S+)", said)[1]) for said in (wrong, right)]
    assert ends[0] < ends[1], "the wrong loop looks faster"
    assert "✗" not in right

    asked, once_more, _ = cells["%%watch"]
    assert re.search("1 fault.*✗ .*evaluating-in-train-mode", asked)
    assert "✗" not in once_more
    assert re.search(r"first (\d\.\d+), second \1", once_more)
    assert re.search("✓.*stale-optimizer", solution), "the exercise has an answer"
    assert "✗" not in solution

    flat, bent = (losses(said) for one in cells.values() for said in one if losses(said))
    assert min(flat) > 0.1
    assert bent[-1] < 0.05 < bent[0]
    named, held = cells["wide = net(128)"]
    assert "act as one linear layer" in named
    assert "No two layers act as one" in held
    assert sum("You made no guess." in said for one in cells.values() for said in one) == 5
    assert "you are at" in cells["%recipe --lock 3"][0]
