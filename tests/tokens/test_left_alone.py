"""A tokenizer that was looked at is what it was before, and nothing of its libraries' talk reaches the user."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import pytest
import transformers
from tokenizers import Tokenizer as Library

from nbrecipe.tokens import open_tokenizer
from nbrecipe.tokens.asbefore import uncut
from nbrecipe.tokens.roundtrip import round_trips
from tests.tokens import trained

LONG = "the learning rate of the net " * 40
CUT = {"max_length": 5, "stride": 1, "strategy": "only_first", "direction": "left"}
FILLED = {"direction": "left", "pad_id": 3, "pad_type_id": 1, "pad_token": "[PAD]", "length": 9}


def own(**more):
    """A tokenizer of the library with truncation and padding of its own."""
    made = Library.from_str(trained.word_piece().to_str())
    if more.get("cut", True):
        made.enable_truncation(**CUT)
    if more.get("filled", True):
        made.enable_padding(**FILLED)
    made.encode_special_tokens = more.get("apart", True)
    return made


def all_of(tokenizer):
    """Everything that may be asked of it."""
    tokenizer.batch([LONG, "the"])
    tokenizer.batch(["the"], special=False)
    tokenizer.encode(LONG)
    tokenizer.ids([LONG, None, "\ud800", ""])
    tokenizer.decode([5, 6])
    round_trips(tokenizer, ["the Net", "字"])
    asked = (tokenizer.size, tokenizer.specials, tokenizer.limit, tokenizer.side, tokenizer.piece(5))
    return asked, tokenizer.normalised("The"), tokenizer.is_byte(5)


@pytest.mark.parametrize("cut", [True, False])
@pytest.mark.parametrize("filled", [True, False])
@pytest.mark.parametrize("apart", [True, False])
def test_the_librarys_own_object_stays_as_it_was(cut, filled, apart):
    made = own(cut=cut, filled=filled, apart=apart)
    before = made.to_str(), made.truncation, made.padding, made.encode_special_tokens, made.encode("the loss").ids
    all_of(open_tokenizer(made))
    assert (
        made.to_str(), made.truncation, made.padding, made.encode_special_tokens, made.encode("the loss").ids,
    ) == before  # fmt: skip


@pytest.mark.parametrize("cut", [True, False])
@pytest.mark.parametrize("filled", [True, False])
@pytest.mark.parametrize("apart", [True, False])
def test_what_transformers_builds_on_it_stays_too(cut, filled, apart):
    given = transformers.PreTrainedTokenizerFast(
        tokenizer_object=own(), pad_token="[PAD]", unk_token="[UNK]", padding_side="left", model_max_length=7
    )
    backend = given.backend_tokenizer
    backend.no_truncation() if not cut else backend.enable_truncation(**CUT)
    backend.no_padding() if not filled else backend.enable_padding(**FILLED)
    backend.encode_special_tokens = apart
    before = backend.to_str(), backend.truncation, backend.padding, backend.encode_special_tokens
    held = pickle.dumps({key: value for key, value in vars(given).items() if key != "_tokenizer"})
    all_of(open_tokenizer(given))
    assert (backend.to_str(), backend.truncation, backend.padding, backend.encode_special_tokens) == before
    assert pickle.dumps({key: value for key, value in vars(given).items() if key != "_tokenizer"}) == held


def test_texts_are_neither_cut_nor_filled():
    for given in (own(), transformers.PreTrainedTokenizerFast(tokenizer_object=own(), pad_token="[PAD]")):
        tokenizer = open_tokenizer(given)
        plain = open_tokenizer(trained.word_piece())
        assert tokenizer.batch([LONG, "the"]).lengths.tolist() == plain.batch([LONG, "the"]).lengths.tolist()
        assert len(tokenizer.encode(LONG).ids) == len(plain.encode(LONG).ids)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_after_an_error_it_is_as_it_was(error):
    given = transformers.PreTrainedTokenizerFast(tokenizer_object=own(), pad_token="[PAD]")
    backend = given.backend_tokenizer
    backend.enable_truncation(**CUT)
    backend.enable_padding(**FILLED)
    before = backend.truncation, backend.padding

    def broken(encoding, **named):
        raise error

    given._convert_encoding = broken  # while the library is uncut and unpadded
    with pytest.raises(error):
        open_tokenizer(given).batch(["the"])
    assert (backend.truncation, backend.padding) == before


def test_threads_that_use_it_at_once_leave_it_as_it_was():
    made = own()
    tokenizer, length = open_tokenizer(made), len(open_tokenizer(trained.word_piece()).encode(LONG).ids)
    before = made.truncation, made.padding, made.encode_special_tokens
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: tokenizer.batch([LONG, "the"]).lengths.tolist(), range(100)))
    assert found == [[length, 3]] * 100
    assert (made.truncation, made.padding, made.encode_special_tokens) == before


def test_the_last_of_those_that_use_it_puts_it_back():
    made = own()
    before = made.truncation, made.padding
    first, second = uncut(made), uncut(made)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert (made.truncation, made.padding) == (None, None)
    second.__exit__(None, None, None)
    assert (made.truncation, made.padding) == before


def test_what_the_library_declares_is_told():
    tokenizer = open_tokenizer(own())
    assert (tokenizer.limit, tokenizer.side, tokenizer.specials.padding) == (5, "left", 3)


@pytest.mark.parametrize("kind", ["slow", "SentencePiece", "tiktoken", "workshop"])
def test_other_kinds_are_left_alone(kind):
    given = trained.EVERY[kind]()
    getattr(given, "special_tokens_set", None)  # tiktoken makes it when it is first asked for
    before = {key: repr(value) for key, value in vars(given).items()}
    all_of(open_tokenizer(given))
    assert {key: repr(value) for key, value in vars(given).items()} == before


def test_no_warning_reaches_the_user(capfd, recwarn, caplog):
    for kind in ("fast", "fast, byte level", "slow"):
        given = trained.EVERY[kind]()
        tokenizer = open_tokenizer(given)
        assert tokenizer.limit < tokenizer.batch([LONG]).lengths[0]
        given.clean_up_tokenization_spaces = True
        tokenizer.decode(tokenizer.encode(LONG).ids)
        given.clean_up_tokenization_spaces = False
    assert "".join(capfd.readouterr()) == ""
    assert [str(one.message) for one in recwarn] == []
    assert [one.message for one in caplog.records] == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.parametrize("chosen", ["", "true"])
def test_a_process_forked_later_does_not_warn(chosen):
    program = """
    import os
    from nbrecipe.tokens import open_tokenizer
    from tests.tokens.trained import word_piece

    tokenizer = open_tokenizer(word_piece())
    tokenizer.batch(["the loss"] * 200)
    before = dict(os.environ)
    child = os.fork()
    if child == 0:
        tokenizer.batch(["the loss"] * 200)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert dict(os.environ) == before
    """
    env = {key: value for key, value in os.environ.items() if key != "TOKENIZERS_PARALLELISM"}
    env |= {"PYTHONPATH": os.pathsep.join(sys.path), **({"TOKENIZERS_PARALLELISM": chosen} if chosen else {})}
    if chosen == "true":  # threads were asked for: a child that uses them may hang, and that is the user's choice
        program = program.replace('tokenizer.batch(["the loss"] * 200)\n        os._exit', "os._exit")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)],
        env=env, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
