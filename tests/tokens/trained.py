"""Tokenizers of every kind, trained on a text of this folder, in a second and without a network."""

from __future__ import annotations

import io
import json
import re
from functools import cache
from pathlib import Path

import numpy as np
import sentencepiece
import tiktoken
import torch
import transformers
from tokenizers import Tokenizer as Library
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

#: a program as it once was: what is learnt from it must not change with the source
TEXT = Path(__file__).with_name("program.txt").read_text("utf-8")
LINES = [line.strip() for line in TEXT.splitlines() if line.strip()]
QUIET = {"show_progress": False}
SPECIAL = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]


def fresh(train):
    """Trained once; every call gives an object of its own, so that what one test sets no other sees."""

    @cache
    def held(*given):
        return train(*given).to_str()

    return lambda *given: Library.from_str(held(*given))


@fresh
def word_piece():
    """As BERT has it: lower case, no accents, words at their start and within."""
    made = Library(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    made.train_from_iterator(LINES, trainers.WordPieceTrainer(vocab_size=400, **QUIET, special_tokens=SPECIAL))
    ends = [(name, made.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    return made


@fresh
def byte_level(prefix=False):
    """As GPT-2 has it: pairs of bytes, nothing unknown, one special token."""
    made = Library(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=500, initial_alphabet=alphabet, **QUIET, special_tokens=["<|endoftext|>"])
    made.train_from_iterator(LINES, trainer)
    return made


@fresh
def bpe():
    """Pairs of characters, with unknown ones."""
    made = Library(models.BPE(unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.train_from_iterator(LINES, trainers.BpeTrainer(vocab_size=400, **QUIET, special_tokens=["<unk>", "<pad>"]))
    return made


@fresh
def fallback():
    """As Llama has it: "▁" for spaces, and bytes for what is in no token."""
    names = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=600, **QUIET, special_tokens=["<unk>", "<s>", "</s>"])
    made = Library(models.BPE(unk_token="<unk>"))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.train_from_iterator(LINES, trainer)
    held = json.loads(made.to_str())["model"]
    vocab = dict(held["vocab"])
    for name in names:
        vocab.setdefault(name, len(vocab))
    pairs = [tuple(pair) if isinstance(pair, list) else tuple(pair.split(" ")) for pair in held["merges"]]
    made.model = models.BPE(vocab, pairs, unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return made


@fresh
def unigram():
    """As T5 and XLM-R have it: "▁", pieces by their likelihood, NFKC."""
    made = Library(models.Unigram())
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=300, **QUIET, unk_token="<unk>", special_tokens=["<unk>", "<pad>", "</s>"]
    )
    made.train_from_iterator(LINES, trainer)
    return made


def fast(kind="word_piece"):
    """One of those behind the face of transformers."""
    made = Library.from_str({"word_piece": word_piece, "byte_level": byte_level}[kind]().to_str())
    named = (
        {"unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "mask_token": "[MASK]"}
        if kind == "word_piece"
        else {"eos_token": "<|endoftext|>", "bos_token": "<|endoftext|>"}
    )
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=64, **named)


class Letters(transformers.PreTrainedTokenizer):
    """One of transformers that is written in Python: characters, with a start and an end."""

    def __init__(self, **named):
        self._table = {letter: i for i, letter in enumerate(sorted(set(TEXT)))}
        named = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", **named}
        super().__init__(model_max_length=128, **named)

    @property
    def vocab_size(self):
        return len(self._table)

    def get_vocab(self):
        return {**self._table, **self.added_tokens_encoder}

    def _tokenize(self, text, **named):
        return list(text)

    def _convert_token_to_id(self, token):
        return self._table.get(token, self.unk_token_id)

    def _convert_id_to_token(self, index):
        return next((letter for letter, i in self._table.items() if i == index), None)

    def convert_tokens_to_string(self, tokens):
        return "".join(tokens)

    def build_inputs_with_special_tokens(self, token_ids_0, token_ids_1=None):
        return [self.bos_token_id, *token_ids_0, self.eos_token_id]

    def get_special_tokens_mask(self, token_ids_0, token_ids_1=None, already_has_special_tokens=False):
        if already_has_special_tokens:
            return [int(i in self.all_special_ids) for i in token_ids_0]
        return [1, *([0] * len(token_ids_0)), 1]


def slow():
    return Letters()


@cache
def sentence_piece(kind="unigram", fallback=False):
    """SentencePiece's own object, trained in memory."""
    sentencepiece.set_min_log_level(2)
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES), model_writer=model, vocab_size=600 if fallback else 300, model_type=kind,
        byte_fallback=fallback, num_threads=1, hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


@cache
def ranked():
    """A tiktoken Encoding of merges of our own."""
    spelled = {letter: byte for byte, letter in byte_letters().items()}
    vocab = {piece: i for piece, i in byte_level().get_vocab().items() if not piece.startswith("<|")}
    order = sorted(vocab, key=vocab.__getitem__)
    ranks = {bytes([byte]): byte for byte in range(256)}
    for piece in order:
        ranks.setdefault(bytes(spelled[letter] for letter in piece), len(ranks))
    special = {"<|endoftext|>": len(ranks), "<|fim|>": len(ranks) + 3}
    pattern = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    return tiktoken.Encoding("ours", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special)


def byte_letters():
    """How GPT-2 writes each byte as a letter."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in plain]
    return {**{byte: chr(byte) for byte in plain}, **{byte: chr(256 + n) for n, byte in enumerate(rest)}}


class Workshop:
    """A tokenizer as people write it themselves: `stoi`, `itos`, `encode` and `decode`."""

    def __init__(self):
        self.itos = sorted(set(TEXT))
        self.stoi = {letter: i for i, letter in enumerate(self.itos)}

    def encode(self, text):
        return torch.tensor([self.stoi[letter] for letter in text])

    def decode(self, ids):
        return "".join(self.itos[i] for i in ids)


def hashed(text):
    """A function to ids, with no way back."""
    return np.array([hash(word) % 97 for word in re.findall(r"\w+|\W", text)], np.int32)


def utf8():
    """The bytes themselves, as ByT5 has them."""
    return (lambda text: list(text.encode()), lambda ids: bytes(ids).decode("utf-8", "replace"))


WORDS = {word: i for i, word in enumerate(["<pad>", "<unk>", *sorted(set(TEXT.split()))])}
LETTERS = {letter: i for i, letter in enumerate(["<unk>", *sorted(set(TEXT))])}

EVERY = {
    "WordPiece": word_piece, "byte-level BPE": byte_level, "byte-level BPE, space in front": lambda: byte_level(True),
    "BPE": bpe, "BPE, byte fallback": fallback, "Unigram": unigram, "fast": fast,
    "fast, byte level": lambda: fast("byte_level"), "slow": slow, "SentencePiece": sentence_piece,
    "SentencePiece BPE": lambda: sentence_piece("bpe"), "SentencePiece, bytes": lambda: sentence_piece("bpe", True),
    "tiktoken": ranked, "workshop": Workshop, "function": lambda: hashed, "bytes": utf8, "words": lambda: WORDS,
    "letters": lambda: LETTERS,
}  # fmt: skip
