"""Where people and libraries keep special ids and tables of a vocabulary: the names of attributes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .tokenizer import Specials

#: how special tokens are written in vocabularies
SPECIAL = re.compile(r"<\|?[^<>\s|]+\|?>|\[[A-Z_]+\d*\]")
#: the field of Specials for what stands within the brackets
WRITTEN = {
    "pad": "padding", "padding": "padding", "unk": "unknown", "unknown": "unknown", "oov": "unknown", "bos": "begin",
    "s": "begin", "sos": "begin", "start": "begin", "eos": "end", "/s": "end", "end": "end", "cls": "classify",
    "sep": "separate", "mask": "mask", "endoftext": "end",
}  # fmt: skip
#: how attributes name each role
SHORT = {
    "padding": ("pad",), "unknown": ("unk",), "begin": ("bos", "sos"), "end": ("eos", "eot"), "classify": ("cls",),
    "separate": ("sep",), "mask": ("mask",),
}  # fmt: skip
#: what follows there
ENDINGS = ("_token_id", "_id", "_idx", "_index")
#: attributes that hold texts by their ids, or ids by their texts
TABLES = (
    "itos", "id2word", "idx2word", "index2word", "id2token", "idx2token", "idx2char", "int_to_char", "id2char",
    "ix_to_char", "index_word", "id_to_token", "stoi", "word2id", "word2idx", "word2index", "token2id", "token2idx",
    "char2idx", "char_to_int", "char2id", "char_to_ix", "word_index", "token_to_id", "vocab", "vocabulary",
)  # fmt: skip
#: methods that give them
GIVEN = ("get_itos", "get_stoi", "get_vocab", "get_vocabulary")


def role_of(piece: str) -> str | None:
    """The role of a special token by the way it is written, as a field of Specials; None for none."""
    return WRITTEN.get(piece.strip("<>[]|").lower()) if SPECIAL.fullmatch(piece) else None


def kept_id(given: Any, role: str) -> int | None:
    """The special id of a role that an object keeps in an attribute or gives by a method; None for none."""
    for short in SHORT[role]:
        for ending in ENDINGS:
            i = _number(getattr(given, short + ending, None))
            if i is not None:
                return i
    return None


def _number(held: Any) -> int | None:
    """A whole number from 0 on: SentencePiece has -1 for none."""
    try:
        held = held() if callable(held) and not isinstance(held, type) else held
    except Exception:  # a method of the user's that wants more
        return None
    whole = isinstance(held, (int, np.integer)) and not isinstance(held, bool)
    return int(held) if whole and held >= 0 else None


def kept_specials(given: Any, pieces: Mapping[int, str], table: Any = None) -> Specials:
    """The special ids of an object: those that it keeps, else by how the pieces of its table are written.

    What a table gives for words that it does not have, as a `defaultdict` does, is for unknown ones.
    """
    every = {i: piece for i, piece in pieces.items() if SPECIAL.fullmatch(piece)}
    named: dict[str, int] = {}
    for i, piece in every.items():
        if role := role_of(piece):
            named.setdefault(role, i)
    kept = {role: kept_id(given, role) for role in SHORT}
    own = {role: i for role, i in kept.items() if i is not None}
    more = getattr(given, "all_special_ids", None)
    held = {int(i) for i in more} if isinstance(more, (list, tuple, set, frozenset)) else set()
    named |= own
    other = _number(getattr(table, "default_factory", None) or getattr(given, "get_default_index", None))
    if other is not None and "unknown" not in named and other in pieces:
        named["unknown"] = other
    return Specials(**named, every=frozenset({*every, *own.values(), *held}))


def is_table(given: Any) -> bool:
    """Whether this is a dict of pieces and ids, either way round, or a list of pieces."""
    if isinstance(given, Mapping):
        ways = ((given.keys(), given.values()), (given.values(), given.keys()))
        return bool(given) and any(_all(pieces, str) and _all(ids, (int, np.integer)) for pieces, ids in ways)
    return isinstance(given, (list, tuple)) and bool(given) and _all(given, str)


def _all(values: Iterable[Any], kind: Any) -> bool:
    return all(isinstance(value, kind) for value in values)


def both_ways(given: Any) -> tuple[dict[str, int], dict[int, str]]:
    """A table as ids by their pieces and pieces by their ids."""
    if not isinstance(given, Mapping):
        pieces = dict(enumerate(given))
    elif all(isinstance(key, str) for key in given):
        return {piece: int(i) for piece, i in given.items()}, {int(i): piece for piece, i in given.items()}
    else:
        pieces = {int(i): piece for i, piece in given.items()}
    ids: dict[str, int] = {}
    for i, piece in pieces.items():
        ids.setdefault(piece, i)
    return ids, pieces


def kept_table(given: Any, deep: bool = True) -> Any:
    """The table that an object keeps, as it keeps it; None for none. `deep` where a vocabulary within may keep it."""
    for name in TABLES:
        held = getattr(given, name, None)
        inner = held if is_table(held) else kept_table(held, False) if deep and _vocabulary(held) else None
        if inner is not None:
            return inner
    for name in GIVEN:
        method = getattr(given, name, None)
        try:
            held = method() if callable(method) else None
        except Exception:  # a method of the user's that wants more
            continue
        if is_table(held):
            return held
    return None


def _vocabulary(held: Any) -> bool:
    """An object of its own that may keep a table, such as torchtext's `Vocab`."""
    return held is not None and not callable(held) and not isinstance(held, (str, bytes, int, float, list, Mapping))
