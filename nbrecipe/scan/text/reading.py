"""Goes through the texts of a data set with a tokenizer, part by part, and keeps what was read when it is stopped."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...batches import BadInput
from ...tokens import Ids, Tokenizer, open_tokenizer
from ..counts.sample import places
from ..plan import Plan, plan_of
from ..sources.source import Source
from .chunks import Chunk, chunks, gathered
from .ends import Text
from .lengths import Beyond, Lengths
from .opening import open_texts, text_column
from .part import Counting, Failed, TextPart
from .running import gone_through
from .vocabulary import Vocabulary

#: letters of a text that failed that are kept
BRIEF = 200
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class TextScan:
    """What a tokenizer makes of the texts of a data set, and how much of it was read."""

    source: Source
    #: the column that was read
    column: str
    tokenizer: Tokenizer
    part: TextPart
    #: the greatest length that is allowed, special tokens included; None where nothing says so
    limit: int | None = None
    seconds: float = 0.0
    #: whether every row was read, and else why not: "interrupted", "after 20 s"
    whole: bool = False
    stopped: str = ""
    #: what the classes are called, by label
    names: dict[Any, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """How the user calls the data."""
        return self.source.name

    @property
    def rows(self) -> int:
        """Rows that were read, whether their texts could be encoded or not."""
        return self.part.met

    @property
    def extent(self) -> str:
        """How much was read, in words: "5000 texts", "the first 1200 of 10000 texts"."""
        return self.source.extent(self.rows, self.whole, "text")

    @property
    def texts(self) -> int:
        """Texts that were encoded."""
        return self.part.texts

    @property
    def failed(self) -> tuple[Failed, ...]:
        """The first rows that could not be read or encoded; `part.failed` is how many there are."""
        return tuple(self.part.named)

    @property
    def tokens(self) -> int:
        """Tokens of all texts, special ones too."""
        return self.part.lengths.total

    @property
    def lengths(self) -> Lengths:
        """Texts by their tokens, special ones too."""
        return self.part.lengths

    @property
    def ids(self) -> Vocabulary:
        """How often each id stands."""
        return self.part.ids

    @property
    def unknown(self) -> int | None:
        """Unknown tokens in all texts; None where the tokenizer has no id for them alone."""
        return self.part.unknown.total if Counting(self.tokenizer).unknown is not None else None

    @property
    def unknown_texts(self) -> int:
        """Texts with an unknown token."""
        return self.texts - self.part.unknown.counts[0]

    @property
    def fallen(self) -> int:
        """Tokens that are a lone byte, fallen back to for want of a token."""
        return self.part.fallen.total

    @property
    def per_word(self) -> float | None:
        """Tokens of the text to a word, over texts in scripts with spaces; None where there are no words."""
        return self.part.word_tokens / self.part.words if self.part.words else None

    @property
    def per_byte(self) -> float | None:
        """Tokens of the text to a byte of UTF-8; None where there are none."""
        return self.part.own.total / self.part.bytes if self.part.bytes else None

    @property
    def cut(self) -> Beyond | None:
        """What is longer than the limit; None where there is no limit."""
        return None if self.limit is None else self.lengths.beyond(self.limit)

    @property
    def longest(self) -> tuple[Text, ...]:
        """The texts with most tokens."""
        return self.part.longest.texts

    @property
    def oddest(self) -> tuple[Text, ...]:
        """The texts with most unknown tokens and lone bytes."""
        return self.part.oddest.texts

    def sample(self, most: int | None = None) -> tuple[Text, ...]:
        """Texts drawn uniformly, in the order of the rows; as many as are kept, or at most so many of them."""
        block = self.part.sample.block()
        if not len(block):
            return ()
        numbers = [block.rows, *(block.columns[name] for name in ("text", "tokens", "unknown", "bytes", "letters"))]
        plain = [values.tolist() if isinstance(values, np.ndarray) else values for values in numbers]
        texts = [Text(*one) for one in zip(*plain, strict=True)]
        return tuple(texts) if most is None else tuple(_drawn(texts, block.rows, most))


def text_scan(
    data: Any,
    tokenizer: Any,
    *,
    column: str | None = None,
    label: Any = None,
    name: str = "the texts",
    limit: int | None = None,
    special: bool = True,
    most: int | None = None,
    seconds: float | None = None,
    seen: Callable[[int], None] = lambda rows: None,
) -> TextScan:
    """Encode every text once, to the last row, or to `most` rows or `seconds`; `seen` is told the rows, now and then.

    `data` is a list of texts, a data set, loader, frame or path, or a Source; `column` says which column where several
    hold texts. `limit` is the greatest length allowed, else what the tokenizer declares; with `special`, the tokenizer
    adds its special tokens. An interrupt ends the reading and keeps what was read. Raises BadInput where there is no
    tokenizer or no text to be had.
    """
    start = time.monotonic()
    opened = open_tokenizer(tokenizer)
    if not opened.encodes:
        raise BadInput(f"{opened.name} reads ids and makes none: give the tokenizer that made them")
    source = open_texts(data, name, label=label)
    plan = plan_of(source)
    read, counting = text_column(source, column, plan), Counting(opened)
    found = chunks(source, plan, read, most)
    part, stopped = gone_through(found, lambda chunk: _encoded(counting, chunk, special), TextPart, seconds, seen)
    stopped = stopped or source.changed()
    if not part.met and not stopped:
        raise BadInput(f"`{source.name}` gives its rows only once: a second reading finds none; make its iterator anew")
    whole = part.met >= source.length if source.length is not None else not stopped and part.met != most
    limit = opened.limit if limit is None else limit
    spent = time.monotonic() - start
    return TextScan(source, read, opened, part, limit, spent, whole, stopped, dict(source.names))


def text_part(source: Source, plan: Plan, column: str, counting: Counting, start: int, stop: int) -> TextPart:
    """One part by itself, as a worker reads it."""
    part = TextPart()
    for chunk in gathered(source.blocks(start, stop), plan, column):
        _encoded(counting, chunk)(part)
    return part


def _encoded(counting: Counting, chunk: Chunk, special: bool = True) -> Callable[[TextPart], None]:
    """A chunk as ids, ready to be counted in; what failed is told in the order of the rows."""
    rows, texts, labels = chunk.rows, chunk.texts, chunk.labels
    failed = [_failed(int(rows[i]), text) for i, text in enumerate(texts) if not isinstance(text, str)]
    if failed:
        rows, texts, labels = _kept(rows, texts, labels, [i for i, text in enumerate(texts) if isinstance(text, str)])
    ids = counting.tokenizer.ids(texts, special)
    if ids.failed:
        failed += [Failed(int(rows[i]), why, texts[i][:BRIEF]) for i, why in ids.failed.items()]
        good = [i for i in range(len(texts)) if i not in ids.failed]
        rows, texts, labels = _kept(rows, texts, labels, good)
        ids = Ids(ids.values, ids.lengths[good])

    def count(part: TextPart) -> None:
        part.fail(sorted([*failed, *chunk.unread], key=lambda one: one.row))
        counting.add(part, rows, texts, ids, labels)

    return count


def _kept(
    rows: Array, texts: list[Any], labels: list[Hashable], places: list[int]
) -> tuple[Array, list[Any], list[Hashable]]:
    return rows[places], [texts[i] for i in places], [labels[i] for i in places] if labels else []


def _failed(row: int, value: Any) -> Failed:
    """Why a value is no text; what is missing may be None or NaN, by what stands beside it."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return Failed(row, "is missing")
    number = isinstance(value, (bool, int, float))
    return Failed(row, "is a number" if number else f"is no text but {type(value).__name__}")


def _drawn(texts: list[Text], rows: Array, most: int) -> list[Text]:
    order = np.argsort(places(rows), kind="stable")[:most]
    return [texts[i] for i in np.sort(order).tolist()]
