"""Rows measured one by one, and what is asked of them: expressions, order, search, histograms."""

import numpy as np
import pytest
import torch

from nbrecipe.batches import BadInput
from nbrecipe.scan.sources.opening import open_source
from nbrecipe.scan.table.columns import read_table
from nbrecipe.scan.table.expression import matching, numbers
from nbrecipe.scan.table.selection import Ask, histogram, selected

N = 300
LABELS = np.arange(N) % 3


@pytest.fixture
def images():
    pixels = np.zeros((N, 8, 8), np.uint8)
    pixels += (np.arange(N) // 2).astype(np.uint8).reshape(-1, 1, 1)
    return read_table(open_source((pixels, LABELS), "digits"), names={0: "cat", 1: "dog", 2: "cow"})


@pytest.fixture
def texts():
    rows = [(f"A fine film, number {i}" + " indeed" * (i % 4), ["pos", "neg"][i % 2]) for i in range(40)]
    return read_table(open_source(rows, "reviews"))


def rows(table, expression):
    return table.rows[matching(table, expression)].tolist()


def test_every_row_has_its_axes_label_and_distance(images):
    assert list(images.columns) == ["row", "label", "brightness", "contrast", "height", "width", "outlier"]
    assert images.columns["brightness"].values.tolist() == [i // 2 for i in range(N)]
    assert images.columns["label"].word(1.0) == "dog"
    brightness = images.columns["brightness"].values
    expected = np.abs(brightness - brightness.mean()) / brightness.std()
    assert np.allclose(images.columns["outlier"].values, expected, atol=1e-4)
    assert images.extent == "300 rows"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("row < 3", [0, 1, 2]),
        ("brightness >= 149", [298, 299]),
        ("148 < brightness <= 149", [298, 299]),
        ('label == "dog" and row < 8', [1, 4, 7]),
        ('label in ("dog", "cow") and row < 4', [1, 2]),
        ("label in (0, 2) and not row > 3", [0, 2, 3]),
        ("label != 0 and row < 3", [1, 2]),
        ("(row == 1) | (row == 5)", [1, 5]),
        ("abs(brightness - 10) < 0.5", [20, 21]),
        ("row % 100 == 0 and -row < -50", [100, 200]),
        ("`brightness` * 2 + 1 == 21", [20, 21]),
        ("missing(label) or row == 7", [7]),
        ("1e400 > row and row == 9", [9]),
        ("tagged", [3]),
        ('tag == "bad label" or tag == "other"', [3]),
        ('tag != "bad label" and row in (3, 4)', [4]),
        ('"bad label" in tag', [3]),
    ],
)
def test_an_expression_says_which_rows(images, expression, expected):
    images.tags[3] = ["bad label"]
    assert rows(images, expression) == expected


def test_texts_are_compared_and_searched(texts):
    assert rows(texts, '"NUMBER 12" in input') == [12]
    assert rows(texts, '"number 3" in text and label == "neg"') == [3, 31, 33, 35, 37, 39]
    assert rows(texts, 'input == "A fine film, number 4"') == [4]
    assert texts.rows[selected(texts, Ask(search="number 12"))].tolist() == [12]
    assert len(selected(texts, Ask(search="pos"))) == 20, "the names of classes are searched too"


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("brighness > 3", "there is no column `brighness`; did you mean `brightness`?"),
        ("colour > 3", "there is no column `colour`; there are row, label, brightness, contrast, height, width, "
                       "outlier, tag, tagged"),
        ("brightness", "`brightness` is no yes or no for each row; a filter compares, as in `brightness > 1`"),
        ("brightness = 3", "`brightness = 3` is no expression: `==` compares"),
        ("brightness >", "`brightness >` is no expression"),
        ("brightness > 1 & row < 2", "`1` is neither yes nor no; put brackets round both sides of & and |"),
        ('label == "dot"', "no row has 'dot' in `label`; did you mean 'dog'?"),
        ('brightness == "dark"', "`brightness` holds numbers and cannot be compared with the text 'dark'"),
        ('label < "dog"', '`label` and `\'dog\'` can be compared by == and != alone'),
        ("row is 3", "`is` compares nothing here; write `==`"),
        ("1 < 2", "`1 < 2` is no yes or no for each row; a filter compares, as in `brightness > 1`"),
        ("x" * 1001, "an expression has at most 1000 letters; this one has 1001"),
    ],
)  # fmt: skip
def test_what_is_no_filter_is_refused_in_one_sentence(images, expression, sentence):
    with pytest.raises(BadInput) as error:
        matching(images, expression)
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os').system('true')", "().__class__", "row.__class__.__mro__", "(lambda: 1)()", "[r for r in row]",
        "open('x')", "f'{row}'", "row if 1 else 2", "exec", "row[0:1]", "row @ row", "~row", "(x := 3)",
        "(" * 500 + ")" * 500,
    ],
)  # fmt: skip
def test_no_code_is_run(images, expression):
    with pytest.raises(BadInput):
        matching(images, expression)


def test_order_is_stable_and_what_is_missing_comes_last(images):
    brightness = images.columns["brightness"].values
    brightness[5] = np.nan
    down = images.rows[selected(images, Ask(sort="brightness", descending=True))].tolist()
    assert down[:4] == [298, 299, 296, 297]
    assert down[-1] == 5
    assert images.rows[selected(images, Ask(sort="label"))].tolist()[:2] == [0, 3], "cat, cow, dog"
    assert images.rows[selected(images, Ask(sort="label"))].tolist()[100] == 2
    assert images.rows[selected(images, Ask(sort="abs(row - 10)"))].tolist()[:3] == [10, 9, 11]
    assert images.rows[selected(images, Ask(descending=True))].tolist()[0] == 299
    assert numbers(images, "label").tolist()[:3] == [0.0, 2.0, 1.0]


def test_wrong_only_needs_predictions(images):
    with pytest.raises(BadInput, match="no prediction is known to be wrong"):
        selected(images, Ask(wrong=True))


def test_a_histogram_counts_the_selection_beside_all_rows(images):
    some = selected(images, Ask(filter="row < 30"))
    labels = histogram(images, "label", some)
    assert (labels["names"], labels["counts"], labels["every"]) == (["cat", "dog", "cow"], [10] * 3, [100] * 3)
    brightness = histogram(images, "brightness", some)
    assert (sum(brightness["counts"]), sum(brightness["every"])) == (30, N)
    assert brightness["told"] == "least 0, median 7, greatest 14"


def test_a_row_that_raises_stands_in_its_place():
    class Broken(torch.utils.data.Dataset):
        def __len__(self):
            return 600

        def __getitem__(self, i):
            if i in (7, 599):
                raise ValueError("no such file")
            return torch.full((3,), float(i)), i % 2

    table = read_table(open_source(Broken(), "files"))
    assert table.rows.tolist() == list(range(600))
    assert table.unread == {7: "ValueError: no such file", 599: "ValueError: no such file"}
    assert rows(table, "broken") == [7, 599]
    assert rows(table, "missing(label)") == [7, 599]
    assert rows(table, "input[1] == 8") == [8]


def test_an_interrupt_keeps_what_was_read():
    def stop(count):
        if count >= 4096:
            raise KeyboardInterrupt

    table = read_table(open_source((np.zeros((20_000, 4)), np.arange(20_000) % 2), "x"), seen=stop)
    assert table.stopped == "interrupted"
    assert len(table) == 4096
    assert table.extent == "the first 4096 of 20000 rows"


def test_whole_numbers_stay_what_they_are():
    table = read_table(open_source({"id": np.arange(16_777_216, 16_777_220), "y": np.arange(4)}, "ids"))
    assert rows(table, "id == 16777217") == [1]


def test_many_columns_are_cut_and_that_is_said():
    table = read_table(open_source((np.random.default_rng(0).normal(size=(50, 100)), np.arange(50) % 2), "wide"))
    assert len([name for name in table.columns if name.startswith("input[")]) == 64
    assert table.notes == ["of `input` the first 64 of 100 columns"]
