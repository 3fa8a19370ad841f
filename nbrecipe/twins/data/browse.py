"""`browse`, the Python twin of `%browse`: every row of a data set, to be looked at, sorted, filtered and tagged."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from torch.utils.data import DataLoader

from ... import verbs
from ...batches import BadInput
from ...bench import Bench
from ...decoding.worded import class_names
from ...finding import Verdict
from ...guard import Untouched
from ...pictures.browse import Browser
from ...probes.data.cards import Cards
from ...registry import get_check
from ...render.data import browse as drawn
from ...scan import held
from ...scan.sources.kept import Kept
from ...scan.sources.opening import open_source
from ...scan.sources.source import Source
from ...scan.table.columns import Table, read_table
from ...scan.table.selection import Ask
from ...verbs import Shown
from ..cards import LIKE, cards_of
from .browsing import LOSS, Browsing

UNCHANGED = "your data are as they were"
#: rows that stand in a saved page
ROWS = 60
#: what is called after each block with the name of the data, the rows read and the rows in all
Progress = Callable[[str, int, int | None], None]


@dataclass
class Browsed(Shown):
    """A data set row by row, and the tags that were given to its rows."""

    browsing: Browsing | None = field(default=None, repr=False, compare=False)
    ask: Ask = field(default_factory=Ask)
    #: by what name a page that a kernel stands behind asks for rows, "" where it cannot
    wire: str = field(default="", repr=False)

    def __str__(self) -> str:
        return drawn.text_of(self, self._shown(drawn.LINES))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return drawn.html_of(self, self._shown(ROWS), self.wire)

    @property
    def tags(self) -> dict[int, list[str]]:
        """The tags of each row that has one: {17: ["bad label"]}."""
        return {row: list(tags) for row, tags in sorted(self._open.table.tags.items())}

    def tagged(self, name: str | None = None) -> list[int]:
        """The rows that have this tag, or any, rising."""
        return [row for row, tags in self.tags.items() if name is None or name in tags]

    def tag(self, rows: Any, name: str, *, on: bool = True) -> None:
        """Give a row, or several, a tag; `on=False` takes it. Raises LookupError for a row that was not read."""
        for row in np.atleast_1d(np.asarray(rows, dtype=np.int64)).tolist():
            self._open.tag(row, name, on)

    def rows(self, filter: str = "", *, search: str = "", sort: str = "", descending: bool = False) -> list[int]:
        """Numbers of the rows that a filter lets through, in order. Raises BadInput, in one sentence."""
        places = self._open.places(Ask(filter, search, sort, descending))
        return [int(row) for row in self._open.table.rows[places]]

    @property
    def columns(self) -> dict[str, np.ndarray[Any, Any]]:
        """What rows can be sorted and filtered by: one number for each row that was read."""
        return {name: column.values for name, column in self._open.table.columns.items()}

    def follow(self, tagging: Callable[[], None]) -> None:
        """What is called after each tag that is given or taken."""
        self._open.tagging = tagging

    def tag_bundle(self) -> dict[str, str]:
        """The tags and their rows, as text and as HTML."""
        tags, name = self._open.tagged(), self._open.table.source.name
        plain = "\n".join(
            f"{tag}: {'row' if len(rows) == 1 else 'rows'} {', '.join(map(str, rows))}" for tag, rows in tags.items()
        )
        return {"text/plain": plain, "text/html": drawn.tag_line(tags, name)}

    @property
    def _open(self) -> Browsing:
        assert self.browsing is not None
        return self.browsing

    def _shown(self, rows: int) -> Browser:
        return self._open.browser(self.ask, rows)


def browse(
    data: Any = None,
    *,
    labels: Any = None,
    sort: str = "",
    descending: bool = False,
    filter: str = "",
    rows: int | None = None,
    names: Mapping[str, str] | None = None,
    **given: Any,
) -> Browsed:
    """Measure every row of a data set, and show the first of those that are asked for.

    `data` is a data set, loader, array or frame; without it, the training data that are bound. `labels` is the name of
    the column that holds the label, or the labels row by row. `filter` and `sort` are expressions over columns:
    `brightness > 200 and label == "cat"`. At most `rows` rows are read. With model= (and loss=) the model's predictions
    and losses are columns too. Takes what `bind` takes for the rest. Raises BadInput, in one sentence.
    """
    bench = verbs.bench_of(**given)
    bench = bench.replace(names={**bench.names, **(names or {})})
    ask = Ask(filter, "", sort, descending)
    return browse_of(bench, data, labels=labels, ask=ask, rows=rows, judge=given.get("model") is not None)


def browse_of(
    bench: Bench,
    data: Any = None,
    *,
    labels: Any = None,
    ask: Ask | None = None,
    rows: int | None = None,
    judge: bool = False,
    progress: Progress = lambda name, rows, total: None,
    wired: Callable[[Browsing], str] | None = None,
) -> Browsed:
    """The same for a bench; with `judge` its model judges every row.

    `wired` may take what answers a page, and returns the wire's name.
    """
    start = time.perf_counter()
    if rows is not None and rows < 1:
        raise BadInput(f"`rows` is a number of rows, 1 or more; {rows} was given")
    whole, (bench, data, name) = bench, _named(bench, data)
    table, cards = _read(bench, data, name, labels, rows, progress)
    browsing = Browsing(table, cards, [data])
    if judge:
        _judge(whole, browsing, data, lambda count: progress(f"{whole.name('model')} on {name}", count, len(table)))
        if LOSS in table.columns and (ask is None or not ask.sort):
            ask = replace(ask or Ask(), sort=LOSS, descending=True)
    elif whole.model is not None:
        model = whole.name("model")
        table.notes.append(f"`{model}` is here: with `--model {model}` come its losses and mistakes, the worst first")
    browsing.places(ask or Ask())  # what is wrong with it is said at once
    table.notes += _unreached(whole, data)
    stopped = f"`{name}` {table.stopped}: {table.extent}" if table.stopped else ""
    return Browsed(
        f"Browse `{name}`",
        {},
        note="; ".join(filter(None, [stopped, UNCHANGED])),
        seconds=time.perf_counter() - start,
        browsing=browsing,
        ask=ask or Ask(),
        wire=wired(browsing) if wired is not None else "",
    )


def _unreached(bench: Bench, data: Any) -> list[str]:
    """What is wrong with how a loader draws these rows; who browses them looks at all, whatever is drawn."""
    loader = data if isinstance(data, DataLoader) else bench.train_loader
    if loader is None or (loader is not data and getattr(loader, "dataset", loader) is not data):
        return []
    found = verbs.SESSION.run([get_check("unreachable-examples")], bench.replace(train_loader=loader))
    return [each.finding.message for each in found if each.verdict in (Verdict.BAD, Verdict.HINT)]


def _named(bench: Bench, data: Any) -> tuple[Bench, Any, str]:
    """The bench with what was given as its training data, which names and normalisation are looked for in."""
    if data is not None:
        bench = bench.replace(train_data=data, train_loader=None)
    elif bench.train_loader is None and bench.train_data is None:
        raise BadInput("no data here: name them (`%browse train_set`), or bind a loader (`%bind train=loader`)")
    return bench, *held.given_data(bench, "train")


def _judge(bench: Bench, browsing: Browsing, data: Any, seen: Callable[[int], None]) -> None:
    """Let the bench's model judge every row, and show the nearest training rows beside each."""
    from .judging import Nearest, judge

    judge(bench, browsing.table, data, class_names(bench), seen)
    browsing.nearest = Nearest(bench, browsing.table, browsing.cards, data)


def _read(bench: Bench, data: Any, name: str, labels: Any, rows: int | None, progress: Progress) -> tuple[Table, Cards]:
    """Every row measured, and what makes cards of them."""
    with Untouched([data]):
        opened = open_source(data, name, label=labels)
        source, held_so = _by_number(opened, rows, lambda count: progress(name, count, None))
        measured: Callable[[int], None] = lambda count: progress(name, count, source.length)  # noqa: E731
        table = read_table(source, names=class_names(bench), most=rows, seen=measured)
        table.notes += [held_so] if held_so else []
        return table, _cards(bench, table)


def _by_number(source: Source, rows: int | None, seen: Callable[[int], None]) -> tuple[Source, str]:
    """The source itself, or the first rows of a stream held in memory, and a sentence that says so."""
    if source.length is not None:
        return source, ""
    kept = Kept(source, rows, seen)
    return kept, f"`{source.name}` can be read only from its start: its first {kept.length} rows are held in memory"


def _cards(bench: Bench, table: Table) -> Cards:
    evenly = np.linspace(0, len(table) - 1, min(LIKE, len(table))).astype(int)
    return cards_of(bench, table.source, table.plan, table.rows[evenly].tolist())
