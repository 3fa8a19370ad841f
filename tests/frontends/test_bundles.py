"""What front ends that are not run here consume: VS Code and Colab read bundles and metadata, marimo calls functions.

Every bundle stands without a kernel and without a network, and every live widget's module loads in an empty page.
"""

from __future__ import annotations

import base64
import inspect
import re
import threading

import numpy as np
import pytest
from IPython.utils.capture import capture_output

import nbrecipe
from nbrecipe.film import Film, Kind
from nbrecipe.notebook.magics import RecipeMagics
from tests.frontends.test_kernels import TOOLS
from tests.notebook.test_kernel import DATA
from tests.render.fronts import widget_page

VIEW = "application/vnd.jupyter.widget-view+json"
CELL = f"{DATA}{TOOLS}optimizer = torch.optim.SGD(net.parameters(), lr=0.1)\n"
#: an answer of every magic that gives one
MAGICS = {
    "activations": "%activations",
    "baseline": "%baseline train_dl train_dl --seconds 1",
    "chart_dependencies": "%chart_dependencies",
    "check_grad": "%check_grad --elements 1",
    "check_init": "%check_init",
    "evaluate": "%evaluate net train_dl",
    "filters": "%filters",
    "freeze": "%freeze net[0] --budget 0.1",
    "inspect_data": "%inspect_data train_dl",
    "overfit_batch": "%overfit_batch --static --steps 20",
    "recipe": "%recipe",
    "same_as": "%%same_as slow\ndef fast(a):\n    return a.sum()\nfast(x)",
    "show_augment": "%show_augment train_dl",
    "show_batch": "%show_batch",
    "tokens": "%tokens tok texts",
    "watch": "%%watch\nfor xb, yb in train_dl:\n    optimizer.zero_grad()\n    criterion(net(xb), yb).backward()\n"
    "    optimizer.step()",
}
#: these give no answer that is shown: they fix, seed, or wait for a person (who is asked in `test_answering_lab.py`)
OTHERS = {"bind", "seed", "browse", "human_baseline"}
#: a magic, and the function that does the same where there are no magics
TWINS = {"tokens": "show_tokens"}
#: an address that a page would fetch
FETCHED = re.compile(r"<(?:script|img|link|iframe)[^>]*(?:src|href)=[\"']?(?!data:|blob:)[^\"'> ]+|import\([\"']http")


def names() -> set[str]:
    return {name for table in RecipeMagics.magics.values() for name in table}


def test_every_magic_is_asked_here():
    assert {*MAGICS} | OTHERS == names()


@pytest.fixture
def notebook(ip):
    ip.run_cell(CELL, store_history=True).raise_error()
    return ip


@pytest.mark.parametrize("name", sorted(MAGICS))
def test_an_answer_stands_alone_as_text_and_as_html(notebook, name):
    with capture_output() as said:
        answer = notebook.run_cell(MAGICS[name], store_history=True)
    answer.raise_error()
    assert "Error" not in said.stderr
    data, metadata = notebook.display_formatter.format(answer.result)
    assert VIEW not in {*data, *metadata}
    assert len(data["text/plain"].strip()) > 10
    assert "<object " not in data["text/plain"]
    assert data["text/html"].count("<div") == data["text/html"].count("</div>")
    assert FETCHED.search(data["text/html"]) is None


def test_a_picture_that_moves_has_a_still_for_who_runs_no_scripts(notebook):
    with capture_output():
        answer = notebook.run_cell(MAGICS["overfit_batch"]).result
    from nbrecipe.notebook.live import bundle

    data = bundle(answer)
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert re.search(r'<img[^>]+alt="[^"]{20,}"', data["text/html"])


@pytest.mark.parametrize("name", sorted(names() - {"browse"}))
def test_every_magic_has_a_function_of_its_name(name):
    """marimo knows no magics; it shows what a function returns, by `_repr_html_`."""
    twin = getattr(nbrecipe, TWINS.get(name, name))
    assert callable(twin)
    assert inspect.getdoc(twin)


def film() -> Film:
    frames = [np.full(3, 0.1, "f4"), np.full(3, 0.9, "f4")]
    guesses = [np.zeros(3, "i4"), np.arange(3, dtype="i4")]
    return Film(Kind.CLASSES, ["a", "b", "c"], np.ones(3, "f4"), frames, guesses, [0, 5], [(0, 1.1), (5, 0.1)])


@pytest.fixture(params=["FilmPanel", "WatchPanel", "Wire"])
def widget(request):
    """Each live widget, as a kernel has it."""
    from nbrecipe.notebook import panel, wire

    if request.param == "FilmPanel":
        made = panel.FilmPanel(threading.Event(), state="running")
        made.fill(film(), run=1)
    elif request.param == "WatchPanel":
        made = panel.WatchPanel(state="running")
    else:
        made = wire.Wire(lambda question: None)
    yield made
    made.close()


def test_a_live_widget_tells_colab_where_its_manager_is_and_others_what_it_is(widget):
    from ipywidgets import __version__ as version

    data, metadata = widget._repr_mimebundle_()
    assert data[VIEW]["model_id"] == widget.model_id
    assert data["text/plain"]
    if int(version.split(".")[0]) >= 8:
        assert widget._esm
        assert FETCHED.search(str(widget._esm)) is None, "nothing is fetched from elsewhere"
    assert isinstance(metadata, dict)


@pytest.mark.browser
@pytest.mark.parametrize("widget", ["FilmPanel", "WatchPanel"], indirect=True)
def test_the_module_of_a_live_widget_draws_alone_in_a_page(widget, browser):
    """As VS Code, Colab and marimo load it: no JupyterLab, no network, one model that answers get, set, on and send."""
    page = browser.new_page()
    errors, asked = [], []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.route("http**", lambda route: (asked.append(route.request.url), route.abort()))
    page.set_content(widget_page(str(widget._esm), str(widget._css)))
    page.wait_for_function("window.ready === true", timeout=60_000)
    page.wait_for_selector("body > div .nbr, body > div.nbr", state="attached", timeout=60_000)
    assert page.evaluate("heard()") > 0, "it listens to its model"
    page.evaluate("() => quit()")
    assert errors == []
    assert asked == []
    page.close()
