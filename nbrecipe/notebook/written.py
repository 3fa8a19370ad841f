"""The lists of texts that the user keeps in variables: what ids may have been made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .names import Variables

#: rows from which on a list may be data, rows of it that are looked at, and lists that are told of
FEWEST, LOOKED, MOST = 20, 8, 20


def kept_texts(variables: Variables) -> dict[str, Any]:
    """Lists of texts, and of rows that hold one, by name, as they are; nothing in them is run."""
    found: dict[str, Any] = {}
    for space in reversed(variables.visible()):
        found |= {name: value for name, value in space.items() if _is_texts(value)}
    return dict(list(found.items())[-MOST:])


def _is_texts(value: Any) -> bool:
    kind = type(value)  # an object may say that it is another
    if kind not in (list, tuple) or len(value) < FEWEST:
        return False
    return all(any(_is_text(part) for part in _parts(row)) for row in value[:LOOKED])


def _parts(row: Any) -> list[Any]:
    if type(row) in (list, tuple):
        return list(row[:LOOKED])
    return list(row.values())[:LOOKED] if type(row) is dict else [row]


def _is_text(part: Any) -> bool:
    """Whether this is more than a word or a name."""
    return type(part) is str and len(part.split()) > 1
