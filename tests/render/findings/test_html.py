import re
from html.parser import HTMLParser

import pytest
import reports

from nbrecipe.finding import Finding, Result, Verdict, bad, ok, skipped
from nbrecipe.render.findings import html
from nbrecipe.report import Report

EVIL = "<script>alert('x')</script>\"&"


class Reader(HTMLParser):
    """The tags in order, what stays open, and the text outside of style and script."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.open, self.text = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("img", "meta", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.text.append(data)

    @property
    def words(self):
        return re.sub(r"\s+", " ", " ".join(self.text)).strip()


def one(finding, name="an-id"):
    return Report("Checks").add([Result(name, "title", finding)])


def test_tags_are_balanced():
    for report in (reports.init(), reports.overfit(), reports.crash(), reports.healthy(), Report("x")):
        assert Reader(html.findings(report)).open == []


@pytest.mark.parametrize("part", ["message", "fix", "code", "why", "where"])
def test_what_is_the_users_is_escaped_everywhere(part):
    finding = Finding(Verdict.BAD, **{"message": "seen", part: EVIL})
    page = Reader(html.findings(one(finding)))
    assert "alert" in page.words
    assert len([tag for tag, _ in page.tags if tag == "script"]) == (part == "code")


def test_ids_titles_and_skips_are_escaped():
    report = Report(EVIL, note=EVIL).add(
        [Result(f"{EVIL}{i}", EVIL, skipped(EVIL, code=EVIL)) for i in range(2)] + [Result(EVIL, EVIL, ok(EVIL))]
    )
    page = html.findings(report)
    assert "<script>alert" not in page
    assert Reader(page).open == []


def test_stressed_numbers_are_bold_and_names_are_code():
    assert "is <strong>4.6</strong> in <code>net</code>" in html.findings(one(ok("it is **4.6** in `net`")))


def test_faults_come_first_then_hints_then_what_held_then_what_could_not_run():
    words = Reader(html.findings(reports.init())).words
    places = [words.index(part) for part in ("Loss at init", "The last bias", "Signal keeps", "Needs")]
    assert places == sorted(places)


def test_each_verdict_is_told_without_colour():
    page = html.findings(reports.init()) + html.findings(reports.crash())
    for word, mark in (("fault", "✗"), ("hint", "△"), ("holds", "✓"), ("skipped", "–"), ("crashed", "!")):
        assert f'aria-label="{word}" title="{word}">{mark}<' in page


def test_what_held_folds_beside_faults_and_opens_when_all_held():
    assert "<details>" in html.findings(reports.init())
    assert "<details open>" in html.findings(reports.healthy())


def test_what_held_names_every_check_and_opens_to_every_sentence():
    words = Reader(html.findings(reports.healthy())).words
    for result in reports.healthy():
        assert result.id in words
        assert result.finding.message.rpartition("**")[2].replace("`", "") in words


def test_a_finding_says_how_to_silence_it():
    page = html.findings(reports.init())
    assert "To silence: <code># nbrecipe: ignore loss-at-init, final-bias</code>" in page
    assert 'title="to silence it, in any cell: # nbrecipe: ignore final-bias"' in page
    assert "To silence" not in html.findings(reports.healthy())


def test_pictures_are_images_with_words_and_a_size():
    page = Reader(html.findings(one(reports.LOSS, "loss-at-init")))
    [image] = [attrs for tag, attrs in page.tags if tag == "img"]
    assert image["src"].startswith("data:image/png;base64,")
    assert image["alt"] == "title: loss at init is 4.607; these labels give 2.303 ± 0.004"
    assert int(image["width"]) < 300


def test_a_picture_that_two_checks_share_stands_once(monkeypatch):
    monkeypatch.setattr(html.figure, "png", lambda result: png_of(result.finding.seen.get("drawn")))
    held = [("a", {"drawn": 1}), ("b", {}), ("c", {"drawn": 1}), ("d", {"drawn": 2})]
    report = Report("Checks").add([Result(name, f"title {name}", ok("fine", **seen)) for name, seen in held])
    page = Reader(html.findings(report))
    assert [attrs["alt"] for tag, attrs in page.tags if tag == "img"] == [
        "title a: fine; title c: fine",
        "title d: fine",
    ]
    assert page.tags.count(("figure", {})) == 2


def png_of(drawn):
    """A picture of another width for every number."""
    return None if drawn is None else b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes([0, 0, 0, drawn, 0, 0, 0, 1])


def test_buttons_come_from_the_script_and_only_where_there_is_code():
    assert "<button" not in html.findings(reports.init())
    assert "<script" not in html.findings(one(ok("fine")))
    assert "<script" in html.findings(one(bad("seen", fix="Do.", code="x = 1")))


def test_a_fragment_is_small_and_asks_no_network():
    page = html.findings(reports.init())
    assert len(page) < 60_000
    assert not re.search(r"(?:src|href)=\"?https?:|@import|url\(", page)
