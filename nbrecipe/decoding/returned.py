"""What comes back of a text otherwise than it was, in few words: the first changes, with some letters around them."""

from __future__ import annotations

from collections.abc import Sequence

from ..tokens.differing import Piece, pieces
from ..tokens.roundtrip import RoundTrip

#: characters that stand around what came back changed; changes, and characters from the first on, that are shown;
#: characters of a text that is gone through whole where these hold no loss
AROUND, CHANGES, SHOWN, LONG = 16, 24, 240, 1 << 13
Told = tuple[tuple[str, str], ...]


def back(trip: RoundTrip) -> Told:
    """Pieces of "same", "gone" and "new"; empty where nothing differs that the tokenizer does not declare.

    Where something is lost, changes of spaces and case alone are not told; where spaces are, those of declared case.
    """
    if trip.kind in ("exact", "declared"):
        return ()
    start = max(0, _first(trip) - AROUND)
    one, other = (text[start : start + SHOWN] for text in (trip.text, trip.decoded))
    cut = len(trip.text) > start + SHOWN or len(trip.decoded) > start + SHOWN
    found = _whole(pieces(one, other), cut)
    if trip.kind == "lost" and all(map(_alike, found)) and len(trip.text) <= LONG:
        start, cut, found = 0, False, trip.pieces
    told = _told([Piece("equal", "…", "…"), *found] if start else found, trip.kind)
    return (*told, ("same", " …")) if cut else told


def _first(trip: RoundTrip) -> int:
    """Where both texts begin to differ."""
    both = enumerate(zip(trip.text, trip.decoded, strict=False))
    return next((k for k, (had, has) in both if had != has), min(len(trip.text), len(trip.decoded)))


def _whole(found: tuple[Piece, ...], cut: bool) -> tuple[Piece, ...]:
    """The pieces without the last change where both texts were cut off there: it may be none."""
    return found[:-1] if cut and len(found) > 2 and found[-1].kind != "equal" else found


def _alike(piece: Piece) -> bool:
    """Whether white space and case are all that differs."""
    return "".join(piece.text.lower().split()) == "".join(piece.decoded.lower().split())


def _passed(piece: Piece, kind: str) -> bool:
    """Whether a change is none to be told: in spaces and case beside a loss, in declared case beside spaces."""
    if kind == "lost":
        return _alike(piece)
    return kind == "space" and piece.text.lower() == piece.decoded.lower()


def _told(found: Sequence[Piece], kind: str) -> Told:
    told: list[tuple[str, str]] = []
    for piece in found:
        if piece.kind != "equal" and not _passed(piece, kind):
            told += [(change, text) for change, text in (("gone", piece.text), ("new", piece.decoded)) if text]
        elif told and told[-1][0] == "same":
            told[-1] = ("same", told[-1][1] + piece.text)
        elif piece.text:
            told.append(("same", piece.text))
        if len(told) > 2 * CHANGES:
            break
    return tuple((change, _brief(text) if change == "same" else text) for change, text in told)


def _brief(text: str) -> str:
    """The ends of what is the same, which stands beside changes."""
    return text if len(text) <= 2 * AROUND + 3 else f"{text[:AROUND]} … {text[-AROUND:]}"
