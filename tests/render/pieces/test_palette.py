"""The colours that mean something: told apart by every kind of colour vision, and readable on their grounds."""

from __future__ import annotations

import itertools
import re
import warnings

import numpy as np
import pytest

from nbrecipe.render.pieces import figure
from nbrecipe.render.pieces.fragment import static
from nbrecipe.render.pieces.raster import TONES
from nbrecipe.render.runs import curves

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its docstrings hold escapes that newer Pythons warn of
    from colorspacious import cspace_convert

#: full loss of one kind of cone, as Machado, Oliveira and Fernandes simulate it (2009, IEEE TVCG 15(6), 1291-1298)
VISIONS = (None, "deuteranomaly", "protanomaly", "tritanomaly")
#: in CAM02-UCS (Luo, Cui and Li 2006) one is about a just noticeable difference; the smallest of 8 colours that Petroff
#: (2021, arXiv:2107.02270) asks for is 18 without a bound on contrast, which leaves less room here
APART, OPPOSED = 10, 20
#: WCAG 2.2, 1.4.3 and 1.4.11
TEXT, GRAPHICS = 4.5, 3.0
MEANINGS = ("ok", "bad", "hint", "crash", "yours")
GROUNDS = {"light": ("#ffffff", "#f6f7f9"), "dark": ("#111418", "#1a1e24", "#1e1e1e", "#111111")}


def channels(colour):
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def seen(colour, vision):
    if vision is None:
        return channels(colour)
    space = {"name": "sRGB1+CVD", "cvd_type": vision, "severity": 100}
    return np.clip(cspace_convert(channels(colour), space, "sRGB1"), 0, 1)


def apart(one, other):
    """The distance of two colours for the eyes that tell them apart least."""
    places = [[cspace_convert(seen(each, vision), "sRGB1", "CAM02-UCS") for each in (one, other)] for vision in VISIONS]
    return min(float(np.linalg.norm(a - b)) for a, b in places)


def light(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels(colour)]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(one, other):
    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


def palettes():
    """The colours of each theme as the style sheet gives them, in the order in which it does."""
    blocks = re.findall(r"--nbr-soft:.*?--nbr-wrong: #[0-9a-f]{6};", static("nbr.css"), re.DOTALL)
    return [dict(re.findall(r"--nbr-(\w+): (#[0-9a-f]{6});", block)) for block in blocks]


THEMES = dict(zip(("light", "dark"), palettes(), strict=False))


def test_dark_is_the_same_by_the_notebook_and_by_the_browser():
    _, by_notebook, by_browser = palettes()
    assert by_notebook == {name: by_browser[name] for name in by_notebook}


def test_what_is_measured_is_right():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert apart("#ff0000", "#ff0000") == 0
    red, green = "#b8500f", "#6b7a00"  # which who lacks one kind of cone mixes up
    assert (
        apart(red, green)
        < 10
        < float(np.linalg.norm(np.subtract(*(cspace_convert(channels(c), "sRGB1", "CAM02-UCS") for c in (red, green)))))
    )


@pytest.mark.parametrize("theme", THEMES)
def test_meanings_are_told_apart_by_every_eye(theme):
    colours = THEMES[theme]
    near = {pair: apart(colours[pair[0]], colours[pair[1]]) for pair in itertools.combinations(MEANINGS, 2)}
    assert {pair: round(far, 1) for pair, far in near.items() if far < APART} == {}
    assert apart(colours["yours"], colours["wrong"]) > OPPOSED
    assert apart(colours["ok"], colours["bad"]) > OPPOSED


@pytest.mark.parametrize("theme", THEMES)
def test_words_and_lines_stand_out_from_their_ground(theme):
    colours = THEMES[theme]
    told = [*MEANINGS, "wrong", "soft", "faint"]
    low = {(name, ground): contrast(colours[name], ground) for name in told for ground in GROUNDS[theme]}
    assert {pair: round(ratio, 2) for pair, ratio in low.items() if ratio < TEXT} == {}


@pytest.mark.parametrize(
    "colours",
    [TONES, (*curves.TONES[:4], figure.WRONG), (figure.YOURS, figure.WRONG)],
    ids=["classes", "curves", "yours and wrong"],
)
def test_pictures_that_cannot_follow_the_theme_read_on_both(colours):
    assert {pair: round(apart(*pair), 1) for pair in itertools.combinations(colours, 2) if apart(*pair) < APART} == {}
    both = {colour: min(contrast(colour, "#ffffff"), contrast(colour, "#111418")) for colour in (*colours, figure.TEXT)}
    assert {colour: round(ratio, 2) for colour, ratio in both.items() if ratio < GRAPHICS} == {}


def test_letters_of_pictures_have_nearly_the_contrast_that_one_colour_can_have_on_white_and_on_black():
    best = (1.05 / (light("#111418") + 0.05)) ** 0.5
    assert min(contrast(figure.TEXT, "#ffffff"), contrast(figure.TEXT, "#111418")) > 0.95 * best


@pytest.mark.parametrize(("sheet", "rule", "name"), [
    ("evaluation.css", r"\.nbr-bar \{ fill: var\(--nbr-yours\); opacity: ([\d.]+)", "yours"),
    ("evaluation.css", r"\.nbr-count \{ fill: var\(--nbr-faint\); opacity: ([\d.]+)", "faint"),
    ("evaluation.css", r"\.nbr-fill \{.*?background: var\(--nbr-yours\); opacity: ([\d.]+)", "yours"),
    ("scores.css", r"\.nbr-range \{.*?background: var\(--nbr-faint\); opacity: ([\d.]+)", "faint"),
])  # fmt: skip
def test_bars_that_shine_through_still_stand_out(sheet, rule, name):
    share = float(re.search(rule, static(sheet))[1])
    for theme, colours in THEMES.items():
        mixed = share * channels(colours[name]) + (1 - share) * channels(GROUNDS[theme][0])
        drawn = "#" + "".join(f"{round(255 * part):02x}" for part in mixed)
        assert contrast(drawn, GROUNDS[theme][0]) >= GRAPHICS
