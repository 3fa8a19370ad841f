"""Texts of which a few words were changed: found among the rows of a sample by MinHash, then compared word by word."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..columns.block import Block
from ..counts.sample import places

#: texts that are compared, at 0.4 ms each, and words that are taken together
TEXTS, WORDS = 4000, 3
#: share of the word triples of both that both have: one word changed in a text of 25 leaves 0.77
ALIKE = 0.7
#: the same as far as hashes tell it, which is only nearly: pairs from here on are compared
NEARLY = 0.5
#: hashes of a text
HASHES = 64
Array = np.ndarray[Any, Any]
Triples = frozenset[tuple[str, ...]]


def reworded(first: Block, second: Block | None, name: str) -> list[tuple[int, int, float]]:
    """(row, a later row or one of `second`, share of their triples that both have). Needs `datasketch`."""
    import datasketch as sketch

    known = _triples(first, name)
    asked = known if second is None else _triples(second, name)
    index = sketch.MinHashLSH(threshold=NEARLY, num_perm=HASHES)
    found = []
    empty = sketch.MinHash(num_perm=HASHES, seed=1)
    hashed = {row: _hashed(empty, triples) for row, triples in known.items()}
    if second is not None:
        for row, value in hashed.items():
            index.insert(row, value)
    for row, triples in asked.items():
        value = hashed[row] if second is None else _hashed(empty, triples)
        for other in index.query(value):
            share = len(triples & known[other]) / len(triples | known[other])
            if ALIKE <= share < 1:
                found.append((other, row, share))
        if second is None:
            index.insert(row, value)
    return found


def _hashed(empty: Any, triples: Triples) -> Any:
    value = empty.copy()
    value.update_batch([" ".join(triple).encode("utf-8", "surrogatepass") for triple in triples])
    return value


def _triples(block: Block, name: str) -> dict[int, Triples]:
    """The triples of words of each text that has enough of them, by row."""
    order = np.sort(np.argsort(places(block.rows))[:TEXTS])
    out: dict[int, Triples] = {}
    for at in order.tolist():
        words = str(block.columns[name][at]).lower().split()
        if len(words) > 2 * WORDS:
            out[int(block.rows[at])] = frozenset(zip(*(words[i:] for i in range(WORDS)), strict=False))
    return out
