"""Draws of one example as HTML and text: small, escaped, whole without scripts."""

import pytest
import samples

from nbrecipe.pictures.augment import Augmented, Example, Variation
from nbrecipe.render.batches import augment

KINDS = pytest.mark.parametrize("make", samples.ALL.values(), ids=samples.ALL)
PARTS = (
    Variation("image", "image", False, 7, 8, 0.52),
    Variation("y.mask", "mask", True, 4, 8, 0.034),
    Variation("y.boxes", "boxes", True, 2, 8, 3.25),
    Variation("y.label", "label", True, 1, 8, 0.0),
    Variation(samples.EVIL, "text", False, 8, 8, None),
    Variation("crop", "image", False, 3, 8, None, ("(3, 12, 9)", "(3, 14, 9)", "(3, 8, 9)", "(3, 9, 9)")),
)


def drawn(*views, examples=1, distinct=7, name="train_ds"):
    each = tuple(Example(f"{name}[{i}]", 8, distinct, tuple(views), PARTS) for i in range(examples))
    return Augmented(name, each)


@KINDS
def test_what_is_the_users_shows_as_text_and_no_script_is_needed(make):
    made = augment.html_of(samples.report(), drawn(make(), name=samples.EVIL, examples=2))
    assert "<script>alert" not in made
    assert "import(" not in made
    assert made.count('class="nbr-fed"') == 2


def test_each_part_says_how_it_varies():
    made = augment.html_of(samples.report(), drawn())
    rows = [
        "<td><code>image</code></td><td>an image</td><td>7 of 8 distinct</td><td>0.52 standard deviations</td>",
        "<td><code>y.mask</code></td><td>a mask</td><td>4 of 8 distinct</td><td>3 % of its pixels</td>",
        "<td><code>y.boxes</code></td><td>boxes</td><td>2 of 8 distinct</td><td>3.25 each coordinate</td>",
        "<td><code>y.label</code></td><td>a label</td><td>no</td><td></td>",
        "<td>an image</td><td>3 of 8 distinct</td><td>shapes (3, 12, 9), (3, 14, 9), (3, 8, 9), …</td>",
    ]
    assert [row for row in rows if row not in made] == []


@pytest.mark.parametrize(("distinct", "told"), [(7, "7 of 8 draws are distinct"), (1, "all 8 draws are the same")])
def test_how_many_draws_differ_is_said_once(distinct, told):
    made = augment.html_of(samples.report(), drawn(distinct=distinct))
    assert made.lower().count(told) == 1
    assert "train_ds[0]" not in made, "the title names the only example"
    assert "train_ds[0]" in augment.html_of(samples.report(), drawn(examples=2))
    assert told in augment.text_of(samples.report(), drawn(distinct=distinct))


def test_many_large_draws_are_drawn_smaller_and_fewer_until_they_fit():
    made = augment.html_of(samples.report(), drawn(samples.images(160, 64), examples=12))
    assert len(made) <= augment.LIMIT
    assert "more examples were left out to keep this small" in made


def test_the_text_stands_alone():
    told = augment.text_of(samples.report(), drawn(samples.images(count=3), samples.texts()))
    assert "    image: an image, 7 of 8 distinct, 0.52 standard deviations" in told
    assert "    y.label: a label, the same in all" in told
    assert "      draw by draw: cat 0; cat 1; cat 2" in told
    assert "a⏎b <script>alert('&')</script>" in told
    assert all(len(line) <= 100 for line in told.splitlines())
