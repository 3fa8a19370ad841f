"""What a check says: a verdict, a sentence with numbers, and the numbers themselves."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .film import Film

Seen = Mapping[str, Any]


class Verdict(str, enum.Enum):
    """How a check ended; only `BAD` claims a fault."""

    OK = "ok"
    BAD = "bad"
    HINT = "hint"
    SKIPPED = "skipped"
    CRASHED = "crashed"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Finding:
    """What one check saw, what it expected and what to do."""

    verdict: Verdict
    #: what was seen against what was expected, with numbers; numbers to stress stand in **stars**
    message: str
    #: the first thing to try, one imperative sentence
    fix: str = ""
    #: lines to paste, with the user's own names
    code: str = ""
    #: the cause or the context in one short line
    why: str = ""
    #: the module, or the cell and line, where it happens
    where: str = ""
    #: the numbers behind message and picture; JSON-ready
    seen: Seen = field(default_factory=dict)
    #: predictions against labels over the steps of a run, for checks that train
    film: Film | None = None


@dataclass(frozen=True)
class Result:
    """A finding with the id and title of its check, the seconds it took, and the kind of cell it was seen in."""

    id: str
    title: str
    finding: Finding
    seconds: float = 0.0
    #: "training" or "evaluation" for what was seen of a watched cell
    occasion: str = ""

    @property
    def verdict(self) -> Verdict:
        return self.finding.verdict

    @property
    def key(self) -> str:
        """What tells it from other results: the id, and the occasion where it has one."""
        return f"{self.id} ({self.occasion})" if self.occasion else self.id

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-ready data, without the film."""
        found = self.finding
        return {
            "id": self.id,
            "verdict": str(found.verdict),
            "title": self.title,
            "message": plain(found.message),
            "fix": found.fix,
            "code": found.code,
            "why": plain(found.why),
            "where": found.where,
            "seen": json_ready(found.seen),
            "seconds": round(self.seconds, 4),
            "occasion": self.occasion,
        }


def ok(message: str, *, film: Film | None = None, why: str = "", where: str = "", **seen: Any) -> Finding:
    """The healthy state holds."""
    return Finding(Verdict.OK, message, why=why, where=where, seen=seen, film=film)


def bad(
    message: str,
    *,
    fix: str,
    code: str = "",
    why: str = "",
    where: str = "",
    film: Film | None = None,
    **seen: Any,
) -> Finding:
    """A fault; it must be right."""
    return Finding(Verdict.BAD, message, fix, code, why, where, seen, film)


def hint(
    message: str,
    *,
    fix: str,
    code: str = "",
    why: str = "",
    where: str = "",
    film: Film | None = None,
    **seen: Any,
) -> Finding:
    """Worth a look; claims no fault."""
    return Finding(Verdict.HINT, message, fix, code, why, where, seen, film)


def skipped(message: str, *, fix: str = "", code: str = "", **seen: Any) -> Finding:
    """Could not run here: the message says what is missing, `code` is the line that gives it."""
    return Finding(Verdict.SKIPPED, message, fix, code, seen=seen)


def plain(message: str) -> str:
    """The message without the stars that stress numbers."""
    return message.replace("**", "")


def spelled(name: str, path: str) -> str:
    """A module as the user would write it: `net[2]`, `net.features[0]`."""
    return name + "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in path.split(".") if part)


def number(value: float, digits: int = 4) -> str:
    """A number with `digits` significant digits, one fewer below 0.1, and no exponent where people would write none."""
    if not math.isfinite(value):
        return str(value)
    if value == 0:
        return "0"
    magnitude = abs(value)
    if magnitude >= 10**6 or magnitude < 10**-4:
        return f"{value:.{digits - 2}e}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")
    significant = digits if magnitude >= 0.1 else max(1, digits - 1)
    places = max(0, significant - 1 - math.floor(math.log10(magnitude)))
    return f"{value:.{places}f}"


def percent(share: float, places: int = 1) -> str:
    """A share of one as people write it: "33.3 %"."""
    return f"{100 * share:.{places}f} %"


def json_ready(value: Any) -> Any:
    """The same data in dicts, lists, strings and finite numbers; NaN and infinities become strings."""
    if isinstance(value, Mapping):
        return {str(key): json_ready(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [json_ready(item) for item in value]
    if isinstance(value, enum.Enum):
        return str(value.value)
    if value is None or isinstance(value, (bool, str, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if hasattr(value, "tolist"):
        return json_ready(value.tolist())
    return str(value)
