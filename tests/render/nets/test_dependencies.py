"""Charts of dependencies: in words, as a picture, and as heatmaps that answer to pointer and keys."""

from __future__ import annotations

import json
import zlib

import numpy as np
import pytest

from nbrecipe.pictures.dependencies import Chart
from nbrecipe.render.findings import page
from nbrecipe.render.nets import dependencies as drawn
from nbrecipe.report import Report


def batch(leak=True):
    values = np.eye(12, dtype="f4")
    if leak:
        values[3, 7] = 1e-6
    names = tuple(f"row {i}" for i in range(12))
    return Chart("batch", values, names, names, "own")


def time():
    names = tuple(f"t = {i}" for i in range(8))
    return Chart("time", np.tri(8, dtype="f4"), names, names, "past")


def features(silent=(2,)):
    values = np.random.default_rng(0).random((3, 5)).astype("f4") + 0.1
    values[:, list(silent)] = 0
    return Chart("features", values, ("a", "b", "c"), tuple(f"<b>{i}</b>" for i in range(5)))


def space():
    values = np.zeros((3, 10, 8), "f4")
    values[1, 2:7, 3:6] = 1
    return Chart(
        "space",
        values.reshape(3, 80),
        ("at 0", "at 1", "at 2"),
        (),
        shape=(10, 8),
        fields=((0, 0), (10, 6), (0, 0)),
        note="20 × 16 pixels",
    )


@pytest.mark.parametrize(
    ("chart", "said"),
    [
        (batch(), "1 of 12 rows depends on other rows"),
        (batch(leak=False), "each of 12 rows depends on itself alone"),
        (time(), "no position depends on a later one"),
        (features(), "1 of 5 inputs has no influence: <b>2</b>"),
        (features(silent=()), "every one of 5 inputs has an influence"),
        (space(), "at 1 depends on 10 × 6 of 20 × 16 pixels"),
    ],
)
def test_a_chart_says_in_words_what_it_shows(chart, said):
    assert drawn.told(chart) == said


def test_strengths_survive_packing_and_nothing_stays_nothing():
    chart = batch()
    head, _, data = zlib.decompress(drawn.packed([chart])).partition(b"\n")
    (told,) = json.loads(head)
    levels = np.frombuffer(data, "<u2").reshape(told["size"]).astype("f8")
    read = np.where(levels > 0, told["largest"] * 10 ** (((levels - 1) / (told["levels"] - 1) - 1) * told["span"]), 0)
    assert np.allclose(read, chart.values, rtol=1e-3, atol=0)
    assert ((read == 0) == (chart.values == 0)).all()


def test_a_picture_is_drawn_of_every_kind_and_names_are_escaped():
    charts = [batch(), time(), features(), space()]
    made = drawn.html_of(Report("Charts"), charts, drawn.png(charts))
    assert "<b>2</b>" not in made
    assert len(made) < 300_000
    assert 'alt="Over the batch: 1 of 12 rows depends on other rows; ' in made


def test_large_charts_stay_small_in_a_notebook():
    values = np.random.default_rng(0).random((25, 48 * 48)).astype("f4")
    names = tuple(f"output at {i}" for i in range(25))
    wide = Chart("space", values, names, (), shape=(48, 48), fields=((48, 48),) * 25, note="48 × 48 pixels")
    table = Chart("features", values[:, :48].copy(), names, tuple(f"x[{i}]" for i in range(48)))
    charts = [wide, table, batch()]
    assert len(drawn.html_of(Report("Charts"), charts, drawn.png(charts))) < 300_000


@pytest.fixture
def shown(tab):
    def go(*charts, **settings):
        made = drawn.html_of(Report("Charts"), charts, drawn.png(charts))
        panel = tab(page.document("Charts", made), **settings)
        panel.wait_for_selector(".nbr-heats")
        return panel

    return go


@pytest.mark.browser
def test_the_pointer_reads_a_cell_and_a_click_holds_a_row(shown):
    panel = shown(batch())
    figure = panel.locator(".nbr-heats figure").first
    canvas = figure.locator("canvas").first
    box = canvas.bounding_box()
    cell = box["width"] / 12
    canvas.hover(position={"x": 7.5 * cell, "y": 3.5 * cell})
    assert figure.get_attribute("data-at") == "3,7"
    assert "row 3 ← row 7: " in figure.locator("output").text_content()
    assert "should be 0" in figure.locator("output").text_content()
    canvas.click(position={"x": 7.5 * cell, "y": 3.5 * cell})
    panel.mouse.move(0, 0)
    assert figure.locator("output").text_content() == "row 3 depends on row 3, row 7"
    assert figure.locator("canvas").nth(1).is_visible()


@pytest.mark.browser
def test_arrow_keys_move_over_the_cells_and_enter_holds_a_row(shown):
    panel = shown(time())
    figure = panel.locator(".nbr-heats figure").first
    figure.locator("canvas").first.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight"):
        panel.keyboard.press(key)
    assert figure.get_attribute("data-at") == "1,1"
    panel.keyboard.press("Enter")
    assert figure.get_attribute("data-held") == "1"
    assert figure.locator("output").text_content() == "t = 1 depends on t = 0, t = 1"
    panel.keyboard.press("Escape")
    assert figure.get_attribute("data-held") == ""


@pytest.mark.browser
def test_a_slider_chooses_the_output_whose_field_is_shown(shown):
    panel = shown(space())
    figure = panel.locator(".nbr-heats figure").first
    assert figure.locator("output").text_content() == "at 1 depends on 10 × 6 pixels"
    figure.locator("input").evaluate("(slider) => { slider.value = 2; slider.dispatchEvent(new Event('input')); }")
    assert figure.locator("output").text_content() == "at 2 depends on 0 × 0 pixels"


@pytest.mark.browser
@pytest.mark.parametrize("width", [1080, 420])
def test_charts_fit_the_room_that_there_is(shown, width):
    panel = shown(batch(), time(), features(), space(), width=width)
    assert panel.evaluate("document.documentElement.scrollWidth") <= width
    assert panel.locator(".nbr-heats figure").count() == 4
