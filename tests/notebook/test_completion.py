"""Tab completes flags, ids and the user's names of the right kind, without running the user's code."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

IPython = pytest.importorskip("IPython", minversion="8.6")


@pytest.fixture
def shell(ip):
    class Loud:
        @property
        def weights(self):
            raise RuntimeError("a property of the user's was read")

        def __getattr__(self, name):
            raise RuntimeError(name)

    ip.user_ns.update(
        student=nn.Linear(2, 2), teacher=nn.Linear(2, 2), pair_loss=nn.MSELoss(), train_dl=DataLoader([1]),
        sums=torch.ones(2), loud=Loud(), step=3,
    )  # fmt: skip
    return ip


def offered(shell, text):
    from IPython.core.completer import provisionalcompleter

    with provisionalcompleter():
        return {completion.text for completion in shell.Completer.completions(text, len(text))}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%check_init --lo", {"--loss"}),
        ("x = %check_init --f", {"--fix"}),
        ("%%overfit_batch --st", {"--steps", "--static"}),
        ("%check_init s", {"student"}),
        ("%check_init ", {"student", "teacher"}),
        ("%check_init --loss ", {"pair_loss"}),
        ("%%overfit_batch --model t", {"teacher"}),
        ("%check_init student --train ", {"train_dl"}),
        ("%recipe expla", {"explain"}),
        ("%bind mo", {"model="}),
        ("%bind model=st", {"student"}),
        ("%bind loss=pair_loss model=", {"student", "teacher"}),
        ("%recipe --model=te", {"teacher"}),
        ("%evaluate student ", {"train_dl"}),
        ("%evaluate student train_dl --against t", {"teacher"}),
        ("%evaluate student --metrics balanced_accuracy_s", {"balanced_accuracy_score"}),
        ("%evaluate student --metrics rmse,mc", {"mcc"}),
        ("%baseline --metric kap", {"kappa"}),
    ],
)
def test_what_is_offered(shell, text, expected):
    assert offered(shell, text) == expected


def test_ids_are_offered_where_checks_are_named(shell):
    from nbrecipe.registry import all_checks, chapters

    ids = set(all_checks())
    assert offered(shell, "%recipe ") == {*ids, *chapters(), "explain"}
    assert "model" in offered(shell, "%recipe loss-at-init mo")
    assert offered(shell, "%recipe explain ") == ids


def test_other_lines_complete_as_before(shell):
    assert "student" in offered(shell, "x = stu")
    assert "--loss" not in offered(shell, "%timeit --lo")
