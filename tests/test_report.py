"""The results so far, where the reader stands, and what stops them."""

from __future__ import annotations

import json

import pytest

from nbrecipe.finding import Finding, Result, Verdict, bad, hint, ok, skipped
from nbrecipe.recipe import STAGES, TIPS, tip_named
from nbrecipe.registry import all_checks
from nbrecipe.report import Report, checks_of, drawing_of

LOSS, OVERFIT = "loss-at-init", "cannot-overfit"
GATE = tip_named("overfit one batch")


def result(name: str, finding: Finding) -> Result:
    return Result(name, "A title", finding)


def fine(name: str) -> Result:
    return result(name, ok("fine", loss=2.3))


def wrong(name: str) -> Result:
    return result(name, bad("wrong", fix="Do it.", loss=4.6))


def test_a_fault_decides_the_exit_code_and_a_hint_does_not():
    assert (Report().ok, Report().exit_code) == (True, 0)
    hinted = Report().add([result(LOSS, hint("odd", fix="Look.")), result(OVERFIT, Finding(Verdict.CRASHED, "bug"))])
    assert (hinted.ok, hinted.exit_code) == (True, 0)
    assert (hinted.add([wrong(LOSS)]).ok, hinted.exit_code) == (False, 1)


def test_a_later_result_replaces_the_earlier_but_a_skip_does_not():
    report = Report().add([wrong(LOSS)])
    assert report.add([result(LOSS, skipped("needs `model`"))]).results[LOSS].verdict is Verdict.BAD
    assert report.add([fine(LOSS)]).results[LOSS].verdict is Verdict.OK
    assert len(report) == 1


def test_results_come_in_the_order_of_the_recipe():
    report = Report().add([fine(name) for name in reversed(list(all_checks()))])
    assert [r.id for r in report] == list(all_checks())
    assert [r.id for r in report.of(Verdict.OK)] == list(all_checks())


def test_the_dict_is_json_with_one_entry_a_finding():
    data = Report().add([wrong(LOSS), fine(OVERFIT)]).to_dict()
    assert set(data) == {"findings"}
    assert [entry["verdict"] for entry in data["findings"]] == ["bad", "ok"]
    assert json.loads(json.dumps(data, allow_nan=False)) == data


def test_a_tip_stands_where_the_worst_of_its_checks_stands():
    tip = next(tip for tip in TIPS if len(checks_of(tip)) > 1)
    first, second, *_ = checks_of(tip)
    report = Report()
    assert report.state(tip) == "todo"
    for finding, state in (
        (skipped("needs `model`"), "skipped"),
        (ok("fine"), "ok"),
        (hint("odd", fix="Look."), "hint"),
        (Finding(Verdict.CRASHED, "bug"), "crashed"),
        (bad("wrong", fix="Do it."), "bad"),
    ):
        report.add([fine(first), result(second, finding)])
        assert report.state(tip) == ("ok" if state == "skipped" else state)


def test_a_tip_that_no_check_carries_out_is_advice():
    tip = next(tip for tip in TIPS if not checks_of(tip))
    assert Report().state(tip) == "advice"
    assert Report().telling(tip) is None


def test_progress_counts_the_tips_that_checks_carry_out():
    stage = next(stage for stage in STAGES if stage.name == "skeleton")
    of_all = sum(bool(checks_of(tip)) for tip in stage.tips)
    assert Report().progress(stage) == (0, of_all)
    names = [name for tip in stage.tips for name in checks_of(tip)]
    assert Report().add([fine(name) for name in names]).progress(stage) == (of_all, of_all)


def test_the_reader_stands_at_the_first_fault_else_at_the_first_tip_that_does_not_hold_yet():
    assert Report().here is STAGES[0], "nothing has run"
    everything = [fine(name) for name in all_checks()]
    checked = [stage for stage in STAGES if any(checks_of(tip) for tip in stage.tips)]
    assert Report().add(everything).here is checked[-1], "the last that checks can tell of"
    assert Report().add([*everything, wrong(LOSS)]).here.name == "skeleton"
    assert Report().add([fine(LOSS)]).here.name == "data", "a stage before it has checks that did not run"


@pytest.mark.parametrize(
    ("finding", "stops"),
    [
        (None, True),
        (ok("fine"), False),
        (hint("odd", fix="Look."), True),
        (bad("wrong", fix="Do it."), True),
        (skipped("needs `model`"), True),
    ],
)
def test_the_gate_stops_until_it_holds(finding, stops):
    report = Report().add([] if finding is None else [result(OVERFIT, finding)])
    assert report.gate == (GATE if stops else None)


def test_only_what_was_seen_is_drawn():
    assert drawing_of(result(LOSS, bad("wrong", fix="Do it.", loss=4.6))) is all_checks()[LOSS].drawing
    assert drawing_of(result(LOSS, ok("fine"))) is None, "no numbers"
    assert drawing_of(result("no-such-check", ok("fine", loss=2.3))) is None
