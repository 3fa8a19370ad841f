"""Checks that a user writes: in a cell with `@nbrecipe.check`, or in a package that names them by entry points."""

from __future__ import annotations

import importlib
import json
import sys

import pytest
import torch
from IPython.utils.capture import capture_output

import nbrecipe
from nbrecipe import registry, toys, verbs
from nbrecipe.batches import BadInput
from nbrecipe.check import RETURNS
from nbrecipe.finding import Verdict
from nbrecipe.notebook import loaded
from nbrecipe.notebook.completion import complete
from nbrecipe.session import Session

WRITTEN = '''
import nbrecipe, torch
from torch import nn

@nbrecipe.check
def inputs_are_small(batch):
    """Inputs lie within ten of zero.

    Large inputs saturate the first layer.
    """
    return bool((batch[0].abs() <= 10).all())
'''
STEPS = """
import nbrecipe, torch
from torch import nn
@nbrecipe.check
def steps_enough(trace):
    "There are ten steps."
    return f"there were only {trace.steps} steps" if trace.steps < 10 else True
net = nn.Linear(3, 1)
opt = torch.optim.SGD(net.parameters(), lr=0.1)
x = torch.randn(16, 3)
"""
LOOP = """%%watch -q --no-panel
for _ in range({}):
    opt.zero_grad()
    net(x).pow(2).mean().backward()
    opt.step()
"""
WORDS = "; call the function something else"
LETTERS = "is no name for a check: give the function one that begins and ends with a letter"


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """A session of its own, and no check of another test."""
    monkeypatch.setattr(verbs, "SESSION", Session())
    registry.forget_written()
    yield
    registry.forget_written()


def ran(ip, source):
    """What a cell gives, and what it printed."""
    with capture_output() as said:
        done = ip.run_cell(source, store_history=True)
    return done, said.stdout + said.stderr


def bench_of_ones(value=1.0):
    return {"batch": (torch.full((8, 4), value), torch.zeros(8, dtype=torch.long))}


# In a notebook


def test_a_function_of_a_cell_stands_in_recipe_board_completion_page_and_report(ip, tmp_path):
    assert ran(ip, WRITTEN)[0].success
    ran(ip, "batch = (torch.full((8, 4), 99.), torch.zeros(8, dtype=torch.long))")
    answer = ran(ip, "%recipe inputs-are-small -q")[0].result
    result = answer.results["inputs-are-small"]
    assert (result.verdict, result.title) == (Verdict.BAD, "Inputs lie within ten of zero")
    assert result.finding.message == "“Inputs lie within ten of zero” does not hold"
    board = ran(ip, f"%recipe -q --report {tmp_path / 'r.json'}")[0].result
    assert "✗ inputs-are-small" in str(board)
    assert ">inputs-are-small<" in board._repr_html_()
    found = json.loads((tmp_path / "r.json").read_text())["findings"]
    assert [(entry["id"], entry["verdict"]) for entry in found if entry["verdict"] == "bad"] == [
        ("inputs-are-small", "bad")
    ]
    assert "inputs-are-small" in complete(ip, loaded(ip), "%recipe inp")[1]
    assert "own" in complete(ip, loaded(ip), "%recipe ow")[1], "all of them at once"
    page = ran(ip, "%recipe explain inputs-are-small -q")[0].result
    assert str(page).splitlines()[0] == "inputs-are-small: Inputs lie within ten of zero"
    assert "Large inputs saturate the first layer." in str(page)
    assert "A check written in this notebook; on the board it stands in the stage skeleton." in str(page).replace(
        "\n", " "
    )
    assert "A check written in this notebook" in page._repr_html_()


def test_the_cell_run_again_replaces_the_check_and_what_it_said(ip):
    ran(ip, WRITTEN)
    ran(ip, "batch = (torch.full((8, 4), 99.), torch.zeros(8, dtype=torch.long))\n%recipe inputs-are-small -q")
    assert "inputs-are-small" in verbs.SESSION.report.results
    ran(ip, WRITTEN.replace("<= 10", "<= 100").replace("within ten", "within a hundred"))
    assert "inputs-are-small" not in verbs.SESSION.report.results
    answer = ran(ip, "%recipe inputs-are-small -q")[0].result
    assert answer.results["inputs-are-small"].verdict is Verdict.OK
    assert answer.results["inputs-are-small"].title == "Inputs lie within a hundred of zero"
    assert list(registry.all_checks()).count("inputs-are-small") == 1


def test_a_refusal_in_a_cell_is_a_line_without_a_traceback(ip):
    done, said = ran(ip, "import nbrecipe\n@nbrecipe.check\ndef f(modle):\n    return True")
    assert isinstance(done.error_in_exec, BadInput)
    assert said.strip() == "nbrecipe.check: `f` asks for `modle`, which no bench has; did you mean `model`?"


def test_a_crash_names_the_line_of_the_cell_and_whose_bug_it_is(ip):
    ran(
        ip,
        "import nbrecipe, torch\n@nbrecipe.check\ndef breaks(batch):\n    return 1 / 0\nbatch = [torch.ones(2, 2)] * 2",
    )
    found = ran(ip, "%recipe breaks -q")[0].result.results["breaks"].finding
    assert (found.verdict, found.message) == (Verdict.CRASHED, "ZeroDivisionError: division by zero")
    assert found.where == "line 4: `return 1 / 0`"
    assert found.fix == "This is a bug of the check `breaks`, which is not one of nbrecipe's."


def test_a_silenced_check_of_ones_own_stays_out(ip):
    ran(ip, WRITTEN + "\n# nbrecipe: ignore inputs-are-small\nbatch = (torch.ones(2, 2), torch.ones(2))")
    assert ran(ip, "%recipe own -q")[0].result.results == {}


def test_a_check_of_a_watched_loop_judges_every_watched_cell(ip):
    ran(ip, STEPS)
    few = ran(ip, LOOP.format(3))[0].result
    told = [r.finding for r in few if r.id == "steps-enough"]
    assert [(str(f.verdict), f.message) for f in told] == [("bad", "there were only 3 steps")], told
    many = ran(ip, LOOP.format(12))[0].result
    assert [str(r.verdict) for r in many if r.id == "steps-enough"] == ["ok"]


# In Python


@pytest.mark.parametrize(
    ("returned", "verdict", "message"),
    [
        (True, "ok", "Sums"),
        (False, "bad", "“Sums” does not hold"),
        ("there are 3", "bad", "there are 3"),
        ("", "ok", "Sums"),
        (torch.tensor(True), "ok", "Sums"),
        (torch.ones(2).bool().numpy().all(), "ok", "Sums"),
        (torch.tensor([False]), "bad", "“Sums” does not hold"),
        (nbrecipe.hint("look", fix="There."), "hint", "look"),
        (nbrecipe.ok("fine", n=3), "ok", "fine"),
        (nbrecipe.bad("no", fix="Yes."), "bad", "no"),
        (
            None,
            "crashed",
            f"TypeError: a check returns {RETURNS}; this one returned None",
        ),
        (3, "crashed", None),
        (torch.tensor([True, False]), "crashed", None),
    ],
    ids=[
        "true",
        "false",
        "words",
        "no-words",
        "tensor",
        "numpy",
        "one-bool",
        "hint",
        "ok",
        "bad",
        "none",
        "number",
        "two",
    ],
)
def test_what_a_function_may_return(returned, verdict, message):
    @nbrecipe.check
    def sums(batch):
        return returned

    found = nbrecipe.recipe("sums", **bench_of_ones()).results["sums"].finding
    assert str(found.verdict) == verdict
    assert message is None or found.message == message


def test_the_users_objects_stay_as_they_were_whatever_a_check_does():
    bench = toys.classify()

    @nbrecipe.check
    def vandal(model, batch, optimizer=None):
        model[0].weight.data.fill_(7)
        batch[0].fill_(3)
        model.eval()
        torch.manual_seed(99)
        raise RuntimeError("halfway")

    before = {name: value.clone() for name, value in bench.model.state_dict().items()}
    state = torch.get_rng_state()
    answer = nbrecipe.recipe("vandal", model=bench.model, batch=bench.batch, loss=bench.loss_fn)
    assert answer.results["vandal"].verdict is Verdict.CRASHED
    assert bench.model.training
    assert all(torch.equal(before[name], value) for name, value in bench.model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


def test_what_is_missing_is_skipped_with_the_line_that_gives_it():
    @nbrecipe.check
    def asks(train_data):
        return True

    found = nbrecipe.recipe("asks").results["asks"].finding
    assert (found.verdict, found.message) == (Verdict.SKIPPED, "needs `train_data`")


def test_a_check_is_still_the_function_that_it_was_and_can_be_taken_away():
    @nbrecipe.check
    def sums(batch):
        return batch == 3

    assert sums(3) is True
    assert repr(sums) == "<check sums: Sums>"
    assert "sums" in registry.all_checks()
    sums.remove()
    assert "sums" not in registry.all_checks()


def test_it_stands_in_the_stage_or_under_the_tip_it_names_and_else_where_what_it_needs_stands():
    @nbrecipe.check
    def of_data(train_data):
        return True

    @nbrecipe.check(stage="regularise")
    def of_stage(model):
        return True

    @nbrecipe.check(tip="init well")
    def of_tip(model):
        return True

    @nbrecipe.check
    def of_trace(trace):
        return True

    tips = {check.id: check.tip for check in registry.all_checks().values() if check.source == "notebook"}
    assert tips["of-tip"].name == "init well"
    assert {name: tip.stage for name, tip in tips.items()} == {
        "of-data": "data", "of-stage": "regularise", "of-tip": "", "of-trace": "overfit",
    }  # fmt: skip
    order = list(registry.all_checks())
    assert order.index("of-data") < order.index("of-tip") < order.index("of-trace") < order.index("of-stage")


def under(name):
    def judge(model):
        return True

    judge.__name__ = name
    return judge


async def waits(model):
    return True


def yields(model):
    yield True


def takes_all(*things):
    return True


def takes_any(model, **things):
    return True


def asks_for_loss(loss):
    return True


def asks_for_anything(zzz):
    return True


@pytest.mark.parametrize(
    ("thing", "sentence"),
    [
        (under("loss_at_init"), "a check of nbrecipe is called `loss-at-init` already" + WORDS),
        (under("explain"), "`explain` means something else to `%recipe`" + WORDS),
        (under("init"), "`init` means something else to `%recipe`" + WORDS),
        (under("_x"), "`_x` " + LETTERS),
        (under("<lambda>"), "`<lambda>` " + LETTERS),
        (waits, "`waits` does not return what it found: take `async` and `yield` out of it"),
        (yields, "`yields` does not return what it found: take `async` and `yield` out of it"),
        (takes_all, "`takes_all` takes `*things`; a check names each thing that it needs"),
        (takes_any, "`takes_any` takes `**things`; a check names each thing that it needs"),
        (asks_for_loss, "`asks_for_loss` asks for `loss`, which no bench has; did you mean `loss_fn`?"),
        (dict, "@nbrecipe.check stands above a function; `dict` is a class"),
        ("init well", "@nbrecipe.check stands above a function; `init well` is of type str"),
    ],
    ids=["ours", "explain", "chapter", "underscore", "lambda", "async", "yield", "args", "kwargs", "loss",
         "class", "str"],
)  # fmt: skip
def test_what_cannot_be_a_check_is_refused_in_one_sentence(thing, sentence):
    before = list(registry.all_checks())
    with pytest.raises(BadInput) as refused:
        nbrecipe.check(thing)
    assert str(refused.value) == sentence
    assert list(registry.all_checks()) == before


@pytest.mark.parametrize(
    ("marks", "sentence"),
    [
        ({"tip": "init wel"}, "the recipe has no tip 'init wel'; did you mean 'init well'?"),
        (
            {"stage": "late"},
            "the recipe has no stage 'late'; it has data, skeleton, overfit, regularise, tune, squeeze",
        ),
        ({"cost": "cheap"}, "a cost is one of instant, scan, trains; 'cheap' was given"),
    ],
    ids=["tip", "stage", "cost"],
)
def test_what_the_decorator_does_not_know_is_refused_in_one_sentence(marks, sentence):
    with pytest.raises(BadInput) as refused:
        nbrecipe.check(**marks)(under("fine"))
    assert str(refused.value) == sentence


def test_what_no_bench_has_is_told_with_what_it_has():
    with pytest.raises(BadInput, match="asks for `zzz`, which no bench has; it has batch, bench, cells, "):
        nbrecipe.check(asks_for_anything)


# From a package

GOOD = (
    '"""All is well.\n\nWhy."""\nfrom nbrecipe import ok\nfrom nbrecipe.check import Check\n'
    "check = Check(__name__{more})\n\n\n@check.run\ndef run(batch):\n    {body}\n"
)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Writes a package with these files, installed as a distribution that names it by an entry point."""

    def write(name, files, value=None):
        for place, text in {"__init__.py": "", **files}.items():
            path = tmp_path / name / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[nbrecipe.checks]\n{name} = {value or name}\n")
        importlib.invalidate_caches()
        registry.read_anew()

    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]
    registry.read_anew()


def test_the_checks_of_a_package_stand_beside_ours(package):
    more = ", tip='init well'"
    package("theirs", {
        "all_fine.py": GOOD.format(more="", body="return ok('fine', n=len(batch[0]))"),
        "deeper/under_tip.py": GOOD.format(more=more, body="return True"),
        "deeper/__init__.py": "",
        "_shared.py": "NUMBER = 3",
    })  # fmt: skip
    assert registry.complaints() == ()
    fine, under_tip = registry.get_check("all-fine"), registry.get_check("under-tip")
    assert (fine.source, fine.chapter, under_tip.chapter) == ("theirs", "theirs", "deeper")
    answer = nbrecipe.recipe("all-fine", "under-tip", **bench_of_ones())
    assert [str(result.verdict) for result in answer] == ["ok", "ok"]
    assert ">all-fine<" in nbrecipe.recipe()._repr_html_()
    assert "A check of the package theirs; on the board it stands in the stage skeleton" in str(
        nbrecipe.explain("all-fine")
    )
    assert "all-fine" not in registry.shipped_checks()


def test_an_entry_point_may_name_one_module(package):
    package("single", {"alone.py": GOOD.format(more="", body="return True")}, "single.alone")
    assert registry.get_check("alone").source == "single"


def test_a_crash_in_a_package_names_its_file(package, tmp_path):
    package("theirs", {"falls.py": GOOD.format(more="", body="return 1 / 0")})
    found = nbrecipe.recipe("falls", **bench_of_ones()).results["falls"].finding
    assert found.verdict is Verdict.CRASHED
    assert found.where == f"{tmp_path / 'theirs' / 'falls.py'}, line 11: `return 1 / 0`"


@pytest.mark.parametrize(
    ("files", "value", "complaint"),
    [
        ({"broken.py": "1 / 0"}, None,
         "the checks of `theirs.broken` (theirs) are left out: ZeroDivisionError: division by zero"),
        ({"__init__.py": "raise SystemExit(3)"}, None, "the checks of `theirs` (theirs) are left out: "
         "SystemExit: 3"),
        ({"none.py": "x = 1"}, None,
         "the checks of `theirs.none` (theirs) are left out: "
         "TypeError: theirs.none: has no `check = Check(__name__, ...)`"),
        ({}, "nowhere.at_all",
         "the checks of `nowhere.at_all` (theirs) are left out: ModuleNotFoundError: No module named 'nowhere'"),
        ({"loss_at_init.py": GOOD.format(more="", body="return True")}, None,
         "`theirs.loss_at_init` of theirs is left out: a check is called `loss-at-init` already"),
        ({"tipped.py": GOOD.format(more=", tip='init wel'", body="return True")}, None,
         "the checks of `theirs.tipped` (theirs) are left out: "
         "LookupError: the recipe has no tip 'init wel'; did you mean 'init well'?"),
        ({"sub/__init__.py": "import nothing_of_this_name", "sub/x.py": ""}, None,
         "the checks of `theirs.sub` (theirs) are left out: "
         "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
    ],
    ids=["raises", "exits", "no-check", "no-module", "taken", "tip", "subpackage"],
)  # fmt: skip
def test_a_broken_package_is_one_line_and_everything_else_works(package, files, value, complaint):
    package("theirs", {"zz_good.py": GOOD.format(more="", body="return True"), **files}, value)
    assert registry.complaints() == (complaint,)
    answer = nbrecipe.recipe("loss-at-init", **bench_of_ones())
    assert complaint in answer.note
    assert complaint.partition(":")[0][1:] in str(nbrecipe.recipe()).replace("\n  ", " ")
    if value is None and "__init__.py" not in files:
        assert nbrecipe.recipe("zz-good", **bench_of_ones()).ok, "the other modules of the package are there"


def test_a_notebook_cannot_take_the_name_of_a_packages_check(package):
    package("theirs", {"all_fine.py": GOOD.format(more="", body="return True")})
    with pytest.raises(BadInput) as refused:
        nbrecipe.check(under("all_fine"))
    assert str(refused.value) == "a check of theirs is called `all-fine` already" + WORDS
