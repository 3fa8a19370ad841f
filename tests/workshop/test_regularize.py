"""The workshop notebook about regularisation, executed: what it plants, names and mends, and its numbers."""

from __future__ import annotations

import re

from tests.solved import FOLDER, executed, told


def test_what_is_planted_is_named_and_what_is_mended_holds(tmp_path):
    code, notebook = executed(FOLDER / "4_regularize.ipynb", tmp_path)
    assert code == 0
    cells: dict[str, list[str]] = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cells.setdefault(cell.source.splitlines()[-1], []).append(" ".join(told(cell).split()))

    def ending(line: str) -> list[str]:
        return [told for end, said in cells.items() if end.startswith(line) for told in said]

    aliased, copied = ending('print(f"best epoch')
    losses = re.search(r"with loss (\S+); the weights that were kept have (\S+)", aliased)
    assert float(losses[2]) > float(losses[1]) + 0.1, "the printed line gives the mistake away"
    assert "✗ All 6 tensors of `best_weights` are `net`'s own memory" in aliased
    assert "△ Validation loss was lowest at step" in aliased, "the curves part"
    losses = re.search(r"with loss (\S+); the weights that were kept have (\S+)", copied)
    assert losses[1] == losses[2]
    [held] = ending('only(run, "aliased-checkpoint", "overfitting")')
    assert "2 hold" in held

    [drawn] = ending("%show_augment")
    assert "✗ Inputs of" in drawn
    assert "`val_loader.dataset` differ at a second reading" in drawn
    assert "2 hold" in ending("%recipe unstable-validation")[0]
    [helped] = ending('print(f"lowest validation loss')
    without, moved = map(float, re.search(r"loss (\S+) without, (\S+) with moved", helped).groups())
    assert moved < without

    before, after = ending('only(run, "dropout-before-batchnorm")')
    assert re.search(r"✗ The variance at `net\[3\]` is [2-9]\S* times as large in training", before)
    assert "✓ No dropout runs before" in after
    printed = ending('print("validation loss {:.3f}')
    dropped, mended, decayed, kept, *_ = (float(re.search(r"loss (\S+),", said)[1]) for said in printed)
    assert mended < dropped
    assert abs(decayed - 2.303) < 0.02, "a guess among ten"
    assert kept < decayed
    pulled, leans = ending('only(run, "excessive-weight-decay")')
    assert 0.07 < float(re.search(r"shrank to (\S+) % of their norm", pulled)[1]) / 100 < 0.12, "about 0.09"
    assert leans.count("✓") == 1

    mixing, apart = ending("%chart_dependencies net --over batch")
    assert "1 batch norm mixes them while training, by design" in mixing
    assert "batch norm" not in apart
    two, fifty = ending("%recipe tiny-batch-norm")
    assert "✗ `net.2` takes mean and variance over 2 values" in two
    assert "✓" in fifty

    [inside] = ending("%activations net")
    assert int(re.search(r"(\d+) of 24 units always off", inside)[1]) > 6
    assert "△" in inside
    assert "✓" in ending("%recipe dead-units")[0]
    assert "show structure together" in ending("%filters net")[-1]

    assert "go on moving in train mode" in ending("%freeze net[:8]")[0]
    drifting, still = ending('only(run, "frozen-batchnorm-drift")')
    assert "△ 2 of 2 frozen batch norm layers ran in train mode" in drifting
    assert "✓ 2 frozen batch norm layers kept their statistics" in still
    assert sum("You made no guess." in said for end in cells.values() for said in end) == 6
    assert "Stages 5 to 6 are locked" in ending("%recipe --lock 4")[0]
