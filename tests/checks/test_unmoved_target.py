"""Targets that were forgotten are found in every form; nothing that is right, or cannot be told, is a fault."""

import augmented
import pytest
import torch
from augmented import Detected, Segmented, heads, light, moved, smooth
from torch.nn import functional
from torch.utils.data import Dataset

from nbrecipe.bench import Bench
from nbrecipe.finding import Verdict
from nbrecipe.registry import get_check
from nbrecipe.runner import run

CHECK = get_check("unmoved-target")


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


class Made(Dataset):
    """An example made by a function of its index."""

    def __init__(self, make, rows=10):
        self.make, self.rows = make, rows

    def __len__(self):
        return self.rows

    def __getitem__(self, index):
        return self.make(index)


X = smooth(10, side=32)
M = (X.mean(1) > X.mean()).long()
CORNERS = torch.tensor([[3.0, 4.0, 12.0, 16.0], [15.0, 19.0, 24.0, 29.0]]) + torch.arange(10)[:, None, None] % 4


def judged(data):
    return run(CHECK, Bench(train_data=data)).finding


def flip(*values):
    return tuple(value.flip(-1) for value in values) if heads() else values


def one_hot(mask):
    return functional.one_hot(mask, 2).permute(2, 0, 1).float()


def instances(mask):
    upper = mask.clone()
    upper[16:] = 0
    return torch.stack([upper, mask - upper]).bool()


def forms(boxes, form):
    left, top, right, bottom = boxes.unbind(1)
    if form == "size":
        return torch.stack([left, top, right - left, bottom - top], 1)
    if form == "centre":
        return torch.stack([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top], 1) / 32
    return boxes / 32 if form == "shares" else boxes


def mirrored(boxes):
    return augmented.boxes_moved(boxes, 4, 0, 0, 32)


def both_flipped(index, form):
    x, b = (X[index].flip(-1), mirrored(CORNERS[index])) if heads() else (X[index], CORNERS[index])
    return x, {"boxes": forms(b, form), "labels": torch.tensor([0, 1])}


FAULTS = {
    "mirrored": lambda i: (*flip(X[i]), M[i]),
    "mirrored and lighter": lambda i: (light(flip(X[i])[0]), M[i]),
    "mirrored and noisy": lambda i: (flip(X[i])[0] + 0.02 * torch.randn(3, 32, 32), M[i]),
    "turned": lambda i: (torch.rot90(X[i], int(torch.randint(4, ())), (1, 2)), M[i]),
    "shifted": lambda i: (moved(X[i], 0, *torch.randint(-5, 6, (2,)).tolist()), M[i]),
    "upside down": lambda i: (X[i].flip(1) if heads() else X[i], M[i]),
    "the mask alone": lambda i: (X[i], *flip(M[i])) if heads() else (X[i].flip(-1), *flip(M[i])),
    "another way": lambda i: (X[i].flip(-1), M[i].flip(-2)) if heads() else (X[i], M[i]),
    "by name": lambda i: {"image": flip(X[i])[0], "mask": M[i]},
    "uint8, channels last": lambda i: ((flip(X[i])[0] * 255).byte().permute(1, 2, 0).numpy(), M[i].byte().numpy()),
    "a channel of the mask": lambda i: (flip(X[i])[0], M[i][None].float()),
    "one-hot": lambda i: (flip(X[i])[0], one_hot(M[i])),
    "instances": lambda i: (flip(X[i])[0], {"masks": instances(M[i]), "labels": torch.tensor([1, 2])}),
    "with a label": lambda i: (flip(X[i])[0], M[i], i % 3),
    "boxes": lambda i: (flip(X[i])[0], {"boxes": CORNERS[i]}),
    "boxes by size": lambda i: (flip(X[i])[0], {"boxes": forms(CORNERS[i], "size")}),
    "boxes by centre": lambda i: (flip(X[i])[0], {"bboxes": forms(CORNERS[i], "centre").tolist()}),
    "boxes in shares": lambda i: (flip(X[i])[0], {"bbox": forms(CORNERS[i], "shares").numpy()}),
    "boxes without a name": lambda i: (flip(X[i])[0], CORNERS[i]),
}


@pytest.mark.parametrize("make", FAULTS.values(), ids=FAULTS)
def test_what_was_forgotten_is_a_fault(make):
    finding = judged(Made(make))
    assert finding.verdict is Verdict.BAD, finding.message
    assert finding.seen["wrong"] > 5


def test_two_draws_of_the_same_number_are_told_as_now_and_then():
    finding = judged(Segmented(lambda x, m: (*flip(x), *flip(m))))
    assert finding.verdict is Verdict.BAD
    assert "pairs of draws they did move with it" in finding.message


def test_a_box_turned_inside_out_is_a_hint():
    def change(x, b):
        return (x.flip(-1), torch.stack([24 - b[:, 0], b[:, 1], 24 - b[:, 2], b[:, 3]], 1)) if heads() else (x, b)

    finding = judged(Detected(change))
    assert finding.verdict is Verdict.HINT
    assert "moved in another way" in finding.message


def turn(quarters, *values):
    return tuple(torch.rot90(value, quarters, (-2, -1)) for value in values)


def shift(down, right, *values):
    return tuple(moved(value, 0, down, right) for value in values)


def zoomed(*values):
    top, left = torch.randint(0, 12, (2,)).tolist()
    cut = [value[..., top : top + 20, left : left + 20] for value in values]
    big = functional.interpolate(cut[0][None], (32, 32), mode="bilinear")[0]
    return (big, *(functional.interpolate(c[None, None].float(), (32, 32))[0, 0].long() for c in cut[1:]))


def cropped(*values):
    height, width = torch.randint(20, 32, (2,)).tolist()
    return tuple(value[..., :height, :width] for value in values)


def erased(image):
    top, left = torch.randint(0, 20, (2,)).tolist()
    made = image.clone()
    made[:, top : top + 12, left : left + 12] = 0
    return made


def scene():
    """A blob at a random place, made up at each reading, with its mask."""
    y, x = torch.rand(2) * 24 + 4
    grid = torch.arange(32.0)
    blob = torch.exp(-((grid[:, None] - y) ** 2 + (grid[None] - x) ** 2) / 20)
    return blob.expand(3, -1, -1), (blob > 0.4).long()


VIEW = functional.pad(torch.ones(24, 20, dtype=torch.long), (2, 10, 4, 4))
HALF = functional.pad(torch.ones(10, 32, dtype=torch.long), (0, 0, 0, 22))
STRIPES = (torch.arange(32) // 4 % 2).float().expand(3, 32, 32)

#: right, and seen to be right
FOLLOWS = {
    "mirrored together": lambda i: flip(X[i], M[i]),
    "turned together": lambda i: turn(int(torch.randint(4, ())), X[i], M[i]),
    "shifted together": lambda i: shift(*torch.randint(-5, 6, (2,)).tolist(), X[i], M[i]),
    "one-hot together": lambda i: flip(X[i], one_hot(M[i])),
    "lighter alone": lambda i: (light(X[i]), M[i]),
    "noise alone": lambda i: (X[i] + 0.02 * torch.randn(3, 32, 32), M[i]),
    "nothing": lambda i: (X[i], M[i]),
    "boxes": lambda i: both_flipped(i, "corners"),
    "boxes by size": lambda i: both_flipped(i, "size"),
    "boxes by centre": lambda i: both_flipped(i, "centre"),
    "boxes in shares": lambda i: both_flipped(i, "shares"),
}
#: right, or nothing that anybody could tell from outside: no fault, and no hint either
QUIET = {
    "zoomed together": lambda i: zoomed(*flip(X[i], M[i])),
    "cropped together": lambda i: cropped(*flip(X[i], M[i])),
    "erased, which moves nothing": lambda i: (erased(X[i]), M[i]),
    "blurred": lambda i: (functional.avg_pool2d(X[i][None], 3, 1, 1)[0] if heads() else X[i], M[i]),
    "inverted": lambda i: (1 - X[i] if heads() else X[i], M[i]),
    "channels exchanged": lambda i: (X[i][torch.randperm(3)], M[i]),
    "one grey": lambda i: (X[i].mean(0, keepdim=True).expand(3, -1, -1) if heads() else X[i], M[i]),
    "a field of view": lambda i: (flip(X[i])[0], VIEW),
    "a symmetric mask": lambda i: (flip(X[i])[0], torch.roll(HALF, i, 0)),
    "an empty mask": lambda i: (flip(X[i])[0], torch.zeros_like(M[i])),
    "a full mask": lambda i: (flip(X[i])[0], torch.ones_like(M[i])),
    "two views": lambda i: (*flip(light(X[i])), *flip(light(X[i]))),
    "two views of bits": lambda i: (*flip(M[i][None].bool()), *flip(M[i][None].bool())),
    "two views and a label": lambda i: (*flip(X[i]), *flip(X[i]), i % 2),
    "noise to be removed": lambda i: (flip(X[i])[0] + 0.1 * torch.randn(3, 32, 32), X[i]),
    "turn to be told": lambda i: next((torch.rot90(X[i], k, (1, 2)), k) for k in [int(torch.randint(4, ()))]),
    "patches to be hidden": lambda i: (flip(X[i])[0], torch.kron(torch.rand(8, 8) < 0.5, torch.ones(4, 4)).long()),
    "a made-up scene": lambda i: scene(),
    "a made-up scene, mirrored": lambda i: flip(*scene()),
    "stripes": lambda i: (moved(STRIPES, 0, 0, int(torch.randint(-5, 6, ()))), M[i]),
    "white noise": lambda i: (torch.rand(3, 32, 32), M[i]),
    "a class": lambda i: (flip(X[i])[0], i % 3),
    "a smaller map": lambda i: (flip(X[i])[0], M[i][::2, ::2]),
    "a depth map": lambda i: flip(X[i], X[i].mean(0)),
    "centred boxes": lambda i: (flip(X[i])[0], {"boxes": torch.tensor([[10.0, 4.0 + i, 22.0, 14.0 + i]])}),
    "no boxes": lambda i: (flip(X[i])[0], {"boxes": torch.zeros(0, 4)}),
    "boxes of another size": lambda i: (flip(X[i])[0], {"boxes": CORNERS[i] * 20}),
    "left and right renamed": lambda i: (X[i].flip(-1), (3 - M[i].flip(-1)) % 3) if heads() else (X[i], M[i]),
    "constant images": lambda i: (torch.full((3, 32, 32), float(torch.rand(()))), M[i]),
    "not a number": lambda i: (X[i] / 0 * 0, M[i]),
    "rows": lambda i: (torch.randn(6), i),
    "a text": lambda i: ("a text", "a label"),
    "a list of numbers": lambda i: [0.5, 1.5, i],
    "nothing in it": lambda i: (),
}  # fmt: skip


@pytest.mark.parametrize("make", FOLLOWS.values(), ids=FOLLOWS)
def test_what_goes_along_is_seen_to(make):
    finding = judged(Made(make))
    assert finding.verdict is Verdict.OK, finding.message


@pytest.mark.parametrize("make", QUIET.values(), ids=QUIET)
def test_what_cannot_be_told_is_no_fault(make):
    finding = judged(Made(make))
    assert finding.verdict in (Verdict.OK, Verdict.SKIPPED), finding.message


def test_a_stream_is_skipped_in_one_sentence():
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter([(X[0], M[0])])

    finding = judged(Stream())
    assert finding.verdict is Verdict.SKIPPED
    assert finding.message.startswith("`train_data` can only be read from the start")


def sprites(rows, seed):
    """Rectangles on black, and a class for each."""
    g = torch.Generator().manual_seed(seed)
    images, masks = torch.zeros(rows, 3, 48, 48), torch.zeros(rows, 48, 48).long()
    for image, mask in zip(images, masks, strict=True):
        for k in (1, 2, 3):
            (y, x), (h, w) = (
                torch.randint(36, (2,), generator=g).tolist(),
                torch.randint(4, 14, (2,), generator=g).tolist(),
            )
            image[:, y : y + h, x : x + w], mask[y : y + h, x : x + w] = torch.rand(3, 1, 1, generator=g), k
    return images, masks


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("turns", [1, 4])
def test_rectangles_that_cover_rectangles_are_at_most_a_hint(seed, turns):
    images, masks = sprites(8, seed * 13 + 5)

    def make(index):
        image, mask = turn(int(torch.randint(turns, ())), images[index], masks[index])
        y, x = torch.randint(32, (2,)).tolist()
        image = image.clone()
        image[:, y : y + 16, x : x + 16] = torch.rand(3, 1, 1)
        return image, mask

    torch.manual_seed(seed)
    finding = judged(Made(make, rows=8))
    assert finding.verdict is not Verdict.BAD, finding.message
