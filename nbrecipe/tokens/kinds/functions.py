"""The user's own: an object with `encode` and `decode`, a pair of functions, or one function of a text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from torch import Tensor

from ...batches import BadInput
from ..aligning import aligned
from ..kept import both_ways, is_table, kept_specials, kept_table
from ..tokenizer import Encoding, Ids, Specials, Tokenizer

#: methods that make ids of a text, and text of ids
ENCODE, DECODE = ("encode", "encode_as_ids", "text_to_ids"), ("decode", "decode_ids", "ids_to_text", "detokenize")
#: methods that cut a text into words
SPLIT = ("tokenize", "split")


class Functions(Tokenizer):
    """Whatever makes ids of a text, or words of it.

    Words get the ids of the table that comes with the function, (function, table), or that the object keeps; without
    one they are numbered as they come. Without a way back pieces are numbers.
    """

    def __init__(self, given: Any, name: str = "the tokenizer") -> None:
        super().__init__(given, name)
        self._encode, self._decode, self._table = _parts(given)
        self.kind = f"`{type(given).__name__}`" if _method(given, (*ENCODE, *SPLIT)) else "a function"
        self.ids_of, self.pieces = both_ways(self._table) if self._table is not None else ({}, {})
        self._numbered = self._table is None
        self._words = False  # whether words were seen, not ids
        self._spaces = any(piece.isspace() for piece in self.ids_of)  # white space has entries of its own
        self.decodes = self._decode is not None or bool(self.pieces)

    @staticmethod
    def takes(given: Any) -> bool:
        """Whether there is something in it to call."""
        return _parts(given)[0] is not None

    @property
    def size(self) -> int | None:
        held = (getattr(self.given, name, None) for name in ("vocab_size", "n_vocab"))
        told = next((int(n) for n in held if isinstance(n, (int, np.integer)) and not isinstance(n, bool)), None)
        return told or (None if self._numbered else max(self.pieces, default=-1) + 1)

    @cached_property
    def specials(self) -> Specials:
        return kept_specials(self.given, {} if self._numbered else self.pieces, self._table)

    def batch(self, texts: Sequence[str], special: bool = True) -> Ids:
        try:
            return Ids.of([self._row(text) for text in texts])
        except TypeError:  # a list that begins with an id and goes on with something else
            return Ids.of([self._checked(self._row(text)) for text in texts])

    def encode(self, text: str, special: bool = True) -> Encoding:
        ids = self.batch([text]).values
        own = np.zeros(len(ids), bool)
        return Encoding(text, ids, aligned(self, text, ids, own), own)

    def decode(self, ids: Sequence[int], special: bool = True) -> str:
        whole = [int(i) for i in ids if special or int(i) not in self.specials.every]
        if self._decode is not None:
            return _text(self._decode(whole))
        if not self.decodes:
            return " ".join(map(str, whole))
        said = {i: self.pieces.get(i, "") for i in whole}
        letters = not self._words and all(len(said[i]) <= 1 for i in said.keys() - self.specials.every)
        return ("" if letters or self._spaces else " ").join(said[i] for i in whole)

    def piece(self, i: int) -> str | None:
        if self.pieces:
            return self.pieces.get(int(i))
        try:
            return _text(self._decode([int(i)])) if self._decode else None
        except Exception:  # an id that it does not know
            return None

    def _row(self, text: str) -> Sequence[int]:
        """One row of ids from what a function gave: a list, array or tensor, an object with `ids` or `input_ids`."""
        found = self._encode(text)  # type: ignore[misc]
        if isinstance(found, Mapping) and "input_ids" in found:
            found = found["input_ids"]
        found = getattr(found, "ids", getattr(found, "input_ids", found))
        return found if type(found) is list and found and type(found[0]) is int else self._checked(found)

    def _checked(self, found: Any) -> Sequence[int]:
        values = self._array(found)
        if values.dtype.kind == "U" and values.ndim:
            return self._worded(values.ravel().tolist())
        if values.size and values.dtype.kind not in "iu":
            raise BadInput(f"{self.name} makes {_called(found, values)} of a text: give what makes ids or words of it")
        return values.ravel()  # type: ignore[return-value]

    def _array(self, found: Any) -> np.ndarray:
        if isinstance(found, Tensor):
            values = found.detach().cpu().numpy()
        elif isinstance(found, (bytes, bytearray)):
            values = np.frombuffer(found, np.uint8)
        else:
            if hasattr(found, "__next__") or isinstance(found, (map, zip)):
                found = list(found)
            try:
                values = np.asarray(found)
            except ValueError:
                raise BadInput(f"{self.name} makes rows of several lengths of one text: one row is needed") from None
        if values.ndim > 1 and values.size != values.shape[-1]:
            raise BadInput(f"{self.name} makes an array of shape {values.shape} of one text: one row is needed")
        return values

    def _worded(self, words: list[str]) -> list[int]:
        self._words = True
        if self._numbered:
            self._number(words)
        unknown = self.specials.unknown
        if unknown is None:
            missing = next((word for word in words if word not in self.ids_of), None)
            if missing is not None:
                raise BadInput(f"the table has no entry {missing!r}, and none for what is unknown")
            return [self.ids_of[word] for word in words]
        return [self.ids_of.get(word, unknown) for word in words]

    def _number(self, words: list[str]) -> None:
        self.decodes = True
        for word in words:
            if word not in self.ids_of:
                self._spaces |= word.isspace()
                self.pieces[len(self.pieces)] = word
                self.ids_of[word] = len(self.ids_of)


def _called(found: Any, values: np.ndarray) -> str:
    return f"numbers of type {values.dtype}" if values.dtype.kind in "fcb" else f"`{type(found).__name__}`"


def _text(said: Any) -> str:
    """What decoding gives, in one text: some give a list of pieces, or bytes."""
    if isinstance(said, bytes):
        return said.decode("utf-8", "replace")
    if isinstance(said, (list, tuple)):
        return ("" if all(len(str(part)) == 1 for part in said) else " ").join(map(str, said))
    return str(said)


def _method(given: Any, names: Sequence[str]) -> Callable[[Any], Any] | None:
    held = (getattr(given, name, None) for name in names)
    return next((method for method in held if callable(method)), None) if not isinstance(given, (str, type)) else None


def _parts(given: Any) -> tuple[Callable[[Any], Any] | None, Callable[[Any], Any] | None, Any]:
    """What makes ids or words of a text, what makes text of ids, and a table; None for what there is not."""
    if isinstance(given, (tuple, list)):
        if len(given) != 2:
            return None, None, None
        first, second = given if callable(given[0]) else (given[1], given[0])
        if not _plain(first):
            return None, None, None
        if is_table(second):
            return first, None, second
        table = None if callable(second) else kept_table(second)
        return (first, second, None) if callable(second) else (first if table else None, None, table)
    encode = _method(given, ENCODE) or _method(given, SPLIT) or (given if _plain(given) else None)
    return encode, _method(given, DECODE), kept_table(given)


def _plain(given: Any) -> bool:
    """Whether it is a function of a text: classes and models can be called too, with other things."""
    return callable(given) and (not isinstance(given, type) or given is list) and not hasattr(given, "forward")
