"""Each kind of tokenizer behind the one face."""

from __future__ import annotations

import re
from collections import defaultdict, namedtuple
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import transformers
from tokenizers import Tokenizer as Library
from tokenizers import processors

from nbrecipe.batches import BadInput
from nbrecipe.tokens import bytewise, open_tokenizer
from nbrecipe.tokens.segments import segments
from tests.tokens import trained

TEXTS = ["Train the net", "", "a learning rate of 0.1", "the loss"]


def told(tokenizer, text):
    """Each segment's text with the pieces of its tokens."""
    found = tokenizer.encode(text)
    pieces = [tokenizer.piece(i) for i in found.ids.tolist()]
    return [(text[one.start : one.end], [pieces[token] for token in one.tokens]) for one in segments(found)]


@pytest.mark.parametrize("kind", trained.EVERY)
def test_a_batch_is_the_texts_one_by_one(kind):
    tokenizer = open_tokenizer(trained.EVERY[kind]())
    whole = tokenizer.batch(TEXTS)
    assert whole.values.dtype == whole.lengths.dtype == np.int64
    for text, row in zip(TEXTS, whole.rows(), strict=True):
        assert row.tolist() == tokenizer.encode(text).ids.tolist()
    assert tokenizer.batch([]).lengths.tolist() == []


@pytest.mark.parametrize("kind", trained.EVERY)
def test_what_cannot_be_encoded_is_told_by_its_place(kind):
    tokenizer = open_tokenizer(trained.EVERY[kind]())
    texts = ["the loss", None, 3, b"the", ["the"], np.str_("the"), "", "the loss", float("nan")]
    found = tokenizer.ids(texts)
    kinds = {1: "NoneType", 2: "int", 3: "bytes", 4: "list", 8: "float"}
    assert dict(found.failed) == {place: f"no text but {name}" for place, name in kinds.items()}
    rows = found.rows()
    assert rows[0].tolist() == rows[7].tolist() == tokenizer.encode("the loss").ids.tolist()
    assert rows[5].tolist() == tokenizer.encode("the").ids.tolist()
    assert [len(rows[place]) for place in kinds] == [0] * 5


@pytest.mark.parametrize("kind", ["WordPiece", "fast", "SentencePiece", "bytes", "workshop"])
def test_half_of_a_pair_is_told(kind):
    found = open_tokenizer(trained.EVERY[kind]()).ids(["the", "the \ud83d end", "end"])
    assert dict(found.failed) == {1: "half of a surrogate pair, U+D83D, at character 4: it is no character"}
    assert (found.lengths > 0).tolist() == [True, False, True]


@pytest.mark.parametrize("kind", trained.EVERY)
def test_a_null_character_and_a_long_text_are_texts(kind):
    tokenizer = open_tokenizer(trained.EVERY[kind]())
    found = tokenizer.ids(["a\0b", "the loss " * 20_000])
    assert set(found.failed) <= {0}  # a table may not have it
    assert found.lengths[1] > 1000


def test_a_tokenizer_that_raises_tells_why():
    def encode(text):
        if "bad" in text:
            raise RuntimeError("first line\nsecond line")
        return [len(text)]

    found = open_tokenizer(encode).ids(["a"] * 100 + ["bad"] + ["ab"] * 50)
    assert dict(found.failed) == {100: "RuntimeError: first line"}
    assert found.lengths.tolist() == [1] * 100 + [0] + [1] * 50


def test_an_interrupt_goes_through():
    def encode(text):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_tokenizer(encode).ids(["a", "b"])


@pytest.mark.parametrize("kind", trained.EVERY)
def test_ids_outside_the_vocabulary_have_no_piece(kind):
    tokenizer = open_tokenizer(trained.EVERY[kind]())
    assert tokenizer.piece(10**6) is None
    assert tokenizer.piece(-100) is None
    if tokenizer.size:
        assert max(tokenizer.batch(TEXTS).values) < tokenizer.size
        assert tokenizer.piece(tokenizer.size - 1) is not None


@pytest.mark.parametrize(
    ("kind", "text", "segments"),
    [
        ("tiktoken", "a 🤗 the", ["a", " ", "🤗🤗🤗🤗", " the"]),
        ("bytes", "ï", ["ïï"]),
    ],
)
def test_bytes_of_one_character_stand_at_it(kind, text, segments):
    found = open_tokenizer(trained.EVERY[kind]()).encode(text)
    parts = [text[start:end] for start, end in found.spans]
    assert "".join(parts) == "".join(segments)


def test_a_space_belongs_to_the_token_that_begins_with_it():
    plain = trained.byte_level()
    trimmed = type(plain).from_str(plain.to_str())
    trimmed.post_processor = processors.ByteLevel(trim_offsets=True)
    text = " the  loss \n\n of the net<|endoftext|> the\t"
    assert told(open_tokenizer(trimmed), text) == told(open_tokenizer(plain), text)
    assert told(open_tokenizer(trimmed), " the net")[0] == (" the", ["Ġthe"])


def test_a_mark_that_stands_for_no_text_has_no_width():
    for kind in ("Unigram", "SentencePiece", "BPE, byte fallback"):
        assert told(open_tokenizer(trained.EVERY[kind]()), "learning")[0] == ("", ["▁"]), kind


def test_sentencepiece_shares_out_characters_as_it_says():
    tokenizer = open_tokenizer(trained.sentence_piece("bpe", True))
    assert told(tokenizer, "the  🤗 \ufb01\n") == [
        ("the", ["▁the"]), ("  ", ["▁"]), ("🤗", ["<0xF0>", "<0x9F>", "<0xA4>", "<0x97>"]), (" \ufb01", ["▁f", "i"]),
        ("\n", []),
    ]  # fmt: skip
    assert tokenizer.specials.padding is None
    assert (tokenizer.specials.unknown, tokenizer.specials.begin, tokenizer.specials.end) == (0, 1, 2)
    assert [i for i in range(tokenizer.size) if tokenizer.is_byte(i)] == list(range(3, 259))


def test_sentencepiece_puts_in_what_it_is_set_to():
    import sentencepiece

    proto = trained.sentence_piece().serialized_model_proto()
    given = sentencepiece.SentencePieceProcessor(model_proto=proto, add_bos=True, add_eos=True)
    tokenizer = open_tokenizer(given)
    assert tokenizer.encode("the").special.tolist() == [True, False, True]
    assert tokenizer.batch(["the"]).values.tolist() == given.encode("the")
    assert tokenizer.batch(["the"], special=False).values.tolist() == given.encode("the")[1:-1]
    assert told(tokenizer, "the ")[-1] == ("", ["</s>"])


def test_tiktoken_reads_special_tokens_in_a_text_as_text():
    tokenizer = open_tokenizer(trained.ranked())
    found = tokenizer.encode("a<|endoftext|>b")
    assert len(found.ids) > 3
    assert not found.special.any()
    assert (tokenizer.specials.end, tokenizer.specials.every) == (499, {499, 502})
    assert (tokenizer.piece(499), tokenizer.piece(500), tokenizer.size) == ("<|endoftext|>", None, 503)
    assert tokenizer.is_byte(0xF0)
    assert not tokenizer.is_byte(65)
    assert tokenizer.decode([97, 499, 98], special=False) == "ab"


def test_added_tokens_are_counted_and_named():
    own = Library.from_str(trained.word_piece().to_str())
    given = transformers.PreTrainedTokenizerFast(tokenizer_object=own, unk_token="[UNK]")
    given.add_tokens(["<new>", "gradient"])
    given.add_special_tokens({"pad_token": "<pad>"})
    tokenizer = open_tokenizer(given)
    assert tokenizer.size == len(given) == 402
    assert tokenizer.specials.padding == given.pad_token_id
    assert given.pad_token_id in tokenizer.specials.every
    assert told(tokenizer, "the <new> gradient")[1:-1] == [
        ("the", ["the"]), (" ", []), ("<new>", ["<new>"]), (" ", []), ("gradient", ["gradient"]),
    ]  # fmt: skip


def test_padding_may_be_the_end_and_a_limit_may_be_none():
    given = trained.fast("byte_level")
    assert open_tokenizer(given).specials.padding is None
    assert open_tokenizer(given).limit == 64
    other = type(given)(tokenizer_object=trained.byte_level(), eos_token="<|endoftext|>", pad_token="<|endoftext|>")
    tokenizer = open_tokenizer(other)
    assert tokenizer.limit is None
    assert tokenizer.specials.roles == {0: "end, padding"}


def test_bytes_written_as_letters_are_bytes():
    tokenizer = open_tokenizer(trained.byte_level())
    bytes_ = {tokenizer.piece(i) for i in range(tokenizer.size) if tokenizer.is_byte(i)}
    letters = trained.byte_letters()
    assert bytes_ == {letters[byte] for byte in range(128, 256)}
    assert not any(open_tokenizer(trained.word_piece()).is_byte(i) for i in range(400))


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("byte-level BPE", "the the\n\té", ["the", " the", "\n", "\t", "<0xC3>", "<0xA9>"]),
        ("fast, byte level", "a the", ["a", " the"]),
        ("tiktoken", "the the\né", ["the", " the", "\n", "<0xC3>", "<0xA9>"]),
        ("SentencePiece, bytes", "the the☃", [" the", " the", "<0xE2>", "<0x98>", "<0x83>"]),
        ("Unigram", "the the", [" the", " the"]), ("WordPiece", "rate", ["[CLS]", "r", "##ate", "[SEP]"]),
        ("letters", "a \n", ["a", " ", "\n"]),
    ],
)  # fmt: skip
def test_an_id_is_spelled_as_the_text_that_it_stands_for(kind, text, said):
    tokenizer = open_tokenizer(trained.EVERY[kind]())
    assert [tokenizer.spelled(i) for i in tokenizer.encode(text).ids.tolist()] == said


def test_what_was_added_to_bytes_stands_as_it_is():
    given = trained.fast("byte_level")
    given.add_tokens(["é", "a b"])
    for each in (given, given.backend_tokenizer):
        tokenizer = open_tokenizer(each)
        ids = tokenizer.encode("é").ids.tolist()
        assert [tokenizer.spelled(i) for i in ids] == ["é"]
        assert not tokenizer.is_byte(ids[0])
        assert tokenizer.spelled(10**6) is None


def test_bytes_are_written_as_letters_as_gpt2_has_it():
    assert trained.byte_letters() == {byte: letter for letter, byte in bytewise.LETTERS.items()}


def test_a_slow_one_tells_which_tokens_it_put_in():
    tokenizer = open_tokenizer(trained.slow())
    assert tokenizer.encode("ab").special.tolist() == [True, False, False, True]
    assert told(tokenizer, "a 字</s>") == [
        ("", ["<s>"]), ("a", ["a"]), (" ", [" "]), ("字", ["<unk>"]), ("</s>", ["</s>"]), ("", ["</s>"]),
    ]  # fmt: skip


Found = namedtuple("Found", "ids")


@pytest.mark.parametrize(
    "wrap",
    [list, tuple, np.array, torch.tensor, iter, lambda ids: torch.tensor([ids]), lambda ids: {"input_ids": ids},
     lambda ids: {"input_ids": torch.tensor([ids])}, Found, lambda ids: SimpleNamespace(input_ids=ids), bytes,
     lambda ids: np.array(ids, np.uint8), lambda ids: [np.int32(i) for i in ids], lambda ids: map(int, ids)],
)  # fmt: skip
def test_ids_come_in_any_wrapping(wrap):
    tokenizer = open_tokenizer(lambda text: wrap([ord(letter) for letter in text]))
    assert tokenizer.batch(["ab", "c"]).values.tolist() == [97, 98, 99]
    assert tokenizer.encode("ab").ids.tolist() == [97, 98]


@pytest.mark.parametrize(
    ("gives", "message"),
    [
        (1.5, "`mine` makes numbers of type float64 of a text: give what makes ids or words of it"),
        ([1, 2.5], "`mine` makes numbers of type float64 of a text: give what makes ids or words of it"),
        ("lower", "`mine` makes `str` of a text: give what makes ids or words of it"),
        (None, "`mine` makes `NoneType` of a text: give what makes ids or words of it"),
        ([[1, 2], [3, 4]], "`mine` makes an array of shape (2, 2) of one text: one row is needed"),
        ([[1], [3, 4]], "`mine` makes rows of several lengths of one text: one row is needed"),
    ],
)
def test_what_is_neither_ids_nor_words_is_told(gives, message):
    tokenizer = open_tokenizer(lambda text: gives, "`mine`")
    assert dict(tokenizer.ids(["a"]).failed) == {0: message}
    with pytest.raises(BadInput, match=re.escape(message)):
        tokenizer.batch(["a"])


def test_words_get_the_ids_of_their_table():
    table = {"<unk>": 0, "the": 1, "loss": 2, ",": 3}
    split = re.compile(r"\w+|[^\w\s]").findall
    for given in ((split, table), (table, split), (split, ["<unk>", "the", "loss", ","])):
        tokenizer = open_tokenizer(given)
        assert tokenizer.batch(["the loss, the net"]).values.tolist() == [1, 2, 3, 1, 0]
        assert told(tokenizer, "the loss, the net") == [
            ("the", ["the"]), (" ", []), ("loss", ["loss"]), (",", [","]), (" ", []), ("the", ["the"]), (" ", []),
            ("net", ["<unk>"]),
        ]  # fmt: skip
        assert (tokenizer.size, tokenizer.specials.unknown) == (4, 0)
        assert tokenizer.decode([1, 2]) == "the loss"
    with_out = open_tokenizer((split, {"the": 1}))
    assert dict(with_out.ids(["the net"]).failed) == {0: "the table has no entry 'net', and none for what is unknown"}


def test_words_without_a_table_are_numbered_as_they_come():
    tokenizer = open_tokenizer(str.split)
    assert tokenizer.batch(["a b a", "c a"]).values.tolist() == [0, 1, 0, 2, 0]
    assert tokenizer.decode([0, 2]) == "a c"
    assert told(tokenizer, "c  a ") == [("c", ["c"]), ("  ", []), ("a", ["a"]), (" ", [])]


def test_letters_without_a_table_join_to_the_text():
    tokenizer = open_tokenizer(list)
    ids = tokenizer.batch(["a b\n"]).values.tolist()
    assert tokenizer.decode(ids) == "a b\n"


class Vocabulary:
    """As torchtext has it: words to ids, and no way to cut a text."""

    def __init__(self, words):
        self._words = words

    def __call__(self, words):
        return [self._words.index(word) for word in words]

    lookup_indices = __call__

    def get_itos(self):
        return self._words


@pytest.mark.parametrize(
    "given",
    [
        Vocabulary(["<unk>", "<pad>", "the", "net"]),
        SimpleNamespace(stoi={"<unk>": 0, "<pad>": 1, "the": 2, "net": 3}),
        SimpleNamespace(itos=["<unk>", "<pad>", "the", "net"], unk_idx=0, pad_idx=1),
        SimpleNamespace(word2idx={"<unk>": 0, "<pad>": 1, "the": 2, "net": 3}),
        SimpleNamespace(vocab=SimpleNamespace(itos=["<unk>", "<pad>", "the", "net"])),
        SimpleNamespace(tokenize=str.split, vocab={"<unk>": 0, "<pad>": 1, "the": 2, "net": 3}),
    ],
)
def test_objects_that_keep_a_table_are_read_by_it(given):
    tokenizer = open_tokenizer(given)
    assert tokenizer.batch(["the old net"]).values.tolist() == [2, 0, 3]
    assert (tokenizer.size, tokenizer.specials.unknown, tokenizer.specials.padding) == (4, 0, 1)
    assert [tokenizer.piece(i) for i in range(4)] == ["<unk>", "<pad>", "the", "net"]


def test_what_a_table_gives_for_other_words_is_for_unknown_ones():
    table = defaultdict(lambda: 1, {"<pad>": 0, "other": 1, "the": 2})
    for given in (table, SimpleNamespace(stoi=table), (str.split, table)):
        tokenizer = open_tokenizer(given)
        assert tokenizer.batch(["the net"]).values.tolist() == [2, 1]
        assert tokenizer.specials.unknown == 1
    assert len(table) == 3, "and the table has grown by none"
    grows = defaultdict(lambda: len(grows), {"the": 0})
    assert open_tokenizer(grows).specials.unknown is None


def test_a_workshop_tokenizer_is_read_whole():
    tokenizer = open_tokenizer(trained.Workshop())
    assert tokenizer.size == 86
    assert told(tokenizer, "a b") == [("a", ["a"]), (" ", [" "]), ("b", ["b"])]
    assert tokenizer.decode(tokenizer.batch(["the loss"]).values) == "the loss"


def test_lower_case_stands_at_the_text_it_came_from():
    table = {word: i for i, word in enumerate(["<unk>", "the", "cafe", "strasse"])}

    def words(text):
        import unicodedata

        apart = unicodedata.normalize("NFKD", text.casefold())
        return "".join(letter for letter in apart if not unicodedata.combining(letter)).split()

    assert told(open_tokenizer((words, table)), "The Caf\u00e9 Stra\u00dfe, TE\u0301") == [
        ("The", ["the"]), (" ", []), ("Caf\u00e9", ["cafe"]), (" ", []), ("Stra\u00dfe,", ["<unk>"]), (" ", []),
        ("TE\u0301", ["<unk>"]),
    ]  # fmt: skip


def test_what_cannot_be_placed_stands_nowhere():
    swapped = (lambda text: [ord(letter) for letter in reversed(text)], lambda ids: "".join(map(chr, ids)))
    assert (open_tokenizer(swapped).encode("abc").spans == -1).all()
    assert (open_tokenizer(lambda text: [1, 2, 3]).encode("a b c").spans == -1).all()


@pytest.mark.parametrize(
    "given", [3, None, "bert-base-uncased", [], {}, {"a": "b"}, torch.nn.Linear(2, 2), object, dict]
)
def test_what_is_no_tokenizer_is_told(given):
    with pytest.raises(BadInput, match="a tokenizer of transformers, tokenizers, tiktoken or SentencePiece"):
        open_tokenizer(given)
