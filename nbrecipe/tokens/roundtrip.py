"""A text there and back: what of it is gone after it was encoded and decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from ..batches import BadInput
from .bytewise import SPACE
from .differing import Piece, pieces
from .tokenizer import Ids, Tokenizer

#: from the best to the worst; each but the last says that nothing worse than itself happened
Kind = Literal["exact", "declared", "space", "case", "lost"]


@dataclass(frozen=True)
class RoundTrip:
    """A text and what decoding its ids gives.

    `kind` is "exact"; "declared" where it is what the tokenizer declares to make of the text; "space" and "case" where
    white space, and upper and lower case, are all that differs beyond that; "lost" for anything else.
    """

    text: str
    decoded: str
    kind: Kind
    #: characters other than white space that stand less often in `decoded`, and how many of each; only where "lost"
    lost: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """The differences in order: both texts, cut where one differs from the other."""
        return pieces(self.text, self.decoded)


@dataclass(frozen=True)
class RoundTrips:
    """Those of many texts; None for a text that stands in `failed` with the reason."""

    of: tuple[RoundTrip | None, ...]
    failed: Mapping[int, str] = field(default_factory=dict)


def round_trip(tokenizer: Tokenizer, text: str) -> RoundTrip:
    """There and back, without the special tokens that a tokenizer puts in; raises as the tokenizer does.

    Raises BadInput where there is no way back from ids.
    """
    _decodes(tokenizer)
    ids = tokenizer.batch([text], special=False).values.tolist()
    return compared(tokenizer, text, tokenizer.decode(ids))


def round_trips(tokenizer: Tokenizer, texts: Sequence[Any], ids: Ids | None = None) -> RoundTrips:
    """There and back for many; `ids` are those of the texts where they are known, without special tokens.

    What fails, fails alone. Raises BadInput where there is no way back from ids.
    """
    _decodes(tokenizer)
    ids = tokenizer.ids(texts, special=False) if ids is None else ids
    failed = dict(ids.failed)
    decoded = tokenizer.decoded(ids)
    trips: list[RoundTrip | None] = []
    for place, (text, said) in enumerate(zip(texts, decoded, strict=True)):
        if place in failed:
            trips.append(None)
        elif said is None:
            failed[place] = "its ids cannot be decoded"
            trips.append(None)
        else:
            trips.append(compared(tokenizer, text, said))
    return RoundTrips(tuple(trips), failed)


def compared(tokenizer: Tokenizer, text: str, decoded: str) -> RoundTrip:
    """A text and what became of it."""
    if decoded == text:
        return RoundTrip(text, decoded, "exact")
    declared = _plain(tokenizer.normalised(text), text)
    if decoded in (declared, declared.removeprefix(" ")):
        return RoundTrip(text, decoded, "declared")
    said, meant = _bare(decoded), (_bare(text), _bare(declared))
    if said in meant:
        return RoundTrip(text, decoded, "space")
    if said.lower() in [one.lower() for one in meant]:
        return RoundTrip(text, decoded, "case")
    return RoundTrip(text, decoded, "lost", _lost(tokenizer, declared, decoded))


def _decodes(tokenizer: Tokenizer) -> None:
    if not tokenizer.decodes:
        raise BadInput(f"{tokenizer.name} has no way back from ids to text: give an object with `encode` and `decode`")


def _plain(normal: str, text: str) -> str:
    """What a tokenizer makes of a text, with spaces as they are read."""
    return normal if SPACE in text else normal.replace(SPACE, " ")


def _bare(text: str) -> str:
    """Without white space."""
    return "".join(text.split())


def _lost(tokenizer: Tokenizer, text: str, decoded: str) -> dict[str, int]:
    """Characters that are gone for certain, the most first; a change of case loses none."""
    unknown = tokenizer.specials.unknown
    said = tokenizer.decode([unknown]).strip() if unknown is not None else ""
    had, has = Counter(_bare(text)), Counter(decoded.replace(said, "") if said else decoded)
    gone, new = had - has, has - had
    for letter in [letter for letter in gone if letter.lower() != letter.upper()]:
        for other in {letter.lower(), letter.upper()} & new.keys():
            same = min(gone[letter], new[other])
            gone[letter] -= same
            new[other] -= same
    return {letter: count for letter, count in gone.most_common() if count}
