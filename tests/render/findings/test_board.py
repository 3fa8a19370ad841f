import pytest
import reports

from nbrecipe.finding import Result, bad, hint, ok
from nbrecipe.recipe import STAGES, tip_named
from nbrecipe.render.findings import board
from nbrecipe.report import Report


def everything():
    return reports.init().add(reports.overfit())


def held(*names):
    return Report().add([Result(name, "", ok("**1** of 1")) for name in names])


def test_a_tip_says_the_worst_of_its_checks():
    report = held("vanishing-signal")
    assert report.state(tip_named("init well")) == "ok"
    report.add([Result("final-bias", "", reports.BIAS)])
    assert report.state(tip_named("init well")) == "hint"
    report.add([Result("dead-units", "", bad("off", fix="Do."))])
    assert report.state(tip_named("init well")) == "bad"


def test_a_tip_that_has_not_run_differs_from_one_without_a_check():
    report = Report()
    assert report.state(tip_named("verify loss @ init")) == "todo"
    assert report.state(tip_named("human baseline")) == "advice"


def test_progress_counts_tips_that_hold_of_those_with_checks():
    skeleton = STAGES[1]
    assert Report().progress(skeleton) == (0, 5)
    assert everything().progress(skeleton) == (1, 5)  # the hint claims no fault
    assert Report().progress(STAGES[0]) == (0, 0)


def test_you_are_at_the_first_fault_else_at_the_first_tip_that_has_not_run():
    assert Report().here.name == "data"
    assert everything().here.name == "skeleton"
    later = held(*list(reports.CHECKS)[:8])
    assert later.here.name == "overfit"
    assert held(*reports.CHECKS).here.name == "regularise"
    assert held(*list(reports.CHECKS)[:9]).add([list(reports.init())[-1]]).here.name == "overfit"  # a skip is no step
    assert later.add([Result("nothing-loaded", "", bad("none", fix="Do."))]).here.name == "regularise"


def test_the_gate_is_shut_until_one_batch_is_overfitted():
    assert Report().gate == tip_named("overfit one batch")
    assert everything().gate == tip_named("overfit one batch")
    stopped = Report().add([Result("cannot-overfit", "", hint("stopped by you", fix="Run it again."))])
    assert stopped.gate == tip_named("overfit one batch")
    assert "<strong>overfit one batch</strong>, is not proven" in board.html(stopped)
    assert held("cannot-overfit").gate is None


def test_next_is_the_first_fault_before_anything_that_has_not_run():
    assert held("unseeded").next == tip_named("verify loss @ init")
    assert everything().next == tip_named("verify loss @ init")
    assert held(*reports.CHECKS).next is None


def test_the_board_as_text_shows_stages_gate_evidence_and_lines_to_run():
    told = board.text(everything())
    assert told.startswith("The recipe: you are at Skeleton · 2 faults · 1 hint · 5 hold\n\n")
    assert "✗ 2 Skeleton   1/5   fault  ← you are here" in told
    assert "✗ The gate, overfit one batch, fails: nothing of a later stage is worth doing" in told
    assert "  ✗ verify loss @ init              Loss at init is 4.607; these labels give 2.303 ±\n" in told
    assert "%recipe explain loss-at-init" in told
    assert "  ○ fix random seed                 Two runs of the same code" in told
    assert "%seed 0" in told
    assert "  · human baseline                  Measure how well you do yourself" in told
    assert max(map(len, told.splitlines())) <= 88


def test_the_board_opens_the_stage_where_you_stand_and_folds_the_others():
    page = board.html(everything())
    assert page.count("<details") == 6
    assert page.count("<details open>") == 1
    assert page.index("<details open>") < page.index('<strong>2 Skeleton</strong> <span class="nbr-aim">')
    assert page.count("you are here") == 1


def test_the_board_shows_every_tip_of_the_recipe():
    page = board.html(Report())
    for stage in STAGES:
        for tip in stage.tips:
            assert f">{tip.name}</div>" in page


@pytest.mark.parametrize(
    ("report", "told"),
    [
        (Report(), "The gate, <strong>overfit one batch</strong>, has not run yet"),
        (everything(), "The gate, <strong>overfit one batch</strong>, fails"),
        (held(*reports.CHECKS), "Everything that checks can tell holds"),
    ],
    ids=["nothing", "faults", "all"],
)
def test_the_board_says_what_stops_you(report, told):
    assert told in board.html(report)


def test_a_board_with_nothing_run_says_so():
    assert board.text(Report()).startswith("The recipe: nothing has run yet; you are at Data\n")


def test_evidence_is_escaped():
    page = board.html(Report().add([Result("loss-at-init", "", bad("<script>x", fix="<img>"))]))
    assert "<script>x" not in page
    assert "<img>" not in page
