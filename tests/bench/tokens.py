"""What a tokenizer makes of a whole data set, against the tokenizer's own batch encoding of the same texts.

The tokenizers are trained here, on texts made here. Seconds are the processor's, of all threads together. Each is the
fastest of several turns, its own encoding and the reading in turn, so that both see the same machine.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nbrecipe.scan.text.reading import text_scan

from .paired import keep_freed_memory, seconds

TEXTS, MANY, TURNS, WORDS = 100_000, 1_000_000, 3, 20_000


def rows() -> Iterator[tuple[str, str, str]]:
    keep_freed_memory()
    given = texts(TEXTS)
    for name, (tokenizer, own) in made(given[:5000]).items():
        text_scan(given[:5000], tokenizer)
        own(given[:5000])
        plain, ours = turns(lambda own=own: own(given), lambda tokenizer=tokenizer: text_scan(given, tokenizer))
        yield f"100 k texts, {name}: its own encoding", f"{plain:.2f} s", ""
        yield "  all numbers of them, against that", f"{ours / plain:.2f} x", "2 x"
    yield "memory while 1 M texts stream by, each with a word that is unknown", f"{_memory():.0f} MB", "300 MB"


def turns(own: Callable[[], object], ours: Callable[[], object]) -> tuple[float, float]:
    """The fastest of several turns of each."""
    times = [(seconds(own), seconds(ours)) for _ in range(TURNS)]
    return min(one for one, _ in times), min(other for _, other in times)


def texts(count: int, seed: int = 0) -> list[str]:
    """Twenty words each, as often as words are, with signs and capitals, and letters beyond ASCII in one of fifty."""
    generator = np.random.default_rng(seed)
    letters = np.array(list("etaoinshrdlucmfwypvbgkjqxz"))
    share = 1 / np.arange(1, 27)
    made = generator.choice(letters, (WORDS, 9), p=share / share.sum())
    words = np.array(["".join(row[:n]) for row, n in zip(made, generator.integers(2, 10, WORDS), strict=True)], object)
    drawn = words[np.minimum(generator.zipf(1.2, (count, 20)), WORDS) - 1]
    odd = {0: "Café naïve ", 50: "日本語 "}
    return [odd.get(i % 100, "") + " ".join(row).capitalize() + "." for i, row in enumerate(drawn)]


def made(corpus: list[str]) -> dict[str, tuple[Any, Callable[[list[str]], object]]]:
    """Each tokenizer and its own encoding of many texts."""
    from transformers import PreTrainedTokenizerFast

    rust, pieces, byte_pairs = _rust(corpus), _pieces(corpus), _byte_pairs(corpus)
    fast = PreTrainedTokenizerFast(tokenizer_object=rust, unk_token="<unk>", pad_token="<pad>")
    letters = {letter: i for i, letter in enumerate(["<pad>", "<unk>", *sorted(set("".join(corpus)))])}
    return {
        "Hugging Face (fast)": (fast, lambda texts: fast(texts)["input_ids"]),
        "tokenizers": (rust, lambda texts: [found.ids for found in rust.encode_batch(texts)]),
        "tiktoken": (byte_pairs, byte_pairs.encode_ordinary_batch),
        "SentencePiece": (pieces, pieces.encode),
        "a table of characters": (letters, lambda texts: [[letters.get(one, 1) for one in text] for text in texts]),
    }


def _rust(corpus: list[str]) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE(unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.train_from_iterator(
        corpus, trainers.BpeTrainer(vocab_size=4000, special_tokens=["<unk>", "<pad>"], show_progress=False)
    )
    return made


def _pieces(corpus: list[str]) -> Any:
    import sentencepiece

    with tempfile.TemporaryDirectory() as folder:
        prefix = Path(folder) / "pieces"
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(corpus), model_prefix=str(prefix), vocab_size=4000, byte_fallback=True,
            hard_vocab_limit=False, minloglevel=2,
        )  # fmt: skip
        return sentencepiece.SentencePieceProcessor(model_file=f"{prefix}.model")


def _byte_pairs(corpus: list[str]) -> Any:
    """The merges of a byte-level tokenizer as tiktoken takes them."""
    import tiktoken
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        corpus, trainers.BpeTrainer(vocab_size=4000, initial_alphabet=alphabet, show_progress=False)
    )
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    byte = {letter: code for code, letter in bytes_to_unicode().items()}
    ranks = {bytes(byte[letter] for letter in piece): i for piece, i in made.get_vocab().items()}
    split = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    return tiktoken.Encoding("made", pat_str=split, mergeable_ranks=ranks, special_tokens={"<|end|>": len(ranks)})


class Stream:
    """Texts that are made as they are read, so that they take no memory; every one has a word of its own."""

    def __init__(self, count: int) -> None:
        self._some, self._count = texts(10_000), count

    def __iter__(self) -> Iterator[tuple[str, int]]:
        return ((f"{self._some[i % 10_000]} né{i}", i % 50) for i in range(self._count))


def _memory() -> float:
    """Megabytes that a process of its own has at the most, while it reads, above what it had before."""
    code = "from tests.bench import tokens; print(tokens.growth())"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def growth() -> float:
    """What `_memory` asks for, in this process; every text has a word that is unknown."""
    letters = {letter: i for i, letter in enumerate(["<unk>", *"abcdefghijklmnopqrstuvwxyz 0123456789."])}
    text_scan(Stream(100), letters)
    gc.collect()
    before, most = _anonymous(), 0.0

    def seen(rows: int) -> None:
        nonlocal most
        most = max(most, _anonymous())

    done = text_scan(Stream(MANY), letters, seen=seen)
    most = max(most, _anonymous())
    assert done.whole
    assert done.texts == MANY
    assert done.unknown_texts == MANY
    return most - before


def _anonymous() -> float:
    """Megabytes that are this process's own."""
    with open("/proc/self/status") as status:  # noqa: PTH123
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("RssAnon"))
