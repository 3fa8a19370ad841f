"""What a tokenizer makes of some texts, counted; parts merge, in the order of their rows, to what the whole gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...tokens import Ids, Tokenizer
from ..columns.block import Block, Values
from ..counts.sample import Sample
from .ends import Ends, Text
from .lengths import Lengths
from .unknown import Frequent, Memory, lost
from .vocabulary import Vocabulary, frequencies
from .writing import written

#: texts that are kept as a sample, letters of a text that are, and texts that failed or are empty that are named
SAMPLE, LONG, NAMED = 2000, 1 << 14, 50
#: labels beyond which lengths are not counted for each
LABELS = 1000
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Failed:
    """A row that could not be read, is no text, or could not be encoded."""

    row: int
    why: str
    #: the text where there is one, its first letters
    text: str = ""


@dataclass
class TextPart:
    """Texts counted; plain data that can be sent to another process."""

    #: texts that were encoded
    texts: int = 0
    failed: int = 0
    named: list[Failed] = field(default_factory=list)
    #: texts without a letter that is no space, and the first of them
    blank: int = 0
    blank_rows: list[int] = field(default_factory=list)
    letters: int = 0
    bytes: int = 0
    #: words, and the tokens of the texts that they were counted in; texts in scripts without spaces have none
    words: int = 0
    word_tokens: int = 0
    unspaced: int = 0
    #: tokens of each text, special ones too, and those that stand for the text alone
    lengths: Lengths = field(default_factory=Lengths)
    own: Lengths = field(default_factory=Lengths)
    ids: Vocabulary = field(default_factory=Vocabulary)
    #: by role of a special token ("begin", "end", ...): texts by how many they have
    special: dict[str, Lengths] = field(default_factory=dict)
    #: how often each id that a table may have is the first or the last of a text
    first: Counter[int] = field(default_factory=Counter)
    last: Counter[int] = field(default_factory=Counter)
    #: texts whose first two tokens are one special token
    doubled: int = 0
    #: texts by how many unknown tokens they have, and by how many lone bytes
    unknown: Lengths = field(default_factory=Lengths)
    fallen: Lengths = field(default_factory=Lengths)
    unknown_words: Frequent = field(default_factory=Frequent)
    unknown_letters: Frequent = field(default_factory=Frequent)
    #: tokens of the texts of each label; None where there are too many labels
    labels: dict[Hashable, Lengths] | None = field(default_factory=dict)
    longest: Ends = field(default_factory=Ends)
    oddest: Ends = field(default_factory=Ends)
    sample: Sample = field(default_factory=lambda: Sample(SAMPLE))

    @property
    def met(self) -> int:
        """Rows that were met."""
        return self.texts + self.failed

    def merge(self, later: Any) -> None:
        """Count in what another part, of later rows, has counted."""
        for name in ("texts", "failed", "blank", "letters", "bytes", "words", "word_tokens", "unspaced", "doubled"):
            setattr(self, name, getattr(self, name) + getattr(later, name))
        for name in ("lengths", "own", "ids", "unknown", "fallen", "unknown_words", "unknown_letters", "longest",
                     "oddest", "sample"):  # fmt: skip
            getattr(self, name).merge(getattr(later, name))
        self.named = (self.named + later.named)[:NAMED]
        self.blank_rows = (self.blank_rows + later.blank_rows)[:NAMED]
        self.first.update(later.first)
        self.last.update(later.last)
        for role, counts in later.special.items():
            self.special.setdefault(role, Lengths()).merge(counts)
        if self.labels is None or later.labels is None:
            self.labels = None
            return
        for label, lengths in later.labels.items():
            self.labels.setdefault(label, Lengths()).merge(lengths)
        self._few_labels()

    def fail(self, found: Sequence[Failed]) -> None:
        """Keep note of what was not counted."""
        self.failed += len(found)
        self.named += found[: NAMED - len(self.named)]

    def _few_labels(self) -> None:
        if self.labels is not None and len(self.labels) > LABELS:
            self.labels = None


class Counting:
    """Counts texts into parts, with what one tokenizer says of its ids."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        special = tokenizer.specials
        others = {i for role, i in roles(tokenizer).items() if role != "unknown"}
        self.roles = roles(tokenizer)
        #: the id of unknown tokens, where it has no other role
        self.unknown = special.unknown if special.unknown not in others else None
        self._put = np.array(sorted(special.every - {self.unknown}), np.int64)
        #: what is known of each id: -1 nothing yet, 1 special, 2 unknown, 4 a lone byte
        self._marks = np.full(0, -1, np.int8)
        self._memory = Memory(self._is_unknown)

    def add(self, part: TextPart, rows: Array, texts: Sequence[str], ids: Ids, labels: Sequence[Hashable] = ()) -> None:
        """Count in texts that were encoded, all of them."""
        if not len(texts):
            return
        lengths, ends = ids.lengths, ids.ends
        marks = self._marked(ids.values)
        put, unknown, fallen = (_within((marks & bit) != 0, ends) for bit in (1, 2, 4))
        seen = written(texts)
        part.texts += len(texts)
        blank = np.flatnonzero((seen.words == 0) & ~seen.unspaced)
        part.blank += len(blank)
        part.blank_rows += rows[blank[: NAMED - len(part.blank_rows)]].tolist()
        part.letters, part.bytes = part.letters + int(seen.letters.sum()), part.bytes + int(seen.bytes.sum())
        part.words += int(seen.words.sum())
        part.word_tokens += int((lengths - put)[~seen.unspaced].sum())
        part.unspaced += int(seen.unspaced.sum())
        for counts, values in ((part.lengths, lengths), (part.own, lengths - put), (part.unknown, unknown)):
            counts.add(values)
        part.fallen.add(fallen)
        part.ids.add(ids.values, np.repeat(rows, lengths))
        self._ends(part, ids.values, lengths, ends)
        if unknown.any():
            words, letters = lost([texts[i] for i in np.flatnonzero(unknown).tolist()], self._memory)
            part.unknown_words.add(words)
            part.unknown_letters.add(letters)
        _label(part, lengths, labels)
        self._keep(part, rows, texts, seen.letters, lengths, unknown, fallen)

    def _ends(self, part: TextPart, values: Array, lengths: Array, ends: Array) -> None:
        for role, i in self.roles.items():
            part.special.setdefault(role, Lengths()).add(_within(values == i, ends))
        some = lengths > 0
        starts = (ends - lengths)[some]
        for counts, found in ((part.first, values[starts]), (part.last, values[ends[some] - 1])):
            counts.update(frequencies(found))
        two = (ends - lengths)[lengths > 1]
        part.doubled += int(((values[two] == values[two + 1]) & np.isin(values[two], self._put)).sum())

    def _keep(self, part: TextPart, rows: Array, texts: Sequence[str], letters: Array, *numbers: Array) -> None:
        """Take what belongs into the sample and among the longest and the oddest."""
        brief = [text[:LONG] for text in texts] if int(letters.max()) > LONG else list(texts)
        lengths, unknown, fallen = numbers

        def text(i: int) -> Text:
            return Text(int(rows[i]), brief[i], int(lengths[i]), int(unknown[i]), int(fallen[i]), int(letters[i]))

        part.longest.add(lengths, rows, text)
        odd = unknown + fallen
        if odd.any():
            part.oddest.add(odd, rows, text)
        columns: dict[str, Values] = {
            "text": brief,
            "tokens": lengths,
            "unknown": unknown,
            "bytes": fallen,
            "letters": letters,
        }
        part.sample.add(Block(rows, columns))

    def _marked(self, values: Array) -> Array:
        """What is known of each id; ids that are seen for the first time are asked for."""
        if not len(values):
            return np.zeros(0, np.int8)
        inside = values if int(values.min()) >= 0 and int(values.max()) < _TABLE else np.clip(values, 0, _TABLE)
        if int(inside.max()) >= len(self._marks):
            more = np.full(min(_TABLE + 1, 2 * int(inside.max()) + 1), -1, np.int8)
            more[: len(self._marks)] = self._marks
            self._marks = more
        marks = self._marks[inside]
        if (marks < 0).any():
            for i in np.unique(inside[marks < 0]).tolist():
                self._marks[i] = self._mark(i)
            marks = self._marks[inside]
        return marks

    def _mark(self, i: int) -> int:
        if i == self.unknown:
            return 2
        if i in self.tokenizer.specials.every:
            return 1
        try:
            return 4 if i < _TABLE and self.tokenizer.is_byte(i) else 0
        except Exception:  # an id that its table does not have
            return 0

    def _is_unknown(self, words: Sequence[str]) -> list[bool]:
        ids = self.tokenizer.ids(words, special=False)
        return (_within(ids.values == self.unknown, ids.ends) > 0).tolist()  # type: ignore[no-any-return]


#: ids from which on nothing is known
_TABLE = 1 << 22


def roles(tokenizer: Tokenizer) -> dict[str, int]:
    """The id of each role that the tokenizer has one for."""
    special = tokenizer.specials
    named = ("padding", "unknown", "begin", "end", "classify", "separate", "mask")
    return {name: i for name in named if (i := getattr(special, name)) is not None}


def _label(part: TextPart, lengths: Array, labels: Sequence[Hashable]) -> None:
    if not len(labels) or part.labels is None:
        return
    groups: dict[Hashable, list[int]] = {}
    for length, label in zip(lengths.tolist(), labels, strict=True):
        if label is not None:
            groups.setdefault(label, []).append(length)
    for label, found in groups.items():
        part.labels.setdefault(label, Lengths()).counts.update(found)
    part._few_labels()


def _within(found: Array, ends: Array) -> Array:
    """How many there are in each text."""
    if not found.any():
        return np.zeros(len(ends), np.int64)
    before = np.concatenate([[0], np.cumsum(found)])
    stops = before[ends]
    return np.diff(stops, prepend=0)
