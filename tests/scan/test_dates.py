"""Columns of days and hours are computed with as years, and told as dates wherever a person reads them."""

from __future__ import annotations

import datetime

import numpy as np
import pytest

import nbrecipe
from nbrecipe.batches import BadInput
from nbrecipe.pictures.dates import day_of, moment_of, span_of, year_of
from nbrecipe.scan.columns.block import packed, years
from nbrecipe.scan.columns.dates import is_dated
from nbrecipe.scan.plan import plan_of
from nbrecipe.scan.sources.opening import open_source
from nbrecipe.scan.table.selection import histogram

G = np.random.default_rng(0)
DAYS = np.datetime64("2023-01-01") + G.integers(0, 400, 400).astype("m8[D]")
DAYS[7] = np.datetime64("1970-01-01")
X, LABEL = G.standard_normal(400), G.integers(0, 2, 400)


def test_a_year_is_the_day_that_it_was_made_of():
    days = np.arange("1890-01-01", "2110-01-01", dtype="M8[D]")
    assert [day_of(year) for year in years(days).tolist()] == days.astype(str).tolist()
    seconds = np.datetime64("2024-02-28T23:59:30") + np.arange(0, 10**6, 997).astype("m8[s]")
    assert [np.datetime64(moment_of(year)) for year in years(seconds).tolist()] == seconds.tolist()
    for day in ("2024-02-29", "1999-12-31 23:59:59", "2024-07-01 12:30"):
        told = year_of(day)
        assert told is not None
        assert moment_of(told) == day
    assert year_of("2024-01-01T01:00+01:00") == 2024.0
    assert [year_of(text) for text in ("soon", "2024-13-01", "")] == [None] * 3
    assert [day_of(year) for year in (float("nan"), 12345.5, -3.0)] == ["", "12345.5", "-3"]
    assert [span_of(0.5), span_of(0.001)] == ["183 days", "8.77 hours"]


def frames():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"day": DAYS.astype("M8[ns]"), "x": X, "label": LABEL})
    yield frame
    yield frame.assign(day=frame["day"].dt.tz_localize("UTC"))
    yield frame.assign(day=frame["day"].dt.date)
    yield pytest.importorskip("pyarrow").Table.from_pandas(frame)
    yield {"day": DAYS, "x": X, "label": LABEL}
    yield [{"day": day, "x": x, "label": y} for day, x, y in zip(DAYS.tolist(), X, LABEL, strict=True)]


def test_every_kind_of_date_is_known_for_one_and_is_computed_with_as_before():
    for data in frames():
        plan = plan_of(open_source(data, "data"))
        assert plan.dates == {"day"}, type(data)
        assert plan.kinds["day"] == "number"
    for values in (
        [datetime.date(2024, 3, 5), None],
        [datetime.datetime(2024, 3, 5, 12), datetime.datetime(2020, 1, 1)],
    ):
        assert is_dated(packed(values))
    others = {"x": X, "days": DAYS - DAYS[0], "year": np.full(400, 2024.5)}
    assert plan_of(open_source(others, "data")).dates == frozenset()


@pytest.fixture(scope="module")
def inspected():
    return nbrecipe.inspect_data({"day": DAYS, "x": X, "label": LABEL})


def test_a_page_and_a_terminal_tell_days(inspected):
    axis = next(axis for axis in inspected.shown.axes if axis.name == "day")
    assert axis.dated
    assert axis.low[0] == 1970.0
    for told in (str(inspected), inspected._repr_html_()):
        assert f"1970-01-01 to {DAYS.max()}" in told
        assert " days" in told
        assert "2023-0" in told
    assert "day: dates" in str(inspected)


def test_an_outlier_is_told_by_its_day(inspected):
    seen = inspected.results["outlier-examples"].finding
    assert "row 7 on `day` with 1970-01-01, where the next is 2023-01-0" in seen.message
    assert seen.seen["values"][0] == 1970.0


def test_rows_are_filtered_and_told_by_days():
    shown = nbrecipe.browse({"day": DAYS, "x": X, "label": LABEL})
    march = DAYS.astype("M8[M]") == np.datetime64("2023-03")
    assert shown.rows('"2023-03-01" <= day < "2023-04-01"') == np.flatnonzero(march).tolist()
    assert shown.rows('day == "1970-01-01"') == shown.rows("day < 1971") == [7]
    assert shown.rows(f'day in ("{DAYS[3]}", "1970-01-01")') == np.flatnonzero(np.isin(DAYS, DAYS[[3, 7]])).tolist()
    assert f"day {DAYS[0]}" in str(shown)
    table = shown.browsing.table
    bars = histogram(table, "day", np.flatnonzero(march))
    assert bars["told"].startswith("least 2023-03-0")
    assert bars["days"][0].startswith("2023-")
    assert "days" not in histogram(table, "x", np.flatnonzero(march))
    with pytest.raises(BadInput, match="`day` holds dates, and 'soon' is none: write \"2024-03-05\""):
        shown.rows('day > "soon"')
