"""What the user's tokenizer, table or function says of single ids: their text, and which are special."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..batches import BadInput
from .kept import SHORT, kept_id, kept_specials
from .opening import open_tokenizer
from .tokenizer import Specials, Tokenizer

#: methods that make something of a text or of many ids: what has none of them and can be called is asked for each id
_METHODS = ("encode", "encode_batch", "tokenize", "decode", "get_itos", "get_stoi", "get_vocab", "lookup_indices")


class Namer:
    """Gives the text of ids, each asked for once; what cannot be asked names none."""

    def __init__(self, given: Any) -> None:
        self._ask = _asked(given)
        self._known: dict[int, str | None] = {}

    def names(self, ids: Iterable[int]) -> dict[int, str]:
        """The text of each id; those that have none are left out."""
        told: dict[int, str] = {}
        for i in ids if self._ask is not None else ():
            if i not in self._known:
                self._known[i] = _said(self._ask, i)  # type: ignore[arg-type]
            said = self._known[i]
            if said is not None:
                told[i] = said
        return told


def names_of(given: Any, ids: Iterable[int]) -> dict[int, str]:
    """The text of each id; those that have none are left out."""
    return Namer(given).names(map(int, ids))


def reads(given: Any) -> bool:
    """Whether there is anything to ask."""
    return _asked(given) is not None


def specials_of(given: Any) -> Specials:
    """The special ids, of an object too that only keeps their numbers."""
    if given is None:
        return Specials()
    try:
        return open_tokenizer(given).specials
    except BadInput:
        return kept_specials(given, {})


def special_id(given: Any, role: str) -> int | None:
    """The id of a role, a field of Specials; None for none."""
    if given is None or role not in SHORT:
        return None
    kept = kept_id(given, role)
    return kept if kept is not None else getattr(specials_of(given), role)


def _asked(given: Any) -> Callable[[int], Any] | None:
    if given is None or isinstance(given, Tokenizer):
        return given.piece if given is not None else None
    if callable(given) and not any(hasattr(given, name) for name in _METHODS):
        return given  # type: ignore[no-any-return]
    try:
        opened = open_tokenizer(given)
    except BadInput:
        opened = None
    if opened is not None and opened.decodes:
        return opened.piece
    for name in ("convert_ids_to_tokens", "id_to_token"):
        if callable(method := getattr(given, name, None)):
            return method  # type: ignore[no-any-return]
    decode = getattr(given, "decode", None)
    if callable(decode):
        return lambda i: decode([i])
    return given.__getitem__ if isinstance(given, Mapping) or hasattr(given, "__getitem__") else None


def _said(ask: Callable[[int], Any], i: int) -> str | None:
    try:
        said = ask(i)
    except Exception:  # the user's code: an id that it does not know
        return None
    if isinstance(said, (list, tuple)):
        said = said[0] if said else None
    if isinstance(said, bytes):
        return said.decode("utf-8", "replace")
    return said if isinstance(said, str) else None
