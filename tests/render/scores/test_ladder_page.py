"""The page of a ladder: who beats whom comes first, and what each rung shows opens when it is asked for."""

from __future__ import annotations

from nbrecipe.pictures.ladder import LadderShown, Step
from nbrecipe.pictures.scores import Standing, Standings
from nbrecipe.render.scores import ladder as drawn
from nbrecipe.report import Report

REPORT = Report("Baselines of `train`", {})
SHOWN = LadderShown(
    "fitted on `train`, 300 rows",
    Standings("**accuracy**", (Standing("linear", 0.9, 0.8, 0.95, "0.90 (0.80 to 0.95)"),)),
    (
        Step("linear", "LogisticRegression(C=1)", "300 rows", "more than a weighted sum", "sees no interaction"),
        Step("`my_net`", "as it is now"),
        Step("rule", "", refused="it raises <b>"),
    ),
    verdict="`my_net` beats `linear` beyond chance (accuracy on the same rows)",
)


def test_who_beats_whom_comes_before_the_ladder():
    made, told = drawn.html_of(REPORT, SHOWN), drawn.text_of(REPORT, SHOWN)
    assert made.index("beyond chance") < made.index('class="nbr-standings"')
    assert told.index("my_net beats linear beyond chance") < told.index("0.90 (0.80 to 0.95)")


def test_what_a_rung_shows_folds_and_what_has_nothing_to_show_does_not():
    made = drawn.html_of(REPORT, SHOWN)
    assert made.count('<details class="nbr-rung">') == 1
    assert "Beating it shows more than a weighted sum; it sees no interaction</div></details>" in made
    assert "<strong><code>my_net</code></strong> as it is now" in made
    assert "was not tried: it raises &lt;b&gt;" in made


def test_a_terminal_is_told_all_of_it():
    told = drawn.text_of(REPORT, SHOWN)
    assert "Beating it shows more than a weighted sum; it sees no interaction" in told
    assert max(map(len, told.splitlines())) <= 88


def test_without_a_verdict_nothing_is_said():
    bare = LadderShown(SHOWN.extent, SHOWN.standings, SHOWN.steps)
    assert 'nbr-verdict"' not in drawn.html_of(REPORT, bare)
