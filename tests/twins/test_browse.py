"""`browse` without a browser: what a page is answered, tags, what is refused, and what it leaves as it was."""

import itertools
import random

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset

import nbrecipe
from nbrecipe.batches import BadInput
from nbrecipe.render.pieces.raster import with_boxes
from nbrecipe.twins.data.browsing import CARDS


class Noisy(Dataset):
    """Draws at random, counts how often it is asked, and has two rows that raise."""

    def __init__(self):
        self.count = 0
        self.classes = ["cat", "dog"]

    def __len__(self):
        return 500

    def __getitem__(self, i):
        self.count += 1
        if i in (3, 77):
            raise OSError(f"no file {i}<b>")
        return torch.rand(1, 8, 8) * (i / 500) + random.random() * 0, i % 2


@pytest.fixture
def digits():
    draws = np.random.default_rng(0)
    return nbrecipe.browse((draws.integers(0, 255, (1000, 8, 8), dtype=np.uint8), np.arange(1000) % 10))


def ask(browsed, kind, **more):
    return browsed.browsing.answer({"ask": kind, **more})


def state(data):
    return torch.get_rng_state().tolist(), random.getstate(), repr(np.random.get_state()), data.count


def test_what_is_on_the_screen_is_sent_and_nothing_else(digits):
    answer = ask(digits, "rows", **{"from": 500, "to": 512})
    assert answer["total"] == 1000
    assert [card["row"] for card in answer["cards"]] == list(range(500, 512))
    assert answer["cards"][3]["label"] == "3"
    assert all(card["image"].startswith("data:image/png;base64,") for card in answer["cards"])
    assert digits.browsing.sent == 12
    assert len(ask(digits, "rows", **{"from": 0, "to": 1000})["cards"]) == CARDS


def test_filter_sort_and_search_give_the_rows_in_order(digits):
    answer = ask(digits, "rows", filter="label == 3 and row > 900", sort="row", descending=True, **{"from": 0, "to": 3})
    assert (answer["total"], [card["row"] for card in answer["cards"]]) == (10, [993, 983, 973])
    assert digits.rows("label == 3 and row > 970") == [973, 983, 993]
    assert ask(digits, "rows", filter="row > 5000", **{"from": 0, "to": 3}) == {"total": 0, "from": 0, "cards": []}
    assert ask(digits, "rows", filter="rwo > 5", **{"from": 0, "to": 3}) == {
        "refused": "there is no column `rwo`; did you mean `row`?"
    }


def test_tags_are_given_taken_found_and_got_back(digits):
    told = []
    digits.follow(lambda: told.append(dict(digits.tags)))
    assert ask(digits, "tag", row=17, tag="  bad   label ", on=True) == {
        "row": 17, "tags": ["bad label"], "counts": {"bad label": 1}
    }  # fmt: skip
    ask(digits, "tag", row=17, tag="look", on=True)
    ask(digits, "tag", row=4, tag="look", on=True)
    assert digits.tags == {4: ["look"], 17: ["bad label", "look"]}
    assert (digits.tagged(), digits.tagged("bad label")) == ([4, 17], [17])
    assert digits.rows('tag == "look"') == [4, 17]
    assert digits.rows(search="bad") == [17]
    ask(digits, "tag", row=17, tag="look", on=False)
    assert digits.rows('tag == "look"') == [4], "what was selected before is not what stands there now"
    assert digits.rows(search="look") == [4]
    digits.tag([1, 2], "mine")
    assert digits.tags == {1: ["mine"], 2: ["mine"], 4: ["look"], 17: ["bad label"]}
    assert told[-1] == digits.tags
    assert "bad label" in digits.tag_bundle()["text/html"]
    assert digits.tag_bundle()["text/plain"].splitlines()[0] == "mine: rows 1, 2"


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ({"ask": "tag", "row": 5000, "tag": "x"}, "`train_data` has no row 5000 here: 1000 rows were read."),
        ({"ask": "tag", "row": 5, "tag": "  "}, "a tag has at least one letter."),
        ({"ask": "whole", "row": -1}, "a row is a whole number, 0 or more; -1 was given."),
        ({"ask": "whole", "row": "5"}, "a row is a whole number, 0 or more; '5' was given."),
        ({"ask": "bars", "column": "nothing"}, "there is no column `nothing`."),
        ({"ask": "rows", "from": None, "to": 3}, "a row is a whole number, 0 or more; None was given."),
        ({"ask": "rows", "wrong": True, "from": 0, "to": 3},
         "no prediction is known to be wrong: give a classifier (`--model net`)."),
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_answered_is_refused_in_one_sentence(digits, question, sentence):
    assert digits.browsing.answer(question) == {"refused": sentence}


def test_what_is_no_question_gets_no_answer(digits):
    assert digits.browsing.answer({"ask": "run", "code": "1"}) is None
    assert digits.browsing.answer({}) is None


def test_rows_that_raise_stand_as_broken_cards_and_are_counted():
    browsed = nbrecipe.browse(Noisy())
    cards = ask(browsed, "rows", **{"from": 0, "to": 6})["cards"]
    assert cards[3]["broken"] == "OSError: no file 3<b>"
    assert [card.get("label") for card in cards] == ["cat", "dog", "cat", None, "cat", "dog"]
    assert browsed.rows("broken") == [3, 77]
    assert "2 of the rows cannot be read: row 3: OSError: no file 3" in str(browsed)
    assert "no file 3&lt;b&gt;" in browsed._repr_html_()
    assert "cannot be read" in ask(browsed, "whole", row=3)["html"]


def test_nothing_of_the_users_has_moved_and_a_row_looks_the_same_each_time():
    data = Noisy()
    before = state(data)
    browsed = nbrecipe.browse(DataLoader(data, batch_size=8, shuffle=True))
    assert state(data) == before
    first = ask(browsed, "rows", **{"from": 10, "to": 20})
    torch.rand(3)
    before = state(data)
    assert ask(browsed, "rows", **{"from": 10, "to": 20}) == first
    ask(browsed, "whole", row=12)
    assert state(data) == before


def test_texts_numbers_sequences_and_tokens_have_cards_of_their_own():
    texts = nbrecipe.browse([(f"film {i} & <i>more</i> " * i, i % 2) for i in range(60)])
    assert ask(texts, "rows", **{"from": 30, "to": 31})["cards"][0]["text"].endswith("…")
    assert "film 30 &amp; &lt;i&gt;more&lt;/i&gt; " * 30 in ask(texts, "whole", row=30)["html"]
    table = nbrecipe.browse((torch.arange(300.0).reshape(60, 5), torch.arange(60) % 2))
    assert ask(table, "rows", **{"from": 2, "to": 3})["cards"][0]["cells"][1] == ["input[1]", "11"]
    waves = nbrecipe.browse([(torch.randn(40 + i, 2).cumsum(0), i % 2) for i in range(60)])
    assert len(ask(waves, "rows", **{"from": 2, "to": 3})["cards"][0]["paths"]) == 2
    ids = [{"input_ids": [1, 2, 3, i], "labels": i % 2} for i in range(60)]
    tokens = nbrecipe.browse(ids, tokenizer={i: f"w{i}" for i in range(60)})
    assert ask(tokens, "rows", **{"from": 9, "to": 10})["cards"][0]["text"] == "w1 w2 w3 w9"


class Endless(IterableDataset):
    def __iter__(self):
        for i in itertools.count():
            yield torch.full((3,), float(i)), i % 2


def test_short_texts_beside_numbers_are_cells_and_what_is_to_be_read_is_a_text():
    towns = {"age": [30.0, 41.5] * 8, "city": ["Rome", "Oslo"] * 8, "label": [0, 1] * 8}
    (first, *_) = ask(nbrecipe.browse(towns), "rows", **{"from": 0, "to": 1})["cards"]
    assert first["cells"] == [["age", "30"], ["city", "Rome"]]
    letters = {**towns, "letter": ["Dear Sir, I write to you again about the matter of the boat."] * 16}
    (first, *_) = ask(nbrecipe.browse(letters), "rows", **{"from": 0, "to": 1})["cards"]
    assert first["text"].startswith("Dear Sir")
    (first, *_) = ask(nbrecipe.browse({"city": ["Rome", "Oslo"] * 8}), "rows", **{"from": 0, "to": 1})["cards"]
    assert first["text"] == "Rome", "where nothing stands beside it"


def test_of_a_stream_the_first_rows_are_held_and_that_is_said():
    seen = nbrecipe.browse(Endless(), rows=300)
    assert seen.rows("label == 1 and row > 290") == [291, 293, 295, 297, 299]
    assert ask(seen, "rows", **{"from": 200, "to": 201})["cards"][0]["cells"][0][1] == "200"
    assert "train_data can be read only from its start: its first 300 rows are held in memory" in str(seen)


def test_of_a_file_that_is_read_from_its_start_too(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "reviews.jsonl"
    path.write_text("".join(f'{{"text": "film {i}", "label": {i % 2}}}\n' for i in range(40)))
    seen = nbrecipe.browse(str(path))
    assert seen.rows('"film 3" in text and label == 1') == [3, 31, 33, 35, 37, 39]
    assert ask(seen, "rows", **{"from": 39, "to": 40})["cards"][0]["text"] == "film 39"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "no data here: name them (`%browse train_set`), or bind a loader (`%bind train=loader`)"),
        ({"data": np.zeros((9, 3)), "rows": 0}, "`rows` is a number of rows, 1 or more; 0 was given"),
        ({"data": np.zeros((9, 3)), "filter": "rwo > 1"}, "there is no column `rwo`; did you mean `row`?"),
        ({"data": np.zeros((9, 3)), "sort": "row +"}, "`row +` is no expression"),
        ({"data": []}, "`train_data` is empty: it has no rows"),
    ],
)  # fmt: skip
def test_what_cannot_be_browsed_is_refused_in_one_sentence(given, sentence):
    with pytest.raises(BadInput) as error:
        nbrecipe.browse(**given)
    assert str(error.value) == sentence


def test_the_page_stands_without_a_kernel_and_stays_small(digits, tmp_path):
    page = digits._repr_html_()
    assert page.count('<div class="nbr-card') == 60
    assert "<script" not in page, "without a wire nothing is to run"
    assert len(page) < 280_000
    photos = np.random.default_rng(0).integers(0, 255, (200, 96, 96, 3), dtype=np.uint8)
    assert len(nbrecipe.browse((photos, np.arange(200) % 3))._repr_html_()) < 280_000
    assert digits.save_html(tmp_path / "page.html").read_text().startswith("<!doctype html>")
    assert "1000 rows · here stand the first 10" in str(digits)


def test_masks_boxes_and_videos_are_drawn():
    plain = torch.full((3, 40, 60), 0.5)
    mask = torch.zeros(40, 60, dtype=torch.long)
    mask[:, 30:] = 1
    masked = nbrecipe.browse([(plain, mask)] * 20).browsing.cards_of([0])[0]
    assert masked.mask.tolist() == mask.tolist()
    box = {"boxes": torch.tensor([[15.0, 10.0, 45.0, 30.0]]), "labels": torch.tensor([1])}
    boxed = nbrecipe.browse([(plain, box)] * 20)
    (card,) = boxed.browsing.cards_of([0])
    assert [(b.left, b.top, b.right, b.bottom) for b in card.boxes] == [(0.25, 0.25, 0.75, 0.75)]
    drawn = with_boxes(card.pixels, card.boxes)
    changed = np.abs(drawn.astype(int) - card.pixels).sum(-1) > 0
    assert (changed[9:12, 16:44].any(0).all(), changed[20, 20:40].any(), changed[:8].any()) == (True, False, False)
    videos = nbrecipe.browse([(torch.rand(4, 3, 16, 16), i % 2) for i in range(20)])
    assert videos.browsing.cards_of([0])[0].pixels.shape == (16, 4 * 16 + 3 * 2, 3)


def test_a_loader_that_cannot_draw_every_row_is_said_and_the_tip_to_look_is_ticked():
    x, y = torch.randn(90, 3), torch.arange(90) % 3
    weights = torch.tensor([1.0, 2.0, 3.0])  # one for each class, where one for each row is meant
    sampler = torch.utils.data.WeightedRandomSampler(weights, 90)
    data = torch.utils.data.TensorDataset(x, y)
    found = nbrecipe.browse(torch.utils.data.DataLoader(data, 30, sampler=sampler))
    assert "weights" in str(found)
    assert nbrecipe.report().results["unreachable-examples"].verdict == "bad"
    right = nbrecipe.browse(torch.utils.data.DataLoader(data, 30, shuffle=True))
    assert "weights" not in str(right)
    assert nbrecipe.report().results["unreachable-examples"].verdict == "ok"
