"""Batches as HTML, text and picture: small, escaped, whole without scripts."""

import dataclasses
import re

import pytest
import samples

from nbrecipe.pictures.batch import Batches, Page
from nbrecipe.render.batches import batch
from nbrecipe.render.batches import still as batch_still

KINDS = pytest.mark.parametrize("make", samples.ALL.values(), ids=samples.ALL)


@KINDS
def test_what_is_the_users_shows_as_text(make):
    made = batch.html_of(samples.report(), samples.batches([make()]))
    assert "<script>alert" not in made
    assert ("&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;" in made) == (make in (samples.texts, samples.table))


@KINDS
def test_one_batch_needs_no_script_and_several_stand_first_without_it(make):
    one, three = (batch.html_of(samples.report(), samples.batches(*[[make()]] * n)) for n in (1, 3))
    assert "import(" not in one
    assert "import(" in three
    assert "batch 1 of 3" in three
    assert three.count('class="nbr-fed"') == 1, "the others come packed"


def test_large_batches_are_drawn_smaller_and_fewer_until_they_fit():
    pages = [[samples.images(160, 12), samples.images(160, 12)]] * 12
    made = batch.html_of(samples.report(), samples.batches(*pages))
    assert len(made) <= batch.LIMIT
    assert re.search(r"\d+ more batches were left out to keep this small", made)


def test_a_batch_that_comes_later_is_small_too():
    one = Page((samples.line(),), (samples.images(160, 12), samples.images(160, 12)) * 3)
    assert batch.html_of_one(one).startswith('<div class="nbr-fed">')
    assert len(batch.html_of_one(one)) <= batch.LIMIT


def test_every_tensor_has_a_line_and_what_is_lost_stands_out():
    made = batch.html_of(samples.report(), samples.batches([]))
    assert "<td><code>x</code></td><td>(8, 3, 16, 16)</td><td>float32</td><td>0 to 1</td><td>0.5 ± 0.25</td>" in made
    assert '<strong class="nbr-bad">3 NaN</strong>' in made
    assert "device" not in made.split("nbr-tensors")[-1]


def test_boxes_and_masks_lie_on_the_image():
    made = batch.html_of(samples.report(), samples.batches([samples.masked()]))
    assert 'style="left:0.00%;top:0.00%;width:50.00%;height:50.00%;border-color:' in made
    assert "</i>sky</span>" in made
    plain = batch.html_of(samples.report(), samples.batches([samples.images(count=2)]))
    sources = [re.findall(r'src="([^"]+)"', text)[0] for text in (made, plain)]
    assert sources[0] != sources[1], "the mask is blended in"


def test_the_text_stands_alone():
    told = batch.text_of(samples.report(), samples.batches([samples.texts(), samples.table(), samples.images()]))
    assert "What goes into `net`: nothing has run yet; your model is as it was" in told
    assert "  x (input): (8, 3, 16, 16), float32, 0 to 1, 0.5 ± 0.25, zeros 12 %" in told
    assert "    <s> a⏎b <script>alert('&')</script> <pad> ×7 … 9 more → good" in told
    assert "        target        age <script>al" in told
    assert all(len(line) <= 100 for line in told.splitlines())


def test_targets_of_several_words_stay_apart():
    shown = dataclasses.replace(samples.images(count=2), captions=("cat, dog", "cat"))
    told = batch.text_of(samples.report(), samples.batches([shown]))
    assert "    targets: cat, dog; cat" in told
    alike = dataclasses.replace(shown, captions=("cat, dog", "cat, dog"))
    assert "    targets: cat, dog in each of 2" in batch.text_of(samples.report(), samples.batches([alike]))


@KINDS
def test_the_picture_is_small_and_has_something_on_it(make):
    drawn = batch_still.png(samples.batches([make()]))
    assert drawn.startswith(b"\x89PNG")
    assert len(drawn) < 120_000


def test_nothing_to_draw_is_no_picture():
    assert batch_still.png(Batches("net", (Page((), ()),))) is None
