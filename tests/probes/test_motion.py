"""How one image lies in another: every symmetry and shift is told, and nothing where there is none."""

import augmented
import pytest
import torch

from nbrecipe.probes.augment.motion import SIDE, WORDS, grey, motions


def between(first, second):
    return motions(grey(first), grey(second))


@pytest.mark.parametrize("turn", range(8))
@pytest.mark.parametrize(("down", "right"), [(0, 0), (3, -2)])
@pytest.mark.parametrize("seed", range(3))
def test_each_symmetry_and_shift_is_told(turn, down, right, seed):
    image = augmented.smooth(1, seed=seed)[0]
    seen = between(image, augmented.moved(image, turn, down, right))
    assert [motion.turn for motion in seen.possible] == [turn]
    assert seen.moved == (turn > 0 or down != 0)
    told = seen.best.told(image.shape[-2:])
    assert told.startswith(WORDS[turn])
    assert ("shifted 2 left and 3 down" in told) == (down != 0)


@pytest.mark.parametrize("size", [(24, 24), (30, 21), (200, 131), (512, 512)])
def test_images_of_any_size_are_compared_small(size):
    image = torch.nn.functional.interpolate(augmented.smooth(1), size, mode="bilinear")[0]
    assert max(grey(image).shape) <= SIDE
    seen = between(image, image.flip(-1))
    assert [motion.turn for motion in seen.possible] == [4]
    assert seen.moved


def test_light_and_noise_move_nothing_and_hide_no_mirror():
    image = augmented.smooth(1)[0]
    torch.manual_seed(0)
    changed = (0.6 * image + 0.2 + 0.02 * torch.randn(image.shape)).clamp(0, 1)
    assert not between(image, changed).moved
    assert between(image, changed.flip(-1)).best.turn == 4
    assert between(image, 0.5 * image.mean(0, keepdim=True).flip(-1).expand(3, -1, -1)).moved


def test_another_image_is_no_motion():
    images = augmented.smooth(20)
    assert [between(images[0], other).possible for other in images[1:]] == [()] * 19


def test_a_symmetric_image_does_not_move_when_it_is_mirrored():
    half = augmented.smooth(1)[0]
    image = half + half.flip(-1)
    seen = between(image, image.flip(-1))
    assert not seen.moved
    turned = between(image, torch.rot90(image, 2, (1, 2)))
    assert turned.moved
    assert {motion.turn for motion in turned.possible} == {2, 6}, "upside down, mirrored or not"


def test_what_covers_a_part_of_an_image_moves_nothing():
    sky = 0.8 + 0.02 * augmented.smooth(1, side=48)[0]
    covered = []
    for top, left in ((4, 6), (20, 24)):
        made = sky.clone()
        made[:, top : top + 14, left : left + 14] = 0
        covered.append(made)
    seen = between(*covered)
    assert not seen.moved
    assert [motion.still for motion in seen.possible] == [True], "the rest is as it was"
    assert not between(covered[0], covered[1].flip(-1)).best or between(covered[0], covered[1].flip(-1)).best.turn == 4


def test_stripes_tell_no_shift():
    stripes = (torch.arange(48) // 4 % 2).float().expand(3, 48, 48)
    assert between(stripes, stripes.roll(3, -1)).possible == ()


def test_what_does_not_vary_is_not_compared():
    assert grey(torch.zeros(3, 8, 8)) is None
    assert grey(torch.full((1, 16, 16), torch.nan)) is None
    assert grey(torch.full((1, 16, 16), 7.0)) is None
