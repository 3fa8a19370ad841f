"""Texts and tokenizers for the tests of checks."""

from __future__ import annotations

import random
from typing import Any

from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

SAID = (
    "the a of in on room bed view garden soup waiter bread was not very good bad clean dirty warm cold quick slow "
    "near by sea town lake old new again once honestly well"
)
WORDS = SAID.split()


def sentences(count: int = 64, seed: int = 0, least: int = 4, most: int = 12, words: list[str] = WORDS) -> list[str]:
    """Sentences of words drawn at random."""
    draw = random.Random(seed)
    return [" ".join(draw.choices(words, k=draw.randint(least, most))) for _ in range(count)]


#: how special tokens are called and put around one text and around two
STYLES: dict[str, dict[str, Any]] = {
    "bert": {
        "names": {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]",
                  "mask_token": "[MASK]"},
        "single": "[CLS] $A [SEP]",
        "pair": "[CLS] $A [SEP] $B:1 [SEP]:1",
    },
    "roberta": {
        "names": {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>",
                  "cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>"},
        "single": "<s> $A </s>",
        "pair": "<s> $A </s> </s> $B </s>",
    },
    "llama": {
        "names": {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"},
        "single": "<s> $A",
        "pair": "<s> $A <s> $B",
    },
    "t5": {
        "names": {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"},
        "single": "$A </s>",
        "pair": "$A </s> $B </s>",
    },
    "gpt": {
        "names": {"unk_token": "<|endoftext|>", "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>",
                  "pad_token": "<|endoftext|>"},
        "single": "$A",
        "pair": "$A $B",
    },
}  # fmt: skip


def fast(style: str = "bert", words: list[str] = WORDS, **more: Any) -> PreTrainedTokenizerFast:
    """A tokenizer of transformers for words, with special tokens as this family has them."""
    given = STYLES[style]
    special = list(dict.fromkeys(given["names"].values()))
    ids = {piece: i for i, piece in enumerate([*special, *words])}
    made = Tokenizer(models.WordLevel(ids, unk_token=given["names"]["unk_token"]))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.post_processor = processors.TemplateProcessing(
        single=given["single"], pair=given["pair"], special_tokens=[(piece, ids[piece]) for piece in special]
    )
    return PreTrainedTokenizerFast(tokenizer_object=made, **{**given["names"], **more})
