"""What counts as a seed, and where it has to stand."""

from __future__ import annotations

import pytest

from nbrecipe import toys
from nbrecipe.bench import Cell
from nbrecipe.registry import get_check
from nbrecipe.runner import run


def said(*sources: str) -> tuple[str, str]:
    bench = toys.classify(cells=tuple(Cell(number, source) for number, source in enumerate(sources, start=1)))
    finding = run(get_check("unseeded"), bench).finding
    return str(finding.verdict), finding.message


@pytest.mark.parametrize(
    "seed", ["torch.manual_seed(1)", "set_seed(seed=1)", "get_ipython().run_line_magic('seed', '1')", "random.seed(1)"]
)
def test_a_seed_above_the_model_holds(seed):
    assert said(seed, "net = Net()") == ("ok", "a seed is set in cell 1, before `net` is built in cell 2")


def test_no_seed_is_a_hint():
    assert said("net = Net()") == ("hint", "no cell sets a seed, so each run draws `net` anew")


def test_a_function_that_seeds_counts_when_it_is_called():
    define = "def reproducible():\n    torch.manual_seed(0)"
    assert said(define, "net = Net()")[0] == "hint"
    assert said(define, "reproducible()", "net = Net()")[0] == "ok"


def test_a_seed_below_the_model_in_one_cell_is_too_late():
    assert said("net = Net()\ntorch.manual_seed(0)") == (
        "hint",
        "the seed is set in cell 1, after `net` was built in cell 1",
    )


def test_a_cell_that_does_not_parse_is_passed_over():
    assert said("!!", "torch.manual_seed(0)", "net = Net()")[0] == "ok"


def test_a_script_has_no_cells():
    assert run(get_check("unseeded"), toys.classify()).finding.message == "needs the cells of a notebook"
