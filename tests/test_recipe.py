"""The essays as data."""

from __future__ import annotations

import re

import pytest

from nbrecipe.recipe import ESSAYS, STAGES, TIPS, stage_of, tip_named


def test_the_stages_stand_in_the_order_of_the_essay():
    assert [stage.name for stage in STAGES] == ["data", "skeleton", "overfit", "regularise", "tune", "squeeze"]


def test_no_tip_is_told_twice():
    names = [tip.name for tip in TIPS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("tip", TIPS, ids=lambda tip: tip.name)
def test_a_tip_is_short_advice_with_its_source(tip):
    assert tip.author in ESSAYS
    assert re.match(r"\d ", tip.section), "the section has the essay's number"
    assert re.fullmatch(r"[A-Z].*[.?]", tip.advice)
    assert len(tip.advice) <= 120
    assert tip.line == "" or tip.line.startswith("%")


def test_each_author_keeps_the_order_of_the_sections():
    for author in ESSAYS:
        for stage in STAGES:
            sections = [tip.section for tip in stage.tips if tip.author == author]
            assert sections == sorted(sections)


def test_the_gate_is_to_overfit_one_batch():
    assert [tip.name for tip in TIPS if tip.gate] == ["overfit one batch"]


def test_a_tip_is_found_by_its_name_and_knows_its_stage():
    tip = tip_named("verify loss @ init")
    assert tip.line == "%check_init"
    assert stage_of(tip).name == "skeleton"


def test_an_unknown_tip_names_the_nearest():
    with pytest.raises(LookupError) as error:
        tip_named("verify loss at init")
    assert error.value.args == ("the recipe has no tip 'verify loss at init'; did you mean 'verify loss @ init'?",)
    with pytest.raises(LookupError) as error:
        tip_named("zzz")
    assert error.value.args == ("the recipe has no tip 'zzz'",)
