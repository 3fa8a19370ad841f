"""Inputs drawn from an example call: other sizes, other values, other layouts and types, in the example's own domain.

No axis grows: a loop may use the first columns of too many and say nothing. A shorter one takes its entries from the
example, at the same places in all arrays that share a length: what belongs together stays together, and one-hot rows,
masks, indices and orders stay what they are. New values are drawn only for floats that are free, with the signs, bounds
and sums that the example has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from .given import Given, Rewrite, arrays, free_lengths, is_array, is_floating, like, mapped, plain, row_lengths

Kind = Literal["example", "size", "values", "layout", "type", "special"]
Layout = Literal["", "strided", "transposed"]
#: lengths that a drawn axis has at most: a loop over pairs stays fast
LONGEST = 16
ODD = (3, 7)


@dataclass(frozen=True)
class Case:
    """One call to compare on."""

    kind: Kind
    #: what it has that the example has not: "an axis of 1"
    words: str
    given: Given
    layout: Layout = ""
    #: whether only the rows are fewer or more, which every function must take
    rows: bool = False
    #: whether an axis has no entries
    empty: bool = False


def cases(rewrite: Rewrite) -> Iterator[Case]:
    """The example, then what is drawn from it, the most telling first."""
    rng = np.random.default_rng(0)
    yield Case("example", "your example", rewrite.given)
    small = shortened(rewrite, rng)
    for number in range(3):
        if (fresh := with_new_values(small, rng)) is not None:
            yield Case("values", f"new values, draw {number + 1}", fresh)
    yield from _sizes(rewrite, rng)
    layouts: tuple[Layout, ...] = ("strided", "transposed")
    if arrays(small):
        yield from (Case("layout", f"{layout} memory", small, layout) for layout in layouts)
    yield from _types(small)
    if any(is_floating(item) for item in arrays(small)):
        yield Case("special", "zeros", mapped(small, lambda item: item * 0 if is_floating(item) else item))
        yield Case("special", "equal values", mapped(small, lambda item: item * 0 + 1 if is_floating(item) else item))
    if any(_is_mask(item) for item in arrays(small)):
        yield Case("special", "a mask without an entry", mapped(small, lambda m: m & False if _is_mask(m) else m))


def shortened(rewrite: Rewrite, rng: np.random.Generator | None = None) -> Given:
    """The example with no free axis longer than a loop takes fast."""
    free = {n: min(n, LONGEST) for n in free_lengths(rewrite)}
    return sized(rewrite.given, free, rng or np.random.default_rng(0))


def _sizes(rewrite: Rewrite, rng: np.random.Generator) -> Iterator[Case]:
    free, rows = free_lengths(rewrite), row_lengths(rewrite.given)
    small = {n: min(n, LONGEST) for n in free}
    for n in free:
        for size in (1, *(odd for odd in ODD if odd < n)):
            given = sized(rewrite.given, small | {n: size}, rng)
            yield Case("size", f"an axis of {size} in place of {n}", given, rows=n in rows)
    if len(free) > 1:
        ones = sized(rewrite.given, dict.fromkeys(free, 1), rng)
        yield Case("size", "every axis 1", ones)
        odd = {n: min(3 + 2 * place, n - 1 + n % 2) for place, n in enumerate(free)}
        yield Case("size", "every axis odd", _drawn(sized(rewrite.given, odd, rng), rng))
    for _ in range(4 if free else 0):
        sizes = {n: int(rng.integers(1, min(n, LONGEST) + 1)) for n in free}
        yield Case("size", "shorter axes", _drawn(sized(rewrite.given, sizes, rng), rng))
    for n in free:
        given = sized(rewrite.given, small | {n: 0}, rng)
        yield Case("size", f"an axis of 0 in place of {n}", given, rows=n in rows, empty=True)
    if not arrays(rewrite.given):
        yield from _numbers(rewrite.given, rng)


def _is_mask(item: Any) -> bool:
    return item.dtype in (torch.bool, np.bool_)


def _numbers(given: Given, rng: np.random.Generator) -> Iterator[Case]:
    """A call without arrays: other whole numbers, other floats."""
    whole = any(type(value) is int for value in given[0])
    for number in (1, 3, 7, 0):
        if whole:
            args = tuple(number if type(value) is int else value for value in given[0])
            yield Case("size", f"{number} for every whole number", (args, given[1]), rows=True, empty=number == 0)
    if any(type(value) is float for value in given[0]):
        for _ in range(4):
            args = tuple(value * float(rng.uniform(0.1, 3)) if type(value) is float else value for value in given[0])
            yield Case("values", "other numbers", (args, given[1]))


def _types(given: Given) -> Iterator[Case]:
    floats = {str(item.dtype) for item in arrays(given) if is_floating(item)}
    tensors = any(isinstance(item, Tensor) for item in arrays(given))
    for name in ("float64", "float32", *(("bfloat16",) if tensors else ())):
        if floats and floats.isdisjoint({name, f"torch.{name}"}):
            yield Case("type", f"{name} inputs", typed(given, name))


def typed(given: Given, name: str) -> Given:
    """The same call with floats of this type, and complex numbers of the type that fits it."""
    wide = "complex128" if name == "float64" else "complex64"

    def cast(item: Any) -> Any:
        if isinstance(item, Tensor):
            to = name if item.is_floating_point() else wide
            return item.to(getattr(torch, to)) if item.is_floating_point() or item.is_complex() else item
        other = {"f": name, "c": wide}.get(item.dtype.kind, "bfloat16")
        return item if other == "bfloat16" else item.astype(other)

    return mapped(given, cast)


def sized(given: Given, sizes: Mapping[int, int], rng: np.random.Generator) -> Given:
    """The call with other lengths; sorted draws of the example's own entries, the same in all arrays."""
    return chosen(given, {n: _places(n, size, rng) for n, size in sizes.items() if size != n})


def _places(length: int, size: int, rng: np.random.Generator) -> list[int]:
    return sorted(int(place) for place in rng.permutation(length)[:size])


def chosen(given: Given, places: Mapping[int, list[int]]) -> Given:
    """The call with these entries of every axis of a length, of lists of that length too."""

    def cut(item: Any) -> Any:
        for axis, length in enumerate(item.shape):
            if length in places:
                index = places[length]
                if isinstance(item, Tensor):
                    item = item.index_select(axis, torch.tensor(index, dtype=torch.int64, device=item.device))
                else:
                    item = np.take(item, np.array(index, dtype=np.int64), axis)
        return item

    args, kwargs = given
    args, kwargs = _listed(args, places), {key: _one_list(value, places) for key, value in kwargs.items()}
    return mapped((args, kwargs), cut)


def _listed(args: tuple[Any, ...], places: Mapping[int, list[int]]) -> tuple[Any, ...]:
    return tuple(_one_list(value, places) for value in args)


def _one_list(value: Any, places: Mapping[int, list[int]]) -> Any:
    if type(value) in (list, tuple) and len(value) in places and not any(is_array(item) for item in value):
        return type(value)(value[place] for place in places[len(value)])
    return value


def with_new_values(given: Given, rng: np.random.Generator) -> Given | None:
    """The call with new numbers in every array of floats that is free; None where none is."""
    if not any(is_free(item) for item in arrays(given)):
        return None
    return _drawn(given, rng)


def _drawn(given: Given, rng: np.random.Generator) -> Given:
    return mapped(given, lambda item: like(_values(plain(item), rng), item) if is_free(item) else item)


def is_free(item: Any) -> bool:
    """Floats that are no labels, masks or distances: more than two values, and not the same along the diagonal."""
    if not is_floating(item):
        return False
    seen = plain(item)
    if seen.size < 2:
        return bool(seen.size)
    square = seen.ndim > 1 and seen.shape[-1] == seen.shape[-2] > 1
    symmetric = square and np.array_equal(seen, np.swapaxes(seen, -1, -2))
    return len(np.unique(seen[np.isfinite(seen)][:4096])) > 2 and not symmetric


def _values(seen: np.ndarray[Any, Any], rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """New numbers where the old ones are finite, with their signs, bounds, sums and order."""
    finite = np.isfinite(seen)
    known = seen[finite].astype(np.float64)
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    spread = float(known.std()) or abs(low) or 1.0
    if np.array_equal(known, np.round(known)):
        fresh = rng.integers(int(low), int(high) + 1, seen.shape).astype(np.float64)
    elif low >= 0:
        fresh = rng.uniform(low if low > 0 else 0.0, high, seen.shape)
    else:
        fresh = rng.normal(float(known.mean()), spread, seen.shape)
    if seen.ndim and low >= 0 and seen.shape[-1] > 1 and np.allclose(seen.sum(-1), 1, atol=1e-4):
        fresh = fresh / np.maximum(fresh.sum(-1, keepdims=True), 1e-12)
    if seen.ndim == 1 and seen.size > 2 and bool((np.diff(seen) >= 0).all()):
        fresh = np.sort(fresh)
    return np.where(finite, fresh, seen)


def jittered(given: Given) -> Given | None:
    """The call with its free floats moved by a thousandth of their spread, so that ties and kinks part."""
    rng = np.random.default_rng(1)
    if not any(is_free(item) for item in arrays(given)):
        return None

    def move(item: Any) -> Any:
        seen = plain(item).astype(np.float64)
        finite = seen[np.isfinite(seen)]
        step = 1e-3 * (float(finite.std()) if finite.size > 1 else 1.0)
        return like(seen + step * rng.standard_normal(seen.shape), item)

    return mapped(given, lambda item: move(item) if is_free(item) else item)
