"""Sketches of Apache DataSketches as bytes, so that they can be sent, and so that all are merged alike."""

from __future__ import annotations

from typing import Any


def library() -> Any:
    """The module, imported when it is used."""
    import datasketches

    return datasketches


def frequent_merged(left: bytes, right: bytes) -> bytes:
    """Two sketches of frequent strings as one; empty ones are none."""
    if not left or not right:
        return left or right
    kind = library().frequent_strings_sketch
    both = kind.deserialize(left)
    both.merge(kind.deserialize(right))
    made: bytes = both.serialize()
    return made


def frequent_items(sketch: bytes) -> list[tuple[str, int]]:
    """The strings that are frequent for certain, and how often they stand, at least; the most frequent first."""
    if not sketch:
        return []
    kept = library().frequent_strings_sketch.deserialize(sketch)
    items = kept.get_frequent_items(library().frequent_items_error_type.NO_FALSE_POSITIVES)
    return sorted(((str(word), int(least)) for word, _, least, _ in items), key=lambda one: (-one[1], one[0]))
