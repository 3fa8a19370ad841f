"""Whether the probabilities of answers are what comes true."""

from __future__ import annotations

import numpy as np

from ..statistics.calibration import Calibration, calibration
from ..task import Kind
from .answers import Answers
from .scores import counted_rows

#: rows below which a share says nothing of a probability
ROWS = 40


def calibrated(answers: Answers) -> Calibration | None:
    """Of a yes/no the probability of yes against yes; of classes that of the answer against whether it is right.

    None where there are no probabilities, or too few rows; rows without an answer are left out.
    """
    if answers.kind not in (Kind.CLASSES, Kind.BINARY) or answers.probabilities is None or answers.target is None:
        return None
    answers = counted_rows(answers)
    given, target = np.asarray(answers.probabilities, np.float64), np.asarray(answers.target)
    if answers.kind is Kind.CLASSES and given.ndim == 2:
        said, true = given.max(1, initial=0.0), np.asarray(answers.right).astype(bool)
    else:
        said, true = given.reshape(len(given)), target > 0.5
    known = np.isfinite(said) & (np.isfinite(given).reshape(len(given), -1).all(1))
    if known.sum() < ROWS:
        return None
    return calibration(said[known].clip(0, 1), true[known])
