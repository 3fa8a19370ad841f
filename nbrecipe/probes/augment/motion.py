"""How one image lies in another: mirrored, turned by quarters, shifted; by the correlation of their grey values.

Each of the eight symmetries of a square is tried with every shift up to a third of the sides, on images of at most 48
pixels a side. The correlation is that of the overlap alone (Padfield 2012, masked normalised cross-correlation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

#: pixels a side at which images are compared, and the share of a side by which they may be shifted
SIDE, REACH = 48, 1 / 3
#: correlation from which on two images are the same picture, moved
ALIKE = 0.9
#: a motion is possible where its residue, 1 - correlation, is at most so many times that of the best, and a little
TIMES, LITTLE = 5.0, 0.02
#: pixels that possible shifts lie from the best at most; in stripes and other repeats they lie further
NEAR = 4
#: the overlap is cut into so many blocks a side; two images agree in a block from this correlation on
BLOCKS, LOCAL = 5, 0.6
#: share of the blocks in which a motion has to explain the image, lest a few strong edges speak for the rest, how many
#: blocks there have to be, and the share that may agree without it: what covers a part of an image moves nothing else
MOST, FEWEST, OTHERS = 0.8, 5, 1 / 3
#: share of the blocks that agree where an image, in part covered, stands where it stood
HALF = 0.5
#: standard deviation, as a share of the image's range, from which a block varies
FLAT = 1e-3
#: correlation that a motion has to bring above none
GAIN = 0.1
#: share of the grey values' range that an image varies by at least; below, everything correlates by chance
VARIES = 1e-3
#: the eight symmetries: turned by so many quarters, then mirrored or not
WORDS = (
    "", "turned left", "upside down and mirrored", "turned right",
    "mirrored", "turned left and mirrored", "upside down", "turned right and mirrored",
)  # fmt: skip
IDENTITY, MIRROR = 0, 4


@dataclass(frozen=True)
class Motion:
    """One symmetry of the square and, after it, a shift as shares of height and width."""

    turn: int
    down: float = 0.0
    right: float = 0.0
    correlation: float = 1.0

    @property
    def still(self) -> bool:
        """Whether nothing moves."""
        return self.turn == IDENTITY and not self.down and not self.right

    def told(self, shape: Sequence[int]) -> str:
        """In words, for an image of (H, W) pixels: "mirrored, shifted 3 right and 1 up"; "" for none."""
        down, right = round(self.down * shape[0]), round(self.right * shape[1])
        ways = [f"{abs(right)} {'right' if right > 0 else 'left'}"] if right else []
        ways += [f"{abs(down)} {'down' if down > 0 else 'up'}"] if down else []
        shift = f"shifted {' and '.join(ways)}" if ways else ""
        return ", ".join(filter(None, (WORDS[self.turn], shift)))


@dataclass(frozen=True)
class Motions:
    """How the first image may have become the second; `possible` is empty where nothing explains it."""

    possible: tuple[Motion, ...]
    #: correlation without any motion
    unmoved: float

    @property
    def best(self) -> Motion | None:
        """What explains the second image best."""
        return max(self.possible, key=lambda motion: motion.correlation, default=None)

    @property
    def moved(self) -> bool:
        """Whether it has moved for certain: some motion explains it, and standing still does not."""
        best = self.best
        if best is None or any(motion.still for motion in self.possible):
            return False
        return best.correlation - self.unmoved >= GAIN


def turned(values: Tensor, turn: int) -> Tensor:
    """The last two axes under one of the eight symmetries."""
    made = torch.rot90(values, turn % 4, (-2, -1)) if turn % 4 else values
    return made.flip(-1) if turn >= 4 else made


def grey(image: Tensor) -> Tensor | None:
    """(C, H, W) as a small (h, w) of its mean grey; None where nothing in it varies."""
    values = image.double().nan_to_num()
    mean = values[:3].mean(0) if values.shape[0] <= 4 else values.mean(0)
    height, width = mean.shape
    times = min(1.0, SIDE / max(height, width))
    small = functional.adaptive_avg_pool2d(mean[None], (max(4, round(height * times)), max(4, round(width * times))))[0]
    spread = float(small.amax() - small.amin())
    return small if spread > VARIES * max(1e-12, float(values.abs().amax())) else None


def motions(first: Tensor, second: Tensor) -> Motions:
    """Every motion that may have made the second grey image from the first."""
    tables = _shifted(first, second)
    unmoved = _correlation(first, second) if first.shape == second.shape else 0.0
    top = max((float(table.amax()) for table in tables.values()), default=0.0)
    if top < ALIKE:
        return _untold(first, second, unmoved)
    enough = 1 - (TIMES * (1 - top) + LITTLE)
    possible = [_best(table, turn, second.shape) for turn, table in tables.items() if float(table.amax()) >= enough]
    best = max(possible, key=lambda motion: motion.correlation)
    still = any(motion.still for motion in possible)
    if any(_spread(tables[motion.turn] >= enough) for motion in possible) and not still:
        return _untold(first, second, unmoved)
    if agreeing(first, second, best) < MOST or not (still or agreeing(first, second, Motion(IDENTITY)) <= OTHERS):
        return _untold(first, second, unmoved)
    if unmoved >= enough and not still:
        possible.append(Motion(IDENTITY, correlation=unmoved))
    return Motions(tuple(possible), unmoved)


def _untold(first: Tensor, second: Tensor, unmoved: float) -> Motions:
    """No motion that explains the second image; where half of it is as it was, it has not moved, but is covered."""
    still = agreeing(first, second, Motion(IDENTITY)) >= HALF
    return Motions((Motion(IDENTITY, correlation=unmoved),) if still else (), unmoved)


def _best(table: Tensor, turn: int, shape: Sequence[int]) -> Motion:
    """The best shift after one symmetry; none where it explains as much without."""
    down, right = table.shape[0] // 2, table.shape[1] // 2
    row, column = divmod(int(table.argmax()), table.shape[1])
    top, centre = float(table[row, column]), float(table[down, right])
    if 1 - centre <= 1.5 * (1 - top) + LITTLE / 4:
        return Motion(turn, correlation=centre)
    return Motion(turn, (row - down) / shape[0], (column - right) / shape[1], top)


def _spread(possible: Tensor) -> bool:
    """Whether shifts that lie apart explain the image alike, as in what repeats itself."""
    places = possible.nonzero()
    return bool((places.amax(0) - places.amin(0) > 2 * NEAR).any())


def agreeing(first: Tensor, second: Tensor, motion: Motion) -> float:
    """The share of blocks, of those in which anything varies, that a motion explains; 0 where there are too few."""
    moved, (height, width) = turned(first, motion.turn), second.shape
    if moved.shape != second.shape:
        return 0.0
    down, right = round(motion.down * height), round(motion.right * width)
    a = _blocks(moved[max(0, -down) : height + min(0, -down), max(0, -right) : width + min(0, -right)])
    b = _blocks(second[max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)])
    one, other = a.square().mean(-1).sqrt(), b.square().mean(-1).sqrt()
    vary = (one > FLAT * (first.amax() - first.amin())) | (other > FLAT * (second.amax() - second.amin()))
    alike = (a * b).mean(-1) >= LOCAL * one * other
    alike &= (one > 0) & (other > 0)
    count = int(vary.sum())
    return int((alike & vary).sum()) / count if count >= FEWEST else 0.0


def _blocks(values: Tensor) -> Tensor:
    """(h, w) cut into (BLOCKS * BLOCKS, n), each block about its own mean; what is left at the ends goes."""
    down, across = max(1, values.shape[0] // BLOCKS), max(1, values.shape[1] // BLOCKS)
    cut = values[: down * BLOCKS, : across * BLOCKS].unfold(0, down, down).unfold(1, across, across).flatten(2)
    blocks = cut.flatten(0, 1)
    return blocks - blocks.mean(-1, keepdim=True)


def _shifted(first: Tensor, second: Tensor) -> dict[int, Tensor]:
    """For each symmetry the correlation of the overlap for each shift of the first image; none is in the middle."""
    whole = {turn: made for turn in range(8) if (made := turned(first - first.mean(), turn)).shape == second.shape}
    if not whole:
        return {}
    height, width = second.shape
    down, right = int(height * REACH), int(width * REACH)
    size = (height + down, width + right)  # further shifts come round and are not looked at
    here, there = (_transformed(values, size) for values in (torch.stack([*whole.values()]), second - second.mean()))

    def crossed(a: int, b: int) -> Tensor:
        made: Tensor = torch.fft.irfft2(here[a].conj() * there[b], size)
        return made

    count = crossed(2, 2)[:1].round().clamp_min(1)
    sum1, sum2 = crossed(0, 2), crossed(2, 0)
    above = crossed(0, 0) - sum1 * sum2 / count
    power1 = (crossed(1, 2) - sum1.square() / count).clamp_min(0)
    power2 = (crossed(2, 1) - sum2.square() / count).clamp_min(0)
    least = [1e-9 * float((values - values.mean()).square().sum()) for values in (first, second)]
    varies = (power1 > least[0]) & (power2 > least[1])
    table = torch.where(varies, above / (power1 * power2).sqrt().clamp_min(1e-300), 0.0)
    rows = torch.arange(-down, down + 1) % size[0]
    columns = torch.arange(-right, right + 1) % size[1]
    return dict(zip(whole, table[:, rows][:, :, columns], strict=True))


def _transformed(values: Tensor, size: tuple[int, int]) -> Tensor:
    """The transforms of values, of their squares, and of where they are."""
    made: Tensor = torch.fft.rfft2(torch.stack([values, values.square(), torch.ones_like(values)]), size)
    return made


def _correlation(first: Tensor, second: Tensor) -> float:
    a, b = first - first.mean(), second - second.mean()
    return float((a * b).sum() / (a.square().sum() * b.square().sum()).sqrt().clamp_min(1e-300))
