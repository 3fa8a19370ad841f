"""Points in time, as a year and the share of it that has passed, in the words of a calendar."""

from __future__ import annotations

import datetime
import math

#: days of a year, and span of days below which hours count
DAYS, SHORT = 365.2425, 5.0
#: years that a calendar has
FIRST, LAST = 1, 9999


def day_of(year: float, span: float = math.inf) -> str:
    """Such a year as "2024-03-05", with hours where all lies within so few days; "" where there is none."""
    if not math.isfinite(year):
        return ""
    whole = math.floor(year)
    if not FIRST <= whole < LAST:
        return f"{year:.6g}"
    start = datetime.datetime(whole, 1, 1)
    passed = (datetime.datetime(whole + 1, 1, 1) - start) * (year - whole)
    told = start + datetime.timedelta(seconds=round(passed.total_seconds()))
    if span >= SHORT:
        return str(told.date())
    return told.isoformat(" ")[: 16 if not told.second else 19]


def moment_of(year: float) -> str:
    """The same, with hours where it is not midnight."""
    told = day_of(year, 0.0)
    return told.removesuffix(" 00:00")


def span_of(years: float) -> str:
    """A span of years in words: "12 days", "5.2 hours"."""
    days = years * DAYS
    return f"{days:.3g} days" if days >= 1 or not days else f"{days * 24:.3g} hours"


def year_of(text: str) -> float | None:
    """The year of a text such as "2024-03-05" or "2024-03-05 12:30"; None where it is none."""
    try:
        told = datetime.datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if told.tzinfo is not None:
        told = told.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    start, after = datetime.datetime(told.year, 1, 1), datetime.datetime(min(told.year + 1, LAST), 1, 1)
    return told.year + (told - start) / (after - start) if told.year < LAST else None
