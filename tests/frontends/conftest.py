"""Pages of every kind, opened from disk without a network, with the kernels that stand behind the live ones."""

from __future__ import annotations

import re
from functools import cache

import pytest

#: what asks a kernel finds it under the name of its wire, before the page's own scripts run
WIRES = """(() => {
  const wires = (globalThis[Symbol.for("nbrecipe.wires")] ??= new Map());
  for (const name of NAMES) wires.set(name, (number, hear, question) => { kernelOf(name, question).then(hear); });
})()"""


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Makes a page once for all tests that look at it."""
    import torch
    from shown_pages import EVERY

    folder = tmp_path_factory.mktemp("pages")

    @cache
    def make(name):
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)  # answers and journals lie in the working directory
            torch.manual_seed(0)
            shown = EVERY[name]()
        (folder / f"{name}.html").write_text(shown.html, encoding="utf-8")
        return shown, folder / f"{name}.html"

    return make


@pytest.fixture
def stand(browser, made):
    """Opens a page in a context of its own; a script error fails the test."""
    contexts, errors = [], []

    def go(name, width=1000, **settings):
        shown, place = made(name)
        context = browser.new_context(viewport={"width": width, "height": 900}, **settings)
        context.set_default_timeout(60_000)
        contexts.append(context)
        context.route(re.compile("^(?!file:|blob:|data:)"), lambda route: route.abort())
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        if shown.kernels:
            page.expose_function("kernelOf", lambda wire, question: shown.kernels[wire](question))
            page.add_init_script(WIRES.replace("NAMES", str(list(shown.kernels))))
        page.goto(place.as_uri())
        page.wait_for_selector(shown.ready)
        return page

    yield go
    for context in contexts:
        context.close()
    assert errors == []
