"""Where the texts are in what a person has: which column, and lists and files of texts that are no table."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...batches import BadInput
from ..columns.kinds import Kind
from ..plan import Plan, plan_of
from ..sources.arrays import Arrays
from ..sources.datasets import Stream
from ..sources.opening import open_source
from ..sources.source import Source

#: what the column of a list of texts is called; names of columns that hold the text where several hold some
TEXT = "text"
USUAL = (TEXT, "texts", "sentence", "content", "document", "review", "body")
#: columns that are named; letters up to which a string may be the path of a file
TOLD, PATH = 20, 1024


def open_texts(data: Any, name: str = "the texts", *, label: Any = None) -> Source:
    """A source for whatever holds texts; one text, a list of them and the lines of a file are one column.

    Raises BadInput where nothing of it can be read.
    """
    if isinstance(data, Source):
        return data
    if isinstance(data, str) and not _is_path(data):
        data = [data]
    if isinstance(data, (str, Path)) and Path(data).suffixes[-2:] in ([".txt"], [".txt", ".gz"]):
        return _lines(Path(data).expanduser(), name)
    if isinstance(data, (list, tuple)) and data and _is_texts(data):
        return open_source(Arrays(name, {TEXT: list(data)}), name) if label is None else open_source(
            {TEXT: list(data)}, name, label=label
        )  # fmt: skip
    return open_source(data, name, label=label)


def text_columns(source: Source, plan: Plan | None = None) -> tuple[str, ...]:
    """The columns that hold texts, in the order of the source; a label that is a text is the last."""
    plan = plan or plan_of(source)
    found = [name for name, kind in plan.kinds.items() if kind is Kind.TEXT]
    return tuple(sorted(found, key=lambda name: name == plan.label))


def text_column(source: Source, column: str | None = None, plan: Plan | None = None) -> str:
    """The column to read: the one asked for, the only one, or the one that is usually called so.

    Raises BadInput, naming the columns, where none or several hold texts.
    """
    plan = plan or plan_of(source)
    every = ", ".join(f"`{name}`" for name in list(plan.kinds)[:TOLD])
    if column is not None:
        if column not in plan.kinds:
            raise BadInput(f"`{source.name}` has no column `{column}`; its columns are {every}")
        return column
    found = text_columns(source, plan)
    inputs = [name for name in found if name != plan.label] or list(found)
    if len(inputs) == 1:
        return inputs[0]
    if not inputs:
        kinds = ", ".join(f"`{name}` ({kind})" for name, kind in list(plan.kinds.items())[:TOLD])
        talks = _conversations(source, plan)
        if talks:
            raise BadInput(
                f"`{talks}` of `{source.name}` holds conversations: make a text of each first, as "
                "`tokenizer.apply_chat_template(row, tokenize=False)` does"
            )
        raise BadInput(f"`{source.name}` has no column of texts; its columns are {kinds}")
    usual = next((name for wanted in USUAL for name in inputs if name.lower() == wanted), None)
    if usual is not None:
        return usual
    told = ", ".join(f"`{name}`" for name in inputs[:TOLD])
    raise BadInput(f"`{source.name}` has several columns of texts, {told}: say which, as `column={inputs[0]!r}`")


def _conversations(source: Source, plan: Plan) -> str:
    """The column whose first rows are lists of messages with a role; "" for none."""
    for block in source.blocks(0, 8):
        for name in plan.kinds:
            values = block.columns.get(name)
            listed = values if isinstance(values, list) else []
            rows = [row for row in listed if not isinstance(row, (list, tuple)) or row]  # an array has no truth value
            if rows and all(isinstance(row, (list, tuple)) and _is_message(row[0]) for row in rows):
                return name
    return ""


def _is_message(value: Any) -> bool:
    return isinstance(value, Mapping) and ("role" in value or "from" in value)


class TextLines:
    """The lines of a text file, one text each; bytes that are no UTF-8 are kept as half letters."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self) -> Iterator[Any]:
        opened: Any = gzip.open if self.path.suffix == ".gz" else open
        with opened(self.path, "rt", encoding="utf-8-sig", errors="surrogateescape", newline=None) as lines:
            for line in lines:
                yield {TEXT: line.removesuffix("\n")}


def _lines(path: Path, name: str) -> Source:
    if not path.is_file():
        raise BadInput(f"there is no file `{path}`")
    return Stream(name, TextLines(path))


def _is_path(data: str) -> bool:
    """Whether a string names a file: one that exists, or one of a kind that is read, without a space in it."""
    if len(data) > PATH or "\n" in data or "\0" in data:
        return False
    try:
        if Path(data).expanduser().exists():
            return bool(data.strip())
    except (OSError, ValueError, RuntimeError):
        return False
    known = {".csv", ".tsv", ".txt", ".parquet", ".pq", ".jsonl", ".ndjson", ".json", ".gz"}
    return not any(letter.isspace() for letter in data) and Path(data).suffix.lower() in known


def _is_texts(data: list[Any] | tuple[Any, ...]) -> bool:
    """Whether these are texts rather than rows: most of the first are strings, whatever stands among them."""
    first = data[:64]
    return sum(isinstance(value, str) for value in first) > len(first) // 2
