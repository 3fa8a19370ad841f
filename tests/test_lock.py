"""A board that is locked at a stage: what later stages hold is hidden, and one line says so."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError
from IPython.utils.capture import capture_output

import nbrecipe
from nbrecipe import toys, verbs
from nbrecipe.batches import BadInput
from nbrecipe.session import Session


@pytest.fixture(autouse=True)
def seen(monkeypatch):
    """A session that has seen a check of the second stage and one of the third."""
    monkeypatch.setattr(verbs, "SESSION", Session())
    bench = toys.classify()
    nbrecipe.recipe("loss-at-init", "symmetric-init", model=bench.model, batch=bench.batch, loss=bench.loss_fn)


def test_later_stages_and_their_findings_are_hidden_and_one_line_says_so():
    board = nbrecipe.recipe(lock=2)
    assert "– Stages 3 to 6 are locked; `%recipe --lock 6` opens all" in str(board)
    assert [result.id for result in board] == ["loss-at-init"]
    assert "Overfit" not in str(board)
    assert ">3 Overfit<" not in board._repr_html_()
    assert "Stages 3 to 6 are locked" in board._repr_html_()
    assert board.here.name in ("data", "skeleton")


def test_it_stays_locked_until_the_last_stage_opens_all_and_nothing_is_lost(tmp_path):
    nbrecipe.recipe(lock=2)
    assert "are locked" in str(nbrecipe.recipe())
    page = nbrecipe.report().save_html(tmp_path / "r.html").read_text("utf-8")
    assert "symmetric-init" not in page
    board = nbrecipe.recipe(lock=6)
    assert "locked" not in str(board)
    assert [result.id for result in board] == ["loss-at-init", "symmetric-init"]


def test_the_last_of_five_is_told_in_the_singular():
    assert "– Stage 6 is locked; `%recipe --lock 6` opens all" in str(nbrecipe.recipe(lock=5))


def test_what_is_asked_for_by_name_is_shown_all_the_same():
    bench = toys.classify()
    given = {"model": bench.model, "batch": bench.batch, "loss": bench.loss_fn}
    assert [r.id for r in nbrecipe.recipe("symmetric-init", lock=1, **given)] == ["symmetric-init"]


@pytest.mark.parametrize("lock", [0, 7, -1, True, "2", 2.5])
def test_a_lock_that_is_no_stage_is_refused_in_one_sentence(lock):
    with pytest.raises(BadInput) as refused:
        nbrecipe.recipe(lock=lock)
    assert str(refused.value) == f"a lock is the number of the last stage to show, 1 to 6; {lock!r} was given"
    assert verbs.SESSION.lock == 0


def test_the_magic_locks_too(ip):
    with capture_output():
        board = ip.run_cell("%recipe --lock 1 -q").result
        refusal = ip.run_cell("%recipe --lock 9").error_in_exec
    assert "– Stages 2 to 6 are locked" in str(board)
    assert type(refusal) is UsageError
    assert str(refusal) == "a lock is the number of the last stage to show, 1 to 6; 9 was given"
