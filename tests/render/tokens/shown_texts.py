"""Texts as tokens, as the renderers get them: made with a tokenizer of whole words and one of bytes."""

from __future__ import annotations

import dataclasses
import re

import numpy as np

from nbrecipe.decoding.fed_ids import reading_of_ids
from nbrecipe.decoding.returned import back
from nbrecipe.decoding.tokenised import answered, compared, reading
from nbrecipe.pictures.tokens import Lengths, Line, Tokens, Voice
from nbrecipe.report import Report
from nbrecipe.tokens import Encoding, Ids, Specials, Tokenizer, open_tokenizer
from nbrecipe.tokens.roundtrip import round_trip
from nbrecipe.tokens.tokenizer import NOWHERE

EVIL = "<script>window.stolen = true</script><img src=x onerror='window.stolen = true'>&amp; \"quoted\""
#: texts that are hard to draw
HARD = {
    "html": EVIL,
    "Arabic": "السلام عليكم ورحمة الله",
    "mixed": "abc עברית def 日本語 Привет",
    "marks": "e\u0301 naïve क्षत्रिय नमस्ते",
    "emoji": "👩\u200d👩\u200d👧 🇩🇪 👍🏽!",
    "unseen": "zero\u200bwidth\ufeff\u00a0\u202eevil\u202c ا\u200cب",
    "controls": "tab\there\r\nline\x01\x7f\x85\u2028end",
    "spaces": "  two  spaces \n\n and lines ",
    "empty": "",
}
WORDS = ["<pad>", "<unk>", "<s>", "</s>", "the", "plot", "is", "not", "good", "fun", ",", ".", "السلام", "عليكم"]


class Words(Tokenizer):
    """Words and single signs by their place in a list, with a start and an end."""

    kind = "a table of words"
    size = len(WORDS)
    specials = Specials(0, 1, 2, 3, every=frozenset({0, 1, 2, 3}))

    def batch(self, texts, special=True):
        return Ids.of([self.encode(text, special).ids.tolist() for text in texts])

    def encode(self, text, special=True):
        found = [*re.finditer(r"\w+|[^\w\s]", text)]
        ids = [WORDS.index(one.group()) if one.group() in WORDS else 1 for one in found]
        ends = [(2, NOWHERE)], [(3, NOWHERE)]
        rows = [*(ends[0] if special else []), *zip(ids, (one.span() for one in found), strict=True),
                *(ends[1] if special else [])]  # fmt: skip
        spans = np.array([span for _, span in rows], np.int64).reshape(-1, 2)
        return Encoding(text, np.array([i for i, _ in rows], np.int64), spans, spans[:, 0] < 0)

    def decode(self, ids, special=True):
        return " ".join(WORDS[i] for i in ids if special or i not in (0, 2, 3))

    def piece(self, i):
        return WORDS[i] if i < len(WORDS) else None


class Bytes:
    """Bytes of UTF-8."""

    vocab_size = 256

    def encode(self, text):
        return list(text.encode("utf-8", "surrogatepass"))

    def decode(self, ids):
        return bytes(ids).decode("utf-8", "replace")


def words():
    return Words(None, "tok")


def raw():
    return open_tokenizer(Bytes(), "raw")


def voice(tokenizer, name=""):
    pieces = {}
    for i in range(tokenizer.size or 0):
        pieces[i] = tokenizer.piece(i) or ""
    return Voice(name or tokenizer.name, tokenizer.kind, pieces, tokenizer.specials.roles)


def texts(given, *tokenizers, limit=None, filled=False, **more):
    tokenizers = tokenizers or (words(),)
    lines = []
    for k, text in enumerate(given):
        readings = [reading(each, each.encode(text), limit=limit, filled=filled) for each in tokenizers]
        lines.append(Line(f"row {k}", tuple(compared(*readings) if len(readings) == 2 else readings)))
    return Tokens(tuple(voice(each) for each in tokenizers), tuple(lines), len(lines), limit=limit, **more)


def everything():
    """A page with all there is: cut off, padded, an answer that is lost, changes, a text that failed, numbers."""
    tokenizer = words()
    made = texts(["the plot is not good , the plot is fun .", "the fun", *HARD.values()], limit=8, filled=True)
    first = made.lines[0]
    reading_, _ = answered(first.readings[0], 31, 38)
    changed = reading(tokenizer, tokenizer.encode("the ☃ plot"), limit=8)
    lines = (
        dataclasses.replace(first, readings=(reading_,), lost="the answer is cut off", caption="good"),
        Line("row x", (dataclasses.replace(changed, back=back(round_trip(tokenizer, "the ☃ plot")), change="lost"),)),
        Line("row y", failed=f"ValueError: {EVIL}", given=EVIL),
        *made.lines[1:],
    )
    lengths = Lengths(np.arange(0, 22, 2), np.arange(10), 8)
    numbers = (("read", "**13 texts**"), ("beyond 8", "**31 %** of the texts lose something"), (EVIL, EVIL))
    return dataclasses.replace(made, lines=lines, numbers=numbers, lengths=lengths, notes=("a `note`",))


def batch():
    """Rows of ids with a mask, targets and an id that has no token."""
    tokenizer = words()
    lines = []
    for k, ids in enumerate(([2, 4, 5, 6, 7, 8, 3, 0, 0, 0], [2, 12, 13, 99, 3, 0, 0, 0, 0, 0])):
        ids = np.array(ids)
        labels = np.where((np.arange(10) > 3) & (ids > 0), ids, -100)
        pair = reading_of_ids(tokenizer, ids, ids > 0, labels), reading_of_ids(tokenizer, labels)
        lines.append(Line(f"row {k}", pair))
    return Tokens((voice(tokenizer, "input_ids"), voice(tokenizer, "labels")), tuple(lines), 2, "row")


def report():
    return Report("Tokens of `tok`", {}, note="your tokenizer is as it was")
