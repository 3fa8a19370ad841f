"""`show_tokens`, the Python twin of `%tokens`: what a tokenizer made of texts, or what stands in a batch of ids."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ... import verbs
from ...batches import BadInput
from ...batches.structure import leaves
from ...bench import Bench
from ...pictures.tokens import Line, Tokens, Voice
from ...registry import all_checks
from ...render.tokens import html as drawn
from ...render.tokens import still, words
from ...scan.sources.source import Source
from ...scan.text import held
from ...scan.text.id_reading import id_column, id_scan
from ...scan.text.opening import open_texts, text_column, text_columns
from ...scan.text.reading import TextScan, text_scan
from ...tokens import Tokenizer, open_tokenizer
from ...verbs import Shown
from . import token_numbers, token_rows, token_texts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

UNCHANGED = "your tokenizer and your data are as they were"
#: what is called now and then with the name of the data, the rows read and the rows in all, where that is known
Progress = Callable[[str, int, "int | None"], None]


@dataclass
class ShownTokens(Shown):
    """Texts as their tokens, and what was found of them; `scan` holds the counts of all texts."""

    shown: Tokens = field(default_factory=lambda: Tokens((), ()), repr=False)
    scan: TextScan | None = field(default=None, repr=False, compare=False)
    _html: str = field(default="", repr=False, compare=False)

    def __str__(self) -> str:
        return words.text_of(self, self.shown)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        if not self._html:
            self._html = drawn.html_of(self, self.shown, self.picture())
        return self._html

    def picture(self) -> bytes | None:
        """The lengths as a still picture; None where there is nothing to draw."""
        return drawn.png(self.shown)

    def plot(self) -> Figure | None:
        """The same as a figure."""
        return still.figure(self.shown)


def show_tokens(
    tokenizer: Any = None,
    texts: Any = None,
    *,
    against: Any = None,
    val: Any = None,
    max_length: int | None = None,
    answer: str | None = None,
    column: str | None = None,
    rows: int = token_texts.SHOWN,
    names: Mapping[str, str] | None = None,
    **given: Any,
) -> ShownTokens:
    """Show what a tokenizer made of texts, token by token, and judge it.

    `tokenizer` is one of transformers, tokenizers, tiktoken or SentencePiece, an object or function that encodes, or a
    vocabulary. `texts` is a text, a list of them, a data set, a frame, a path, or a loader of ids; with batch= or a
    loader the ids of the batch are shown, with model= as they go into it. `against` is another tokenizer for the same
    texts, `val` are texts whose numbers are set against theirs. Tokens beyond `max_length`, or what the tokenizer
    declares, are drawn as cut off. `column` holds the texts, `answer` what must not be cut off. Of many texts `rows`
    are shown. Raises BadInput, in one sentence.
    """
    bench = verbs.bench_of(tokenizer=tokenizer, **given)
    bench = bench.replace(names={**bench.names, **(names or {})})
    return show_tokens_of(
        bench, texts, against=against, val=val, max_length=max_length, answer=answer, column=column, rows=rows
    )


def show_tokens_of(
    bench: Bench,
    texts: Any = None,
    *,
    against: Any = None,
    val: Any = None,
    max_length: int | None = None,
    answer: str | None = None,
    column: str | None = None,
    rows: int = token_texts.SHOWN,
    batch: bool = False,
    progress: Progress = lambda name, rows, total: None,
) -> ShownTokens:
    """The same for a bench; `texts` stand in for its data, with `batch` its batch is shown."""
    start = time.perf_counter()
    _proved(max_length, rows)
    if bench.tokenizer is None:
        raise BadInput("no tokenizer here: name it (`%tokens tok texts`), or bind it (`%bind tokenizer=tok`)")
    tokenizer = open_tokenizer(bench.tokenizer, bench.name("tokenizer"))
    bench, source = _source(bench, texts, batch or (texts is None and bench.batch is not None))
    scan = None
    if source is None or not (column or _has_texts(source)):
        shown = _of_ids(bench, tokenizer, source, max_length, rows, partial(_told, progress, source))
    else:
        others = [] if against is None else [open_tokenizer(against, bench.name("against"))]
        seen = partial(_told, progress, source)
        scan = text_scan(source, tokenizer, column=column, limit=max_length, name=source.name, seen=seen)
        bench.know(held.train_text, scan)
        other = None if val is None else _val(bench, scan, val, max_length)
        shown = _of_texts(bench, scan, [tokenizer, *others], answer, rows, max_length is not None, other)
        if others:
            again = _again(scan, others[0], max_length, seen)
            shown = replace(shown, numbers=token_numbers.beside(shown.numbers, scan, again))
    checks = [check for check in all_checks().values() if check.chapter == "text"]
    results = {result.id: result for result in verbs.SESSION.run(checks, bench)}
    title = f"Tokens of `{tokenizer.name}`" + (f" and `{bench.name('against')}`" if against is not None else "")
    note = "; ".join([*([f"{scan.stopped}: {scan.extent}"] if scan is not None and scan.stopped else []), UNCHANGED])
    return ShownTokens(title, results, note=note, seconds=time.perf_counter() - start, shown=shown, scan=scan)


def _proved(max_length: int | None, rows: int) -> None:
    for name, value in (("max_length", max_length), ("rows", rows)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1):
            raise BadInput(f"`{name}` is a whole number, 1 or more; {value!r} was given")


def _has_texts(source: Source) -> bool:
    """Whether there are texts rather than ids; raises BadInput, naming the columns, where there is neither."""
    if text_columns(source):
        return True
    try:
        id_column(source)
    except BadInput:
        text_column(source)  # says what there is instead
        raise
    return False


def _told(progress: Progress, source: Source | None, rows: int) -> None:
    if source is not None:
        progress(source.name, rows, source.length)


def _source(bench: Bench, texts: Any, batch: bool) -> tuple[Bench, Source | None]:
    """The bench with what was given as its data, and these opened; None where the batch is what is shown."""
    if texts is not None and not batch and is_batch(texts):
        bench, batch = bench.replace(batch=texts, train_loader=None), True
    if batch:
        return _in_tensors(bench), None
    if texts is None:
        texts = bench.train_loader if bench.train_loader is not None else bench.train_data
    if texts is None:
        raise BadInput("no texts here: name them (`%tokens tok texts`), or bind a loader (`%bind train=loader`)")
    if isinstance(texts, DataLoader) or texts is bench.train_loader:
        bench = bench if texts is bench.train_loader else bench.replace(train_loader=texts, batch=None)
        with bench.untouched():
            first = bench.get("batch")
        if not any(isinstance(leaf, str) for leaf in leaves(first)):
            return bench, None
    texts = _rows(texts)
    name = bench.names.get("train_data") or bench.names.get("train_loader") or "the texts"
    source = open_texts(texts, name)
    if texts is not bench.train_loader:
        gone: dict[str, Any] = {"train_loader": None, "val_loader": None, "val_data": None, "batch": None}
        bench = bench.replace(train_data=source, **gone, names={**bench.names, "train_data": name})
    return bench, source


def _rows(texts: Any) -> Any:
    """Row by row what a tokenizer gave as lists, `tok(texts)`; anything else as it is."""
    ids = texts.get("input_ids") if isinstance(texts, Mapping) else None
    if not isinstance(ids, list) or not ids:
        return texts
    columns = {str(key): [value] if isinstance(ids[0], int) else value for key, value in texts.items()}
    even = {
        key: value
        for key, value in columns.items()
        if isinstance(value, list) and len(value) == len(columns["input_ids"])
    }
    return [dict(zip(even, row, strict=True)) for row in zip(*even.values(), strict=True)]


def _in_tensors(bench: Bench) -> Bench:
    """The bench with a list of ids as a row of a batch."""
    given = bench.batch
    if not isinstance(given, (list, tuple)) or not all(isinstance(one, int) for one in given):
        return bench
    return bench.replace(batch=torch.tensor([given], dtype=torch.int64))


def _again(scan: TextScan, other: Tokenizer, limit: int | None, seen: Callable[[int], None]) -> TextScan | None:
    """The same texts as another tokenizer reads them; None for those that are read only once."""
    try:
        return text_scan(scan.source, other, column=scan.column, limit=limit, most=scan.rows, seen=seen)
    except BadInput:
        return None


def _val(bench: Bench, scan: TextScan, val: Any, limit: int | None) -> TextScan:
    """The validation texts, in the column that the others were read from where they have it."""
    source = open_texts(val, bench.names.get("val_data", "the validation texts"))
    column = scan.column if scan.column in text_columns(source) else None
    found = text_scan(source, scan.tokenizer, column=column, limit=limit)
    bench.know(held.val_text, found)
    return found


def _of_texts(
    bench: Bench,
    scan: TextScan,
    tokenizers: list[Tokenizer],
    answer: str | None,
    rows: int,
    filled: bool,
    val: TextScan | None,
) -> Tokens:
    found = token_texts.answer_column(scan, answer)
    with bench.untouched():
        texts = token_texts.chosen(scan, rows, found)
        lines, notes = token_texts.lines(texts, tokenizers, limit=scan.limit, filled=filled)
    if scan.rows > len(texts):
        which = "drawn at random, with the longest and those with most unknown tokens"
        notes.append(f"{len(texts)} of {scan.rows:,} texts stand here: {which}")
    numbers = (*token_numbers.of_texts(scan, bench.model, bench.name("model"), val), *token_numbers.of_answers(lines))
    voices = tuple(token_texts.voice(each, _ids(lines, k)) for k, each in enumerate(tokenizers))
    lengths = token_numbers.bars(scan.lengths, scan.limit)
    return Tokens(voices, tuple(lines), scan.rows, "text", scan.limit, numbers, lengths, tuple(notes))


def _of_ids(
    bench: Bench,
    tokenizer: Tokenizer,
    source: Source | None,
    limit: int | None,
    rows: int,
    seen: Callable[[int], None],
) -> Tokens:
    given = token_rows.of_bench(bench) if source is None else token_rows.of_source(source)
    lines = token_rows.lines(given, tokenizer, limit)
    numbers, lengths = token_numbers.of_rows(lines), None
    if source is not None:
        scan = id_scan(source, tokenizer, column=next(iter(given.ids)), seen=seen)
        bench.know(held.train_ids, scan)
        numbers = token_numbers.of_ids(scan, tokenizer, bench.model, bench.name("model"))
        lengths = token_numbers.bars(scan.part.lengths, limit)
    numbers += token_numbers.of_cut(lines, limit)
    lines = lines[:rows]
    names = [*given.ids, *([given.called] if given.labels is not None else [])]
    told = "targets" if given.labels is not None else ""
    voices: tuple[Voice, ...] = tuple(
        token_texts.voice(tokenizer, _ids(lines, k), name, told if k == len(given.ids) else "")
        for k, name in enumerate(names)
    )
    total = len(next(iter(given.ids.values())))
    notes = list(given.notes)
    if total > len(lines):
        notes.append(f"the first {len(lines)} of {total} rows stand here")
    return Tokens(voices, tuple(lines), total, "row", limit, numbers, lengths, tuple(notes))


def _ids(lines: list[Line], k: int) -> list[Any]:
    own = [line.readings[k] for line in lines if k < len(line.readings)]
    return [*(each.ids for each in own), *(each.labels for each in own if each.labels is not None)]


def is_batch(value: Any) -> bool:
    """Whether a value is a batch of tensors, or a list of ids, rather than texts."""
    if isinstance(value, (list, tuple)) and value and all(isinstance(one, int) for one in value):
        return True
    return not isinstance(value, (str, DataLoader)) and any(isinstance(leaf, Tensor) for leaf in leaves(value))
