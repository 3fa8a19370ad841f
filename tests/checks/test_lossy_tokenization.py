"""There and back with tokenizers of many kinds."""

from __future__ import annotations

import re
from typing import Any

import pytest
from texts import WORDS, fast, sentences
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from nbrecipe.bench import Bench
from nbrecipe.finding import Finding, Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

CHECK = all_checks()["lossy-tokenization"]
TEXTS = [f"{text.capitalize()}, it's Café nº {i}." for i, text in enumerate(sentences(60))]


def found(tokenizer: Any, said: list[str] = TEXTS) -> Finding:
    return run(CHECK, Bench(train_data=said, tokenizer=tokenizer)).finding


def trained(kind: str, said: list[str] = TEXTS) -> Tokenizer:
    bytes_ = kind == "bytes"
    model = {"bytes": models.BPE(), "pieces": models.WordPiece(unk_token="[UNK]"), "unigram": models.Unigram()}[kind]
    made = Tokenizer(model)
    if bytes_:
        made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(), decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer: Any = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    elif kind == "pieces":
        made.normalizer = normalizers.BertNormalizer(lowercase=True)
        made.pre_tokenizer, made.decoder = pre_tokenizers.BertPreTokenizer(), decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=["[UNK]"], show_progress=False)
    else:
        made.pre_tokenizer, made.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
        trainer = trainers.UnigramTrainer(
            vocab_size=120, show_progress=False, unk_token="<unk>", special_tokens=["<unk>"]
        )
    made.train_from_iterator(said, trainer)
    return made


def characters(said: list[str] = TEXTS) -> dict[str, int]:
    return {letter: i for i, letter in enumerate(sorted(set("".join(said))))}


class Own:
    """Encode and decode as people write them."""

    def __init__(self, cut: str = r"\w+|\W", keep: int = 99, shift: int = 0, lower: bool = False) -> None:
        self.cut, self.keep, self.lower = cut, keep, lower
        words = sorted({word for text in TEXTS for word in self._words(text)})
        self.ids = {word: i for i, word in enumerate(words)}
        self.words = words[shift:] + words[:shift]

    def _words(self, text: str) -> list[str]:
        return [word[: self.keep] for word in re.findall(self.cut, text.lower() if self.lower else text)]

    def encode(self, text: str) -> list[int]:
        return [self.ids[word] for word in self._words(text)]

    def decode(self, ids: list[int]) -> str:
        return ("" if self.cut == r"\w+|\W" else " ").join(self.words[i] for i in ids)


RIGHT = {
    "bytes": lambda: trained("bytes"),
    "pieces in lower case, as declared": lambda: trained("pieces"),
    "unigram": lambda: trained("unigram"),
    "characters": lambda: characters(),
    "words and what stands between them": lambda: Own(),
    "a table of words": lambda: {word: i for i, word in enumerate(sorted({w for t in TEXTS for w in t.split()}))},
    "unknown words are another matter": lambda: fast("bert", words=[*WORDS, *TEXTS[0].split()]),
}


@pytest.mark.parametrize("program", RIGHT)
def test_right_tokenizers_stay_quiet(program):
    seen = found(RIGHT[program]())
    assert seen.verdict in (Verdict.OK, Verdict.SKIPPED), f"{seen.verdict}: {seen.message}"


MEANT = {
    "punctuation dropped": lambda: Own(r"\w+"),
    "words shortened": lambda: Own(r"\w+", keep=4),
    "lower case": lambda: Own(r"\S+", lower=True),
}


@pytest.mark.parametrize("program", MEANT)
def test_what_may_be_meant_is_a_hint(program):
    seen = found(MEANT[program]())
    assert seen.verdict is Verdict.HINT, f"{seen.verdict}: {seen.message}"


def test_a_table_and_its_way_back_that_do_not_belong_together():
    seen = found(Own(r"\S+", shift=3))
    assert seen.verdict is Verdict.BAD
    assert "most words come back as others" in seen.message


def test_a_library_s_tokenizer_that_drops_letters():
    made = Tokenizer(models.BPE())
    made.pre_tokenizer, made.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    made.train_from_iterator(sentences(60), trainers.BpeTrainer(vocab_size=200, show_progress=False))
    seen = found(made)
    assert seen.verdict is Verdict.BAD
    assert "do not come back" in seen.message
    assert seen.why == "characters without a token are dropped without a word"


def test_indentation_that_is_lost_is_a_hint():
    code = [f"def f{i}():\n    return {i}\n" for i in range(20)]
    made = Tokenizer(models.WordLevel({w: i for i, w in enumerate({w for t in code for w in t.split()})}, "return"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    assert found(made, code).verdict in (Verdict.HINT, Verdict.SKIPPED)
    assert found(trained("bytes", code), code).verdict is Verdict.OK


def test_a_function_without_a_way_back_is_skipped():
    assert found(lambda text: [ord(letter) for letter in text]).verdict is Verdict.SKIPPED


def test_few_texts_are_skipped():
    assert found(characters(), TEXTS[:3]).verdict is Verdict.SKIPPED
