"""Lengths in quantiles, shifts of labels and splits with their errors, and the words that they are told in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from nbrecipe.batches import BadInput
from nbrecipe.scan.text.ends import Text
from nbrecipe.scan.text.id_reading import id_scan
from nbrecipe.scan.text.lengths import Lengths
from nbrecipe.scan.text.reading import text_scan
from nbrecipe.scan.text.shift import CHANCE, compared, difference, label_shifts
from nbrecipe.scan.text.table import Embedding, belong
from nbrecipe.scan.text.told import (
    most_told,
    occurring,
    percent,
    quantiles,
    quoted,
    row_told,
    rows_told,
    table_told,
)
from nbrecipe.scan.text.told_ids import ids_told
from nbrecipe.scan.text.vocabulary import Vocabulary
from nbrecipe.tokens import open_tokenizer
from tests.tokens.trained import LETTERS, LINES, WORDS, fast


def lengths(values):
    made = Lengths()
    made.add(np.asarray(values, np.int64))
    return made


@given(st.lists(st.integers(0, 2000), min_size=1, max_size=60), st.sampled_from([0.0, 0.05, 0.25, 0.5, 0.9, 0.99, 1.0]))
@settings(deadline=None)
def test_quantiles_and_what_is_beyond_are_exact(values, share):
    made = lengths(values)
    assert made.quantile(share) == np.quantile(values, share, method="inverted_cdf")
    assert (made.rows, made.total, made.least, made.greatest) == (len(values), sum(values), min(values), max(values))
    limit = values[0]
    cut = made.beyond(limit)
    assert cut.rows == sum(value > limit for value in values)
    assert cut.tokens == sum(max(value - limit, 0) for value in values)


def test_nothing_has_no_lengths():
    none = Lengths()
    assert (none.rows, none.total, none.greatest, none.quantile(0.5), none.beyond(3).share) == (0, 0, 0, 0, 0.0)
    assert np.isnan(none.mean)


def test_the_test_is_that_of_mann_and_whitney():
    generator = np.random.default_rng(0)
    for mean in (20, 21, 23):
        one, other = generator.poisson(20, 300), generator.poisson(mean, 200)
        expected = mannwhitneyu(one, other, method="asymptotic")
        longer, p = compared(lengths(one), lengths(other))
        assert longer == pytest.approx(expected.statistic / (300 * 200))
        assert p == pytest.approx(expected.pvalue)
    assert compared(lengths([4] * 30), lengths([4] * 30)) == (0.5, 1.0)


def test_labels_alike_are_seldom_called_different_and_different_ones_are():
    generator = np.random.default_rng(0)
    alarms = clear = 0
    for _ in range(300):
        values, labels = generator.lognormal(3, 0.7, 400).astype(int), generator.integers(0, 6, 400)
        shifts = label_shifts({label: lengths(values[labels == label]) for label in range(6)})
        assert len(shifts) == 6
        alarms += min(shift.p for shift in shifts) < 0.05
        clear += any(shift.is_clear for shift in shifts)
    assert alarms <= 300 * 0.05 + 3 * (300 * 0.05 * 0.95) ** 0.5  # the rate that is promised, and three deviations
    assert clear <= 2
    values = {label: lengths(generator.poisson(20 + 10 * (label == 3), 100)) for label in range(5)}
    first = label_shifts(values)[0]
    assert (first.label, first.is_clear, first.texts, first.others) == (3, True, 100, 400)
    assert first.longer > 0.9
    assert first.p < CHANCE


def test_a_small_difference_of_very_many_texts_is_not_clear():
    generator = np.random.default_rng(0)
    shifts = label_shifts({0: lengths(generator.poisson(20, 100_000)), 1: lengths(generator.poisson(20.5, 100_000))})
    assert shifts[0].p < 1e-6
    assert not shifts[0].is_clear
    assert label_shifts({0: lengths([1] * 19), 1: lengths([9] * 500)}) == ()  # too few to be tested


def test_splits_drawn_alike_differ_as_much_as_is_to_be_expected():
    generator = np.random.default_rng(0)
    words = np.array([f"w{i}" for i in range(4000)])
    table = {"<unk>": 0, **{word: i + 1 for i, word in enumerate(words)}}

    def drawn(rows, shift=0):
        return [" ".join(row) for row in words[np.minimum(generator.zipf(1.2, (rows, 20)) - 1 + shift, 3999)]]

    train = text_scan(drawn(2000), table)
    alike, other = text_scan(drawn(500), table), text_scan(drawn(500, 2000), table)
    same = difference(train, alike)
    assert same.share == pytest.approx(same.expected, abs=0.01)
    assert same.unseen == round(same.share * alike.tokens)
    new = difference(train, other)
    assert new.share > 5 * new.expected
    assert all(train.ids.of(i) == 0 for i in new.ids)


def test_what_is_to_be_expected_holds_where_words_come_in_bursts():
    """A text says its own rare words again and again, so that few of them stand once."""
    generator = np.random.default_rng(0)
    table = {"<unk>": 0, **{f"w{i}": i + 1 for i in range(3000)}}

    def drawn(rows):
        own = np.minimum(generator.zipf(1.3, (rows, 4)) - 1, 2999)
        return [" ".join(f"w{i}" for i in generator.choice(one, 25)) for one in own]

    train, val = text_scan(drawn(800), table), text_scan(drawn(400), table)
    found = difference(train, val)
    assert found.expected == pytest.approx(found.share, rel=0.25)
    once = float((train.ids.counts == 1).sum() / train.tokens)
    assert once < 0.5 * found.share  # what ids that stand once would have said


def test_what_was_counted_is_told_in_plain_words():
    short, long = [line[:9] for line in LINES[:60]], [line * 2 for line in LINES[:60]]
    data = [*((text, "spam") for text in short), *((text, "ham") for text in long), (None, "ham"), ("", "spam")]
    scan = text_scan([*data, ("日本語の", "ham")], fast(), name="mails")
    told = dict(rows_told(scan, text_scan([*LINES, "new ѪѪ"], fast(), name="val")))
    assert told["special tokens"] == "`[CLS]` once in every text; `[SEP]` once in every text"
    assert told["words"].endswith(
        ", each a run between spaces; 1 text is left out, in a script that puts none between words"
    )
    assert told["lengths by label"].startswith("texts of `ham` are longer, median ")
    assert told["lengths by label"].endswith("of the pairs (p < 0.001)")
    assert told["failed"] == "1 of 123 rows: row 120: is missing"
    assert told["empty"] == "1 text (row 121)"
    assert told["unknown letters"] == "`の`\u00a01×, `日`\u00a01×, `本`\u00a01×, `語`\u00a01×"
    assert "of its tokens never stand in `mails`;" in told["new in `val`"]
    assert told["unknown in `val`"].startswith("in 0.")


def test_labels_alike_are_told_as_such():
    generator = np.random.default_rng(0)
    texts = ["x" * n for n in generator.poisson(30, 300)]
    told = dict(rows_told(text_scan(list(zip(texts, generator.integers(0, 3, 300), strict=True)), LETTERS)))
    assert told["lengths by label"] == "no label's texts are clearly longer or shorter than the others (3 tested)"


def test_special_tokens_that_are_not_alike_everywhere_are_told_so():
    scan = text_scan(["a [CLS] b", "[CLS] c", "d", "e", "f"], fast())
    told = dict(rows_told(scan))
    assert told["special tokens"] == ("`[CLS]` once in 60 % of the texts, twice in 40 %; `[SEP]` once in every text")
    assert told["doubled"] == "1 text begins with a special token twice"
    assert "special tokens" not in dict(rows_told(text_scan(["a"], WORDS)))


@pytest.mark.parametrize(
    ("share", "told"),
    [(0, "0 %"), (1, "100 %"), (1e-5, "under 0.1 %"), (0.99999, "over 99.9 %"), (0.0123, "1.2 %"), (0.4567, "46 %"),
     (0.9951, "99.5 %")],
)  # fmt: skip
def test_a_share_is_never_rounded_to_nothing_or_to_all(share, told):
    assert percent(share) == told


def test_what_cannot_be_seen_is_written_out():
    assert quoted("a`b \n\t\u200b\ud800") == "a'b·⏎⇥U+200BU+D800"
    assert quoted("") == "∅"
    assert row_told(Text(17, "x", 512, 3, 0, 1)) == "row 17: 512 tokens, 3 unknown"
    assert row_told(Text(17, "x", 1, 0, 2, 1)) == "row 17: 1 token, 2 lone bytes"


def test_rows_of_ids_are_told_in_plain_words():
    table = {"<pad>": 0, "</s>": 2, "a": 5, "b": 6, "c": 7}
    rows = [
        {"input_ids": [5, 6, 2, 0, 0], "attention_mask": [1, 1, 1, 0, 0], "labels": [-100, 6, 2, -100, -100]},
        {"input_ids": [5, 6, 6, 7, 2], "attention_mask": [1, 1, 1, 1, 1], "labels": [-100] * 5},
    ] * 20  # fmt: skip
    scan = id_scan([*rows, {"input_ids": None}], table)
    told = dict(ids_told(scan, open_tokenizer(table), Embedding("net.0", 7, 4)))
    assert told == {
        "read": "41 rows of `input_ids`, 160 ids without padding",
        "lengths": "median 3, from 3 to 5",
        "at the greatest length": "50 % of the rows have exactly 5 ids: cut off, or cut into blocks?",
        "padding": "20 % of the ids (`attention_mask`): right in 20 rows",
        "special tokens": "`</s>` once in every row",
        "learned from": "20 % of the places; to a row: median 0, from 0 to 2",
        "nothing to learn": "in 20 rows (row 1, row 3, row 5, …)",
        "end token": "the last of 40 rows, learned from in 20 of them",
        "vocabulary": "4 of 8 ids occur",
        "most frequent": "`b`\u00a060×, `</s>`\u00a040×, `a`\u00a040×, `c`\u00a020×",
        "embedding": "4 of 7 rows of `net.0` (57 %) are never looked up",
        "ids without a row": "1 (7); 7 stands in row 1",
        "failed": "1 of 41 rows: row 40: is missing",
    }
    bare = dict(ids_told(id_scan(np.arange(200).reshape(20, 10))))
    assert bare["padding"] == "not told: there is no attention mask, and nothing says which id it is"
    assert bare["lengths"] == "10 in every row"
    assert bare["vocabulary"] == "200 ids occur, from 0 to 199"


def told_of_table(rows, seen, tokenizer=None):
    ids = Vocabulary()
    ids.add(np.asarray(seen, np.int64), np.arange(len(seen)))
    table = Embedding("net.0", rows, 4)
    return belong(table, ids, tokenizer), dict(table_told(table, ids, tokenizer, "tok"))


class Sized:
    def __init__(self, size):
        self.size = size


@pytest.mark.parametrize(
    ("rows", "size", "fits"),
    [
        (400, 400, True), (448, 400, True), (400, 403, True), (50_304, 50_257, True), (30_522, 30_530, True),
        (24, 26, True), (19, 400, False), (50_257, 30_522, False), (30_522, 50_257, False), (1000, 400, False),
        (3, 97, False), (32_000, 32_064, True),
    ],
)  # fmt: skip
def test_a_table_is_told_of_only_where_its_size_is_that_of_the_tokenizer(rows, size, fits):
    found, told = told_of_table(rows, range(3), Sized(size))
    assert found is fits
    if not fits:
        assert told == {"embedding": f"`net.0` has {rows:,} rows and `tok` {size:,} ids: they do not fit each other"}
    else:
        assert told["embedding"].endswith("are never looked up")


def test_without_a_size_the_ids_tell_whether_a_table_is_theirs():
    assert told_of_table(20, [1, 2, 3, 20]) == (
        True,
        {"embedding": "17 of 20 rows of `net.0` (85 %) are never looked up",
         "ids without a row": "1 (20); 20 stands in row 3"},
    )  # fmt: skip
    assert told_of_table(20, [1, 300, 400]) == (
        False,
        {"embedding": "`net.0` has 20 rows and `tok` ids up to 400: they do not fit each other"},
    )
    assert told_of_table(2, [0, 1])[1] == {"embedding": "each of the 2 rows of `net.0` is looked up"}
    assert told_of_table(2, [0])[1] == {"embedding": "1 of 2 rows of `net.0` (50 %) is never looked up"}
    assert told_of_table(2, [])[0]


def test_one_of_something_is_told_as_one():
    assert [occurring(*given) for given in ((1, None), (1, 400), (12, 400), (3, None))] == [
        "1 id occurs", "1 of 400 ids occurs", "12 of 400 ids occur", "3 ids occur"
    ]  # fmt: skip
    assert quantiles(lengths([4]), "text", "**") == "**4** in every text"
    assert quantiles(lengths([1] * 98 + [50] + [70])) == "median 1, 95 % up to 1, 99 % up to 50, from 1 to 70"


def test_the_most_frequent_are_told_by_their_text():
    tokenizer = open_tokenizer(fast("byte_level"))
    ids = [tokenizer.encode(text).ids.tolist()[0] for text in (" the", "\n", "\t", "é")]
    assert most_told(tokenizer, [(i, 2) for i in ids]) == "`·the`\u00a02×, `⏎`\u00a02×, `⇥`\u00a02×, `<0xC3>`\u00a02×"
    assert most_told(None, [(7, 1)]) == "`7`\u00a01×"


def test_conversations_are_no_texts_and_what_to_do_is_said():
    rows = [{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "so"}]}] * 9
    said = r"`messages` of `the texts` holds conversations: make a text of each first, as `tokenizer.apply_chat_templ"
    with pytest.raises(BadInput, match=said):
        text_scan(rows, LETTERS)
