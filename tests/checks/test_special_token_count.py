"""Special tokens in the rows of tokenizers of several families, put in as people do."""

from __future__ import annotations

from typing import Any

import pytest
from texts import fast, sentences
from torch.utils.data import DataLoader
from transformers import DataCollatorWithPadding

from nbrecipe.bench import Bench
from nbrecipe.finding import Finding, Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

CHECK = all_checks()["special-token-count"]
TEXTS = sentences()


def rows(encoded: list[list[int]], label: str = "label") -> list[dict[str, Any]]:
    return [{"input_ids": ids, label: ids if label == "labels" else i % 2} for i, ids in enumerate(encoded)]


def bench(tokenizer: Any, encoded: list[list[int]], val: Any = None, label: str = "label", **more: Any) -> Bench:
    data = rows(encoded, label)
    return Bench(train_data=data, val_data=None if val is None else rows(val, label), tokenizer=tokenizer, **more)


def found(given: Bench) -> Finding:
    return run(CHECK, given).finding


def ids(style: str, **more: Any) -> Any:
    tokenizer = fast(style)
    return tokenizer, tokenizer(TEXTS, **more)["input_ids"]


@pytest.mark.parametrize("style", ["bert", "roberta", "llama", "t5", "gpt"])
def test_what_the_tokenizer_makes_is_right(style):
    tokenizer, made = ids(style)
    assert found(bench(tokenizer, made)).verdict is Verdict.OK
    assert found(bench(tokenizer, made, val=tokenizer(sentences(seed=1))["input_ids"])).verdict is Verdict.OK


@pytest.mark.parametrize("style", ["bert", "roberta", "llama", "t5"])
def test_pairs_and_cut_texts_are_right(style):
    tokenizer = fast(style)
    pairs = tokenizer(TEXTS, sentences(seed=2))["input_ids"]
    assert found(bench(tokenizer, pairs)).verdict is Verdict.OK
    cut = tokenizer(TEXTS, truncation=True, max_length=8)["input_ids"]
    assert found(bench(tokenizer, cut)).verdict is Verdict.OK


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("style", ["bert", "roberta", "llama", "gpt"])
def test_padded_batches_are_right(style, side):
    tokenizer = fast(style)
    tokenizer.padding_side = side
    given: Any = [{**tokenizer(text), "label": i % 2} for i, text in enumerate(TEXTS)]
    loader = DataLoader(given, batch_size=8, collate_fn=DataCollatorWithPadding(tokenizer))
    seen = found(Bench(train_loader=loader, tokenizer=tokenizer))
    assert seen.verdict is Verdict.OK, seen.message


@pytest.mark.parametrize("style", ["llama", "roberta", "gpt"])
def test_packed_rows_are_right(style):
    tokenizer = fast(style)
    end = tokenizer.eos_token_id
    stream = [i for row in tokenizer(TEXTS)["input_ids"] for i in ([*row, end] if row[-1] != end else row)]
    packed = [stream[at : at + 16] for at in range(0, len(stream) - 16, 16)]
    assert found(bench(tokenizer, packed, label="labels")).verdict is Verdict.OK


@pytest.mark.parametrize("style", ["bert", "roberta", "llama"])
def test_a_start_in_the_text_and_one_of_the_tokenizer(style):
    tokenizer = fast(style)
    start = tokenizer.bos_token or tokenizer.cls_token
    seen = found(bench(tokenizer, tokenizer([f"{start} {text}" for text in TEXTS])["input_ids"]))
    assert seen.verdict is Verdict.BAD
    assert f"begin with `{start}`" in seen.message
    assert "twice" in seen.message


def test_an_end_in_the_text_and_one_of_the_tokenizer():
    tokenizer = fast("t5")
    seen = found(bench(tokenizer, tokenizer([f"{text} </s>" for text in TEXTS])["input_ids"]))
    assert seen.verdict is Verdict.BAD
    assert "end with `</s>`" in seen.message


def test_a_few_doubled_starts_are_a_hint():
    tokenizer = fast("llama")
    said = [f"<s> {text}" if i % 10 == 0 else text for i, text in enumerate(TEXTS)]
    assert found(bench(tokenizer, tokenizer(said)["input_ids"])).verdict is Verdict.HINT


def test_validation_without_special_tokens():
    tokenizer, made = ids("bert")
    val = tokenizer(sentences(seed=1), add_special_tokens=False)["input_ids"]
    seen = found(bench(tokenizer, made, val, names={"val_data": "val_set", "train_data": "train_set"}))
    assert seen.verdict is Verdict.BAD
    assert "of the rows of `train_set` begin with `[CLS]` (id 2), and **none** of `val_set`" in seen.message


def test_none_in_either_split_is_a_hint():
    tokenizer, made = ids("bert", add_special_tokens=False)
    seen = found(bench(tokenizer, made, made))
    assert seen.verdict is Verdict.HINT
    assert "no row begins with `[CLS]` (id 2), which `tokenizer` puts there" in seen.message


def test_ends_that_a_slice_cut_off_are_a_hint():
    tokenizer, made = ids("bert")
    seen = found(bench(tokenizer, [row[:9] for row in made]))
    assert seen.verdict is Verdict.HINT
    assert "all of those are cut at the greatest length" in seen.message


def test_texts_of_a_language_model_that_never_end_are_a_hint():
    tokenizer, made = ids("gpt")
    seen = found(bench(tokenizer, made, label="labels"))
    assert seen.verdict is Verdict.HINT
    assert "does not learn to end" in seen.message


def test_without_a_tokenizer_it_is_skipped():
    assert found(Bench(train_data=rows(ids("bert")[1]))).verdict is Verdict.SKIPPED


def test_rows_filled_up_with_their_end_are_no_ends_twice():
    """A table says nothing of padding; rows of any length are filled up to one with the token that ends them."""
    letters = ["<|end|>", *"abcdefgh"]
    lengths = [5 + i % 7 for i in range(60)]
    filled = [[1 + (i + k) % 8 for k in range(length)] + [0] * (14 - length) for i, length in enumerate(lengths)]
    masked = [[k if k else -100 for k in row] for row in filled]
    data = [{"input_ids": row, "labels": target} for row, target in zip(filled, masked, strict=True)]
    assert found(Bench(train_data=data, tokenizer=letters)).verdict is not Verdict.BAD
    message = found(Bench(train_data=data, tokenizer=letters)).message
    assert "twice" not in message
    assert "no row ends" not in message
