"""The words and letters that a tokenizer has no token for, the most frequent ones, found without asking where.

A word is encoded by itself, once, and counted wherever it stands in a text that has an unknown token; of an unknown
word the letters are told that are unknown by themselves. Counts are exact as long as there are few; many are followed
by the frequent-items sketch of Apache DataSketches, whose counts are no more than the true ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from ..counts.sketches import frequent_items, frequent_merged, library

#: log2 of the words that are followed once they are more than wait; letters of a word that are kept
FOLLOWED, WAITING, LONGEST = 15, 1 << 16, 64
#: words whose answer is remembered
REMEMBERED = 1 << 17
#: gives, for texts, whether each has an unknown token
Asked = Callable[[Sequence[str]], Iterable[bool]]


@dataclass
class Frequent:
    """How often what stands, at least; exact for few different things; parts merge in the order of the rows."""

    _waiting: Counter[str] = field(default_factory=Counter)
    _sketch: bytes = b""

    def add(self, counts: Counter[str]) -> None:
        """Count in."""
        self._waiting.update(counts)
        if len(self._waiting) > WAITING:
            self._settle()

    def merge(self, later: Frequent) -> None:
        """Count in what stands in later rows."""
        if later._sketch:
            self._settle()
            later._settle()
            self._sketch = frequent_merged(self._sketch, later._sketch)
        else:
            self.add(later._waiting)

    @property
    def exact(self) -> bool:
        """Whether every count is the true one."""
        return not self._sketch

    def most(self, count: int) -> list[tuple[str, int]]:
        """The most frequent and how often each stands, at least."""
        if self.exact:
            return sorted(self._waiting.items(), key=lambda one: (-one[1], one[0]))[:count]
        self._settle()
        return frequent_items(self._sketch)[:count]

    def _settle(self) -> None:
        if not self._waiting:
            return
        sketch = library().frequent_strings_sketch(FOLLOWED)
        for word, count in self._waiting.items():
            sketch.update(word.encode("utf-8", "replace").decode(), count)
        self._waiting = Counter()
        self._sketch = frequent_merged(self._sketch, sketch.serialize())


class Memory:
    """Which words and letters have an unknown token by themselves, each asked once."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._known: dict[str, bool] = {}

    def unknown(self, words: Iterable[str]) -> set[str]:
        """Those of these that are unknown."""
        words = list(words)
        if len(self._known) > REMEMBERED:
            self._known = {}
        new = [word for word in words if word not in self._known]
        self._known.update(zip(new, self._asked(new), strict=True) if new else ())
        return {word for word in words if self._known[word]}


def lost(texts: Sequence[str], memory: Memory) -> tuple[Counter[str], Counter[str]]:
    """The unknown words of texts with unknown tokens, and the unknown letters, with how often each stands."""
    joined = "\n".join(texts)
    words = Counter(joined.split())
    unknown = memory.unknown(words)
    spaces = {letter: joined.count(letter) for letter in set(joined) if letter.isspace()}
    spaces["\n"] = spaces.get("\n", 0) - (len(texts) - 1)
    standing = {letter for letter, count in spaces.items() if count > 0}
    odd = memory.unknown(sorted({letter for word in unknown for letter in word} | standing))
    letters = Counter({letter: spaces[letter] for letter in standing & odd})
    for word in unknown:
        for letter in word:
            if letter in odd:
                letters[letter] += words[word]
    brief: Counter[str] = Counter()
    for word in unknown:
        brief[word[:LONGEST]] += words[word]
    return brief, letters
