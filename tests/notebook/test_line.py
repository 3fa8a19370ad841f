"""The words of a magic's line."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError

from nbrecipe.notebook.line import words


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("net --steps 3", ["net", "--steps", "3"]),
        ("net;", ["net"]),
        ("  net  ; ", ["net"]),
        ("--batch (x[:8], y[:8]) net", ["--batch", "(x[:8], y[:8])", "net"]),
        ("--loss \"nn.MSELoss(reduction='sum')\"", ["--loss", "nn.MSELoss(reduction='sum')"]),
        ("--loss parts['a b']", ["--loss", "parts['a b']"]),
        ("--batch {'x': x, 'y': y}", ["--batch", "{'x': x, 'y': y}"]),
        ("", []),
    ],
)
def test_brackets_and_quotes_keep_a_word_together(line, expected):
    assert words(line) == expected


@pytest.mark.parametrize("line", ["(x, y", "x)", "'x"])
def test_what_is_not_closed_is_told(line):
    with pytest.raises(UsageError) as told:
        words(line)
    assert str(told.value) == f"a bracket or a quote is not closed: {line}"
