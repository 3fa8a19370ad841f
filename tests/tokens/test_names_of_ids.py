"""The text of single ids and which are special, of anything that people have."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from nbrecipe.decoding.spelled import Speller
from nbrecipe.tokens.reading import names_of, reads, special_id, specials_of
from tests.tokens import trained

WORDS = ["<pad>", "<unk>", "the", "net"]


class OnlyBack:
    """Ids to text, and nothing else."""

    pad_id = 0

    def decode(self, ids):
        return " ".join(WORDS[i] for i in ids)


@pytest.mark.parametrize(
    "given",
    [
        WORDS, tuple(WORDS), dict(enumerate(WORDS)), {word: i for i, word in enumerate(WORDS)}, OnlyBack(),
        lambda i: WORDS[i], lambda i: WORDS[i].encode(), lambda i: [WORDS[i]], SimpleNamespace(itos=WORDS),
        SimpleNamespace(id_to_token=lambda i: WORDS[i]), {**dict(enumerate(WORDS)), "more": 3}, WORDS.__getitem__,
    ],
)  # fmt: skip
def test_ids_are_read_by_whatever_reads_them(given):
    assert reads(given)
    assert names_of(given, [2, 3]) == {2: "the", 3: "net"}
    assert names_of(given, [3, 99]) == {3: "net"}


@pytest.mark.parametrize("given", [None, 3, object(), lambda text: [1, 2], lambda i: torch.ones(i), lambda i: 3])
def test_what_reads_no_ids_names_none(given):
    assert names_of(given, [0, 1]) == {}


@pytest.mark.parametrize(("kind", "piece"), [("fast", "the"), ("fast, byte level", "Ġthe"), ("SentencePiece", "▁the")])
def test_pieces_are_written_as_the_vocabulary_has_them(kind, piece):
    given = trained.EVERY[kind]()
    table = given.get_vocab() if hasattr(given, "get_vocab") else {piece: given.piece_to_id(piece)}
    assert names_of(given, [table[piece]]) == {table[piece]: piece}


@pytest.mark.parametrize(
    ("given", "padding", "unknown"),
    [
        (None, None, None),
        (SimpleNamespace(pad_token_id=7), 7, None),
        (SimpleNamespace(pad_idx=0, unk_idx=2), 0, 2),
        (SimpleNamespace(pad_id=lambda: 4), 4, None),
        (SimpleNamespace(pad_id=lambda: -1), None, None),
        (SimpleNamespace(pad_token_id=True), None, None),
        (WORDS, 0, 1),
        (OnlyBack(), 0, None),
    ],
)
def test_special_ids_are_found_where_people_keep_them(given, padding, unknown):
    assert (special_id(given, "padding"), special_id(given, "unknown")) == (padding, unknown)
    assert (specials_of(given).padding, specials_of(given).unknown) == (padding, unknown)


def test_special_ids_of_libraries():
    assert special_id(trained.fast(), "padding") == trained.fast().pad_token_id
    assert special_id(trained.word_piece(), "padding") == trained.word_piece().token_to_id("[PAD]")
    assert special_id(trained.sentence_piece(), "unknown") == 0
    assert special_id(trained.ranked(), "end") == 499


def test_kinds_of_tokens_follow_from_the_tokenizer():
    ids = torch.tensor([[2, 3, 1, 0, 0, -100]])
    (row,) = Speller(WORDS, 0, specials_of(WORDS)).rows(ids)
    assert [(one.text, one.kind, one.count) for one in row] == [
        ("the", "word", 1), ("net", "word", 1), ("<unk>", "unknown", 1), ("<pad>", "padding", 2), ("–", "ignored", 1),
    ]  # fmt: skip
    (row,) = Speller(None).rows(torch.tensor([[5, 6]]))
    assert [(one.text, one.kind) for one in row] == [("5", "word"), ("6", "word")]
