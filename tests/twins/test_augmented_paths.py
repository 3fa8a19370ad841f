"""`show_augment` of a path: pictures of a folder and rows of a file, given as a transform is used to them."""

import json
import random

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageOps

import nbrecipe
from nbrecipe.batches import BadInput


@pytest.fixture
def photos(tmp_path):
    """Four images of two classes, and one that is none."""
    drawn = np.random.default_rng(0).integers(0, 255, (4, 24, 32, 3), dtype=np.uint8)
    for k, name in enumerate(["cat/0.png", "cat/1.png", "dog/0.png", "dog/1.png"]):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(drawn[k]).save(tmp_path / name)
    (tmp_path / "dog/2.png").write_bytes(b"nothing")
    return tmp_path


def mirrored(image):
    assert isinstance(image, Image.Image)
    return ImageOps.mirror(image) if random.random() < 0.5 else image


def test_a_transform_takes_the_pictures_of_a_folder_as_pillow_opens_them(photos):
    answer = nbrecipe.show_augment(photos, transform=mirrored, index=[0, 3], seed=0)
    first, last = answer.shown.examples
    assert (first.name, last.name) == (f"transform({photos.name})[0]", f"transform({photos.name})[3]")
    assert first.distinct == last.distinct == 2
    assert [(part.name, part.kind, part.distinct) for part in first.parts] == [
        ("input", "image", 2),
        ("target", "text", 1),
    ]
    assert "cat" in first.views[0].captions[0]
    assert "dog" in last.views[0].captions[0]
    assert str(answer.results["frozen-augmentation"].verdict) == "ok"


def test_images_without_a_class_are_given_alone(photos):
    answer = nbrecipe.show_augment(photos / "cat", transform=mirrored, seed=0)
    assert [part.name for part in answer.shown.examples[0].parts] == ["example"]


def dropped(row):
    return {**row, "text": " ".join(word for word in row["text"].split() if random.random() < 0.7)}


def test_rows_of_a_file_are_given_by_column(tmp_path):
    rows = [{"text": f"the cat number {k} sat on the mat", "label": k % 2} for k in range(10)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    pd.DataFrame(rows).to_csv(tmp_path / "rows.csv", index=False)
    pd.DataFrame(rows).to_parquet(tmp_path / "rows.parquet")
    for end in ("jsonl", "csv", "parquet"):
        answer = nbrecipe.show_augment(str(tmp_path / f"rows.{end}"), transform=dropped, index=7, seed=0)
        (example,) = answer.shown.examples
        assert example.name == f"transform(rows.{end})[7]"
        assert {part.name: part.distinct > 1 for part in example.parts} == {"text": True, "label": False}
    assert (tmp_path / "rows.jsonl").read_text() == "\n".join(map(json.dumps, rows))


def test_rows_of_an_array_are_arrays(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((5, 3, 16, 16), np.float32))
    answer = nbrecipe.show_augment(tmp_path / "x.npy", transform=lambda x: x + np.float32(random.random()), index=-1)
    assert answer.shown.examples[0].name == "transform(x.npy)[4]"
    assert answer.shown.examples[0].distinct == 8


@pytest.mark.parametrize(
    ("end", "more", "sentence"),
    [
        ("", {}, "what is read at `{0}` is the same each time: give the transform that changes it, `--transform EXPR`"),
        ("", {"transform": mirrored, "index": 4},
         "row 4 cannot be read: dog/2.png: UnidentifiedImageError: cannot identify image file '2.png'"),
        ("", {"transform": lambda image: image / 2},
         "reading `transform({1})[0]` raises TypeError: unsupported operand type(s) for /: 'Image' and 'int'; "
         "the transform is given a PIL image"),
        ("/rows.jsonl", {"transform": lambda text: text.split()},
         "reading `transform(rows.jsonl)[0]` raises AttributeError: 'dict' object has no attribute 'split'; "
         "the transform is given a row as a dict by column"),
        ("/rows.jsonl", {"transform": dropped, "index": 3}, "`rows.jsonl` has no row 3"),
        ("/rows.jsonl", {"transform": dropped, "index": -1},
         "`rows.jsonl` is read from its start, and how many rows it has is not known before its end; row -1 cannot be "
         "counted from there"),
        ("/gone", {"transform": dropped}, "there is no file or folder `{0}`"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_said_in_one_sentence(photos, end, more, sentence):
    (photos / "rows.jsonl").write_text('{"text": "a b"}\n{"text": "c d"}\n')
    with pytest.raises(BadInput) as refusal:
        nbrecipe.show_augment(f"{photos}{end}", **more)
    assert str(refusal.value) == sentence.format(f"{photos}{end}", photos.name)
