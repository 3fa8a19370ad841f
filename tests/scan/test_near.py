"""Near copies: how many of those that are planted are found, and that nothing else is."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits, load_sample_images

from nbrecipe.scan.doubles.tables import table_of
from nbrecipe.scan.near.copies import near_across, near_within
from nbrecipe.scan.near.keys import Near, coarse, outlines
from nbrecipe.scan.reading import scan
from nbrecipe.scan.sources.opening import open_source


def one_pixel(image: np.ndarray, g: np.random.Generator) -> np.ndarray:
    changed = image.copy()
    place = tuple(g.integers(0, size) for size in image.shape[:2])
    changed[place] = (changed[place].astype(int) + 128) % 256
    return changed


def jpeg(image: np.ndarray, g: np.random.Generator, quality: int = 75) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def jpeg_85(image: np.ndarray, g: np.random.Generator) -> np.ndarray:
    return jpeg(image, g, 85)


def brighter(image: np.ndarray, g: np.random.Generator) -> np.ndarray:
    return np.clip(image.astype(int) + 12, 0, 255).astype("u1")


def digits(side: int) -> np.ndarray:
    images = (load_digits().images * (255 / 16)).astype("u1")
    return np.stack([np.asarray(Image.fromarray(image).resize((side, side))) for image in images])


def photographs(count: int = 400, side: int = 48) -> np.ndarray:
    """Pieces of two photographs that show something, none of which covers half of another."""
    pieces = []
    for picture in load_sample_images().images:
        for top in range(0, picture.shape[0] - side, side):
            pieces += [
                picture[top : top + side, left : left + side] for left in range(0, picture.shape[1] - side, side)
            ]
    return np.stack([piece for piece in pieces if piece.std() > 25][:count])


def words(count: int, length: int, seed: int = 0) -> list[str]:
    g = np.random.default_rng(seed)
    front, back = ("ba", "do", "ki", "lu", "me", "no", "ra"), ("lon", "mir", "sta", "ver", "tig")
    known = [a + b + c for a in front for b in back for c in ("", *front, *back)]
    return [" ".join(g.choice(known, length)).capitalize() + "." for _ in range(count)]


def found(data, val=None) -> set[tuple[int, int]]:
    table = table_of(scan(open_source(data, "data")))
    other = None if val is None else table_of(scan(open_source(val, "val")))
    copies = near_within(table) if other is None else near_across(table, other)
    return {(pair.first, pair.second) for pair in copies.pairs}


PLANTED = [
    (lambda: digits(8), one_pixel, 0.95),
    (lambda: digits(8), brighter, 0.95),
    (lambda: digits(8), jpeg_85, 0.85),
    # what is lost at 75 is nearly as far as the nearest other digit: most of these pairs could be chance
    (lambda: digits(8), jpeg, 0.15),
    (lambda: digits(16), jpeg, 0.75),
    (lambda: digits(28), one_pixel, 0.95),
    (lambda: digits(28), jpeg, 0.95),
    (lambda: digits(28), brighter, 0.9),
    (photographs, one_pixel, 0.95),
    (photographs, jpeg, 0.85),
    (photographs, brighter, 0.9),
]


@pytest.mark.parametrize(("images", "change", "recall"), PLANTED)
def test_images_that_were_changed_a_little_are_found_and_no_others(images, change, recall):
    g = np.random.default_rng(0)
    rows = images()
    chosen = g.choice(len(rows), 60, replace=False)
    planted = {(int(row), len(rows) + place) for place, row in enumerate(chosen)}
    pairs = found(np.concatenate([rows, np.stack([change(rows[row], g) for row in chosen])]))
    hit, others = len(pairs & planted) / len(planted), len(pairs - planted)
    print(f"{rows.shape[1]} pixels, {change.__name__}: recall {hit:.2f}, {others} others")
    assert hit >= recall
    assert others == 0


def test_images_that_came_to_validation_changed_are_found():
    g = np.random.default_rng(0)
    rows = digits(28)
    pairs = found(rows[:1500], np.concatenate([rows[1500:], np.stack([jpeg(rows[i], g) for i in range(60)])]))
    planted = {(i, 297 + i) for i in range(60)}
    assert len(pairs & planted) >= 0.95 * 60
    assert pairs <= planted


def faint() -> np.ndarray:
    g = np.random.default_rng(0)
    bright = g.integers(0, 256, (300, 28, 28))
    grey = np.full((300, 28, 28), 120) + g.integers(0, 2, (300, 28, 28))
    return np.concatenate([bright, grey]).astype("u1")


def blank() -> np.ndarray:
    """A dot in an empty image."""
    g = np.random.default_rng(0)
    images = np.zeros((400, 28, 28), "u1")
    images[np.arange(400), g.integers(0, 28, 400), g.integers(0, 28, 400)] = 255
    return images


def patterns_in_noise() -> np.ndarray:
    """Ten patterns, each with noise of its own."""
    g = np.random.default_rng(0)
    shapes = g.random((10, 20, 20))
    return (shapes[g.integers(0, 10, 500)] + 0.1 * g.standard_normal((500, 20, 20))).astype("f4")


def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (500, 3, 16, 16)).astype("u1")


def yes_or_no() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 2, (2000, 16)).astype("f4")


def ages() -> np.ndarray:
    """Eight whole numbers, most of them small."""
    return np.random.default_rng(0).poisson(3, (3000, 8)).astype("f4")


@pytest.mark.parametrize(
    "rows",
    [lambda: digits(8), lambda: digits(28), photographs, faint, blank, patterns_in_noise, noise, yes_or_no, ages],
)
def test_images_and_rows_that_are_merely_alike_are_no_near_copies(rows):
    assert found(rows()) == set()


def test_texts_that_differ_in_case_and_signs_are_found_and_no_others():
    texts = words(2000, 14)
    changes = [str.upper, str.lower, lambda t: t.replace(" ", "  "), lambda t: t.replace(".", " !"), str.title]
    again = [changes[i % 5](texts[i]) for i in range(100)]
    assert found(texts + again) == {(i, 2000 + i) for i in range(100)}
    assert found(words(500, 2) + [text.upper() for text in words(500, 2)]) == set(), "two words have few bits"


def test_texts_of_which_a_word_was_changed_are_found_and_no_others():
    texts, g = words(1500, 30), np.random.default_rng(0)
    again = []
    for text in texts[:100]:
        parts = text.split()
        parts[g.integers(0, 30)] = "another"
        again.append(" ".join(parts))
    planted = {(i, 1500 + i) for i in range(100)}
    pairs = found(texts + again)
    across = found(texts, again)
    print(f"one word of 30: recall {len(pairs & planted) / 100:.2f}, {len(pairs - planted)} others")
    assert len(pairs & planted) >= 90
    assert pairs <= planted
    assert len(across & {(i, i) for i in range(100)}) >= 90
    assert across <= {(i, i) for i in range(100)}


def test_sentences_from_a_template_are_no_near_copies():
    g = np.random.default_rng(0)
    slots = [["film", "book", "play"], ["really", "hardly"], [f"adjective{i}" for i in range(30)]]
    told = [tuple(str(g.choice(slot)) for slot in slots) for _ in range(400)]
    texts = [f"I have to say that the {a} was {b} {c} in the end, as far as I can tell you today" for a, b, c in told]
    assert found(texts) == set()


def test_rows_of_numbers_that_were_rounded_or_changed_in_one_place_are_found():
    g = np.random.default_rng(0)
    x = g.standard_normal((2000, 20))
    rounded = np.array([[float(f"{value:.5g}") for value in row] for row in x[:100]])
    one = x[100:200].copy()
    one[np.arange(100), g.integers(0, 20, 100)] += 1
    pairs = found(np.concatenate([x, rounded, one]))
    planted = {(i, 2000 + i) for i in range(200)}
    print(f"rows of numbers: recall {len(pairs & planted) / 200:.2f}, {len(pairs - planted)} others")
    assert len(pairs & planted) >= 0.95 * 200
    assert pairs <= planted


def test_rows_of_a_frame_are_compared_over_all_its_numbers():
    pandas = pytest.importorskip("pandas")
    g = np.random.default_rng(0)
    frame = pandas.DataFrame(g.standard_normal((800, 12)), columns=[f"x{i}" for i in range(12)])
    again = frame[:40] * (1 + 1e-6)
    pairs = found(pandas.concat([frame, again]))
    assert len(pairs) >= 38
    assert pairs <= {(i, 800 + i) for i in range(40)}
    assert found(pandas.DataFrame(g.integers(0, 3, (800, 6)))) == set()


def test_three_digits_are_kept_and_a_sign_of_zero_is_not():
    values = np.array([1.2345, 1.23451, -0.0, 0.0, 1.27], "f4")
    rounded = coarse(values)
    assert rounded[0] == rounded[1]
    assert rounded[2] == rounded[3]
    assert rounded[0] != rounded[4]


def test_an_outline_says_where_an_image_grows_brighter():
    ramp = np.tile(np.arange(72, dtype="u1"), (64, 1))[None]
    assert outlines(ramp)[0] == np.uint64(2**64 - 1)
    assert outlines(ramp[:, :, ::-1])[0] == 0
    assert outlines(np.zeros((1, 5, 5)))[0] == 0


def test_keys_merge_and_stay_within_bounds():
    whole = scan(open_source(words(3000, 5), "texts")).part.near
    first, second = Near(most=1000), Near(most=1000)
    rows, keys = whole.table()
    for near, part in ((first, slice(0, 1500)), (second, slice(1500, 3000))):
        near._parts = [(rows[part], tuple(key[part] for key in keys))]
    first.merge(second)
    kept, theirs = first.table()
    assert 250 < len(kept) <= 1000
    np.testing.assert_array_equal(theirs[0], keys[0][np.isin(rows, kept)])


def test_without_datasketch_it_is_said_what_to_install(monkeypatch):
    texts = words(50, 30)
    changed = [text.replace(text.split()[3], "otherwise", 1) for text in texts[:20]]
    data = [(text, 0) for text in texts + changed]
    assert near_within(table_of(scan(open_source(data, "texts")))).pairs
    monkeypatch.setattr("nbrecipe.scan.near.copies.importlib.util.find_spec", lambda name: None)
    seen = near_within(table_of(scan(open_source(data, "texts"))))
    assert seen.pairs == ()
    assert seen.lacking.endswith('takes datasketch: `pip install "nbrecipe[data]"`')
