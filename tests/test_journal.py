"""The journal counts what was evaluated, from several processes at once, and never stands in the way."""

import math
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing

import pytest

from nbrecipe.journal import PLACE, Journal


@pytest.fixture
def journal(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Journal()


def test_other_weights_on_the_same_data_are_counted(journal):
    assert [journal.evaluated("data", "test_loader", weights, "accuracy", 0.9) for weights in "abcb"] == [0, 1, 2, 2]
    assert journal.evaluated("others", "test_loader", "a", "accuracy", 0.9) == 0
    assert journal.evaluated("data", "another_name", "d", "loss", 0.1) == 3
    assert (journal.other_weights("data", "a"), journal.other_weights("data", "new")) == (3, 4)
    assert Journal().other_weights("data", "new") == 4


def test_the_same_weights_again_count_nothing(journal):
    assert [journal.evaluated("data", "test_set", "a", "accuracy", 0.9) for _ in range(5)] == [0] * 5


def test_what_has_no_fingerprint_is_noted_and_not_counted(journal):
    assert [journal.evaluated("", "test_set", weights, "loss", 1.0) for weights in "ab"] == [0, 0]
    assert [journal.evaluated("data", "test_set", weights, "loss", 1.0) for weights in ("a", "", "a")] == [0, 0, 0]
    assert len(journal.events()) == 5


def test_events_tell_what_was_run(journal):
    journal.evaluated("data", "test_loader", "w", "accuracy", 0.912)
    journal.add("baseline", "val_loader", "data", "", {"rungs": 5})
    first, second = journal.events()
    assert (first.what, first.name, first.data, first.weights) == ("evaluate", "test_loader", "data", "w")
    assert first.outcome == {"metric": "accuracy", "value": 0.912}
    assert first.time.endswith("+00:00")
    assert journal.events("baseline") == (second,)
    journal.evaluated("data", "test_loader", "w", "loss", math.nan)
    assert math.isnan(journal.events()[-1].outcome["value"])
    assert journal.complaint() == ""


def test_the_folder_ignores_itself(journal, tmp_path):
    assert journal.events() == ()
    assert not PLACE.parent.exists()
    journal.evaluated("data", "x", "w", "loss", 1.0)
    assert (tmp_path / ".nbrecipe" / ".gitignore").read_text() == "# made by nbrecipe\n*\n"
    assert sorted(path.name for path in (tmp_path / ".nbrecipe").iterdir()) == [".gitignore", "journal.sqlite"]
    (tmp_path / ".nbrecipe" / ".gitignore").unlink()
    journal.evaluated("data", "x", "w", "loss", 1.0)
    assert not (tmp_path / ".nbrecipe" / ".gitignore").exists()
    Journal(tmp_path / "mine" / "log.sqlite").evaluated("data", "x", "w", "loss", 1.0)
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["log.sqlite"]


WRITER = """
import sys
from nbrecipe import journal as room
from nbrecipe.journal import Journal
room.PATIENCE = 100.0
for turn in range(15):
    journal = Journal(sys.argv[1])
    journal.evaluated("data", "test_loader", f"{sys.argv[2]}-{turn}", "loss", turn)
    assert journal.complaint() == "", journal._trouble
"""


def test_several_processes_write_at_once_and_nothing_is_lost(tmp_path):
    path = tmp_path / ".nbrecipe" / "journal.sqlite"
    running = [subprocess.Popen([sys.executable, "-c", WRITER, path, str(i)], stderr=subprocess.PIPE) for i in range(4)]
    for one in running:
        told = one.communicate(timeout=120)[1]
        assert one.returncode == 0, told.decode()
    assert Journal(path).other_weights("data", "") == 0
    assert Journal(path).other_weights("data", "new") == 60
    assert len(Journal(path).events()) == 60


def test_a_held_file_is_worked_without_and_said_once(journal, monkeypatch):
    monkeypatch.setattr("nbrecipe.journal.PATIENCE", 0.05)
    journal.evaluated("data", "x", "a", "loss", 1.0)
    with closing(sqlite3.connect(journal.path, isolation_level=None)) as other:
        other.execute("begin exclusive")
        assert journal.evaluated("data", "x", "b", "loss", 1.0) == 0
        assert journal.other_weights("data", "b") == 0
        assert journal.complaint() == f"evaluations are not counted: {journal.path} cannot be used (database is locked)"
        assert (journal.complaint(), journal.events()) == ("", ())
        other.execute("rollback")
    assert journal.evaluated("data", "x", "b", "loss", 1.0) == 1


def test_a_file_of_something_else_is_left_as_it_is(tmp_path):
    path = tmp_path / "journal.sqlite"
    path.write_text("no data base, but a text that is long enough to be looked at" * 100)
    before = path.read_bytes()
    journal = Journal(path)
    assert journal.evaluated("data", "x", "a", "loss", 1.0) == 0
    assert "file is not a database" in journal.complaint()
    assert path.read_bytes() == before


def test_a_file_of_a_later_version_is_left_as_it_is(journal):
    journal.evaluated("data", "x", "a", "loss", 1.0)
    with closing(sqlite3.connect(journal.path)) as other, other:
        other.execute("pragma user_version = 9")
    assert journal.evaluated("data", "x", "b", "loss", 1.0) == 0
    assert journal.complaint().endswith("was written by a later version of nbrecipe")


def test_where_no_folder_can_be_made_it_works_without(tmp_path):
    (tmp_path / "file").touch()
    journal = Journal(tmp_path / "file" / ".nbrecipe" / "journal.sqlite")
    assert journal.evaluated("data", "x", "a", "loss", 1.0) == 0
    assert "Not a directory" in journal.complaint()
    assert journal.events() == ()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is read-only to root")
def test_a_read_only_folder_is_worked_without(tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    journal = Journal(tmp_path / ".nbrecipe" / "journal.sqlite")
    assert journal.evaluated("data", "x", "a", "loss", 1.0) == 0
    assert "Permission denied" in journal.complaint()
    tmp_path.chmod(stat.S_IRWXU)


def test_a_folder_with_odd_letters_is_no_trouble(tmp_path):
    journal = Journal(tmp_path / "a b?c#d%20é" / "journal.sqlite")
    assert [journal.evaluated("data", "x", weights, "loss", 1.0) for weights in "ab"] == [0, 1]
    assert journal.complaint() == ""
