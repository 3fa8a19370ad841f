"""The sheets of filters and activations in a browser: chosen by pointer and keys, sorted, themed, without scripts."""

import pytest
from test_inside import KINDS, layer, outputs, table, weights

from nbrecipe.pictures.activations import Activations
from nbrecipe.pictures.filters import Filters
from nbrecipe.render.findings import page
from nbrecipe.render.nets import activations, filters
from nbrecipe.report import Report

pytestmark = pytest.mark.browser
SHEET = ".nbr-inside"


def filter_page(*layers, before=""):
    shown = Filters("net", layers, before)
    return page.document("Filters", filters.html_of(Report("Filters of `net`"), shown, filters.png(shown)))


def outputs_page(count=30):
    maps = {
        "maps": weights(3, 6, 8, 8).astype("f2"),
        "channels": tuple(range(6)),
        "units": 6,
        "axes": ("row", "column"),
    }
    rows = [outputs(path=f"layers.{i}", **maps) for i in range(count)]
    rows[3] = outputs(path="layers.3", artifacts={"checkerboard": (1, 2)}, off=2, **maps)
    seen = Activations("net", tuple(rows), (0, 1, 4), 16, weights(3, 8, 8, 3).astype("u1"))
    return page.document("A", activations.html_of(Report("Activations of `net`"), seen, activations.png(seen)))


def data(tab, name):
    return tab.locator(SHEET).get_attribute(f"data-{name}")


@pytest.mark.parametrize("name", [name for name in KINDS if name != "large"])
def test_every_kind_of_layer_is_drawn(tab, name):
    opened = tab(filter_page(KINDS[name](), before="start"))
    opened.wait_for_selector(f"{SHEET} canvas")
    assert opened.locator(".nbr-shot img").count() == 0
    assert int(data(opened, "count")) >= 1
    assert opened.locator(".nbr-shot").get_attribute("data-failed") is None


def test_arrow_keys_and_the_pointer_choose_a_filter(tab):
    opened = tab(filter_page(layer()))
    sheet = opened.locator(f"{SHEET} canvas[tabindex]")
    sheet.focus()
    assert data(opened, "filter") == "11"  # the first of the sheet
    opened.keyboard.press("ArrowRight")
    assert data(opened, "filter") == "10"
    opened.keyboard.press("End")
    assert data(opened, "filter") == "0"
    box = sheet.bounding_box()
    opened.mouse.move(box["x"] + 8, box["y"] + 8)
    assert data(opened, "filter") == "11"
    assert "norm" in opened.locator(".nbr-chosen").text_content()
    assert "Moran's I" in opened.locator(".nbr-chosen").text_content()


def test_filters_are_sorted_by_structure_on_demand(tab):
    opened = tab(filter_page(layer()))
    opened.locator(SHEET).get_by_role("button", name="by structure").click()
    opened.locator(f"{SHEET} canvas[tabindex]").focus()
    opened.keyboard.press("Home")
    assert (data(opened, "sorted"), data(opened, "filter")) == ("structure", "0")  # the last has the highest index


def test_before_and_now_stand_beside_each_other_and_choose_together(tab):
    opened = tab(filter_page(layer(before=True), before="start"))
    opened.wait_for_selector(f"{SHEET} canvas")
    captions = opened.locator(".nbr-sides figcaption").all_text_contents()
    assert captions == ["start", "now"]
    left, right = (one.bounding_box() for one in opened.locator(".nbr-sides canvas").all())
    assert (left["y"], left["width"]) == (right["y"], right["width"])
    assert opened.locator(".nbr-chosen canvas").count() == 2


def test_layers_are_chosen_by_buttons_and_a_map_names_its_rows_as_text(tab):
    opened = tab(filter_page(layer(), table()))
    opened.locator(SHEET).get_by_role("button", name="net.words").click()
    assert data(opened, "layer") == "net.words"
    assert opened.locator(".nbr-chosen strong").text_content().startswith("<b>")
    opened.locator(f"{SHEET} canvas").focus()
    first = data(opened, "filter")
    opened.keyboard.press("ArrowRight")
    assert data(opened, "filter") != first


def test_layers_are_walked_by_keys_and_the_first_odd_one_is_open(tab):
    opened = tab(outputs_page())
    opened.wait_for_selector(".nbr-layer")
    assert data(opened, "layer") == "net.layers[3]"
    assert opened.locator(".nbr-layer[aria-selected=true]").text_content() == "net.layers[3]2 of 6 off, 2 checkerboard"
    opened.locator(".nbr-layers").focus()
    opened.keyboard.press("ArrowDown")
    assert data(opened, "layer") == "net.layers[4]"
    opened.keyboard.press("End")
    assert data(opened, "layer") == "net.layers[29]"
    assert opened.locator(".nbr-layer[aria-selected=true]").is_visible()
    opened.locator(".nbr-layer").first.click()
    assert opened.locator(".nbr-outputs figcaption").all_text_contents() == ["example 0", "example 1", "example 4"]
    assert opened.locator(".nbr-outputs canvas").count() == 3 * 7


@pytest.mark.parametrize("make", [lambda: filter_page(layer(before=True), before="start"), outputs_page])
@pytest.mark.parametrize("width", [360, 1000])
def test_no_page_is_wider_than_its_window_and_colours_follow_the_theme(tab, make, width):
    opened = tab(make(), width=width, color_scheme="light")
    opened.wait_for_selector(f"{SHEET} canvas")
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
    colour = "() => getComputedStyle(document.querySelector('.nbr-inside strong')).color"
    light = opened.evaluate(colour)
    opened.emulate_media(color_scheme="dark")
    assert opened.evaluate(colour) != light


@pytest.mark.parametrize("make", [lambda: filter_page(layer()), outputs_page])
def test_without_scripts_the_picture_stands_and_no_dead_button(tab, make):
    saved = tab(make(), java_script_enabled=False)
    assert saved.locator(".nbr-shot img").is_visible()
    assert saved.locator("button, canvas").count() == 0
