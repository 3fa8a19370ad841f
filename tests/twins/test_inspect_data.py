"""What `inspect_data` shows of images, tables, texts and sequences, and that the data stay as they were."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

import nbrecipe
from nbrecipe import verbs
from nbrecipe.batches import BadInput
from nbrecipe.pictures.batch import Images, Series, Table, Texts
from nbrecipe.session import Session


@pytest.fixture(autouse=True)
def _own_session(monkeypatch):
    monkeypatch.setattr(verbs, "SESSION", Session())


def images(rows=200):
    generator = torch.Generator().manual_seed(0)
    smooth = torch.nn.functional.interpolate(torch.rand(rows, 1, 3, 3, generator=generator), size=12, mode="bilinear")
    smooth[17] = 0
    return TensorDataset(smooth, torch.arange(rows) % 4)


class Films(Dataset):
    """Short texts with names for labels; one cannot be read."""

    def __len__(self):
        return 90

    def __getitem__(self, row):
        if row == 40:
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
        return f"<script>film {row}</script> was {'good' if row % 3 else 'long'}", "pos" if row % 3 else "neg"


def test_images_are_shown_with_the_ones_that_lie_out():
    answer = nbrecipe.inspect_data(DataLoader(images(), batch_size=16, shuffle=True), images(40))
    shown = answer.shown
    assert [split.extent for split in shown.splits] == ["200 rows", "40 rows"]
    assert shown.balance.counts.tolist() == [[50] * 4, [10] * 4]
    drawn, out = shown.views
    assert isinstance(drawn, Images)
    assert len(drawn.pixels) == 12
    assert out.captions[0].startswith("1 · row 17: ")
    assert not out.pixels[0].any()
    assert {axis.name for axis in shown.axes} == {"brightness", "contrast", "height", "width"}
    assert "The same in every row: height 12, width 12" in str(answer)
    assert answer.picture().startswith(b"\x89PNG")


def test_texts_are_escaped_and_what_cannot_be_read_is_told():
    answer = nbrecipe.inspect_data(Films())
    html = answer._repr_html_()
    assert isinstance(answer.shown.views[0], Texts)
    assert "<script>film" not in html
    assert "&lt;script&gt;film" in html
    assert "<strong>1</strong> could not be read (row 40: UnicodeDecodeError" in html
    assert "Always answering pos is right in 66.3 % of the rows" in str(answer)


def test_tables_and_sequences_have_a_view_of_their_own():
    generator = np.random.default_rng(0)
    table = generator.standard_normal((300, 40)).astype(np.float32)
    table[5, 3], table[9, 0] = np.nan, 50
    answer = nbrecipe.inspect_data((table, generator.standard_normal(300)))
    assert isinstance(answer.shown.views[0], Table)
    assert answer.shown.axes[3].missing == (1,)
    assert answer.shown.views[1].captions[0].endswith("row 9")
    assert answer.shown.balance is None
    waves = np.cumsum(generator.standard_normal((60, 200, 2)), axis=1).astype(np.float32)
    assert isinstance(nbrecipe.inspect_data({"wave": waves}).shown.views[0], Series)


def test_short_texts_stand_in_the_table_with_label_and_row():
    frame = {"age": [30.0, 41.5] * 8, "city": ["Rome", "Oslo"] * 8, "label": ["no", "yes"] * 8}
    shown = nbrecipe.inspect_data(frame).shown.views[0]
    assert (shown.name, shown.columns) == ("age, city", ("age", "city"))
    assert dict(zip(shown.captions, shown.rows, strict=True))["yes · row 1"] == ("41.5", "Oslo")


def test_the_label_may_be_a_column_or_stand_beside():
    x, y = np.random.default_rng(0).standard_normal((50, 3)), np.arange(50) % 2
    for answer in (nbrecipe.inspect_data(x, labels=y), nbrecipe.inspect_data({"x": x, "sold": y}, labels="sold")):
        assert answer.shown.balance.counts.tolist() == [[25, 25]]


def test_at_most_so_many_rows_and_errors():
    answer = nbrecipe.inspect_data(Films(), rows=30)
    assert answer.shown.splits[0].extent == "the first 30 of 90 rows"
    with pytest.raises(
        BadInput, match="more than 0 examples of `train_data` cannot be read; row 40: UnicodeDecodeError"
    ):
        nbrecipe.inspect_data(Films(), max_errors=0)


def test_without_data_one_sentence_says_what_to_do():
    with pytest.raises(BadInput, match=r"no data here: name them \(`%inspect_data train_set`\)"):
        nbrecipe.inspect_data()


def test_random_transforms_leave_the_random_state_as_it_was():
    class Noisy(Dataset):
        def __len__(self):
            return 40

        def __getitem__(self, row):
            return torch.randn(3) + np.random.rand(), row % 2

    torch.manual_seed(3)
    np.random.seed(3)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    nbrecipe.inspect_data(Noisy())
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()


def odd_data():
    """Data sets of a kind that no rule was written for, each as somebody's `train`."""
    random = np.random.default_rng(0)

    def of_many_sizes():
        return random.random((random.integers(8, 14), random.integers(8, 14))).astype(np.float32)

    half = np.arange(200) % 2
    return {
        "small images of many sizes": [(of_many_sizes(), int(label)) for label in half],
        "grey among colours": [
            (random.integers(0, 255, (20, 20, 3) if label else (20, 20), dtype=np.uint8), int(label)) for label in half
        ],
        "huge whole numbers": (np.full((200, 3), 2**62) + np.arange(600).reshape(200, 3), half),
        "one row": (np.ones((1, 3)), np.ones(1)),
        "equal strings": [("a", "b")] * 50,
        "nothing but NaN": (np.full((200, 4), np.nan), half),
        "all alike": (np.ones((200, 5)), half),
        "sound of many lengths": [(random.standard_normal(random.integers(300, 500)), i % 3) for i in range(120)],
        "sequences of many widths": [(random.standard_normal((9, 2 + i % 2)), i % 2) for i in range(120)],
    }


@pytest.mark.parametrize("name", odd_data())
def test_odd_data_are_shown_and_judged_without_a_crash(name):
    answer = nbrecipe.inspect_data(odd_data()[name])
    assert answer._repr_html_()
    assert [(r.id, r.finding.message) for r in answer if r.verdict.value in ("bad", "crashed")] == []


def test_days_are_told_apart_and_missing_values_are_counted_whole():
    days = np.datetime64("2020-01-01") + np.arange(300)
    ages = np.where(np.arange(300) % 3, 40.0, np.nan)
    told = " ".join(str(nbrecipe.inspect_data({"day": days, "age": ages + days.astype(int) % 7})).split())
    assert "2020-01-01 to 2020-10-26" in told
    assert "**" not in told
    assert "100 rows (0, 3, 6, 9, 12, …) in 300 rows of `train_data` hold NaN in `age`" in told
