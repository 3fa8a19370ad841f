"""Near copies of series: noise, scale, a shift and steps cut off are found; series that are merely alike are not."""

from __future__ import annotations

import numpy as np
import pytest

from nbrecipe.scan.columns.kinds import Kind
from nbrecipe.scan.doubles.tables import table_of
from nbrecipe.scan.near.copies import near_across, near_within
from nbrecipe.scan.near.waves import courses
from nbrecipe.scan.reading import scan
from nbrecipe.scan.sources.opening import open_source

COUNT, EVERY = 300, 8


def table(series):
    made = table_of(scan(open_source([(one.astype("f4"), 0) for one in series], "data")))
    assert made.scan.plan.kinds["input"] is Kind.SEQUENCE
    return made


def found(series):
    return {(pair.first, pair.second) for pair in near_within(table(series)).pairs}


def smooth(g, count, steps, scale):
    kernel = np.exp(-0.5 * (np.arange(-3 * scale, 3 * scale + 1) / scale) ** 2)
    plain = g.standard_normal((count, steps + 6 * scale))
    return np.stack([np.convolve(one, kernel, "valid") for one in plain]) / np.sqrt(scale)


def curves(g):
    return list(smooth(g, COUNT, 1200, 15))


def walks(g):
    """Of lengths of their own."""
    return [g.standard_normal(int(steps)).cumsum() for steps in g.integers(900, 1300, COUNT)]


def sounds(g, steps=2000):
    """Tones with overtones that swell and fade."""
    time, made = np.arange(steps) / steps, []
    for _ in range(COUNT):
        pitch, swell = g.uniform(20, 60), g.uniform(0.1, 0.3)
        tones = sum(g.random() / k * np.sin(2 * np.pi * (pitch * k * time + g.random())) for k in range(1, 8))
        made.append(tones * np.exp(-(((time - g.uniform(0.2, 0.8)) / swell) ** 2)) + 0.01 * g.standard_normal(steps))
    return made


def leads(g):
    """Three channels, which stand first."""
    return [smooth(g, 3, int(steps), 12) for steps in g.integers(900, 1300, COUNT)]


def noisy(one, g):
    return one + 0.02 * one.std() * g.standard_normal(one.shape)


def louder(one, g):
    return one * g.uniform(0.3, 3) + g.normal()


def begun_later(one, g):
    return one[..., int(g.integers(1, 9)) :]


def ended_sooner(one, g):
    return one[..., : -int(g.integers(1, 9))]


#: share of the planted copies that is found at least
CHANGES = {noisy: 0.9, louder: 0.9, begun_later: 0.7, ended_sooner: 0.7}


@pytest.mark.parametrize("make", [curves, walks, leads])
@pytest.mark.parametrize("change", CHANGES)
def test_copies_are_found_and_nothing_else(make, change):
    g = np.random.default_rng(1)
    series, sources = make(g), range(0, COUNT, EVERY)
    copies = [change(series[i], g) for i in sources]
    planted = {(i, COUNT + k) for k, i in enumerate(sources)}
    pairs = found(series + copies)
    print(f"{make.__name__}, {change.__name__}: recall {len(pairs & planted) / len(planted):.2f}, "
          f"{len(pairs - planted)} others")  # fmt: skip
    assert pairs <= planted
    assert len(pairs) >= CHANGES[change] * len(planted)


@pytest.mark.parametrize("change", [noisy, louder])
def test_copies_of_sounds_are_found_and_nothing_else(change):
    g = np.random.default_rng(1)
    series = sounds(g)
    copies = [change(one, g) for one in series[::EVERY]]
    planted = {(i * EVERY, COUNT + i) for i in range(len(copies))}
    pairs = found(series + copies)
    assert pairs <= planted
    assert len(pairs) >= 0.8 * len(planted)


def test_copies_across_splits_and_in_what_they_differ():
    g = np.random.default_rng(2)
    train = walks(g)
    val = [noisy(train[5], g), train[50][:-6], 3 * train[90], *walks(g)[:40]]
    pairs = near_across(table(train), table(val)).pairs
    steps = len(train[50])
    assert {(pair.first, pair.second): pair.told for pair in pairs} == {
        (5, 0): "noise or scale", (50, 1): f"length, {steps} and {steps - 6} steps", (90, 2): "noise or scale",
    }  # fmt: skip
    assert all(pair.sole for pair in pairs)


def classes(g):
    """Ten courses, each drawn out, scaled and blurred anew."""
    steps, plain, made = np.arange(1200), smooth(g, 10, 1200, 25), []
    for row in range(COUNT):
        slow = steps + 6 * smooth(g, 1, 1200, 60)[0]
        made.append(np.interp(slow, steps, plain[row % 10]) * g.uniform(0.7, 1.3) + 0.1 * g.standard_normal(1200))
    return made


def one_trend(g):
    return [np.arange(600) ** 2 / 3e3 + smooth(g, 1, 600, 8)[0] for _ in range(COUNT)]


def periodic(g):
    """One frequency, phases and details of their own."""
    time = np.arange(800) / 800
    return [np.sin(2 * np.pi * (12 * time + g.random())) + 0.1 * smooth(g, 1, 800, 4)[0] for _ in range(COUNT)]


def steps(g):
    return [(np.arange(500) > g.integers(50, 450)) * g.uniform(1, 3) for _ in range(COUNT)]


def lists(make):
    """Series of lengths of their own, so that they are told for series whatever they look like."""
    return lambda g: [one[: len(one) - i % 7] for i, one in enumerate(make(g))]


ALIKE = {
    "classes": lists(classes),
    "one trend": lists(one_trend),
    "one frequency": lists(periodic),
    "pure tones": lists(lambda g: [np.sin(2 * np.pi * (9 * np.arange(700) / 700 + g.random())) for _ in range(COUNT)]),
    "tones of any pitch": lists(
        lambda g: [np.sin(g.uniform(0.02, 0.3) * np.arange(700) + g.uniform(0, 6)) for _ in range(COUNT)]
    ),
    "noise": lists(lambda g: list(g.standard_normal((COUNT, 500)))),
    "constant": lists(lambda g: [np.full(400, g.normal()) for _ in range(COUNT)]),
    "nearly constant": lists(lambda g: [g.normal() + 1e-9 * g.standard_normal(400) for _ in range(COUNT)]),
    "lines": lists(lambda g: [g.normal() + g.normal() * np.arange(400) for _ in range(COUNT)]),
    "steps": lists(steps),
    "pulses": lists(lambda g: [(np.arange(400) == g.integers(0, 400)) * 1.0 for _ in range(COUNT)]),
    "decays": lists(lambda g: [g.uniform(1, 9) * np.exp(-np.arange(400) / g.uniform(20, 200)) for _ in range(COUNT)]),
    "sounds": lists(sounds),
    "walks": walks,
    "short": lambda g: [g.standard_normal(int(n)).cumsum() for n in g.integers(5, 45, COUNT)],
}


@pytest.mark.parametrize("name", ALIKE)
def test_series_that_are_merely_alike_are_none(name):
    assert found(ALIKE[name](np.random.default_rng(0))) == set()


def test_a_course_is_kept_by_noise_and_scale_and_steps_cut_off_in_front():
    g = np.random.default_rng(0)
    series = [one.astype("f4") for one in walks(g)]
    for change in CHANGES:
        apart = np.bitwise_count(courses(series) ^ courses([change(one, g).astype("f4") for one in series]))
        assert np.median(apart) <= 4, change
    assert not courses([np.zeros(500, "f4"), np.arange(500, dtype="f4"), np.arange(9, dtype="f4")]).any()
