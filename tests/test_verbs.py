"""The Python twins of the magics, as a script or a test would call them."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
import torch
from torch import nn

import nbrecipe
from nbrecipe import toys, verbs
from nbrecipe.batches import BadInput
from nbrecipe.bench import Bench
from nbrecipe.session import Session


@pytest.fixture(autouse=True)
def fresh_session(monkeypatch):
    monkeypatch.setattr(verbs, "SESSION", Session())


def handed_over() -> dict[str, object]:
    bench = toys.classify()
    return {"model": bench.model, "loss": bench.loss_fn, "train": bench.train_loader}


def test_every_public_name_is_there_and_callable():
    for name in nbrecipe.__all__:
        assert callable(getattr(nbrecipe, name)), name


def test_modules_of_the_same_name_do_not_hide_the_verbs():
    import nbrecipe.recipe
    import nbrecipe.report

    assert callable(nbrecipe.recipe)
    assert callable(nbrecipe.report)


def test_check_init_judges_and_leaves_the_model_as_it_was():
    given = handed_over()
    before = {name: value.clone() for name, value in given["model"].state_dict().items()}
    answer = nbrecipe.check_init(**given)
    assert answer.ok
    assert {"loss-at-init", "final-bias", "symmetric-init"} <= set(answer.results)
    assert all(torch.equal(before[name], value) for name, value in given["model"].state_dict().items())


def test_check_init_with_fix_sets_the_bias_and_the_next_loss_is_lower():
    given = toys.classify(weights=(0.9, 0.04, 0.03, 0.02, 0.01))
    hands = {"model": given.model, "loss": given.loss_fn, "train": given.train_loader}
    before = nbrecipe.check_init(**hands).results["loss-at-init"].finding.seen["loss"]
    answer = nbrecipe.check_init(**hands, fix=True)
    after = answer.results["loss-at-init"].finding.seen["loss"]
    assert after < before - 0.5
    assert "bias` is now the prior: the loss starts at" in answer.note
    share = torch.bincount(given.train_data.tensors[1], minlength=5) / 256
    guess = given.model[-1].bias.detach().softmax(0)
    assert torch.allclose(guess, share, atol=0.02)


def test_overfit_batch_learns_sixteen_examples_and_puts_the_model_back():
    given = handed_over()
    before = {name: value.clone() for name, value in given["model"].state_dict().items()}
    answer = nbrecipe.overfit_batch(**given)
    finding = answer.results["cannot-overfit"].finding
    assert answer.ok
    assert (finding.seen["met"], finding.seen["counted"]) == (16, 16)
    assert finding.film is not None
    assert all(torch.equal(before[name], value) for name, value in given["model"].state_dict().items())


def test_the_report_holds_what_was_seen_and_is_json():
    nbrecipe.check_init(**handed_over())
    findings = json.loads(json.dumps(nbrecipe.report().to_dict()))["findings"]
    assert {f["id"] for f in findings} >= {"loss-at-init", "dead-units"}
    assert set(findings[0]) >= {"id", "verdict", "message", "fix", "where", "seen", "seconds"}


def test_bind_fixes_what_the_verbs_work_on():
    nbrecipe.bind(**handed_over())
    assert nbrecipe.check_init().ok
    assert set(nbrecipe.recipe("loss-at-init").results) == {"loss-at-init"}


def test_the_board_goes_into_a_page_or_into_json(tmp_path):
    nbrecipe.check_init(**handed_over())
    page, data = tmp_path / "board.html", tmp_path / "board.json"
    nbrecipe.recipe(report=page)
    nbrecipe.recipe(report=data)
    assert page.read_text().startswith("<!doctype html>")
    assert json.loads(data.read_text())["findings"]


def test_full_runs_experiments_within_the_budget():
    answer = nbrecipe.recipe(full=True, budget=60, **handed_over())
    assert answer.results["cannot-overfit"].verdict == "ok"
    spent = nbrecipe.recipe(full=True, budget=0.0, **handed_over())
    assert spent.results["cannot-overfit"].verdict == "ok", "what was seen is not replaced by what had no time"


def test_the_page_of_a_check_is_what_it_saves(tmp_path):
    told = nbrecipe.explain("nothing-loaded").save_html(tmp_path / "page.html").read_text("utf-8")
    assert "<title>nothing-loaded</title>" in told
    assert "<strong>Breaks:</strong>" in told
    assert "you are here" not in told


def test_explain_runs_the_examples_of_a_check():
    page = nbrecipe.explain("nothing-loaded").page
    assert {example.kind for example in page.examples} == {"breaks", "holds"}
    assert all(e.result.verdict == "bad" for e in page.examples if e.kind == "breaks")
    assert "def " in page.examples[0].source


def test_seed_gives_the_same_numbers_again():
    drawn = []
    for _ in range(2):
        nbrecipe.seed(7)
        drawn.append((random.random(), np.random.rand(), torch.rand(1).item()))
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: nbrecipe.check_init(), "no model here: assign one (`model = ...`) or name it"),
        (
            lambda: nbrecipe.check_init(nn.Linear(2, 2)),
            "no batch here: give a loader (`train=loader`) or a batch (`batch=(x, y)`)",
        ),
        (lambda: nbrecipe.seed(-1), "a seed is a whole number from 0 to 4294967295; -1 was given"),
        (lambda: nbrecipe.seed(True), "a seed is a whole number from 0 to 4294967295; True was given"),
        (
            lambda: nbrecipe.recipe(report="board.pdf"),
            "a report is written to a .html or a .json file; 'board.pdf' is neither",
        ),
    ],
)
def test_what_cannot_be_done_is_one_sentence(call, sentence):
    with pytest.raises(BadInput) as refusal:
        call()
    assert str(refusal.value) == sentence


def test_an_unknown_argument_is_named_with_those_there_are():
    with pytest.raises(BadInput) as refusal:
        nbrecipe.bind(modle=nn.Linear(1, 1))
    assert str(refusal.value) == (
        "there is nothing called 'modle' to give; there are batch, loss, model, optimizer, pred_probs, pretrained, "
        "rewrite, scheduler, tokenizer, trace, train, train_data, val, val_data"
    )


def test_an_unknown_check_names_the_nearest():
    with pytest.raises(LookupError, match=r"no check is called 'loss-at-ini'. Did you mean 'loss-at-init'\?"):
        nbrecipe.recipe("loss-at-ini", **handed_over())


def test_silenced_checks_are_left_out_and_named():
    session = Session()
    session.silence(["dead-units"])
    given = toys.classify()
    report = session.check_init(Bench(model=given.model, loss_fn=given.loss_fn, train_loader=given.train_loader))
    assert "dead-units" not in report.results
    assert "silenced in a cell: dead-units" in report.note
