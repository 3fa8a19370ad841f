"""Whether masks and boxes go with their image, pair by pair."""

from collections import Counter

import augmented
import pytest
import torch

from nbrecipe.bench import Bench
from nbrecipe.probes.augment.draws import drawing
from nbrecipe.probes.augment.following import pairs

MOVES = [(4, 0, 0), (6, 0, 0), (1, 0, 0), (2, 0, 0), (0, 3, -4), (4, -2, 5)]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def outcomes(data):
    seen = drawing(Bench(train_data=data))
    return Counter(pair.outcome for example in seen.examples for pair in pairs(example))


@pytest.mark.parametrize("move", MOVES)
def test_a_mask_that_goes_along_follows(move):
    both = outcomes(
        augmented.Segmented(
            lambda x, m: (
                (augmented.light(augmented.moved(x, *move)), augmented.moved(m, *move)) if augmented.heads() else (x, m)
            )
        )
    )
    assert both["follows"] > 10
    assert set(both) <= {"follows", "unmoved"}


@pytest.mark.parametrize("move", MOVES)
def test_a_mask_that_is_forgotten_stays(move):
    seen = outcomes(
        augmented.Segmented(lambda x, m: (augmented.moved(x, *move) if augmented.heads() else augmented.light(x), m))
    )
    assert seen["stays"] > 10
    assert set(seen) <= {"stays", "unmoved"}


def test_a_mask_that_goes_another_way_strays():
    seen = outcomes(augmented.Segmented(lambda x, m: (x.flip(-1), m.flip(-2)) if augmented.heads() else (x, m)))
    assert set(seen) == {"strays"}


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("scale", [1, 24])
@pytest.mark.parametrize("form", ["corners", "size"])
def test_boxes_that_go_along_follow_in_each_form(move, scale, form):
    def change(x, b):
        here = augmented.heads()
        x, b = (augmented.moved(x, *move), augmented.boxes_moved(b, *move, 24)) if here else (x, b)
        b = torch.cat([b[:, :2], b[:, 2:] - b[:, :2]], 1) if form == "size" else b
        return x, b / scale

    seen = outcomes(augmented.Detected(change))
    assert seen["follows"] > 10
    assert seen["stays"] == seen["strays"] == 0


@pytest.mark.parametrize("move", MOVES)
def test_boxes_that_are_forgotten_stay(move):
    seen = outcomes(augmented.Detected(lambda x, b: (augmented.moved(x, *move) if augmented.heads() else x, b)))
    assert seen["stays"] > 10
    assert seen["follows"] == seen["strays"] == 0


def test_a_box_that_is_turned_inside_out_strays():
    def change(x, b):
        wrong = torch.stack([24 - b[:, 0], b[:, 1], 24 - b[:, 2], b[:, 3]], 1)  # left and right are not exchanged
        return (x.flip(-1), wrong) if augmented.heads() else (x, b)

    assert set(outcomes(augmented.Detected(change))) == {"strays"}


def test_what_would_look_the_same_either_way_is_not_judged():
    half = torch.zeros(24, 24, dtype=torch.long)
    half[:12] = 1
    seen = outcomes(augmented.Segmented(lambda x, m: (x.flip(-1) if augmented.heads() else x, half)))
    assert set(seen) == {"unclear"}
    box = torch.tensor([[8.0, 3.0, 16.0, 9.0]])
    assert set(outcomes(augmented.Detected(lambda x, b: (x.flip(-1) if augmented.heads() else x, box)))) == {"unclear"}
    empty = outcomes(augmented.Segmented(lambda x, m: (x.flip(-1) if augmented.heads() else x, torch.zeros_like(m))))
    assert set(empty) == {"unclear"}


def test_without_an_image_or_a_target_there_are_no_pairs():
    assert outcomes(augmented.Labelled(lambda x: x.flip(-1) if augmented.heads() else x)) == Counter()
    assert outcomes(augmented.Noisy()) == Counter()
