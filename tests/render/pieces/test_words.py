import pytest
import reports

from nbrecipe.finding import Result, ok, skipped
from nbrecipe.render.pieces.words import MARKS, counted, lacking, seconds, sentence, silence, spans, telling


def test_stars_are_bold_backticks_are_code_and_one_may_hold_the_other():
    assert spans("seen **4.6** in `net`") == [((), "seen "), (("strong",), "4.6"), ((), " in "), (("code",), "net")]
    assert spans("**`net` is 3**") == [(("strong", "code"), "net"), (("strong",), " is 3")]


def test_a_lone_star_or_backtick_stays_as_it_is():
    assert spans("a * b ** c ` d") == [((), "a * b ** c ` d")]


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("loss is 3", "Loss is 3"),
        ("**one** of 3", "**One** of 3"),
        ("`net` is", "`net` is"),
        ("3 of 4", "3 of 4"),
        ("", ""),
    ],
)
def test_a_sentence_starts_with_a_capital_but_never_changes_a_name(message, told):
    assert sentence(message) == told


def test_every_state_has_a_mark_of_its_own_shape():
    assert len(set(MARKS.values())) == len(MARKS)


def test_the_summary_counts_with_the_right_number():
    assert counted(reports.init()) == ["1 fault", "1 hint", "5 hold", "2 skipped"]
    assert counted(reports.crash()) == ["1 crashed"]


@pytest.mark.parametrize(
    ("value", "told"), [(0, ""), (0.004, "under 0.01 s"), (0.213, "0.21 s"), (3.44, "3.4 s"), (61.2, "61 s")]
)
def test_durations_have_two_digits(value, told):
    assert seconds(value) == told


def test_the_sentence_that_leads_what_held_has_a_number():
    plain, numbered = Result("a", "", ok("no tanh layer")), Result("b", "", ok("**3** of 3"))
    assert telling([plain, numbered, plain]) == [numbered, plain, plain]
    assert telling([plain]) == [plain]


def test_what_was_skipped_for_one_reason_is_told_once():
    results = [Result(name, "", skipped("needs `batch`", code="%bind train=dl")) for name in "ab"]
    assert lacking([*results, Result("c", "", skipped("no time"))]) == [
        ("needs `batch`", "%bind train=dl", ["a", "b"]),
        ("no time", "", ["c"]),
    ]


def test_one_comment_silences_several_findings():
    results = list(reports.init())[:2]
    assert silence(*results) == f"# nbrecipe: ignore {results[0].id}, {results[1].id}"
