"""Verdicts, findings, numbers and what JSON gets."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from nbrecipe.finding import Finding, Result, Verdict, bad, hint, json_ready, number, ok, plain, skipped, spelled


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (4.61234, "4.612"),
        (2.3025850929940455, "2.303"),
        (46.1234, "46.12"),
        (461.234, "461.2"),
        (4612.34, "4612"),
        (46123.4, "46123"),
        (0.5, "0.5000"),
        (0.051234, "0.0512"),
        (0.0051234, "0.00512"),
        (0.00051234, "0.000512"),
        (-0.00051234, "-0.000512"),
        (0.000051234, "5.12e-5"),
        (-1.5, "-1.500"),
        (1234567.0, "1.23e6"),
        (1e10, "1.00e10"),
        (1e-10, "1.00e-10"),
        (math.inf, "inf"),
        (math.nan, "nan"),
    ],
)
def test_a_number_has_few_digits_and_an_exponent_only_where_people_would_write_one(value, text):
    assert number(value) == text


def test_a_number_takes_fewer_digits():
    assert number(4.61234, 3) == "4.61"
    assert number(0.051234, 2) == "0.05"
    assert number(0.00051234, 1) == "0.0005"


def test_stars_are_for_the_eye_alone():
    assert plain("loss is **4.61**, not **2.30**") == "loss is 4.61, not 2.30"


def test_a_makers_keywords_become_what_was_seen():
    assert ok("fine", loss=2.3).seen == {"loss": 2.3}
    found = bad("wrong", fix="Do it.", code="x = 1", why="because", where="`net.2`", loss=4.6)
    assert (found.verdict, found.fix, found.code, found.why, found.where) == (
        Verdict.BAD,
        "Do it.",
        "x = 1",
        "because",
        "`net.2`",
    )
    assert found.seen == {"loss": 4.6}
    assert hint("odd", fix="Look.").verdict is Verdict.HINT
    assert skipped("needs `model`", code="%bind model=net").code == "%bind model=net"


@pytest.mark.parametrize("make", [bad, hint])
def test_a_fault_and_a_hint_say_what_to_do(make):
    with pytest.raises(TypeError, match="fix"):
        make("wrong")


def test_a_finding_cannot_be_changed():
    with pytest.raises(AttributeError):
        ok("fine").message = "else"


@pytest.mark.parametrize(
    ("value", "plain_value"),
    [
        (np.float32(0.5), 0.5),
        (np.array([[1, 2]]), [[1, 2]]),
        (torch.tensor([True, False]), [True, False]),
        ((1, 2.5, None, True), [1, 2.5, None, True]),
        ({1: {"a"}}, {"1": ["a"]}),
        (Verdict.BAD, "bad"),
        (float("nan"), "nan"),
        (torch.tensor([1.0, math.inf]), [1.0, "inf"]),
        (torch.float32, "torch.float32"),
    ],
)
def test_anything_becomes_plain_data(value, plain_value):
    assert json_ready(value) == plain_value
    assert json.loads(json.dumps(json_ready(value), allow_nan=False)) == plain_value


def test_a_result_becomes_the_dict_that_reports_are_made_of():
    found = bad("loss is **4.61**", fix="Do it.", why="spread by **3**", loss=torch.tensor(4.5))
    data = Result("loss-at-init", "The title", found, seconds=0.123456).to_dict()
    assert data == {
        "id": "loss-at-init",
        "verdict": "bad",
        "title": "The title",
        "message": "loss is 4.61",
        "fix": "Do it.",
        "code": "",
        "why": "spread by 3",
        "where": "",
        "seen": {"loss": 4.5},
        "seconds": 0.1235,
        "occasion": "",
    }


def test_a_verdict_prints_as_its_word():
    assert f"{Verdict.OK} {Finding(Verdict.CRASHED, 'x').verdict}" == "ok crashed"


def test_a_module_is_spelled_as_the_user_would_write_it():
    assert spelled("net", "2") == "net[2]"
    assert spelled("net", "features.0.conv") == "net.features[0].conv"
    assert spelled("net", "") == "net"
