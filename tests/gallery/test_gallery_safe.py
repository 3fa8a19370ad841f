"""A notebook may be anybody's: nothing in it runs, asks the network, or reads another file."""

from __future__ import annotations

import re

import pytest

from nbrecipe import gallery
from nbrecipe.gallery.safe import Rules, clean

ATTACKS = [
    "<script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>",
    "<svg onload='window.hacked = 1'><script>window.hacked = 1</script></svg>",
    "<svg><title><style><img src=x onerror=hacked=1></style></title></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=hacked=1&gt;'>",
    "<a href='javascript:window.hacked=1'>a</a><a href='java\nscript:hacked=1'>b</a>",
    "<a href='data:text/html,<script>1</script>'>c</a>",
    "<iframe srcdoc='<script>parent.hacked = 1</script>'></iframe><object data='x'></object><embed src='x'>",
    "<form action='https://example.org'><button>send</button></form>",
    "<meta http-equiv='refresh' content='0;url=//example.org'>",
    "<link rel=stylesheet href='//example.org/a.css'><base href='//example.org'>",
    "<style>@import '//example.org/a.css';</style>",
    "<div style='position:fixed;inset:0;background:url(//example.org/a.png)'>over</div>",
    "<noscript><p title='</noscript><img src=x onerror=hacked=1>'></noscript>",
    "<textarea><img src=x onerror=hacked=1></textarea><xmp><img src=x onerror=hacked=1></xmp>",
    "<details open ontoggle='window.hacked = 1'><summary>s</summary></details>",
    "<video src='//example.org/a' autoplay></video>",
]


@pytest.mark.parametrize("attack", ATTACKS, ids=range(len(ATTACKS)))
def test_nothing_that_runs_or_asks_is_left(attack):
    left = clean(f"<p>before</p>{attack}", Rules(lambda link: link, lambda picture: ""))
    assert left.startswith("<p>before</p>")
    inside_tags = " ".join(re.findall(r"<[^>]*>", left))
    assert not re.search(r"<(?:script|style|iframe|object|embed|form|meta|link|base|noscript|math)\b", inside_tags)
    assert not re.search(r"\son\w+=|javascript:|srcdoc|url\(|position|src=\"(?!data:image)|text/html", inside_tags)


def test_a_clean_text_is_as_it_was():
    link = '<a href="https://example.org" rel="noopener noreferrer">link</a>'
    told = f"<p>A {link}, <code>x &lt; y</code>, 3 &amp; more.</p>"
    assert clean(told, Rules(lambda link: link, lambda picture: "")) == told


def test_scripts_are_counted():
    rules = Rules(lambda link: link, lambda picture: "")
    clean("<style>a</style><script>1</script><script>2</script>", rules)
    assert rules.scripts == 2


def test_a_script_of_others_is_left_out_and_said_and_kept_where_trusted(page, shown):
    out = [shown(html="<div id='plot'></div><script>window.plotted = 1</script>", plain="Figure")]
    closed, opened = page("# T", out), page("# T", out, trust=True)
    assert "plotted" not in closed
    assert "A script of this output is left out: this page runs only its own." in closed
    assert "<script>window.plotted = 1</script>" in opened
    assert "left out" not in opened
    assert "Content-Security-Policy" in closed
    assert "Content-Security-Policy" not in opened


def test_words_in_markdown_are_never_trusted(page):
    assert "hacked" not in page("# T\n\n<script>window.hacked = 1</script>", trust=True)


@pytest.mark.browser
def test_a_page_of_attacks_stays_quiet(write, tmp_path, visit, shown):
    cells = [part for attack in ATTACKS for part in (attack, [shown(html=attack)])]
    (written,) = gallery.export(gallery.sources([write("# T", *cells)]), tmp_path / "pages")
    tab = visit(written.path)
    tab.locator("main summary").first.click()
    assert tab.evaluate("window.hacked") is None
    fixed = "[...document.querySelectorAll('main *')].some((e) => getComputedStyle(e).position === 'fixed')"
    assert tab.evaluate(fixed) is False


@pytest.mark.browser
def test_the_page_itself_forbids_what_was_not_written_by_us(page, tmp_path, visit):
    text = page("# T", "The end.")
    bad = (
        "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'><img src='https://example.org/a.png'>"
    )
    place = tmp_path / "changed.html"
    place.write_text(text.replace("<main", bad + "<main", 1), "utf-8")
    tab = visit(place)
    assert tab.evaluate("window.hacked") is None
    assert len(visit.heard) >= 3, "the browser says what it refused"
    assert all("Content Security Policy" in line for line in visit.heard), "and asked for nothing"
    visit.heard.clear()
