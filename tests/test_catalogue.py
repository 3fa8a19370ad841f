"""What is written from the code is what the code says: tables, the page of checks, a page for each magic."""

from __future__ import annotations

import shutil

import pytest

from nbrecipe import catalogue
from nbrecipe.catalogue import CHECKS, FOLDER, ROOT, groups_of, main, pages, same, tables
from nbrecipe.catalogue.magics import all_magics
from nbrecipe.catalogue.pages import Prose, prose_of
from nbrecipe.catalogue.tables import masked
from nbrecipe.registry import shipped_checks

MAGICS = all_magics()


@pytest.fixture
def root(tmp_path):
    """A copy of all pages."""
    shutil.copy(ROOT / "README.md", tmp_path)
    shutil.copytree(ROOT / ".github", tmp_path / ".github")
    return tmp_path


@pytest.mark.parametrize("magic", MAGICS, ids=lambda magic: magic.name)
def test_the_page_of_a_magic_says_what_its_help_says_and_its_example_prints(magic):
    assert same(ROOT / FOLDER / f"{magic.name}.md", catalogue.magic_page(magic)), "python -m nbrecipe.catalogue"


def test_tables_and_lists_are_fresh_and_every_picture_is_there(capsys):
    assert main(["--check", "seed"]) == 0, capsys.readouterr().out


def test_every_magic_has_a_page_and_every_page_a_magic():
    pages_there = {path.stem for path in (ROOT / FOLDER).glob("*.md")} - {"README"}
    assert pages_there == {magic.name for magic in MAGICS} == {path.stem for path in pages.PROSE.glob("*.md")}


def test_every_page_names_all_that_the_magic_takes_and_shows_it_run():
    for magic in MAGICS:
        page = (ROOT / FOLDER / f"{magic.name}.md").read_text("utf-8")
        assert all(names in page for names, _ in magic.takes), magic.name
        assert f"\n{magic.call}" in page, "its example uses it"
        assert "```text" in page, "and prints something"


def test_magics_are_told_with_their_signs_their_usage_and_their_function():
    watch, tokens = (next(magic for magic in MAGICS if magic.name == name) for name in ("watch", "tokens"))
    assert watch.call == "%%watch"
    assert watch.usage.startswith("%%watch [--probe EXPR] [--every N]")
    assert ("`-q`, `--quiet`", "show nothing; the answer is returned all the same") in watch.takes
    assert tokens.call == "%tokens"
    assert tokens.twin.startswith("nbrecipe.show_tokens(")


def test_every_picture_has_words_for_those_who_do_not_see_it():
    for magic in MAGICS:
        picture = prose_of(magic.name).picture
        assert picture == "" if magic.name in ("bind", "seed") else len(picture.split()) > 6, magic.name


def test_every_check_has_a_row_in_the_recipes_order():
    rows = tables.checks().splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == list(shipped_checks())
    assert all(row.count(" | ") == 3 for row in rows)


def test_the_stages_count_shipped_checks():
    rows = tables.stages().splitlines()[2:]
    counts = [row.split(" | ")[2] for row in rows]
    assert sum(int(count) for count in counts if count != "–") == len(shipped_checks())


def test_a_stale_page_is_named_and_left_alone(root, capsys):
    page = root / CHECKS
    page.write_text(page.read_text("utf-8").replace("loss-at-init", "loss-at-int"), "utf-8")
    old = page.read_text("utf-8")
    assert main(["--check", "seed"], root) == 1
    assert page.read_text("utf-8") == old
    assert capsys.readouterr().out == f"catalogue: {CHECKS} is stale: run python -m nbrecipe.catalogue\n"


def test_what_is_stale_is_written_once(root, capsys):
    for path in (root / CHECKS, root / FOLDER / "seed.md"):
        path.unlink()
    assert main(["seed"], root) == 0
    assert capsys.readouterr().out == f"catalogue: {CHECKS} written\ncatalogue: {FOLDER}/seed.md written\n"
    assert (root / FOLDER / "seed.md").read_text("utf-8") == (ROOT / FOLDER / "seed.md").read_text("utf-8")
    assert main(["--check", "seed"], root) == 0
    assert capsys.readouterr().out == ""


def test_a_picture_that_is_not_there_is_named(root, capsys):
    (root / FOLDER / "watch-dark.png").unlink()
    assert main(["--check", "seed"], root) == 1
    told = f"catalogue: there is no {FOLDER}/watch-dark.png: run python -m tests.pictures\n"
    assert capsys.readouterr().out == told


def test_numbers_that_were_printed_may_differ_and_words_may_not(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# 2\n```text\nloss 4.61 in 0.1 s\n```\nend\n")
    assert same(page, "# 2\n```text\nloss 4.58 in 12 s\n```\nend\n")
    assert not same(page, "# 2\n```text\nloss was 4.61 in 0.1 s\n```\nend\n")
    assert not same(page, "# 3\n```text\nloss 4.61 in 0.1 s\n```\nend\n"), "nobody printed that one"
    page.write_text("```text measured\n50 % shorter\n```\n")
    assert same(page, "```text measured\nno shorter\n```\n"), "how fast the machine is belongs to no page"
    assert not same(page, "```text\nno shorter\n```\n")


def test_numbers_are_masked_and_words_are_not():
    assert masked("loss is 4.61 ± 0.05\nat 1.2e-5") == masked("loss is 4.58 ± 0.11 at 3.0e-7")
    assert masked("loss is 4.61") != masked("loss was 4.61")
    assert masked("in under 0.01 s") == masked("in 0.02 s")


def test_the_output_stands_under_its_cell_and_a_long_one_folds():
    body = "One.\n\n```python\n1\n```\n\n```python\n2\n```\n\n<!-- picture: two -->\n"
    prose = Prose("seed", "Where you stand", body)
    assert prose.cells == ["1\n", "2\n"]
    assert prose.pictured == 1
    assert prose.cut == ("body", 0)
    part = Prose("seed", "Where you stand", body.replace("picture:", "picture from .nbr-part 300 high:"))
    assert (part.cut, part.picture) == ((".nbr-part", 300), "two")
    page = pages.page(next(magic for magic in MAGICS if magic.name == "seed"), prose, ["", "x\n" * 40])
    assert "```python\n1\n```\n\n```python\n2\n```\n\n<details><summary>As text</summary>\n\n```text\nx\n" in page
    assert 'srcset="seed-dark.png">\n  <img src="seed.png" alt="two">' in page


def test_a_cell_that_fails_is_shown():
    with pytest.raises(RuntimeError, match="ZeroDivisionError: division by zero, in this cell:\n1 / 0"):
        pages.heard(["1 / 0"])
    shown = "class A:\n    def _repr_html_(self):\n        raise ValueError('no')\n\nA()"
    with pytest.raises(RuntimeError, match="ValueError: no"):
        pages.heard([shown])


def test_a_bar_in_a_title_does_not_split_the_row(monkeypatch):
    check = next(iter(shipped_checks().values()))
    monkeypatch.setattr(check, "title", "a | b")
    assert r"a \| b" in tables.checks()


def test_a_page_without_markers_is_refused(root, capsys):
    (root / "README.md").write_text("# A\n")
    assert main([], root) == 2
    begin, end = "<!-- magics: written by python -m nbrecipe.catalogue -->", "<!-- end of magics -->"
    told = f"catalogue: the page has no place for magics: put {begin} and {end} on lines of their own\n"
    assert capsys.readouterr().err == told


def test_a_missing_readme_and_a_magic_that_there_is_not_are_one_sentence(tmp_path, capsys):
    assert main(["seed"], tmp_path) == 2
    assert capsys.readouterr().err.startswith("catalogue: [Errno 2] No such file or directory: ")
    assert main(["sed"], tmp_path) == 2
    assert capsys.readouterr().err == "catalogue: there is no magic called 'sed'\n"


def test_a_magic_without_prose_and_a_strange_group_are_one_sentence(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"^%seed has no page: write .*/seed\.md, its group on the first line$"):
        prose_of("seed", tmp_path)
    monkeypatch.setattr(catalogue, "prose_of", lambda name: Prose(name, "Elsewhere", ""))
    with pytest.raises(ValueError, match=r"prose/activations\.md: the first line is one of Where you stand, Your data"):
        groups_of(MAGICS)
