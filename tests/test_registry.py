"""Checks are found by walking the folder, in the recipe's order."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest

from nbrecipe import checks, registry
from nbrecipe.recipe import TIPS
from nbrecipe.registry import all_checks, get_check

FOLDER = Path(checks.__file__).parent


@pytest.fixture
def fresh():
    """The registry reads the folder anew, and forgets it afterwards."""
    registry.read_anew()
    yield
    registry.read_anew()


def test_every_file_of_the_folder_is_a_check():
    files = {path.stem.replace("_", "-") for path in FOLDER.rglob("*.py") if path.stem != "__init__"}
    assert set(all_checks()) == files


def test_checks_stand_in_the_order_of_the_tips():
    places = [TIPS.index(check.tip) for check in all_checks().values()]
    assert places == sorted(places)


def test_a_new_file_is_all_it_takes(fresh, tmp_path, monkeypatch):
    (tmp_path / "brand_new.py").write_text(
        '"""All is new.\n\nWhy it matters."""\n'
        "from nbrecipe.check import Check\n"
        "check = Check(__name__, tip='leave it training', cost='scan')\n"
    )
    monkeypatch.setattr(checks, "__path__", [*checks.__path__, str(tmp_path)])
    try:
        found = all_checks()["brand-new"]
        assert (found.title, found.why, found.cost) == ("All is new", "Why it matters.", "scan")
        assert list(all_checks())[-1] == "brand-new", "its tip is the recipe's last"
    finally:
        sys.modules.pop("nbrecipe.checks.brand_new", None)


def test_a_file_without_a_check_is_named(fresh, tmp_path, monkeypatch):
    (tmp_path / "empty_file.py").touch()
    monkeypatch.setattr(checks, "__path__", [str(tmp_path)])
    try:
        with pytest.raises(TypeError) as error:
            all_checks()
        assert error.value.args == ("nbrecipe.checks.empty_file: has no `check = Check(__name__, ...)`",)
    finally:
        sys.modules.pop("nbrecipe.checks.empty_file", None)


def test_a_check_that_asks_for_what_no_bench_has_is_named():
    module = types.ModuleType("nbrecipe.checks.init.misspelt", "A title.\n\nWhy.")
    sys.modules[module.__name__] = module
    try:
        check = registry.Check(module.__name__, tip="init well")
    finally:
        del sys.modules[module.__name__]
    with pytest.raises(TypeError, match=r"misspelt: a bench has no \['modle'\]; it has \['batch', "):
        check.run(lambda modle: None)


def test_a_check_is_found_by_its_id():
    assert get_check("loss-at-init").id == "loss-at-init"


@pytest.mark.parametrize("name", ["loss-init", "loss_at_init", "lossatinit"])
def test_an_unknown_check_names_the_nearest(name):
    with pytest.raises(LookupError) as error:
        get_check(name)
    assert error.value.args == (f"no check is called {name!r}. Did you mean 'loss-at-init'?",)


def test_an_unknown_check_with_nothing_near_points_to_the_list():
    with pytest.raises(LookupError) as error:
        get_check("zzzz")
    assert error.value.args == ("no check is called 'zzzz'. `%recipe` lists them.",)


def test_a_chapter_stands_for_its_checks_that_need_no_watched_loop():
    found = registry.checks_named("loss")
    assert {check.chapter for check in found} == {"loss"}
    assert not [check.id for check in found if "trace" in check.needs]
    assert "loss" in registry.chapters()
    assert registry.checks_named("loss-at-init") == [get_check("loss-at-init")]
