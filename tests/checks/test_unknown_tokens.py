"""Shares of unknown tokens in data of many kinds, and where the unknown id is known from."""

from __future__ import annotations

import functools
import random
from typing import Any

import pytest
import torch
from texts import fast
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch.utils.data import DataLoader, Dataset

from nbrecipe.bench import Bench, Cell
from nbrecipe.finding import Finding, Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run
from nbrecipe.scan.text.carried import carried, unknown_constants, unknown_id

CHECK = all_checks()["unknown-tokens"]
SAID = (
    "the a of in on room bed view garden soup waiter bread was not very good bad clean dirty warm cold quick slow "
    "near by sea town lake old new again once honestly well"
)
WORDS = SAID.split()


def texts(count: int = 200, seed: int = 0, words: list[str] = WORDS) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices(words, k=draw.randint(6, 14))) for _ in range(count)]


def table(words: list[str] = WORDS) -> dict[str, int]:
    return {"<pad>": 0, "<unk>": 1} | {word: i for i, word in enumerate(words, 2)}


def encoded(said: list[str], ids: dict[str, int], unknown: int = 1) -> list[Any]:
    return [(torch.tensor([ids.get(word, unknown) for word in text.split()]), 0) for text in said]


def found(bench: Bench) -> Finding:
    return run(CHECK, bench).finding


def trained(kind: str, lower: bool = False) -> Tokenizer:
    made = {
        "BPE": Tokenizer(models.BPE(unk_token="[UNK]")),
        "WordPiece": Tokenizer(models.WordPiece(unk_token="[UNK]")),
        "Unigram": Tokenizer(models.Unigram()),
        "bytes": Tokenizer(models.BPE()),
    }[kind]
    trainer = {
        "BPE": trainers.BpeTrainer(vocab_size=200, special_tokens=["[UNK]"], show_progress=False),
        "WordPiece": trainers.WordPieceTrainer(vocab_size=200, special_tokens=["[UNK]"], show_progress=False),
        "Unigram": trainers.UnigramTrainer(
            vocab_size=120, special_tokens=["[UNK]"], unk_token="[UNK]", show_progress=False
        ),
        "bytes": trainers.BpeTrainer(
            vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
        ),
    }[kind]
    made.pre_tokenizer = pre_tokenizers.ByteLevel() if kind == "bytes" else pre_tokenizers.Whitespace()
    if lower:
        made.normalizer = normalizers.Lowercase()
    made.train_from_iterator(texts(), trainer)
    return made


@pytest.mark.parametrize("kind", ["BPE", "WordPiece", "Unigram", "bytes"])
@pytest.mark.parametrize("said", [texts(seed=1), [text.title() for text in texts(seed=1)]], ids=["same", "title"])
def test_tokenizers_of_pieces_on_their_own_language_are_not_accused(kind, said):
    seen = found(Bench(train_data=said, tokenizer=trained(kind, lower=True)))
    assert seen.verdict is Verdict.OK, f"{seen.verdict}: {seen.message}"


@pytest.mark.parametrize("kind", ["BPE", "WordPiece"])
def test_another_script_is_a_fault(kind):
    said = ["это был очень хороший номер у моря"] * 100
    seen = found(Bench(train_data=said, tokenizer=trained(kind)))
    assert seen.verdict is Verdict.BAD
    assert "unknown, most often `" in seen.message


def letters(more: str = "") -> dict[str, int]:
    return {letter: i for i, letter in enumerate("abcdefghijklmnopqrstuvwxyz " + more)}


def test_texts_that_the_tokenizer_fails_on_are_a_hint():
    said = [*texts(), "café", None, "naïve"]
    seen = found(Bench(train_data=said, tokenizer=letters(".,'!?")))
    assert seen.verdict is Verdict.HINT
    assert seen.message == (
        "the tokenizer fails on **2** of 203 rows of `train_data`, first on row 200: the table has no entry "
        "'é', and none for what is unknown"
    )
    seen = found(Bench(train_data=["loss", "Rate"], tokenizer=letters()))
    assert "fails on **1** of 2 rows" in seen.message
    assert seen.fix == "Give it a token for what is unknown, or make its vocabulary from these texts."


def test_a_function_that_raises_on_a_text_is_a_hint():
    def ids(text: str) -> list[int]:
        if "<" in text:
            raise ValueError("no tags")
        return [ord(letter) for letter in text]

    seen = found(Bench(train_data=["a b", "<b>", "c"], tokenizer=ids))
    assert seen.verdict is Verdict.HINT
    assert "fails on **1** of 3 rows of `train_data`, first on row 1: ValueError: no tags" in seen.message
    assert seen.fix.startswith("See which texts these are")


@pytest.mark.parametrize(
    ("said", "tokenizer"),
    [
        ([*texts(), None, 3.5], letters(".,'!?")), ([*texts(), "café"], letters(".,'!?") | {"<unk>": 90}),
        ([*texts(), "a new word"], {word: i for i, word in enumerate(WORDS)}), ([*texts(), ""], letters(".,'!?")),
    ],
    ids=["missing", "unknown", "words", "empty"],
)  # fmt: skip
def test_texts_that_are_missing_or_may_be_cut_otherwise_are_not_accused(said, tokenizer):
    assert found(Bench(train_data=said, tokenizer=tokenizer)).verdict in (Verdict.OK, Verdict.SKIPPED)


def test_bytes_of_another_script_are_a_hint_and_lose_nothing():
    seen = found(Bench(train_data=["это был очень хороший номер"] * 100, tokenizer=trained("bytes")))
    assert seen.verdict is Verdict.HINT
    assert "lone bytes, for want of a token" in seen.message


def test_texts_that_are_not_in_lower_case_are_a_hint_and_with_their_ids_a_fault():
    class Texts(Dataset[Any]):
        def __init__(self, said: list[str]) -> None:
            self.said = said

        def __len__(self) -> int:
            return len(self.said)

        def __getitem__(self, i: int) -> dict[str, Any]:
            ids = [table().get(word, 1) for word in self.said[i].split()]
            return {"text": self.said[i], "input_ids": torch.tensor((ids + [0] * 14)[:14]), "label": i % 2}

    said = [text.title() for text in texts()]
    seen = found(Bench(train_data=said, tokenizer=table()))
    assert seen.verdict is Verdict.HINT
    assert "in lower case" in seen.message
    seen = found(Bench(train_data=Texts(said), tokenizer=table()))
    assert seen.verdict is Verdict.BAD
    assert seen.code == "text = text.lower()"


class Own(Dataset[Any]):
    """A data set that keeps its vocabulary."""

    def __init__(self, said: list[str], vocabulary: dict[str, int]) -> None:
        self.said, self.vocab = said, vocabulary

    def __len__(self) -> int:
        return len(self.said)

    def __getitem__(self, i: int) -> Any:
        return torch.tensor([self.vocab.get(word, 1) for word in self.said[i].split()]), i % 2


def test_the_data_s_own_vocabulary_says_which_id_is_unknown():
    other = [text.upper() for text in texts(seed=2)]
    bench = Bench(train_data=Own(texts(), table()), val_data=Own(other, table()), names={"val_data": "val"})
    seen = found(bench)
    assert seen.verdict is Verdict.BAD
    assert "`val` are unknown, where those of `train_data` let expect" in seen.message


def test_right_data_with_their_own_vocabulary_are_not_accused():
    bench = Bench(train_data=Own(texts(), table()), val_data=Own(texts(seed=3), table()))
    assert found(bench).verdict is Verdict.OK


def test_rare_words_that_were_left_out_are_not_accused():
    common, rare = WORDS[:30], [f"name{i}" for i in range(400)]
    draw = random.Random(4)

    def made() -> list[str]:
        return [" ".join(draw.choice(rare) if draw.random() < 0.08 else draw.choice(common) for _ in range(12))
                for _ in range(200)]  # fmt: skip

    bench = Bench(train_data=Own(made(), table(common)), val_data=Own(made(), table(common)))
    assert found(bench).verdict is Verdict.OK


def test_a_vocabulary_of_all_training_words_lets_expect_those_of_validation():
    rare = [f"name{i}" for i in range(3000)]
    train, val = texts(300, 5, WORDS + rare), texts(100, 6, WORDS + rare)
    ids = table(sorted({word for text in train for word in text.split()}))
    seen = found(Bench(train_data=Own(train, ids), val_data=Own(val, ids)))
    assert seen.verdict is not Verdict.BAD, seen.message


def test_words_dropped_in_training_alone_are_no_fault():
    train = [(torch.where(torch.rand(12) < 0.7, 1, torch.randint(2, 30, (12,))), 0) for _ in range(100)]
    val = [(torch.randint(2, 30, (12,)), 0) for _ in range(100)]
    bench = Bench(train_data=train, val_data=val, tokenizer=table())
    assert found(bench).verdict is Verdict.HINT


@pytest.mark.parametrize(
    ("source", "constants"),
    [
        ("PAD, UNKNOWN = 0, 1\nids = [vocab.get(w, UNKNOWN) for w in words]", {"UNKNOWN": 1}),
        ("UNK_IDX = 3\nx = v.get(w, UNK_IDX)", {"UNK_IDX": 3}),
        ("UNK = 1", {}),
        ("unknown = 'x'\nv.get(w, unknown)", {}),
        ("%matplotlib inline\nUNK = 1", {}),
    ],
)
def test_constants_that_a_look_up_falls_back_to(source, constants):
    assert unknown_constants([Cell(1, source)]) == constants


def test_constants_in_cells_say_which_id_is_unknown():
    cells = (Cell(1, "PAD, UNKNOWN = 0, 1"), Cell(2, "ids = [vocab.get(w, UNKNOWN) for w in text.split()]"))
    other = [text.upper() for text in texts(seed=2)]
    bench = Bench(train_data=encoded(texts(), table()), val_data=encoded(other, table()), cells=cells)
    assert unknown_id(bench) == (1, "`UNKNOWN`")
    assert found(bench).verdict is Verdict.BAD


def test_tokenizers_are_found_in_collate_functions():
    vocabulary = table()

    def closed(rows: list[Any]) -> Any:
        return vocabulary, rows

    class Collator:
        tokenizer = vocabulary

        def __call__(self, rows: list[Any]) -> Any:
            return rows

    def partly(rows: list[Any], vocab: Any = None) -> Any:
        return rows

    for collate, name in (
        (closed, "dl.collate_fn.vocabulary"),
        (Collator(), "dl.collate_fn.tokenizer"),
        (functools.partial(partly, vocab=vocabulary), "dl.collate_fn.vocab"),
    ):
        loader = DataLoader([1, 2], collate_fn=collate)
        seen = carried(Bench(train_loader=loader, names={"train_loader": "dl"}), "train")
        assert seen is not None
        assert seen.name == name
    assert carried(Bench(train_loader=DataLoader([1, 2])), "train") is None
    assert carried(Bench(), "train") is None


def test_an_end_token_that_is_called_unknown_too_is_none():
    tokenizer = fast("gpt")
    rows = [tokenizer(f"{text} <|endoftext|>")["input_ids"] for text in texts()]
    assert unknown_id(Bench(train_data=rows, tokenizer=tokenizer)) is None
    assert found(Bench(train_data=rows, tokenizer=tokenizer)).verdict is Verdict.OK


def test_letters_that_are_left_out_are_a_hint_and_never_a_fault_alone():
    letters = {"<unk>": 0} | {letter: i for i, letter in enumerate("abcdefghijklmnopqrstuvwxyz", 1)}
    assert found(Bench(train_data=texts(), val_data=texts(seed=1), tokenizer=letters)).verdict is Verdict.HINT


def test_sentence_pieces_of_another_script_are_a_fault(tmp_path):
    import sentencepiece

    (tmp_path / "said.txt").write_text("\n".join(texts(400)))
    sentencepiece.SentencePieceTrainer.train(
        input=str(tmp_path / "said.txt"), model_prefix=str(tmp_path / "m"), vocab_size=60, minloglevel=2
    )
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "m.model"))
    assert found(Bench(train_data=texts(), tokenizer=tokenizer)).verdict is Verdict.OK
    other = ["это был очень хороший номер у моря"] * 200
    assert found(Bench(train_data=other, tokenizer=tokenizer)).verdict is Verdict.BAD


def test_few_tokens_are_not_judged():
    assert found(Bench(train_data=texts(3), tokenizer=table(WORDS[:2]))).verdict is Verdict.SKIPPED
