"""A cell runs as it would run without us, and its source is read right."""

from __future__ import annotations

import ast
import re

import pytest
from IPython.utils.capture import capture_output

from nbrecipe.bench import Cell
from nbrecipe.notebook import cells


def test_a_watched_cell_runs_as_it_is(ip):
    plain = "a = 3\nb = [a for a in range(2)]\na + len(b)\n"
    with capture_output() as said:
        ip.run_cell("%%watch -q\n" + plain, store_history=True)
    assert said.stdout.startswith("Out[1]: 5\n")
    assert ip.user_ns["a"] == 3


def test_a_watched_cell_knows_magics_and_semicolons(ip):
    with capture_output() as said:
        result = ip.run_cell("%%watch ;\n%xmode Minimal\n7;", store_history=True)
    assert result.result is None
    assert "Minimal" in said.stdout


@pytest.mark.parametrize("blank", ["", "\n", "\n   \n"])
def test_an_error_is_reported_at_the_users_own_line(ip, blank):
    body = blank + "def f():\n    return 1 / 0\n\nf()\n"
    with capture_output() as said:
        result = ip.run_cell("%%watch\n" + body, store_history=True)
    assert isinstance(result.error_in_exec, ZeroDivisionError)
    line = 2 + blank.count("\n")
    told = re.sub(r"\x1b\[[0-9;]*m", "", said.stdout)
    assert f"Cell In[1], line {line + 3}\n" in told
    assert f"Cell In[1], line {line + 1}, in f()\n" in told
    assert "magics.py" not in told


def test_a_syntax_error_of_the_user_stays_one(ip):
    with capture_output():
        result = ip.run_cell("%%watch\nx = (1,\n", store_history=True)
    assert isinstance(result.error_in_exec, SyntaxError)


def test_state_shared_with_other_cells_is_the_notebooks_own(ip):
    with capture_output():
        ip.run_cell("%%watch\nimport math\ndef area(r):\n    return math.pi * r * scale\nscale = 2", store_history=True)
        result = ip.run_cell("scale = 10\narea(1)", store_history=True)
    assert round(result.result, 2) == 31.42


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("net = Net()", ("net",)),
        ("a, (b, *c) = d", ("a", "b", "c")),
        ("x: int = 3\nx += 1", ("x",)),
        ("if (n := 3):\n    m = n", ("n", "m")),
        ("for i, (j, k) in pairs:\n    pass", ("i", "j", "k")),
        ("with open(p) as f:\n    pass", ("f",)),
        ("import torch.nn as nn, numpy\nfrom a.b import c as d, e", ("nn", "numpy", "d", "e")),
        ("import torch.nn", ("torch",)),
        ("def f():\n    inner = 1\nclass C:\n    attribute = 2", ("f", "C")),
        ("rows = [row for row in table]", ("rows",)),
        ("rows = [last := row for row in table]", ("rows", "last")),
        ("net.head = layer\ntable[0] = 1", ()),
        ("key = lambda item: (hidden := item)", ("key",)),
        ("match point:\n    case (x, *rest):\n        pass", ("x", "rest")),
        ("this is no python", ()),
    ],
)
def test_the_names_that_a_cell_assigns(source, names):
    assert cells.assigned(cells.tree(source)) == names


def test_history_is_python_that_keeps_its_lines(ip):
    with capture_output():
        ip.run_cell("%%watch\na = 1\n%xmode Plain\nb = 2", store_history=True)
        ip.run_cell("%%html\n<b>no python</b>", store_history=True)
        ip.run_cell("c = 3", store_history=True)
    ran = cells.history(ip)
    assert [cell.number for cell in ran] == [1, 2, 3]
    assert ran[0].source.splitlines()[1] == "a = 1"
    assert ran[0].source.splitlines()[3] == "b = 2"
    for cell in ran:
        ast.parse(cell.source)


def test_comments_that_silence_checks():
    ran = (Cell(1, "x = 1  # nbrecipe: ignore loss-at-init, final-bias"), Cell(2, "#nbrecipe:ignore dead-units"))
    assert cells.silenced(ran) == {"loss-at-init", "final-bias", "dead-units"}
    assert cells.silenced((Cell(1, "# nbrecipe ignores nothing"),)) == frozenset()
