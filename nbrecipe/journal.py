"""What was run, when, on what, with what outcome: one SQLite file of the working directory.

Fingerprints, names of variables and numbers stand in it, nothing of the data. Several kernels may write at once. Where
it cannot be written, in a directory that is read-only or while another process holds the file, everything works
without it.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

#: where it lies, seen from the working directory; several people's notebooks in one folder each have one of their own
PLACE = Path(os.environ.get("NBRECIPE_JOURNAL") or Path(".nbrecipe") / "journal.sqlite")
#: seconds to wait for another kernel's write, which takes a few milliseconds
PATIENCE = 5.0
#: of the table below; a file of a later version is left alone
VERSION = 1

_TABLE = """
create table if not exists events (
    id integer primary key,
    time text not null,     -- UTC, ISO 8601
    what text not null,     -- what was run: "evaluate"
    name text not null,     -- what the user calls the data
    data text not null,     -- fingerprint of its contents; '' where it has none
    weights text not null,  -- fingerprint of the model's weights; '' where it has none
    outcome text not null   -- numbers, as JSON
)
"""
_INDEX = "create index if not exists events_by_data on events (data, what)"
EVALUATE = "evaluate"
T = TypeVar("T")


@dataclass(frozen=True)
class Event:
    """One thing that was run."""

    time: str
    what: str
    name: str
    data: str
    weights: str
    outcome: Mapping[str, Any]


class Journal:
    """The journal of a working directory. No call raises: what cannot be written or read is not there."""

    #: files about which it was said in this process that they cannot be used
    _told: ClassVar[set[str]] = set()

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = Path(PLACE if path is None else path).absolute()
        self._trouble = ""

    def evaluated(self, data: str, name: str, weights: str, metric: str, value: float) -> int:
        """Note an evaluation, and give how many other weights were evaluated on the same data before.

        The same weights again count nothing, and data or weights without a fingerprint are not counted.
        """

        def noted(connection: sqlite3.Connection) -> int:
            others = _others(connection, data, weights)
            _add(connection, EVALUATE, name, data, weights, {"metric": metric, "value": float(value)})
            return others

        return self._done(noted, 0)

    def other_weights(self, data: str, weights: str) -> int:
        """How many other weights were evaluated on these data so far, without a note."""
        return self._done(lambda connection: _others(connection, data, weights), 0, write=False)

    def add(self, what: str, name: str, data: str, weights: str, outcome: Mapping[str, Any]) -> None:
        """Note anything else that was run. Numbers and short words alone belong in the outcome."""
        self._done(lambda connection: _add(connection, what, name, data, weights, outcome), None)

    def events(self, what: str = "") -> tuple[Event, ...]:
        """All that was noted, or all of one kind, in order."""
        asked = "select time, what, name, data, weights, outcome from events where ? in ('', what) order by id"

        def read(connection: sqlite3.Connection) -> tuple[Event, ...]:
            rows: list[Any] = connection.execute(asked, (what,)).fetchall()
            return tuple(
                Event(when, kind, name, data, by, json.loads(told)) for when, kind, name, data, by, told in rows
            )

        return self._done(read, (), write=False)

    def complaint(self) -> str:
        """One sentence where the file cannot be used, once for each file and process; "" afterwards and elsewhere."""
        if not self._trouble or str(self.path) in self._told:
            return ""
        self._told.add(str(self.path))
        return f"evaluations are not counted: {self.path} {self._trouble}"

    def _done(self, act: Callable[[sqlite3.Connection], T], without: T, *, write: bool = True) -> T:
        """What `act` gives; `without` where the file cannot be used, or there is nothing to read yet."""
        try:
            if not write and not self.path.exists():
                return without
            with contextlib.closing(self._connected(write)) as connection, connection:
                connection.execute("begin immediate" if write else "begin")
                if not self._known(connection, write):
                    return without
                return act(connection)
        except (sqlite3.Error, OSError, ValueError) as error:
            self._trouble = f"cannot be used ({getattr(error, 'strerror', None) or error})"
            return without

    def _connected(self, write: bool) -> sqlite3.Connection:
        if write and not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.parent.name == PLACE.parent.name:
                ignored = self.path.parent / ".gitignore"
                with contextlib.suppress(FileExistsError), ignored.open("x", encoding="utf-8") as file:
                    file.write("# made by nbrecipe\n*\n")
        mode = "rwc" if write else "ro"
        return sqlite3.connect(f"{self.path.as_uri()}?mode={mode}", uri=True, timeout=PATIENCE, isolation_level=None)

    def _known(self, connection: sqlite3.Connection, write: bool) -> bool:
        """Whether the file is of this version; a new one is made so."""
        (version,) = connection.execute("pragma user_version").fetchone()
        if version > VERSION:
            self._trouble = "was written by a later version of nbrecipe"
        elif version == 0 and write:
            connection.execute(_TABLE)
            connection.execute(_INDEX)
            connection.execute(f"pragma user_version = {VERSION}")
            return True
        return bool(version == VERSION)


def _others(connection: sqlite3.Connection, data: str, weights: str) -> int:
    if not data or not weights:
        return 0
    asked = "select count(distinct weights) from events where what = ? and data = ? and weights not in ('', ?)"
    (count,) = connection.execute(asked, (EVALUATE, data, weights)).fetchone()
    return int(count)


def _add(
    connection: sqlite3.Connection, what: str, name: str, data: str, weights: str, outcome: Mapping[str, Any]
) -> None:
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
    row = (now, what, name, data, weights, json.dumps(dict(outcome)))
    connection.execute("insert into events (time, what, name, data, weights, outcome) values (?, ?, ?, ?, ?, ?)", row)
