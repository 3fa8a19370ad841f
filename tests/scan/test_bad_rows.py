"""Rows of every wrong kind: they are counted once each, named, and break nothing."""

from __future__ import annotations

import datetime
import decimal
import itertools
import os

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.utils.data import Dataset, IterableDataset

from nbrecipe import inspect_data
from nbrecipe.batches import BadInput
from nbrecipe.scan.part import Part
from nbrecipe.scan.reading import read_part, scan, spans
from nbrecipe.scan.sources.opening import open_source


class Rows(Dataset):
    """Rows of a list; an exception is raised instead of handed out."""

    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, row):
        value = self.rows[row]
        if isinstance(value, Exception):
            raise value
        return value


class Streamed(IterableDataset):
    def __init__(self, rows):
        self.rows = rows

    def __iter__(self):
        for value in self.rows:
            if isinstance(value, Exception):
                raise value
            yield value


SINGLE = [
    None, True, 3, -1, 2.5, float("nan"), float("inf"), 2**70, -(2**5000), 1e308, 1j,
    "", "a <b>word</b>", "\ud800 alone",
    b"bytes", decimal.Decimal("1.5"), decimal.Decimal("sNaN"), datetime.date(2020, 1, 1), datetime.datetime.max,
    datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc), datetime.timedelta(1), np.datetime64("NaT"),
    np.float16(1),
    np.longdouble(2), np.str_("x"), np.uint64(2**64 - 1), np.bool_(True), {}, {"boxes": [[0, 0, 1, 1]]}, {"boxes": 3},
    [], (),
    [1], [1, 2, 3], [[1, 2], [3]], {1, 2}, object, range(3), ...,
]  # fmt: skip
ARRAYS = [
    np.zeros(5), np.ones(5, np.float32), np.zeros(4), np.zeros(0), np.zeros((0, 3)), np.zeros((8, 8, 3), np.uint8),
    np.zeros((9, 8, 3), np.uint8), np.zeros((8, 8)), np.zeros((2, 2, 2, 2)), np.array(1.0), np.zeros(5, complex),
    np.zeros(5, np.float16), np.zeros(5, bool), np.array(["a", "b"]), np.array([b"a"]), np.array([None, 1], object),
    np.array(["2020"], "M8[D]"), np.zeros(2, [("a", int)]), np.full(5, np.nan), np.array([2**63], np.uint64),
    torch.zeros(5), torch.zeros(5, dtype=torch.bfloat16), torch.tensor(1), torch.eye(5).to_sparse(), torch.zeros(0),
    np.zeros(5, np.longdouble),
]  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(SINGLE),
    st.sampled_from(ARRAYS),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.lists(st.floats(), max_size=6),
    st.just(ValueError("<b>broken</b>\nrow")),
)
EXAMPLES = st.one_of(
    VALUES,
    st.tuples(VALUES, VALUES),
    st.tuples(st.sampled_from(ARRAYS[:2]), st.sampled_from([0, 1, None])),
    st.tuples(VALUES, VALUES, VALUES),
    st.dictionaries(st.sampled_from(["a", "b", "label", 3, "<i>"]), VALUES, max_size=3),
)
#: in CI the same rows at every run
QUIET = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=os.environ.get("CI") == "true",
)


def one_line(error):
    assert "\n" not in str(error)


def every_row_once(data, length, **given):
    """Scanned, or refused in one sentence; else every row has been counted exactly once."""
    try:
        source = open_source(data, "x", **given)
        done = scan(source, max_errors=10_000)
    except BadInput as error:
        return one_line(error)
    part = done.part
    assert part.rows + part.unread == length
    rows = [*part.sample.block().rows.tolist(), *(one.row for one in part.named)]
    assert sorted(rows) == list(range(length))
    merged = Part(done.plan)
    for start, stop in itertools.pairwise([0, length // 3, length // 2, length]):
        merged.merge(read_part(source, done.plan, start, stop))
    assert (merged.rows, merged.unread) == (part.rows, part.unread)
    for left, right in zip(part.copies.table(), merged.copies.table(), strict=True):
        np.testing.assert_array_equal(left, right)
    return done


@pytest.mark.filterwarnings("ignore")
@QUIET
@given(st.lists(EXAMPLES, max_size=12))
def test_rows_of_any_kind_are_counted_once(rows):
    every_row_once(Rows(rows), len(rows))


@pytest.mark.filterwarnings("ignore")
@QUIET
@given(st.lists(VALUES, max_size=12), st.data())
def test_rows_among_good_ones_are_counted_once(rows, data):
    good = data.draw(st.sampled_from([*SINGLE, *ARRAYS]))
    mixed = [(good, i % 2) for i in range(20)] + [(value, 1) for value in rows]
    every_row_once(Rows(data.draw(st.permutations(mixed))), len(mixed))
    every_row_once({"x": [one for one, _ in mixed], "label": [label for _, label in mixed]}, len(mixed))


@pytest.mark.filterwarnings("ignore")
@QUIET
@given(st.lists(st.tuples(st.sampled_from(ARRAYS[:2]), VALUES), min_size=1, max_size=12))
def test_labels_of_any_kind_leave_the_inputs_as_they_are(rows):
    broken = sum(isinstance(label, Exception) for _, label in rows)
    done = every_row_once(
        Rows([(value, 1 if isinstance(label, Exception) else label) for value, label in rows]), len(rows)
    )
    assert done is not None or broken


@pytest.mark.filterwarnings("ignore")
@QUIET
@given(st.lists(EXAMPLES, min_size=1, max_size=12))
def test_a_stream_of_any_rows_is_read_or_refused(rows):
    try:
        done = scan(open_source(Streamed(rows), "x"))
    except BadInput:
        return
    assert done.part.rows + done.part.unread <= len(rows)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "values", [v for v in ARRAYS if isinstance(v, np.ndarray)], ids=lambda v: f"{v.dtype} {v.shape}"
)
def test_whole_arrays_of_any_kind_are_counted_or_refused(values):
    every_row_once(values, len(values) if values.ndim else 0)
    every_row_once((np.stack([values] * 7), np.arange(7)), 7)


def test_rows_with_another_number_of_features_are_named():
    rows = [(np.ones(5), i % 2) for i in range(40)]
    rows[7], rows[9], rows[11] = (np.ones(4), 0), (None, 1), ("five", 1)
    done = every_row_once(Rows(rows), 40)
    assert str(done.plan.kinds["input"]) == "table"
    assert [(one.row, one.told) for one in done.part.named] == [
        (7, "`input` has shape (4,), where most rows have (5,)"),
        (9, "`input` is missing"),
        (11, "`input` is of type str, where most rows have numbers"),
    ]


def test_missing_labels_and_mixed_types_are_counted_not_refused():
    done = every_row_once({"n": [1, None, "x", 2.0] * 10, "label": ["a", None, "b", "a"] * 10}, 40)
    assert done.part.spreads["n"].missing.tolist() == [20]
    assert (done.part.labels.missing, done.part.labels.counts) == (10, {"a": 20, "b": 10})


def inspected(rows):
    """What is shown of rows, as text and as HTML that can be written."""
    shown = inspect_data(Rows(rows), Rows(rows[:20]))
    str(shown).encode()
    shown._repr_html_().encode()
    return {name: result.finding.message for name, result in shown.results.items() if result.verdict == "crashed"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "inputs",
    [
        [np.zeros(0)],
        [np.full(5, np.nan)],
        [np.array([True, False, True])],
        [np.ones(5, complex)],
        [b"x", b"y"],
        ["", "\ud800", None, "<b>x</b>"],
        [{"d": 1}],
        [np.ones(5)] * 9 + [np.ones(4), None],
    ],
    ids=["nothing", "nan", "flags", "complex", "bytes", "texts", "dicts", "ragged"],
)
def test_what_is_strange_is_shown_and_no_check_breaks(inputs):
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 60).tolist()
    assert inspected([(inputs[i % len(inputs)], label) for i, label in enumerate(labels)]) == {}


@pytest.mark.parametrize("label", [None, "\udfff", 2**70, 0.5, (1, 2)], ids=["none", "half", "huge", "number", "pair"])
def test_labels_that_are_strange_are_shown_and_no_check_breaks(label):
    generator = np.random.default_rng(0)
    assert inspected([(generator.standard_normal(5), label if i % 5 else i % 2) for i in range(60)]) == {}


class Endless:
    def __getitem__(self, row):
        return row


class Unsized(Endless):
    def __len__(self):
        raise TypeError("not known")


class Listed(Unsized):
    def __iter__(self):
        return iter([(np.ones(3), 1)] * 30)


class Short(Endless):
    """Says 40 rows and has 30."""

    def __len__(self):
        return 40

    def __getitem__(self, row):
        if row >= 30:
            raise IndexError("no such row")
        return np.ones(3), row % 2


class Growing(Short):
    def __init__(self):
        self.more = 0

    def __len__(self):
        return 20 + self.more

    def __getitem__(self, row):
        self.more = 5
        return np.ones(3), row % 2


class Once(IterableDataset):
    """Hands out its rows once, whoever asks."""

    def __init__(self):
        self.rows = iter([(np.ones(3), 1)])

    def __iter__(self):
        yield from self.rows


def test_data_without_a_length_or_that_change_are_told_of_in_one_sentence():
    with pytest.raises(BadInput, match="`x` gives rows by number but does not say how many: give it a `__len__`"):
        open_source(Endless(), "x")
    with pytest.raises(BadInput, match=r"does not say how many \(TypeError: not known\): give it a `__len__`"):
        open_source(Unsized(), "x")
    assert scan(open_source(Listed(), "x")).rows == 30
    short = scan(open_source(Short(), "x"))
    assert (short.rows, short.part.unread, short.part.named[0].told) == (30, 10, "IndexError: no such row")
    assert scan(open_source(Growing(), "x")).stopped == "had 20 rows when the reading began and has 25 now"
    with pytest.raises(BadInput, match="`x` gives its rows only once: a second reading finds none"):
        open_source(Once(), "x")
    with pytest.raises(BadInput, match="`x` is empty: it has no rows"):
        scan(open_source([], "x"))
    with pytest.raises(BadInput, match="`x` is a single value, not rows"):
        open_source(np.array(3.0), "x")


def test_a_stream_that_raises_ends_where_it_did():
    done = scan(open_source(Streamed([(np.ones(3), 1)] * 10 + [ValueError("cut")] + [(np.ones(3), 1)]), "x"))
    assert (done.rows, done.part.unread, done.whole) == (10, 1, False)
    assert done.stopped == "ended at row 10, which raised ValueError: cut"


def test_equal_rows_are_equal_whatever_block_they_stand_in():
    rows = [{"a": i, "b": float(i % 7)} for i in range(600)]
    rows[500], rows[300]["a"], rows[10]["a"] = {"a": 3.0, "b": 3}, None, 2**70
    done = every_row_once(rows, 600)
    assert [group.tolist() for group in done.part.copies.groups()] == [[3, 500]]


def test_the_spans_cover_every_row_once():
    assert [*spans(150_000)] == [(0, 65_536), (65_536, 131_072), (131_072, 150_000)]
