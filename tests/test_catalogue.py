"""The README's table of checks comes from the registry."""

from __future__ import annotations

import pytest

from nbrecipe import catalogue
from nbrecipe.catalogue import BEGIN, END, main, table
from nbrecipe.registry import all_checks


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(f"# A\n\n{BEGIN}\nold\n{END}\n\nrest\n")
    return path


def test_the_readme_is_fresh():
    assert main(["--check"]) == 0


def test_every_check_has_a_row_in_the_recipes_order():
    rows = table().splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == list(all_checks())
    assert all(row.count(" | ") == 3 for row in rows)


def test_a_stale_table_is_named_and_left_alone(page, capsys):
    old = page.read_text()
    assert main(["--check"], page) == 1
    assert page.read_text() == old
    assert capsys.readouterr().out == (
        "catalogue: the table of checks in README.md is stale: run python -m nbrecipe.catalogue\n"
    )


def test_the_table_is_written_between_the_markers_once(page):
    assert main([], page) == 0
    written = page.read_text()
    assert written == f"# A\n\n{BEGIN}\n{table()}\n{END}\n\nrest\n"
    assert main([], page) == 0
    assert page.read_text() == written
    assert main(["--check"], page) == 0


def test_a_bar_in_a_title_does_not_split_the_row(monkeypatch):
    check = next(iter(all_checks().values()))
    monkeypatch.setattr(check, "title", "a | b")
    assert r"a \| b" in table()


def test_a_page_without_markers_is_refused(tmp_path, capsys):
    (tmp_path / "README.md").write_text("# A\n")
    assert main([], tmp_path / "README.md") == 2
    assert capsys.readouterr().err == (
        f"catalogue: the page has no place for the table: put {BEGIN} and {END} on lines of their own\n"
    )


def test_a_missing_page_is_one_sentence(tmp_path, capsys):
    assert main([], tmp_path / "README.md") == 2
    assert capsys.readouterr().err.startswith("catalogue: [Errno 2] No such file or directory: ")
    assert catalogue.README.name == "README.md"
