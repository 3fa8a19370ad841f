"""A text that is encoded and decoded again is the text.

Characters that a tokenizer drops without a word, a table of ids and one of words that do not belong together: what the
model reads, and what it writes, is not the text. What a tokenizer declares, lower case or another form of Unicode, is
no loss; white space and case are worth a look where they carry meaning, as in code. Words that are unknown are another
matter, and are left out here.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from difflib import SequenceMatcher
from typing import Any

import torch

from ... import toys
from ...batches import BadInput
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...scan.text import held
from ...scan.text.carried import equipped
from ...scan.text.reading import TextScan
from ...tokens.roundtrip import RoundTrip, round_trips

check = Check(__name__, tip="outputs of the tokenizer", cost="scan")

#: texts that are tried, and the fewest of which anything is said
TEXTS, FEWEST = 300, 5
#: share of the texts that lose letters or digits from which on a library's tokenizer is at fault
LOST = 0.01
#: share of the texts, and of the words in them, that come back as others where two tables do not belong together; so
#: much of a word is left of it by stemming
MOST, OTHERS, STEM = 0.9, 0.5, 0.5
#: tokenizers of libraries, which drop nothing by design
LIBRARIES = ("Hugging Face", "tokenizers", "tiktoken", "SentencePiece")


@check.run
def run(bench: Bench) -> Finding:
    scan = bench.once(equipped).once(held.train_text)
    sample = [one.text for one in scan.sample(TEXTS) if not one.is_cut and not one.unknown and one.text.strip()]
    if len(sample) < FEWEST:
        return skipped(f"{len(sample)} texts without unknown words are too few to try; {FEWEST} are enough")
    try:
        trips = [trip for trip in round_trips(scan.tokenizer, sample).of if trip is not None]
    except BadInput as lack:
        return skipped(str(lack))
    if len(trips) < FEWEST:
        return skipped("the ids of hardly any text can be decoded")
    lost = [trip for trip in trips if trip.kind == "lost" and _folded(trip.text) != _folded(trip.decoded)]
    return _of_lost(scan, trips, lost) if lost else _of_form(scan, trips)


def _of_lost(scan: TextScan, trips: list[RoundTrip], lost: list[RoundTrip]) -> Finding:
    """Texts that come back with something else than white space, case and accents changed."""
    share, first = len(lost) / len(trips), lost[0]
    seen: dict[str, Any] = {"texts": len(trips), "lost": len(lost)}
    others = [trip for trip in trips if _says_another(trip)]
    if len(others) >= MOST * len(trips):
        one = others[0]
        return bad(
            f"`{_brief(one.text)}` comes back as `{_brief(one.decoded)}`: in **{len(others)}** of {len(trips)} texts "
            "most words come back as others",
            fix="Decode with the very table that encodes.",
            code="itos = {i: piece for piece, i in stoi.items()}",
            others=len(others),
            **seen,
        )
    gone = sum((Counter(dict(trip.lost)) for trip in lost), Counter())
    letters = [letter for letter, _ in gone.most_common() if letter.isalnum()]
    told = (
        f"**{number(100 * share, 3)} %** of the {len(trips)} texts tried do not come back: `{_brief(first.text)}` as "
        f"`{_brief(first.decoded)}`" + (f"; gone are most often {_listed(gone)}" if gone else "")
    )
    dropping = sum(any(letter.isalnum() for letter in trip.lost) for trip in lost)
    library = scan.tokenizer.kind.startswith(LIBRARIES)
    if library and letters and dropping >= LOST * len(trips) and dropping > 1:
        return bad(
            told,
            fix="Give the tokenizer an unknown token or bytes to fall back to, and train it on these texts' alphabet.",
            why="characters without a token are dropped without a word",
            dropped=letters[:8],
            **seen,
        )
    why = "" if library else "punctuation, endings and rare words may be dropped on purpose"
    return hint(told, fix="See whether what is gone matters for the answer.", why=why, **seen)


def _of_form(scan: TextScan, trips: list[RoundTrip]) -> Finding:
    """Texts whose form alone changes."""
    kinds = Counter(trip.kind for trip in trips)
    changed = [trip for trip in trips if trip.kind in ("case", "lost") or (trip.kind == "space" and _lines(trip))]
    if changed and scan.tokenizer.kind.startswith("a table of words"):
        changed = [trip for trip in changed if trip.kind != "space"]  # words are cut at white space, whichever
    if changed:
        trip = changed[0]
        what = "lines and indentation" if trip.kind == "space" else "case or accents"
        return hint(
            f"in **{len(changed)}** of {len(trips)} texts {what} do not come back: `{_brief(trip.text)}` as "
            f"`{_brief(trip.decoded)}`",
            fix="See whether they matter for the answer, as in names or in code.",
            texts=len(trips),
            changed=len(changed),
        )
    exact = kinds["exact"] + kinds["declared"]
    if exact == len(trips):
        told = f"all **{exact}** texts tried come back as they were"
    else:
        told = f"**{exact}** of {len(trips)} texts tried come back as they were, and the others but for white space"
    return ok(told, texts=len(trips))


def _folded(text: str) -> str:
    """A text without what tells case, accents, forms of a character, white space and what has no width."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in plain if unicodedata.category(letter)[0] not in ("M", "Z", "C"))


def _says_another(trip: RoundTrip) -> bool:
    """Whether most words of a text come back as others: not shortened, left out, or moved."""
    said, back = trip.text.casefold(), trip.decoded.casefold()
    words = [[_folded(word) for word in text.split()] for text in (trip.text, trip.decoded)]
    if len(words[0]) == len(words[1]) > 2:
        pairs = zip(*words, strict=True)
        return sum(not _akin(one, other) for one, other in pairs) > OTHERS * len(words[0])
    other = [one != two for one, two in zip(said, back, strict=False)]
    return len(said) == len(back) > 2 and sum(other) > OTHERS * len(said)


def _akin(one: str, other: str) -> bool:
    """Whether one word may be what is left of the other."""
    return one == other or SequenceMatcher(None, one, other).ratio() > STEM


def _lines(trip: RoundTrip) -> bool:
    """Whether line breaks or indentation are gone, and not single spaces alone."""
    return any(trip.text.count(mark) != trip.decoded.count(mark) for mark in ("\n", "\t", "    "))


def _listed(gone: Counter[str]) -> str:
    return ", ".join(f"`{letter}` ({count} times)" for letter, count in gone.most_common(4))


def _brief(text: str, most: int = 60) -> str:
    line = " ".join(text.split("\n"))
    return line if len(line) <= most else line[: most - 1] + "…"


SAID = [f"the {thing} was {word}" for thing in ("soup", "bed", "view", "bill") for word in ("good", "cold", "awful")]
LETTERS = sorted(set("".join(SAID)))


class Alphabet:
    """Letters by number; `off` is how far the way back is off."""

    def __init__(self, off: int = 0) -> None:
        self.off = off

    def encode(self, text: str) -> list[int]:
        """Ids of letters."""
        return [LETTERS.index(letter) for letter in text]

    def decode(self, ids: list[int]) -> str:
        """Letters of ids."""
        return "".join(LETTERS[(i + self.off) % len(LETTERS)] for i in ids)


def _texts(tokenizer: Any, said: list[str] = SAID) -> Bench:
    rows: Any = [{"text": text, "label": i % 2} for i, text in enumerate(said)]
    return Bench(train_data=rows, tokenizer=tokenizer)


@check.breaks
def two_tables_that_differ() -> Bench:
    """The way back is off by one."""
    return _texts(Alphabet(off=1))


@check.holds
def characters() -> Bench:
    """A table of characters."""
    return _texts({letter: i for i, letter in enumerate(LETTERS)})


@check.holds
def words_at_spaces() -> Bench:
    """A table of words, which makes one space of two."""
    words = sorted({word for text in SAID for word in text.split()})
    return _texts({word: i for i, word in enumerate(words)}, [text.replace(" ", "  ", 1) for text in SAID])


@check.holds
def a_pair_of_functions() -> Bench:
    """Encode and decode of one object."""
    return _texts(Alphabet())


@check.holds
def a_text_that_is_predicted() -> Bench:
    """Data that hold ids alone have no text to try."""
    given = toys.next_token(tokenizer={chr(97 + i): i for i in range(24)})
    said = ["".join(chr(97 + i) for i in row) for row in torch.randint(24, (9, 12), generator=toys.seeded()).tolist()]
    return given.replace(train_loader=None, train_data=[{"text": text} for text in said])
