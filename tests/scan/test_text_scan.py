"""What a tokenizer makes of whole data sets: counts as one by one, parts that merge, wherever texts come from."""

from __future__ import annotations

import itertools
import json
import pickle
import time
from collections import Counter

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset as HubData
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, Dataset, IterableDataset

from nbrecipe.batches import BadInput
from nbrecipe.scan import reading as by_part
from nbrecipe.scan.plan import plan_of
from nbrecipe.scan.text import chunks as chunking
from nbrecipe.scan.text import part as counted
from nbrecipe.scan.text import unknown as words
from nbrecipe.scan.text.opening import open_texts
from nbrecipe.scan.text.part import Counting, TextPart
from nbrecipe.scan.text.reading import text_part, text_scan
from nbrecipe.tokens import open_tokenizer
from tests.tokens.trained import EVERY, LETTERS, LINES, WORDS, fast, word_piece

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
MIXED = st.lists(
    st.one_of(
        TEXT,
        st.sampled_from(["", " \n", "日本語のテキスト", "ภาษาไทย ok", "שלום עולם", "🤗🤗", "\ud800 half", *LINES[:9]]),
        st.none(),
        st.integers(),
    ),
    min_size=1,
    max_size=40,
)
LIMITS = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Rows(Dataset):
    """By number; some raise."""

    def __init__(self, texts, broken=()):
        self.texts, self.broken = texts, broken

    def __len__(self):
        return len(self.texts)

    def __getitem__(self, row):
        if row in self.broken:
            raise OSError(f"cannot read {row}.txt")
        return {"text": self.texts[row], "label": row % 2}


class Flow(IterableDataset):
    """From the start only."""

    def __init__(self, texts):
        self.texts = texts

    def __iter__(self):
        return iter(self.texts)


def plain(part):
    """Everything that a part holds, so that two can be compared."""
    part = pickle.loads(pickle.dumps(part))
    block = part.sample.block()
    told = {name: value for name, value in vars(part).items() if name != "sample"}
    told["unknown_words"], told["unknown_letters"] = (
        told[name].most(1000) for name in ("unknown_words", "unknown_letters")
    )
    told["ids"] = {**vars(part.ids), "counts": part.ids.counts.tolist(), "only": part.ids.only.tolist()}
    told["sample"] = (block.rows.tolist(), *(list(values) for values in block.columns.values()))
    return told


@given(MIXED)
@LIMITS
def test_counts_are_those_of_the_texts_one_by_one(texts):
    tokenizer = open_tokenizer(word_piece())
    part = text_part(
        open_texts({"text": texts}), plan_of(open_texts({"text": ["a"]})), "text", Counting(tokenizer), 0, 99
    )
    there = [(row, text) for row, text in enumerate(texts) if isinstance(text, str) and "\ud800" not in text]
    rows = {row: tokenizer.encode(text).ids.tolist() for row, text in there}
    assert part.texts == len(there)
    assert part.failed == len(texts) - len(there)
    assert [one.row for one in part.named] == sorted(set(range(len(texts))) - rows.keys())
    assert part.lengths.counts == Counter(len(ids) for ids in rows.values())
    assert {i: n for i, n in enumerate(part.ids.counts.tolist()) if n} == Counter(
        i for ids in rows.values() for i in ids
    )
    unknown = tokenizer.specials.unknown
    assert part.unknown.counts == Counter(ids.count(unknown) for ids in rows.values())
    assert part.own.total == sum(
        i == unknown or i not in tokenizer.specials.every for ids in rows.values() for i in ids
    )
    assert part.bytes == sum(len(text.encode()) for _, text in there)
    assert part.letters == sum(len(text) for _, text in there)
    assert [(one.row, one.text) for one in part.longest.texts] == [
        (row, texts[row]) for row in sorted(rows, key=lambda row: (-len(rows[row]), row))[:16]
    ]
    block = part.sample.block()
    assert (block.rows.tolist(), list(block.columns.get("text", []))) == ([r for r, _ in there], [t for _, t in there])


@given(MIXED, st.lists(st.integers(0, 40), max_size=4), st.integers(1, 50))
@LIMITS
def test_parts_merge_to_the_very_numbers_of_one_reading(texts, cuts, letters):
    data = {"text": texts, "label": [i % 3 for i in range(len(texts))]}
    source = open_texts(data)
    plan = plan_of(source)
    tokenizer = open_tokenizer(LETTERS)
    whole = text_part(source, plan, "text", Counting(tokenizer), 0, len(texts))
    edges = sorted({0, len(texts), *(cut for cut in cuts if cut < len(texts))})
    merged = TextPart()
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(chunking, "LETTERS", letters)  # chunks of other sizes
        for low, high in itertools.pairwise(edges):
            merged.merge(pickle.loads(pickle.dumps(text_part(source, plan, "text", Counting(tokenizer), low, high))))
    assert plain(merged) == plain(whole)


def test_a_reading_by_parts_gives_the_same_as_one_part(monkeypatch):
    texts = [f"{line} {i}" for i, line in enumerate(LINES * 4)]
    once = text_scan(texts, fast())
    monkeypatch.setattr(by_part, "PART", 64)
    monkeypatch.setattr(chunking, "TEXTS", 10)
    again = text_scan(texts, fast())
    assert once.whole
    assert again.whole
    assert plain(again.part) == plain(once.part)


def test_what_is_kept_of_many_different_unknown_words_is_bounded_and_merges(monkeypatch):
    monkeypatch.setattr(words, "WAITING", 500)
    texts = ["qodd" * (i % 3) + f" zz{i} qnever " for i in range(3000)]
    one, parts = TextPart(), [TextPart() for _ in range(3)]
    counting = Counting(open_tokenizer(WORDS))
    source = open_texts(texts)
    for k, part in enumerate(parts):
        part.merge(text_part(source, plan_of(source), "text", counting, 1000 * k, 1000 * k + 1000))
        one.merge(part)
    assert not one.unknown_words.exact
    assert len(one.unknown_words._waiting) <= 500
    assert dict(one.unknown_words.most(3)) == {"qnever": 3000, "qodd": 1000, "qoddqodd": 1000}


@pytest.mark.parametrize("kind", EVERY)
def test_every_kind_of_tokenizer_is_counted(kind):
    tokenizer = EVERY[kind]()
    texts = [*LINES[:60], "", "日本語", "🤗 hug", None, 3, "\ud800"]
    scan = text_scan(texts, tokenizer)
    assert scan.whole
    assert scan.rows == len(texts)
    assert {one.row for one in scan.failed} >= {63, 64}
    face = open_tokenizer(tokenizer)
    assert scan.tokens == sum(len(face.batch([text]).values) for text in LINES[:60]) + sum(
        len(face.ids([text]).values) for text in texts[60:]
    )
    assert scan.per_byte > 0
    assert scan.ids.total == scan.tokens
    assert sum(scan.part.first.values()) == sum(n for length, n in scan.lengths.counts.items() if length)


def test_texts_are_found_wherever_they_come_from(tmp_path):
    texts = [f"{line} {i}" for i, line in enumerate(LINES[:50])]
    labels = [i % 2 for i in range(50)]
    pairs = list(zip(texts, labels, strict=True))
    frame = pd.DataFrame({"text": texts, "label": labels})
    frame.to_csv(tmp_path / "a.csv", index=False)
    pq.write_table(pa.Table.from_pandas(frame), tmp_path / "a.parquet")
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps({"text": t, "n": 1}) for t in texts), "utf-8")
    (tmp_path / "a.txt").write_text("\n".join(texts) + "\n", "utf-8")
    late = DataLoader(Rows(texts), 8, collate_fn=lambda rows: {name: [row[name] for row in rows] for name in rows[0]})
    hub = HubData.from_pandas(frame)
    givens = {
        "list": texts, "tuple": tuple(texts), "pairs": pairs, "array": np.array(texts), "rows": Rows(texts),
        "flow": Flow(texts), "flow of pairs": Flow(pairs), "dict": {"text": texts}, "frame": frame,
        "series": frame["text"], "csv": str(tmp_path / "a.csv"), "parquet": tmp_path / "a.parquet",
        "jsonl": str(tmp_path / "a.jsonl"), "txt": str(tmp_path / "a.txt"), "hub": hub,
        "hub, streaming": hub.to_iterable_dataset(), "loader": DataLoader(Rows(texts), batch_size=8),
        "loader, own collate": late,
    }  # fmt: skip
    expected = text_scan(texts, fast()).part
    for name, data in givens.items():
        scan = text_scan(data, fast(), name=name)
        assert scan.whole, name
        assert scan.lengths == expected.lengths, name
        assert scan.extent == "50 texts", name
        assert scan.longest == expected.longest.texts, name


def test_one_text_is_a_data_set_too_and_a_mistyped_path_is_told():
    assert text_scan("just one text", LETTERS).texts == 1
    assert text_scan("e.g. this", LETTERS).texts == 1
    with pytest.raises(BadInput, match=r"there is no file `trian.txt`"):
        text_scan("trian.txt", LETTERS)
    with pytest.raises(BadInput, match=r"there is no file or folder `trian.csv`"):
        text_scan("trian.csv", LETTERS)


def test_of_several_columns_the_usual_one_is_read_or_one_is_asked_for():
    pairs = {"question": LINES[:40], "answer": LINES[40:80]}
    said = r"`the texts` has several columns of texts, `question`, `answer`: say which, as `column='question'`"
    with pytest.raises(BadInput, match=said):
        text_scan(pairs, LETTERS)
    assert text_scan(pairs, LETTERS, column="answer").column == "answer"
    assert text_scan({**pairs, "text": LINES[:40]}, LETTERS).column == "text"
    with pytest.raises(BadInput, match="`the texts` has no column `c`; its columns are `question`, `answer`"):
        text_scan(pairs, LETTERS, column="c")
    with pytest.raises(BadInput, match=r"`the texts` has no column of texts; its columns are `input` \(number\)"):
        text_scan([1, 2, 3], LETTERS)


def test_an_interrupt_keeps_what_was_read(monkeypatch):
    monkeypatch.setattr(chunking, "TEXTS", 100)

    def interrupted(rows):
        if rows >= 300:
            raise KeyboardInterrupt

    scan = text_scan(["some text"] * 1000, LETTERS, seen=interrupted)
    assert (scan.whole, scan.stopped, scan.texts) == (False, "interrupted", 300)
    assert scan.extent == "the first 300 of 1000 texts"
    assert text_scan(["some text"] * 1000, LETTERS, seconds=0).stopped == "after 0 s"
    assert text_scan(["some text"] * 1000, LETTERS, most=250).extent == "the first 250 of 1000 texts"


def test_a_slow_tokenizer_is_given_few_texts_at_once_and_a_quick_one_many(monkeypatch):
    def slow(text):
        time.sleep(0.005)
        return [len(text)]

    told, quick = [], []
    for name, value in (("FIRST", 32), ("SLOW", 0.05), ("QUICK", 0.001)):
        monkeypatch.setattr(chunking, name, value)
    assert text_scan(["some text"] * 200, slow, seen=told.append).texts == 200
    assert told[0] == 32
    assert max(np.diff(told)) <= 8
    monkeypatch.setattr(chunking, "QUICK", 60)
    assert text_scan(["some text"] * 30_000, LETTERS, seen=quick.append).texts == 30_000
    assert max(np.diff(quick)) == chunking.TEXTS


def test_rows_that_cannot_be_read_or_encoded_are_named_with_the_reason():
    def picky(text):
        if "bad" in text:
            raise ValueError("no such token\nat all")
        return [len(text)]

    texts = ["fine", "a bad one", "", "x" * 100]
    scan = text_scan(Rows(texts * 30, broken=(2, 70)), picky)
    assert scan.part.failed == 32
    assert [(one.row, one.why, one.text) for one in scan.failed[:3]] == [
        (1, "ValueError: no such token", "a bad one"),
        (2, "OSError: cannot read 2.txt", ""),
        (5, "ValueError: no such token", "a bad one"),
    ]
    assert scan.part.blank_rows[:2] == [6, 10]
    nothing = text_scan(["bad", "bad"], picky)
    assert (nothing.texts, nothing.per_word, nothing.per_byte, nothing.sample()) == (0, None, None, ())


def test_unknown_words_and_letters_are_counted_wherever_they_stand():
    texts = ["ein Überall über", "Überall\there", "fine here", "a\u2028b"] * 5
    letters = {letter: i + 1 for i, letter in enumerate("abcdefghijklmnopqrstuvwxyz ")} | {"<unk>": 0}
    part = text_scan(texts, letters).part
    assert dict(part.unknown_words.most(9)) == {"Überall": 10, "über": 5}
    assert dict(part.unknown_letters.most(9)) == {"Ü": 10, "ü": 5, "\t": 5, "\u2028": 5}
    assert part.unknown.total == 25
    assert [one.row for one in part.oddest.texts[:3]] == [0, 1, 4]
    part = text_scan(["the cat sat", "the dög"], {"<unk>": 0, "the": 1, "cat": 2}).part
    assert dict(part.unknown_words.most(9)) == {"dög": 1, "sat": 1}


def test_an_end_token_that_is_called_unknown_too_is_no_unknown_token():
    from transformers import PreTrainedTokenizerFast

    made = fast("byte_level").backend_tokenizer
    both = PreTrainedTokenizerFast(tokenizer_object=made, unk_token="<|endoftext|>", eos_token="<|endoftext|>")
    scan = text_scan(["a<|endoftext|>", "b"], both)
    assert scan.unknown is None
    assert scan.unknown_texts == 0


def test_scripts_without_spaces_have_no_words():
    scan = text_scan(["two words", "日本語のテキスト です", "ภาษาไทย", "한국어 단어", "mixed 日本"], LETTERS)
    assert scan.part.unspaced == 2
    assert scan.part.words == 2 + 2 + 2
    assert scan.part.word_tokens == len("two words") + len("한국어 단어") + len("mixed 日本")


def test_the_tokenizer_is_as_it_was():
    library, ours = fast(), word_piece()
    ours.enable_truncation(5)
    ours.enable_padding(length=9, pad_id=3)
    try:
        library("a", padding="max_length", truncation=True, max_length=7)
        before = (
            library.backend_tokenizer.truncation,
            library.backend_tokenizer.padding,
            ours.truncation,
            ours.padding,
        )
        scans = [text_scan(LINES, library), text_scan(LINES, ours)]
        after = (library.backend_tokenizer.truncation, library.backend_tokenizer.padding, ours.truncation, ours.padding)
        assert after == before
        assert scans[0].lengths == scans[1].lengths
        assert scans[0].lengths.greatest > 9
    finally:
        ours.no_truncation()
        ours.no_padding()


def test_a_text_of_a_million_letters_is_kept_in_part():
    scan = text_scan(["short", "long " * 250_000], LETTERS)
    (first, second) = scan.longest
    assert (first.row, first.tokens, first.letters, first.is_cut) == (1, 1_250_000, 1_250_000, True)
    assert len(first.text) == counted.LONG
    assert not second.is_cut


def test_special_tokens_are_counted_in_every_text():
    scan = text_scan(["one two", "three", ""], fast(), limit=3)
    special = {role: dict(counts.counts) for role, counts in scan.part.special.items()}
    assert special["classify"] == special["separate"] == {1: 3}
    assert scan.part.own.counts[0] == 1
    assert scan.limit == 3
    assert scan.cut.rows == 2
    assert text_scan(["x"], fast()).limit == 64
    assert text_scan(["[CLS] again"], fast()).part.doubled == 1


def test_the_sample_is_uniform_whatever_is_read():
    texts = [f"t{i}" for i in range(6000)]
    scan = text_scan(texts, LETTERS)
    rows = np.array([one.row for one in scan.sample()])
    assert len(rows) == counted.SAMPLE
    assert abs(rows.mean() - 3000) < 4 * 6000 / 12**0.5 / len(rows) ** 0.5  # four standard errors
    few = scan.sample(20)
    assert [texts[one.row] for one in few] == [one.text for one in few]
