"""The tokenizers and vocabularies that data carry with them: a data set's own table, a collate function's tokenizer."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...batches import BadInput
from ...bench import Bench, Cell, Missing
from ...tokens import Tokenizer, open_tokenizer
from ..held import given_data

#: names under which a tokenizer or a vocabulary is kept
NAMES = (
    "tokenizer", "tok", "processing_class", "vocab", "vocabulary", "stoi", "word2idx", "word2id", "word_to_idx",
    "word_to_ix", "token2id", "token2idx", "char2idx", "char2id", "char_to_idx", "char_to_int", "itos", "idx2word",
    "id2word", "idx2char", "id2char", "int_to_char", "ix_to_char", "id2token",
)  # fmt: skip
#: names of the id of unknown words, as attributes and as constants
UNKNOWN = re.compile(r"_?(unk|unknown|oov)(_?(token|word))?(_?(id|ids|idx|index|ix))?", re.IGNORECASE)
#: data sets inside data sets
DEPTH = 5


@dataclass(frozen=True)
class Carried:
    """A tokenizer, and where it was found: "train_dl.dataset.vocab"."""

    tokenizer: Tokenizer
    name: str


def carried(bench: Bench, split: str) -> Carried | None:
    """The tokenizer that made, or makes, the ids of a split, by what the data carry; None where they carry none."""
    try:
        data, name = given_data(bench, split)
    except Missing:
        return None
    for thing, said in _places(data, name):
        for attribute in NAMES:
            found = _attribute(thing, attribute)
            if found is None or isinstance(found, (str, int)):
                continue
            try:
                opened = open_tokenizer(found, f"{said}.{attribute}")
            except BadInput:
                continue
            return Carried(opened, f"{said}.{attribute}")
    return None


def opened(bench: Bench, split: str = "train") -> Tokenizer | None:
    """The bench's tokenizer, or the one that the data of a split carry; None where there is none."""
    if bench.tokenizer is not None:
        try:
            return open_tokenizer(bench.tokenizer, bench.name("tokenizer"))
        except BadInput:
            return None
    found = carried(bench, split)
    return found.tokenizer if found is not None else None


def equipped(bench: Bench) -> Bench:
    """The bench with the tokenizer that its data carry, where nobody handed one over: `bench.once(equipped)`."""
    found = carried(bench, "train") if bench.tokenizer is None else None
    if found is None:
        return bench
    return bench.replace(tokenizer=found.tokenizer, names={**bench.names, "tokenizer": found.name})


def unknown_id(bench: Bench) -> tuple[int, str] | None:
    """The id of unknown tokens and who says so: the tokenizer, the data or a constant in a cell; None for none."""
    tokenizer = opened(bench) or opened(bench, "val")
    if tokenizer is not None:
        unknown = unknown_of(tokenizer)
        if unknown is not None or bench.tokenizer is not None:  # what was handed over has the last word
            return None if unknown is None else (unknown, f"`{tokenizer.name}`")
    try:
        data, name = given_data(bench, "train")
    except Missing:
        return None
    for thing, said in _places(data, name):
        for attribute in sorted(getattr(thing, "__dict__", {})):
            value = _attribute(thing, attribute)
            if UNKNOWN.fullmatch(attribute) and isinstance(value, int) and not isinstance(value, bool):
                return value, f"`{said}.{attribute}`"
    values = unknown_constants(bench.cells)
    if len(set(values.values())) == 1:
        constant, value = next(iter(values.items()))
        return value, f"`{constant}`"
    return None


def unknown_of(tokenizer: Tokenizer) -> int | None:
    """A tokenizer's unknown token where it is nothing else: GPT-2 calls its end token so, and never puts it in."""
    special = tokenizer.specials
    others = (special.padding, special.begin, special.end, special.classify, special.separate, special.mask)
    return None if special.unknown in others else special.unknown


def unknown_constants(cells: Sequence[Cell]) -> dict[str, int]:
    """Whole numbers that cells call the unknown id and that a look-up in a table falls back to."""
    constants: dict[str, int] = {}
    asked: set[str] = set()
    for cell in cells:
        try:
            tree = ast.parse(cell.source)
        except SyntaxError:  # a cell with a magic in it
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign):
                constants |= dict(_numbers(node))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
                asked |= {last.id for last in node.args[1:2] if isinstance(last, ast.Name)}
    return {name: value for name, value in constants.items() if UNKNOWN.fullmatch(name) and name in asked}


def _numbers(node: ast.Assign) -> Iterator[tuple[str, int]]:
    """Names and the whole numbers that an assignment gives them."""
    for target in node.targets:
        pairs: Iterable[tuple[ast.expr, ast.expr]] = [(target, node.value)]
        if isinstance(target, (ast.Tuple, ast.List)) and isinstance(node.value, (ast.Tuple, ast.List)):
            pairs = zip(target.elts, node.value.elts, strict=False)
        for name, value in pairs:
            if isinstance(name, ast.Name) and isinstance(value, ast.Constant) and type(value.value) is int:
                yield name.id, value.value


def _places(data: Any, name: str) -> Iterator[tuple[Any, str]]:
    """What data are made of: a loader's collate function and data set, and the data sets inside it."""
    collate = _attribute(data, "collate_fn")
    if collate is not None:
        yield from _of_function(collate, f"{name}.collate_fn")
    thing, said = data, name
    for _ in range(DEPTH):
        yield thing, said
        read = getattr(type(thing), "__getitem__", None)
        if read is not None:
            yield from _of_function(read, f"{said}.__getitem__")
        inner = _attribute(thing, "dataset")
        if inner is None:
            return
        thing, said = inner, f"{said}.dataset"


def _of_function(function: Any, name: str) -> Iterator[tuple[Any, str]]:
    """An object that is called, what a partial function was given, and what a function holds on to."""
    yield function, name
    held: dict[str, Any] = {}
    if isinstance(function, functools.partial):
        held |= function.keywords
        function = function.func
    code = getattr(function, "__code__", None)
    space = getattr(function, "__globals__", {})
    held |= {variable: space[variable] for variable in getattr(code, "co_names", ()) if variable in space}
    cells = getattr(function, "__closure__", None) or ()
    for variable, cell in zip(getattr(code, "co_freevars", ()), cells, strict=False):
        try:
            held[variable] = cell.cell_contents
        except ValueError:  # a variable that has no value yet
            continue
    yield _Held(held), name


class _Held:
    """Variables as attributes."""

    def __init__(self, held: Mapping[str, Any]) -> None:
        self.__dict__.update(held)


def _attribute(thing: Any, name: str) -> Any:
    try:
        return getattr(thing, name, None)
    except Exception:  # a property of the user's that fails
        return None
