"""`%tokens` in a shell: what is named, what is found, what is refused in one line."""

from __future__ import annotations

import pytest
from IPython.utils.capture import capture_output
from shells import do, refused

CELL = """
import tokenizers, torch
from torch import nn
from torch.utils.data import DataLoader

class Letters:
    def __init__(self, shift):
        self.shift = shift
    def encode(self, text):
        return [ord(letter) + self.shift for letter in text]
    def decode(self, ids):
        return "".join(chr(i - self.shift) for i in ids)

tok = Letters(0)
texts = ["the loss at init", "one batch", "become one with the data"]
stoi = {letter: i for i, letter in enumerate("abcdefghijklmnopqrstuvwxyz ")}
rows = [{"input_ids": torch.tensor([ord(c) for c in text[:9]]), "labels": torch.tensor([-100] * 4 + [97] * 5)} for text in texts]
dl = DataLoader(rows, batch_size=3)
whole = next(iter(dl))
"""  # noqa: E501


def names(answer):
    return [voice.name for voice in answer.shown.voices], [line.readings[0].text for line in answer.shown.lines]


def texts(notebook):
    return notebook.user_ns["texts"]


def test_alone_it_finds_the_tokenizer_and_the_loader(notebook):
    answer, said = do(notebook, "%tokens")
    assert answer.title == "Tokens of `tok`"
    assert [voice.name for voice in answer.shown.voices] == ["input_ids", "labels"]
    assert "Tokens of `tok`" in said.stdout


def test_alone_it_finds_the_texts_where_there_is_no_loader(notebook):
    answer, _ = do(notebook, "del dl, rows\n%tokens -q")
    assert names(answer) == (["tok"], texts(notebook))


@pytest.mark.parametrize(
    ("line", "voices"),
    [
        ("tok texts", ["tok"]), ("texts", ["tok"]), ("texts tok", ["tok"]),
        ("stoi texts", ["stoi"]), ("tok.encode texts", ["tok.encode"]),
        ("tok stoi texts", ["tok", "stoi"]), ("tok texts --against stoi", ["tok", "stoi"]),
        ("Letters(3) texts[:9]", ["Letters(3)"]), ("(lambda t:[len(t)]) texts", ["(lambda t:[len(t)])"]),
    ],
)  # fmt: skip
def test_what_is_a_tokenizer_and_what_are_texts_is_told_by_what_they_can_do(notebook, line, voices):
    answer, _ = do(notebook, f"%tokens {line} -q")
    assert names(answer) == (voices, texts(notebook))


def test_a_text_in_quotes_is_a_text(notebook):
    assert names(do(notebook, "%tokens tok 'hello to you' -q")[0]) == (["tok"], ["hello to you"])
    assert names(do(notebook, '%tokens tok "hello" -q')[0]) == (["tok"], ["hello"])
    assert names(do(notebook, "%tokens tok 'texts[0]' -q")[0]) == (["tok"], texts(notebook)[:1])


def test_a_file_is_read_by_its_path(notebook, tmp_path):
    (tmp_path / "some.txt").write_text("a\nb\n")
    assert names(do(notebook, f"%tokens tok {tmp_path}/some.txt -q")[0]) == (["tok"], ["a", "b"])


@pytest.mark.parametrize(
    "line",
    [
        "tok dl",
        "dl",
        "dl tok",
        "whole",
        "tok whole",
        "tok --train dl",
        "tok --batch next(iter(dl))",
        "tok next(iter(dl))",
    ],
)
def test_a_loader_or_a_batch_is_shown_as_its_ids(notebook, line):
    answer, _ = do(notebook, f"%tokens {line} -q")
    assert names(answer)[0] == ["input_ids", "labels"]
    assert answer.shown.lines[0].readings[0].text == texts(notebook)[0][:9]


def test_a_greatest_length_cuts_and_the_flags_reach_the_twin(notebook):
    answer, _ = do(notebook, "%tokens tok texts --max-length 4 --rows 2 -q")
    assert answer.shown.limit == 4
    assert len(answer.shown.lines) == 2


def test_names_are_found_in_the_function_that_is_running(notebook):
    notebook.run_cell("def inside():\n    mine = ['abc']\n    %tokens tok mine -q -o got\n    return 1\ninside()")
    assert names(notebook.user_ns["got"])[1] == ["abc"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("nope texts", "there is no `nope` here"),
        ("tok texs", "there is no `texs` here; did you mean `texts`?"),
        ("tok texts --max-length 0", "--max-length is a whole number, 1 or more; 0 was given"),
        ("tok texts --rows -3", "--rows is a whole number, 1 or more; -3 was given"),
        ("tok texts --lenght 3", "%tokens has no --lenght; did you mean --max-length?"),
        ("tok stoi texts --against tok", "two tokenizers to compare with: `stoi` and `--against tok`"),
        ("tok stoi texts dl", "%tokens takes two tokenizers and texts at most; 4 words were given"),
        ("tok []", "`[]` is empty: it has no rows"),
        ("tok texts --column nope", "`texts` has no column `nope`; its columns are `text`"),
        ("tok texts --answer nope", "`texts` has no column `nope`; its columns are `text`"),
        ("tok texts --model tok", "`tok` is of type Letters; model takes a torch.nn.Module"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_one_line(notebook, line, told):
    assert refused(notebook, f"%tokens {line}") == told


def test_two_tokenizers_are_not_chosen_between(notebook):
    notebook.run_cell("del tok\nfirst, second = Letters(0), Letters(1)")
    told = refused(notebook, "%tokens texts")
    assert told == "2 tokenizers here: `first`, `second`; say which: %tokens second"


def test_an_autoencoder_encodes_and_is_no_tokenizer(notebook):
    notebook.run_cell(
        "class Vae(nn.Module):\n    def encode(self, x):\n        return x\n    decode = encode\n"
        "del tok, dl, rows, whole\nnet = Vae()"
    )
    assert refused(notebook, "%tokens texts").startswith("no tokenizer here: name it")
    assert names(do(notebook, "%tokens stoi texts -q")[0]) == (["stoi"], texts(notebook))


def test_without_anything_it_says_what_to_name(ip):
    assert refused(ip, "%tokens") == (
        "no tokenizer here: name it (`%tokens tok texts`), or bind it (`%bind tokenizer=tok`)"
    )


def test_a_tokenizer_that_raises_is_told_and_no_crash(notebook):
    answer, said = do(notebook, "def bad(text):\n    raise RuntimeError('no')\n%tokens bad texts")
    assert [line.failed for line in answer.shown.lines] == ["RuntimeError: no"] * 3
    assert "Traceback" not in said.stdout + said.stderr


def test_its_help_names_the_twin_and_tab_completes(notebook):
    with capture_output() as said:
        notebook.run_cell("%tokens?")
    assert "nbrecipe.show_tokens(tokenizer, texts)" in said.stdout + str([out.data for out in said.outputs])
    from nbrecipe.notebook.completion import complete

    assert "--max-length" in complete(notebook, notebook.magics_manager.registry["RecipeMagics"], "%tokens tok --m")[1]
    assert complete(notebook, notebook.magics_manager.registry["RecipeMagics"], "%tokens t")[1] == ["tok"]
    assert "tok" in complete(notebook, notebook.magics_manager.registry["RecipeMagics"], "%tokens --against t")[1]
