"""Sides on which rows are filled up, with small models of transformers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from texts import fast, sentences
from torch.utils.data import DataLoader
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    DataCollatorWithPadding,
    GPT2Config,
    GPT2LMHeadModel,
    T5Config,
    T5ForConditionalGeneration,
)

from nbrecipe.bench import Bench, Cell
from nbrecipe.finding import Finding, Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

CHECK = all_checks()["wrong-padding-side"]
SEVERAL = "enc = tok(prompts, padding=True, return_tensors='pt')\nout = net.generate(**enc)"
SIZE = {"vocab_size": 64}


def small(kind: str) -> Any:
    torch.manual_seed(0)
    if kind == "gpt":
        return GPT2LMHeadModel(GPT2Config(**SIZE, n_embd=16, n_layer=1, n_head=2, n_positions=64))
    if kind == "t5":
        return T5ForConditionalGeneration(
            T5Config(**SIZE, d_model=16, d_ff=16, num_layers=1, num_heads=2, d_kv=8, decoder_start_token_id=0)
        )
    return BertForSequenceClassification(
        BertConfig(**SIZE, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    )


def bench(kind: str, side: str, cell: str = "", style: str = "gpt") -> Bench:
    tokenizer = fast(style)
    tokenizer.padding_side = side
    given: Any = [{**tokenizer(text), "labels": i % 2} for i, text in enumerate(sentences(32))]
    loader = DataLoader(given, batch_size=8, collate_fn=DataCollatorWithPadding(tokenizer))
    names = {"model": "net", "tokenizer": "tok"}
    return Bench(model=small(kind), train_loader=loader, tokenizer=tokenizer, cells=(Cell(7, cell),), names=names)


def found(given: Bench) -> Finding:
    return run(CHECK, given).finding


RIGHT = {
    "a decoder on the left": lambda: bench("gpt", "left", SEVERAL),
    "a decoder that is trained on the right": lambda: bench("gpt", "right"),
    "one prompt": lambda: bench("gpt", "right", "net.generate(**tok(prompt, return_tensors='pt'))"),
    "set in the cell": lambda: bench("gpt", "right", f'tok.padding_side = "left"\n{SEVERAL}'),
    "an encoder and decoder": lambda: bench("t5", "right", SEVERAL, "t5"),
    "an encoder on the right": lambda: bench("bert", "right", style="bert"),
}


@pytest.mark.parametrize("program", RIGHT)
def test_right_programs_stay_quiet(program):
    seen = found(RIGHT[program]())
    assert seen.verdict in (Verdict.OK, Verdict.SKIPPED), f"{seen.verdict}: {seen.message}"


def test_a_decoder_that_goes_on_from_padding():
    seen = found(bench("gpt", "right", SEVERAL))
    assert seen.verdict is Verdict.HINT
    assert "cell 7 generates from prompts that `tok` fills up on the **right**" in seen.message
    assert "prompts go on with another token" in seen.message
    assert seen.code == 'tok.padding_side = "left"'


def test_an_encoder_filled_up_on_the_left():
    seen = found(bench("bert", "left", style="bert"))
    assert seen.verdict is Verdict.HINT
    assert "counts places from the start of a row" in seen.message


def test_without_a_tokenizer_it_says_so():
    assert run(CHECK, Bench(train_data=sentences())).finding.message == "needs `tokenizer`"
