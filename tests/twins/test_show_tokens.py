"""`show_tokens`: texts and batches of every kind as their tokens, numbers above them, nothing of the user's changed."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import nbrecipe
from nbrecipe.batches import BadInput
from nbrecipe.finding import number
from nbrecipe.pictures.tokens import COUNTED, CUT, IGNORED, MISSING, PADDING, UNSEEN
from nbrecipe.tokens import open_tokenizer
from tests.tokens import trained

TEXTS = [line for line in trained.LINES if len(line) > 20][:60]
TOK = trained.word_piece()
PAD = TOK.token_to_id("[PAD]")


def numbers(answer):
    return dict(answer.shown.numbers)


def first(answer):
    return answer.shown.lines[0].readings[0]


def rows(count=6, length=12):
    made = []
    for text in TEXTS[:count]:
        ids = TOK.encode(text).ids[: length - 2]
        fill = length - len(ids)
        labels = [IGNORED] * 2 + ids[2:] + [IGNORED] * fill
        made.append({
            "input_ids": torch.tensor(ids + [PAD] * fill), "labels": torch.tensor(labels),
            "attention_mask": torch.tensor([1] * len(ids) + [0] * fill),
        })  # fmt: skip
    return made


class Net(nn.Module):
    """A language model that gives its loss."""

    def __init__(self, size):
        super().__init__()
        self.embed, self.head = nn.Embedding(size, 8), nn.Linear(8, size)

    def forward(self, input_ids, attention_mask=None, labels=None):
        out = self.head(self.embed(input_ids))
        loss = nn.functional.cross_entropy(out[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        return {"loss": loss, "logits": out}


@pytest.mark.parametrize("kind", trained.EVERY)
def test_every_kind_of_tokenizer_shows_its_tokens(kind):
    text = "x" if kind == "letters" else "the rate"
    answer = nbrecipe.show_tokens(trained.EVERY[kind](), [text, text])
    assert answer.shown.lines[0].failed == "" or kind in ("letters", "words")
    assert "Tokens of" in str(answer)
    assert answer._repr_html_().count("<script>alert") == 0


def test_a_text_a_list_a_data_set_a_frame_and_a_file_are_texts(tmp_path):
    pandas = pytest.importorskip("pandas")
    file = tmp_path / "texts.txt"
    file.write_text("\n".join(TEXTS), encoding="utf-8")
    frame = pandas.DataFrame({"review": TEXTS, "label": [i % 2 for i in range(len(TEXTS))]})
    pairs = [(text, i % 2) for i, text in enumerate(TEXTS)]
    for texts in (TEXTS, frame, pairs, [{"text": text} for text in TEXTS], file):
        answer = nbrecipe.show_tokens(TOK, texts)
        assert [line.readings[0].text for line in answer.shown.lines] == TEXTS
    assert nbrecipe.show_tokens(TOK, "one text").shown.lines[0].readings[0].text == "one text"


def test_of_many_texts_some_are_shown_and_all_are_counted():
    answer = nbrecipe.show_tokens(TOK, TEXTS * 10, rows=20)
    assert len(answer.shown.lines) == 20
    assert numbers(answer)["read"].startswith("**600 texts**")
    assert answer.shown.notes[0].startswith("20 of 600 texts stand here: drawn at random")
    names = [int(line.name.removeprefix("row ")) for line in answer.shown.lines]
    assert names == sorted(names)


def test_what_a_greatest_length_cuts_off_is_shown_and_counted():
    answer = nbrecipe.show_tokens(TOK, TEXTS, max_length=8)
    longer = sum(len(TOK.encode(text).ids) > 8 for text in TEXTS)
    assert sum(bool(line.readings[0].count(CUT)) for line in answer.shown.lines) == longer
    assert f"({longer})" in numbers(answer)["beyond 8"]
    assert answer.shown.lengths.counts[answer.shown.lengths.edges[:-1] > 8].sum() == longer, "no bar holds both"
    padded = nbrecipe.show_tokens(TOK, ["the"], max_length=8)
    assert first(padded).count(PADDING) == 8 - first(padded).length


def test_whether_the_answer_is_in_what_is_lost():
    data = [
        {"text": "the first rate . " * 6 + "the loss", "answer": "the loss"},
        {"text": "the loss first", "answer": "the loss"},
    ]
    answer = nbrecipe.show_tokens(TOK, data, max_length=10)
    assert [line.lost for line in answer.shown.lines] == ["the answer is cut off", ""]
    told = numbers(answer)["answers"]
    assert told == "cut off in **1** of 2 texts that are shown with one"
    assert all(line.readings[0].count(COUNTED) for line in answer.shown.lines)
    named = [{"text": row["text"], "verdict": row["answer"]} for row in data]
    assert nbrecipe.show_tokens(TOK, named, max_length=10, column="text").shown.lines[0].lost == ""
    asked = nbrecipe.show_tokens(TOK, named, max_length=10, column="text", answer="verdict")
    assert asked.shown.lines[0].lost == "the answer is cut off"


def test_two_tokenizers_stand_side_by_side():
    answer = nbrecipe.show_tokens(TOK, TEXTS[:5], against=trained.byte_level(), names={"against": "other"})
    assert [voice.name for voice in answer.shown.voices] == ["tokenizer", "other"]
    assert all(len({reading.text for reading in line.readings}) == 1 for line in answer.shown.lines)
    assert "nbr-abreast" in answer._repr_html_()
    told = numbers(answer)
    alone = nbrecipe.show_tokens(trained.byte_level(), TEXTS[:5]).scan
    assert told["read"].endswith(" tokens with `tokenizer`")
    assert told["with `other`"].startswith(
        f"**{alone.tokens} tokens**, **{number(alone.per_word, 3)}** a word, median "
    )
    assert "<th>with <code>other</code></th>" in answer._repr_html_()
    assert "with `other`: " in str(answer)


def test_texts_that_stream_are_compared_where_they_are_shown():
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            yield from TEXTS[:4]

    answer = nbrecipe.show_tokens(TOK, Stream(), against=trained.byte_level(), names={"against": "other"})
    assert len(answer.shown.lines) == 4
    once = nbrecipe.show_tokens(LATIN, ["ab", "é", "☃"], against=TOK, names={"tokenizer": "one", "against": "two"})
    assert "2 of 3 rows" in numbers(once)["failed"]
    swapped = nbrecipe.show_tokens(TOK, ["ab", "é", "☃"], against=LATIN, names={"against": "two"})
    assert numbers(swapped)["with `two`"].endswith("2 of 3 rows failed")


def test_one_text_of_one_token_is_told_as_one():
    told = numbers(nbrecipe.show_tokens({"one": 0, "two": 1, "<unk>": 2}, "one", max_length=1))
    assert told["read"] == "**1 text** of `text`, 1 token"
    assert told["vocabulary"] == "**1** of 3 ids occurs"
    assert told["beyond 1"] == "none: nothing is cut off"
    assert not {"unknown", "lengths", "lone bytes", "empty"} & told.keys(), "what is nothing is left out"
    empty = numbers(nbrecipe.show_tokens({"one": 0}, ""))
    assert empty == {"read": "**1 text** of `text`, 0 tokens", "empty": "1 text (row 0)"}


def test_an_embedding_of_another_model_is_told_in_one_sentence():
    def embedding(size):
        return numbers(nbrecipe.show_tokens(TOK, TEXTS, model=Net(size)))["embedding"]

    own = TOK.get_vocab_size()
    assert embedding(19) == f"`model.embed` has 19 rows and `tokenizer` {own} ids: they do not fit each other"
    assert embedding(own).endswith("are never looked up")
    assert embedding(own - 3).endswith("are never looked up"), "added tokens may have no row yet"


LATIN = {letter: i for i, letter in enumerate("abcdefghijklmnopqrstuvwxyz ")}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_what_one_tokenizer_cannot_read_the_other_is_shown_for(order):
    pair = [(LATIN, "letters"), (trained.byte_level(), "other")]
    (one, name), (other, second) = (pair[k] for k in order)
    long = "the loss " * 40 + "☃"
    answer = nbrecipe.show_tokens(
        one, ["the loss", "so ☃", long], against=other, names={"tokenizer": name, "against": second}
    )
    plain, failing, far = answer.shown.lines
    assert not any(reading.failed for reading in plain.readings)
    assert not failing.failed
    read, not_read = sorted(failing.readings, key=lambda reading: bool(reading.failed))
    assert (read.text, read.failed) == ("so ☃", "")
    assert not_read.failed == "the table has no entry '☃', and none for what is unknown"
    assert max(len(reading.text) for reading in far.readings) == len(long), "the whole of it, not its beginning"
    assert failing.readings[order.index(0)].failed, "each stands under its own name"
    for told in (str(answer), answer._repr_html_()):
        assert "BadInput" not in told
    assert "letters: ✗ the table has no entry '☃'" in str(answer)
    assert "nbr-failed" in answer._repr_html_()


def test_a_text_that_neither_can_read_says_why_of_each():
    def broken(text):
        raise RuntimeError("no")

    answer = nbrecipe.show_tokens(LATIN, ["so ☃", "ab"], against=broken, names={"tokenizer": "one", "against": "two"})
    assert answer.shown.lines[0].failed == (
        "one: the table has no entry '☃', and none for what is unknown; two: RuntimeError: no"
    )
    assert answer.shown.lines[1].readings[1].failed == "RuntimeError: no"
    alike = nbrecipe.show_tokens(LATIN, ["so ☃"], against={"a": 0, "b": 1})
    assert alike.shown.lines[0].given == "so ☃"


def test_ids_that_cannot_be_decoded_are_shown_and_that_is_told():
    class OneWay:
        def encode(self, text):
            return [ord(letter) for letter in text]

        def decode(self, ids):
            if len(ids) > 1:
                raise ValueError("one by one")
            return chr(ids[0])

    answer = nbrecipe.show_tokens(OneWay(), ["abc"])
    assert first(answer).ids.tolist() == [97, 98, 99]
    assert first(answer).failed == "its ids cannot be decoded: ValueError: one by one"
    assert "3 tokens: a│b│c" in str(answer)
    assert "✗ its ids cannot be decoded" in str(answer)


def test_a_loader_of_ids_shows_exactly_the_ids_with_masks_and_targets():
    data = rows()
    answer = nbrecipe.show_tokens(TOK, DataLoader(data, batch_size=4))
    assert [voice.name for voice in answer.shown.voices] == ["input_ids", "labels"]
    for line, row in zip(answer.shown.lines, data, strict=False):
        reading = line.readings[0]
        assert reading.ids.tolist() == row["input_ids"].tolist()
        assert ((reading.marks & UNSEEN) == 0).tolist() == row["attention_mask"].bool().tolist()
        assert ((reading.marks & COUNTED) > 0).tolist() == (row["labels"] != IGNORED).tolist()
        assert line.readings[1].ids.tolist() == row["labels"].tolist()
    assert len(answer.shown.lines) == 4
    assert "count in the loss" in numbers(answer)["targets"]


def test_with_a_model_they_are_taken_where_it_is_called_and_judged():
    net = Net(TOK.get_vocab_size())
    answer = nbrecipe.show_tokens(TOK, DataLoader(rows(), batch_size=4), model=net)
    assert "moment of `model(x)`" in answer.shown.notes[0]
    assert [voice.name for voice in answer.shown.voices] == ["input_ids", "labels"]
    assert {"target-not-shifted", "future-leak"} <= answer.results.keys()


def test_a_pair_of_inputs_and_classes_has_the_class_beside_each_row():
    ids = torch.stack([row["input_ids"] for row in rows()])
    loader = DataLoader(TensorDataset(ids, torch.arange(6)), batch_size=6)
    answer = nbrecipe.show_tokens(TOK, loader)
    assert [line.caption for line in answer.shown.lines] == [str(i) for i in range(6)]
    assert len(answer.shown.voices) == 1


def test_of_many_rows_of_ids_some_are_shown_and_all_are_counted():
    loader = DataLoader(rows(6), batch_size=6)
    answer = nbrecipe.show_tokens(TOK, loader, rows=2)
    assert len(answer.shown.lines) == 2
    assert numbers(answer)["read"].startswith("**6** rows")
    assert "The first 2 of 6 rows stand here" in str(answer)


@pytest.mark.parametrize(
    "given", [list, torch.tensor, lambda ids: torch.tensor([ids]), lambda ids: {"ids": torch.tensor([ids])}]
)
def test_ids_alone_are_a_row(given):
    ids = TOK.encode(TEXTS[0]).ids
    answer = nbrecipe.show_tokens(TOK, given(ids))
    assert [line.readings[0].ids.tolist() for line in answer.shown.lines] == [ids]


def test_what_a_tokenizer_gave_is_shown_as_it_gave_it():
    tok = trained.fast()
    for given in (tok(TEXTS[:3]), tok(TEXTS[:3], padding=True, return_tensors="pt"), tok(TEXTS[0])):
        answer = nbrecipe.show_tokens(tok, given)
        assert answer.shown.kind == "row"
        ids = given["input_ids"]
        first_row = ids if isinstance(ids[0], int) else list(ids[0])
        assert first(answer).ids.tolist() == [int(i) for i in first_row]


def test_where_the_model_fails_on_the_batch_its_ids_are_shown_all_the_same():
    class Other(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, *, needed):
            return self.layer(needed)

    answer = nbrecipe.show_tokens(TOK, DataLoader(rows(), batch_size=2), model=Other())
    assert len(answer.shown.lines) == 2
    assert answer.shown.notes[1].startswith("the model fails on them: ")


def test_a_data_set_of_ids_of_any_length_is_shown_as_it_stands_there():
    data = [{"input_ids": TOK.encode(text).ids, "labels": TOK.encode(text).ids} for text in TEXTS[:7]]
    answer = nbrecipe.show_tokens(TOK, data)
    assert [line.readings[0].ids.tolist() for line in answer.shown.lines] == [row["input_ids"] for row in data]
    assert numbers(answer)["read"].startswith("7 rows of `input_ids`")
    assert answer.shown.lengths is not None


def test_a_greatest_length_cuts_rows_of_ids_and_their_targets():
    data = rows(4)
    data[1]["labels"][:6] = IGNORED
    data[2]["labels"][4:] = IGNORED
    answer = nbrecipe.show_tokens(TOK, DataLoader(data, batch_size=4), max_length=6)
    assert [line.lost for line in answer.shown.lines] == [
        "part of the targets is cut off", "every target is cut off", "", "part of the targets is cut off",
    ]  # fmt: skip
    assert all(line.readings[0].count(CUT) == 6 for line in answer.shown.lines)
    assert numbers(answer)["beyond 6"] == "**4** of the 4 rows that are shown lose something; in **1** every target"


def test_data_without_texts_or_ids_are_refused_with_their_columns():
    with pytest.raises(BadInput, match="has no column of texts; its columns are `a`"):
        nbrecipe.show_tokens(TOK, [{"a": 1.5}, {"a": 2.5}])


def test_rows_without_a_target_and_ids_without_a_token_are_named():
    data = rows(2)
    data[0]["labels"][:] = IGNORED
    data[1]["input_ids"][0] = 10**6
    answer = nbrecipe.show_tokens(TOK, DataLoader(data, batch_size=2))
    assert answer.shown.lines[0].lost == "no target counts in this row"
    assert answer.shown.lines[1].readings[0].count(MISSING) == 1
    assert "no such token" in numbers(answer)


def test_bad_texts_are_counted_and_shown_and_never_raise():
    class Picky:
        def encode(self, text):
            if "x" in text:
                raise ValueError("no x, please")
            return [1, 2]

        def decode(self, ids):
            return "ab"

    answer = nbrecipe.show_tokens(Picky(), ["a line", None, "", "x and y", 3.5, "half \ud800 a letter", "b line"])
    lines = {line.name: line for line in answer.shown.lines}
    assert [bool(line.failed) for line in lines.values()] == [False, True, False, True, True, False, False]
    assert lines["row 3"].failed == "ValueError: no x, please"
    assert lines["row 2"].caption == "an empty text"
    assert "3 of 7 rows" in numbers(answer)["failed"]
    assert "\ud800" not in answer._repr_html_()
    answer._repr_html_().encode()
    str(answer).encode()
    rust = nbrecipe.show_tokens(TOK, ["half \ud800 a letter", "whole"])
    assert [bool(line.failed) for line in rust.shown.lines] == [True, False]


def test_numbers_of_validation_are_set_against_those_of_training():
    answer = nbrecipe.show_tokens(TOK, TEXTS, val=["zzz ☃"] * 30, names={"val_data": "val_texts"})
    assert "new in `val_texts`" in numbers(answer)


def test_rows_of_the_embedding_that_nothing_looks_up_are_counted():
    answer = nbrecipe.show_tokens(TOK, TEXTS[:3], model=Net(TOK.get_vocab_size() + 7), names={"model": "net"})
    assert "rows of `net.embed`" in numbers(answer)["embedding"]


def test_everything_of_the_users_is_as_it_was():
    tok, net, data = trained.word_piece(), Net(TOK.get_vocab_size()), rows()
    tok.enable_truncation(5)
    tok.enable_padding(length=9)
    before = tok.to_str()
    loader = DataLoader(data, batch_size=2, shuffle=True)
    rng, weights = torch.get_rng_state(), [p.detach().clone() for p in net.parameters()]
    nbrecipe.show_tokens(tok, TEXTS, max_length=7)
    nbrecipe.show_tokens(tok, loader, model=net)
    assert tok.to_str() == before
    assert torch.equal(torch.get_rng_state(), rng)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), weights, strict=True))


def test_a_report_and_a_page_are_written(tmp_path):
    answer = nbrecipe.show_tokens(TOK, TEXTS[:3])
    page = answer.save_html(tmp_path / "tokens.html").read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert json.loads(answer.save_json(tmp_path / "tokens.json").read_text())
    assert answer.picture().startswith(b"\x89PNG")
    assert answer.plot().axes


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"texts": TEXTS}, "no tokenizer here: name it (`%tokens tok texts`), or bind it (`%bind tokenizer=tok`)"),
        ({"tokenizer": TOK}, "no texts here: name them (`%tokens tok texts`), or bind a loader (`%bind train=loader`)"),
        ({"tokenizer": TOK, "texts": TEXTS, "max_length": 0}, "`max_length` is a whole number, 1 or more; 0 was given"),
        ({"tokenizer": TOK, "texts": TEXTS, "rows": "a"}, "`rows` is a whole number, 1 or more; 'a' was given"),
        ({"tokenizer": TOK, "texts": [{"text": "a", "b": 1}], "answer": "c"},
         "`the texts` has no column `c`; its columns are `text`, `b`"),
        ({"tokenizer": TOK, "batch": (torch.zeros(2, 3), torch.zeros(2))},
         "no tensor of this batch can be ids, whole numbers of shape (rows, tokens): `inputs` (2, 3) of float32, "
         "`target` (2,) of float32"),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_refused_in_one_sentence(given, told):
    with pytest.raises(BadInput) as refused:
        nbrecipe.show_tokens(**given)
    assert str(refused.value) == told


def test_the_tokenizer_may_be_opened_already():
    opened = open_tokenizer(TOK, "mine")
    assert nbrecipe.show_tokens(opened, TEXTS[:2]).title == "Tokens of `mine`"
