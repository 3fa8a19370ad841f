"""The answers of a person, kept in a file from card to card: a kernel that ends and a tab that closes lose none."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ...batches import BadInput
from .deck import Deck, Question

#: what the first line of a file says it is
FORMAT = "nbrecipe human baseline 1"


@dataclass(frozen=True)
class Given:
    """What was answered to one question, and the seconds that it took; None where nobody timed it."""

    question: Question
    answer: Any
    seconds: float | None = None


@dataclass
class Sheet:
    """A file of answers, one line each; what is taken back is told in a line of its own."""

    path: Path
    head: Mapping[str, Any]
    #: in the order in which they were given
    given: list[Given] = field(default_factory=list)

    @classmethod
    def of(cls, path: str | Path, deck: Deck, by: str = "") -> Sheet:
        """The sheet of this deck: the file that is there, or one that the first answer makes; `by` is whose they are.

        Raises BadInput where the file is none of answers, or of answers to other data, or cannot be written.
        """
        place = Path(path).expanduser()
        folder = next(parent for parent in place.resolve().parents if parent.exists())
        if not os.access(place if place.exists() else folder, os.W_OK):
            raise BadInput(f"answers cannot be kept in `{place}`, which may not be written: name another file, "
                           "`--file NAME.jsonl`")  # fmt: skip
        if _is_new(place):
            return cls(place, _head(deck, by))
        sheet = read(place)
        if sheet.head.get("fingerprint") != deck.fingerprint or sheet.head.get("kind") != str(deck.kind):
            raise BadInput(f"`{place}` holds answers to other data ({sheet.head.get('data')}, not `{deck.name}` as it "
                           "is now): name another file, `--file NAME.jsonl`")  # fmt: skip
        return sheet

    @property
    def answers(self) -> dict[Question, Given]:
        """The last answer to each question."""
        return {one.question: one for one in self.given}

    def open(self, deck: Deck) -> list[Question]:
        """The questions of a deck that have no answer yet, in order."""
        answered = self.answers
        return [question for question in deck.questions if question not in answered]

    def answer(self, question: Question, answer: Any, seconds: float | None = None) -> None:
        """Keep an answer, in the file first."""
        known = None if seconds is None else round(float(seconds), 2)
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        self._append({"row": question.row, "turn": question.turn, "answer": answer, "seconds": known, "at": now})
        self.given.append(Given(question, answer, known))

    def undo(self) -> Question | None:
        """Take the last answer back; None where there is none."""
        if not self.given:
            return None
        last = self.given[-1].question
        self._append({"row": last.row, "turn": last.turn, "undone": True})
        self.given = [one for one in self.given if one.question != last]
        return last

    def _append(self, line: Mapping[str, Any]) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lines = [self.head, line] if _is_new(self.path) else [line]
            with self.path.open("a+b") as file:
                if len(lines) == 1 and not _ends_a_line(self.path):
                    file.write(b"\n")  # what was torn off in the middle of a line stays a line of its own
                file.writelines(json.dumps(dict(each), ensure_ascii=False).encode() + b"\n" for each in lines)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise BadInput(f"the answer could not be kept in `{self.path}`: {error.strerror or error}") from error


def read(path: str | Path) -> Sheet:
    """A file of answers; a last line that was torn off is left out. Raises BadInput where it is none."""
    place = Path(path).expanduser()
    try:
        lines = place.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"`{place}` cannot be read: {getattr(error, 'strerror', None) or error}") from error
    rows = [found for line in lines if (found := _parsed(line)) is not None]
    if not rows or rows[0].get("what") != FORMAT:
        raise BadInput(f"`{place}` holds no answers of `%human_baseline`")
    sheet = Sheet(place, rows[0])
    for row in rows[1:]:
        question = Question(int(row["row"]), int(row["turn"]))
        sheet.given = [one for one in sheet.given if one.question != question]
        if not row.get("undone"):
            sheet.given.append(Given(question, row.get("answer"), row.get("seconds")))
    return sheet


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    whole = isinstance(found, dict) and ("what" in found or ("row" in found and "turn" in found))
    return found if whole else None


def _head(deck: Deck, by: str) -> dict[str, Any]:
    head = {"what": FORMAT, "data": deck.name, "fingerprint": deck.fingerprint, "kind": str(deck.kind)}
    return {**head, "by": by, "seed": deck.seed, "choices": [list(choice) for choice in deck.choices]}


def _is_new(path: Path) -> bool:
    return not path.exists() or not path.stat().st_size


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
