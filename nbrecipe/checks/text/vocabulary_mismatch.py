"""Every id has a row in the embedding, and tokenizer and embedding are of one size.

A token that was added to the tokenizer and not to the model, ids that start at 2 in a table counted from 0, a target
that no output stands for: training ends in an index error the first time that the id turns up, on a GPU without a word
on where. A table far larger than the vocabulary was made for another tokenizer. Rows to spare, rounded up to a multiple
of 8 or 64, are usual and harmless.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ... import toys
from ...batches import BadInput
from ...bench import Bench, Missing
from ...check import Check
from ...finding import Finding, bad, hint, ok, skipped, spelled
from ...probes.rows.lookups import Lookup, lookups
from ...scan.text import held
from ...scan.text.id_reading import IdScan
from ...scan.text.table import is_roomy
from ...task import Kind
from ...tokens import Tokenizer, open_tokenizer

check = Check(__name__, tip="outputs of the tokenizer", cost="scan")


@check.run
def run(model: nn.Module, batch: object, bench: Bench) -> Finding:
    with bench.untouched():
        seen = bench.once(lookups)
    if seen.outside is not None:
        return _outside(bench, seen.outside)
    if not seen.words:
        return skipped("no embedding is given the ids of the batch as they are")
    table = seen.words[0]
    scans = [scan for measure in (held.train_ids, held.val_ids) if (scan := _scanned(bench, measure)) is not None]
    found = _in_the_data(bench, table, scans) if len(seen.words) == 1 else None
    found = found or _beyond_the_outputs(bench, scans) or _of_the_tokenizer(bench, table)
    if found is not None:
        return found
    greatest = max([table.greatest, *(s.part.ids.greatest[0] for s in scans if s.part.ids.greatest is not None)])
    return ok(
        f"ids up to **{greatest}** are looked up in `{_named(bench, table)}`, which has {table.rows} rows",
        rows=table.rows,
        greatest=greatest,
    )


def _named(bench: Bench, table: Lookup) -> str:
    return spelled(bench.name("model"), table.path)


def _outside(bench: Bench, table: Lookup) -> Finding:
    """The batch at hand asks for a row that there is none of."""
    wrong = table.least if table.least < 0 else table.greatest
    what = f"`{table.argument}` holds the id" if table.argument else "it is asked for"
    name = _named(bench, table)
    if table.least < 0:
        fix = "Give the model ids from 0 on: -100 marks targets to ignore, and must not reach the inputs."
    elif table.argument:
        fix = f"Give `{name}` a row for every id, {wrong + 1} at least."
    else:
        fix = f"Cut rows to {table.rows} tokens, or give `{name}` more rows."
    return bad(
        f"{what} **{wrong}**, and `{name}` has the rows 0 to {table.rows - 1}: the forward pass fails on this batch",
        fix=fix,
        where=f"`{name}`",
        id=wrong,
        rows=table.rows,
    )


def _scanned(bench: Bench, measure: Any) -> IdScan | None:
    try:
        scan: IdScan = bench.once(measure)
        return scan
    except (Missing, BadInput):
        return None


def _in_the_data(bench: Bench, table: Lookup, scans: list[IdScan]) -> Finding | None:
    """Ids of rows that are not in this batch."""
    for scan in scans:
        ends = (scan.part.ids.least, scan.part.ids.greatest)
        for end in ends:
            if end is not None and not 0 <= end[0] < table.rows:
                name = _named(bench, table)
                return bad(
                    f"row **{end[1]}** of `{scan.name}` holds the id **{end[0]}**, and `{name}` has the rows 0 to "
                    f"{table.rows - 1}: the forward pass fails on it",
                    fix=f"Give `{name}` a row for every id, or encode this row with the vocabulary of the model.",
                    where=f"`{name}`",
                    id=end[0],
                    row=end[1],
                    rows=table.rows,
                )
    return None


def _beyond_the_outputs(bench: Bench, scans: list[IdScan]) -> Finding | None:
    """Targets that no output stands for."""
    try:
        task = bench.get("task")
    except (Missing, BadInput):
        return None
    if (
        task.kind is not Kind.NEXT_TOKEN
        or task.call is None
        or task.classes is None
        or task.call.target.is_floating_point()
    ):
        return None
    for scan in scans:
        end = scan.part.targets.greatest if scan.labels else None
        if end is not None and end[0] >= task.classes and end[0] != task.call.options.get("ignore_index", -100):
            return bad(
                f"row **{end[1]}** of `{scan.name}` has the target **{end[0]}**, and the model has {task.classes} "
                f"outputs (0 to {task.classes - 1}): the loss fails on it",
                fix="Give the last layer an output for every id.",
                id=end[0],
                row=end[1],
                outputs=task.classes,
            )
    return None


def _of_the_tokenizer(bench: Bench, table: Lookup) -> Finding | None:
    """Sizes alone: what the tokenizer may give, against the rows there are."""
    if bench.tokenizer is None:
        return None
    try:
        tokenizer = open_tokenizer(bench.tokenizer, bench.name("tokenizer"))
        size = tokenizer.size
    except BadInput:
        return None
    name, called = _named(bench, table), bench.name("tokenizer")
    if size is None:
        return None
    told = f"`{called}` gives ids up to **{size - 1}**, and `{name}` has **{table.rows}** rows"
    numbers: dict[str, Any] = {"size": size, "rows": table.rows}
    if size > table.rows:
        known = _entries(tokenizer)
        if table.rows in known and _in_use(tokenizer, table.rows, size):
            why = "the table was made for its entries without those that were added, or as if ids started at 0"
            fix = f"Give `{name}` {size} rows."
            return bad(told, fix=fix, code=_resize(bench), why=why, where=f"`{name}`", **numbers)
        why = "harmless as long as no text holds the tokens at the end, or ids are mapped to others on the way"
        return hint(told, fix=f"See which tokens have the ids from {table.rows} on.", why=why, **numbers)
    if is_roomy(table.rows, size) and table.greatest < size:
        why = (
            "rows that no id reaches stay as they were made; weights for another tokenizer say other words with each id"
        )
        return hint(told, fix="See whether the model was made for this tokenizer.", why=why, **numbers)
    return None


def _entries(tokenizer: Tokenizer) -> set[int]:
    """How many entries a vocabulary has, counted in the ways in which people count them; none for ids from 0 on."""
    given = tokenizer.given
    counts: set[int] = set()
    for count in (lambda: given.vocab_size, lambda: given.get_vocab_size(with_added_tokens=False), lambda: len(given)):
        try:
            value = count()
        except Exception:
            continue
        if isinstance(value, int) and value > 1:
            counts.add(value)
    return counts


def _in_use(tokenizer: Tokenizer, rows: int, size: int) -> bool:
    """Whether an id without a row stands for text or has a role; a special token that nobody names may go unused."""
    special = tokenizer.specials
    return any(i in special.roles or (i not in special.every and tokenizer.piece(i)) for i in range(rows, size))


def _resize(bench: Bench) -> str:
    model, tokenizer = bench.name("model"), bench.name("tokenizer")
    return (
        f"{model}.resize_token_embeddings(len({tokenizer}))" if hasattr(bench.model, "resize_token_embeddings") else ""
    )


def _words(first: int = 0, count: int = 24) -> dict[str, int]:
    return {f"w{i}": first + i for i in range(count)}


@check.breaks
def id_without_a_row() -> Bench:
    """Ids up to 23 are looked up in 20 rows."""
    return toys.next_token(toys.lm(20))


@check.breaks
def rare_id_without_a_row() -> Bench:
    """A single row of the data, which is not in the first batch, holds an id too many."""
    given = toys.next_token()
    given.train_data.tensors[0][100, 3] = 24
    return given


@check.breaks
def ids_that_start_at_two() -> Bench:
    """A vocabulary of 24 words whose ids start at 2, and an embedding with a row for each word."""
    return toys.next_token(vocabulary=24, tokenizer=_words(first=2))


@check.holds
def one_row_each() -> Bench:
    """As many rows as words."""
    return toys.next_token(tokenizer=_words())


@check.holds
def rounded_up() -> Bench:
    """24 words in a table and an output layer of 64 rows."""
    return toys.next_token(toys.lm(64), tokenizer=_words())


@check.holds
def other_tables() -> Bench:
    """A table of places is shorter than the vocabulary, and no ids are looked up in it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return toys.next_token(vocabulary=40, length=8)
