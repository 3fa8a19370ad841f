"""The notebook on texts finds its three accidents, and every one of them is gone after its repair."""

from __future__ import annotations

import re

import pytest

from tests.solved import cells_with, executed, solved_cells, told, with_solutions


@pytest.mark.timeout(240)
def test_the_accidents_are_named_and_gone_and_the_solutions_say_what_the_text_says(tmp_path):
    code, page = executed(with_solutions("text_tokens", tmp_path), tmp_path)
    assert code == 0

    assert re.search(
        r"17.\d % of the tokens .* are unknown, and 0 % in lower case", told(cells_with(page, "--rows 40")[0])
    )
    assert "✓ None of the" in told(cells_with(page, "%recipe unknown-tokens")[0])

    blind, seeing = (
        float(re.search(r"(\d+\.\d)% of the validation reviews", told(cell))[1])
        for cell in cells_with(page, "model, right = trained(")
    )
    assert blind < 60 < 99 < seeing
    cut, mended, ends = (told(cell) for cell in cells_with(page, "%recipe truncated-supervision"))
    assert cut.splitlines()[2].startswith("✗ 100 % of the texts")
    assert "✗" not in mended
    assert "100 % of the texts of `train_ends` are cut" in ends
    assert "✗" not in ends, "what was cut did not hold the answer"

    assert "end-token-masked" in told(cells_with(page, "%tokens letters line_loader")[0]).partition("held:")[0]
    assert "At 0 of 1200." in told(cells_with(page, "asked = ")[0])
    assert "✓ The end token is a target" in told(cells_with(page, "%recipe end-token-masked")[0])
    after = told(cells_with(page, "%%watch")[0])
    last = float(re.search(r"(\d\.\d+) in the last batch; a guess among 40 tokens costs 3.69", after)[1])
    assert last < 0.6, "it writes words by now"
    board = told(cells_with(page, "%recipe")[-1])
    assert "✓ outputs of the tokenizer" in board
    assert "✓ truncated inputs" in board

    both, _, written = (told(cell) for cell in solved_cells(page))
    assert re.search(r"with `alphabet`: 1\d\d,\d\d\d tokens, [45]\.\d+ a word", both), both
    stops, endless = written.strip().splitlines()[0], written.strip().splitlines()[-1]
    assert stops.endswith("!<|end|>")
    assert "<|end|>" not in endless
