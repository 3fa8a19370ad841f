import io

import numpy as np
import pytest
import reports
from matplotlib.image import imread

from nbrecipe.render.pieces import figure

GROUNDS = {"white": "#ffffff", "dark": "#111111"}


def luminance(colour):
    """Relative luminance as WCAG 2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("ground", GROUNDS.values(), ids=GROUNDS)
@pytest.mark.parametrize("colour", [figure.TEXT, figure.YOURS, figure.WRONG, figure.EXPECTED])
def test_every_colour_reads_on_white_and_on_black(colour, ground):
    assert contrast(colour, ground) >= 4


def pixels(png):
    return (imread(io.BytesIO(png)) * 255).round().astype(int)


def has(image, colour):
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return bool(((abs(image[..., :3] - wanted).max(-1) <= 2) & (image[..., 3] == 255)).any())


def test_the_picture_is_transparent_and_in_our_colours():
    held = {result.id: result for result in reports.init()}
    wrong, yours = pixels(figure.png(held["loss-at-init"])), pixels(figure.png(held["vanishing-signal"]))
    assert (wrong[..., 3] == 0).mean() > 0.5
    assert has(wrong, figure.WRONG)
    assert not has(wrong, figure.YOURS)
    assert has(yours, figure.YOURS)


def test_a_check_that_draws_nothing_has_no_picture():
    held = {result.id: result for result in reports.init()}
    assert figure.png(held["symmetric-init"]) is None
    assert figure.figure(held["symmetric-init"]) is None


def test_the_figure_for_papers_is_larger():
    result = reports.init().results["vanishing-signal"]
    assert tuple(figure.figure(result).get_size_inches()) > (2.2, 1)


def test_many_bars_get_room(monkeypatch):
    def draw(ax, seen):
        ax.barh([f"layers.{i}" for i in range(12)], range(12), color="C0")

    monkeypatch.setitem(reports.DRAWN, "loss-at-init", draw)
    few, many = figure.SMALL[1] * 200, pixels(figure.png(reports.init().results["loss-at-init"])).shape[0]
    assert many > 1.5 * few


def test_a_bug_in_a_picture_does_not_take_the_finding_with_it(monkeypatch):
    monkeypatch.setitem(reports.DRAWN, "loss-at-init", lambda ax, seen: seen["nowhere"])
    assert figure.png(reports.init().results["loss-at-init"]) is None


def test_a_picture_of_nothing_is_left_out(monkeypatch):
    monkeypatch.setitem(reports.DRAWN, "loss-at-init", lambda ax, seen: ax.barh(["copies"], [0]))
    assert figure.png(reports.init().results["loss-at-init"]) is None


def lying(names, values, across):
    def draw(ax, seen):
        ax.barh(names, values, color="C0")
        ax.set_xlabel(across)

    return draw


def drawn(monkeypatch, draw):
    monkeypatch.setattr(figure, "LARGE", figure.SMALL)
    monkeypatch.setitem(reports.DRAWN, "loss-at-init", draw)
    made = figure.figure(reports.init().results["loss-at-init"])
    made.canvas.draw()
    return made


@pytest.mark.parametrize("across", ["rows", "share of the rows that stand there once more"])
@pytest.mark.parametrize("name", ["a", "a bar with a long name of its own"])
def test_no_name_of_an_axis_leaves_the_picture(monkeypatch, name, across):
    made = drawn(monkeypatch, lying([name, "b"], [3, 4], across))
    box = made.axes[0].xaxis.label.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= made.bbox.x1 + 1
    assert made.axes[0].get_xlabel().replace("\n", " ") == across


def test_a_lying_bar_has_its_number_at_its_end(monkeypatch):
    made = drawn(monkeypatch, lying(["copies", "rows"], [12, 1499], "rows"))
    assert [text.get_text() for text in made.axes[0].texts] == ["12", "1499"]
    assert all(text.get_window_extent().x1 <= made.bbox.x1 for text in made.axes[0].texts)


def test_a_picture_with_words_of_its_own_keeps_them(monkeypatch):
    def draw(ax, seen):
        ax.barh(["rows"], [2])
        ax.text(1, 0, "own")

    assert [text.get_text() for text in drawn(monkeypatch, draw).axes[0].texts] == ["own"]
