"""`nbrecipe gallery`: notebooks and folders in, pages and an index out, one sentence for what cannot be."""

from __future__ import annotations

import base64
import os
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from nbrecipe.cli import main

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==")


def said(capsys, *arguments) -> str:
    """What the command says when it cannot go on."""
    assert main(["gallery", *map(str, arguments)]) == 2
    told = capsys.readouterr().err
    assert told.startswith("nbrecipe: ")
    assert told.count("\n") == 1, "one sentence"
    return told


def test_a_folder_becomes_pages_and_an_index(write, tmp_path, capsys):
    write("# First\n\nIt begins. It goes on, and on.", [], name="in/a.ipynb")
    write("# Second <b>", "Words.", name="in/b.ipynb")
    assert main(["gallery", str(tmp_path / "in"), "--to", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert re.search(
        r"a\.html: 1 cell, 0\.0 MB\n.*b\.html: 0 cells, 0\.0 MB\nopen \S+index\.html in a browser\n$", told
    )
    index = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert '<h2><a href="a.html">First</a></h2>\n<p>It begins. It goes on, and on.</p>' in index
    assert '<a href="b.html">Second</a>' in index or "Second &lt;b&gt;" in index
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.html", "b.html", "index.html"]
    assert '<a rel="next" href="b.html">' in (tmp_path / "out" / "a.html").read_text("utf-8")


def test_links_between_notebooks_lead_between_pages(write, tmp_path):
    links = (
        "[a](b.ipynb#Why-so) [b](../other/c.ipynb) [c](data%20set.csv) [d](none.ipynb) [e](https://example.org/b.ipynb)"
    )
    write(f"# T\n\n{links} [here](#T)\n\n<a href='b.ipynb'>raw</a>", name="in/a.ipynb")
    write("# B", name="in/b.ipynb")
    write("# C", name="other/c.ipynb")
    (tmp_path / "in" / "data set.csv").write_text("1")
    assert main(["gallery", str(tmp_path / "in"), str(tmp_path / "other"), "--to", str(tmp_path / "out")]) == 0
    found = re.findall(
        r'<p>?<a href="([^"]*)"|<a href="([^"]*)"',
        re.findall(r"<main.*</main>", (tmp_path / "out/a.html").read_text(), re.S)[0],
    )
    assert [one or other for one, other in found] == [
        "b.html#Why-so", "c.html", "../in/data%20set.csv", "none.ipynb", "https://example.org/b.ipynb", "#T", "b.html",
    ]  # fmt: skip


def test_pictures_are_carried_by_the_page_where_they_are_files_of_the_notebook(write, tmp_path):
    words = "![one](pics/a.png) ![two](attachment:b.png)"
    path = write(
        f"# T\n\n{words} ![three](https://example.org/c.png) ![four](../key.png) ![five](pics/d.txt)",
        name="in/a.ipynb",
    )
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[0]["attachments"] = {"b.png": {"image/png": base64.b64encode(PNG).decode()}}
    nbformat.write(notebook, path)
    for name in ("in/pics/a.png", "key.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(PNG)
    (tmp_path / "in/pics/d.txt").write_text("a secret")
    assert main(["gallery", str(path), "--to", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out/a.html").read_text("utf-8")
    assert re.findall(r'<img src="data:image/png;base64,[^"]*" alt="(\w+)"', page) == ["one", "two"]
    assert re.findall(r"picture that is not in this page: (\w+) ", page) == ["three", "four", "five"], (
        "nothing is fetched"
    )


def test_notebooks_of_one_name_get_pages_of_their_own(write, tmp_path):
    for folder in ("x", "y"):
        write(f"# {folder}", name=f"{folder}/lesson.ipynb")
    write("# index", name="x/index.ipynb")
    paths = [str(tmp_path / name) for name in ("x/lesson.ipynb", "y/lesson.ipynb", "x/lesson.ipynb", "x/index.ipynb")]
    assert main(["gallery", *paths, "--to", str(tmp_path / "out")]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "index-2.html",
        "index.html",
        "x-lesson.html",
        "y-lesson.html",
    ]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("not json", "is not a notebook: "),
        ("{}", "is not a notebook: "),
        ('{"cells": 3, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}', "is not a notebook: "),
        (b"\xff\xfe\x00\x01", "is not a notebook: "),
        ("", "is not a notebook: "),
    ],
    ids=["words", "empty-object", "wrong-kind", "bytes", "empty"],
)
def test_what_is_no_notebook_is_named(tmp_path, capsys, content, sentence):
    path = tmp_path / "odd.ipynb"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    told = said(capsys, path, "--to", tmp_path / "out")
    assert f"{str(path)!r} {sentence}" in told
    assert not (tmp_path / "out").exists(), "nothing is written"


def test_what_is_not_there_is_named(tmp_path, capsys):
    assert "there is no notebook" in said(capsys, tmp_path / "none.ipynb", "--to", tmp_path / "out")
    assert f"there is no notebook in the folder {str(tmp_path)!r}" in said(capsys, tmp_path, "--to", tmp_path / "out")


def test_a_folder_that_takes_no_pages_is_named(write, tmp_path, capsys):
    path, file = write("# T"), tmp_path / "file"
    file.write_text("")
    assert f"{str(file)!r} is a file: --to takes a folder" in said(capsys, path, "--to", file)
    assert "cannot be made" in said(capsys, path, "--to", file / "within") or os.geteuid() == 0
    mine = tmp_path / "site"
    mine.mkdir()
    (mine / "index.html").write_text("<h1>Mine</h1>")
    assert f"{str(mine / 'index.html')!r} is no page of a gallery" in said(capsys, path, "--to", mine)
    assert (mine / "index.html").read_text() == "<h1>Mine</h1>"
    assert [path.name for path in mine.iterdir()] == ["index.html"]


def test_pages_may_be_written_again(write, tmp_path):
    path = write("# Old")
    for words in ("# Old", "# New"):
        write(words)
        assert main(["gallery", str(path), "--to", str(tmp_path / "out")]) == 0
    assert "<title>New</title>" in (tmp_path / "out" / "notes.html").read_text("utf-8")


def test_what_is_not_installed_is_said(write, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "nbconvert", None)
    assert 'nbconvert is missing: `pip install "nbrecipe[lab]"` brings it' in said(
        capsys, write("# T"), "--to", tmp_path
    )


def test_a_notebook_is_run_first_where_that_is_asked(tmp_path, capsys):
    cells = [
        new_markdown_cell("# T"),
        new_code_cell("print('of ' + 'now')"),
        new_code_cell("1 / 0"),
        new_code_cell("2"),
    ]
    path = tmp_path / "fresh.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    assert main(["gallery", str(path), "--to", str(tmp_path / "out")]) == 0
    assert "not run yet: `--execute` runs it first" in capsys.readouterr().out
    before = path.read_bytes()
    assert main(["gallery", str(path), "--to", str(tmp_path / "out"), "--execute"]) == 2
    told = capsys.readouterr().out
    assert "fresh.ipynb: cell 2 stopped with ZeroDivisionError: division by zero" in told
    page = (tmp_path / "out" / "fresh.html").read_text("utf-8")
    assert '<pre class="g-text">of now</pre>' in page
    assert 'aria-label="error: ZeroDivisionError: division by zero"' in page
    assert "without having been run" not in page
    assert path.read_bytes() == before
