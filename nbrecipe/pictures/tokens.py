"""Texts as their tokens: what each stands for, what is cut off, padded or masked, and what comes back of the text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

#: what is said of a token; a token may be several of these
SPECIAL, PADDING, UNKNOWN, BYTE, CUT, UNSEEN, COUNTED, APART, MISSING = (1 << k for k in range(9))
#: an id that stands for "no target here", as torch's losses have it
IGNORED = -100


@dataclass(frozen=True)
class Reading:
    """A text as one tokenizer reads it, or one row of ids as it goes into a model.

    Spans lie end to end over the text. Each holds the tokens that share its characters; one of no width holds tokens
    that stand for no characters, one without tokens is text that no token stands for.
    """

    text: str
    #: (S,) where each span ends in the text, and after how many tokens
    ends: np.ndarray
    last: np.ndarray
    #: (T,) of int64, in the order of the spans
    ids: np.ndarray
    #: (T,) of uint16, of the marks above
    marks: np.ndarray
    #: (T,) the place of each token in the row; None where that is the order of the spans
    places: np.ndarray | None = None
    #: (T,) the target at each token, IGNORED where there is none
    labels: np.ndarray | None = None
    #: what decoding gives, in pieces of "same", "gone" and "new"; empty where it is the text
    back: tuple[tuple[str, str], ...] = ()
    #: how that differs: "lost", or in "space" or "case" alone
    change: str = ""
    #: why the tokenizer makes no ids of the text, of which there are no spans then; or no text of its ids
    failed: str = ""

    @classmethod
    def none(cls, why: str) -> Reading:
        """What stands for the text where the tokenizer cannot read it and another can."""
        nothing = np.zeros(0, np.int64)
        return cls("", nothing, nothing, nothing, np.zeros(0, np.uint16), failed=why)

    def count(self, mark: int) -> int:
        """Tokens with this mark."""
        return int(np.count_nonzero(self.marks & mark))

    @property
    def length(self) -> int:
        """Tokens without padding."""
        return len(self.ids) - self.count(PADDING)

    @property
    def starts(self) -> np.ndarray:
        """(S,) where each span begins in the text."""
        return np.concatenate([[0], self.ends[:-1]]) if len(self.ends) else self.ends


@dataclass(frozen=True)
class Line:
    """One text, as one or two tokenizers read it; or one row of a batch, its inputs and its targets."""

    name: str
    readings: tuple[Reading, ...] = ()
    #: why there are none, and what stands there instead; what one tokenizer of two cannot read stands in its reading
    failed: str = ""
    given: str = ""
    #: characters of the text that are the answer, and whether tokens of it are cut off: "all", "part" or ""
    answer: tuple[int, int] | None = None
    lost: str = ""
    caption: str = ""


@dataclass(frozen=True)
class Voice:
    """Who reads: a tokenizer, or a tensor of a batch; and what its ids are called."""

    name: str
    #: "Hugging Face (fast), 30522 ids"
    told: str = ""
    #: id → its entry in the vocabulary, of those that occur; and id → its role in words
    pieces: Mapping[int, str] = field(default_factory=dict)
    roles: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Lengths:
    """How long texts are in tokens: edges of bars, texts in each, and the length that is allowed."""

    edges: np.ndarray
    counts: np.ndarray
    limit: int | None = None


@dataclass(frozen=True)
class Tokens:
    """Everything that is shown of texts and their tokens, but for the findings."""

    voices: tuple[Voice, ...]
    lines: tuple[Line, ...]
    #: texts that there are; lines are the first of them
    total: int = 0
    #: what a line is: "text" or "row"
    kind: str = "text"
    limit: int | None = None
    #: name and value of what was counted over all texts
    numbers: tuple[tuple[str, str], ...] = ()
    lengths: Lengths | None = None
    notes: tuple[str, ...] = ()
