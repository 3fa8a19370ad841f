"""Conversations formatted once, and twice, in the templates of several families."""

from __future__ import annotations

from typing import Any

import pytest
from texts import WORDS, fast, sentences

from nbrecipe.bench import Bench
from nbrecipe.finding import Finding, Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

CHECK = all_checks()["chat-template-twice"]
SAID = sentences(24)
TEMPLATES = {
    "chatml": "<|im_start|>user\n{0}<|im_end|>\n<|im_start|>assistant\n",
    "llama 2": "<s>[INST] {0} [/INST]",
    "llama 3": "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n{0}<|eot_id|>",
    "gemma": "<bos><start_of_turn>user\n{0}<end_of_turn>\n<start_of_turn>model\n",
    "zephyr": "<|user|>\n{0}</s>\n<|assistant|>\n",
    "alpaca": "### Instruction:\n{0}\n\n### Response:\n",
}


def found(said: list[str], tokenizer: Any = None) -> Finding:
    return run(CHECK, Bench(train_data=[{"text": text} for text in said], tokenizer=tokenizer)).finding


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_once_is_right_and_twice_is_not(template):
    once = [template.format(text) for text in SAID]
    assert found(once).verdict is Verdict.OK
    assert found([text + "yes " + text for text in once]).verdict is Verdict.OK
    seen = found([template.format(text) for text in once])
    assert seen.verdict is Verdict.BAD, seen.message
    assert "a turn opens twice" in seen.message


def test_a_text_that_quotes_a_template_is_a_hint():
    template = TEMPLATES["chatml"]
    said = [template.format(text) for text in SAID]
    said[3] = template.format("why does it say <|im_start|>user <|im_start|>user here?")
    assert found(said).verdict is Verdict.HINT


def own() -> Any:
    tokenizer = fast("llama", words=[*WORDS, "Question>", "A>"])
    tokenizer.chat_template = "{% for m in messages %}{{ 'Question> ' + m['content'] + ' A>' }}{% endfor %}"
    return tokenizer


def asked(tokenizer: Any, text: str) -> str:
    said: str = tokenizer.apply_chat_template([{"role": "user", "content": text}], tokenize=False)
    return said


def test_the_tokenizer_s_own_template_is_known():
    tokenizer = own()
    once = [asked(tokenizer, text) for text in SAID]
    assert found(once, tokenizer).verdict is Verdict.OK
    assert found([asked(tokenizer, text) for text in once], tokenizer).verdict is Verdict.BAD


def test_ids_are_read():
    tokenizer = own()
    for times, verdict in ((1, Verdict.OK), (2, Verdict.BAD)):
        rows = []
        for text in SAID:
            for _ in range(times):
                text = asked(tokenizer, text)
            rows.append({"input_ids": tokenizer(text)["input_ids"]})
        assert run(CHECK, Bench(train_data=rows, tokenizer=tokenizer)).finding.verdict is verdict


def test_texts_that_are_no_chat():
    seen = found(SAID)
    assert seen.verdict is Verdict.OK
    assert "is written in a chat template" in seen.message


def test_pictures_are_skipped():
    assert run(CHECK, Bench(train_data=[(1.0, 0), (2.0, 1)])).finding.verdict is Verdict.SKIPPED
