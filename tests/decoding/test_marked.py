"""Masks and boxes of examples on their images, wherever in the example they stand."""

import numpy as np
import pytest
import torch

import nbrecipe
from nbrecipe.decoding.examples import views
from nbrecipe.decoding.marked import Marks
from nbrecipe.pictures.batch import Box, Images
from nbrecipe.render.batches.samples import Detail, view

IMAGE = torch.zeros(3, 40, 80)
#: a box from (8, 4) to (40, 20), as shares of the image
SHARES = (0.1, 0.1, 0.5, 0.5)


def lying(value, kinds=None, **beside):
    """Corners and classes of what is drawn."""
    kinds = {"image": "image", "boxes": "other", **dict.fromkeys(beside, "other"), **(kinds or {})}
    marks = Marks.among(kinds, "label" if "label" in kinds else None)
    name = marks.boxes or "boxes"
    boxes = marks.boxed({name: value, **beside}, IMAGE, {1: "cat"})
    corners = [(box.left, box.top, box.right, box.bottom) for box in boxes]
    return [(tuple(round(x, 6) for x in each), box.label) for each, box in zip(corners, boxes, strict=True)]


@pytest.mark.parametrize(
    "value",
    [
        {"boxes": np.array([[8.0, 4, 40, 20]]), "labels": np.array([1])},
        {"boxes": [[8, 4, 40, 20]], "category": [1]},
        {"bbox": [[8, 4, 32, 16]], "category": [1]},  # a corner and a size
        {"boxes": np.array([[0.1, 0.1, 0.5, 0.5]]), "labels": [1]},
    ],
)
def test_boxes_by_corners_and_by_sizes(value):
    assert lying(value, {"label": "boxes"}) == [(SHARES, "cat")]


def test_boxes_in_a_column_of_their_own_with_classes_in_another():
    assert lying(np.array([[8.0, 4, 40, 20]]), labels=np.array([1])) == [(SHARES, "cat")]
    assert lying([8, 4, 40, 20]) == [(SHARES, "")]
    assert lying(np.array([[8.0, 4, 40, 20]]), labels=np.array([1, 2])) == [(SHARES, "")]


@pytest.mark.parametrize(
    "value",
    [
        None,
        3,
        "a box",
        [],
        [[1, 2, 3]],
        {"size": 3},
        {"boxes": "none"},
        ["a", "b"],
        np.zeros((2, 3, 4)),
        np.zeros((0, 4)),
    ],
)
def test_what_are_no_boxes_is_not_drawn(value):
    assert lying(value) == []


def test_the_mask_is_the_label_or_a_column_that_is_called_so():
    assert Marks.among({"image": "image", "label": "mask"}, "label").mask == "label"
    assert Marks.among({"image": "image", "seg_mask": "image", "label": "class"}, "label").mask == "seg_mask"
    for other in ("attention_mask_length", "damask", "is_masked", "boxing", "inbox"):
        assert Marks.among({"image": "image", other: "number"}, None) == Marks()
    ids = Marks.among({"ids": "tokens", "mask": "table"}, None)  # which tokens count
    assert ids.masked({"mask": np.ones(7, np.int64)}, IMAGE) is None


class Scenes(torch.utils.data.Dataset):
    """Images with what is made of a rectangle on each."""

    def __init__(self, made):
        self.made = made

    def __len__(self):
        return 24

    def __getitem__(self, row):
        rng = np.random.default_rng(row)
        x, y = rng.integers(0, 20, 2).tolist()
        image = rng.integers(0, 90, (3, 32, 48 + row % 2), dtype=np.uint8)
        image[:, y : y + 10, x : x + 16] += 100
        mask = np.zeros(image.shape[1:], np.int64)
        mask[y : y + 10, x : x + 16] = 2
        return self.made(torch.from_numpy(image), torch.from_numpy(mask), [x, y, x + 16, y + 10], row)


FORMS = {
    "boxes": lambda image, mask, box, row: (
        image,
        {"boxes": torch.tensor([box]).float(), "labels": torch.tensor([1 + row % 2])},
    ),
    "mask": lambda image, mask, box, row: (image, mask),
    "both": lambda image, mask, box, row: {"image": image, "mask": mask, "boxes": [box], "label": row % 2},
}


@pytest.mark.parametrize("form", FORMS)
def test_random_views_and_cards_show_what_lies_on_the_images(form):
    data = Scenes(FORMS[form])
    answer, browsed = nbrecipe.inspect_data(data), nbrecipe.browse(data)
    (view,) = (view for view in answer.shown.views if "drawn at random" in view.told)
    rows = [int(caption.rpartition("row ")[2]) for caption in view.captions]
    cards = browsed._shown(24).cards
    for place, row in enumerate(rows):
        image, mask, box, _ = Scenes(lambda *parts: parts)[row]
        if form != "mask":
            (drawn,) = view.boxes[place]
            wide = image.shape[-1]
            assert (drawn.left * wide, drawn.top * 32, drawn.right * wide, drawn.bottom * 32) == pytest.approx(box)
            assert cards[row].boxes == view.boxes[place]
        if form != "boxes":
            assert np.array_equal(view.masks[place], mask.numpy())
            assert np.array_equal(cards[row].mask, mask.numpy())
    assert view.classes == ({} if form == "boxes" else {2: "mask"})
    html = answer._repr_html_()
    assert html.count('class="nbr-box"') >= (0 if form == "mask" else 12)
    legend = html.partition('<div class="nbr-legend">')[2].partition("</div>")[0]
    assert all(name in legend for name in ((">1<", ">2<") if form == "boxes" else (">mask<",)))


def test_the_label_of_a_box_stands_where_it_hides_nothing():
    wide, narrow, low = Box(0, 0, 0.9, 0.9, "cat"), Box(0, 0, 0.1, 0.9, "cat"), Box(0, 0, 0.9, 0.1, "dog")
    pixels = np.zeros((96, 96), np.uint8)
    made = view(Images("x", (pixels,), "", 1, boxes=((wide, narrow, low),)), Detail(1, 96, 1))
    assert made.count('class="nbr-box"') == 3
    assert made.count("<b ") == 1
    legend = made.partition('<div class="nbr-legend">')[2]
    assert (legend.count("cat"), legend.count("dog")) == (1, 1)


def test_a_text_that_is_not_there_is_called_missing_and_every_table_names_its_rows():
    columns = {"text": ["a text that is long enough to be read as one"] * 2, "size": np.array([1.0, 2.0]), "y": [0, 1]}
    kinds = {"text": "text", "size": "number", "y": "class"}
    texts, table = views(columns, kinds, "y", notes=["row 3", "row 4"])
    assert texts.captions == table.captions == ("0 · row 3", "1 · row 4")
    (table,) = views({"city": [None, "Bern"], "size": np.array([1.0, 2.0])}, {"city": "text", "size": "number"})
    assert [row[0] for row in table.rows] == ["missing", "Bern"]
