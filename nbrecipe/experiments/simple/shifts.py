"""How well the inputs tell the labels of the rows before and after them.

Neighbours are found once, and each fold of the ridge regression is factorised once: every shift reads other labels off
the same work. Rows that stand near each other are no neighbours, so that what changes slowly does not vote for itself.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, Subset

from ...batches import BadInput
from ...bench import Bench
from ...scan import held
from ...scan.columns.block import Block, size_of
from ...scan.columns.kinds import Kind
from ...scan.counts.sample import end_to_end
from ...scan.plan import plan_of
from ...scan.sources.opening import open_source
from ...scan.sources.source import Source
from .features import without_detail
from .linear import folds, indicators, out_of_fold
from .neighbours import nearest, votes
from .rows import MOST, Rows, prepared, train_rows

Array = np.ndarray[Any, Any]
#: shifts that are tried, each way; rows this near are no neighbours; seconds that reading may take
REACH, APART, SECONDS = 3, 8, 5.0
#: bytes of the rows that are read, roughly
BYTES = 96 << 20
#: rows among labelled ones without which nothing is scored
LEAST = 32
SHIFTS = tuple(range(-REACH, REACH + 1))


@dataclass(frozen=True)
class Stretch:
    """Rows in a run whose labels fit when shifted, while those of the others fit as they stand."""

    shift: int
    first: int
    last: int
    #: share of its rows that are right when shifted, and as they stand
    shifted: float
    standing: float
    #: standard deviations of a walk by chance over all rows that the gain lies above nothing
    sure: float


@dataclass(frozen=True)
class Shifts:
    """What each shift of the labels scores, above a guess that knows no input; 1 is perfect."""

    skills: dict[int, float]
    #: of rows where a shift and none differ, how many are for it and how many against, by shift
    votes: dict[int, tuple[int, int]]
    #: accuracy by shift; empty where the labels are numbers
    accuracy: dict[int, float]
    rows: int
    first: int
    #: distance of neighbouring rows beside that of any two; correlation of neighbours beyond what chance gives
    alike: float
    serial: float
    kinds: tuple[Kind, ...]
    part: Stretch | None = None


def shifts(bench: Bench) -> Shifts:
    """Score every shift on the first rows of the training data, in the order in which they are stored."""
    rows = in_order(bench)
    classes = len(rows.classes)
    labels = np.full(int(rows.rows[-1] - rows.rows[0]) + 1 + 2 * REACH, -1 if classes else np.nan)
    where = rows.rows - rows.rows[0] + REACH
    labels[where] = rows.labels
    shifted = np.stack([labels[where + k] for k in SHIFTS], axis=1)
    whole = (shifted >= 0).all(1) if classes else np.isfinite(shifted).all(1)
    if int(whole.sum()) < LEAST:
        raise BadInput(f"labels are missing all along the data: {int(whole.sum())} rows stand among rows with labels")
    features, shifted = rows.features[whole], shifted[whole]
    near, _ = nearest(features, apart=min(APART, len(features) // 8))
    by_vote = _by_votes(shifted, near, classes)
    by_line = _by_lines(features, shifted, classes)
    told = max(by_vote, by_line, key=lambda losses: max(_skills(losses, shifted, classes).values()))
    skills, still = _skills(told, shifted, classes), told[:, REACH]
    return Shifts(
        skills,
        {k: (int((told[:, i] < still).sum()), int((told[:, i] > still).sum())) for i, k in enumerate(SHIFTS)},
        {k: float(1 - told[:, i].mean()) for i, k in enumerate(SHIFTS)} if classes else {},
        len(features), int(rows.rows[0]), *_likeness(features, shifted, skills, classes), tuple(rows.kinds.values()),
        _stretch(shifted, near, classes, rows.rows[whole]) if classes else None,
    )  # fmt: skip


def in_order(bench: Bench) -> Rows:
    """The first rows as they are stored: those of a part of a data set by the data set it is part of."""
    data, name = held.given_data(bench, "train")
    inner = data.dataset if isinstance(data, DataLoader) else data
    if not isinstance(inner, Subset):
        scan = bench.once(held.train_scan)
        block = scan.part.sample.block()
        if len(block) == scan.rows <= MOST:
            return bench.once(train_rows)
        if len(block) == scan.rows:
            few = Block(block.rows[:MOST], {key: values[:MOST] for key, values in block.columns.items()})
            return prepared(few, scan.plan, scan.rows)
        return _read(bench, scan.source)
    while isinstance(inner, Subset):
        inner = inner.dataset
    own = isinstance(data, DataLoader)
    whole = DataLoader(inner, batch_size=data.batch_size or 1, collate_fn=data.collate_fn) if own else inner
    return _read(bench, open_source(whole, name))


def _read(bench: Bench, source: Source) -> Rows:
    with bench.untouched():
        plan, start = plan_of(source), time.monotonic()
        blocks: list[Block] = []
        held = 0
        for block in source.blocks(0, MOST):
            small = Block(block.rows, without_detail(block.columns, plan.inputs))
            blocks += [small] if len(small) else []
            held += sum(map(size_of, small.columns.values()))
            if time.monotonic() - start > SECONDS or held > BYTES:
                break
        whole = end_to_end(blocks)
    return prepared(whole, plan, len(whole))


def _by_votes(shifted: Array, near: Array, classes: int) -> Array:
    """(rows, shifts) the loss of what the neighbours say: 1 for a wrong class, the squared error of a number."""
    losses = []
    for column in shifted.T:
        if classes:
            told = votes(column.astype(np.int64)[near], classes)
            losses.append((told.argmax(1) != column).astype(np.float64))
        else:
            losses.append(np.square(column[near].mean(1) - column))
    return np.stack(losses, axis=1)


def _by_lines(features: Array, shifted: Array, classes: int) -> Array:
    """The same of a ridge regression on other stretches of rows."""
    fold = folds(len(features), blocks=True)
    if not classes:
        return np.asarray(np.square(out_of_fold(features, shifted, fold) - shifted))
    codes = shifted.astype(np.int64)
    marks = np.concatenate([indicators(column, classes) for column in codes.T], axis=1)
    told = out_of_fold(features, marks, fold).reshape(len(features), len(SHIFTS), classes)
    return np.asarray(told.argmax(2) != codes, dtype=np.float64)


def _skills(losses: Array, shifted: Array, classes: int) -> dict[int, float]:
    """1 - loss / loss of a guess that knows no input."""
    told = {}
    for i, k in enumerate(SHIFTS):
        column = shifted[:, i]
        guess = 1 - np.bincount(column.astype(np.int64)).max() / len(column) if classes else column.var()
        told[k] = float(1 - losses[:, i].mean() / max(guess, 1e-12))
    return told


def _likeness(features: Array, shifted: Array, skills: dict[int, float], classes: int) -> tuple[float, float]:
    """How near rows that follow each other are, and how far one tells the next beyond what their labels do."""
    random = np.random.default_rng(0)
    any_two = features - features[random.permutation(len(features))]
    alike = float(np.linalg.norm(np.diff(features, axis=0), axis=1).mean() / max(_norm(any_two), 1e-12))
    best = shifted[:, SHIFTS.index(max(skills, key=lambda k: skills[k]))]
    known = indicators(best.astype(np.int64), classes) if classes else best[:, None]
    x = features.astype(np.float64)
    known = known - known.mean(0)
    x = x - x.mean(0)
    x = x - known @ np.linalg.lstsq(known, x, rcond=None)[0]
    if x.shape[1] > 32:
        x = x @ np.linalg.eigh(x.T @ x)[1][:, -32:]
    x = x / np.maximum(x.std(0), 1e-12)
    strongest = max(float(np.abs(x[:-lag].T @ x[lag:]).max()) / len(x) for lag in range(1, REACH + 1))
    by_chance = float(np.sqrt(2 * np.log(3 * x.shape[1] ** 2 + 1) / len(x)) + 3 / np.sqrt(len(x)))
    return alike, strongest / by_chance


def _norm(table: Array) -> float:
    return float(np.linalg.norm(table, axis=1).mean())


def _stretch(shifted: Array, near: Array, classes: int, rows: Array) -> Stretch | None:
    """The run of rows that gains most by a shift, where the neighbours speak of labels as they stand."""
    standing = shifted[:, REACH].astype(np.int64)
    told = votes(standing[near], classes).argmax(1)
    right = (told[:, None] == shifted).astype(np.int64)
    found = None
    for i, k in enumerate(SHIFTS):
        gain = right[:, i] - right[:, REACH]
        if k == 0 or not gain.any():
            continue
        low, high, total = _best_run(gain)
        sure = total / np.sqrt(len(gain) * np.square(gain).mean())
        if high > low and (found is None or sure > found.sure):
            inside = right[low:high]
            found = Stretch(k, int(rows[low]), int(rows[high - 1]), float(inside[:, i].mean()),
                            float(inside[:, REACH].mean()), float(sure))  # fmt: skip
    return found


def _best_run(gain: Array) -> tuple[int, int, int]:
    """Where the run of the largest sum begins and ends, and its sum (Kadane)."""
    walk = np.concatenate([[0], np.cumsum(gain)])
    lowest = np.minimum.accumulate(walk)
    end = int((walk - lowest).argmax())
    return int(walk[: end + 1].argmin()), end, int(walk[end] - lowest[end])
