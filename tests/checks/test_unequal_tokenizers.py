"""One text, one list of ids: vocabularies of data sets, texts beside ids, and ids alone."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from texts import WORDS, fast, sentences
from torch.utils.data import DataLoader
from transformers import DataCollatorWithPadding

from nbrecipe.bench import Bench, Cell
from nbrecipe.checks.text.unequal_tokenizers import Texts
from nbrecipe.finding import Finding, Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

CHECK = all_checks()["unequal-tokenizers"]


def found(bench: Bench) -> Finding:
    return run(CHECK, bench).finding


def own(words: list[str]) -> dict[str, int]:
    return {"<pad>": 0, "<unk>": 1} | {word: i for i, word in enumerate(words, 2)}


def beside(tokenizer: Any, said: list[str], **how: Any) -> list[dict[str, Any]]:
    return [{"text": t, "input_ids": tokenizer(t, **how)["input_ids"], "label": i % 2} for i, t in enumerate(said)]


def collated(train: Any, val: Any) -> Bench:
    loaders = []
    for tokenizer, said in ((train, sentences()), (val, sentences(seed=1))):
        given: Any = [{**tokenizer(text), "label": i % 2} for i, text in enumerate(said)]
        loaders.append(DataLoader(given, batch_size=8, collate_fn=DataCollatorWithPadding(tokenizer)))
    return Bench(train_loader=loaders[0], val_loader=loaders[1])


def mixed(words: list[str], seed: int) -> list[str]:
    return random.Random(seed).sample(words, len(words))


TRAIN, VAL = sentences(400), sentences(300, seed=1)
ids = {word: i for i, word in enumerate(WORDS)}


def lists(said: list[str], table: dict[str, int]) -> list[Any]:
    return [(torch.tensor([table[word] for word in text.split()]), 0) for text in said]


RIGHT = {
    "one vocabulary": lambda: Bench(train_data=Texts(TRAIN, own(WORDS)), val_data=Texts(VAL, own(WORDS))),
    "words added behind": lambda: Bench(
        train_data=Texts(TRAIN, own(WORDS)), val_data=Texts(VAL, own([*WORDS, "newer", "words"]))
    ),
    "one tokenizer": lambda: collated(*[fast("bert")] * 2),
    "the same tokenizer loaded twice": lambda: collated(fast("bert"), fast("bert")),
    "texts beside ids": lambda: Bench(train_data=beside(fast(), TRAIN), val_data=beside(fast(), VAL), tokenizer=fast()),
    "texts beside ids that were cut": lambda: Bench(
        train_data=beside(fast(), TRAIN, truncation=True, max_length=6), val_data=beside(fast(), VAL), tokenizer=fast()
    ),
    "without special tokens": lambda: Bench(
        train_data=beside(fast(), TRAIN, add_special_tokens=False), val_data=beside(fast(), VAL), tokenizer=fast()
    ),
    "ids of another tokenizer in both": lambda: Bench(
        train_data=beside(fast(words=mixed(WORDS, 1)), TRAIN),
        val_data=beside(fast(words=mixed(WORDS, 1)), VAL),
        tokenizer=fast(),
    ),
    "ids alone": lambda: Bench(train_data=lists(TRAIN, ids), val_data=lists(VAL, ids)),
    "a few ids": lambda: Bench(train_data=lists(TRAIN[:20], ids), val_data=lists(VAL[:9], ids)),
    "other topics": lambda: Bench(
        train_data=lists(sentences(400, words=WORDS[:25]), ids), val_data=lists(sentences(300, words=WORDS[8:]), ids)
    ),
    "pictures": lambda: Bench(train_data=[(torch.rand(1, 8, 8), 0)] * 9, val_data=[(torch.rand(1, 8, 8), 0)] * 9),
}


@pytest.mark.parametrize("program", RIGHT)
def test_right_programs_stay_quiet(program):
    seen = found(RIGHT[program]())
    assert seen.verdict in (Verdict.OK, Verdict.SKIPPED), f"{seen.verdict}: {seen.message}"


WRONG = {
    "each split its own": lambda: Bench(train_data=Texts(TRAIN, own(WORDS)), val_data=Texts(VAL, own(mixed(WORDS, 2)))),
    "two tokenizers in two collators": lambda: collated(fast("bert"), fast("bert", words=mixed(WORDS, 3))),
    "texts beside other ids": lambda: Bench(
        train_data=beside(fast(), TRAIN), val_data=beside(fast(words=mixed(WORDS, 4)), VAL), tokenizer=fast()
    ),
}


@pytest.mark.parametrize("program", WRONG)
def test_faults_are_named(program):
    seen = found(WRONG[program]())
    assert seen.verdict is Verdict.BAD, f"{seen.verdict}: {seen.message}"


SAVED = "torch.save(net.state_dict(), 'net.pt')"


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (("vocab = {w: i for i, w in enumerate(set(words))}", SAVED), "`vocab` numbers words in the order of a set"),
        (("chars = list(set(text))\nstoi = {c: i for i, c in enumerate(chars)}", SAVED), "`stoi` numbers words"),
        (("vocab = dict((w, i) for i, w in enumerate({w for w in words}, 2))", SAVED), "`vocab` numbers words"),
        (("vocab = {w: i for i, w in enumerate(sorted(set(words)))}", SAVED), ""),
        (("vocab = {w: i for i, w in enumerate(set(words))}",), ""),
        (("vocab = {w: i for i, w in enumerate(set(words))}", "torch.save({'net': net, 'vocab': vocab}, 'f')"), ""),
        (("chars = list(set(text))\nstoi = {c: i for i, c in enumerate(chars)}\njson.dump(chars, f)", SAVED), ""),
        (("seen = set(words)\nfor i, w in enumerate(words): print(i)", SAVED), ""),
        (("%matplotlib inline", SAVED), ""),
    ],
)
def test_a_vocabulary_numbered_from_a_set_beside_saved_weights(cells, told):
    given = tuple(Cell(i, source) for i, source in enumerate(cells, 1))
    bench = Bench(train_data=Texts(TRAIN, own(WORDS)), val_data=Texts(VAL, own(WORDS)), cells=given)
    seen = found(bench)
    assert seen.verdict is (Verdict.HINT if told else Verdict.OK)
    assert told in seen.message


def test_ids_alone_are_a_hint():
    draw = random.Random(0)
    often = [word for i, word in enumerate(WORDS) for _ in range(300 // (i + 1))]

    def said(count: int) -> list[str]:
        return [" ".join(draw.choices(often, k=9)) for _ in range(count)]

    bench = Bench(
        train_data=lists(said(400), ids), val_data=lists(said(300), {w: i for i, w in enumerate(WORDS[::-1])})
    )
    seen = found(bench)
    assert seen.verdict is Verdict.HINT
    assert "the frequencies of ids" in seen.message


def test_a_tokenizer_for_use_that_is_another_one_is_a_hint():
    bench = Bench(train_data=Texts(TRAIN, own(WORDS)), val_data=Texts(VAL, own(WORDS)), tokenizer=own(mixed(WORDS, 5)))
    assert found(bench).verdict is Verdict.HINT
