"""What a tokenizer is to us: texts to ids and back, its special ids, and what it declares about itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from .failing import no_text, reason

#: texts that are tried together where one among many cannot be encoded
TOGETHER = 32
#: what a token stands at that stands for no part of the text
NOWHERE = (-1, -1)


@dataclass(frozen=True)
class Specials:
    """The ids that have a role; None where the tokenizer has none of it."""

    padding: int | None = None
    unknown: int | None = None
    begin: int | None = None
    end: int | None = None
    classify: int | None = None
    separate: int | None = None
    mask: int | None = None
    #: these and all others that stand for no text
    every: frozenset[int] = frozenset()

    @cached_property
    def roles(self) -> dict[int, str]:
        """The role of each id in words: one id may have two, "end, padding"."""
        named = {
            "unknown": self.unknown, "begin": self.begin, "end": self.end, "classify": self.classify,
            "separate": self.separate, "mask": self.mask, "padding": self.padding,
        }  # fmt: skip
        told: dict[int, str] = {}
        for role, i in named.items():
            if i is not None:
                told[i] = f"{told[i]}, {role}" if i in told else role
        return told


@dataclass(frozen=True)
class Encoding:
    """One text as tokens; `spans` are the characters of the text that each stands for, NOWHERE for none."""

    text: str
    ids: np.ndarray  # (T,) of int64
    spans: np.ndarray  # (T, 2) of int64: first character and the one behind the last; (-1, -1) for none
    special: np.ndarray  # (T,) of bool: put in by the tokenizer, not by the text


@dataclass(frozen=True)
class Ids:
    """Many texts as ids, end to end; a text that could not be encoded has length 0 and stands in `failed`."""

    values: np.ndarray  # (total,) of int64
    lengths: np.ndarray  # (texts,) of int64
    #: place of the text → why it could not be encoded, in one line
    failed: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Iterable[Sequence[int]], failed: Mapping[int, str] | None = None) -> Ids:
        """From one row of ids for each text."""
        rows = list(rows)
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        if rows and all(type(row) is np.ndarray for row in rows):
            return cls(np.concatenate(rows).astype(np.int64, copy=False), lengths, failed or {})
        values = array("q")
        for row in rows:
            if type(row) is list:
                values.fromlist(row)  # twice as fast as anything that iterates
            else:
                values.extend(array("q", row))
        return cls(np.frombuffer(values, np.int64) if values else np.zeros(0, np.int64), lengths, failed or {})

    @property
    def ends(self) -> np.ndarray:
        """Where each text ends in `values`."""
        return np.cumsum(self.lengths)

    def rows(self) -> list[np.ndarray]:
        """The ids of each text."""
        return np.split(self.values, self.ends[:-1]) if len(self.lengths) else []


class Tokenizer(ABC):
    """One face for every kind of tokenizer; the user's own object stays as it is, its padding and truncation too."""

    #: what kind it is, in words: "Hugging Face (fast)", "tiktoken", "a table of words", …
    kind: str = ""
    #: whether it makes ids of texts; a bare table of pieces may only read them
    encodes: bool = True
    #: whether it makes text of ids; a lone function to ids does not
    decodes: bool = True

    def __init__(self, given: Any, name: str = "the tokenizer") -> None:
        self.given = given
        self.name = name

    @staticmethod
    def takes(given: Any) -> bool:
        """Whether the user's object is of this kind, by what it can do."""
        return False

    @property
    @abstractmethod
    def size(self) -> int | None:
        """One more than the highest id it may give, added tokens too; None where it does not say."""

    @cached_property
    def specials(self) -> Specials:
        """Its special ids."""
        return Specials()

    @property
    def limit(self) -> int | None:
        """The greatest length that it declares, special tokens included; None where it declares none."""
        return None

    @property
    def side(self) -> str | None:
        """Where it puts padding, "left" or "right"; None where it does not say."""
        return None

    @abstractmethod
    def batch(self, texts: Sequence[str], special: bool = True) -> Ids:
        """The ids of many texts at the tokenizer's own speed, uncut and unpadded; raises as the tokenizer does."""

    @abstractmethod
    def encode(self, text: str, special: bool = True) -> Encoding:
        """One text with the place of each token in it, uncut and unpadded; raises as the tokenizer does."""

    @abstractmethod
    def decode(self, ids: Sequence[int], special: bool = True) -> str:
        """The text of the ids; special tokens are written out where `special`, left out else."""

    def decoded(self, ids: Ids, special: bool = True) -> list[str | None]:
        """The text of each row of ids; None for what cannot be decoded."""
        return [self._said(row, special) for row in ids.rows()]

    def _said(self, row: np.ndarray, special: bool) -> str | None:
        try:
            return self.decode(row.tolist(), special)
        except Exception:  # the user's code: an id that it does not know
            return None

    @abstractmethod
    def piece(self, i: int) -> str | None:
        """The id's entry in the vocabulary as it stands there ("Ġthe", "##ing", "▁a"); None for an id that has none."""

    def spelled(self, i: int) -> str | None:
        """The text that the id stands for, with its spaces (" the", "##ing"); bytes that are none as "<0xF0>"."""
        return self.piece(i)

    def normalised(self, text: str) -> str:
        """What it declares to make of a text before it is cut up: case, Unicode form, accents."""
        return text

    def is_byte(self, i: int) -> bool:
        """Whether the id stands for a lone byte that was fallen back to for want of a token."""
        return False

    def ids(self, texts: Sequence[Any], special: bool = True) -> Ids:
        """As `batch`, where some texts are no strings or cannot be encoded: those are told, the rest encoded."""
        if all(type(text) is str for text in texts):
            found = self._tried(texts, special)
            if isinstance(found, Ids):
                return found
        rows: list[Sequence[int]] = []
        failed: dict[int, str] = {}
        for start in range(0, len(texts), TOGETHER):
            some = texts[start : start + TOGETHER]
            found = self._tried(some, special) if all(type(text) is str for text in some) else ""
            if isinstance(found, Ids):
                rows += found.rows()  # type: ignore[arg-type]
                continue
            for place, text in enumerate(some, start):
                one = self._tried([str(text)], special) if isinstance(text, str) else no_text(text)
                rows.append(one.values if isinstance(one, Ids) else ())  # type: ignore[arg-type]
                if not isinstance(one, Ids):
                    failed[place] = one
        return Ids.of(rows, failed)

    def _tried(self, texts: Sequence[str], special: bool) -> Ids | str:
        """Their ids; why they cannot be encoded where they cannot."""
        try:
            return self.batch(texts, special)
        except BaseException as error:
            why = reason(error, texts[0] if len(texts) == 1 else "")
            if why:
                return why
            raise
