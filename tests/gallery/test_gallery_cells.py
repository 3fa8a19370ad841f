"""What cells become on a page: prose, code, outputs of every kind, ours and others'."""

from __future__ import annotations

import base64
import re
import zlib

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from nbrecipe import gallery
from nbrecipe.render.pieces import fragment

#: one grey pixel
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
WIDGET = "application/vnd.jupyter.widget-view+json"


def main_of(page):
    found = re.search(r"<main.*</main>", page, re.DOTALL)
    assert found
    return found[0]


def replayed(name="film.js", packed=b"{}\n"):
    """An output of ours, as a notebook keeps it."""
    body = fragment.replayed(
        fragment.script(name), '<img src="data:image/png;base64,AA==" alt="curves">', zlib.compress(packed)
    )
    return fragment.fragment(body + fragment.code("x = 1"))


def test_words_are_a_title_headings_and_a_table_of_contents(page):
    text = main_of(page("# One *title*\n\nFirst words.", "## Data & more\n\nText.", "### Part\n\n## Data & more"))
    assert '<h1 id="One-title">One <em>title</em></h1>' in text
    assert '<h2 id="Data-&amp;-more">Data &amp; more</h2>' in text
    assert '<h2 id="Data-&amp;-more-2">' in text, "each heading has a place of its own"


def test_bold_first_words_are_headings_where_there_are_no_others(page):
    cells = ("# T", "**Look at the data.** It is *all* there.", "**Why?** So.", "**not a sentence** here", "**A**: b")
    text = main_of(page(*cells))
    assert '<h2 id="Look-at-the-data">Look at the data</h2>\n<p>It is <em>all</em> there.</p>' in text
    assert '<h2 id="Why?">Why?</h2>' in text
    assert "<p><strong>not a sentence</strong> here</p>" in text
    assert "<h2" not in main_of(page("# T", "**Look at the data.** It is.", "### Its own"))


def test_a_notebook_without_a_title_is_called_by_its_file(page):
    text = page("Words alone.")
    assert "<title>notes</title>" in text
    assert "<h1>notes</h1>" in text


def test_formulas_are_drawn_without_a_library_of_the_page(page):
    text = main_of(page(r"Guessing costs $\log \frac{1}{n}$, or $$\sum_i p_i^2$$ and \begin{align}a&=b\end{align}"))
    assert re.search(
        r'<svg class="g-math" role="img" aria-label="\\log \\frac\{1\}\{n\}" viewBox="[^"]+"[^>]*><path d="M', text
    )
    assert 'class="g-display"><svg' in text
    assert r'<code class="g-tex">\begin{align}a&amp;=b\end{align}</code>' in text, (
        "its source, where it cannot be drawn"
    )


def test_latex_of_an_output_is_drawn_too(page, shown):
    assert '<svg class="g-math"' in main_of(page("# T", [shown(latex=r"$\displaystyle \frac{x}{2}$", plain="x/2")]))


def test_code_is_coloured_below_a_magic_as_well(tmp_path):
    path = tmp_path / "a.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("%%watch --probe x < y\nfor i in range(3):\n    pass")]), path)
    (written,) = gallery.export(gallery.sources([path]), tmp_path / "pages")
    text = main_of(written.path.read_text("utf-8"))
    assert '<span class="o">%%</span><span class="k">watch</span> --probe x &lt; y\n</span>' in text
    assert '<span class="g-line"><span class="k">for</span>' in text
    assert '<span class="g-line" style="--in:4ch">    <span class="k">pass</span>\n</span>' in text, (
        "wrapped, it stays inside"
    )


def test_folded_solutions_stay_folded_with_their_markdown(page):
    text = main_of(
        page("# T\n\n<details><summary>Solution</summary>\n\nCall `zero_grad`.\n\n```python\nx = 1\n```\n\n</details>")
    )
    assert re.search(r"<details><summary>Solution</summary>\s*<p>Call <code>zero_grad</code>.</p>", text)
    assert '<span class="mi">1</span>' in text


@pytest.mark.parametrize(
    ("metadata", "there", "gone"),
    [
        ({"tags": ["hide-input"]}, '<details class="g-in">', '<details class="g-in" open>'),
        ({"jupyter": {"source_hidden": True}}, '<details class="g-in">', '<details class="g-in" open>'),
        ({"tags": ["remove-input"]}, "seen", "secret"),
        ({"tags": ["remove_cell"]}, "<h1>", "seen"),
        ({"tags": ["hide-output"]}, "<summary>what cell 1 shows</summary>", "no such"),
        ({"tags": ["remove-output"]}, "secret", "seen"),
    ],
)
def test_what_a_notebook_hides_is_hidden(tmp_path, metadata, there, gone):
    path = tmp_path / "a.ipynb"
    out = new_output("stream", name="stdout", text="seen")
    nbformat.write(
        new_notebook(cells=[new_code_cell("secret", outputs=[out], execution_count=1, metadata=metadata)]), path
    )
    (written,) = gallery.export(gallery.sources([path]), tmp_path / "pages")
    text = main_of(written.path.read_text("utf-8"))
    assert there in text
    assert gone not in text


def test_streams_are_joined_and_what_was_written_over_is_gone(page):
    pieces = [("stdout", "step 1\rstep 2"), ("stdout", "\rstep 3\n"), ("stderr", "\x1b[31mcareful <b>\x1b[0m\n")]
    text = main_of(page("# T", [new_output("stream", name=name, text=words) for name, words in pieces]))
    assert '<pre class="g-text">step 3</pre>' in text
    assert re.search(r'<pre class="g-text g-warning"><span class="ansi-red-fg">careful &lt;b&gt;</span></pre>', text)


def test_a_long_stream_is_folded(page):
    text = main_of(page("# T", [new_output("stream", name="stdout", text="line\n" * 300)]))
    assert "<details><summary>300 lines of text</summary>" in text


def test_an_error_is_shown_with_its_name(page):
    error = new_output(
        "error", ename="ValueError", evalue="too <small>", traceback=["\x1b[0;31mValueError\x1b[0m: too <small>"]
    )
    text = main_of(page("# T", [error]))
    assert 'aria-label="error: ValueError: too &lt;small&gt;"' in text
    assert "too &lt;small&gt;</pre>" in text


def test_pictures_of_others_are_shown_with_words_for_them(page, shown):
    svg = "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    text = main_of(page("# T", [shown(png=PNG, plain="<Figure>"), shown(**{"svg+xml": svg})]))
    assert f'<img class="g-image" src="data:image/png;base64,{PNG}" alt="picture drawn by cell 1">' in text
    assert 'src="data:image/svg+xml;base64,' in text, "as a picture, in which no script runs"
    assert "alert" not in text


def test_tables_of_others_are_shown(page, shown):
    frame = (
        "<style scoped>td {color: red}</style><table border='1' class='dataframe'><tr><td>1 &lt; 2</td></tr></table>"
    )
    text = main_of(page("# T", [shown(html=frame, plain="  1 < 2")]))
    assert '<div class="g-other"><table' in text
    assert "<td>1 &lt; 2</td>" in text
    assert "color: red" not in text
    assert "left out" not in text, "a style sheet is no loss that needs words"


def test_what_a_page_cannot_show_is_said(page):
    widget = new_output("display_data", {WIDGET: {"model_id": "a"}, "text/plain": "IntSlider(value=3)"})
    script = new_output("display_data", {"application/javascript": "window.hacked = 1"})
    text = main_of(page("# T", [widget, script], widgets={WIDGET: {"state": {"a": {}}}}))
    assert (
        '<pre class="g-text">IntSlider(value=3)</pre><p class="g-note">A live widget stood here: it needs its kernel.'
        in text
    )
    assert "This output is not shown: application/javascript." in text
    assert "hacked" not in text


def test_a_widget_that_left_a_picture_is_that_picture(page):
    out = new_output("display_data", {WIDGET: {"model_id": "a"}, "image/png": PNG, "text/plain": "Panel"})
    text = main_of(page("# T", [out]))
    assert "base64," + PNG in text
    assert "kernel" not in text


def test_our_scripts_and_styles_stand_once_in_a_page(page, shown):
    text = page("# T", [shown(html=replayed())], [shown(html=replayed())], [shown(html=fragment.fragment("<b>c</b>"))])
    assert text.count(fragment.static("nbr.css")) == 1
    assert text.count("const PLAY = ") == 1
    assert main_of(text).count('data-nbr-module="film.js"') == 2
    assert "<script" not in main_of(text)
    assert "tokens.css" not in text
    assert "nbr-tokened" not in text, "style sheets of what is not on the page are left out"


def test_an_output_of_another_version_takes_the_script_of_this_one(page, shown):
    html = replayed()
    code = fragment.script("film.js")
    other = code.replace("const STOP", "// as it was\nconst HALT").replace("ended by an error", "failed")
    assert other != code
    old = html.replace(base64.b64encode(code.encode()).decode(), base64.b64encode(other.encode()).decode())
    assert old != html
    assert 'data-nbr-module="film.js"' in main_of(page("# T", [shown(html=old)]))


def test_a_script_that_only_looks_like_ours_is_left_out(page, shown):
    theirs = base64.b64encode(b"export const snapshot = () => { window.hacked = 1; };").decode()
    html = replayed().replace(base64.b64encode(fragment.script("film.js").encode()).decode(), theirs)
    text = main_of(page("# T", [shown(html=html)]))
    assert 'alt="curves"' in text, "the picture stays"
    assert "data-nbr" not in text
    assert theirs not in text


def test_html_in_packed_data_is_cleaned(page, shown):
    packed = b'{"rest":["<b onclick=\\"x()\\">next</b><script>window.hacked=1</script>"],"wire":""}\nrest'
    text = main_of(page("# T", [shown(html=replayed("batch.js", packed))]))
    found = re.search(r'data-nbr-packed="([^"]*)"', text)
    assert found
    assert zlib.decompress(base64.b64decode(found[1])) == b'{"rest":["<b>next</b>"],"wire":""}\nrest'


def test_unrun_cells_are_said_to_be(write, tmp_path):
    path = tmp_path / "fresh.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("print(1)")]), path)
    (written,) = gallery.export(gallery.sources([path]), tmp_path / "pages")
    assert written.unrun
    assert "without having been run" in written.path.read_text("utf-8")
    (empty,) = gallery.export(gallery.sources([write("# Words")]), tmp_path / "pages")
    assert not empty.unrun
