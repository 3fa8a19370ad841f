import re
from dataclasses import replace

import pytest
import reports
from test_html import Reader

from nbrecipe.recipe import ESSAYS, tip_named
from nbrecipe.render.findings import explain, html, page
from nbrecipe.report import Example, ExplainPage, Report


def explained():
    results = reports.init().results
    examples = (
        Example(
            "breaks", "hot", "The last layer starts hot.", "def hot():\n    return '<b>'\n", results["loss-at-init"]
        ),
        Example("holds", "cold", "", "def cold(): ...\n", results["symmetric-init"]),
    )
    why = "It should know\nnothing: `log(n)`.\n\nMore says that <it> does."
    tip = tip_named("verify loss @ init")
    return ExplainPage("loss-at-init", "The loss is that of a guess", why, tip, ("model", "batch"), "instant", examples)


def test_a_page_is_a_whole_document_with_board_findings_and_films():
    told = page.page(reports.init().add(reports.overfit()), "digits, `net` & <co>")
    assert told.startswith("<!doctype html>")
    assert "<title>digits, net &amp; &lt;co&gt;</title>" in told
    assert Reader(told).open == []
    for part in ("you are here", "Loss at init is", 'class="nbr-shot"', "To silence"):
        assert part in told


def test_a_pages_findings_stand_under_a_heading_of_their_own():
    assert re.findall(r'nbr-title"[^>]*>(.*?)</strong>', page.page(reports.init())) == ["The recipe", "Findings"]


@pytest.mark.browser
@pytest.mark.parametrize(("width", "beside"), [(900, True), (560, False)])
def test_a_picture_goes_beneath_its_words_where_the_output_is_narrow(browser, tmp_path, width, beside):
    place = tmp_path / "page.html"
    told = html.findings(reports.init())
    place.write_text(page.document("Narrow", f'<div style="width: {width}px">{told}</div>'))
    window = browser.new_page(viewport={"width": 1200, "height": 800})
    window.goto(place.as_uri())
    words, picture = (window.locator(name).first.bounding_box() for name in (".nbr-body", ".nbr-picture"))
    assert (picture["x"] >= words["x"] + words["width"]) == beside
    assert (picture["y"] >= words["y"] + words["height"]) != beside
    window.close()


@pytest.mark.browser
@pytest.mark.parametrize(("width", "beside"), [(900, True), (700, True), (560, False), (420, False), (300, False)])
def test_lines_to_paste_go_beneath_what_is_missing_where_the_output_is_narrow(browser, tmp_path, width, beside):
    place = tmp_path / "page.html"
    place.write_text(page.document("Narrow", f'<div style="width: {width}px">{html.findings(reports.init())}</div>'))
    window = browser.new_page(viewport={"width": 1200, "height": 800})
    window.goto(place.as_uri())
    rows = [row for row in window.locator(".nbr-lack").all() if row.locator("pre").count()]
    assert rows
    for row in rows:
        words, code = (row.locator(name).bounding_box() for name in (".nbr-body", "pre"))
        right, below = words["x"] + words["width"], words["y"] + words["height"]
        assert (code["x"] >= right) == beside
        assert (code["y"] >= below) != beside
        assert code["x"] + code["width"] <= row.bounding_box()["x"] + width
    window.close()


def test_a_page_asks_no_network():
    told = page.page(reports.init())
    assert not re.search(r"(?:src|href)=\"?https?:|@import|url\(", told)


def test_a_page_of_nothing_is_the_board_alone():
    told = page.page(Report("digits"))
    assert "nothing has run yet" in told
    assert "nbr-head" in told
    assert told.count('class="nbr-title"') == 1


def test_a_checks_page_as_text_tells_everything():
    told = explain.text(explained())
    for part in (
        "loss-at-init: The loss is that of a guess", "It should know nothing: `log(n)`.", "Karpathy, 2 Set up",
        "Needs `model`, `batch`; looks at objects or one batch. `%recipe loss-at-init` runs it.",
        "Breaks: The last layer starts hot.",
        "    def hot():", "✗ Loss at init is 4.607", "Holds: cold", "# nbrecipe: ignore loss-at-init",
    ):  # fmt: skip
        assert part in told


def test_a_checks_page_as_html_shows_source_and_finding_of_each_example():
    told = explain.html(explained())
    assert Reader(told).open == []
    assert "return &#x27;&lt;b&gt;&#x27;" in told
    assert "More says that &lt;it&gt; does." in told
    assert f'href="{ESSAYS["Karpathy"]}"' in told
    assert "<strong>4.607</strong>" in told


def test_a_checks_page_says_which_line_runs_it():
    shown = explained()
    for needs, told in (
        (("trace",), "Judges a loop as it runs: put `%%watch` above its cell."),
        (("rewrite",), "Compares a function with the loop that it replaces: put `%%same_as LOOP` above its cell."),
        (("bench",), "Looks at objects or one batch. `%recipe loss-at-init` runs it."),
    ):
        assert told in explain.text(replace(shown, needs=needs))


def test_an_example_is_shown_without_its_mark_and_what_its_title_says():
    (first, *_) = explained().examples
    body = '    """The last layer starts hot."""\n    # why\n    return toys.bench(30)\n'
    source = f"@check.breaks\ndef hot() -> Bench:\n{body}"
    for written, shown in (
        (source, "def hot():\n        # why\n        return toys.bench(30)\n"),
        ("def plain():\n    return 1\n", "def plain():\n        return 1\n"),
        ("no python (", "no python (\n"),
    ):
        told = explain.text(replace(explained(), examples=(replace(first, source=written),)))
        assert f"    {shown}" in told
        assert told.count("The last layer starts hot") == 1
